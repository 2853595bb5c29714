"""zygoma-base's encode: a photo's crop and its landmarks -> the fitted head as fields and layers, ready to be
animated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ..attributes import AT_POSE, AT_UNITS
from ..errors import FaceError
from ..faces.measures import gaze_in_head
from ..faces.pose import angles, rotation
from .basis import HeadBasis, load_basis
from .creases import Smile, crease_map, crease_zones, fold_lines, unit_creases
from .fields import Openings, head_fields, looking, nearness, on_nose, taper
from .fit import fit_head
from .glasses import find_glasses, keep_stiff
from .layers import paint_layers
from .layout import STATE, eye_distance
from .lids_and_lips import SMILE, lip_seal, set_blink, smile_beyond
from .parting import layer_side, windows
from .relief import unit_shading
from .seams import find_seams, lips_are_shut
from .surface import seen_surface

__all__ = ["STATE", "Encoding", "HeadBasis", "encode", "load_basis"]

PIVOT = np.array([0, 0.35, 0.75])  # the head turns about a point below and behind the eyes, tenths of a metre
DOUBTFUL, REFUSED = 0.045, 0.12  # mean landmark error, eye distances
SHUT = 0.6  # of the blendshape head's eyeBlink: nobody sees where such eyes look
FULL_SMILE = 0.8  # of the blendshape head's mouthSmile


@dataclass(frozen=True)
class Encoding:
    """state: the animator graph's inputs by name (float32); vector float32 [A]: the photo's own; error: mean landmark
    error in eye distances; notes: what the user should know."""

    state: dict[str, np.ndarray]
    vector: np.ndarray
    error: float
    notes: tuple[str, ...]


@threadpool_limits.wrap(limits=1, user_api="blas")  # many small solves: more threads wait for each other
def encode(
    image: np.ndarray,
    landmarks: np.ndarray,
    blendshapes: Mapping[str, float],
    basis: HeadBasis,
    source_vector: np.ndarray | None = None,
    pose: np.ndarray | None = None,
    crop_angle: float = 0.0,
) -> Encoding:
    """Fits the head to a crop and turns it into layers that move.

    image uint8 [S,S,3], S even; landmarks [478,3] in crop pixels; blendshapes by ARKit name; source_vector
    float32 [A], where the user has set one: it is taken as it is. Raises FaceError where the head does not
    fit the landmarks.
    """
    size = len(image)
    points = np.asarray(landmarks, float)[:, :2] * 2 / (size - 1) - 1
    distance = eye_distance(points)
    smile = (blendshapes.get("mouthSmileLeft", 0.0) + blendshapes.get("mouthSmileRight", 0.0)) / 2
    readings = {"AU12": min(smile / FULL_SMILE, 1.0)}
    crop_turn = rotation([0, 0, crop_angle])
    prior = None if pose is None else angles(crop_turn @ rotation(pose))
    given = None
    if source_vector is not None:
        given = np.concatenate([angles(crop_turn @ rotation(source_vector[AT_POSE])), source_vector[AT_UNITS]])
    fit = fit_head(basis, points[: len(basis.landmark_mean)], readings, prior, given)
    error = float(fit.error.mean())
    openings = Openings.of(points)
    narrowest = min(right - left for left, right in (*openings.eyes, openings.mouth))
    if not error <= REFUSED or narrowest * (size - 1) < 2:  # a NaN is no fit either, nor is what has not a pixel
        raise FaceError(
            f"The head does not fit this face (landmarks {error:.2f} eye distances off): choose another face or photo."
        )
    notes = (f"The head fits this face loosely ({error:.3f} eye distances).",) if error > DOUBTFUL else ()

    fields = head_fields(basis, fit, seen_surface(basis, fit), points, openings)
    beyond = smile_beyond(fields, fit.units, points, fit.scale, fit.pose[1], distance)
    seal_above, seal_below, units = lip_seal(
        fields, fit.units, beyond, points, openings, fit.scale, size, lips_are_shut(image, points, distance)
    )
    if source_vector is not None:
        units = fit.units
    set_blink(fields, points, openings, fit.scale, size)
    if glasses := find_glasses(image, points, distance):
        keep_stiff(fields, glasses, distance)
    above = np.stack([*fields.above, seal_above, beyond * fields.above[SMILE]])
    below = np.stack([*fields.below, seal_below, beyond * fields.below[SMILE]])
    above = below + nearness(points, openings).astype(np.float32) * (above - below)
    r = rotation(fit.pose)
    own_pose = angles(crop_turn.T @ r)
    is_open = [blendshapes.get(f"eyeBlink{side}", 0.0) < SHUT for side in ("Right", "Left")]
    gaze = gaze_in_head(landmarks, fit.pose, is_open)
    vector = np.concatenate([own_pose, units, gaze]) if source_vector is None else source_vector

    jaw = fit.units @ basis.jaw_travel
    smile = Smile.of(fields, fit)
    folds = fold_lines(points, distance, smile)
    zones = crease_zones(points, distance, folds)
    seams = find_seams(image, points, distance)
    photo = image.astype(np.float32)
    state = paint_layers(photo, points, openings, seams, distance, basis.mouth, r, fit.scale, jaw)
    state |= {
        "surface": np.stack([*fields.depth, taper(points), on_nose(points)])[None],
        "motion_above": above,
        "motion_below": below,
        "crease_map": crease_map(photo, points, distance, smile.own, folds, zones)[None, None],
        "creases": unit_creases(zones),
        "shading": unit_shading(photo, points, fields, fit),
        "eyes": looking(points, openings)[None, None],
        "side": layer_side(seams)[None, None],
        "scale": np.array([fit.scale]),
        "offset": fit.offset,
        "pivot": r @ PIVOT,
        "jaw_travel": basis.jaw_travel @ r.T,
        "source_rotation": r,
        "crop_turn": crop_turn,
        "source": vector,
    }
    state["windows"] = windows(seams, above, below, fit.scale, np.concatenate([state["creases"], state["shading"]]))
    state = {name: np.ascontiguousarray(state[name], np.float32) for name in STATE}
    return Encoding(state, state["source"].copy(), error, notes)
