"""When each row of a table was filmed: by the file's own clock without its rounding, or by frame number and rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FASTEST = 500.0  # rows a second; faster clocks are counters that somebody called a timestamp
SLOWEST = 0.1
ROUNDING = 0.0011  # seconds; OpenFace prints 3 decimals
NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001)


class NoClock(Exception):
    """Why a table's rows cannot be placed in time."""


@dataclass(frozen=True)
class Clock:
    """`order` int64 [F]: which rows, in which order; `times` float64 [F] seconds, strictly increasing; `rate` rows a
    second (None for a single row); `notes` what was sorted, dropped or chosen."""

    order: np.ndarray
    times: np.ndarray
    rate: float | None
    notes: tuple[str, ...]


def read_clock(frames: np.ndarray | None, stamps: np.ndarray | None, trusted: np.ndarray, rate: float | None) -> Clock:
    """Place rows in time.

    frames, stamps: float64 [R] with NaN where missing, or None without such a column; trusted: bool [R], the better
    of two rows at one instant; rate: rows a second, which replaces the file's clock. Raises NoClock with the reason.
    """
    count = len(trusted)
    if count == 1:
        known = stamps is not None and np.isfinite(stamps[0])
        return Clock(np.zeros(1, int), stamps.copy() if known and stamps is not None else np.zeros(1), None, ())
    if rate is not None:
        return _by_rate(frames, stamps, trusted, rate)
    return _by_stamps(stamps, trusted)


def _by_rate(frames, stamps, trusted: np.ndarray, rate: float) -> Clock:
    notes = []
    numbers = np.arange(len(trusted), dtype=float)
    if frames is not None and np.isfinite(frames).all() and len(np.unique(frames)) > len(frames) / 2:
        numbers = frames
    order, notes = _in_order(numbers, trusted, "frame numbers")
    times = (numbers[order] - numbers[order[0]]) / rate
    if stamps is not None:
        own = _own_rate(stamps)
        if own and abs(own / rate - 1) > 0.001:
            notes.append(
                f"Placed by frame number at {rate:g} rows a second as asked; the file's own clock says {own:.4g}."
            )
    return Clock(order, times, rate, tuple(notes))


def _own_rate(stamps: np.ndarray) -> float | None:
    steps = np.diff(np.unique(stamps[np.isfinite(stamps)]))
    return float(1 / np.median(steps)) if len(steps) else None


def _by_stamps(stamps: np.ndarray | None, trusted: np.ndarray) -> Clock:
    if stamps is None:
        raise NoClock("it has no timestamp column")
    known = np.flatnonzero(np.isfinite(stamps))
    if len(known) < 2:
        raise NoClock("its timestamps are no numbers of seconds")
    order, notes = _in_order(stamps[known], trusted[known], "timestamps")
    if len(order) <= len(known) / 2:
        raise NoClock("most of its timestamps are the same")
    order = known[order]
    if len(known) < len(stamps):
        notes.append(f"{_rows(len(stamps) - len(known))} without a timestamp left out.")
    times = stamps[order]
    step = float(np.median(np.diff(times)))
    if step < 1 / FASTEST:
        raise NoClock(f"its timestamps step by {step:g} s, which would be {1 / step:,.0f} rows a second")
    if step > 1 / SLOWEST:
        raise NoClock(f"its timestamps step by {step:g}, which are hardly seconds")
    times, rate, regular = _without_rounding(times, step)
    if not regular:
        notes.append(f"The clock is uneven, about {rate:.3g} rows a second: every row stays at its own time.")
    return Clock(order, times, rate, tuple(notes))


def _in_order(keys: np.ndarray, trusted: np.ndarray, what: str) -> tuple[np.ndarray, list[str]]:
    """Indices of rows by rising key, of equal keys the trusted row or else the first."""
    notes = []
    order = np.lexsort((np.arange(len(keys)), ~trusted, keys))
    if (np.diff(keys) < 0).any():
        notes.append(f"The {what} are not in order: rows sorted by them.")
    keep = np.r_[True, np.diff(keys[order]) > 0]
    if not keep.all():
        notes.append(f"{_rows(int((~keep).sum()))} with {what} that came before left out.")
    return order[keep], notes


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _without_rounding(times: np.ndarray, step: float) -> tuple[np.ndarray, float, bool]:
    """Exact times of an even clock whose stamps were rounded: (times, rows a second, whether the clock is even)."""
    gaps = np.diff(times)
    for _ in range(3):  # the median step is rounded itself: refine it over ever longer gaps
        near = gaps < 8 * step
        ticks = np.maximum(np.rint(gaps[near] / step), 1)
        step = float(gaps[near].sum() / ticks.sum())
    count = np.r_[0, np.cumsum(np.maximum(np.rint(gaps / step), 1))]
    slope = float(np.polyfit(count, times - times[0], 1)[0])
    for rate in (round(1 / slope) or 1, *NTSC, 1 / slope):
        exact = count / rate
        offset = times - exact
        start = (offset.min() + offset.max()) / 2
        if np.abs(offset - start).max() <= ROUNDING / 2 + 1e-6:
            # what the file says of its first row stands, unless it is off by more than its own rounding
            start = times[0] if np.abs(offset - times[0]).max() <= ROUNDING else start
            return start + exact, float(rate), True
    return times, float(1 / np.median(gaps)), False
