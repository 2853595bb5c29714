"""The crop in layers: two of skin that part at the openings, and what lies behind them."""

from __future__ import annotations

import numpy as np

from .eyes import paint_eyeballs, shut_lids
from .layout import LID_EDGE, LIP_EDGE
from .mouth import mouth_palette, mouth_patch, shut_lip
from .own_mouth import own_mouth
from .photo_look import around_mouth, blur_of, cheeks, light_direction, lower_lip, shade_tint
from .seams import Seams
from .teeth import Look, MouthParts, Placement, lower_parts, upper_parts

DARK_UNDER, UNDER_TEETH = 0.7, 0.1  # darkness over the tongue below the lips' edge, how far: eye distances
CORNER = 0.05  # of the mouth's width beyond its corners


def paint_layers(
    photo: np.ndarray,
    landmarks: np.ndarray,
    openings,
    seams: Seams,
    eye_distance: float,
    parts: MouthParts,
    turn,
    scale: float,
    jaw,
) -> dict[str, np.ndarray]:
    """photo float32 [S,S,3], 0..255; landmarks [478,2+] in crop units -> the state's `photo`, `above`, `below`,
    `inner`, `jaw`, `cavity`, `tint`.

    The head's turn [3,3], its scale and how far the jaw has dropped [3], in tenths of a metre, say where teeth are.
    Masks are soft inside the opening and lie in the photo's coordinates, so that they travel with their layer.

    Planes, colours and shadows three each: `above` colours, mask, shadow of lids and lip on what lies behind, colours
    once shut, the lip's shadow without the photo's own teeth; `below` colours, mask, shadow; `inner` colours, opacity,
    what of it the photo shows; `jaw` colours, opacity, what stands before the tongue, what of it the photo shows.
    """
    size = len(photo)
    pixel = 2 / (size - 1)
    soft = 1.2 * pixel
    x, y = (np.linspace(-1, 1, size, dtype=np.float32).reshape(shape) for shape in ((1, -1), (-1, 1)))

    def line(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[None]

    above_eyes, below_mouth = line(seams.upper_lid + seams.lid_rim) - y, y - line(seams.lower_lip)
    outside_below = np.minimum(
        y - line(seams.lower_lid - seams.lower_lid_rim), line(seams.upper_lip + seams.lip_rim) - y
    )
    x0, x1 = openings.mouth
    overlap = 1.5 * soft * np.clip((np.maximum(x0 - x, x - x1) / (x1 - x0)) / CORNER - 0.5, 0, 1)  # nothing parts there
    on_lip = np.where(below_mouth >= -overlap, 1, ((below_mouth + line(seams.lip_rim)) / soft + 1) / LIP_EDGE)
    # The lid's rim, from its line on, is kept in what is left of the mask, so that it can go as the lid falls.
    on_rim = 1 + (above_eyes - line(seams.lid_rim)) / np.maximum(line(seams.lid_rim), soft) * (1 - 1 / LID_EDGE)
    on_lid = np.minimum((above_eyes / soft + 1) / LID_EDGE, 1 / LID_EDGE)
    on_lid = np.where(above_eyes > 0, on_rim, on_lid)
    mask_above = np.clip(np.maximum(on_lid, on_lip), 0, 1)
    mask_below = np.clip(outside_below / soft + 1.5, 0, 1)

    inner = photo.copy()
    white, (upper_shadow, lower_shadow) = paint_eyeballs(inner, photo, landmarks, openings, seams, eye_distance)
    opacity = np.ones((size, size), np.float32)
    cheek = cheeks(photo, landmarks, eye_distance)
    lip = lower_lip(photo, landmarks, eye_distance)
    around = around_mouth(photo, landmarks, eye_distance)
    palette = mouth_palette(photo, seams, openings, cheek.mean(0), around, lip, white)
    look = Look(
        palette.teeth, palette.gum, palette.tongue, palette.contrast, light_direction(cheek), blur_of(photo, landmarks)
    )
    patch = mouth_patch(size, landmarks, seams, openings)
    at = Placement(turn, scale, jaw, landmarks[[78, 308], 0].mean(), landmarks[[13, 14], 1].mean())
    upper_teeth = upper_parts(parts, patch, at, look, patch.over(seams.upper_lip))
    lower_teeth, in_front = lower_parts(parts, patch, at, look)
    own = own_mouth(patch, photo, seams, openings, eye_distance, palette.teeth, palette.gum)
    # The upper lip is the layer below's, the lower lip the one's above.
    patch.of(lower_shadow)[:], patch.of(upper_shadow)[:] = own.shadows
    even = np.ones((size, size), np.float32)
    patch.of(even)[:] = own.even
    # Painted upper teeth go on from those that the photo shows under the lip alone.
    above_lip, share = patch.y < patch.over(seams.upper_lip), own.upper_share
    teeth = upper_teeth[..., 3] * np.maximum(above_lip, 1 - own.has)
    behind = palette.cavity * (1 - teeth[..., None]) + upper_teeth[..., :3] * teeth[..., None]
    patch.of(inner)[:] = own.upper * share[..., None] + behind * (1 - share[..., None])
    # Upper teeth keep light from the tongue, ever less of it further down; what stands before it is lit.
    depth = DARK_UNDER * np.exp(-np.maximum(patch.y - patch.over(seams.lower_lip), 0) / (UNDER_TEETH * eye_distance))
    patch.of(opacity)[:] = np.maximum.reduce([teeth, share, depth * own.hangs])
    falls, lower_share = np.zeros((size, size, 4), np.float32), own.lower_share[..., None]
    front = np.zeros((size, size), np.float32)
    patch.of(front)[:] = np.maximum(in_front, own.lower_share)
    covered = lower_teeth[..., 3:] * (own.painted[..., None] * (1 - lower_share))
    patch.of(falls)[..., 3:] = lower_share + covered
    patch.of(falls)[..., :3] = own.lower * lower_share + lower_teeth[..., :3] * covered
    patch.of(falls)[..., :3] /= np.maximum(patch.of(falls)[..., 3:], 1e-3)

    shut = shut_lids(photo, landmarks, openings, seams)
    patch.of(shut)[:] = shut_lip(patch, photo, landmarks, seams, openings, eye_distance)

    # At rest exactly the photo: wherever any of the hidden texture shows then, it is the photo.
    shows = (np.maximum(on_lid * LID_EDGE, on_lip * LIP_EDGE) < 1) & (mask_below < 1)
    inner[shows] = photo[shows] / (upper_shadow[shows] * lower_shadow[shows])
    hangs = np.ones((size, size), np.float32)
    patch.of(hangs)[:] = own.hangs
    opacity[shows] = hangs[shows]
    falling = shows & (hangs < 1)
    falls[falling, :3], falls[falling, 3] = inner[falling], 1

    def planes(rgb: np.ndarray, *more: np.ndarray) -> np.ndarray:
        return np.stack([*rgb.transpose(2, 0, 1) / 255, *more], dtype=np.float32)[None]

    return {
        "photo": planes(photo),
        "above": planes(photo, mask_above, *upper_shadow.transpose(2, 0, 1), *shut.transpose(2, 0, 1) / 255, even),
        "below": planes(photo, mask_below, *lower_shadow.transpose(2, 0, 1)),
        "inner": planes(inner, opacity, shows * hangs),
        "jaw": planes(falls[..., :3], falls[..., 3], front, falling),
        "cavity": palette.cavity / 255,
        "tint": shade_tint(cheek),
    }
