"""Light on skin that the units move: the photo's own light, estimated by the fitted head, on normals that change."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from ..attributes import UNITS
from .fields import Fields
from .fit import Fit
from .layout import (
    CAMERA_DISTANCE,
    FACE_OVAL,
    GRID,
    INNER_LOWER_LIP,
    LIPS,
    LOWER_LIDS,
    UPPER_LIDS,
    curve,
    grid,
    smoothstep,
)

STRENGTH, MOST_CHANGE = 0.8, 0.16  # of the logarithm of light
BLUR = 1.2  # nodes
SIDEWAYS, FRONTAL = 0.35, 0.8  # cosine to the view: from where on skin tells of the light, and tells it well
RIDGE = 0.02
AMBIENT = 0.8  # of the light that nothing is known about
LEAST_LIGHT = 0.25  # of the skin's mean
ROUNDS = 6
SOFT = 1.2  # nodes
LIDS = tuple(UNITS.index(u) for u in ("AU05", "AU07", "AU45"))  # these have shadows and a shading of their own


def unit_shading(photo: np.ndarray, landmarks: np.ndarray, fields: Fields, fit: Fit) -> np.ndarray:
    """[U,G,G] float32: how each full unit changes the logarithm of the light on the skin. photo float32 [S,S,3]."""
    x, y = grid(GRID)
    columns, rows = (
        slice(max(int((lo + 1) / 2 * (GRID - 1)) - 1, 1), min(int((hi + 1) / 2 * (GRID - 1)) + 3, GRID - 1))
        for lo, hi in zip(landmarks[list(FACE_OVAL), :2].min(0), landmarks[list(FACE_OVAL), :2].max(0), strict=True)
    )
    face = np.s_[..., rows, columns]
    depth = fields.depth.min(0)
    away = (1 + depth / CAMERA_DISTANCE) / fit.scale
    place = np.stack([(x - fit.offset[0]) * away, (y - fit.offset[1]) * away, depth])[face].astype(np.float32)
    upper = (y < curve(landmarks, INNER_LOWER_LIP, x)) & (y > landmarks[list(LOWER_LIDS[0]), 1].mean())
    motion = np.where(upper, fields.below, fields.above)[face].astype(np.float32)

    normals = _normals(place)
    skin = _skin(landmarks)[rows, columns]
    small = cv2.resize(photo, (GRID, GRID), interpolation=cv2.INTER_AREA)[rows, columns].mean(-1)
    ambient, light = _light(small, normals, skin > 0.5)
    lit = np.maximum(ambient + np.tensordot(light, normals, 1), LEAST_LIGHT)
    moved = np.maximum(ambient + np.einsum("c,ucyx->uyx", light, _normals(place + motion)), LEAST_LIGHT)
    out = np.zeros((len(UNITS), GRID, GRID), np.float32)
    change = gaussian_filter(np.log(moved / lit), (0, BLUR, BLUR)) * STRENGTH
    trust = skin * smoothstep((-normals[2] - SIDEWAYS) / (FRONTAL - SIDEWAYS))  # the silhouette's normals are guesses
    out[face] = MOST_CHANGE * np.tanh(change / MOST_CHANGE) * trust
    out[list(LIDS)] = 0
    return out


def _normals(place: np.ndarray) -> np.ndarray:
    """Unit normals towards the camera of surfaces [...,3,h,w] over a grid."""
    along, down = np.gradient(place, axis=-1), np.gradient(place, axis=-2)
    (ax, ay, az), (dx, dy, dz) = (np.moveaxis(v, -3, 0) for v in (along, down))
    normals = np.stack([az * dy - ay * dz, ax * dz - az * dx, ay * dx - ax * dy], -3)
    return normals / (np.linalg.norm(normals, axis=-3, keepdims=True) + 1e-9)


def _skin(landmarks: np.ndarray) -> np.ndarray:
    """1 on the face's skin, 0 on eyes and lips and outside of it, soft. [G,G]"""
    mask = np.zeros((GRID, GRID), np.uint8)

    def fill(ids, value: int) -> None:
        corners = np.rint((landmarks[list(ids), :2] + 1) / 2 * (GRID - 1)).astype(np.int32)
        cv2.fillPoly(mask, [corners], value)

    fill(FACE_OVAL, 1)
    for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        fill((*up, *low[::-1]), 0)
    fill(LIPS, 0)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return gaussian_filter(mask.astype(np.float32), SOFT)


def _light(grey: np.ndarray, normals: np.ndarray, skin: np.ndarray) -> tuple[float, np.ndarray]:
    """Ambient light and one from a side [3], of the skin's mean: a robust fit to what the skin's normals show."""
    seen = skin & (normals[2] < -SIDEWAYS)
    if seen.sum() < 50:
        return 1.0, np.zeros(3)
    values = grey[seen] / max(grey[seen].mean(), 1)
    terms = np.concatenate([np.ones((1, len(values))), normals[:, seen]])
    prior = np.array([AMBIENT, 0, 0, -(1 - AMBIENT)])
    weights = np.ones(len(values))
    for _ in range(ROUNDS):
        weighted = terms * weights
        stiff = RIDGE * weights.sum() * np.eye(4)
        found = np.linalg.solve(weighted @ terms.T + stiff, weighted @ values + stiff @ prior)
        off = values - found @ terms
        weights = 1 / (1 + (off / (3 * np.median(np.abs(off)) + 1e-3)) ** 2)
    return found[0], found[1:]
