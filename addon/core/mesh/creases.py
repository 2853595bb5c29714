"""Creases that the units draw: one map of signed shading at full resolution, and for each unit the zones it switches
on.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..attributes import UNITS
from .layout import BROWS, GRID, LOWER_LIDS, UPPER_LIDS, curve, grid

# Unit -> zones and how strongly it draws their creases.
DRAWS = {
    "AU01": (("forehead_inner", 1.0),),
    "AU02": (("forehead_outer", 1.0),),
    "AU04": (("glabella", 1.0),),
    "AU06": (("crow", 1.0),),
    "AU09": (("bridge", 1.0), ("glabella", 0.4)),
    "AU12": (("crow", 0.45),),
    "AU15": (("chin", 0.4),),
    "AU17": (("chin", 1.0),),
    "AU45": (("lid", 1.0),),
}
FOREHEAD, GLABELLA, CROW, BRIDGE, CHIN = 0.10, 0.11, 0.09, 0.10, 0.10
BROW_LINE = (*BROWS[0], *BROWS[1])
UNDER_EYES = (119, 348)
LARGEST_MAP = 768  # pixels: shading is soft, larger crops enlarge this


def crease_zones(landmarks: np.ndarray, eye_distance: float) -> np.ndarray:
    """[U,G,G] float32: how much of the crease map each unit switches on at every node."""
    zones = _zones(landmarks, eye_distance, *grid(GRID))
    out = np.zeros((len(UNITS), GRID, GRID), np.float32)
    for unit, draws in DRAWS.items():
        for zone, strength in draws:
            out[UNITS.index(unit)] += strength * zones[zone]
    return out


def crease_map(photo: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> np.ndarray:
    """[S,S] float32 around 0: a pixel is multiplied by 1 + map x zone weight. photo float32 [S,S,3], 0..255."""
    size = len(photo)
    n = min(size, LARGEST_MAP)
    small = photo if n == size else cv2.resize(photo, (n, n), interpolation=cv2.INTER_AREA)
    x, y = (v.astype(np.float32) for v in grid(n))
    zones = _zones(landmarks, eye_distance, x, y)
    grey = small.mean(-1)
    drawn = _forehead(landmarks, eye_distance, x, y, zones) + _frown(landmarks, eye_distance, x, y, zones)
    drawn += _crows_feet(landmarks, eye_distance, x, y, zones) + _chin(landmarks, eye_distance, x, y, zones)
    drawn += _closed_lids(grey, landmarks, eye_distance, x, y)
    skin = _is_skin(grey, landmarks, eye_distance, x, y)
    drawn = cv2.GaussianBlur(drawn * (skin * (1 - zones["lid"]) + zones["lid"]), (0, 0), max(n / 1024, 0.3))
    out = drawn if n == size else cv2.resize(drawn, (size, size), interpolation=cv2.INTER_LINEAR)
    return out.astype(np.float32)


def _zones(p: np.ndarray, e: float, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Soft areas of the face, 0..1; `p` landmarks, `e` the eye distance."""

    def bump(cx, cy, width, height, wide=4, high=4):
        across = np.exp(-(((x[0] - cx) / (width * e)) ** wide))
        return np.exp(-(((y[:, :1] - cy) / (height * e)) ** high)) * across

    u = (x - p[9, 0]) / e
    over_brow = (curve(p, BROW_LINE, x) - y) / e
    band = np.clip((over_brow - 0.06) / 0.1, 0, 1) * np.clip((y - p[10, 1]) / (0.15 * e), 0, 1)
    return {
        "forehead_inner": band * np.exp(-((u / 0.36) ** 4)),
        "forehead_outer": band * np.exp(-(((np.abs(u) - 0.5) / 0.26) ** 4)),
        "glabella": bump(p[9, 0], p[9, 1] + 0.03 * e, 0.2, 0.15, 4, 2),
        "bridge": bump(p[9, 0], (p[6, 1] + p[168, 1]) / 2, 0.16, 0.13),
        "crow": sum(bump(p[i, 0] + s * 0.22 * e, p[i, 1], 0.18, 0.2) for i, s in ((33, -1), (263, 1))),
        "lid": sum(bump(*p[list(i), :2].mean(0), 0.32, 0.2, 6, 6) for i in ((33, 133), (263, 362))),
        "chin": bump(p[199, 0], (p[17, 1] + p[199, 1]) / 2, 0.32, 0.16),
    }


def _dent(distance: np.ndarray, width: float) -> np.ndarray:
    """A dark groove with a lit lower edge."""
    return -np.exp(-((distance / width) ** 2)) + 0.55 * np.exp(-(((distance - 1.9 * width) / (1.1 * width)) ** 2))


