"""The light on a person: a key and a second lamp, and light from all around, exposed as a camera would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """Linear RGB. Directions are unit vectors towards the lamps; ambient float64 [4,3]: constant, then how it grows
    along x, y and z."""

    key: np.ndarray
    key_colour: np.ndarray
    fill: np.ndarray
    fill_colour: np.ndarray
    ambient: np.ndarray
    softness: float  # of the key's shadows: 0 hard sun, 1 a window

    def numbers(self) -> np.ndarray:
        """float32 [25]: key, its colour, fill, its colour, ambient, softness."""
        parts = (self.key, self.key_colour, self.fill, self.fill_colour, self.ambient.ravel(), [self.softness])
        return np.concatenate(parts).astype(np.float32)


def draw_light(rng: np.random.Generator, skin: np.ndarray) -> Light:
    """skin: linear RGB of who is lit; the exposure makes up for most of a dark or fair skin."""
    key, fill = _towards(rng, -0.15, 1.1, 1.4), _towards(rng, -0.6, 0.9, 2.4)
    ratio = rng.choice([rng.uniform(0.8, 2.2), rng.uniform(2.0, 6.0)], p=[0.55, 0.45])
    warmth = rng.normal(0, 0.07)
    key_colour = ratio * _tint(rng, warmth, 0.03)
    fill_colour = rng.uniform(0, 0.5) * ratio * _tint(rng, rng.normal(0, 0.16), 0.06)
    around = _tint(rng, -0.6 * warmth + rng.normal(0, 0.05), 0.03) * rng.uniform(0.45, 0.9)
    slopes = np.stack([rng.normal(0, s) * around * _tint(rng, rng.normal(0, 0.08), 0.04) for s in (0.2, 0.15, 0.1)])
    slopes[2] += rng.uniform(0.1, 0.6) * around
    ambient = np.concatenate([around[None], slopes])
    facing = max(-0.9 * key[1] + 0.25 * key[2] + 0.1, 0.1)
    lit = (key_colour * facing + 0.3 * fill_colour + around).mean()
    brightness = float(np.mean(skin))
    target = 0.46 * (brightness / 0.30) ** 0.5 * np.exp(rng.normal(0, 0.22))
    exposure = target / (lit * brightness)
    return Light(
        key, key_colour * exposure, fill, fill_colour * exposure, ambient * exposure, float(rng.uniform(0, 1) ** 0.7)
    )


def _towards(rng, low: float, high: float, side: float) -> np.ndarray:
    azimuth, height = rng.uniform(-side, side), rng.uniform(low, high)
    return np.array([np.sin(azimuth) * np.cos(height), -np.cos(azimuth) * np.cos(height), np.sin(height)])


def _tint(rng, warmth: float, spread: float) -> np.ndarray:
    """RGB near 1: warm above 0, cold below."""
    return np.exp(np.array([warmth, 0, -1.3 * warmth]) + rng.normal(0, spread, 3))
