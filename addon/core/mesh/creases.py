"""Creases that the units draw: one map of signed shading at full resolution, and for each unit the zones it switches
on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..attributes import UNITS
from .fields import Fields, to_depth_units
from .fit import Fit
from .layout import BROWS, GRID, LOWER_LIDS, MOUTH_CORNERS, UPPER_LIDS, curve, grid, smoothstep
from .patch import Patch

# Unit -> zones and how strongly it draws their creases.
DRAWS = {
    "AU01": (("forehead_inner", 1.0),),
    "AU02": (("forehead_outer", 1.0),),
    "AU04": (("glabella", 1.0),),
    "AU06": (("crow", 1.0), ("fold", 0.3)),
    "AU09": (("bridge", 1.0), ("glabella", 0.4), ("fold_top", 0.9)),
    "AU10": (("fold_top", 0.5), ("fold", 0.5)),
    "AU12": (("crow", 0.45), ("fold", 1.0)),
    "AU15": (("chin", 0.4),),
    "AU17": (("chin", 1.0),),
    "AU45": (("lid", 1.0),),
}
FOREHEAD, GLABELLA, CROW, BRIDGE, CHIN, FOLD, LASHES = 0.10, 0.11, 0.09, 0.10, 0.10, 0.13, 0.2
BROW_LINE = (*BROWS[0], *BROWS[1])
WINGS = (129, 358)
SMILE = UNITS.index("AU12")
MARKED = 0.06  # of `_own_folds` along a fold's line: a face with folds of its own
DEEP_UNMARKED, WIDE_UNMARKED = 0.6, 1.6  # a fold on a face without: its depth and its width of those
FOLD_REACH = 0.13  # eye distances: from a smile's corner of the mouth out to the fold beside it
FOLD_WIDTH = 0.17  # of the zone, eye distances to both sides
FOLD_STEPS, WAY_BACK_STEPS = 12, 6
OWN_SMILE = (0.3, 0.7)  # of AU12: from where on the photo's own folds, not drawn ones, come and go with it
OWN_FOLDS = 0.4  # of the logarithm of light
NOWHERE = 1e-4  # of a zone: no crease is seen
BESIDE = 0.1  # eye distances: what own folds and skin are told apart from
LARGEST_MAP = 768  # pixels: shading is soft, larger crops enlarge this


@dataclass(frozen=True)
class Smile:
    """The photo's own AU12, and where what a full smile still lacks takes a point: way [2,G,G] in crop units."""

    own: float
    way: np.ndarray

    @classmethod
    def of(cls, fields: Fields, fit: Fit) -> Smile:
        own = float(fit.units[SMILE])
        return cls(own, (1 - own) * fields.below[SMILE, :2] / to_depth_units(fields.depth.mean(0), fit.scale))

    def moved(self, points: np.ndarray) -> np.ndarray:
        """Where points [N,2] go."""
        pixel = ((points + 1) / 2 * (GRID - 1)).astype(np.float32)
        way = [
            cv2.remap(w.astype(np.float32), pixel[None, :, 0], pixel[None, :, 1], cv2.INTER_LINEAR)[0] for w in self.way
        ]
        return points + np.stack(way, 1)


