"""What a person shows in each view: vectors that pair up by design, each unit as often as any other."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from addon.core.attributes import GAZE, INDEX, NAMES, POSE, UNITS


class Kind(IntEnum):
    """What a view is for; its number is what labels hold."""

    NEUTRAL = 0  # facing the camera, without expression
    REFERENCE = 1  # the person as a photo would have it; the others' starting point
    SINGLE = 2  # the reference with one unit changed
    COMBINATION = 3  # another expression, the reference's pose
    POSE = 4  # the reference's expression, another pose
    BOTH = 5  # another expression and another pose
    SHARED = 6  # what all people of the dataset show in this view


# Kinds of a person's further views: SINGLE first, so that few views are of use; repeated as often as need be.
CYCLE = (
    *(Kind.SINGLE, Kind.COMBINATION, Kind.POSE, Kind.SHARED, Kind.SINGLE, Kind.BOTH, Kind.SINGLE, Kind.COMBINATION),
    *(Kind.SINGLE, Kind.SHARED, Kind.POSE, Kind.SINGLE, Kind.COMBINATION, Kind.SINGLE, Kind.SHARED, Kind.BOTH),
    *(Kind.SINGLE, Kind.COMBINATION),
)
POSE_SPREAD = {"pose_pitch": 0.20, "pose_yaw": 0.38, "pose_roll": 0.18}  # radians, standard deviation
POSE_LIMIT = {"pose_pitch": 0.45, "pose_yaw": 0.85, "pose_roll": 0.45}
GAZE_LIMIT = {"gaze_pitch": 0.35, "gaze_yaw": 0.45}
SMILE = {"AU06": 0.9, "AU12": 1.0}
PROTOTYPES: tuple[dict[str, float], ...] = (
    SMILE | {"AU25": 0.6},
    SMILE | {"AU25": 0.9, "AU26": 0.5},
    {"AU12": 0.6, "AU14": 0.4},
    {"AU12": 0.7},
    {"AU01": 1.0, "AU04": 0.6, "AU15": 1.0, "AU17": 0.5},
    {"AU04": 1.0, "AU05": 0.5, "AU07": 0.8, "AU23": 0.8},
    {"AU04": 0.9, "AU07": 0.6, "AU10": 0.6, "AU25": 0.7},
    {"AU01": 1.0, "AU02": 1.0, "AU05": 0.8, "AU25": 0.6, "AU26": 0.8},
    {"AU09": 1.0, "AU10": 0.6, "AU17": 0.3},
    {"AU01": 0.8, "AU02": 0.6, "AU04": 0.7, "AU05": 0.8, "AU20": 0.8, "AU25": 0.7},
    {"AU07": 0.5, "AU04": 0.4, "AU14": 0.5},
    {"AU01": 0.5, "AU02": 0.5, "AU17": 0.7, "AU15": 0.5},  # a shrug
    {"AU25": 0.5, "AU26": 0.6},  # open vowels
    {"AU18": 0.8, "AU25": 0.2},
    {"AU22": 0.8, "AU25": 0.5},
    {"AU16": 0.7, "AU20": 0.5, "AU25": 0.6},
)


def kinds(views: int) -> list[Kind]:
    """The kinds of the views of every person: [views]."""
    further = [CYCLE[i % len(CYCLE)] for i in range(max(views - 2, 0))]
    return [Kind.NEUTRAL, Kind.REFERENCE, *further][:views]


def plan(seed: int, person: int, views: int) -> np.ndarray:
    """The vectors of a person's views, float32 [views,25], the same whenever and wherever they are asked for."""
    rng = np.random.default_rng([seed, person, 1])
    kind = kinds(views)
    out = np.zeros((views, len(NAMES)), np.float32)
    singles = kind.count(Kind.SINGLE)
    for view in range(1, views):
        reference = out[1]
        if kind[view] == Kind.REFERENCE:
            out[view] = _reference(rng)
        elif kind[view] == Kind.SINGLE:
            turn = person * singles + kind[:view].count(Kind.SINGLE)
            out[view] = _single(rng, reference, _dealt(seed, turn))
        elif kind[view] == Kind.COMBINATION:
            out[view] = _with_pose(_expression(rng), reference)
        elif kind[view] == Kind.POSE:
            out[view] = _turned(rng, reference)
        elif kind[view] == Kind.BOTH:
            out[view] = _turned(rng, _expression(rng))
        else:
            out[view] = shared_vector(seed, view)
    return out


