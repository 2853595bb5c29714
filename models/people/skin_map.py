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

from .complexion import Complexion
from .folds import STANDING, carved_folds, lines_of_age
from .hair import HAIRLINE, Beard, Brows, Hairstyle
from .head import SKIN, Head
from .pigments import skin_colour
from .smooth_step import smooth_step

AXIS = 0.06  # metres behind the eyes
LOWEST, TALL = -0.19, 0.32  # metres of the chart
FOLD_UNIT = 0.25  # of a picture's range a fold's height of 1 takes; 0.5 is level
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
        self.face *= np.clip((z + 0.13) / 0.02, 0, 1) * (1 - smooth_step(self.lips, 0.1, 0.3))
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
    _lidded(colour, atlas, skin)
    lips = _lips(colour, atlas, skin, mouth, fine)
    _made_up(colour, atlas, skin, lips, fine)

    oil = skin.oil * (0.40 + 0.75 * atlas.shine) + 0.10 * fine
    oil = oil * (1 - 0.7 * skin.makeup.foundation) + lips * (0.35 + 0.6 * skin.makeup.gloss - oil)
    folds = carved_folds(atlas, expression, patches, fine)
    standing = sum(w * k * f for w, k, f in zip(skin.folds, STANDING, folds, strict=True))
    standing = skin.wrinkles * (standing + lines_of_age(atlas, age)) + 0.25 * skin.wrinkles * fine * atlas.face
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
    melanin += skin.tan * atlas.sun + 0.42 * skin.lids * atlas.lids + 0.30 * skin.circles * atlas.circles
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
        dots = smooth_step(cv2.GaussianBlur(dots, (0, 0), 2 * mm) + 0.10 * patches + 0.05 * fine, 0.35, 0.6)
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
    scalp = smooth_step(scalp, -0.003, 0.012) * (1 - atlas.ears[above])
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
        np.exp(-0.8 * across**2)
        * smooth_step(along, -0.08, 0.24)
        * smooth_step(along, 1.06, 0.9)
        * smooth_step(at[..., 1], 0.03, 0.01)
    )
    amount = brows.shade + (0.75 - brows.shade) * skin.makeup.brows
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
    lips = smooth_step(atlas.lips + 0.03 * fine, 0.5 - softness, 0.5 + softness)
    own = skin_colour(min(skin.melanin * np.exp(skin.lip_melanin), 0.45), skin.lip_blood)
    own = 0.85 * own + 0.15 * skin.skin
    size = atlas.size
    cracks = cv2.resize(rng.standard_normal((8, size // 3), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    upper = 1 - 0.12 * smooth_step(atlas.z, -0.078, -0.070)
    shade = np.exp(0.05 * cracks + 0.05 * fine) * upper
    _mix(colour, own.astype(np.float32) * shade[..., None], lips * 0.95)
    if skin.makeup.lipstick:
        sharp = smooth_step(atlas.lips, 0.42, 0.55)
        _mix(colour, np.float32(skin.makeup.lipstick_colour) * shade[..., None], sharp * skin.makeup.lipstick)
    return lips


def _lidded(colour, atlas: Atlas, skin: Complexion) -> None:
    """The line that the roots of the lashes draw, and the fold of the upper lid, deep, shallow or not there."""
    roots, fold = np.zeros((2, atlas.size, atlas.size), np.uint8)
    for side in _eyes_of(atlas.landmarks):
        above, below = side[list(LASHES_ABOVE)], side[list(LASHES_BELOW)]
        crease = above + skin.crease_height * (side[list(CREASE)] - above)
        cv2.polylines(roots, [np.int32(16 * above)], False, 255, max(1, round(atlas.scale(0.0007))), cv2.LINE_AA, 4)
        cv2.polylines(roots, [np.int32(16 * below)], False, 90, 1, cv2.LINE_AA, 4)
        cv2.polylines(fold, [np.int32(16 * crease[1:])], False, 255, max(1, round(atlas.scale(0.0008))), cv2.LINE_AA, 4)
    roots = cv2.GaussianBlur(roots, (0, 0), atlas.scale(0.0004)).astype(np.float32) / 255
    fold = cv2.GaussianBlur(fold, (0, 0), atlas.scale(0.0007)).astype(np.float32) / 255
    _mix(colour, colour * np.float32([0.50, 0.40, 0.36]), skin.crease * np.clip(1.4 * fold, 0, 1))
    _mix(colour, skin.lash, np.clip(skin.lash_line * roots, 0, 1))


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
