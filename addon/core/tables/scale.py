"""From a table's numbers to the properties' scale: stated gains for each unit, the driver's neutral, the limits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..attributes import ANGLES, AT_POSE, AT_UNITS, NAMES
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


def to_track(
    table: Table,
    gains: Mapping[str, float] | None = GAINS,
    *,
    subtract_neutral: bool = False,
    quantile: float = 0.05,
    neutral_row: int | None = None,
) -> AttributeTrack:
    """The table as properties: intensity / 5 * gain, less the driver's neutral where asked, units clamped to 0..1.

    gains: by attribute, 1 for those not named; None takes the table as it is (intensity / 5). subtract_neutral: see
    AttributeTrack.without_neutral, which must come before the clamping and so is done here. Failed rows stay, with
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
    unknown = sorted(set(gains or ()) - set(NAMES))
    if unknown:
        raise TableError(f"{table.path.name}: there is no attribute {unknown[0]} to have a gain.")
    values = np.zeros((len(table), len(NAMES)), np.float32)
    values[:, AT_POSE] = table.pose
    values[:, AT_UNITS] = table.intensities / POINTS
    track = AttributeTrack(
        times=table.times,
        values=values,
        valid=table.valid,
        present=table.present,
        rate=table.rate,
        name=table.path.name,
        report=table.report,
    )
    if gains is not None:
        track = track.scaled(gains)
    if subtract_neutral:
        track = track.without_neutral(quantile, row=neutral_row)
    return track.clamped()
