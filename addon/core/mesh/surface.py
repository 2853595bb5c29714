"""The fitted head as the photo shows it: visible vertices, pulled onto the photo's landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from ..faces.pose import rotation
from .basis import HeadBasis
from .fit import Fit, project
from .layout import NOSE_TIP

FACING = 0.12  # least cosine between a visible vertex's normal and the view
HIDDEN_BEHIND = 0.25  # tenths of a metre behind what stands before it in the same cell
CELLS = 48
RELIABLE = 0.0085  # metres of scatter above which a landmark pulls nothing
SMOOTHING = 0.004
ANCHORS = 12  # points around the crop that stay where they are


@dataclass(frozen=True)
class Surface:
    """points [V,2] crop units, depth [V] away from the camera, motion float32 [U,V,3] in the camera's frame, visible
    bool [V].
    """

    points: np.ndarray
    depth: np.ndarray
    motion: np.ndarray
    visible: np.ndarray


def seen_surface(basis: HeadBasis, fit: Fit) -> Surface:
    """The whole head under the fit."""
    r = rotation(fit.pose)
    identity, units = (weights.astype(np.float32) for weights in (fit.identity, fit.units))
    v = basis.mean + np.tensordot(identity, basis.identity, 1) + np.tensordot(units, basis.motion, 1)
    q = v @ r.T
    points = project(q, fit.scale, fit.offset)
    visible = _normals(q, basis)[:, 2] < -FACING
    nearest = np.full((CELLS, CELLS), np.inf)
    column, row = ((points + 1) * CELLS / 2).astype(int).clip(0, CELLS - 1).T
    np.minimum.at(nearest, (row[visible], column[visible]), q[visible, 2])
    visible &= q[:, 2] < nearest[row, column] + HIDDEN_BEHIND
    return Surface(points, q[:, 2], basis.motion @ r.T.astype(np.float32), visible)


def snapped(points: np.ndarray, fit: Fit, landmarks: np.ndarray, use: np.ndarray) -> np.ndarray:
    """`points` [N,2] moved by what the landmarks `use` [L] still miss, spread smoothly between them."""
    angle = np.arange(ANCHORS) * 2 * np.pi / ANCHORS
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * 1.1
    at = np.concatenate([fit.points[use], ring])
    n = len(at)
    # A linear radial basis and a constant, smoothed.
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = SMOOTHING * np.eye(n) - cdist(at, at)
    system[n, n] = 0
    missed = np.concatenate([(landmarks - fit.points)[use], np.zeros((ANCHORS + 1, 2))])
    weights = np.linalg.solve(system, missed)
    return points + weights[n] - cdist(points, at) @ weights[:n]


def _normals(q: np.ndarray, basis: HeadBasis) -> np.ndarray:
    """Unit vertex normals [V,3], turned so that the nose tip's points to the camera."""
    a, b, c = (q[basis.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(q)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(basis.triangles[:, corner], face[:, axis], len(q))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    return -normals if np.median(normals[basis.landmark_triangles[NOSE_TIP], 2]) > 0 else normals
