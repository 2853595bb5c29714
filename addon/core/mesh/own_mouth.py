"""What the photo itself shows of a mouth's inside: its upper teeth hang from the head, the rest falls with the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from .layout import GREY, smoothstep
from .patch import Patch, sampled
from .seams import Seams

RIMS = 0.22, 0.16  # of the gap, at the upper and the lower lip: what lies in a lip's shadow, gum between teeth among it
ENDING_RIM = 0.01  # eye distances: the same at the lower lip, where no upper teeth reach it
DARKEST_RIM, DARKEST_ENDING = 0.2, 0.6  # of what goes on under it; where no teeth reach the lower lip
SHUT_SHADOW, SHADOW_REACH = (0.3, 0.65), 0.045  # of shut lips as they part: light left at either, eye distances
TOOTH, GOES_ON = 0.17, (0.02, 0.05)  # eye distances: how high a tooth is, how far it goes on under the lower lip
FALLS, UNDER_TEETH = 0.01, 0.1  # eye distances of what falls with the jaw: its least height; how far above it goes on
# Eye distances: how high a lower tooth is, how much of it at least lies under the lip, over what it goes over into gum,
# and that into shade; how dark; shares of the mouth's width, the same towards its corners.
LOWER_TOOTH, HIDDEN, INTO_GUM, GUM_ENDS, GUM_SHADE, SIDES = 0.1, 0.02, 0.035, 0.25, 0.8, 0.35
MIDDLE, PARTLY = 0.25, (0.3, 0.5)  # of the mouth's width; of the middle: if so much is dark, no teeth end, all do
MOST, WIDE = 0.35, (0.65, 0.8)  # the same of what falls
DARK_BITE = -0.7, -0.55  # of the brightness of teeth: lighter lines are no gap
AS_BRIGHT = 0.4, 0.5  # as teeth: what lies on the lower lip, if it is none of them, if it is
STEPS, HEIGHTS = 41, 24  # columns and rows in which the line between the teeth is looked for; rows for their end, too
HIGHEST_BITE = 0.35  # of the gap
BEND = 4.0  # cost of the square of what share of the gap the line climbs from one column to the next
AT_TOP = 0.35  # of the brightness of teeth: so much darker a line must be to lie at the gap's top, not at its bottom
# Columns and first share of the gap in which the teeth's end is looked for; columns in which most are to agree.
END_STEPS, FIRST_END, END_WINDOW = 81, 0.3, 11
PALE, BRIGHT = 0.88, 0.6  # of their own green over red, of their brightness: what is a tooth
EVEN = 0.06  # eye distances over which a lip's shade is brought together: no gaps between teeth are in it
GUM_LIT = 1.3  # of a gum's brightness behind lips: where they bare it


def bite_line(image: np.ndarray, seams: Seams, openings) -> np.ndarray:
    """Heights [S]: where a parted mouth is darkest, under its upper teeth; the lower lip where they reach it.

    image float32 [S,S,3].
    """
    x0, x1 = openings.mouth
    x = np.linspace(x0, x1, STEPS)[1:-1]
    upper, lower = seams.lips(x)
    share = np.linspace(HIGHEST_BITE, 1, HEIGHTS)[:, None]
    grey = sampled(image, x, upper + share * (lower - upper)) @ GREY
    cost = (grey / max(np.percentile(grey, 90), 1) + AT_TOP * (1 - share)).T
    level = np.linspace(0, 1, HEIGHTS)
    bend = BEND * np.subtract.outer(level, level) ** 2
    total, came_from = cost[0], []
    for step in cost[1:]:
        reached = total + bend
        came_from.append(reached.argmin(1))
        total = reached.min(1) + step
    chosen = [int(total.argmin())]
    for back in reversed(came_from):
        chosen.append(int(back[chosen[-1]]))
    bite = np.convolve(np.pad(share[chosen[::-1], 0], 2, mode="edge"), np.ones(5) / 5, "valid")
    bite = np.interp(np.linspace(-1, 1, len(image)), np.r_[x0, x, x1], np.r_[1, bite, 1])
    return seams.upper_lip + bite * (seams.lower_lip - seams.upper_lip)


def teeth_end(image: np.ndarray, seams: Seams, openings, teeth: np.ndarray) -> np.ndarray:
    """Heights [S]: down to where a parted mouth shows teeth of that colour, RGB [3], and no lip that landmarks leave in
    it; the lower lip where it shows none."""
    x = np.linspace(*openings.mouth, END_STEPS)
    upper, lower = seams.lips(x)
    share = np.linspace(FIRST_END, 1, HEIGHTS)[:, None]
    seen = sampled(image, x, upper + share * (lower - upper))
    pale = seen[..., 1] / np.maximum(seen[..., 0], 1) > PALE * teeth[1] / max(teeth[0], 1)
    tooth = pale & (seen.mean(-1) > BRIGHT * teeth.mean())
    end = np.where(tooth[0], share[np.logical_and.accumulate(tooth).sum(0) - 1, 0], 1)
    end = gaussian_filter1d(median_filter(end, END_WINDOW, mode="nearest"), END_STEPS / 30, mode="nearest")
    end = np.interp(np.linspace(-1, 1, len(image)), x, end)
    return seams.upper_lip + end * (seams.lower_lip - seams.upper_lip)


@dataclass(frozen=True)
class OwnMouth:
    """What a patch [h,w] shows of an open mouth, its columns going on under the lips.

    upper, lower RGB [h,w,3]: what hangs from the head, what falls with the jaw; their shares of a pixel [h,w]; painted
    [h,w]: of a painted jaw, how much may show beside them; hangs [h,w]: 0 where something falls; has: how much of an
    inside the mouth has, 0..1; shadows [2,h,w,3]: of the upper and the lower lip, shares of what lies behind that move
    with them; even [h,w]: the lower lip's, without what it has of the photo's own teeth."""

    upper: np.ndarray
    upper_share: np.ndarray
    lower: np.ndarray
    lower_share: np.ndarray
    painted: np.ndarray
    hangs: np.ndarray
    has: float
    shadows: np.ndarray
    even: np.ndarray


def own_mouth(
    patch: Patch, image: np.ndarray, seams: Seams, openings, eye_distance: float, teeth: np.ndarray, gum: np.ndarray
) -> OwnMouth:
    """An open mouth keeps its own inside. image float32 [S,S,3]; teeth, gum: RGB [3]."""
    x, y, pixel = patch.x, patch.y, 2 / (patch.size - 1)
    x0, x1 = openings.mouth
    w = x1 - x0
    upper, lower, gap, rim = (patch.over(v) for v in (seams.upper_lip, seams.lower_lip, seams.lip_gap, seams.lip_rim))
    # A slit's few dark pixels, continued, would look like a missing tooth.
    has = float(np.clip((seams.lip_gap.max() / eye_distance - 0.04) / 0.06, 0, 1))
    across = (x > x0) & (x < x1)
    within = (x > x0 + 0.02 * w) & (x < x1 - 0.02 * w)
    bite = patch.over(bite_line(image, seams, openings)) if has > 0 else lower
    ends = np.clip((lower - rim - bite) / (FALLS * eye_distance), 0, 1) * within
    middle, most = (np.abs(x[0] - (x0 + x1) / 2) < k * w for k in (MIDDLE, MOST))  # corners alone are dark anyway
    on_teeth, on_bite = (patch.sample(image, x, at)[0].mean(-1)[middle] for at in (upper + 0.4 * gap, bite))
    dark = on_bite.mean() / max(np.percentile(on_teeth, 70), 1)
    ends *= has * _between(ends[:, middle].mean(), PARTLY) * _between(-dark, DARK_BITE)
    # Where upper teeth end in sight, what lies under them is dark of itself, in no shadow of the lower lip's.
    rims = RIMS[0] * gap, RIMS[1] * gap + ends * (np.minimum(RIMS[1] * gap, ENDING_RIM * eye_distance) - RIMS[1] * gap)
    top, bottom = upper + rim + rims[0], lower - rim - rims[1]
    if has > 0:
        end = patch.over(teeth_end(image, seams, openings, teeth))
        bottom += (1 - ends) * np.clip(end - rim - bottom, np.minimum(top - bottom, 0), 0)
    nearest = np.clip(y, top, np.maximum(bottom, top))
    colour = patch.sample(image, x, nearest)
    blurred = cv2.GaussianBlur(colour, (0, 0), 1.2 * patch.size / 512)
    colour = np.where((np.abs(nearest - y) > pixel)[..., None], blurred, colour)
    shade = patch.of(image) / np.maximum(colour, 1)
    shadows = []
    deepest = DARKEST_RIM, DARKEST_RIM + (DARKEST_ENDING - DARKEST_RIM) * ends[..., None]
    edges = (top - y, y - bottom), (y - upper, lower - y)
    for darkest, least, beyond, edge in zip(SHUT_SHADOW, deepest, *edges, strict=True):
        under = across & (beyond > 0) & (edge > -3 * pixel)
        faint = darkest + (1 - darkest) * smoothstep(edge / (SHADOW_REACH * eye_distance))
        rim = np.where(under[..., None], shade.clip(least, 1), 1)
        shadows.append(rim**has * np.where(across, faint, 1)[..., None] ** (1 - has))
    even = cv2.blur(shadows[1].mean(-1), (1 + 2 * round(EVEN * eye_distance / pixel),) * 2)
    # Nothing goes on under the lip where teeth end above it.
    reach = np.clip(TOOTH - gap / eye_distance, *GOES_ON) * (1 - 0.9 * ends.max())
    past = (y - lower) / eye_distance
    below = np.clip(1.6 - past / reach, 0, 1)
    above = np.clip(1 - 0.5 * (upper - y) / (0.08 * eye_distance), 0.3, 1)
    # Lower teeth that the photo shows fall with the jaw and go on as gum, and none are painted before them.
    on_lip = patch.sample(image, x, bottom)[0].mean(-1)[middle].mean() / teeth.mean()
    falls = ends * _between(on_lip, AS_BRIGHT) * _between(ends[:, most].mean(), WIDE)
    hangs = 1 - falls * np.clip((y - bite) / (1.5 * pixel), 0, 1)
    beside = EVEN * eye_distance / pixel  # what goes on above has no stripes
    at_bite = cv2.GaussianBlur(patch.sample(image, x, np.maximum(bite, top))[:1], (0, 0), beside)
    fallen = np.where((y < bite)[..., None], at_bite, colour)
    aside = smoothstep(np.minimum(x - x0, x1 - x) / (SIDES * w))
    fallen *= (1 - (1 - aside) * smoothstep(past / HIDDEN))[..., None]
    deep = GUM_LIT * gum * (1 - GUM_SHADE * smoothstep(past / GUM_ENDS))[..., None] * aside[..., None]
    into_gum = past - np.maximum(LOWER_TOOTH - (lower - bite) / eye_distance, HIDDEN)
    fallen += smoothstep(into_gum / INTO_GUM)[..., None] * (deep - fallen)
    goes_on = cv2.GaussianBlur(falls.astype(np.float32), (0, 0), beside) * falls
    falling = np.where(y < bite, goes_on * smoothstep(1 - (bite - y) / (UNDER_TEETH * eye_distance)), falls)
    painted = 1 - np.where(past < 0, falls, 0.0)
    return OwnMouth(
        colour * above[..., None],
        has * within * below * hangs,
        fallen,
        falling,
        painted,
        hangs,
        has,
        np.stack(shadows),
        even,
    )


def _between(value: float, limits: tuple[float, float]) -> float:
    """0 at the first limit, 1 at the second."""
    return float(np.clip((value - limits[0]) / np.ptp(limits), 0, 1))
