"""The head's own teeth, gums and tongue, rendered once from the front, set into the photo's mouth and lit as the photo
is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .layout import smoothstep
from .patch import Patch

# Where the incisors' edges stand, tenths of a metre: below the upper lip's edge and behind its front.
UPPER_EDGE, LOWER_EDGE = (0.066, 0.115), (0.088, 0.14)
CORNERS_BEHIND = 0.07  # the lips' inner corners behind the upper incisors
AMBIENT = 0.55
LEAST_STEP, TURNED = 0.45, (0.0, 0.3)  # of a map's column, how wide it is seen: at least, from dark to lit
GLOSS, GLOSS_WIDTH = 0.16, 40
LIP_SHADOW = 0.55  # what is left of the light where the lip lay
SHADOW_ABOVE, SHADOW_BELOW = 0.10, 0.025  # of the upper lip's edge, tenths of a metre: where it is full, where it ends
LOWER_LIGHT = 0.86
WARM = 0.93, 1.0, 1.05  # powers of RGB: what lips and tongue throw back into shade is red
TOOTH = 0.06  # tenths of a metre: over what lights of neighbouring teeth are brought together
SOFT, TONGUE_SHADE = 0.6, 1.0  # how much less a tongue is shaded than teeth, and towards what: light enters it
TONGUE_REACHED = 0.65  # power: light scattered between tongue and palate
WET, WET_SLOPE = 0.08, (-0.6, 0.16)  # gloss of the tongue, and the normal's y where it lies, how wide
OWN_SHARPNESS = 0.5  # sigma of what the maps look like when they are sampled, pixels


@dataclass(frozen=True)
class MouthParts:
    """maps float32 [2,H,W,6] of upper and lower parts: normal x and y (-1..1), light that reaches a point, shares of
    tooth and of tongue (the rest is gum), alpha (0..1); window [4]: outermost pixels' x0, x1, y0, y1 in tenths of a
    metre from the middle of the incisors' edges; depth [2,W]: of the teeth behind the incisors, by column."""

    maps: np.ndarray
    window: np.ndarray
    depth: np.ndarray

    @classmethod
    def of(cls, data) -> MouthParts:
        """From a head basis' arrays."""
        maps = data["mouth_maps"].astype(np.float32).transpose(0, 2, 3, 1)
        maps = np.concatenate([(maps[..., :2] - 128) / 127, maps[..., 2:] / 255], -1)
        return cls(maps, data["mouth_window"].astype(float), data["mouth_depth"].astype(float))


@dataclass(frozen=True)
class Placement:
    """How the head stands in the crop: turn [3,3], scale (crop units a tenth of a metre) and what the photo's own jaw
    has moved already, jaw [3]; corners_x and lip_y: middle of the mouth's corners, upper lip's edge, in crop units."""

    turn: np.ndarray
    scale: float
    jaw: np.ndarray
    corners_x: float
    lip_y: float


@dataclass(frozen=True)
class Look:
    """teeth, gum, tongue: RGB [3], 0..255; contrast: of teeth and what parts them, 1 for what the maps have; light [3]:
    unit vector towards it; blur: sigma, pixels."""

    teeth: np.ndarray
    gum: np.ndarray
    tongue: np.ndarray
    contrast: float
    light: np.ndarray
    blur: float


def upper_parts(parts: MouthParts, patch: Patch, at: Placement, look: Look, upper_lip: np.ndarray) -> np.ndarray:
    """RGBA [h,w,4], colours 0..255, alpha 0..1. upper_lip [1,w]: its edge's height."""
    seen = _placed(parts, 0, patch, at, UPPER_EDGE, np.zeros(3))
    below_lip = (patch.y - upper_lip) / at.scale
    lit = smoothstep((below_lip + SHADOW_ABOVE) / (SHADOW_ABOVE + SHADOW_BELOW))
    return _painted(seen, at, patch, look, LIP_SHADOW + (1 - LIP_SHADOW) * lit)


