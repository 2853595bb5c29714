"""The head basis: a mean head, identity components and one shape for each Action Unit, derived from CC0 data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..attributes import UNITS
from ..errors import PackError
from .layout import INNER_LOWER_LIP, INNER_UPPER_LIP, LOWER_LIDS, UPPER_LIDS
from .teeth import MouthParts

EYE_REACH = 0.22
UPPER_LIP_REACH, LOWER_LIP_REACH = 0.20, 0.30
FACE_DEPTH = 0.6


@dataclass(frozen=True)
class HeadBasis:
    """V skin vertices, L = 468 landmarks, K identity components, U Action Units; camera frame, tenths of a metre.

    mean [V,3], identity [K,V,3] (for unit-variance coefficients), motion [U,V,3] (at a full unit), triangles [T,3];
    the landmarks' landmark_mean [L,3], landmark_identity [K,L,3], landmark_motion [U,L,3] and landmark_spread [L]
    (metres: how far the correspondence scatters), landmark_triangles [L,3]; jaw_travel [U,3] of the lower teeth.
    `side` [V] and `landmark_side` [L] tell near an opening which lip or lid a point belongs to: 1 above an eye, 2 below
    it, 3 upper lip, 4 lower lip, else 0. `mouth`: its teeth, gums and tongue.
    """

    mean: np.ndarray
    identity: np.ndarray
    motion: np.ndarray
    triangles: np.ndarray
    landmark_mean: np.ndarray
    landmark_identity: np.ndarray
    landmark_motion: np.ndarray
    landmark_spread: np.ndarray
    landmark_triangles: np.ndarray
    jaw_travel: np.ndarray
    side: np.ndarray
    landmark_side: np.ndarray
    mouth: MouthParts


def load_basis(path: Path) -> HeadBasis:
    """Reads a pack's head basis; raises PackError where the file is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        mean, identity, motion = (data[k].astype(np.float32) for k in ("mean", "identity", "motion"))
        corners, weights = data["landmark_triangles"], data["landmark_weights"].astype(np.float32)
        mouth = MouthParts.of(data)
    except (OSError, ValueError, KeyError) as error:
        raise PackError(f"{path} is not a head basis ({error}): install the pack anew.") from error
    if motion.shape[0] != len(UNITS):
        raise PackError(
            f"{path} has {motion.shape[0]} Action Units where {len(UNITS)} are needed: install the pack anew."
        )

    def at_landmarks(v: np.ndarray) -> np.ndarray:
        return (weights[..., None] * v[..., corners, :]).sum(-2)

    landmarks = at_landmarks(mean)
    return HeadBasis(
        mean=mean,
        identity=identity,
        motion=motion,
        triangles=data["triangles"],
        landmark_mean=landmarks,
        landmark_identity=at_landmarks(identity),
        landmark_motion=at_landmarks(motion),
        landmark_spread=data["landmark_spread"],
        landmark_triangles=corners,
        jaw_travel=data["jaw_travel"].astype(np.float32),
        side=_sides(mean, landmarks),
        landmark_side=_sides(landmarks, landmarks),
        mouth=mouth,
    )


def _sides(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    front = points[:, 2] < FACE_DEPTH
    out = np.zeros(len(points), int)
    openings = [
        *((up, low, 1, EYE_REACH, 2, EYE_REACH) for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True)),
        (INNER_UPPER_LIP, INNER_LOWER_LIP, 3, UPPER_LIP_REACH, 4, LOWER_LIP_REACH),
    ]
    for up, low, over, over_reach, under, under_reach in openings:
        a, b = landmarks[list(up)], landmarks[list(low)]
        middle = (np.interp(x, a[:, 0], a[:, 1]) + np.interp(x, b[:, 0], b[:, 1])) / 2
        within = front & (x > a[0, 0]) & (x < a[-1, 0])
        out[within & (y < middle) & (y > middle - over_reach)] = over
        out[within & (y >= middle) & (y < middle + under_reach)] = under
    return out
