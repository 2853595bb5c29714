"""The lines along which the layers part: both lids of the eyes and both lips, as heights over x across the whole
crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .layout import INNER_LOWER_LIP, INNER_UPPER_LIP, IRISES, LOWER_LIDS, MOUTH_CORNERS, UPPER_LIDS, iris_of

IRIS_EDGE = 1.1  # of their radius
SHUT = 0.035  # lip gap, eye distances, below which one seam serves both lips
SLIT = 0.065  # the same where nothing bright lies between them
LIP = 0.07  # eye distances beyond its inner edge: on the lip
SEARCH = 0.07  # how far from the landmarks the darkest path may run, eye distances
LINE_WIDTH = 0.5  # of the search's reach: over what the line is darker than its surroundings
STEPS, OFFSETS = 41, 29


@dataclass(frozen=True)
class Seams:
    """Heights [S] in crop units: upper and lower lids, upper and lower lip; gaps never below 0; rims in crop units.

    `lid_rim` of the upper lid (lash line included) and `lip_rim` travel with the skin, else lash and lip pixels stay
    behind; `lower_lid_rim` too, but for irises.
    """

    upper_lid: np.ndarray
    lower_lid: np.ndarray
    upper_lip: np.ndarray
    lower_lip: np.ndarray
    lid_gap: np.ndarray
    lip_gap: np.ndarray
    lid_rim: np.ndarray
    lower_lid_rim: np.ndarray
    lip_rim: np.ndarray

    def lips(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heights of the upper and the lower lip at x, crop units."""
        across = np.linspace(-1, 1, len(self.upper_lip))
        return np.interp(x, across, self.upper_lip), np.interp(x, across, self.lower_lip)


