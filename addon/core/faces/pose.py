"""Head pose from landmarks: the rigid turn of MediaPipe's canonical face, in OpenFace's signs.

R = Rx(pitch) Ry(yaw) Rz(roll) in the camera's frame (x right, y down, z away): + pitch face down, + yaw face to the
picture's left, + roll clockwise in the picture.
"""

from __future__ import annotations

import numpy as np


def rigid_turn(points: np.ndarray, canonical: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rotation [3,3] that, with a scale and a shift, best carries canonical [K,3] to points [K,3] (both camera
    frame), by weighted least squares."""
    weights = (weights / weights.sum())[:, None]
    a = canonical - (weights * canonical).sum(0)
    b = points - (weights * points).sum(0)
    u, _, vt = np.linalg.svd((weights * b).T @ a)
    flip = np.diag([1, 1, np.linalg.det(u @ vt)])
    return u @ flip @ vt


def rotation(pose) -> np.ndarray:
    """R of pitch, yaw, roll in radians, [3,3]."""
    (cp, cy, cr), (sp, sy, sr) = np.cos(pose), np.sin(pose)
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return rx @ ry @ rz


def line_of_sight(ahead: np.ndarray) -> np.ndarray:
    """float64 [R,3,3]: the least turns that carry the camera's axis to the directions `ahead` [R,3] (camera frame, z
    above 0, any length). What a picture of a head shows is its turn against the line of sight, turn_seen; its turn in
    the camera's frame is line_of_sight @ turn_seen: a head beside the axis that looks straight past the camera shows
    its side."""
    x, y, z = (ahead / np.linalg.norm(ahead, axis=1, keepdims=True)).T
    away = 1 / (1 + z)
    return np.stack(
        [1 - x * x * away, -x * y * away, x, -x * y * away, 1 - y * y * away, y, -x, -y, z], axis=1
    ).reshape(-1, 3, 3)


def angles(turn: np.ndarray) -> np.ndarray:
    """float32 [3] pitch, yaw, roll of a rotation [3,3], radians."""
    pitch = np.arctan2(-turn[1, 2], turn[2, 2])
    yaw = np.arcsin(np.clip(turn[0, 2], -1, 1))
    roll = np.arctan2(-turn[0, 1], turn[0, 0])
    return np.array([pitch, yaw, roll], np.float32)


class HeadPose:
    def __init__(self, points: np.ndarray, weights: np.ndarray):
        """The canonical face: points [468,3] in cm, y up and z towards the camera; weights [468]."""
        self.rigid = np.flatnonzero(weights)
        self.canonical = points[self.rigid].astype(np.float64) * [1, -1, -1]
        self.weights = weights[self.rigid].astype(np.float64)

    def turn(self, landmarks: np.ndarray) -> np.ndarray:
        """Landmarks [478,3] in pixels (z in the same unit) -> the head's rotation [3,3] in the camera's frame."""
        points = np.asarray(landmarks, np.float64)[self.rigid]
        return rigid_turn(points, self.canonical, self.weights)

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """Landmarks [478,3] as above -> float32 [3] pitch, yaw, roll, radians."""
        return angles(self.turn(landmarks))
