"""What the estimator sees of a face: maps of the landmark network, landmarks in the head's own frame, blendshapes.

All three come from MediaPipe's networks, which learnt them on real faces. So what the estimator itself learns on
synthetic people stands on the same ground when it reads real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import onnx
import onnxruntime

from addon.core.faces import FaceReader
from addon.core.faces.landmarks import OFFSET, SIDE
from addon.core.faces.measures import in_head_frame
from addon.core.faces.picture import Picture, Region, transform

GRAPH = "face_landmarks.onnx"
MAPS = ("maps_16", "maps_8")  # [128,16,16] and [128,8,8] of the 256-pixel crop
TAPPED = (3, 4)  # the network halves six times by max-pooling; these poolings' inputs


@dataclass(frozen=True)
class Features:
    """N faces, float32: maps_16 [N,128,16,16], maps_8 [N,128,8,8]; points [N,478,3] in the head's
    frame, in eye distances; blendshapes [N,52]; turn [N,3,3]: the head's, in the picture's frame, by the landmarks;
    landmarks [N,478,3] in pixels of the picture; presence [N] 0..1: whether it is a face."""

    maps_16: np.ndarray
    maps_8: np.ndarray
    points: np.ndarray
    blendshapes: np.ndarray
    turn: np.ndarray
    landmarks: np.ndarray
    presence: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    @staticmethod
    def joined(parts: list[Features]) -> Features:
        return Features(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Features)))


class FeatureReader:
    """Looks at faces whose place is known, on the CPU."""

    def __init__(self, reader: FaceReader | None = None, threads: int = 1):
        self.reader = reader or FaceReader(threads=threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = tapped(self.reader.models.read(GRAPH))
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def crops(self, crops: np.ndarray, to_picture: np.ndarray, mirrored: bool = False) -> Features:
        """Features of uint8 crops [N,256,256,3], which to_picture [N,2,3] lead back to their pictures' pixels."""
        outputs = ("landmarks", "presence", *MAPS)
        raw, presence, *maps = self.session.run(outputs, {"image": crops})
        landmarks = raw.astype(np.float64)
        landmarks[..., :2] -= OFFSET
        scale = np.hypot(to_picture[:, 0, 0], to_picture[:, 1, 0])
        for i in range(len(landmarks)):
            landmarks[i, :, :2] = transform(to_picture[i], landmarks[i, :, :2])
        landmarks[..., 2] *= scale[:, None]
        landmarks = landmarks.astype(np.float32)
        turn = np.stack([self.reader.head_pose.turn(points) for points in landmarks])
        points = np.stack([in_head_frame(p, t) for p, t in zip(landmarks, turn, strict=True)])
        (blendshapes,) = self.reader.models.run("blendshapes.onnx", landmarks=landmarks)
        return Features(
            *maps, points.astype(np.float32), blendshapes, turn.astype(np.float32), landmarks, presence.reshape(-1)
        )

    def regions(self, pictures: list[Picture], regions: list[Region]) -> Features:
        """Features of one region of each picture."""
        crops = np.stack([picture.crop(region, SIDE) for picture, region in zip(pictures, regions, strict=True)])
        return self.crops(crops, np.stack([region.to_picture(SIDE) for region in regions]))


def tapped(graph: bytes) -> bytes:
    """The landmark network with its inner maps as further outputs."""
    model = onnx.load_from_string(graph)
    inner = [node.input[0] for node in model.graph.node if node.op_type == "MaxPool"]
    for name, index in zip(MAPS, TAPPED, strict=True):
        model.graph.node.append(onnx.helper.make_node("Identity", [inner[index]], [name]))
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return model.SerializeToString()
