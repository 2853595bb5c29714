"""Fewer keys for a curve, with a guaranteed largest error."""

from __future__ import annotations

import numpy as np


def reduced_keys(times: np.ndarray, values: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of the samples to keep, so that straight lines between them come within `tolerance` of every sample.

    times float64 [F], strictly increasing; values float64 [F]; returns int64 [K], the first and the last sample
    included. From each key it goes as far as one line can: every sample passed leaves a cone of slopes that come
    within tolerance of it, and the next key is the last sample whose own slope lies in the cone of all those before
    it.
    """
    count = len(times)
    if count < 3:
        return np.arange(count)
    t, v = times.tolist(), values.tolist()
    allowed = max(float(tolerance), 0.0)
    kept = [0]
    start = 0
    while start < count - 1:
        lowest, highest = float("-inf"), float("inf")
        t0, v0 = t[start], v[start]
        reached = start + 1
        for i in range(start + 1, count):
            run = t[i] - t0
            rise = v[i] - v0
            slope = rise / run
            if lowest <= slope <= highest:
                reached = i
            low, high = (rise - allowed) / run, (rise + allowed) / run
            if low > lowest:
                lowest = low
            if high < highest:
                highest = high
            if lowest > highest:
                break
        kept.append(reached)
        start = reached
    return np.array(kept, np.int64)