def shared_vector(seed: int, view: int) -> np.ndarray:
    """What every person of a dataset shows in a SHARED view, float32 [25]."""
    rng = np.random.default_rng([seed, view, 2])
    vector = _expression(rng)
    return _turned(rng, vector) if rng.random() < 0.6 else vector


def _dealt(seed: int, turn: int) -> str:
    """The unit of a turn: decks of all units, shuffled one after the other."""
    deck, card = divmod(turn, len(UNITS))
    return UNITS[np.random.default_rng([seed, deck, 3]).permutation(len(UNITS))[card]]


def _reference(rng) -> np.ndarray:
    """At rest, or slightly smiling or talking; turned a little, the eyes level, since that is how faces are cropped."""
    out = np.zeros(len(NAMES), np.float32)
    if rng.random() < 0.5:
        out = _expression(rng) * np.float32(rng.uniform(0.3, 0.8))
        out[INDEX["AU45"]] = 0
    for name in GAZE:
        out[INDEX[name]] = _bounded(rng, 0.08, GAZE_LIMIT[name])
    pitch, yaw = _bounded(rng, 0.09, 0.25), _bounded(rng, 0.18, 0.5)
    out[INDEX["pose_pitch"]], out[INDEX["pose_yaw"]] = pitch, yaw
    out[INDEX["pose_roll"]] = -np.arctan(np.tan(pitch) * np.sin(yaw))
    return out


def _single(rng, reference: np.ndarray, unit: str) -> np.ndarray:
    """The reference with one unit clearly elsewhere: up where it rests, away or fully on where it acts."""
    out = reference.copy()
    at = INDEX[unit]
    if reference[at] < 0.35:
        out[at] = rng.uniform(max(0.35, reference[at] + 0.3), 1)
    else:
        out[at] = rng.choice([0.0, 1.0]) if reference[at] < 0.65 else 0.0
    return out


def _expression(rng) -> np.ndarray:
    """Units of an expression: a few at random, a known pattern in part, or next to nothing; some with gaze or lids."""
    out = np.zeros(len(NAMES), np.float32)
    mode = rng.choice(["few", "pattern", "rest"], p=[0.5, 0.4, 0.1])
    if mode == "few":
        for unit in rng.choice(UNITS, rng.integers(1, 6), replace=False):
            out[INDEX[unit]] = rng.beta(1.4, 1.2)
    elif mode == "pattern":
        strength = rng.uniform(0.4, 1.0)
        for unit, value in PROTOTYPES[rng.integers(len(PROTOTYPES))].items():
            out[INDEX[unit]] = np.clip(value * strength * rng.uniform(0.7, 1.25), 0, 1)
    if rng.random() < 0.08:
        out[INDEX["AU45"]] = rng.uniform(0.3, 1)
    if rng.random() < 0.5:
        for name in GAZE:
            out[INDEX[name]] = _bounded(rng, 0.16, GAZE_LIMIT[name])
    return out


def _turned(rng, vector: np.ndarray) -> np.ndarray:
    """A vector with another head pose."""
    out = vector.copy()
    for name in POSE:
        out[INDEX[name]] = _bounded(rng, POSE_SPREAD[name], POSE_LIMIT[name])
    return out


def _with_pose(vector: np.ndarray, reference: np.ndarray) -> np.ndarray:
    out = vector.copy()
    for name in POSE:
        out[INDEX[name]] = reference[INDEX[name]]
    return out


def _bounded(rng, spread: float, limit: float) -> float:
    return float(np.clip(rng.normal(0, spread), -limit, limit))
