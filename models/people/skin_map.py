"""A person's skin, painted once for the rasteriser and for Cycles alike: colour, oil, relief, folds of expression.

Four pictures on one chart that all heads share (`place`, a cylinder around the head; the same as shaders/place.glsl).
Where things lie is measured once a head (`Atlas`), in metres on the average face with the origin between the eyes;
painting a person mixes pigments by it and draws what is that person's own. Row 0 of a picture is the lowest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from addon.core.attributes import INDEX

from .complexion import Complexion
from .hair import HAIRLINE, Beard, Brows, Hairstyle
from .head import SKIN, Head
from .pigments import skin_colour

AXIS = 0.06  # metres behind the eyes
LOWEST, TALL = -0.19, 0.32  # metres of the chart
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
FOLD_UNIT = 0.25  # of a picture's range a fold's height of 1 takes; 0.5 is level
STANDING = (0.6, 0.6, 0.4, 0.55, 0.1, 0.85, 0.25, 0.7)  # how deep age leaves each
# Landmarks of the person's right eye, outer to inner corner: lashes, crease, below the brow; the left one mirrors them.
LASHES_ABOVE, LASHES_BELOW = (33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)
CREASE, UNDER_BROW = (226, 247, 30, 29, 27, 28, 56, 190, 133), (35, 46, 53, 52, 65, 55, 193, 189, 133)
LIP_OUTLINE = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)


@dataclass(frozen=True)
class SkinMaps:
    """uint8 [N,N,4] each. colour: sRGB and oil (0 powdery .. 255 wet); relief: pores and fine lines, standing folds of
    age (128 is level), unused, 255; folds: the groups of FOLDS, four a picture."""

    colour: np.ndarray
    relief: np.ndarray
    folds_a: np.ndarray
    folds_b: np.ndarray


def thrown_folds(attributes: np.ndarray) -> np.ndarray:
    """How deep each of FOLDS is under a vector [25]: float [8], 1 for a full contraction."""
    folds = [sum(float(attributes[INDEX[unit]]) * w for unit, w in fold.items()) for fold in FOLDS.values()]
    return np.minimum(folds, DEEPEST)


def place(points: np.ndarray) -> np.ndarray:
    """Points [...,3] of the average head -> [...,2] on the chart, 0..1 from the right side of the neck up."""
    turn = np.arctan2(points[..., 0], AXIS - points[..., 1]) / np.pi
    t = np.abs(turn)
    return np.stack([0.5 + 0.5 * np.sign(turn) * (1.6 * t - 0.6 * t * t), (points[..., 2] - LOWEST) / TALL], -1)


class Atlas:
    """What all people's charts share. Float32 [N,N], 0..1 where not said otherwise; N is the pictures' size."""

    def __init__(self, head: Head, size: int):
        self.size = size
        rest = head.rest.astype(np.float64)
        skin = (head.part == SKIN) & (head.inside_mouth < 0.5)
        at = place(rest)
        radius = np.hypot(rest[:, 0], rest[:, 1] - AXIS)
        shown = skin & (at[:, 1] > -0.1) & (at[:, 1] < 1.05) & _outermost(at, radius, skin)
        self.places, known = _places(size, at[shown], np.stack([radius, head.lips, head.ears], 1)[shown])
        self.lips, self.ears = known
        x, y, z = np.moveaxis(self.places, -1, 0)
        self.x, self.z = x, z
        front = shown & (rest[:, 1] < 0.06)
        self._depth = LinearNDInterpolator(rest[front][:, [0, 2]], rest[front, 1], fill_value=0.03)
        points = (head.landmark_weights[..., None] * rest[head.landmark_triangles]).sum(1)
        self.landmarks = place(points) * size - 0.5

        def bell(cx, cy, cz, sx, sy, sz):
            """A hill, and its mirror image on the other side."""
            p = ((np.abs(x) - cx) / sx) ** 2 + ((y - cy) / sy) ** 2 + ((z - cz) / sz) ** 2
            return cv2.exp(-p.astype(np.float32))

        self.cheeks = bell(0.041, -0.012, -0.036, 0.022, 0.030, 0.020)
        self.apples = bell(0.043, -0.014, -0.030, 0.017, 0.030, 0.013) + 0.6 * bell(
            0.058, 0, -0.018, 0.014, 0.03, 0.009
        )
        self.nose = bell(0, -0.044, -0.038, 0.011, 0.016, 0.012) + 0.7 * bell(
            0.015, -0.026, -0.045, 0.006, 0.010, 0.007
        )
        self.chin = bell(0, -0.025, -0.106, 0.016, 0.02, 0.012)
        self.forehead = bell(0, -0.022, 0.042, 0.040, 0.03, 0.016)
        self.circles = bell(0.028, -0.014, -0.0155, 0.015, 0.03, 0.0060) + 0.6 * bell(
            0.018, -0.015, -0.006, 0.006, 0.03, 0.008
        )
        self.lids = bell(0.033, -0.014, 0.004, 0.018, 0.03, 0.009)
        self.around_mouth = bell(0, -0.03, -0.075, 0.034, 0.05, 0.020)
        self.hollows = bell(0.060, 0.015, -0.050, 0.012, 0.03, 0.016)
        self.nose_sides = bell(0.0125, -0.028, -0.016, 0.0035, 0.02, 0.018)
        self.lids_above = bell(0.034, -0.016, 0.010, 0.014, 0.03, 0.0045)
        shine = (
            0.8 * self.forehead
            + 0.7 * self.nose
            + 0.35 * self.apples
            + 0.5 * bell(0, -0.035, -0.015, 0.006, 0.03, 0.016)
        )
        self.shine = shine + 0.3 * self.chin
        self.sun = np.clip(
            0.8 * self.forehead + self.nose + 0.9 * self.cheeks + 0.5 * bell(0, -0.03, -0.01, 0.01, 0.03, 0.03), 0, 1
        )
        self.shaven = _over(Beard(0, 1.0, 1.0, 1.0, 0).density, self.places) * (1 - self.lips)
        self.face = (np.clip((0.075 - np.abs(x)) / 0.02, 0, 1) * np.clip((0.06 - y) / 0.02, 0, 1)).astype(np.float32)
        self.face *= np.clip((z + 0.13) / 0.02, 0, 1) * (1 - _step(self.lips, 0.1, 0.3))
        self.chances = (
            (self.face * (1 - self.lids) * (1 - np.clip(2 * self.nose_sides, 0, 1))).ravel().cumsum(dtype=np.float64)
        )

    def pixels(self, x, z) -> np.ndarray:
        """Pixels [n,2] of the front's points at x and z [n], metres."""
        x, z = np.broadcast_arrays(np.asarray(x, float), np.asarray(z, float))
        return place(np.stack([x, self._depth(x, z), z], -1)) * self.size - 0.5

    def scale(self, metres: float) -> float:
        """Pixels, on the face."""
        return metres * self.size / TALL

    def spots(self, rng, n: int) -> np.ndarray:
        """n random pixels [n,2] of the face."""
        at = np.searchsorted(self.chances, rng.random(n) * self.chances[-1])
        return np.stack([at % self.size, at // self.size], -1)


def _outermost(at: np.ndarray, radius: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """bool [n]: no skin lies farther out at about the same place of the chart."""
    n = 200
    cell = np.clip((at * n).astype(int), 0, n - 1)
    farthest = np.zeros((n, n), np.float32)
    np.maximum.at(farthest, (cell[skin, 1], cell[skin, 0]), radius[skin])
    return radius > cv2.dilate(farthest, np.ones((3, 3)))[cell[:, 1], cell[:, 0]] - 0.012


def _places(size: int, at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each texel's point of the average head float32 [N,N,3], and other values [k,N,N], from known places [n,2]."""
    once_round = np.array([1.0, 0.0])
    around = np.concatenate([at, at - once_round, at + once_round])
    near = (around[:, 0] > -0.1) & (around[:, 0] < 1.1)
    grid = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(grid, grid)
    known = np.tile(values, (3, 1))[near]
    field = LinearNDInterpolator(around[near], known, fill_value=0.0)(u, v)
    radius = np.where(field[..., 0] > 0, field[..., 0], 0.09)
    w = np.abs(2 * u - 1)
    turn = np.sign(u - 0.5) * np.pi * (1.6 - np.sqrt(2.56 - 2.4 * w)) / 1.2
    places = np.stack([radius * np.sin(turn), AXIS - radius * np.cos(turn), v * TALL + LOWEST], -1)
    return places.astype(np.float32), np.moveaxis(field[..., 1:], -1, 0).astype(np.float32)


def paint(
    atlas: Atlas, skin: Complexion, brows: Brows, hairstyle: Hairstyle | None, beard: Beard | None, shaved: float = 0.0
) -> SkinMaps:
    """The skin of one person. shaved 0..1: how much stubble a shaven head shows."""
    rng = np.random.default_rng(skin.seed)
    size = atlas.size
    marks, mouth, expression, age = rng.spawn(4)
    broad, patches = _noise(rng, size, 9, 3), _noise(rng, size, 22, 3)
    fine = _noise(rng, size, size // 6, 2)
    grain = rng.standard_normal((size, size), np.float32)

    melanin, blood, height = _pigments(atlas, skin, marks, broad, patches, fine, grain)
    colour = _coloured(skin, melanin, blood, atlas.circles * skin.circles)
    _hairy(colour, atlas, skin, brows, hairstyle, beard, shaved, patches, fine)
    lips = _lips(colour, atlas, skin, mouth, fine)
    _made_up(colour, atlas, skin, lips, fine)

    oil = skin.oil * (0.40 + 0.75 * atlas.shine) + 0.10 * fine
    oil = oil * (1 - 0.7 * skin.makeup.foundation) + lips * (0.35 + 0.6 * skin.makeup.gloss - oil)
    folds = _folds(atlas, expression, patches, fine)
    standing = sum(w * k * f for w, k, f in zip(skin.folds, STANDING, folds, strict=True))
    standing = skin.wrinkles * (standing + _lines_of_age(atlas, age)) + 0.25 * skin.wrinkles * fine * atlas.face
    pore = skin.pores * (0.5 + 0.5 * atlas.shine) * (0.5 * grain + 0.6 * fine) + height

    return SkinMaps(
        _bytes(np.concatenate([cv2.pow(np.clip(colour, 0, 1), 1 / 2.2), oil[..., None]], -1)),
        _bytes(np.stack([0.5 + 0.12 * pore, 0.5 + FOLD_UNIT * standing, *[np.ones_like(pore)] * 2], -1)),
        *(_bytes(0.5 + FOLD_UNIT * np.stack(folds[k : k + 4], -1)) for k in (0, 4)),
    )


def _over(measure, places: np.ndarray) -> np.ndarray:
    """float32 [h,w] of a measure of places [n,3] -> [n], over places [h,w,3]."""
    return measure(places.reshape(-1, 3)).reshape(places.shape[:2]).astype(np.float32)


def _bytes(x: np.ndarray) -> np.ndarray:
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def _step(x, low, high):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _noise(rng, size: int, cells: int, octaves: int) -> np.ndarray:
    """Smooth noise float32 [N,N], mean 0, deviation about 1, that starts with `cells` bumps a side."""
    out, weight = np.zeros((size, size), np.float32), 1.0
    for _ in range(octaves):
        grid = rng.standard_normal((cells + 2, cells + 2), np.float32)
        out += weight * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        cells, weight = min(2 * cells, size), 0.6 * weight
    return out


def _pigments(atlas: Atlas, skin: Complexion, rng, broad, patches, fine, grain):
    """Melanin and blood beyond the skin's own, in powers of e, and the relief of marks; each float32 [N,N]."""
    cheeks, nose, ears, chin, forehead = skin.flush
    melanin = skin.mottle * (0.8 * broad + 0.6 * patches + 0.5 * fine + 0.35 * grain)
    melanin += skin.tan * atlas.sun + 0.30 * skin.lids * atlas.lids + 0.30 * skin.circles * atlas.circles
    melanin += 0.5 * skin.around_mouth * atlas.around_mouth
    blood = skin.blotches * (0.6 * patches + 0.6 * broad + 0.5 * fine)
    blood += cheeks * atlas.cheeks * (1 + 0.4 * patches) + nose * atlas.nose + ears * atlas.ears
    blood += chin * atlas.chin + forehead * atlas.forehead + 0.35 * skin.lids * atlas.lids
    capillaries, freckles, spots, moles, pimples, scars, birthmark = rng.spawn(7)
    if skin.capillaries:
        threads = np.exp(-((_noise(capillaries, atlas.size, 60, 2) / 0.09) ** 2)).astype(np.float32)
        blood += 0.9 * skin.capillaries * threads * (atlas.nose + 0.7 * atlas.cheeks)
    height = np.zeros_like(melanin)
    mm = atlas.scale(0.001)

    def mark(layer, at, radius, value):
        cv2.circle(layer, (round(16 * at[0]), round(16 * at[1])), round(16 * radius), float(value), -1, cv2.LINE_AA, 4)

    def layer():
        return np.zeros_like(melanin)

    if skin.freckles > 0.02:
        dots, sunny = layer(), atlas.sun * (0.4 + 0.6 * (broad > -0.3))
        for at in atlas.spots(freckles, int(900 * min(skin.freckles, 1.5))):
            if freckles.random() < 0.15 + sunny[at[1], at[0]]:
                radius = 0.5 * skin.freckle_size * 1000 * mm * freckles.uniform(0.5, 1.2)
                mark(dots, at, radius, freckles.uniform(0.2, 1.0))
        melanin += (0.5 + 0.5 * min(skin.freckles, 1.0)) * cv2.GaussianBlur(dots, (0, 0), 0.35 * mm)
    if skin.spots:
        dots = layer()
        for at in atlas.spots(spots, int(35 * skin.spots)):
            mark(dots, at, mm * spots.uniform(0.8, 2.6), spots.uniform(0.2, 0.8))
        melanin += cv2.GaussianBlur(dots, (0, 0), 0.6 * mm) * np.clip(1 + 0.5 * fine, 0, 2)
    if skin.moles:
        dots = layer()
        for at in atlas.spots(moles, skin.moles):
            mark(dots, at, mm * (0.35 + min(moles.exponential(0.35), 1.2)), moles.uniform(0.6, 1.0))
        dots = cv2.GaussianBlur(dots, (0, 0), 0.25 * mm)
        melanin += 1.9 * dots
        height += 2.0 * dots
    if skin.pimples:
        red, bump = layer(), layer()
        for at in atlas.spots(pimples, skin.pimples):
            mark(red, at, mm * pimples.uniform(1.0, 2.2), pimples.uniform(0.5, 1.1))
            mark(bump, at, mm * pimples.uniform(0.6, 1.2), 1.0)
        blood += cv2.GaussianBlur(red, (0, 0), 0.7 * mm)
        height += 2.0 * cv2.GaussianBlur(bump, (0, 0), 0.5 * mm)
    if skin.scars:
        cut = np.zeros((atlas.size, atlas.size), np.uint8)
        for at in atlas.spots(scars, skin.scars):
            way = scars.normal(0, 1, 2)
            along = np.cumsum(way + scars.normal(0, 0.5, (6, 2)), 0) * scars.uniform(1.0, 3.0) * mm
            cv2.polylines(cut, [np.int32(16 * (at + along))], False, 255, max(1, round(0.8 * mm)), cv2.LINE_AA, 4)
        cut = cv2.GaussianBlur(cut.astype(np.float32) / 255, (0, 0), 0.4 * mm)
        melanin -= 0.5 * cut
        blood += scars.uniform(-0.4, 0.8) * cut
        height -= 3.0 * cut
    if skin.birthmark:
        at = atlas.spots(birthmark, 1)[0]
        dots = layer()
        mark(dots, at, mm * birthmark.uniform(3, 14), 1.0)
        dots = _step(cv2.GaussianBlur(dots, (0, 0), 2 * mm) + 0.10 * patches + 0.05 * fine, 0.35, 0.6)
        if birthmark.random() < 0.5:
            melanin += birthmark.uniform(0.5, 1.2) * dots
        else:
            blood += birthmark.uniform(0.6, 1.6) * dots
    even = 1 - 0.75 * skin.makeup.foundation
    return melanin * even, blood * even, height


def _coloured(skin: Complexion, melanin: np.ndarray, blood: np.ndarray, bluish: np.ndarray) -> np.ndarray:
    """Linear RGB float32 [N,N,3]; each pigment changes the logarithm of a colour in proportion."""
    own = np.log(skin.skin)
    per_melanin = 2 * (np.log(skin_colour(skin.melanin * np.exp(0.5), skin.blood)) - own)
    per_blood = (np.log(skin_colour(skin.melanin, skin.blood * np.e)) - own) * 0.9
    per_blue = np.log(skin_colour(skin.melanin * 1.1, skin.blood * 2.2, oxygen=0.25)) - own
    mixture = np.stack([melanin, blood, bluish * (1 - 0.75 * skin.makeup.foundation)], -1)
    return cv2.exp(cv2.transform(mixture, np.float32(np.column_stack([per_melanin, per_blood, per_blue, own]))))


def _mix(colour: np.ndarray, other, amount: np.ndarray) -> None:
    colour += (np.asarray(other, np.float32) - colour) * amount[..., None]


def _hairy(colour, atlas: Atlas, skin: Complexion, brows, hairstyle, beard, shaved: float, patches, fine) -> None:
    """Shade that hair, short or shaven, leaves on scalp, brows and jaw."""
    places, size = atlas.places, atlas.size
    dark = skin.mean_beard * 0.5
    under = np.array([0.60, 0.63, 0.68])  # roots below the skin look blue
    darkness = float(np.clip(1.2 - 4 * np.mean(skin.mean_beard), 0.1, 1))
    grown = np.clip(0.8 + 0.30 * fine + 0.15 * patches, 0, 1.4)
    below = slice(0, int(size * (-0.02 - LOWEST) / TALL))
    if skin.stubble:
        shade = (0.75 * skin.stubble * darkness * atlas.shaven * grown)[below]
        _mix(colour[below], colour[below] * under, np.clip(shade, 0, 0.9))
    if beard:
        dense = _over(beard.density, places[below]) * (1 - atlas.lips[below])
        _mix(
            colour[below],
            0.6 * colour[below] * under + (dark * 0.4).astype(np.float32),
            np.clip(0.75 * dense * grown[below], 0, 0.9),
        )
    above = slice(int(size * (-0.09 - LOWEST) / TALL), size)
    scalp = _over(hairstyle.inside if hairstyle else _inside_usual_hairline, places[above]) + 0.004 * fine[above]
    scalp = _step(scalp, -0.003, 0.012) * (1 - atlas.ears[above])
    if hairstyle:
        _mix(colour[above], skin.mean_hair * 0.6, 0.9 * scalp)
    elif shaved:
        _mix(
            colour[above],
            0.5 * colour[above] * under + 0.3 * skin.mean_hair.astype(np.float32),
            shaved * scalp * grown[above],
        )
    rows = slice(int(size * (-0.005 - LOWEST) / TALL), int(size * (0.055 - LOWEST) / TALL))
    columns = slice(int(0.2 * size), int(0.8 * size))
    at = places[rows, columns]
    along, across = (x.reshape(at.shape[:2]) for x in brows.band(at.reshape(-1, 3)))
    shade = (
        np.exp(-0.8 * across**2) * _step(along, -0.08, 0.12) * _step(along, 1.06, 0.9) * _step(at[..., 1], 0.03, 0.01)
    )
    amount = 0.40 + 0.35 * skin.makeup.brows
    _mix(
        colour[rows, columns],
        np.array(skin.brow) * 0.8,
        np.clip(amount * shade * grown[rows, columns], 0, 0.9).astype(np.float32),
    )


def _inside_usual_hairline(places: np.ndarray) -> np.ndarray:
    height, fall, depth = HAIRLINE
    corner = np.exp(-(((np.abs(places[:, 0]) - 0.042) / 0.016) ** 2))
    return places[:, 2] - np.maximum(height + fall * (places[:, 1] - depth) + 0.012 * corner, -0.085)


def _lips(colour, atlas: Atlas, skin: Complexion, rng, fine) -> np.ndarray:
    """Paints the lips and returns where they are, float32 [N,N]."""
    softness = 0.30 - 0.22 * skin.lip_edge
    lips = _step(atlas.lips + 0.03 * fine, 0.5 - softness, 0.5 + softness)
    own = skin_colour(min(skin.melanin * np.exp(skin.lip_melanin), 0.45), skin.lip_blood)
    own = 0.85 * own + 0.15 * skin.skin
    size = atlas.size
    cracks = cv2.resize(rng.standard_normal((8, size // 3), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    upper = 1 - 0.12 * _step(atlas.z, -0.078, -0.070)
    shade = np.exp(0.05 * cracks + 0.05 * fine) * upper
    _mix(colour, own.astype(np.float32) * shade[..., None], lips * 0.95)
    if skin.makeup.lipstick:
        sharp = _step(atlas.lips, 0.42, 0.55)
        _mix(colour, np.float32(skin.makeup.lipstick_colour) * shade[..., None], sharp * skin.makeup.lipstick)
    return lips


def _made_up(colour, atlas: Atlas, skin: Complexion, lips, fine) -> None:
    """Blush, contour, eye shadow and liner."""
    worn = skin.makeup
    if worn.blush:
        _mix(colour, worn.blush_colour, np.clip(worn.blush * 0.8 * atlas.apples, 0, 0.8))
    if worn.contour:
        _mix(
            colour,
            colour * np.float32([0.62, 0.52, 0.45]),
            worn.contour * np.clip(atlas.hollows + atlas.nose_sides, 0, 1),
        )
    if worn.shadow:
        lids = np.zeros((atlas.size, atlas.size), np.uint8)
        for side in _eyes_of(atlas.landmarks):
            top = side[list(CREASE)] * (1 - worn.shadow_reach) + side[list(UNDER_BROW)] * worn.shadow_reach
            ring = np.concatenate([side[list(LASHES_ABOVE)], top[::-1]])
            cv2.fillPoly(lids, [np.int32(16 * ring)], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(lids, (0, 0), atlas.scale(0.0012 + 0.002 * worn.shadow_reach)).astype(np.float32) / 255
        _mix(colour, worn.shadow_colour, np.clip(soft * worn.shadow * (1 + 0.15 * fine), 0, 0.95))
    if worn.liner:
        ink = np.zeros((atlas.size, atlas.size), np.uint8)
        width = max(1, round(atlas.scale(0.0006 + 0.0011 * worn.liner)))
        for side in _eyes_of(atlas.landmarks):
            above, below = side[list(LASHES_ABOVE)], side[list(LASHES_BELOW)]
            outwards = np.array([np.sign(above[0, 0] - above[-1, 0]), 0.7])
            tail = above[0] + outwards * atlas.scale(worn.wing)
            cv2.polylines(ink, [np.int32(16 * np.vstack([tail, above]))], False, 255, width, cv2.LINE_AA, 4)
            if worn.liner > 0.6:
                cv2.polylines(ink, [np.int32(16 * below[:6])], False, 160, max(1, width - 1), cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(ink, (0, 0), atlas.scale(0.0004)).astype(np.float32) / 255
        _mix(colour, (0.012, 0.010, 0.010), np.clip(worn.liner * soft, 0, 0.95))


def _eyes_of(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The landmarks [478,2], and mirrored ones, so that the right eye's numbers name the left eye too."""
    mirrored = landmarks.copy()
    middle = landmarks[[6, 168, 197], 0].mean()
    mirrored[:, 0] = 2 * middle - landmarks[:, 0]
    return landmarks, mirrored


# Folds. A curve is points (x, z) [n,2] in metres and how deep it is at each, 0..1.


def _folds(atlas: Atlas, rng, patches, fine) -> list[np.ndarray]:
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
    fading = _step(z, 0.003, 0.012) * _step(z, 0.041, 0.028)
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
    nasolabial = [(side * path[:, 0], path[:, 1], _step(t, -0.05, 0.1) * _step(t, 1.05, 0.75)) for side in (-1, 1)]
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


def _lines_of_age(atlas: Atlas, rng) -> np.ndarray:
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
