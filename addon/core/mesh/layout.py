"""What encode and the animator graph agree on, and where the parts of a face lie among the 478 landmarks.

Crop units: x = pixel * 2 / (S - 1) - 1, so that -1 and 1 are the centres of the crop's first and last pixels. The
head is in the camera's frame, x right, y down, z away, in tenths of a metre with its origin between the eyes.
"""

from collections.abc import Sequence

import numpy as np

STATE = (
    "photo",
    "above",
    "below",
    "crease_map",
    "inner",
    "jaw",
    "surface",
    "motion_above",
    "motion_below",
    "creases",
    "shading",
    "eyes",
    "side",
    "windows",
    "scale",
    "offset",
    "pivot",
    "cavity",
    "tint",
    "jaw_travel",
    "source_rotation",
    "crop_turn",
    "source",
)
CAMERA_DISTANCE = 9.0
GRID = 128
LIP_EDGE = 2.25  # how many times softer than it looks the lower lip's edge is kept, so that its rim can go as lips shut
LID_EDGE = 4.0  # the upper lid's, whose rim goes as it falls
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB: how bright it looks

# Image left to right; "first" is the eye on the image's left (the person's right).
UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
LOWER_BROWS = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MOUTH_CORNERS = (61, 291)
JAW_LINE = (
    *(234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
)
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
FOREHEAD, CHIN, NOSE_TIP, LOWER_LIP = 10, 152, 4, 17
NOSE_ROOT, NOSE_BASE, NOSE_WINGS = 168, 2, (129, 358)
FACE_SIDES = (234, 454)


def eye_distance(points: np.ndarray) -> float:
    """Distance between the eyes' middles, in the unit of `points` [>=468,2+]."""
    p = points[:, :2]
    return float(np.linalg.norm(p[[33, 133]].mean(0) - p[[362, 263]].mean(0)))


def smoothstep(t: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def curve(points: np.ndarray, ids, x: np.ndarray) -> np.ndarray:
    """Height of the landmark line `ids` over x, both in crop units, in x's precision."""
    return np.interp(x, points[list(ids), 0], points[list(ids), 1]).astype(x.dtype)


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """x [1,n] and y [n,1] of an n x n grid over the crop, corners on corners."""
    line = np.linspace(-1, 1, n)
    return line[None], line[:, None]


def iris_of(landmarks: np.ndarray, iris: Sequence[int]) -> tuple[np.ndarray, float]:
    """Middle [2] and radius of one of IRISES, of landmarks [478,2+]."""
    centre = landmarks[iris[0], :2]
    return centre, float(np.linalg.norm(landmarks[list(iris[1:]), :2] - centre, axis=1).mean())
