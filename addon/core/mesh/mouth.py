"""The inside of the mouth: upper teeth (fixed to the head), lower teeth and tongue (riding with the jaw), a dark
cavity.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .patch import Patch
from .seams import Seams

ARCH_WIDTH = 0.62  # of the dental arch, eye distances
CHEEKS = (205, 425)
STANDARD_SKIN = np.array([1.23, 0.96, 0.81])  # a standard skin's colour, over its own mean
UPPER_WIDTHS = (0.22, 0.17, 0.19, 0.17, 0.15)  # of the teeth from the middle outwards
LOWER_WIDTHS = (0.15, 0.16, 0.19, 0.20, 0.20)
TINT = 0.6


@dataclass(frozen=True)
class Palette:
    """RGB [3] of teeth, tongue and cavity, 0..255."""

    teeth: np.ndarray
    tongue: np.ndarray
    cavity: np.ndarray


def mouth_palette(image: np.ndarray, landmarks: np.ndarray, white: np.ndarray, eye_distance: float) -> Palette:
    """Colours under the photo's own light: of its cheeks and the white of its eyes; grey where the skin is."""
    samples = []
    for cheek in CHEEKS:
        cx, cy = landmarks[cheek, :2]
        r = 0.12 * eye_distance
        patch = Patch.around(len(image), cx - r, cx + r, cy - r, cy + r)
        samples.append(patch.of(image)[np.hypot(patch.x - cx, patch.y - cy) < r])
    skin = np.median(np.concatenate(samples), axis=0).clip(1)
    light = skin.mean()
    tint = (skin / light / STANDARD_SKIN) ** TINT
    chroma = np.clip(np.ptp(skin) / skin.max() / 0.25, 0, 1)

    def lit(colour: np.ndarray) -> np.ndarray:
        colour = colour * tint
        return colour * chroma + colour.mean() * (1 - chroma)

    teeth = np.array([1.0, 0.95, 0.86]) * np.clip(light * 1.12, 60, 215)
    teeth = 0.6 * teeth + 0.4 * np.minimum(white, teeth * 1.1)
    return Palette(
        lit(teeth), lit(np.array([0.62, 0.30, 0.28]) * light * 0.75), lit(np.array([0.20, 0.075, 0.07]) * light)
    )


def mouth_patch(size: int, landmarks: np.ndarray, seams: Seams, openings) -> Patch:
    """Where anything of the mouth's inside may ever show."""
    x0, x1 = openings.mouth
    w = x1 - x0
    middle = (seams.upper_lip + seams.lower_lip) / 2
    level = middle[(np.linspace(-1, 1, size) > x0) & (np.linspace(-1, 1, size) < x1)]
    eyes, lips = landmarks[[33, 263], 1].mean(), landmarks[[13, 14], 1].mean()
    top = max(level.min() - 0.75 * w, (eyes + lips) / 2)
    return Patch.around(size, x0 - 0.15 * w, x1 + 0.15 * w, top, level.max() + 0.75 * w)


def teeth_and_tongue(patch: Patch, landmarks, yaw: float, palette: Palette, eye_distance: float):
    """(upper teeth, lower teeth with tongue): float32 RGBA [h,w,4], colours 0..255, alpha 0..1."""
    e = eye_distance
    middle = np.array([landmarks[[78, 308], 0].mean() - np.sin(yaw) * 0.12 * e, landmarks[[13, 14], 1].mean()])
    u = (patch.x - middle[0]) / (ARCH_WIDTH * e / 2)
    y = patch.y - middle[1]
    upper = _row(u, y, patch.size, palette.teeth, UPPER_WIDTHS, -0.16 * e, 0.085 * e, -0.05 * e, 1.0)
    lower = _row(u, y, patch.size, palette.teeth, LOWER_WIDTHS, 0.20 * e, 0.06 * e, -0.03 * e, 0.62)
    v = (y + 0.03 * e) / (0.20 * e)
    tongue = np.clip((1 - (u / 0.8) ** 2 - ((v - 0.6) / 0.75) ** 2) * 6, 0, 1)
    shade = np.clip(0.5 + 0.5 * v, 0.3, 0.9) * (1 - 0.15 * np.exp(-((u / 0.07) ** 2)))
    a = lower[..., 3:]
    rgb = lower[..., :3] * a + palette.tongue * shade[..., None] * (1 - a)
    return upper, np.concatenate([rgb, np.maximum(a, 0.95 * tongue[..., None])], -1)


def _row(u, y, size, colour, widths, root, edge, bend, brightness) -> np.ndarray:
    """One row of teeth from its root to its biting edge (heights below the middle): RGBA [h,w,4]. u: -1..1 along the
    arch.
    """
    borders = np.concatenate([-np.cumsum(widths)[::-1], [0], np.cumsum(widths)])
    borders = borders / borders[-1]
    along = np.arcsin(np.clip(u, -1, 1)) / (np.pi / 2) * 0.55 + u * 0.45
    tooth = np.clip(np.searchsorted(borders, along.ravel()) - 1, 0, len(borders) - 2).reshape(along.shape)
    across = (along - borders[tooth]) / (borders[tooth + 1] - borders[tooth])
    height = (y - root - bend * u**2) / (edge - root)  # 0 at the root, 1 at the edge
    pixels = abs(edge - root) * (size - 1) / 2
    rounded = (np.abs(across - 0.5) * 2) ** 4 * 0.05
    alpha = (
        np.clip((1 - rounded - height) * pixels + 0.5, 0, 1) * np.clip(height * pixels + 0.5, 0, 1) * (np.abs(u) < 1)
    )
    between = 1 - 0.2 * np.exp(-((np.minimum(across, 1 - across) / 0.07) ** 2))
    aside = np.clip(1.05 - 0.75 * np.abs(u) ** 2.2, 0.08, 1)
    under_lip = 0.55 + 0.45 * np.clip(height * 1.5, 0, 1) if edge > root else 0.9
    shade = np.broadcast_to(between * aside * under_lip * brightness, alpha.shape)
    return np.concatenate([colour * shade[..., None], alpha[..., None]], -1)


def own_inside(patch: Patch, image: np.ndarray, seams: Seams, openings, eye_distance: float):
    """An open mouth keeps its own inside, its columns going on under the lips.

    Returns RGB [h,w,3], its share of a pixel [h,w] and how much the mouth has of an inside, 0..1.
    """
    x, y, pixel = patch.x, patch.y, 2 / (patch.size - 1)
    x0, x1 = openings.mouth
    w = x1 - x0
    upper, lower, gap, rim = (patch.over(v) for v in (seams.upper_lip, seams.lower_lip, seams.lip_gap, seams.lip_rim))
    # A slit's few dark pixels, continued, would look like a missing tooth.
    has = float(np.clip((seams.lip_gap.max() / eye_distance - 0.03) / 0.06, 0, 1))
    keep = 0.14 * gap + rim
    nearest = np.clip(y, upper + keep, np.maximum(lower - keep, upper + keep))
    colour = patch.sample(image, x, nearest)
    blurred = cv2.GaussianBlur(colour, (0, 0), 1.2 * patch.size / 512)
    colour = np.where((np.abs(nearest - y) > pixel)[..., None], blurred, colour)
    below = np.clip(1.6 - (y - lower) / (0.05 * eye_distance), 0, 1)
    above = np.clip(1 - 0.5 * (upper - y) / (0.08 * eye_distance), 0.3, 1)
    within = (x > x0 + 0.02 * w) & (x < x1 - 0.02 * w)
    return colour * above[..., None], has * within * below, has
