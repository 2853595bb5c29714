"""What landmarks measure directly, in the head's own frame and in eye distances: lips, chin, irises.

The head's frame: x to the picture's right, y down, z away, of a head that faces the camera.
"""

from __future__ import annotations

import numpy as np

from .pose import rotation
from .topology import CHIN, EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT, NOSE_TIP, eye_distance

LIPS = ((82, 87), (13, 14), (312, 317))  # inner lips, upper and lower, right of the middle, middle, left
EYEBALL = 0.19  # radius in eye distances: 12 of 63 mm
STRAIGHT = ((-0.017, -0.035), (0.017, -0.035))  # iris from the middle of its eye's corners, looking straight ahead
AT_CAMERA, SPREAD = (0.07, 0.0), (0.2, 0.15)  # pitch and yaw read of eyes that look at the camera, and how far off


def lip_gap(head: np.ndarray) -> float:
    """How far the lips part, of points [478,3] in the head's frame and in eye distances."""
    return float(np.mean([np.linalg.norm(head[below] - head[above]) for above, below in LIPS]))


def chin_drop(head: np.ndarray) -> float:
    """How far the chin lies below the tip of the nose, which the jaw does not move."""
    return float(head[CHIN, 1] - head[NOSE_TIP, 1])


def iris_offsets(head: np.ndarray) -> np.ndarray:
    """float64 [2,2]: x and y of the right and the left iris, from the middle of its eye's corners."""
    irises = ((EYE_RIGHT, IRIS_RIGHT), (EYE_LEFT, IRIS_LEFT))
    return np.array([(head[iris] - head[list(corners)].mean(0))[:2] for corners, iris in irises])


def in_head_frame(points: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """float64 [478,3] in eye distances: landmarks [478,3] with the head's turn [3,3] taken back."""
    points = np.asarray(points, np.float64)
    return (points - points.mean(0)) @ turn / max(eye_distance(points), 1e-6)


def directions(offsets: np.ndarray) -> np.ndarray:
    """float64 [...,2,3]: where the right and the left eye look, unit vectors in the head's frame (-z is straight
    ahead), of iris offsets [...,2,2]: an eyeball of known size turns about its middle."""
    across = np.clip((offsets - np.array(STRAIGHT)) / EYEBALL, -0.7, 0.7)
    ahead = -np.sqrt(1 - np.minimum((across**2).sum(-1, keepdims=True), 0.98))
    out = np.concatenate([across, ahead], axis=-1)
    return out / np.linalg.norm(out, axis=-1, keepdims=True)


def gaze_in_head(landmarks: np.ndarray, pose: np.ndarray, is_open=(True, True)) -> np.ndarray:
    """float64 [2]: pitch and yaw of the right and the left eye, those that are open, in the head, radians, 0 straight
    ahead and where none is; of landmarks [478,3] and the head's pose [3]. Who seems to look at the camera does: irises
    are read worse than heads."""
    if not any(is_open):
        return np.zeros(2)
    turn = rotation(pose)
    look = directions(iris_offsets(in_head_frame(landmarks, turn)))[list(is_open)].mean(0)
    off = (pitch_and_yaw(turn @ look) - AT_CAMERA) / SPREAD
    return pitch_and_yaw(-turn[2] if off @ off < 1 else look)


def pitch_and_yaw(look: np.ndarray) -> np.ndarray:
    """float64 [2], radians, of a direction [3] in the head's frame."""
    x, y, z = look
    return np.array([np.arctan2(y, -z), np.arctan2(-x, -z)])
