"""Other programs' tables of Action Units -> Table (the file's scale) -> AttributeTrack (the properties' scale)."""

from __future__ import annotations

from pathlib import Path

from .describe import describe
from .openface import MINIMUM_CONFIDENCE, Table, read_openface
from .scale import GAINS, stated_gains, to_track

__all__ = ["GAINS", "MINIMUM_CONFIDENCE", "Table", "describe", "read_table", "stated_gains", "to_track"]


def read_table(
    path,
    *,
    face: int | None = None,
    rate: float | None = None,
    divided: bool | None = None,
    minimum_confidence: float = MINIMUM_CONFIDENCE,
    need_clock: bool = True,
) -> Table:
    """Read one face of an OpenFace table (1.x to 2.2, or what pandas and R saved of one).

    face: its number in the file; None takes the face with most rows. rate: rows a second, in place of the file's clock;
    needed where the file has none. divided: True where the intensities were divided by 5 already, False where they are
    points; None takes them as points and reports a suspicion (a calm face looks the same, and points taken for fifths
    would grimace, while fifths taken for points only act faintly). Rows below `minimum_confidence` are not valid.
    need_clock=False reads a table without a clock, too, with times None (to describe it).

    Raises TableError with one sentence that names the file and, where there is one, the line and column.
    """
    return read_openface(Path(path), face, rate, divided, minimum_confidence, need_clock)
