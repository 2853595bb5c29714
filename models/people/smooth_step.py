"""The step by which colours, folds and hair fade."""

import numpy as np


def smooth_step(x, low, high) -> np.ndarray:
    """0 at `low`, 1 at `high` and beyond, with a slope of 0 at both; falling where low > high."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
