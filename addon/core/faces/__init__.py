"""Photo -> faces: landmarks, expression, pose, matte; crop and paste-back.

photo -> detect -> landmarks -> trust -> expression, pose -> crop; models holds the ONNX sessions.
"""

from .crop import Crop, Paster, cut, face_crop, paste
from .expression import unit_readings
from .photo import Photo, read_photo
from .reader import Face, FaceReader

__all__ = ["Crop", "Face", "FaceReader", "Paster", "Photo", "cut", "face_crop", "paste", "read_photo", "unit_readings"]