def _forehead(p, e, x, y, zones) -> np.ndarray:
    u, over_brow = (x - p[9, 0]) / e, (curve(p, BROW_LINE, x) - y) / e
    zone = np.maximum(zones["forehead_inner"], zones["forehead_outer"])
    out = np.zeros_like(x)
    for k, height in enumerate((0.17, 0.30, 0.43)):
        wave = 0.012 * np.sin(u * (7 + 2 * k) + k * 2.1) + 0.01 * np.sin(u * 17 + k)
        out += FOREHEAD * zone * (0.75 + 0.25 * np.sin(u * 9 + k * 1.7)) * _dent(height + wave - over_brow, 0.020)
    return out


def _frown(p, e, x, y, zones) -> np.ndarray:
    u, up = (x - p[9, 0]) / e, (p[9, 1] - y) / e
    grooves = sum(a * _dent(s * (u - s * 0.085 - s * 0.12 * up), 0.030) for s, a in ((1, 1.0), (-1, 0.85)))
    folds = sum(_dent((y - p[6, 1]) / e + shift + 0.5 * u**2, 0.018) for shift in (0.0, 0.085))
    return GLABELLA * zones["glabella"] * grooves + BRIDGE * zones["bridge"] * folds


def _crows_feet(p, e, x, y, zones) -> np.ndarray:
    out = np.zeros_like(x)
    for corner, s in ((p[33], -1), (p[263], 1)):
        dx, dy = s * (x - corner[0]) / e, (y - corner[1]) / e
        r = np.hypot(dx, dy)
        fade = np.clip((r - 0.07) / 0.06, 0, 1) * np.clip((0.36 - r) / 0.14, 0, 1) * (dx > 0)
        for angle in (-0.35, 0.0, 0.38):
            out += CROW * zones["crow"] * fade * _dent(dy * np.cos(angle) - dx * np.sin(angle), 0.015)
    return out


def _chin(p, e, x, y, zones) -> np.ndarray:
    arc = (y - p[17, 1] - 0.09 * e) / e - 0.25 * ((x - p[17, 0]) / e) ** 2
    return CHIN * zones["chin"] * _dent(arc, 0.03)


def _closed_lids(grey, p, e, x, y) -> np.ndarray:
    """A closed lid is convex and catches the light: at most a quarter brighter, towards the cheek below."""
    n = len(grey)
    out = np.zeros_like(x)
    for up, low, cheek, brow in zip(UPPER_LIDS, LOWER_LIDS, UNDER_EYES, BROWS, strict=True):
        x0, x1 = p[up[0], 0], p[up[-1], 0]
        upper, lower = curve(p, up, x), curve(p, low, x)
        to_brow = (upper - y) / np.maximum(upper - curve(p, brow, x), 0.02)
        near_cheek = np.hypot(x - p[cheek, 0], y - p[cheek, 1]) < 0.09 * e
        lid = (to_brow > 0.2) & (to_brow < 0.6) & (x > x0) & (x < x1)
        some = lid.any(0)
        if not some.any() or not near_cheek.any():
            continue
        column = (grey * lid).sum(0) / np.maximum(lid.sum(0), 1)
        column = np.interp(np.arange(n), np.nonzero(some)[0], column[some]).astype(np.float32)
        column = cv2.GaussianBlur(column[None], (0, 0), max(0.05 * e * n / 2, 0.3))
        lighter = np.clip(0.8 * np.median(grey[near_cheek]) / np.maximum(column, 8) - 1, 0, 0.25)
        v = (y - upper) / np.maximum(lower - upper, 1e-3)
        within = np.clip(np.minimum(x - x0, x1 - x) / (0.15 * (x1 - x0)), 0, 1)
        out += lighter * within * np.clip((v + 0.9) / 0.8, 0, 1) * np.clip((0.78 - v) / 0.2, 0, 1)
    return out


def _is_skin(grey, p, e, x, y) -> np.ndarray:
    """1 on skin, 0 on hair and in deep shadow, where no crease is drawn."""
    cx = (p[33, 0] + p[263, 0]) / 2
    middle = np.median(grey[np.hypot(x - cx, y - p[5, 1]) < 0.4 * e])
    smooth = cv2.GaussianBlur(grey, (0, 0), max(len(grey) / 512 * 3, 0.5))
    return np.clip(1.5 - np.abs(np.log((smooth + 5) / (middle + 5))) / 0.5, 0, 1)
