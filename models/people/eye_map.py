"""An eye painted as a picture: pupil, iris with its fibres, the ring around it, white with its veins."""

from __future__ import annotations

import cv2
import numpy as np

from .complexion import Complexion
from .head import IRIS
from .smooth_step import smooth_step

SIZE = 512
WIDEST = 1.6  # radians from straight ahead that the picture's edge stands for


def place(directions: np.ndarray) -> np.ndarray:
    """Directions [n,3] from an eyeball's centre in the eye's own frame (-y ahead) -> [n,2] on the picture, 0..1: to the
    person's left, up."""
    d = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    angle = np.arccos(np.clip(-d[:, 1], -1, 1))
    flat = d[:, [0, 2]] / np.maximum(np.linalg.norm(d[:, [0, 2]], axis=1, keepdims=True), 1e-6)
    return 0.5 + 0.5 * flat * (np.minimum(angle, WIDEST) / WIDEST)[:, None]


def paint_eye(skin: Complexion, fleck: float) -> np.ndarray:
    """uint8 [SIZE,SIZE,4] sRGB, row 0 the lowest; fleck 0..1: which pattern the iris has."""
    rng = np.random.default_rng(int(fleck * 2**31))
    at = ((np.arange(SIZE) + 0.5) / SIZE - 0.5) * 2 * WIDEST
    x, y = np.meshgrid(at.astype(np.float32), at.astype(np.float32))
    angle = np.hypot(x, y)
    r, turn = angle / IRIS, np.arctan2(y, x)  # r = 1 at the limbus
    fine = _around(rng, turn, r, 90, 3) + 0.6 * _around(rng, turn, r, 200, 2)
    collarette = skin.pupil + 0.22 + 0.06 * _around(rng, turn, 0 * r, 14, 1)
    outer = smooth_step(r, collarette - 0.08, collarette + 0.14)[..., None]
    iris = np.array(skin.iris_inner) + (np.array(skin.iris) - skin.iris_inner) * outer
    iris = iris * np.exp(0.40 * skin.iris_contrast * fine)[..., None]
    iris = iris * (1.2 - 0.3 * smooth_step(r, 0.35, 0.8) - skin.limbus * smooth_step(r, 0.80, 1.0) * 0.9)[..., None]
    veins = np.exp(-((_field(rng, 26) / 0.07) ** 2)) * np.clip(0.5 + 0.7 * _field(rng, 5), 0, 1)
    red = np.clip(smooth_step(angle, 0.5, 1.3) * (0.35 + (0.3 + skin.veins) * veins), 0, 1)[..., None]
    white = np.array(skin.sclera) * (1 - red * np.array([0.07, 0.34, 0.40]))
    colour = iris + (white - iris) * smooth_step(r, 0.93, 1.06)[..., None]
    colour = 0.004 + (colour - 0.004) * smooth_step(r, skin.pupil - 0.04, skin.pupil + 0.04)[..., None]
    srgb = np.clip(colour, 0, 1) ** (1 / 2.2)
    return (np.concatenate([srgb, np.ones((SIZE, SIZE, 1))], -1) * 255 + 0.5).astype(np.uint8)


def _field(rng, cells: int) -> np.ndarray:
    """Smooth noise [SIZE,SIZE] of deviation about 1."""
    return cv2.resize(rng.standard_normal((cells, cells), np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def _around(rng, turn: np.ndarray, r: np.ndarray, spokes: int, rings: int) -> np.ndarray:
    """Noise along spokes, of deviation about 1."""
    grid = rng.standard_normal((rings + 2, spokes), np.float32)
    grid = np.concatenate([grid, grid[:, :2]], 1)
    column = ((turn / (2 * np.pi)) % 1 * spokes).astype(np.float32)
    return cv2.remap(grid, column, (np.clip(r, 0, 1) * rings).astype(np.float32), cv2.INTER_LINEAR)
