"""Depth and motion of the head on a uniform grid of the crop, once for each of the two layers that part at the
openings.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from ..attributes import UNITS
from .basis import HeadBasis
from .fit import Fit
from .layout import (
    CAMERA_DISTANCE,
    CHIN,
    FACE_SIDES,
    FOREHEAD,
    GRID,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    JAW_LINE,
    LOWER_LIDS,
    LOWER_LIP,
    MOUTH_CORNERS,
    NOSE_BASE,
    NOSE_ROOT,
    NOSE_WINGS,
    UPPER_LIDS,
    curve,
    grid,
    smoothstep,
)
from .membrane import membrane
from .surface import RELIABLE, Surface, snapped

# The fields' depth behind the eyes, tenths of a metre; and around the head, on the side that a turn reveals: what comes
# forth behind its outline keeps it as wide as it was, where the outline's own skin would go in.
DEEPEST, AROUND = 0.65, 0.9
STEEPEST, HIDING = 3.5, 4.0  # its rise per unit of length, where it is revealed and where it hides as the head turns
REACHES = (1, 2, 4, 8, 16, 32)
DEPTH_BLUR, MOTION_BLUR, KINK_BLUR, TAPER_BLUR = 1.0, 0.6, 3.0, 1.2  # nodes
FUNNEL_BLUR = 1.5  # nodes: lips that turn inside out fold, which a picture shows as a jagged edge
SOFTNESS = 0.1
HEAD_WIDTHS, HEIGHTS_UP, HEIGHTS_DOWN = 1.32, 1.50, 1.25  # the ellipse that turns whole with the head
CHIN_GIVES = 0.35  # of the chin's height under the lip: how much of it stretches when the lip moves
CHIN_KEEPS = 0.4  # of what parting lips move: at the chin's end
BESIDE, ONE_SKIN = 0.12, 0.5  # of an eye's width: within its corners, and from its lids' line on
BESIDE_MOUTH = 0.15  # of its width: from its corners on
LIP_RIM = 0.035  # of the mouth's width: where the fitted lips' edges may lie on the wrong side of the photo's
NOSE_WIDTH, NOSE_LENGTH = 1.3, 1.1  # of the nose's: what counts as nose
FUNNELER = UNITS.index("AU22")
AU17 = UNITS.index("AU17")
PARTERS = [UNITS.index(u) for u in ("AU16", "AU25")]
OPENERS = [UNITS.index(u) for u in ("AU16", "AU25", "AU26")]
# Landmark and vertex sides that a layer leaves out: `above` owns upper lids and lower lip, `below` lower lids and
# upper lip.
NOT_ABOVE, NOT_BELOW = (2, 3), (1, 4)


@dataclass(frozen=True)
class Openings:
    """Horizontal extents of the eyes and the mouth, in crop units."""

    eyes: tuple[tuple[float, float], tuple[float, float]]
    mouth: tuple[float, float]

    @classmethod
    def of(cls, points: np.ndarray) -> Openings:
        left, right = ((points[list(u), 0].min(), points[list(u), 0].max()) for u in UPPER_LIDS)
        return cls((left, right), (points[INNER_UPPER_LIP[0], 0], points[INNER_UPPER_LIP[-1], 0]))


@dataclass(frozen=True)
class Fields:
    """depth [2,G,G] (tenths of a metre), as it turns to the picture's left and to its right; above and below
    [U,3,G,G]: motion at a full unit in the camera's frame."""

    depth: np.ndarray
    above: np.ndarray
    below: np.ndarray


