"""The 478 landmarks by number: 468 mesh points, then two irises (centre, then four points of the ring).

"Right" is the person's right, the picture's left.
"""

from __future__ import annotations

import numpy as np

POINTS = 478
EYE_RIGHT, EYE_LEFT = (33, 133), (362, 263)  # corners: outer, inner; inner, outer
IRIS_RIGHT, IRIS_LEFT = 468, 473
NOSE_TIP, FOREHEAD, CHIN = 4, 10, 152
MIDLINE = (0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)


def mirror_partners() -> np.ndarray:
    """int [478]: the point at the same place of the other half of the face; midline points are their own."""
    partner = np.arange(POINTS)
    right = [i for i in range(248) if i not in MIDLINE]
    left = range(248, 468)
    for pairs in (zip(right, left, strict=True), ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))):
        for a, b in pairs:
            partner[a], partner[b] = b, a
    return partner


MIRROR = mirror_partners()


def eye_middles(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the right and left eye's corners, each [D], of points [478,D]."""
    return points[list(EYE_RIGHT)].mean(0), points[list(EYE_LEFT)].mean(0)


def eye_distance(points: np.ndarray) -> float:
    """Distance of the eyes' middles; with z, so that a turned head keeps its scale."""
    right, left = eye_middles(points)
    return float(np.linalg.norm(left - right))
