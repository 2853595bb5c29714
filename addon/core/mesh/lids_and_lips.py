"""What the photo's own landmarks know better than the head's shapes: how far its lids fall and its lips have to
travel to meet.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..attributes import UNITS
from .fields import Fields, Openings, to_depth_units
from .layout import (
    GRID,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LOWER_BROWS,
    LOWER_LIDS,
    LOWER_LIP,
    MOUTH_CORNERS,
    OUTER_LOWER_LIP,
    UPPER_LIDS,
    curve,
    grid,
    smoothstep,
)

LOWER_LID_SHARE = 0.25  # of the gap that the lower lid closes
OVERLAP = 0.05  # of the gap that the upper lid falls beyond the lower one, plus OVERLAP_PX
OVERLAP_PX = 2.0
LASH_BAND = 0.22  # share of the way from lid margin to brow that travels whole, lashes and all
LID_REACH = 1.0
OPEN_EYE, LEAST_RAISED = 0.25, 0.4  # height over width; of AU05
BLINK, RAISER, SMILE, LIPS_PART, JAW_DROP = (UNITS.index(u) for u in ("AU45", "AU05", "AU12", "AU25", "AU26"))
WIDEST_MOUTH = 0.87  # eye distances, without a smile: .81 +- .06 of 19 people
MOST_BEYOND = 0.7  # of AU12's own motion
LIP_SHARES = (0.2, 0.8)  # of a gap that either lip closes, so that they meet on a line between the mouth's corners
OPEN_ENOUGH = 0.15  # of AU12 + AU25 + AU26 from which a mouth may need sealing
SEAL_PRESS, SEAL_PRESS_PX = 0.05, 1.5  # of the gap, pixels at its widest: what the lips' rims show has to go, too
ENDS_IN, LEAST_HIGH = 0.6, 0.7  # power: how a shut lip ends towards the corners; of its height: how much may go
SEAL_ENDS = 0.4  # of the mouth's width, on the other lip's side: eyes and neck stay
LEAST_PARTED = 0.25  # AU25 of a mouth that gets a seal, so that there is something to close
LEAST_PARTED_SHUT = 0.08  # the same where lips meet and only their smile going away would part them


def set_blink(fields: Fields, landmarks: np.ndarray, openings: Openings, scale: float, size: int) -> None:
    """Replaces AU45's motion near the eyes, in place: each column of the opening closes its own gap. AU05's is less for
    eyes that a smile or the sun narrows: what holds such lids lets no eye stare."""
    x, y = grid(GRID)
    k = to_depth_units(fields.depth.mean(0), scale)
    for (x0, x1), up, low, brow in zip(openings.eyes, UPPER_LIDS, LOWER_LIDS, LOWER_BROWS, strict=True):
        w = x1 - x0
        upper, lower = curve(landmarks, up, x), curve(landmarks, low, x)
        gap = np.maximum(lower - upper, 0) * ((x > x0) & (x < x1))
        fall = gaussian_filter1d(gap * (1 + OVERLAP - LOWER_LID_SHARE) + OVERLAP_PX / size * (gap > 0), 0.8, axis=1)
        rise = gaussian_filter1d(gap * LOWER_LID_SHARE, 0.8, axis=1)
        to_brow = np.maximum(upper - curve(landmarks, brow, x), 0.25 * w)
        stretched = smoothstep(1 - ((upper - y) / to_brow - LASH_BAND) / (LID_REACH - LASH_BAND))
        falls = fall * stretched * np.clip(1.6 - (y - lower) / (0.5 * w), 0, 1) * k
        over = np.clip(1 - (upper - y) / (0.3 * w), 0, 1)
        rises = rise * np.where(y < lower, over, smoothstep(1 - (y - lower) / (0.45 * w))) * k
        middle = landmarks[[up[0], up[-1]], 1].mean()
        near = np.clip(2.2 - 2 * np.hypot((x - (x0 + x1) / 2) / (0.75 * w), (y - middle) / (0.9 * w)), 0, 1)
        for motion, dy in ((fields.above[BLINK], falls), (fields.below[BLINK], -rises)):
            motion *= 1 - near
            motion[1] += near * dy
        open_wide = gap.max() / (OPEN_EYE * w)
        fields.above[RAISER] *= 1 - near * (1 - np.clip(open_wide, LEAST_RAISED, 1))


def smile_beyond(
    fields: Fields, units: np.ndarray, landmarks: np.ndarray, scale: float, yaw: float, distance: float
) -> float:
    """What a photo's broad smile has beyond a full AU12, in shares of its motion: so much more of it goes as the smile
    is taken away, until the mouth is no wider than one without a smile. yaw: of the head; distance: of the eyes."""

    def width(given: np.ndarray) -> float:
        corners = landmarks[list(MOUTH_CORNERS), :2]
        corners = corners + _moved(fields.below, given, corners, scale)
        return float(np.linalg.norm(corners[1] - corners[0])) / np.cos(yaw) / distance

    smile = np.where(np.arange(len(units)) == SMILE, units, 0)
    without, narrower = width(units), width(0 * units) - width(smile)
    return float(np.clip((without - WIDEST_MOUTH) / max(narrower, 1e-3), 0, MOST_BEYOND)) if units[SMILE] > 0 else 0.0


def lip_seal(
    fields: Fields,
    units: np.ndarray,
    beyond: float,
    landmarks: np.ndarray,
    openings: Openings,
    scale: float,
    size: int,
    shut: bool,
):
    """The move that shuts what gap would be left with all units at 0, at full AU25 taken away.

    beyond: see `smile_beyond`; shut: whether the photo's lips meet. Returns (above, below float32 [3,G,G], units): a
    field of its own, since as part of AU25's it would also widen what AU25 opens above the photo's own; a mouth that
    is sealed has some of AU25 to lose.
    """
    above, below = np.zeros((2, 3, GRID, GRID), np.float32)
    if units[[SMILE, LIPS_PART, JAW_DROP]].sum() <= OPEN_ENOUGH:
        return above, below, units
    units = units.copy()
    units[LIPS_PART] = max(units[LIPS_PART], LEAST_PARTED_SHUT if shut else LEAST_PARTED)
    gone = units.copy()
    gone[SMILE] *= 1 + beyond
    upper, lower = landmarks[list(INNER_UPPER_LIP[1:-1]), :2], landmarks[list(INNER_LOWER_LIP[1:-1]), :2]
    upper_after = upper + _moved(fields.below, gone, upper, scale)
    lower_after = lower + _moved(fields.above, gone, lower, scale)
    own_corners = landmarks[[INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]], :2]
    corners = own_corners + _moved(fields.below, gone, own_corners, scale)
    before, after = (lower - upper)[:, 1], (lower_after - upper_after)[:, 1]
    # Shut lips meet, whatever landmarks say.
    gap = after - before if shut else after + (SEAL_PRESS + SEAL_PRESS_PX * 2 / size / before.max()) * before
    x0, x1 = openings.mouth
    x, y = grid(GRID)
    middle = (upper[:, 0] + lower[:, 0]) / 2
    middle_after = (upper_after + lower_after)[:, 0] / 2
    line = np.interp(middle_after, *corners[np.argsort(corners[:, 0])].T)
    lowered = (line - upper_after[:, 1]) / np.maximum(lower_after[:, 1] - upper_after[:, 1], 1e-6)
    lowered = gaussian_filter1d(np.clip(lowered, *LIP_SHARES), 1.0, mode="nearest")  # the upper lip's share
    lowered = np.interp(x[0], middle, lowered)
    at = np.r_[x0, middle, x1]
    gap = np.interp(x[0], at, np.r_[0, gap, 0], left=0, right=0)
    to_motion = to_depth_units(fields.depth.mean(0), scale) / units[LIPS_PART]
    gap = gaussian_filter1d(gap, 1.0)[None] * to_motion
    # A lip that hung steeply lies level now: as thick as it was, it is less high, the less the nearer to the corners.
    high = np.maximum(curve(landmarks, OUTER_LOWER_LIP, x) - curve(landmarks, INNER_LOWER_LIP, x), 1e-3)[0]
    steep, level = (
        np.gradient(np.r_[ends[0, 1], heights, ends[1, 1]], np.r_[ends[0, 0], places, ends[1, 0]])
        for ends, heights, places in ((own_corners, lower[:, 1], middle), (corners, line, middle_after))
    )
    stays = np.interp(x[0], at, np.hypot(1, level) / np.hypot(1, steep))
    aside = np.interp(x[0], [x0, landmarks[LOWER_LIP, 0], x1], [-1, 0, 1])
    fullest = np.interp(landmarks[LOWER_LIP, 0], x[0], high) * (1 - aside**2) ** ENDS_IN
    less = np.clip(1 - np.minimum(stays, fullest / high), 0, LEAST_HIGH) * ((x[0] > x0) & (x[0] < x1))
    less = gaussian_filter1d(less * high, 1.0)[None] * to_motion
    w = x1 - x0
    past_upper, past_lower = curve(landmarks, INNER_UPPER_LIP, x) - y, y - curve(landmarks, INNER_LOWER_LIP, x)
    under = smoothstep(1 - (past_lower - 0.12 * w) / (0.55 * w)) * smoothstep(1.5 - past_upper / (SEAL_ENDS * w))
    over = smoothstep(1 - (past_upper - 0.1 * w) / (0.35 * w)) * smoothstep(1.5 - past_lower / (SEAL_ENDS * w))
    above[1] = ((1 - lowered) * gap + less * np.clip(past_lower / high[None], 0, 1)) * under
    below[1] = -lowered * gap * over
    return above, below, units


def _moved(motion: np.ndarray, units: np.ndarray, at: np.ndarray, scale: float) -> np.ndarray:
    """Where points [N,2] go, in crop units, when all units fall to 0."""
    field = np.tensordot(-units, motion[:, :2], 1).astype(np.float32)
    pixel = ((at + 1) / 2 * (GRID - 1)).astype(np.float32)
    return scale * np.stack([cv2.remap(f, pixel[None, :, 0], pixel[None, :, 1], cv2.INTER_LINEAR)[0] for f in field], 1)
