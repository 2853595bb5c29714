"""Glasses, where the photo shows some: found by their bridge, followed around both eyes, and kept stiff."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..attributes import UNITS
from .fields import Fields
from .layout import GRID, LOWER_LIDS, UPPER_LIDS, smoothstep

EYE_DISTANCE = 64  # pixels of the patch in which they are looked for
ACROSS, UP, DOWN = 1.35, 0.8, 0.9  # the patch around the middle between the eyes, eye distances
FINE, COARSE = 0.012, 0.035  # eye distances: what is a line
FLOOR = 12.0  # grey levels: nothing is sure in the dark
INNER_CORNERS = (133, 362)
BRIDGE_ACROSS, BRIDGE_STEPS = 0.35, 17  # of the inner corners' distance to both sides of their middle
BRIDGE_UP, BRIDGE_DOWN = 0.28, 0.30
BEND = 0.002  # for a pixel's step squared
CERTAIN = 0.1  # a bridge's contrast; bare noses have up to .087, wrinkled ones
ANGLES, RADII = 72, 24
OTHER_SIDE = 0.8  # what the other eye's rim counts
NEAREST, FURTHEST = (0.33, 0.17), (0.62, 0.46)  # from an eye's middle, across and down, eye distances
ROUND_BEND = 0.004
# Eye distances from a rim: up to where nothing moves, from where on all does. Lids that fall come close to rims.
RIM, LID = (0.05, 0.16), (0.02, 0.07)
LIDS = tuple(UNITS.index(u) for u in ("AU07", "AU45"))
DARK_LENS = 0.4  # of the cheeks' brightness: nothing is seen to move behind it
UNDER_EYES = (119, 348)


@dataclass(frozen=True)
class Glasses:
    """Lines in crop units: the bridge [B,2] and both rims [R,2], closed; dark: no eye shows behind the lenses."""

    bridge: np.ndarray
    rims: tuple[np.ndarray, np.ndarray]
    dark: bool


def find_glasses(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> Glasses | None:
    """image uint8 [S,S,3], landmarks [478,2+] in crop units. None where the nose carries no bridge."""
    level, grey, points = _patch(image, landmarks[:, :2], eye_distance)
    light = np.log(grey + FLOOR)
    line = cv2.GaussianBlur(light, (0, 0), FINE * EYE_DISTANCE) - cv2.GaussianBlur(light, (0, 0), COARSE * EYE_DISTANCE)
    bridge, contrast = _bridge(line, points)
    if contrast < CERTAIN:
        return None
    rims = _rims(np.abs(line), points)
    lenses = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(lenses, [np.rint(rim).astype(np.int32) for rim in rims], 1)
    cheeks = np.mean([_at(grey, points[None, cheek]) for cheek in UNDER_EYES])
    back = lambda at: (at - level[:, 2]) @ np.linalg.inv(level[:, :2]).T  # noqa: E731
    return Glasses(
        back(bridge), tuple(back(rim) for rim in rims), bool(np.median(grey[lenses > 0]) < DARK_LENS * cheeks)
    )


def keep_stiff(fields: Fields, glasses: Glasses, eye_distance: float) -> None:
    """No unit moves what lies under bridge and rims, in place; skin slides up to them."""
    size = 4 * GRID
    free = np.full((size, size), 255, np.uint8)
    lines = [np.rint((line + 1) / 2 * (size - 1)).astype(np.int32) for line in (glasses.bridge, *glasses.rims)]
    cv2.polylines(free, lines[:1], False, 0)
    cv2.polylines(free, lines[1:], True, 0)
    if glasses.dark:
        cv2.fillPoly(free, lines[1:], 0)
    away = cv2.resize(cv2.distanceTransform(free, cv2.DIST_L2, 5), (GRID, GRID), interpolation=cv2.INTER_AREA)
    away = away * 2 / (size - 1) / eye_distance
    moves = np.stack([smoothstep((away - stiff) / (gives - stiff)) for stiff, gives in (RIM, LID)])
    which = np.zeros(len(UNITS), int)
    which[list(LIDS)] = 1
    for motion in (fields.above, fields.below):
        motion *= moves[which, None]


def _patch(image, landmarks, eye_distance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The eyes' surroundings, level: the matrix from crop units, grey float32 [h,w], the landmarks in its pixels."""
    right, left = (landmarks[[lids[0], lids[-1]]].mean(0) for lids in UPPER_LIDS)
    across = (left - right) / np.linalg.norm(left - right)
    turn = np.array([across, [-across[1], across[0]]]) * EYE_DISTANCE / eye_distance
    middle = np.array([ACROSS, UP]) * EYE_DISTANCE
    level = np.column_stack([turn, middle - turn @ (left + right) / 2])
    pixel = (len(image) - 1) / 2  # crop pixels in a crop unit
    finer = eye_distance * pixel / EYE_DISTANCE
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if finer > 1:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.5 * finer)
    from_pixels = np.column_stack([level[:, :2] / pixel, level[:, 2] - level[:, :2] @ [1, 1]])
    shape = (round(2 * ACROSS * EYE_DISTANCE), round((UP + DOWN) * EYE_DISTANCE))
    patch = cv2.warpAffine(grey, from_pixels, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return level, patch, landmarks @ level[:, :2].T + level[:, 2]


def _at(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.moveaxis(points.astype(np.float32), -1, 0)
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _best_path(worth: np.ndarray, bend: float, closed: bool = False) -> tuple[np.ndarray, float]:
    """The row [n] in each column of worth [rows,n] that are worth most together, and their mean worth."""
    steps = np.arange(-2, 3)
    rows, n = worth.shape
    laps = 3 if closed else 1
    total, came = worth[:, 0], []
    for i in range(1, laps * n):
        padded = np.pad(total, 2, constant_values=-np.inf)
        reached = np.stack([padded[2 + s : 2 + s + rows] - bend * s * s for s in steps])
        came.append(steps[reached.argmax(0)])
        total = reached.max(0) + worth[:, i % n]
    path = [int(total.argmax())]
    for step in reversed(came):
        path.append(path[-1] + step[path[-1]])
    path = np.array(path[::-1])
    if closed:
        path = path[n : 2 * n]
    return path, float(worth[path, np.arange(n)].mean())


def _bridge(line: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float]:
    """A line across the root of the nose, [B,2] pixels, and its contrast with what lies above and below."""
    right, left = points[list(INNER_CORNERS)]
    middle, half = (right + left) / 2, BRIDGE_ACROSS * (left - right)[0]
    x = np.linspace(middle[0] - half, middle[0] + half, BRIDGE_STEPS)
    y = np.arange(middle[1] - BRIDGE_UP * EYE_DISTANCE, middle[1] + BRIDGE_DOWN * EYE_DISTANCE)
    strip = _at(line, np.stack(np.meshgrid(x, y), -1))
    (path, dark), (other, bright) = (_best_path(sign * strip, BEND) for sign in (-1, 1))
    return np.stack([x, y[path if dark > bright else other]], 1), max(dark, bright)


def _rims(line: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """The ring of most contrast around each eye [ANGLES,2] pixels; glasses are the same on both sides, nearly."""
    angle = np.arange(ANGLES) * 2 * np.pi / ANGLES
    way = np.stack([np.cos(angle), np.sin(angle)], 1)
    near, far = (1 / np.hypot(*(way / limits).T) * EYE_DISTANCE for limits in (NEAREST, FURTHEST))
    radius = near + np.linspace(0, 1, RADII)[:, None] * (far - near)  # [RADII,ANGLES]
    centres = [points[[*up, *low]].mean(0) for up, low in zip(UPPER_LIDS, LOWER_LIDS, strict=True)]
    rays = [_at(line, centre + radius[..., None] * way) for centre in centres]
    mirrored = (ANGLES // 2 - np.arange(ANGLES)) % ANGLES
    rings = []
    for centre, own, other in zip(centres, rays, rays[::-1], strict=True):
        path, _ = _best_path(own + OTHER_SIDE * cv2.blur(other[:, mirrored], (3, 3)), ROUND_BEND, closed=True)
        rings.append(centre + radius[path, np.arange(ANGLES)][:, None] * way)
    return rings