def lower_parts(parts: MouthParts, patch: Patch, at: Placement, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """RGBA [h,w,4], as the above, and how much of a pixel is no tongue [h,w], 0..1."""
    seen = _placed(parts, 1, patch, at, LOWER_EDGE, at.jaw)
    return _painted(seen, at, patch, look, np.full_like(seen[..., 0], LOWER_LIGHT)), 1 - seen[..., 4]


def _placed(parts: MouthParts, which: int, patch: Patch, at: Placement, edge, moved: np.ndarray) -> np.ndarray:
    """One of the maps as the turned head shows it, sampled at the patch: [h,w,6]."""
    r, (below, behind) = at.turn, edge
    # The incisors' edge in the picture: sideways from the mouth's corners, upright from the lip.
    x0 = at.corners_x + at.scale * (r[0] @ (moved + np.array([0, 0, behind - UPPER_EDGE[1] - CORNERS_BEHIND])))
    y0 = at.lip_y + at.scale * (r[1] @ (moved + np.array([0, below, behind])))
    across, up = (patch.x - x0) / at.scale, (patch.y - y0) / at.scale
    # across = r00 x + r01 y + r02 z(x) and up = r10 x + r11 y + r12 z(x), for x and y of the map.
    lean = r[0, 1] / r[1, 1]
    left, right, top, bottom = parts.window
    maps, depth = parts.maps[which], parts.depth[which]
    columns = np.linspace(left, right, len(depth))
    course = (r[0, 0] - lean * r[1, 0]) * columns + (r[0, 2] - lean * r[1, 2]) * depth
    # What turns away is squeezed, not folded, and dark: from there the maps would show another side.
    width = columns[1] - columns[0]
    step = np.diff(course)
    facing = smoothstep((np.append(step, step[-1]) / width - TURNED[0]) / (TURNED[1] - TURNED[0]))
    step = np.maximum(step, LEAST_STEP * width)
    middle = len(course) // 2
    course = course[middle] + np.concatenate([-np.cumsum(step[:middle][::-1])[::-1], [0], np.cumsum(step[middle:])])
    x = np.interp(across - lean * up, course, columns, left=2 * left, right=2 * right)
    y = (up - r[1, 0] * x - r[1, 2] * np.interp(x, columns, depth)) / r[1, 1]
    # No finer than the picture, so that nothing aliases.
    fine = min(at.scale * (patch.size - 1) / 2 * (right - left) / len(depth), 1)
    size = [max(int(np.ceil(n * fine)), 16) for n in maps.shape[1::-1]]
    u = np.float32((x - left) / (right - left) * size[0] - 0.5)
    v = np.float32((y - top) / (bottom - top) * size[1] - 0.5)
    threes = (np.ascontiguousarray(maps[..., k : k + 3]) for k in (0, 3))  # OpenCV takes four channels at most
    threes = [cv2.remap(cv2.resize(m, size, interpolation=cv2.INTER_AREA), u, v, cv2.INTER_LINEAR) for m in threes]
    seen = np.concatenate(threes, -1)
    seen[..., 2] *= np.interp(x, columns, facing)
    return seen


def _softened(light: np.ndarray, tooth: np.ndarray, contrast: float, sigma: float) -> np.ndarray:
    """Light on teeth [h,w] with so much of its contrast within `sigma` pixels; tooth [h,w]: share of a pixel."""
    around = cv2.GaussianBlur(light * tooth, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(tooth, (0, 0), sigma), 1e-3)
    return light * (np.maximum(around, 1e-3) / np.maximum(light, 1e-3)) ** ((1 - contrast) * tooth)


def _painted(seen: np.ndarray, at: Placement, patch: Patch, look: Look, lit: np.ndarray) -> np.ndarray:
    """Placed maps [h,w,6] in colour: RGBA [h,w,4]. lit: share of light that the lips let in."""
    nx, ny, reached, tooth, tongue, alpha = (seen[..., k] for k in range(6))
    normal = np.stack([nx, ny, -np.sqrt(np.clip(1 - nx**2 - ny**2, 0, 1))], -1) @ at.turn.T.astype(np.float32)
    front = -look.light[2]
    shade = AMBIENT + (1 - AMBIENT) * np.clip(normal @ look.light, 0, None) / front
    shade += (TONGUE_SHADE - shade) * SOFT * tongue
    reached = reached + (reached**TONGUE_REACHED - reached) * tongue
    half = look.light - np.array([0, 0, 1])
    gloss = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** GLOSS_WIDTH * reached**2 * lit
    wet = np.exp(-(((ny - WET_SLOPE[0]) / WET_SLOPE[1]) ** 2)) * (1 - nx**2) ** 4 * tongue * reached * lit
    rgb = tooth[..., None] * look.teeth + tongue[..., None] * look.tongue
    rgb += (1 - tooth - tongue)[..., None] * look.gum
    light = _softened(shade * reached, tooth, look.contrast, TOOTH * at.scale * (patch.size - 1) / 2)
    rgb *= light[..., None] ** np.float32(WARM) * lit[..., None]
    rgb += (GLOSS * gloss + WET * wet)[..., None] * look.teeth
    painted = np.concatenate([np.clip(rgb, 0, 255) * alpha[..., None], alpha[..., None]], -1).astype(np.float32)
    blur = np.sqrt(max(look.blur**2 - OWN_SHARPNESS**2, 0))
    if blur > 0.2:
        painted = cv2.GaussianBlur(painted, (0, 0), blur)
    painted[..., :3] /= np.maximum(painted[..., 3:], 1e-3)
    return painted
