"""Folds and lines of a person's skin, carved into its chart: those that units throw, and those that only age draws.

A curve is points (x, z) [n] each, in metres on the average face, and how deep it is at each, 0..1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from addon.core.attributes import INDEX

from .smooth_step import smooth_step

if TYPE_CHECKING:
    from .skin_map import Atlas

# Groups of folds and which units throw them, in the order of the two pictures' channels.
FOLDS: dict[str, dict[str, float]] = {
    "forehead": {"AU01": 1.0, "AU02": 0.35},
    "forehead's sides": {"AU02": 1.0, "AU01": 0.1},
    "glabella": {"AU04": 1.0, "AU09": 0.45},
    "crow's feet": {"AU06": 1.0, "AU12": 0.35, "AU07": 0.25, "AU45": 0.15},
    "nose root": {"AU09": 1.0, "AU10": 0.15},
    "nasolabial": {"AU12": 0.85, "AU09": 0.7, "AU10": 0.8, "AU06": 0.25, "AU14": 0.3, "AU20": 0.3},
    "chin": {"AU17": 1.0, "AU23": 0.15},
    "under the eyes": {"AU06": 0.8, "AU07": 0.8, "AU12": 0.3, "AU09": 0.4},
}
DEEPEST = 1.3
STANDING = (0.6, 0.6, 0.4, 0.55, 0.1, 0.85, 0.25, 0.7)  # how deep age leaves each


def thrown_folds(attributes: np.ndarray) -> np.ndarray:
    """How deep each of FOLDS is under a vector [25]: float [8], 1 for a full contraction."""
    folds = [sum(float(attributes[INDEX[unit]]) * w for unit, w in fold.items()) for fold in FOLDS.values()]
    return np.minimum(folds, DEEPEST)


def carved_folds(atlas: Atlas, rng, patches, fine) -> list[np.ndarray]:
    """Height of each of FOLDS, float32 [N,N]: -1 in the depth of a fold, its rims above 0."""
    groups: list[tuple[float, list]] = []
    x = np.linspace(-0.058, 0.058, 40)
    lines = []
    for i in range(rng.integers(3, 6)):
        wave = 0.002 * np.sin(x * rng.uniform(50, 110) + rng.uniform(0, 6)) + 0.0035 * np.exp(-((x / 0.03) ** 2))
        depth = 0.65 + 0.35 * np.sin(x * rng.uniform(50, 110) + rng.uniform(0, 6))
        lines.append(
            (x, 0.0355 + 0.0072 * i + rng.normal(0, 0.0008) - 0.12 * np.maximum(np.abs(x) - 0.03, 0) + wave, depth)
        )
    middle, sides = np.exp(-((x / 0.026) ** 2)), np.exp(-(((np.abs(x) - 0.042) / 0.019) ** 2))
    groups.append((0.00125, [(x, z, d * middle) for x, z, d in lines]))
    groups.append((0.00125, [(x, z, d * np.maximum(sides, 0.25 * middle)) for x, z, d in lines]))
    z = np.linspace(0.003, 0.041, 14)
    fading = smooth_step(z, 0.003, 0.012) * smooth_step(z, 0.041, 0.028)
    frown = [
        (
            side * (rng.normal(0.0066, 0.0010) + rng.normal(0.1, 0.05) * (z - 0.02)),
            z,
            1.2 * fading * rng.uniform(0.6, 1.1),
        )
        for side in (-1, 1)
    ]
    if rng.random() < 0.3:
        frown.append((rng.normal(0, 0.002) + 0 * z, z, 0.7 * fading))
    groups.append((0.0012, frown))
    t = np.linspace(0, 1, 10)
    rays = rng.integers(3, 6)
    crow = []
    for side in (-1, 1):
        for i in range(rays):
            angle = -0.75 + 1.35 * i / (rays - 1) + rng.normal(0, 0.08)
            far = 0.007 + t * rng.uniform(0.012, 0.019)
            bend = angle + 0.25 * t * np.sign(angle)
            crow.append((side * (0.0475 + far * np.cos(bend)), -0.0005 + far * np.sin(bend), np.sin(np.pi * t) ** 0.6))
    groups.append((0.0010, crow))
    x = np.linspace(-0.0135, 0.0135, 16)
    root = [
        (x, 0.0005 - 0.0052 * i + 12 * x**2 + rng.normal(0, 0.0006), (1 - 0.2 * i) * np.exp(-((x / 0.011) ** 2)))
        for i in range(3)
    ]
    z = np.linspace(-0.022, 0.005, 10)
    for side in (-1, 1):
        for k in range(2):
            root.append(
                (side * (0.0105 + 0.003 * k + 0.25 * (z + 0.012)), z, 0.7 * np.sin(np.pi * np.linspace(0, 1, 10)))
            )
    groups.append((0.0010, root))
    t = np.linspace(0, 1, 18)
    ends = np.array([[0.0195, -0.045], [rng.normal(0.0350, 0.0015), rng.normal(-0.081, 0.002)]])
    bow = rng.normal(0.0035, 0.001) * np.sin(np.pi * t)
    path = ends[0] + t[:, None] * (ends[1] - ends[0]) + bow[:, None] * (0.9, 0.42)
    nasolabial = [
        (side * path[:, 0], path[:, 1], smooth_step(t, -0.05, 0.1) * smooth_step(t, 1.05, 0.75)) for side in (-1, 1)
    ]
    groups.append((0.0026, nasolabial))
    x = np.linspace(-0.016, 0.016, 14)
    groups.append((0.0019, [(x, -0.0905 - 5 * x**2, 0.9 * np.exp(-((x / 0.012) ** 2)))]))
    x = np.linspace(0.018, 0.048, 16)
    bags = []
    for side in (-1, 1):
        for i in range(2):
            z = -0.0085 - 0.0045 * i + 9 * (x - 0.031) ** 2 + 0.06 * (x - 0.031) + rng.normal(0, 0.0005)
            bags.append((side * x, z, (1 - 0.35 * i) * np.sin(np.pi * np.linspace(0, 1, 16)) ** 0.6))
    groups.append((0.0010, bags))
    heights = [_carved(atlas, curves, width) for width, curves in groups]
    dimples = np.exp(-((atlas.x / 0.015) ** 2) - ((atlas.z + 0.103) / 0.013) ** 2) * (atlas.places[..., 1] < 0.03)
    heights[6] = heights[6] + (1.1 * patches + 0.4 * fine) * 0.8 * dimples.astype(np.float32)
    heights[0] = heights[0] * np.clip(1 + 0.25 * patches, 0.2, 1.6)
    return heights


def lines_of_age(atlas: Atlas, rng) -> np.ndarray:
    """Height of what only age draws: beside the chin, around the lips, on the neck."""
    t = np.linspace(0, 1, 12)
    curves = []
    for side in (-1, 1):
        curves.append(
            (side * (0.029 + 0.008 * t + rng.normal(0, 0.001)), -0.078 - 0.024 * t, 0.8 * np.sin(np.pi * t) ** 0.7)
        )
    fine = []
    for x in np.linspace(-0.019, 0.019, 9):
        x = x + rng.normal(0, 0.001)
        above = -0.0620 - 0.18 * abs(x) + 0.007 * t
        fine.append((x * (1 + 0.1 * t), above, 0.45 * np.sin(np.pi * t)))
        fine.append((x * (1 + 0.1 * t), -0.0885 + 0.2 * abs(x) - 0.005 * t, 0.3 * np.sin(np.pi * t)))
    return _carved(atlas, curves, 0.0018) + _carved(atlas, fine, 0.0008)


def _carved(atlas: Atlas, curves: list, width: float) -> np.ndarray:
    """Height of folds `width` metres wide along curves: -1 in their depth, up to .4 on their rims; float32 [N,N]."""
    size = atlas.size
    line = np.zeros((size, size), np.uint8)
    for x, z, depth in curves:
        at = np.int32(np.round(16 * atlas.pixels(x, z)))
        depth = np.broadcast_to(depth, len(at))
        for k in range(len(at) - 1):
            value = round(127.5 * float(depth[k] + depth[k + 1]))
            if value > 3:
                cv2.line(line, at[k].tolist(), at[k + 1].tolist(), min(value, 255), 1, cv2.LINE_AA, 4)
    rows = np.nonzero(line.any(1))[0]
    if not len(rows):
        return np.zeros((size, size), np.float32)
    sigma = max(atlas.scale(width) / 1.4142, 0.6)
    margin = int(8 * sigma)
    band = slice(max(rows[0] - margin, 0), rows[-1] + margin)
    out = np.zeros((size, size), np.float32)
    drawn = line[band].astype(np.float32) / 255
    peak = sigma * 2.5066
    out[band] = -1.7 * peak * cv2.GaussianBlur(drawn, (0, 0), sigma)
    out[band] += 0.7 * 2.2 * peak * cv2.GaussianBlur(drawn, (0, 0), 2.2 * sigma)
    return np.clip(out, -1.6, 1.0)
