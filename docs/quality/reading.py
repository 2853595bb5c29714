"""What the project's own face reader says of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from addon.core.attributes import GAZE, POSE
from addon.core.errors import FaceError
from addon.core.faces import FaceReader, Photo
from addon.core.faces.expression import READINGS, both
from addon.core.faces.expression import Reading as Scale
from addon.core.faces.measures import directions, in_head_frame, iris_offsets, lip_gap, pitch_and_yaw

LIDS = ((159, 145), (386, 374))  # middle of the upper and of the lower lid's edge, right eye, left eye


@dataclass(frozen=True)
class Reading:
    """units: Action Units by name, 1 is the reader's full scale, not clamped, so that a reading beyond it shows;
    angles: the head's and the eyes', radians, in the attributes' signs; points float64 [478,3]: the landmarks in the
    head's own frame, in eye distances, and so lip_gap and lids: how far lips and eyes stand open; smile: 0..1."""

    units: dict[str, float]
    angles: dict[str, float]
    points: np.ndarray
    lip_gap: float
    lids: float
    smile: float


def read(reader: FaceReader, photo: Photo, box: tuple[float, float, float, float]) -> Reading | None:
    """The face nearest to the middle of `box` (pixels); None where the reader finds none that it trusts."""
    try:
        face = reader.face(photo, box=box)
    except FaceError:
        return None
    points = in_head_frame(face.landmarks, reader.head_pose.turn(face.landmarks))
    gaze = pitch_and_yaw(directions(iris_offsets(points)).mean(0))
    scores = face.blendshapes
    return Reading(
        units={unit: _on_scale(scale, scores) for unit, scale in READINGS.items()},
        angles=dict(zip((*POSE, *GAZE), (float(angle) for angle in (*face.pose, *gaze)), strict=True)),
        points=points,
        lip_gap=lip_gap(points),
        lids=float(np.mean([np.linalg.norm(points[above] - points[below]) for above, below in LIDS])),
        smile=float(np.mean([scores[name] for name in both("mouthSmile")])),
    )


def _on_scale(scale: Scale, scores: dict[str, float]) -> float:
    """As `unit_readings`, but not clamped."""
    return float((np.mean([scores[name] for name in scale.blendshapes]) - scale.rest) / (scale.full - scale.rest))
