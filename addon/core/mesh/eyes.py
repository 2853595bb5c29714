"""Eyeballs, also under the lids, the lids' shadows on them, and how lids look that have fallen."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from .layout import GREY, IRISES, LOWER_BROWS, LOWER_LIDS, UPPER_LIDS, curve, iris_of, smoothstep
from .patch import Patch
from .seams import Seams

DARK_IRIS = np.array([40, 35, 30], np.float32)
EDGE_REACH = 0.05  # eye distances over which light and shade of the opening's edge go on under the lids
SHADOW_REACH = 0.4  # of the opening: how far from a lid its shadow is looked for
DEEPEST_SHADOW, BRIGHTEST_SHADOW = 0.25, (1.0, 1.5)  # of the upper and the lower lid, whose rim glistens
# How an edge is lit against what is painted: grey levels added on both sides, limits.
DARK, LIT = 8.0, (0.4, 1.2)
LEAST_LID = 0.25  # of the eye's width, up to the brow
SKIN_ABOVE = 0.15  # of the way from lid to brow: where lashes end
FULL, ENDS = 0.4, 0.85  # of it: up to where a shut lid is smooth skin alone, from where on the photo alone
UNDER_EYE = (0.15, 0.45)  # of the eye's width, under it: where its cheek is looked at
SKIN_BLUR = 0.1  # of the eye's width, along the lid
LIKE_CHEEK, EDGE_LIGHT = 0.75, (0.8, 1.5)  # of a shut lid's edge: share of the cheek's colour; of the skin's light
EDGE_ENDS = 0.9  # of the way to the brow: up to where a shut lid takes after the cheek
# Of the eye's width: how far beside its corners a shut lid's skin begins, over what; and near the lashes, which go on
# beside the eye, at its outer and its inner corner.
SIDES = 0.06, 0.35
LASH_SIDES = np.array([[[0.25]], [[0.06]]], np.float32), np.array([[[0.15]], [[0.12]]], np.float32)
LASHES_UP = 0.45  # of the way to the brow: up to where lashes reach
LASH_LINE, LASH_BLUR, LINE_ENDS = 0.05, 0.01, 0.15  # of the eye's width: a shut lid's dark line, its height and ends
LASH_BAND = 0.06  # of the eye's width, above the lid's edge: where its darkness is looked for
LIGHTEST_LASH, DARKEST_LASH = 160, 0.12  # grey level; of the lid's light
BESIDE_IRIS = (1.05, 1.3)  # radii of an iris: from where on there is white, and surely
UNSURE = 0.05  # what an iris counts where light is told by white
CORNER = 0.2  # of the eye's width: there are skin and lashes, which stay as the eyeball turns
CORNER_SHADOW = (0.05, 1.1)  # the darkest and the brightest there
EVEN_SHADOW, LID_EDGE_SHADOW = 0.12, 0.25  # along the lid, of the eye's width; of a shadow's reach: lashes, as they are
DEPTHS, NO_SHADOW = 6, 0.02  # steps of a shadow's reach in which it is even along the lid; pixels that speak for none
BRIGHTEST = 1.25  # of the painted eyeball, once shadows are taken out
EVEN_LIGHT = 0.1  # of the eye's width: the edge's light along the lid, since no iris is quite where it is read


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
        centre, radius = iris_of(landmarks, iris)
        radius = max(radius, pixel)
        away = np.hypot(x - centre[0], y - centre[1])
        beside = smoothstep((away / radius - BESIDE_IRIS[0]) / (BESIDE_IRIS[1] - BESIDE_IRIS[0]))
        corner = 1 - smoothstep(np.minimum(x - x0, x1 - x) / (CORNER * w))
        sclera = within & (beside > 0.99)
        white = np.percentile(own[sclera], 60, axis=0) if sclera.sum() > 20 else own.max((0, 1)) * 0.8
        whites.append(white)
        ball = _diffused(own, sclera * (1 - corner), white, w / pixel)
        ball = _with_iris(ball, own, image, patch, within, centre, radius, away)
        top, bottom = upper + rim, np.maximum(lower - 0.1 * gap, upper + rim + pixel)
        # How the photo is lit against what is painted: next to a lid it lies in the lid's shadow. Lids have no shadow
        # of the iris: nobody knows its edge to a pixel.
        lit = (own + DARK) / (ball + DARK)
        seen = ((y > top - 2 * pixel) & (y < lower + 2 * pixel) & (gap > pixel))[..., None]
        certain = seen * (np.maximum(beside, UNSURE) * (1 - corner))[..., None]
        shown = ((y > top) & (y < lower + 1.2 * pixel) & (gap > pixel))[..., None]
        clean = own.copy()
        reach = np.maximum((SHADOW_REACH + (1 - SHADOW_REACH) * corner) * gap, pixel)
        for shadow, under, brightest in zip(shadows, (y - top, lower - y), BRIGHTEST_SHADOW, strict=True):
            under = np.clip(under / reach, 0, 1)
            limits = zip((DEEPEST_SHADOW, brightest), CORNER_SHADOW, strict=True)
            here = np.clip(lit, *(v + (c - v) * corner[..., None] for v, c in limits))
            shade = _lid_shadow(here, certain, under, beside, corner, EVEN_SHADOW * w / pixel)
            shade = np.where(seen, shade, 1)
            patch.of(shadow)[:] = np.where(seen, shade, patch.of(shadow))
            clean /= shade
            lit = lit / shade
        # Next to the opening its own light goes on, so that no line is left where a lid was.
        nearest = np.clip(y, top + 0.5 * pixel, bottom)
        row = np.clip(np.rint((nearest - y[0, 0]) / pixel), 0, len(y) - 1).astype(int)[..., None]
        # A lid's shadow goes on under its rim, which goes as it falls.
        shadow = patch.of(shadows[0])
        shadow[:] = np.where((y < top)[..., None], np.take_along_axis(shadow, row, 0), shadow)
        # No shadow leaves more light behind it than a white has.
        upper_shade, lower_shade = (patch.of(shadow) for shadow in shadows)
        excess = np.maximum((own + DARK) / (BRIGHTEST * upper_shade * lower_shade * (ball + DARK)), 1)
        excess = np.where(shown, 1 + beside[..., None] * (excess - 1), 1)
        nearer = (y < (upper + lower) / 2)[..., None]
        upper_shade *= np.where(nearer, excess, 1)
        lower_shade *= np.where(nearer, 1, excess)
        clean /= excess
        lit = np.clip((np.take_along_axis(clean, row, 0) + DARK) / (np.take_along_axis(ball, row, 0) + DARK), *LIT)
        trust = np.maximum(np.take_along_axis(beside[..., None], row, 0), UNSURE)
        blur = {"ksize": (0, 0), "sigmaX": EVEN_LIGHT * w / pixel, "sigmaY": 0.1}
        lit = cv2.GaussianBlur(lit * trust, **blur) / cv2.GaussianBlur(trust, **blur)[..., None]
        ball = ball * lit ** np.exp(-(((y - nearest) / (EDGE_REACH * eye_distance)) ** 2))[..., None]
        patch.of(inner)[:] = np.where(shown, clean, ball)
    return np.mean(whites, axis=0), shadows


def _lid_shadow(lit: np.ndarray, certain: np.ndarray, under: np.ndarray, beside, corner, along: float) -> np.ndarray:
    """A lid's shadow [h,w,3] from the light beside it: even along the lid, so that no iris is left in it, but as it is
    in corners and where the lid's lashes are. beside, corner [h,w]: how far a pixel is no iris', how far a corner's;
    the others as `_along_lid` takes them."""
    shade = _along_lid(lit, certain, under, along)
    own_share = beside * np.maximum(corner, 1 - smoothstep(under / LID_EDGE_SHADOW))
    shade += own_share[..., None] * (lit - shade)
    return shade + (1 - shade) * smoothstep(under)[..., None]


def _along_lid(lit: np.ndarray, certain: np.ndarray, under: np.ndarray, along: float) -> np.ndarray:
    """Light [h,w,3] by how far under the lid's edge it lies (under [h,w], 0..1), even along the lid over so many
    pixels. certain [h,w,1]: how sure it is of `lit`."""
    level = under[None] * (DEPTHS - 1) - np.arange(DEPTHS, dtype=np.float32)[:, None, None]
    near = np.maximum(1 - np.abs(level), 0)  # [DEPTHS,h,w]
    weight = near * certain[..., 0]
    total = np.concatenate([np.einsum("khw,hwc->kwc", weight, lit), weight.sum(1)[..., None]], -1)
    total = gaussian_filter1d(total, along, axis=1, mode="nearest")
    even = (total[..., :3] + NO_SHADOW) / (total[..., 3:] + NO_SHADOW)
    return np.einsum("khw,kwc->hwc", near, even)


def _diffused(own: np.ndarray, within: np.ndarray, white: np.ndarray, width: float) -> np.ndarray:
    """The white's own pixels spread outwards, far away its colour. width: of the eye, pixels."""
    weight = within.astype(np.float32)
    colour = own * weight[..., None]
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


