"""How the face answers to each slider, as the reader sees it: units, the head's angles, gaze."""

from __future__ import annotations

from collections.abc import Sequence
from math import degrees, radians

import numpy as np

from addon.core.attributes import ANGLES, GAZE, POSE, UNITS
from addon.core.faces.expression import READINGS

from .reading import Reading
from .subject import Subject

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a unit's slider
TURNS = (-20.0, -10.0, 0.0, 10.0, 20.0)  # degrees
WOBBLE, LEAST = 0.02, 0.1  # of full scale: a step back that still counts as rising, the least rise over the whole way

Ramps = dict[str, list[Reading | None]]  # by attribute, at LEVELS or TURNS


def asked_steps(names: Sequence[str] = UNITS + ANGLES) -> int:
    """Pictures that `ramps` reads."""
    return 1 + sum(len(TURNS if name in ANGLES else LEVELS) - 1 for name in names)


def ramps(subject: Subject, names: Sequence[str] = UNITS + ANGLES) -> Ramps:
    """Each slider alone, from the face whose own expression was taken away, on the photo's own pose."""
    steps = [(name, step) for name in names for step in (TURNS if name in ANGLES else LEVELS)]
    moved = [(name, step) for name, step in steps if step]
    targets = [subject.asked({name: radians(step) if name in ANGLES else step}) for name, step in moved]
    rest, *readings = subject.read([subject.asked({}), *targets])
    found = dict(zip(moved, readings, strict=True))
    out: Ramps = {name: [] for name in names}
    for name, step in steps:
        out[name].append(found.get((name, step), rest))
    return out


def unit_figures(unit: str, ramp: Sequence[Reading | None]) -> dict | None:
    """read: the unit's reading at each of LEVELS, or None where the reader has none; rises: whether that goes up all
    the way; moved: the landmark that moves most, in eye distances; others: change of every other unit's reading from 0
    to 1. None where the face was lost on the way."""
    if any(reading is None for reading in ramp):
        return None
    first, last = ramp[0], ramp[-1]
    read = np.array([reading.units[unit] for reading in ramp]) if unit in READINGS else None
    return {
        "read": None if read is None else read.tolist(),
        "rises": read is not None and bool(np.diff(read).min() > -WOBBLE and read[-1] - read[0] > LEAST),
        "moved": float(np.linalg.norm((last.points - first.points)[:, :2], axis=1).max()),
        "others": {other: last.units[other] - first.units[other] for other in READINGS if other != unit},
    }


def angle_figures(name: str, ramp: Sequence[Reading | None]) -> dict | None:
    """read: change of the angle from the face at rest, degrees, at each of TURNS; gain: its slope over what was asked;
    others: the largest change of each other angle of the head, or of the eyes. None where the face was lost."""
    if any(reading is None for reading in ramp):
        return None
    siblings = POSE if name in POSE else GAZE
    rest = ramp[TURNS.index(0.0)]
    change = {angle: [degrees(reading.angles[angle] - rest.angles[angle]) for reading in ramp] for angle in siblings}
    return {
        "read": change[name],
        "gain": float(np.polyfit(TURNS, change[name], 1)[0]),
        "others": {angle: max(map(abs, change[angle])) for angle in siblings if angle != name},
    }
