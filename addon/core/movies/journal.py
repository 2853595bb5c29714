"""Readings on disk while a movie is followed: a long movie needs no memory, and a broken run goes on where it ended.

One line of JSON that says what is followed, then fixed-size records. The file lies beside the table and goes when the
table is whole.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..frames import output_error
from .follow import RECORD

LONGEST_LINE = 100_000  # bytes
FLUSHED = 64  # frames between two writes to the disk


class Journal:
    """Use it in `with`: the file stays unless `remove` is called."""

    def __init__(self, table: Path, subject: Mapping[str, object]):
        """table: what the journal stands beside; subject: what is followed and how. A journal of the same subject is
        taken up, any other replaced. Raises OutputError."""
        self.path, line = _beside(table), _line(subject)
        try:
            self._start, self.resumed = self._taken_up(line)
            self._file = open(self.path, "r+b" if self._start else "w+b")  # noqa: SIM115 (lives as long as the journal)
            if self._start:
                self._file.truncate(self._start + self.resumed * RECORD.itemsize)
                self._file.seek(0, 2)
            else:
                self._file.write(line)
                self._file.flush()
                self._start = len(line)
        except OSError as problem:
            raise output_error(self.path, problem) from problem
        self._pending = 0

    @staticmethod
    def is_there(table: Path, subject: Mapping[str, object]) -> bool:
        """Whether a run on this subject was broken off."""
        try:
            with _beside(table).open("rb") as file:
                return file.readline(LONGEST_LINE) == _line(subject)
        except OSError:
            return False

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_problem) -> None:
        with contextlib.suppress(OSError):
            self._file.close()

    def _taken_up(self, line: bytes) -> tuple[int, int]:
        """(where records start, how many are whole) in a journal of this subject; (0, 0) where there is none.

        The last frame may lack a face that was not yet written, so it is read again.
        """
        if not self.path.is_file():
            return 0, 0
        with self.path.open("rb") as file:
            if file.readline(LONGEST_LINE) != line:
                return 0, 0
            count = (self.path.stat().st_size - len(line)) // RECORD.itemsize
            records = np.fromfile(file, RECORD, count)
        if len(records):
            count = int(np.searchsorted(records["frame"], records["frame"][-1]))
        return len(line), count

    def append(self, records: np.ndarray) -> None:
        """Raises OutputError."""
        try:
            self._file.write(records.tobytes())
            self._pending += 1
            if self._pending >= FLUSHED:
                self._file.flush()
                self._pending = 0
        except OSError as problem:
            raise output_error(self.path, problem) from problem

    def records(self) -> np.ndarray:
        """All records so far [R], mapped from the disk. Raises OutputError."""
        try:
            self._file.flush()
            count = (self.path.stat().st_size - self._start) // RECORD.itemsize
            if not count:
                return np.zeros(0, RECORD)
            return np.memmap(self.path, RECORD, "r", self._start, (count,))
        except OSError as problem:
            raise output_error(self.path, problem) from problem

    def remove(self) -> None:
        """The table is whole. Raises OutputError."""
        self._file.close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as problem:
            raise OutputError(f"{self.path}: cannot be removed ({problem.strerror}); it is not needed any more.") from (
                problem
            )


def _beside(table: Path) -> Path:
    return table.with_name(f"{table.name}.journal")


def _line(subject: Mapping[str, object]) -> bytes:
    return json.dumps(dict(subject), sort_keys=True).encode() + b"\n"
