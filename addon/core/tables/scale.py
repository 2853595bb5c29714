"""From a table's numbers to the properties' scale: stated gains for each unit, the driver's neutral, the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from ..attributes import ANGLES, AT_GAZE, AT_POSE, AT_UNITS, IS_ANGLE, NAMES
from ..errors import TableError
from ..track import AttributeTrack
from .openface import Table

POINTS = 5.0

# property = intensity / 5 * gain. OpenFace's points are compressed (a full blink reads 2, parted lips 1.7): these gains
# come from acting a filmed table and comparing what a face reader sees in the film and in the frames.
GAINS: dict[str, float] = {name: 1.0 if name in ANGLES else 2.0 for name in NAMES} | {
    "AU01": 4.0,
    "AU02": 5.0,
    "AU04": 5.0,
    "AU05": 5.0,
    "AU10": 4.0,
    "AU12": 2.5,
    "AU25": 3.5,
    "AU45": 2.5,
}


OWN = "The table is on the sliders' own scale, the person's rest taken off: gains of 1, no neutral subtracted again."


def stated_gains(table: Table) -> dict[str, float]:
    """GAINS for OpenFace's points; 1 throughout for tables that Zygoma wrote."""
    return dict.fromkeys(NAMES, 1.0) if table.own else dict(GAINS)


def to_track(
    table: Table,
    gains: Mapping[str, float] | Literal["stated"] | None = "stated",
    *,
    subtract_neutral: bool = False,
    quantile: float = 0.05,
    neutral_row: int | None = None,
) -> AttributeTrack:
    """The table as properties: intensity / 5 * gain, less the driver's neutral where asked, units clamped to 0..1.

    gains: by attribute, 1 for those not named; 'stated' are those of the table's scale; None takes the table as it is
    (intensity / 5). subtract_neutral: see AttributeTrack.without_neutral, which must come before the clamping and so is
    done here; of a table that Zygoma wrote only the angles are, unless a row is named. Failed rows stay, with
    valid False: bridge them. Raises TableError: no clock, no row that can be trusted, a gain for an unknown
    attribute.
    """
    if table.times is None:
        raise TableError(
            f"{table.path.name} has no usable clock, so say how many rows a second it has: {table.clock_problem}."
        )
    if not table.valid.any():
        raise TableError(
            f"{table.path.name} has no row that can be trusted: face {table.face} failed in all {len(table):,}."
        )
    gains = stated_gains(table) if gains == "stated" else gains
    unknown = sorted(set(gains or ()) - set(NAMES))
    if unknown:
        raise TableError(f"{table.path.name}: there is no attribute {unknown[0]} to have a gain.")
    values = np.zeros((len(table), len(NAMES)), np.float32)
    values[:, AT_POSE] = table.pose
    values[:, AT_UNITS] = table.intensities / POINTS
    values[:, AT_GAZE] = table.gaze
    track = AttributeTrack(
        times=table.times,
        values=values,
        valid=table.valid,
        present=table.present,
        rate=table.rate,
        name=table.path.name,
        report=(*table.report, OWN) if table.own else table.report,
    )
    if gains is not None:
        track = track.scaled(gains)
    if subtract_neutral:
        rested = track.without_neutral(quantile, row=neutral_row)
        if table.own and neutral_row is None:
            moved = not np.array_equal(rested.values[:, IS_ANGLE], track.values[:, IS_ANGLE])
            said = ("The driver's median angles were subtracted.",) if moved else ()
            rested = replace(track, values=np.where(IS_ANGLE, rested.values, track.values))
            rested = replace(rested, report=(*track.report, *said))
        track = rested
    return track.clamped()
