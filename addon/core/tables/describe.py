"""What a table is, in lines for a person."""

from __future__ import annotations

import numpy as np

from ..attributes import NAMES
from .openface import Table

OWN_SCALE = "the sliders' own (5 is a full unit), the person's rest taken off; gains of 1"
OPENFACE_SCALE = "OpenFace's points (0 to 5); units have stated gains"


def describe(table: Table) -> list[str]:
    """Format, faces, rows and clock, gaps, failed rows, columns, suspicion: one line each, and the reader's report."""
    faces = ", ".join(str(face) for face in table.faces)
    lines = [
        f"Table: {table.format}",
        f"Faces: {faces}" + (f" (shown: {table.face})" if len(table.faces) > 1 else ""),
    ]
    if table.is_still:
        lines.append("Rows: 1, a pose for one frame")
    else:
        lines.append(f"Rows: {len(table):,}, frames {table.frames[0]:,} to {table.frames[-1]:,}")
        lines.append(_clock(table))
        if table.times is not None:
            lines.append(_gaps(table))
    lines.append(f"Failed rows: {int((~table.valid).sum()):,}")
    missing = [name for name in NAMES if name not in table.present]
    lines.append(
        f"Attributes: {len(table.present)} of {len(NAMES)}" + (f", without {', '.join(missing)}" if missing else "")
    )
    lines.append(f"Columns: {len(table.columns):,}")
    lines.append(f"Scale: {OWN_SCALE if table.own else OPENFACE_SCALE}")
    lines.append(f"Highest intensity: {table.intensities.max():.2f} of 5")
    if table.divided:
        lines.append("Suspicion: the intensities may have been divided by 5 already")
    return lines + [f"Note: {line}" for line in table.report]


def _clock(table: Table) -> str:
    if table.times is None:
        return f"Clock: none, {table.clock_problem}; say a rate to import it"
    return f"Clock: {table.rate:.5g} rows a second, {table.times[0]:.3f} to {table.times[-1]:.3f} s"


def _gaps(table: Table) -> str:
    assert table.times is not None and table.rate is not None
    steps = np.diff(table.times) * table.rate
    gaps = np.flatnonzero(steps > 1.5)
    if not len(gaps):
        return "Gaps: none"
    longest = gaps[steps[gaps].argmax()]
    missing = int(np.rint(steps[gaps] - 1).sum())
    frames = f"between frames {table.frames[longest]:,} and {table.frames[longest + 1]:,}"
    return f"Gaps: {len(gaps)}, {missing:,} rows missing, the longest {frames}"