def head_fields(basis: HeadBasis, fit: Fit, surface: Surface, landmarks: np.ndarray, openings: Openings) -> Fields:
    """Interpolates the visible vertices onto the grid and fills what they leave open by membranes."""
    x, y = grid(GRID)
    jaw = np.interp(x, landmarks[list(JAW_LINE), 0], landmarks[list(JAW_LINE), 1])
    chin = landmarks[CHIN, 1] - landmarks[LOWER_LIP, 1]
    give = CHIN_GIVES * chin
    kept = 1 - (1 - CHIN_KEEPS) * smoothstep((y - landmarks[LOWER_LIP, 1]) / chin)
    around = _radius(landmarks) > 1
    rest = [unit for unit in range(len(UNITS)) if unit not in OPENERS]

    def layer(is_above: bool) -> tuple[np.ndarray, np.ndarray]:
        """Its depth [G,G] and its motion [U,3,G,G]."""
        left_out = NOT_ABOVE if is_above else NOT_BELOW
        use = (basis.landmark_spread < RELIABLE) & ~np.isin(basis.landmark_side, left_out)
        mine = surface.visible & ~np.isin(basis.side, left_out)
        at = snapped(surface.points[mine], fit, landmarks[: len(use)], use)
        data = np.concatenate([surface.depth[mine, None], *(m[mine] for m in surface.motion)], 1)
        values = LinearNDInterpolator(at, data)(x, y).transpose(2, 0, 1)  # [1+3U,G,G]
        known = ~np.isnan(values[0]) & ~_other_side(is_above, x, y, landmarks, openings)
        deep = np.where(around & ~known, AROUND, values[:1])
        depth = membrane(deep, known | around)[0]
        motion = values[1:].astype(np.float32).reshape(len(UNITS), 3, GRID, GRID)
        # Lips part without taking the whole chin along, as a jaw does.
        motion[PARTERS] *= kept
        # The neck's zeros next to a dropping jaw would cut a hard edge under the chin. Parting lips push the chin down:
        # from its boss on the skin gives way to the neck, or it would fold under it.
        for units, ends in ((rest, jaw + 0.02), (OPENERS, jaw - give)):
            planes = motion[units].reshape(-1, GRID, GRID)
            motion[units] = membrane(planes, known & (y <= ends), zero_border=True).reshape(-1, 3, GRID, GRID)
        motion = _blurred(motion, MOTION_BLUR)
        motion[FUNNELER] = _blurred(motion[FUNNELER], FUNNEL_BLUR)
        for unit in {AU17, *OPENERS}:  # the membrane starts with a kink
            starts = jaw if unit == AU17 else jaw - give
            below = np.clip((y - starts + 0.06) / 0.08, 0, 1)
            motion[unit] += below * (_blurred(motion[unit], KINK_BLUR) - motion[unit])
        return depth, motion

    with ThreadPoolExecutor(2) as both:
        (depth_above, above), (depth_below, below) = both.map(layer, (True, False))
    return Fields(_turnable((depth_above + depth_below) / 2, fit.scale, landmarks), above, below)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Planes [...,n,n]; sigma: nodes."""
    planes = values.reshape(-1, *values.shape[-2:])
    blurred = [cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) for plane in planes]
    return np.reshape(blurred, values.shape)


def _other_side(is_above: bool, x, y, landmarks, openings: Openings) -> np.ndarray:
    """Where near an opening the layer does not lie: bool [G,G]."""
    out = np.zeros((GRID, GRID), bool)
    for (x0, x1), up, low in zip(openings.eyes, UPPER_LIDS, LOWER_LIDS, strict=True):
        w = x1 - x0
        within = (x > x0 + 0.02 * w) & (x < x1 - 0.02 * w)
        upper, lower = curve(landmarks, up, x), curve(landmarks, low, x)
        out |= within & ((y > upper) & (y < lower + 0.55 * w) if is_above else (y < lower) & (y > upper - 0.45 * w))
    x0, x1 = openings.mouth
    w = x1 - x0
    within = (x > x0 + 0.02 * w) & (x < x1 - 0.02 * w)
    upper, lower = curve(landmarks, INNER_UPPER_LIP, x), curve(landmarks, INNER_LOWER_LIP, x)
    rim = LIP_RIM * w
    above, below = (y < lower + rim) & (y > upper - 0.35 * w), (y > upper - rim) & (y < lower + 0.5 * w)
    return out | within & (above if is_above else below)


def _turnable(depth: np.ndarray, scale: float, landmarks: np.ndarray) -> np.ndarray:
    """The largest fields under `depth` [G,G] that are nowhere too deep nor too steep, for a head that turns to the
    picture's left and to its right [2,G,G]: what is revealed goes down to AROUND and rises by STEEPEST, what hides
    behind the nearer goes down to DEEPEST and rises by HIDING."""
    sides = landmarks[list(FACE_SIDES), 0]
    aside = (grid(GRID)[0] - sides.mean()) / (np.ptp(sides) / 2)
    rise, hide = (s * 2 / (GRID - 1) / scale for s in (STEEPEST, HIDING))

    def along(z: np.ndarray, dx: int, dy: int, rise: float) -> np.ndarray:
        """No deeper than each node's neighbours on the side of (-dx, -dy), near and far, and so much for each step."""
        for reach in REACHES:
            x, y = dx * reach, dy * reach
            padded = np.pad(z, reach, constant_values=np.inf)
            there = padded[reach - y : reach - y + GRID, reach - x : reach - x + GRID]
            z = np.minimum(z, there + rise * reach * np.hypot(dx, dy))
        return z

    out = []
    for side in (1, -1):
        deepest = DEEPEST + (AROUND - DEEPEST) * smoothstep(side * aside)
        t = deepest - SOFTNESS * np.logaddexp(0, (deepest - depth) / SOFTNESS)
        t = along(along(t, 0, 1, rise), 0, -1, rise)
        t = along(along(t, side, 1, rise), side, -1, rise)
        t = along(along(t, side, 0, rise), -side, 0, hide)
        out.append(_blurred(t, DEPTH_BLUR))
    return np.stack(out)


