"""Membranes over a grid: harmonic surfaces through what is known of a field.

Charges at the known nodes beside unknown ones pull a membrane through their values. How far each of them lifts the
other ones' nodes, and how far all together lift every node, follows from the waves that a grid can stand in.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import binary_erosion

LEVEL = 1e-9  # what keeps a membrane that is free at its border from rising as a whole


def membrane(planes: np.ndarray, known: np.ndarray, zero_border: bool = False) -> np.ndarray:
    """The harmonic surfaces [C,n,n] through the known nodes, bool [n,n], of planes [C,n,n]. The border is 0 where so is
    asked; else it is free, which float32 is too coarse for."""
    if zero_border:
        known = np.pad(known[1:-1, 1:-1], 1)
    out = np.where(known, planes, 0)
    inner = slice(1, -1) if zero_border else slice(None)
    values, known = out[:, inner, inner], known[inner, inner]
    waves, gives, lifts = _waves(len(known), zero_border)
    at = np.nonzero(known & ~binary_erosion(known, border_value=1))
    (down, below), (across, beyond) = ((np.abs(i[:, None] - i), i[:, None] + i + 1 + zero_border) for i in at)
    sign = -1 if zero_border else 1
    lifted = lifts[down, across] + lifts[below, beyond] + sign * (lifts[down, beyond] + lifts[below, across])
    charges = np.zeros_like(values)
    charges[:, *at] = np.linalg.solve(lifted, values[:, *at].T).T
    waves, gives = waves.astype(out.dtype), gives.astype(out.dtype)
    surface = waves @ (waves.T @ charges @ waves * gives) @ waves.T
    out[:, inner, inner] = np.where(known, values, surface)
    return out


@cache
def _waves(n: int, zero_border: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a grid [n,n]: the waves along a line [n,n], one a column; how far a pair of them gives to a charge [n,n]; how
    far a node gives to one at another, in parts: by the nodes between them, or their sums of places [2n+2,2n+2]."""
    if zero_border:
        turns, share = np.pi * np.arange(1, n + 1) / (n + 1), 1 / (n + 1)  # turns: of each wave from node to node
        waves = np.sin(np.arange(1, n + 1)[:, None] * turns)
    else:
        turns, share = np.pi * np.arange(n) / n, 1 / n
        waves = np.cos((np.arange(n) + 0.5)[:, None] * turns)
    waves /= np.linalg.norm(waves, axis=0)
    stiffness = 2 - 2 * np.cos(turns)
    gives = 1 / np.maximum(stiffness[:, None] + stiffness, LEVEL)
    cosines = np.cos(np.arange(2 * n + 2)[:, None] * turns) * np.where(turns > 0, share, share / 2)
    return waves, gives, cosines @ gives @ cosines.T
