"""A movie on its way to a table, beside the window: what its progress shows, and what became of it."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from tqdm import tqdm

from .core.errors import ZygomaError
from .core.movies import TrackJob, TrackReport, track_movie


@dataclass
class MovieWork:
    """`run` touches no Blender data, so it may have a thread of its own. kept: the table stays after the import."""

    job: TrackJob
    kept: bool
    failed: dict[str, str] = field(default_factory=dict)  # movie -> reason
    reports: dict[str, TrackReport] = field(default_factory=dict)
    done: int = 0
    total: int = 1
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Follows the movie's faces. progress(frames done, of about how many)."""
        name = self.job.movie.name
        with tqdm(desc=name, unit="frame", file=sys.stderr) as bar:

            def step(done: int, total: int) -> None:
                self.done, self.total, bar.total = done, max(total, 1), total
                bar.update(done - bar.n)
                if progress:
                    progress(done, self.total)

            try:
                report = track_movie(self.job, progress=step, cancelled=self.cancelled.is_set)
            except ZygomaError as problem:
                self.failed[name] = str(problem)
            except Exception as problem:
                traceback.print_exc()
                self.failed[name] = f"{type(problem).__name__}: {problem}"
            else:
                self.reports[name] = report
                if report.stopped:  # by Ctrl-C in a background run, too
                    self.cancelled.set()

    def summary(self) -> str:
        """What became of the movie, in one line."""
        if self.failed:
            return next(iter(self.failed.values()))
        report = self.reports.get(self.job.movie.name)
        if report is None or report.stopped:
            place = f"; {self.job.table} holds what was read, and the same import goes on from there"
            return f"Cancelled{place if self.kept and report and report.faces else ', nothing is imported'}."
        faces = "1 face" if len(report.faces) == 1 else f"{len(report.faces)} faces"
        place = f": {report.table}" if self.kept else ""
        return f"{report.frames:,} frames read, {faces}{place}"
