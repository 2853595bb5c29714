"""Eyeballs under the lids, and the lash line of a lid that falls."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from .layout import IRISES, LOWER_LIDS, UPPER_LIDS, smoothstep
from .patch import Patch
from .seams import Seams

DARK_IRIS = np.array([40, 35, 30], np.float32)
EDGE_REACH = 0.05  # eye distances over which light and shade of the opening's edge go on under the lids
SHADOW_REACH = 0.4  # of the opening: how far from a lid its shadow is looked for
DEEPEST_SHADOW, BRIGHTEST_SHADOW = 0.25, (1.0, 1.5)  # of the upper and the lower lid, whose rim glistens
# How an edge is lit against what is painted: grey levels added on both sides, limits.
DARK, LIT = 8.0, (0.4, 1.2)
EVEN = 0.04  # of the eye's width: the light is evened out along the lid, since no iris is quite where it is read


def paint_eyeballs(inner: np.ndarray, image: np.ndarray, landmarks, openings, seams: Seams, eye_distance: float):
    """Fills `inner` (float32 [S,S,3], the photo at first) with the eyeballs, also where lids hide them.

    Returns (the white's colour [3], shadows of the upper and the lower lid float32 [2,S,S,3]). A shadow is what a lid,
    its lashes and its wet rim make of the light beside them: taken out of `inner`, so that it moves with the lid in
    place of staying on the eyeball.
    """
    size = len(image)
    pixel = 2 / (size - 1)
    shadows = np.ones((2, size, size, 3), np.float32)
    whites = []
    for (x0, x1), up, low, iris in zip(openings.eyes, UPPER_LIDS, LOWER_LIDS, IRISES, strict=True):
        w = x1 - x0
        cx, cy = (x0 + x1) / 2, landmarks[[*up, *low], 1].mean()
        patch = Patch.around(size, cx - 0.62 * w, cx + 0.62 * w, cy - 0.5 * w, cy + 0.5 * w)
        x, y, own = patch.x, patch.y, patch.of(image)
        upper, lower, gap, rim = (
            patch.over(v) for v in (seams.upper_lid, seams.lower_lid, seams.lid_gap, seams.lid_rim)
        )
        within = (y > upper + 1.3 * rim + 1.5 * pixel) & (y < lower - 0.1 * gap - pixel) & (gap > 4 * pixel)
        centre = landmarks[iris[0], :2]
        radius = max(np.linalg.norm(landmarks[list(iris[1:]), :2] - centre, axis=1).mean(), pixel)
        away = np.hypot(x - centre[0], y - centre[1])
        sclera = within & (away > 1.2 * radius)
        white = np.percentile(own[sclera], 60, axis=0) if sclera.sum() > 20 else own.max((0, 1)) * 0.8
        whites.append(white)
        ball = _diffused(own, sclera, white, w / pixel)
        ball = _with_iris(ball, own, image, patch, within, centre, radius, away)
        top, bottom = upper + rim, np.maximum(lower - 0.1 * gap, upper + rim + pixel)
        # How the photo is lit against what is painted: next to a lid it lies in the lid's shadow.
        lit = (own + DARK) / (ball + DARK)
        seen = ((y > top - 2 * pixel) & (y < lower + 2 * pixel) & (gap > 4 * pixel))[..., None]
        clean = own.copy()
        for shadow, away, brightest in zip(shadows, (y - top, lower - y), BRIGHTEST_SHADOW, strict=True):
            away = np.clip(away / np.maximum(SHADOW_REACH * gap, pixel), 0, 1)[..., None]
            shade = np.clip(lit, DEEPEST_SHADOW, brightest)
            shade = np.where(seen, shade + (1 - shade) * smoothstep(away), 1)
            patch.of(shadow)[:] = np.where(seen, shade, patch.of(shadow))
            clean /= shade
            lit = lit / shade
        # Next to the opening its own light goes on, so that no line is left where a lid was.
        nearest = np.clip(y, top + 0.5 * pixel, bottom)
        row = np.clip(np.rint((nearest - y[0, 0]) / pixel), 0, len(y) - 1).astype(int)[..., None]
        lit = np.clip((np.take_along_axis(clean, row, 0) + DARK) / (np.take_along_axis(ball, row, 0) + DARK), *LIT)
        lit = cv2.GaussianBlur(lit, (0, 0), sigmaX=EVEN * w / pixel, sigmaY=0.1)
        ball = ball * lit ** np.exp(-(((y - nearest) / (EDGE_REACH * eye_distance)) ** 2))[..., None]
        soft = 1.2 * pixel
        shown = (y > top - soft) & (y < lower + soft)
        patch.of(inner)[:] = np.where(shown[..., None], clean, ball)
    return np.mean(whites, axis=0), shadows


def _diffused(own: np.ndarray, within: np.ndarray, white: np.ndarray, width: float) -> np.ndarray:
    """The white's own pixels spread outwards, far away its colour. width: of the eye, pixels."""
    colour = np.where(within[..., None], own, 0).astype(np.float32)
    weight = within.astype(np.float32)
    total, share = 2e-5 * white, np.float32(2e-5)
    for sigma, amount in ((0.05 * width, 1.0), (0.2 * width, 0.02)):
        total = total + amount * cv2.GaussianBlur(colour, (0, 0), sigma)
        share = share + amount * cv2.GaussianBlur(weight, (0, 0), sigma)
    return total / share[..., None]


def _with_iris(ball, own, image, patch: Patch, within, centre, radius, away) -> np.ndarray:
    """The iris' hidden part: mirrored about its centre where the mirror image is open, else its middle colour."""
    x, y = 2 * centre[0] - patch.x, 2 * centre[1] - patch.y
    mirrored = patch.sample(image, x, y)
    open_map = np.zeros((patch.size, patch.size), np.float32)
    patch.of(open_map)[:] = within
    usable = patch.sample(open_map, x, y)[..., None]
    ring = within & (away < 0.95 * radius) & (away > 0.5 * radius)
    colour = np.median(own[ring], axis=0) if ring.sum() > 10 else DARK_IRIS
    share = np.clip((radius - away) * (patch.size - 1) / 4 + 0.5, 0, 1)[..., None]
    return ball * (1 - share) + (0.85 * mirrored * usable + 0.8 * colour * (1 - usable)) * share


def lash_factor(image: np.ndarray, openings, seams: Seams) -> np.ndarray:
    """float32 [S,S]: what darkens the upper lid's rim to its column's lash colour; else a shut lid shows eye pixels
    as beads.
    """
    size = len(image)
    pixel = 2 / (size - 1)
    factor = np.ones((size, size), np.float32)
    grey = cv2.cvtColor(np.clip(image, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    for (x0, x1), up_line in ((eye, seams.upper_lid) for eye in openings.eyes):
        w = x1 - x0
        columns = (np.linspace(-1, 1, size) > x0) & (np.linspace(-1, 1, size) < x1)
        if not columns.any():
            continue
        level = up_line[columns]
        patch = Patch.around(size, x0, x1, level.min() - 0.4 * w, level.max() + 0.4 * w)
        y, lum = patch.y, patch.of(grey)
        upper, gap = patch.over(seams.upper_lid), patch.over(seams.lid_gap)
        zone = (y > upper - 0.06 * w) & (y < upper + pixel)
        dark = np.minimum(np.where(zone, lum, 999).min(0), 160)
        dark = gaussian_filter1d(dark, max(0.06 * w / pixel, 1), mode="nearest")
        darker = np.clip(dark[None] / np.maximum(lum, 1), 0.1, 1)
        share = np.clip((y - (upper - 0.01 * w)) / (1.5 * pixel) + 0.5, 0, 1) * (gap > pixel)
        target = patch.of(factor)
        target[:] = np.where(np.abs(y - upper) < 0.4 * w, 1 - share * (1 - darker), target)
    return factor