def shut_lids(image: np.ndarray, landmarks: np.ndarray, openings, seams: Seams) -> np.ndarray:
    """float32 [S,S,3], 0..255: the photo with upper lids as they look when they have fallen. Their skin unrolls from
    under the lashes, smooth, as light as the socket above and, towards their edge, nearly as what lies under the eye;
    fold and lashes, which would be drawn out with it, are gone; and along their edges lies a soft line as dark as the
    lashes.
    """
    size = len(image)
    pixel = 2 / (size - 1)
    shut = image.copy()
    for (x0, x1), brows, outer in zip(openings.eyes, LOWER_BROWS, (1, -1), strict=True):
        w = x1 - x0
        level = landmarks[list(brows), 1].min()
        patch = Patch.around(size, x0 - 0.3 * w, x1 + 0.3 * w, level, seams.lower_lid.max() + 0.6 * w)
        x, y, own = patch.x, patch.y, patch.of(image)
        upper, lower, gap = (patch.over(v) for v in (seams.upper_lid, seams.lower_lid, seams.lid_gap))
        light = own @ GREY
        height = np.maximum(upper - curve(landmarks, brows, x), LEAST_LID * w)
        above, below = (upper - y) / height, (y - lower) / w
        along_lid = SKIN_BLUR * w / pixel
        skin, skin_light = _skin(own, light, (above > SKIN_ABOVE) & (above < ENDS), along_lid)
        cheek, cheek_light = _skin(own, light, (below > UNDER_EYE[0]) & (below < UNDER_EYE[1]), along_lid)
        inside = np.array([x - x0, x1 - x])[::outer] / w  # of its outer and of its inner corner
        sides, lashes = (smoothstep((inside + s) / o).prod(0) for s, o in (SIDES, LASH_SIDES))
        lit = np.clip(cheek_light / skin_light, *EDGE_LIGHT)
        at_edge = cheek * (lit * skin_light / cheek_light)[..., None]
        skin = skin + (LIKE_CHEEK * smoothstep(1 - above / EDGE_ENDS))[..., None] * (at_edge - skin)
        # Further up the socket's own light and shade, without the lashes across them.
        weighted = np.concatenate([own, np.ones_like(own[..., :1])], -1) * light[..., None] ** 2
        socket = gaussian_filter1d(weighted, along_lid, 1)
        socket = socket[..., :3] / np.maximum(socket[..., 3:], 1)
        near_socket = 1 - sides * (1 - smoothstep((above - SKIN_ABOVE) / (ENDS - SKIN_ABOVE)))
        skin = skin + near_socket[..., None] * (socket - skin)
        across = sides + smoothstep(1 - above / LASHES_UP) * (lashes - sides)
        share = smoothstep((ENDS - above) / (ENDS - FULL)) * across
        lid = own + share[..., None] * (skin - own)
        up = upper - y
        zone = (up < LASH_BAND * w) & (up > -pixel)
        dark = np.where(zone, cv2.GaussianBlur(light, (0, 0), max(LASH_BLUR * w / pixel, 0.3)), 999).min(0)
        dark = gaussian_filter1d(np.minimum(dark, LIGHTEST_LASH), max(along_lid, 1), mode="nearest")
        ends = smoothstep(np.minimum(x - x0, x1 - x) / (LINE_ENDS * w) + 0.5)
        line = np.where(up > 0, np.exp(-((up / (LASH_LINE * w)) ** 2)), 1) * ends * smoothstep(gap / (3 * pixel))
        darker = np.clip(dark / np.maximum(lid @ GREY, 1), DARKEST_LASH, 1)
        patch.of(shut)[:] = lid * (1 - line * (1 - darker))[..., None]
    return shut


def _skin(own: np.ndarray, light: np.ndarray, within: np.ndarray, along: float) -> tuple[np.ndarray, np.ndarray]:
    """RGB [1,w,3] of the brighter pixels of each column and its neighbours over so many pixels, and their brightness
    [1,w]."""
    weight = np.where(within, light**2, 0) + 1e-3
    total = np.concatenate([own * weight[..., None], weight[..., None]], -1).sum(0)
    total = gaussian_filter1d(total, along, axis=0, mode="nearest")
    skin = (total[:, :3] / total[:, 3:])[None].astype(np.float32)
    return skin, np.maximum(skin @ GREY, 1)
