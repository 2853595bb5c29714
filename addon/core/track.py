"""AttributeTrack: attribute vectors over time, and what is done to them between a table and F-curves or frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .attributes import INDEX, IS_ANGLE, NAMES
from .errors import TableError
from .keys import reduced_keys

SHORTEST_WITH_NEUTRAL = 2.0  # seconds; in less, the lowest values are as likely an expression as the face at rest
MOST_INSERTED = 500_000  # rows that bridging may add


@dataclass(frozen=True, eq=False)
class AttributeTrack:
    """Vectors [F,A] in the order of NAMES, on the properties' scale, at rising times.

    times float64 [F] seconds by the source's own clock, strictly increasing, not shifted to 0; values float32 [F,A]
    (units 1 = fullest contraction, angles in radians); valid bool [F]: rows that can be trusted; present: the
    attributes that the source really has (the others are 0); rate: nominal rows a second, None for a still. rows
    int64 [F]: the source's row number, counted from 1, 0 for rows that bridging or resampling made. name: what
    messages call it. report: one sentence for each thing that was done. Every method returns a new track.
    """

    times: np.ndarray
    values: np.ndarray
    valid: np.ndarray
    present: frozenset[str] = frozenset(NAMES)
    rate: float | None = None
    rows: np.ndarray | None = None
    name: str = "The track"
    report: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(1, len(self.times) + 1))
        assert len(self.times) == len(self.values) == len(self.valid) == len(self.rows)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        """Seconds from the first row to the last."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    @property
    def step(self) -> float:
        """Seconds between two rows, nominally; 0 for a still."""
        if self.rate:
            return 1 / self.rate
        return float(np.median(np.diff(self.times))) if len(self) > 1 else 0.0

    def gaps(self) -> np.ndarray:
        """bool [F-1]: between this row and the next the source lacks rows."""
        if len(self) < 2:
            return np.zeros(0, bool)
        steps = np.diff(self.times) / self.step
        even = np.abs(steps - np.rint(steps)).max() < 0.1
        return steps > (1.5 if even else 2.5)  # a camera's uneven clock now and then leaves out a frame

    def scaled(self, gains: Mapping[str, float]) -> AttributeTrack:
        """Each attribute times its gain; 1 for those not named. Raises KeyError for a name that is no attribute."""
        factors = np.ones(len(NAMES), np.float32)
        for name, gain in gains.items():
            factors[INDEX[name]] = gain
        return replace(self, values=self.values * factors)

    def without_neutral(self, quantile: float = 0.05, row: int | None = None) -> AttributeTrack:
        """Less what the face shows at rest: each unit's low quantile and the median angles over the valid rows.

        row: a row of the source, from 1, that shows the driver's neutral face, in place of the statistics. Units do not
        fall below 0. A track shorter than 2 s comes back as it is where no row is given. Do this before `clamped`.
        """
        if row is not None:
            place = np.flatnonzero((self.rows == row) & self.valid)
            if not len(place):
                raise TableError(f"{self.name}: row {row} cannot be the neutral face, it is missing or failed.")
            neutral, what = self.values[place[0]], f"row {row}"
        elif self.duration < SHORTEST_WITH_NEUTRAL or not self.valid.any():
            note = f"Shorter than {SHORTEST_WITH_NEUTRAL:g} s: no neutral was subtracted."
            return replace(self, report=(*self.report, note))
        else:
            known = self.values[self.valid]
            neutral = np.where(IS_ANGLE, np.median(known, axis=0), np.quantile(known, quantile, axis=0))
            what = f"the {quantile:.0%} quantile of each unit, the median pose and gaze"
        values = self.values - neutral.astype(np.float32)
        values = np.where(IS_ANGLE, values, np.maximum(values, 0))
        largest = sorted((name for name in NAMES if name.startswith("AU")), key=lambda name: -neutral[INDEX[name]])
        note = f"The driver's neutral was subtracted ({what}; most: " + ", ".join(
            f"{name} {neutral[INDEX[name]]:.2f}" for name in largest[:3]
        )
        return replace(self, values=values, report=(*self.report, note + ")."))

    def clamped(self) -> AttributeTrack:
        """Units clamped to 0..1; the report names each unit that left it in a valid row. Angles stay."""
        values = np.where(IS_ANGLE, self.values, np.clip(self.values, 0, 1))
        report = list(self.report)
        for i in np.flatnonzero(~IS_ANGLE):
            column = self.values[self.valid, i]
            above, below = int((column > 1).sum()), int((column < 0).sum())
            if above:
                report.append(f"{NAMES[i]} passes 1 in {_rows(above)} (highest {column.max():.2f}): clamped.")
            if below:
                report.append(f"{NAMES[i]} falls below 0 in {_rows(below)} (lowest {column.min():.2f}): clamped.")
        return replace(self, values=values, report=tuple(report))

    def between(self, start: int = 1, end: int | None = None) -> AttributeTrack:
        """The source's rows start..end, counted from 1, both included; rows that bridging made are left out.

        Raises TableError where no such row exists.
        """
        rows = self._rows_known()
        last = int(rows.max(initial=0))
        if start < 1 or start > last or (end is not None and end < start):
            raise TableError(f"{self.name} has rows 1 to {last}: rows {start} to {end or last} cannot be taken.")
        keep = (rows >= start) & (rows <= (last if end is None else end))
        return self._taken(keep)

    def bridge(self, limit: float, beyond: Literal["hold", "rest", "fail"] = "hold") -> AttributeTrack:
        """Fill failed and missing rows, so that every row is valid and none is missing.

        Stretches of up to `limit` seconds become straight lines. In longer ones the face holds its last expression or
        goes to rest (all attributes 0), leading in and out over at most `limit`; 'fail' raises TableError. Missing
        rows are made at the nominal rate, with row number 0. Raises TableError where no row is valid.
        """
        good = np.flatnonzero(self.valid)
        if not len(good):
            raise TableError(f"{self.name} has no row that can be trusted.")
        knots = _Knots(self.times[good], self.values[good])
        bridged: list[tuple[float, float]] = []
        long: list[tuple[float, float]] = []
        for start, end in self._holes(good):
            missing = end - start - self.step
            if missing <= limit + 1e-9:
                bridged.append((start, missing))
                continue
            long.append((start, missing))
            knots.lead(start, end, max(self.step, min(limit, (end - start) / 2)), beyond)
        first, last = self.times[good[0]], self.times[good[-1]]
        for outer, inner in ((self.times[0], first), (self.times[-1], last)):
            if outer == inner:
                continue
            missing = abs(outer - inner)
            if missing <= limit + 1e-9:
                bridged.append((min(outer, inner), missing))
                continue
            long.append((min(outer, inner), missing))
            if beyond == "rest":
                ease = max(self.step, min(limit, missing / 2))
                knots.add(inner + np.sign(outer - inner) * ease, np.zeros(len(NAMES)))
        if long and beyond == "fail":
            worst = max(long, key=lambda hole: hole[1])
            raise TableError(
                f"{self.name}: no face for {worst[1]:.2f} s after {worst[0]:.2f} s, and only {limit:g} s are bridged."
            )
        times, rows = self._with_missing_rows()
        report = list(self.report)
        if bridged:
            report.append(f"Bridged by straight lines: {_stretches(bridged)}.")
        if long:
            what = "the expression is held" if beyond == "hold" else "the face goes to rest"
            report.append(f"Longer than {limit:g} s, so {what}: {_stretches(long)}.")
        return replace(
            self,
            times=times,
            values=knots.at(times),
            valid=np.ones(len(times), bool),
            rows=rows,
            report=tuple(report),
        )

    def resample(self, fps: float) -> AttributeTrack:
        """Straight lines between rows, read at `fps` times a second from the first row's time to the last's.

        A new row is valid where it falls on a valid row, or between two that are and that no gap parts. A still stays.
        """
        if not fps > 0:
            raise TableError(f"{self.name}: a rate of {fps:g} frames a second is not possible.")
        if len(self) < 2:
            return self
        count = int(np.floor(self.duration * fps + 1e-6)) + 1
        times = self.times[0] + np.arange(count) / fps
        values = np.stack([np.interp(times, self.times, column) for column in self.values.T], axis=1)
        after = np.clip(np.searchsorted(self.times, times, side="right"), 1, len(self) - 1)
        before = after - 1
        valid = self.valid[before] & self.valid[after] & ~self.gaps()[before]
        nearest = np.where(times - self.times[before] < self.times[after] - times, before, after)
        hit = np.abs(times - self.times[nearest]) < 1e-6
        valid = np.where(hit, self.valid[nearest], valid)
        rows = np.where(hit, self._rows_known()[nearest], 0)
        return replace(self, times=times, values=values.astype(np.float32), valid=valid, rate=float(fps), rows=rows)

    def smooth(self, seconds: float) -> AttributeTrack:
        """Weigh neighbours by a Gaussian of this full width at half its height: no lag, nothing overshoots.

        Each stretch of valid rows without a gap is smoothed by itself, so that no failed row bleeds into its
        neighbours.
        """
        if seconds <= 0 or len(self) < 3:
            return self
        sigma = seconds / 2.3548 / self.step
        values = self.values.copy()
        for start, end in self._stretches():
            values[start:end] = gaussian_filter1d(self.values[start:end], sigma, axis=0, mode="nearest")
        return replace(self, values=values)

    def simplify(
        self, tolerance: float, angle_tolerance: float | None = None
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Keys by attribute that is present: (times float64 [K], values float64 [K]), a selection of the valid rows.

        Straight lines between the keys come within `tolerance` of every valid row; angles within `angle_tolerance`
        radians, by default the same number. 0 drops only keys on straight lines.
        """
        times = self.times[self.valid]
        keys = {}
        for name in NAMES:
            if name in self.present:
                allowed = angle_tolerance if angle_tolerance is not None and IS_ANGLE[INDEX[name]] else tolerance
                values = self.values[self.valid, INDEX[name]].astype(np.float64)
                kept = reduced_keys(times, values, allowed)
                keys[name] = (times[kept], values[kept])
        return keys

    def _rows_known(self) -> np.ndarray:
        assert self.rows is not None
        return self.rows

    def _taken(self, keep: np.ndarray) -> AttributeTrack:
        return replace(
            self,
            times=self.times[keep],
            values=self.values[keep],
            valid=self.valid[keep],
            rows=self._rows_known()[keep],
        )

    def _holes(self, good: np.ndarray) -> list[tuple[float, float]]:
        """(time of the last valid row before, of the first after) each stretch of failed or missing rows."""
        absent = np.r_[0, np.cumsum(self.gaps())]
        holes = np.flatnonzero((np.diff(good) > 1) | (np.diff(absent[good]) > 0))
        return [(float(self.times[good[i]]), float(self.times[good[i + 1]])) for i in holes]

    def _stretches(self) -> list[tuple[int, int]]:
        """[start, end) of each run of valid rows without a gap."""
        breaks = np.flatnonzero(self.gaps() | (self.valid[1:] != self.valid[:-1])) + 1
        edges = [0, *breaks.tolist(), len(self)]
        return [(a, b) for a, b in pairwise(edges) if self.valid[a]]

    def _with_missing_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and row numbers with rows at the nominal step where the source lacks them."""
        before = np.flatnonzero(self.gaps())
        if not len(before):
            return self.times, self._rows_known()
        lengths = np.diff(self.times)[before]
        if lengths.sum() / self.step > MOST_INSERTED:
            raise TableError(
                f"{self.name}: {lengths.max() / 60:,.0f} minutes are missing after "
                f"{self.times[before[lengths.argmax()]]:.2f} s, too much to bridge: take the rows before or after."
            )
        made = [
            self.times[i] + np.arange(1, int(np.rint(length / self.step))) * self.step
            for i, length in zip(before, lengths, strict=True)
        ]
        times = np.concatenate([self.times, *made])
        rows = np.concatenate([self._rows_known(), np.zeros(len(times) - len(self), np.int64)])
        order = np.argsort(times, kind="stable")
        return times[order], rows[order]


class _Knots:
    """The points that bridging draws straight lines through."""

    def __init__(self, times: np.ndarray, values: np.ndarray) -> None:
        self.times = list(times)
        self.values = list(values.astype(np.float64))
        self._value_at = dict(zip(self.times, self.values, strict=True))

    def add(self, time: float, value: np.ndarray) -> None:
        self.times.append(time)
        self.values.append(value)

    def lead(self, start: float, end: float, ease: float, beyond: str) -> None:
        """Hold or rest between two valid rows: in over `ease` seconds, and out."""
        if beyond == "hold":
            self.add(end - ease, self._value_at[start])
        else:
            self.add(start + ease, np.zeros(len(NAMES)))
            self.add(end - ease, np.zeros(len(NAMES)))

    def at(self, times: np.ndarray) -> np.ndarray:
        order = np.argsort(self.times, kind="stable")
        known = np.array(self.times)[order]
        values = np.array(self.values)[order]
        return np.stack([np.interp(times, known, column) for column in values.T], axis=1).astype(np.float32)


def _stretches(holes: list[tuple[float, float]]) -> str:
    longest = max(holes, key=lambda hole: hole[1])
    count = "1 stretch" if len(holes) == 1 else f"{len(holes)} stretches"
    return f"{count} of failed or missing rows, the longest {longest[1]:.2f} s at {longest[0]:.2f} s"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
