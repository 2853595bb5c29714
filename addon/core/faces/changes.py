"""Action Units that blendshapes hardly answer to, read off pixels by the project's own estimator (models/judge).

It learnt from synthetic people alone, and one face by itself tells it little: wings of a nose may be wide or raised. So
what it reads counts as the difference between two pictures of one person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..attributes import UNITS
from .landmarks import CROP_SCALE, region_of
from .models import FaceModels
from .picture import Picture, Region

SIDE = 128  # of the estimator's crop, pixels
CLOSE = 1.05 / CROP_SCALE  # of the landmark network's crop: nothing of a face that turns is cut off


def close_region(points: np.ndarray) -> Region:
    """The estimator's crop, of landmarks [478,2+] in pixels of the picture."""
    region = region_of(points)
    return replace(region, side=region.side * CLOSE)


def read_changes(models: FaceModels, picture: Picture, faces: np.ndarray) -> np.ndarray:
    """float32 [N,20] in the order of UNITS: of faces by their landmarks float32 [N,478,3]; read of each crop and of its
    mirror image, whose errors differ."""
    crops = np.stack([picture.crop(close_region(points), SIDE) for points in faces])
    both = np.concatenate([crops, crops[:, :, ::-1]]).transpose(0, 3, 1, 2)
    _, change = models.run("changes.onnx", pictures=np.ascontiguousarray(both, np.float32) / 127.5 - 1)
    return change[:, : len(UNITS)].reshape(2, len(faces), -1).mean(0)
