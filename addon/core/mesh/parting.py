"""Where the two layers of skin part: which of them shows at a node, and the windows outside which nothing parts."""

from __future__ import annotations

import numpy as np

from .layout import GRID, grid
from .seams import Seams

APART = 0.05  # pixels: what layers that lie so near each other show is the same
FAINT = 1e-3  # light that nobody sees
BESIDE = 2  # nodes around a seam that belong to its window: rims, soft edges and the lash line


def layer_side(seams: Seams) -> np.ndarray:
    """[G,G]: 1 where the layer above shows, 0 where the one below or what lies behind them."""
    y = grid(GRID)[1]
    above = (y < _at_nodes(seams.upper_lid + seams.lid_rim)) | (y > _at_nodes(seams.lower_lip - seams.lip_rim))
    return above.astype(float)


def windows(seams: Seams, above: np.ndarray, below: np.ndarray, scale: float, drawn: np.ndarray) -> np.ndarray:
    """[3,2,2]: (row, column) of the first node and of the one past the last of all that is drawn or parts, of what
    parts along the eyes' seams, and of what parts along the mouth's.

    above, below [U,3,G,G]: the layers' motions; drawn [N,G,G]: how strongly units draw light and shade."""
    apart = np.abs(above - below).max((0, 1)) * scale * len(seams.upper_lid) / 2 > APART
    step = 2 / (GRID - 1)
    y = grid(GRID)[1]
    openings = []
    for upper, lower, gap in (
        (seams.upper_lid, seams.lower_lid, seams.lid_gap),
        (seams.upper_lip, seams.lower_lip, seams.lip_gap),
    ):
        upper, lower = _at_nodes(upper), _at_nodes(lower)
        near = (y > upper - BESIDE * step) & (y < lower + BESIDE * step)
        columns = np.flatnonzero((near & apart).any(0) | (_at_nodes(gap) > 0))
        columns = columns if len(columns) else np.array([GRID // 2])
        rows = np.flatnonzero(near[:, columns].any(1))
        openings.append([(rows[0], columns[0] - 1), (rows[-1] + 1, columns[-1] + 2)])
    rows, columns = np.nonzero(np.abs(drawn).sum(0) > FAINT)
    shaded = [(rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)] if len(rows) else openings[0]
    every = np.array([shaded, *openings])
    return np.clip([(every[:, 0].min(0), every[:, 1].max(0)), *openings], 0, GRID).astype(float)


def _at_nodes(line: np.ndarray) -> np.ndarray:
    """Heights over the crop's pixels [S] -> over its nodes [G]."""
    return np.interp(np.linspace(0, 1, GRID), np.linspace(0, 1, len(line)), line)