def find_seams(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> Seams:
    """image uint8 [S,S,3], landmarks in crop units."""
    size = len(image)
    x = np.linspace(-1, 1, size)
    pixel = 2 / (size - 1)
    fine = size / 512 * pixel  # a 512-pixel crop's pixel
    upper_lid, lower_lid = (_lid_line(landmarks, lids, x) for lids in (UPPER_LIDS, LOWER_LIDS))
    upper_lip, lower_lip = _lips(image, landmarks, x, eye_distance)
    lid_gap, lip_gap = np.maximum(lower_lid - upper_lid, 0), np.maximum(lower_lip - upper_lip, 0)
    return Seams(
        upper_lid,
        lower_lid,
        upper_lip,
        lower_lip,
        lid_gap,
        lip_gap,
        lid_rim=0.08 * lid_gap + np.minimum(0.08 * lid_gap, fine),
        lower_lid_rim=np.clip(lower_lid - _under_irises(landmarks, x), 0, np.minimum(0.12 * lid_gap, 2.5 * fine)),
        lip_rim=np.minimum(1.5 * fine, 0.25 * lip_gap),
    )


def _lid_line(landmarks: np.ndarray, lids, x: np.ndarray) -> np.ndarray:
    """Both eyes' lid landmarks, running level beyond the corners."""
    left, right = (landmarks[list(ids), :2] for ids in lids)
    out = 0.25 * (left[-1, 0] - left[0, 0])
    path = [[-3, left[0, 1]], [left[0, 0] - out, left[0, 1]], *left, *right]
    path += [[right[-1, 0] + out, right[-1, 1]], [3, right[-1, 1]]]
    path = np.array(path)
    return np.interp(x, path[:, 0], path[:, 1])


def _under_irises(landmarks: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Height of the irises' lower edges, and what is as dark as they are; -1 beside them."""
    edge = np.full_like(x, -1.0)
    for iris in IRISES:
        centre, radius = iris_of(landmarks, iris)
        radius *= IRIS_EDGE
        within = np.abs(x - centre[0]) < radius
        edge[within] = centre[1] + np.sqrt(radius**2 - (x[within] - centre[0]) ** 2)
    return edge


def _lips(
    image: np.ndarray, landmarks: np.ndarray, x: np.ndarray, eye_distance: float
) -> tuple[np.ndarray, np.ndarray]:
    upper, lower = landmarks[list(INNER_UPPER_LIP), :2], landmarks[list(INNER_LOWER_LIP), :2]
    if lips_are_shut(image, landmarks, eye_distance):
        upper = lower = _darkest_path(image, upper, lower, SEARCH * eye_distance)
    corners = landmarks[list(MOUTH_CORNERS), :2]
    out = 0.1 * eye_distance

    def across(line: np.ndarray) -> np.ndarray:
        left, right = corners
        path = [[-3, left[1]], [left[0] - out, left[1]], *line, [right[0] + out, right[1]], [3, right[1]]]
        path = np.array(path)
        return np.interp(x, path[:, 0], path[:, 1])

    return across(upper), across(lower)


def lips_are_shut(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> bool:
    """Whether one seam serves both lips: they meet, or nothing but a dark slit lies between them."""
    upper, lower = landmarks[list(INNER_UPPER_LIP), :2], landmarks[list(INNER_LOWER_LIP), :2]
    gap = (lower - upper)[1:-1, 1].max() / eye_distance
    return bool(gap < SHUT or (gap < SLIT and _is_dark(image, upper, lower, LIP * eye_distance)))


def _is_dark(image: np.ndarray, upper: np.ndarray, lower: np.ndarray, beyond: float) -> bool:
    """Whether what parted lips show is darker than they are: no teeth."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    upper, lower, onto_lip = upper[2:-2], lower[2:-2], np.array([0, beyond])
    lines = ((upper + lower) / 2, upper - onto_lip, lower + onto_lip)
    at = [((line + 1) * (len(image) - 1) / 2).astype(np.float32) for line in lines]
    inside, above, below = (cv2.remap(grey, p[:, 0], p[:, 1], cv2.INTER_LINEAR).mean() for p in at)
    return inside < (above + below) / 2


def _darkest_path(image: np.ndarray, upper: np.ndarray, lower: np.ndarray, reach: float) -> np.ndarray:
    """One line [STEPS,2] between shut lips: the path of least brightness, by dynamic programming."""
    size = len(image)
    x = np.linspace(upper[0, 0], upper[-1, 0], STEPS)
    middle = (np.interp(x, upper[:, 0], upper[:, 1]) + np.interp(x, lower[:, 0], lower[:, 1])) / 2
    offset = np.linspace(-reach, reach, OFFSETS)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # A line darker than both sides, not the darker lip: brightness against its surroundings across the lips.
    fine, wide = max(size / 512, 0.5), LINE_WIDTH * reach * (size - 1) / 2
    grey = cv2.GaussianBlur(grey, (0, 0), fine) - cv2.GaussianBlur(grey, (0, 0), sigmaX=fine, sigmaY=wide)
    at = np.stack(np.broadcast_arrays(x[:, None], middle[:, None] + offset), -1)
    at = ((at + 1) * (size - 1) / 2).astype(np.float32)
    bright = cv2.remap(grey, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    bright = bright / (bright.std() + 1)
    away = (offset / reach) ** 2
    cost = 0.3 * bright + 0.5 * away
    bend = 6 * (np.subtract.outer(offset, offset) / reach) ** 2
    total, came_from = cost[0] + 3 * away, []  # the path starts and ends at the corners
    for i in range(1, STEPS):
        reached = total + bend
        came_from.append(reached.argmin(1))
        total = reached.min(1) + cost[i] + (3 * away if i == STEPS - 1 else 0)
    chosen = [total.argmin()]
    for back in reversed(came_from):
        chosen.append(back[chosen[-1]])
    path = middle + offset[chosen[::-1]]
    path = np.convolve(np.pad(path, 2, mode="edge"), np.ones(5) / 5, "valid")
    return np.stack([x, path], 1)
