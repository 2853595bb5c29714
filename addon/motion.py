"""A table -> what a rig is to do, as the user chose: gains, neutral, gaps, smoothing, fewer keys. Knows no Blender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from .core.attributes import ANGLES, INDEX, IS_ANGLE, NAMES, UNITS
from .core.errors import TableError
from .core.tables import GAINS, Table, read_table, stated_gains, to_track
from .core.track import AttributeTrack

Place = Literal["IN_PLACE", "ON_TOP"]


@dataclass(frozen=True)
class Choices:
    """rate: rows a second where the file's clock is not to be used; divided: whether intensities were divided by 5
    already, None for not known; gains: by attribute; as_is: intensity / 5 without gains and neutral; scale: times all
    units; expression, pose: in place of the photo's own or on top of it; bridge, smoothing: seconds; tolerance: of key
    reduction in property units and radians, 0 for a key a row."""

    face: int | None = None
    rate: float | None = None
    divided: bool | None = None
    columns: frozenset[str] = frozenset(NAMES)
    gains: Mapping[str, float] = field(default_factory=lambda: GAINS)
    as_is: bool = False
    scale: float = 1.0
    expression: Place = "IN_PLACE"
    pose: Place = "ON_TOP"
    bridge: float = 0.5
    beyond: Literal["hold", "rest", "fail"] = "hold"
    smoothing: float = 0.0
    tolerance: float = 0.0

    def gain(self, name: str, table: Table) -> float:
        """What intensity / 5, or an angle, is multiplied by. A gain that nobody changed is the one of the table's own
        scale."""
        own = 1.0 if self.as_is else float(self.gains.get(name, 1.0))
        if not self.as_is and abs(own - GAINS[name]) < 1e-6:
            own = stated_gains(table)[name]
        return own if name in ANGLES else own * self.scale


@dataclass(frozen=True, eq=False)
class Motion:
    """keys: (times float64 [K] seconds from the recording's first row, values float64 [K]) by attribute; weights: what
    own_expression and own_pose are to be; still: one row, a pose rather than a motion; duration in seconds; report:
    one sentence for each thing that was read, bridged, clamped, ignored."""

    table: Table
    keys: dict[str, tuple[np.ndarray, np.ndarray]]
    weights: dict[str, float]
    still: bool
    duration: float
    report: tuple[str, ...]


def from_table(path: Path, choices: Choices) -> Motion:
    """Raises TableError with a sentence that says what is wrong and what to do."""
    table = read_table(path, face=choices.face, rate=choices.rate, divided=choices.divided)
    track = _calibrated(table, choices)
    wanted = track.present & choices.columns
    if not wanted:
        raise TableError(f"{table.path.name} has none of the columns that were asked for.")
    track = replace(track, present=wanted)
    if not table.is_still:
        track = track.smooth(choices.smoothing).bridge(choices.bridge, choices.beyond)
    start = track.times[0]
    keys = {name: (times - start, values) for name, (times, values) in _keys(track, choices.tolerance).items()}
    weights = {}
    if wanted & set(UNITS):
        weights["own_expression"] = 0.0 if choices.expression == "IN_PLACE" else 1.0
    if wanted & set(ANGLES):
        weights["own_pose"] = 0.0 if choices.pose == "IN_PLACE" else 1.0
    read = f"{table.format}: face {table.face}, {len(table):,} rows"
    if not table.is_still:
        read += f", {track.duration:.2f} s, {table.rate:.4g} rows a second"
        if start > 0:
            read += f", the first at {start:.2f} s of the file's clock"
    left_out = sorted(track.present ^ (set(NAMES) & table.present), key=NAMES.index)
    ignored = [f"Left out, as asked: {', '.join(left_out)}."] if left_out else []
    count = sum(len(times) for times, _ in keys.values())
    made = [f"{count:,} keys on {len(keys)} properties."]
    report = (f"{read}.", *track.report, *ignored, *made)
    return Motion(table, keys, weights, table.is_still, track.duration, report)


def _calibrated(table: Table, choices: Choices) -> AttributeTrack:
    """On the properties' scale, less the driver's neutral where the photo's own stays underneath."""
    gains = {name: choices.gain(name, table) for name in NAMES}
    plain = to_track(table, gains)
    pose, expression = choices.pose == "ON_TOP", choices.expression == "ON_TOP"
    if choices.as_is or table.is_still or not (pose or expression):
        return plain
    rested = to_track(table, gains, subtract_neutral=True)
    if pose and expression:
        return rested
    values = np.where(IS_ANGLE if pose else ~IS_ANGLE, rested.values, plain.values)
    report = rested.report
    if pose:
        moved = not np.array_equal(rested.values[:, IS_ANGLE], plain.values[:, IS_ANGLE])
        said = "The driver's median pose and gaze were subtracted."
        report = (*plain.report, said) if moved else plain.report
    return replace(plain, values=values, report=report)


def _keys(track: AttributeTrack, tolerance: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    if tolerance > 0:
        return track.simplify(tolerance)
    times = track.times[track.valid]
    values = track.values[track.valid].astype(np.float64)
    return {name: (times, values[:, INDEX[name]]) for name in NAMES if name in track.present}
