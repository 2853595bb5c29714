"""A photo acts a recording: does the reader see in the frames what the table asked for?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from addon.core.attributes import ANGLES, INDEX, IS_ANGLE, NAMES, target
from addon.core.clip import ClipJob, clip_track, read_job_table
from addon.core.faces.expression import READINGS

from .subject import Subject

MOVES = np.where(IS_ANGLE, 0.03, 0.05)  # standard deviation from which an attribute counts, radians or sliders
MOST = 40  # rows, evenly over the table


@dataclass(frozen=True)
class Acted:
    """lost: rows whose face the reader did not find, of `rows`; figures: r (Pearson's) and slope (read over asked) of
    each attribute that moves in the table and has a reading."""

    rows: int
    lost: int
    figures: dict[str, dict[str, float]]


def recorded(table: Path) -> np.ndarray:
    """float32 [R,A]: a table's rows as sliders, MOST of them at most, for a photo without its own expression. Raises
    TableError."""
    job = ClipJob(photo=table, table=table, output=table, own_expression=0)  # only its table is read
    values = clip_track(job, read_job_table(job)).values
    return values[:: -(-len(values) // MOST)]


def act(subject: Subject, sliders: np.ndarray) -> Acted:
    """sliders float32 [R,A]."""
    targets = target(subject.source.vector, sliders, own_expression=0)
    readings = subject.read(list(targets))
    seen = [i for i, reading in enumerate(readings) if reading is not None]
    figures = {}
    for name in NAMES:
        asked = targets[seen, INDEX[name]].astype(np.float64)
        if len(seen) < 3 or asked.std() < MOVES[INDEX[name]] or name not in (*ANGLES, *READINGS):
            continue
        read = np.array([readings[i].angles[name] if name in ANGLES else readings[i].units[name] for i in seen])
        r = float(np.corrcoef(asked, read)[0, 1]) if read.std() > 1e-6 else 0.0
        figures[name] = {"r": r, "slope": float(np.polyfit(asked, read, 1)[0])}
    return Acted(len(readings), len(readings) - len(seen), figures)