def nearness(landmarks: np.ndarray, openings: Openings) -> np.ndarray:
    """1 at the openings, 0 from about one opening's width away: where the two layers differ. Nor do they beside an eye,
    where its lids go on as one skin, nor beyond the mouth's corners. [G,G]"""
    x, y = grid(GRID)
    out = np.zeros((GRID, GRID))
    for (x0, x1), up, low in zip(openings.eyes, UPPER_LIDS, LOWER_LIDS, strict=True):
        w = x1 - x0
        middle = landmarks[[*up, *low], 1].mean()
        far = np.hypot((x - (x0 + x1) / 2) / w, (y - middle) / w)
        beside = smoothstep(np.maximum(x0 - x, x - x1) / (BESIDE * w) + 1)
        along = np.abs(y - curve(landmarks, up, x)) / w  # level beyond the corners
        one = beside * (1 - smoothstep(along / ONE_SKIN))
        out = np.maximum(out, np.clip(3.2 - 2 * far, 0, 1) * (1 - one))
    x0, x1 = openings.mouth
    far = np.hypot((x - (x0 + x1) / 2) / (x1 - x0), (y - landmarks[[13, 14], 1].mean()) / (x1 - x0))
    beside = smoothstep(np.maximum(x0 - x, x - x1) / (BESIDE_MOUTH * (x1 - x0)))
    along = np.abs(y - np.interp(x, *landmarks[list(MOUTH_CORNERS), :2].T)) / (x1 - x0)
    one = beside * (1 - smoothstep(along / ONE_SKIN))
    return np.maximum(out, np.clip(2.8 - 2 * far, 0, 1) * (1 - one))


def looking(landmarks: np.ndarray, openings: Openings) -> np.ndarray:
    """What lies behind the openings and moves with the eyes' gaze: 1 around the eyes, 0 at the mouth. [G,G]"""
    x, y = grid(GRID)
    out = np.zeros((GRID, GRID))
    for (x0, x1), up, low in zip(openings.eyes, UPPER_LIDS, LOWER_LIDS, strict=True):
        w = x1 - x0
        far = np.hypot((x - (x0 + x1) / 2) / w, (y - landmarks[[*up, *low], 1].mean()) / w)
        out = np.maximum(out, np.clip(2.5 - 2 * far, 0, 1))
    return out


def taper(landmarks: np.ndarray) -> np.ndarray:
    """How far a node turns with the head: 1 on head and hair, falling to 0 at the crop's border. [G,G]"""
    x, y = grid(GRID)
    edge = np.minimum(1 - np.abs(x), 1 - np.abs(y))
    beyond = np.maximum(_radius(landmarks) - 1, 0) * _half_height(landmarks)
    out = np.clip(edge / np.maximum(edge + beyond, 1e-6), 0, 1) * np.clip(edge / 0.06, 0, 1)
    return _blurred(out, TAPER_BLUR) * np.clip(edge / 0.03, 0, 1)


def _radius(landmarks: np.ndarray) -> np.ndarray:
    """Each node's distance from the head's middle, 1 at the end of what turns whole. [G,G]"""
    x, y = grid(GRID)
    centre = (landmarks[FOREHEAD, :2] + landmarks[CHIN, :2]) / 2 - [0, 0.12]
    half_width, half_height = np.ptp(landmarks[list(FACE_SIDES), 0]) / 2, _half_height(landmarks)
    dx, dy = x - centre[0], y - centre[1]
    reach = np.where(dy < 0, HEIGHTS_UP, HEIGHTS_DOWN) * half_height
    return np.hypot(dx / (HEAD_WIDTHS * max(half_width, 0.8 * half_height)), dy / reach)


def _half_height(landmarks: np.ndarray) -> float:
    return abs(landmarks[CHIN, 1] - landmarks[FOREHEAD, 1]) / 2


def on_nose(landmarks: np.ndarray) -> np.ndarray:
    """1 on the nose and close beside it, else 0. [G,G]"""
    x, y = grid(GRID)
    top, left, right = landmarks[NOSE_ROOT, :2], *landmarks[list(NOSE_WINGS), :2]
    bottom = landmarks[NOSE_BASE, :2]
    down = (y - top[1]) / (bottom[1] - top[1])
    middle, half = (left + right)[0] / 2, NOSE_WIDTH * abs(right - left)[0] / 2
    axis = top[0] + (middle - top[0]) * down
    return ((down > 0) & (down < NOSE_LENGTH) & (np.abs(x - axis) < half)).astype(float)


def to_depth_units(depth: np.ndarray, scale: float) -> np.ndarray:
    """Head units for each crop unit at a depth: what turns a move in the picture into one of the head."""
    return (1 + depth / CAMERA_DISTANCE) / scale
