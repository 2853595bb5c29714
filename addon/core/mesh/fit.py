"""Landmarks -> camera, pose, identity and expression of the head: one robust Gauss-Newton solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..attributes import POSE, UNITS
from ..faces.pose import rotation
from .basis import HeadBasis
from .layout import (
    CAMERA_DISTANCE,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LOWER_LIDS,
    OUTER_LOWER_LIP,
    UPPER_LIDS,
    eye_distance,
)

STEPS, POSE_ONLY_STEPS = 14, 3
RESIDUAL = 0.02  # expected landmark error, eye distances
OUTLIER = 6.0  # residuals beyond this many sigmas lose weight
IDENTITY_PRIOR = 0.8
# How firmly a unit keeps to its prior. Free: what landmarks tell apart from identity. The others, when free, take part
# of every neutral face for an expression; AU12 follows the blendshape head: identity alone swallows half of a smile.
FREE = {"AU12": 360.0, "AU25": 7.2, "AU26": 7.2, "AU45": 7.2, "AU05": 18.0, "AU15": 18.0}
PINNED = 2400.0
GIVEN = 1e7
POSE_PRIOR = 2000.0
CAMERA = 6  # pitch, yaw, roll, scale, x, y


@dataclass(frozen=True)
class Fit:
    """pose [3] radians, scale (crop units per head unit at the eyes), offset [2] crop units, identity [K], units [U]
    0..1, points [L,2] the fitted landmarks in crop units, error [L] their distance from the photo's, in eye
    distances."""

    pose: np.ndarray
    scale: float
    offset: np.ndarray
    identity: np.ndarray
    units: np.ndarray
    points: np.ndarray
    error: np.ndarray


def project(turned: np.ndarray, scale: float, offset: np.ndarray) -> np.ndarray:
    """Points [N,3] in the camera's frame -> crop units [N,2]."""
    return scale * turned[:, :2] / (1 + turned[:, 2:] / CAMERA_DISTANCE) + offset


def fit_head(
    basis: HeadBasis,
    points: np.ndarray,
    readings: dict[str, float],
    pose: np.ndarray | None = None,
    given: np.ndarray | None = None,
) -> Fit:
    """Fits the head to `points` [L,2] (crop units).

    `readings` are the tracker's Action Units (the prior of AU12) and `pose` [3] its head pose in radians, a prior too,
    since landmarks alone take a long face for a bowed one; `given`, a whole vector [A] that the user has set, is kept.
    """
    unit_of_length = eye_distance(points)
    weights = _weights(basis) / (RESIDUAL * unit_of_length)
    prior = np.zeros(len(UNITS))
    prior[UNITS.index("AU12")] = readings.get("AU12", 0.0)
    stiffness = np.array([FREE.get(unit, PINNED) for unit in UNITS])
    camera = np.zeros(CAMERA)
    camera[3] = unit_of_length / 0.62
    camera_stiffness = np.zeros(CAMERA)
    identity, units = np.zeros(len(basis.landmark_identity)), np.zeros(len(UNITS))
    if pose is not None:
        camera[:3] = pose
        camera_stiffness[:3] = POSE_PRIOR
    if given is not None:
        prior, units = given[len(POSE) :].astype(float), given[len(POSE) :].astype(float)
        stiffness[:] = GIVEN
        camera[:3] = given[: len(POSE)]
        camera_stiffness[:3] = GIVEN
    camera_prior = camera.copy()
    shapes = np.concatenate([basis.landmark_identity, basis.landmark_motion]).astype(float)
    shapes = np.ascontiguousarray(shapes.transpose(1, 2, 0))  # [L,3,K+U]

    def head() -> np.ndarray:
        return basis.landmark_mean + shapes @ np.concatenate([identity, units])

    for step in range(STEPS):
        v = head()
        seen, jacobian = _camera_jacobian(camera, v)
        residual = (points - seen).ravel()
        stiff, pull = camera_stiffness, camera_stiffness * (camera - camera_prior)
        if step >= POSE_ONLY_STEPS:
            jacobian = np.concatenate([jacobian, _shape_jacobian(camera, v, shapes)], 1)
            stiff = np.concatenate([stiff, np.full(len(identity), IDENTITY_PRIOR), stiffness])
            pull = np.concatenate([pull, IDENTITY_PRIOR * identity, stiffness * (units - prior)])
        weighted = residual * weights
        robust = weights / np.sqrt(1 + (weighted / OUTLIER) ** 2)
        j = jacobian * robust[:, None]
        change = np.linalg.solve(j.T @ j + np.diag(stiff + 1e-6), j.T @ (residual * robust) - pull)
        camera = camera + change[:CAMERA]
        if step >= POSE_ONLY_STEPS:
            identity = identity + change[CAMERA : CAMERA + len(identity)]
            units = np.clip(units + change[CAMERA + len(identity) :], 0, 1)
    if given is not None:
        camera[:3], units = given[: len(POSE)], prior
    seen = project(head() @ rotation(camera[:3]).T, camera[3], camera[4:])
    error = np.linalg.norm(points - seen, axis=1) / unit_of_length
    return Fit(camera[:3], float(camera[3]), camera[4:], identity, units, seen, error)


def _weights(basis: HeadBasis) -> np.ndarray:
    """Two values a landmark: trust in its place on the mesh, more for lids and lips."""
    weights = 1 / (basis.landmark_spread + 0.002)
    weights /= np.median(weights)
    for line in (*UPPER_LIDS, *LOWER_LIDS, INNER_UPPER_LIP, INNER_LOWER_LIP, OUTER_LOWER_LIP):
        weights[list(line)] = np.maximum(weights[list(line)], 1.8)
    return np.repeat(weights, 2)


def _camera_jacobian(camera: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def seen(c):
        return project(v @ rotation(c[:3]).T, c[3], c[4:])

    here, step = seen(camera), 1e-4
    columns = [(seen(camera + d) - here).ravel() / step for d in np.eye(CAMERA) * step]
    return here, np.stack(columns, 1)


def _shape_jacobian(camera: np.ndarray, v: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    r = rotation(camera[:3])
    q = (v @ r.T)[..., None]
    d = 1 + q[:, 2:] / CAMERA_DISTANCE
    seen = camera[3] * (r[:2] / d - q[:, :2] * r[2] / CAMERA_DISTANCE / d**2)  # [L,2,3]: of a landmark's move
    return (seen @ shapes).reshape(-1, shapes.shape[-1])