def fold_lines(p: np.ndarray, e: float, smile: Smile) -> list[np.ndarray]:
    """Both nasolabial folds [FOLD_STEPS,2], from the wing of the nose down beside the corner of the mouth; `p`
    landmarks in crop units, `e` the eye distance.

    They are drawn where a full smile has them and brought back to the photo, since the cheek takes them along.
    """
    lines = []
    for wing, corner, s in zip(WINGS, MOUTH_CORNERS, (-1, 1), strict=True):
        start, mouth = smile.moved(p[[wing, corner], :2])
        start = start + np.array([s * 0.03, -0.05]) * e
        end = mouth + np.array([s * FOLD_REACH, 0.10]) * e
        bow = start + np.array([0.85, 0.3]) * (end - start)
        t = np.linspace(0, 1, FOLD_STEPS)[:, None]
        there = (1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t**2 * end
        line = there.copy()
        for _ in range(WAY_BACK_STEPS):
            line += 0.7 * (there - smile.moved(line))
        lines.append(line[np.argsort(line[:, 1])])
    return lines


def crease_zones(landmarks: np.ndarray, eye_distance: float, folds: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Soft areas of the face [G,G], 0..1, by name. folds: see `fold_lines`."""
    return _zones(landmarks, eye_distance, *grid(GRID)) | _fold_zones(folds, eye_distance, *grid(GRID))


def unit_creases(zones: dict[str, np.ndarray]) -> np.ndarray:
    """[U,G,G] float32: how much of the crease map each unit switches on at every node."""
    out = np.zeros((len(UNITS), GRID, GRID), np.float32)
    for unit, draws in DRAWS.items():
        for zone, strength in draws:
            out[UNITS.index(unit)] += strength * zones[zone]
    return out


def crease_map(
    photo: np.ndarray,
    landmarks: np.ndarray,
    eye_distance: float,
    own_smile: float,
    folds: list[np.ndarray],
    zones: dict[str, np.ndarray],
) -> np.ndarray:
    """[S,S] float32 around 0: a pixel is multiplied by 1 + map x zone weight. photo float32 [S,S,3], 0..255; own_smile:
    its own AU12; folds, zones: see `fold_lines`, `crease_zones`."""
    size = len(photo)
    n = min(size, LARGEST_MAP)
    small = photo if n == size else cv2.resize(photo, (n, n), interpolation=cv2.INTER_AREA)
    whole = np.zeros((n, n), np.float32)
    patch = _drawn_on(n, zones, eye_distance)
    x, y, landmarks = patch.x, patch.y, landmarks.astype(np.float32)
    zones = _zones(landmarks, eye_distance, x, y)
    grey = patch.of(small).mean(-1)
    drawn = _forehead(landmarks, eye_distance, x, y, zones) + _frown(landmarks, eye_distance, x, y, zones)
    drawn += _chin(landmarks, eye_distance, x, y, zones)
    own_folds = _own_folds(grey, n, eye_distance)
    of_smiles = _folds(folds, eye_distance, own_folds, x, y)
    of_smiles += _crows_feet(landmarks, eye_distance, x, y, zones)
    own = smoothstep((own_smile - OWN_SMILE[0]) / (OWN_SMILE[1] - OWN_SMILE[0]))
    if own > 0:
        where = np.maximum(_fold_zones(folds, eye_distance, x, y)["fold"], zones["crow"])
        of_smiles += own * (where * own_folds / own_smile - of_smiles)
    drawn += of_smiles
    drawn += _lash_shadows(landmarks, eye_distance, x, y)
    skin = _is_skin(grey, n, landmarks, eye_distance, x, y)
    drawn = cv2.GaussianBlur(drawn * (skin * (1 - zones["lid"]) + zones["lid"]), (0, 0), max(n / 1024, 0.3))
    patch.of(whole)[:] = drawn
    return whole if n == size else cv2.resize(whole, (size, size), interpolation=cv2.INTER_LINEAR)


def _drawn_on(size: int, zones: dict[str, np.ndarray], eye_distance: float) -> Patch:
    """The part of a crop of side `size` that any crease lies in."""
    x, y = grid(GRID)
    drawn = sum(zones.values()) > NOWHERE
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    (x0, x1), (y0, y1) = (x[0, columns[[0, -1]]], y[rows[[0, -1]], 0])
    beside = BESIDE * eye_distance
    return Patch.around(size, x0 - beside, x1 + beside, y0 - beside, y1 + beside)


def _zones(p: np.ndarray, e: float, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Soft areas of the face, 0..1; `p` landmarks, `e` the eye distance."""

    def bump(cx, cy, width, height, wide=4, high=4):
        across = np.exp(-(((x - cx) / (width * e)) ** wide))
        return np.exp(-(((y - cy) / (height * e)) ** high)) * across

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
    out = 0
    for k, height in enumerate((0.17, 0.30, 0.43)):
        wave = 0.012 * np.sin(u * (7 + 2 * k) + k * 2.1) + 0.01 * np.sin(u * 17 + k)
        out += (0.75 + 0.25 * np.sin(u * 9 + k * 1.7)) * _dent(height + wave - over_brow, 0.020)
    return FOREHEAD * zone * out


def _frown(p, e, x, y, zones) -> np.ndarray:
    u, up = (x - p[9, 0]) / e, (p[9, 1] - y) / e
    grooves = sum(a * _dent(s * (u - s * 0.085 - s * 0.12 * up), 0.030) for s, a in ((1, 1.0), (-1, 0.85)))
    folds = sum(_dent((y - p[6, 1]) / e + shift + 0.5 * u**2, 0.018) for shift in (0.0, 0.085))
    return GLABELLA * zones["glabella"] * grooves + BRIDGE * zones["bridge"] * folds


def _crows_feet(p, e, x, y, zones) -> np.ndarray:
    out = 0
    for corner, s in ((p[33], -1), (p[263], 1)):
        dx, dy = s * (x - corner[0]) / e, (y - corner[1]) / e
        r = np.hypot(dx, dy)
        fade = np.clip((r - 0.07) / 0.06, 0, 1) * np.clip((0.36 - r) / 0.14, 0, 1) * (dx > 0)
        for angle in (-0.35, 0.0, 0.38):
            out += fade * _dent(dy * np.cos(angle) - dx * np.sin(angle), 0.015)
    return CROW * zones["crow"] * out


def _beside(line: np.ndarray, e: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For rows y [n,1]: the line's x there, how steep it is, how far down it, 0..1 within."""
    at = np.interp(y, line[:, 1], line[:, 0]).astype(y.dtype)
    lean = np.gradient(at[:, 0], y[:, 0])[:, None]
    down = (y - line[0, 1]) / max(line[-1, 1] - line[0, 1], 0.05 * e)
    return at, 1 / np.hypot(1, lean), down


def _fold_zones(folds, e, x, y) -> dict[str, np.ndarray]:
    out = {"fold": 0, "fold_top": 0}
    for line in folds:
        at, upright, down = _beside(line, e, y)
        near = np.exp(-(((x - at) * upright / (FOLD_WIDTH * e)) ** 4))
        within = smoothstep(down / 0.1 + 1) * smoothstep((1.25 - down) / 0.3)
        out["fold"] += near * within
        out["fold_top"] += near * within * smoothstep((0.75 - down) / 0.4)
    return out


def _folds(folds, e, own_folds: np.ndarray, x, y) -> np.ndarray:
    """A fold is dark, the cheek beside it bulges into the light; on a face without a trace of one it is a soft one."""
    out = 0
    for line, s in zip(folds, (-1, 1), strict=True):
        at, upright, down = _beside(line, e, y)
        beside = s * (x - at) * upright / e
        strong = smoothstep(down / 0.25) * smoothstep((1.1 - down) / 0.4)
        along = strong * np.exp(-((beside / 0.06) ** 2))
        marked = np.clip(-(along * own_folds).sum() / max(along.sum(), 1e-6) / MARKED, 0, 1)
        wide = WIDE_UNMARKED + (1 - WIDE_UNMARKED) * marked
        inner, outer = np.exp(-((beside / (0.04 * wide)) ** 2)), np.exp(-((beside / (0.026 * wide)) ** 2))
        dark = np.where(beside < 0, inner, outer)
        deep = FOLD * (DEEP_UNMARKED + (1 - DEEP_UNMARKED) * marked)
        out += deep * strong * (0.45 * np.exp(-(((beside - 0.09) / 0.05) ** 2)) - dark)
    return out


def _own_folds(grey: np.ndarray, n: int, e: float) -> np.ndarray:
    """What is darker than the skin on both its sides: minus the logarithm by which."""
    pixel = e * n / 2  # an eye distance
    light = cv2.GaussianBlur(np.log(grey + 8), (0, 0), max(0.012 * pixel, 0.4))
    width = 2 * max(round(0.07 * pixel), 1) + 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    valley = cv2.morphologyEx(light, cv2.MORPH_CLOSE, ball) - light
    return -cv2.GaussianBlur(valley, (0, 0), max(0.01 * pixel, 0.4)).clip(0, OWN_FOLDS)


def _chin(p, e, x, y, zones) -> np.ndarray:
    arc = (y - p[17, 1] - 0.09 * e) / e - 0.25 * ((x - p[17, 0]) / e) ** 2
    return CHIN * zones["chin"] * _dent(arc, 0.03)


def _lash_shadows(p, e, x, y) -> np.ndarray:
    """What the lashes of a shut lid leave of the light under it."""
    out = 0
    for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        x0, x1 = p[up[0], 0], p[up[-1], 0]
        w = x1 - x0
        under = (y - curve(p, low, x)) / w
        within = smoothstep(np.minimum(x - x0, x1 - x) / (0.3 * w))
        out -= within * np.exp(-((under / np.where(under > 0, 0.08, 0.04)) ** 2))
    return LASHES * out


def _is_skin(grey, n: int, p, e, x, y) -> np.ndarray:
    """1 on skin, 0 on hair and in deep shadow, where no crease is drawn."""
    cx = (p[33, 0] + p[263, 0]) / 2
    middle = np.median(grey[np.hypot(x - cx, y - p[5, 1]) < 0.4 * e])
    smooth = cv2.GaussianBlur(grey, (0, 0), max(n / 512 * 3, 0.5))
    return np.clip(1.5 - np.abs(np.log((smooth + 5) / (middle + 5))) / 0.5, 0, 1)
