"""How a face's parts are spaced: a smooth stretch of the whole head, beyond what the head's own shapes can do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

# Heights from the eyes, metres: below the chin, chin, mouth, nose, eyes, brows, hairline, crown.
LEVELS = np.array([-0.15, -0.115, -0.078, -0.045, 0.0, 0.025, 0.062, 0.125])
STILL = np.array([-0.40, -0.22, 0.16])  # what lies here keeps its shape
INNER, OUTER = 0.026, 0.058  # metres from the middle: up to here the face's inside, from here on its outline
# In powers of e, how people differ from anny's average: longer chins, shorter noses, lower brows, narrower heads.
USUAL_HEIGHTS, USUAL_OUTLINE = np.array([0.0, 0.08, 0.0, -0.05, -0.15, 0.0, 0.0]), -0.03
FRONT, BACK = 0.0, 0.09  # depths: full and no share in the profile


@dataclass(frozen=True)
class Proportions:
    """heights [7]: how much longer each stretch between LEVELS is; inner, outer [8]: how much wider the face is at each
    level inside and at its outline; profile [8]: metres by which it stands back."""

    heights: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    profile: np.ndarray

    def applied(self, points: np.ndarray) -> np.ndarray:
        """Points [n,3], the origin between the eyes, which stays -> float32 [n,3]."""
        x, y, z = points.astype(np.float64).T
        lengths = np.diff(LEVELS) * self.heights
        new = np.concatenate([[0], np.cumsum(lengths)])
        new -= new[list(LEVELS).index(0.0)]
        above, below = new[-1] - LEVELS[-1], new[0] - LEVELS[0]
        knots = np.concatenate([STILL[:2], LEVELS, STILL[2:], [1.0]])
        moved = np.concatenate([[*(STILL[:2] + below)], new, STILL[2:] + above, [1.0 + above]])
        height = PchipInterpolator(knots, moved)(np.clip(z, knots[0], knots[-1])) + np.minimum(z - knots[0], 0)
        inside = np.clip((OUTER - np.abs(x)) / (OUTER - INNER), 0, 1)
        inside = inside * inside * (3 - 2 * inside)
        width = self._at(self.inner, z, 1.0) * inside + self._at(self.outer, z, 1.0) * (1 - inside)
        front = np.clip((BACK - y) / (BACK - FRONT), 0, 1)
        depth = y + self._at(self.profile, z, 0.0) * front * front * (3 - 2 * front)
        return np.stack([x * width, depth, height], 1).astype(np.float32)

    @staticmethod
    def _at(values: np.ndarray, z: np.ndarray, elsewhere: float) -> np.ndarray:
        knots = np.concatenate([STILL[:2], LEVELS, STILL[2:]])
        held = np.concatenate([[elsewhere] * 2, values, [values[-1]]])
        return PchipInterpolator(knots, held)(np.clip(z, knots[0], knots[-1]))


def draw_proportions(rng: np.random.Generator, amount: float = 1.0) -> Proportions:
    """amount: 0 everybody alike .. 1 as people differ."""
    heights = np.exp(USUAL_HEIGHTS + amount * rng.normal(0, [0.08, 0.12, 0.12, 0.09, 0.12, 0.13, 0.06]))
    outline, inside = rng.normal(0, 0.045), rng.normal(0, 0.04)
    outer = np.exp(USUAL_OUTLINE + amount * (outline + _drifting(rng, 0.055)))
    inner = np.exp(amount * (inside + _drifting(rng, 0.06)))
    return Proportions(heights, inner, outer, amount * _drifting(rng, 0.0042))


def _drifting(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Values [8] about 0 of which neighbours are alike."""
    values = rng.normal(0, spread, len(LEVELS))
    return 0.6 * values + 0.4 * np.roll(values, 1)
