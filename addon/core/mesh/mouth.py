"""The mouth: where its inside may show, what colours that has under the photo's light, and how lips look that shut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .layout import OUTER_LOWER_LIP, curve, smoothstep
from .patch import Patch, sampled
from .seams import Seams

STANDARD_SKIN = np.array([1.23, 0.96, 0.81])  # a standard skin's colour, over its own mean
TINT = 0.6
BRIGHTER = 1.14  # teeth than skin
LIT_LIP, LIT_AROUND = 0.72, 0.95  # of the cheeks' brightness: lip, and skin around the mouth, in the same light
DARKEST_MOUTH = 0.7  # of it: a mouth in shadow
OWN_PIXELS = 30
# Teeth are compared over the middle of a mouth, as shares of its width, in rows, as shares of the gap; how wide a tooth
# is of that middle; how much brightness varies there in painted teeth; what share of that a photo's own may have.
ALONG, COLUMNS, OWN_ROWS = 0.25, 64, (0.3, 0.4, 0.5, 0.6, 0.7)
OWN_TOOTH, PAINTED_CONTRAST, CONTRAST = 0.2, 0.1, (0.35, 1.0)
SOFT_TEETH = 0.65  # that contrast where a photo shows no teeth
LIP_INSET, OF_LIP = 0.035, 0.35  # eye distances, of a lip's height: where it shows no teeth
LIP_LINE, LINE_DARK = 0.014, (0.4, 0.5, 0.5)  # eye distances; of RGB gone
LINE_ENDS = 0.08  # of the mouth's width
GREENEST = 0.92  # of a tooth's red: a tint taken from skin makes them no greener


@dataclass(frozen=True)
class Palette:
    """RGB [3] of teeth, gum, tongue and cavity, 0..255; contrast: of teeth, 1 for what painted ones have."""

    teeth: np.ndarray
    gum: np.ndarray
    tongue: np.ndarray
    cavity: np.ndarray
    contrast: float


def mouth_palette(image: np.ndarray, seams: Seams, openings, skin, around, lip, white) -> Palette:
    """Colours under the photo's own light: of its teeth where it shows some, else of its skin and the white of its
    eyes; darker where the mouth lies in shadow, grey where skin and lip are. Each [3]: skin of the cheeks, skin
    around the mouth, lip, white."""
    skin, around, lip, white = skin.clip(1), around.clip(1), lip.clip(1), white.clip(1)
    tint = (skin / skin.mean() / STANDARD_SKIN) ** TINT
    light = max(skin.mean(), white.mean())  # skin may be dark, eyes in shade
    light *= np.clip(max(lip.mean() / LIT_LIP, around.mean() / LIT_AROUND) / skin.mean(), DARKEST_MOUTH, 1)
    chroma = np.clip(max(np.ptp(c) / c.max() for c in (skin, lip)) / 0.25, 0, 1)

    def lit(r: float, g: float, b: float) -> np.ndarray:
        colour = np.array([r, g, b]) * tint * light
        return colour * chroma + colour.mean() * (1 - chroma)

    teeth = np.minimum(lit(1.0, 0.95, 0.86) * BRIGHTER, 228)
    teeth = (teeth + teeth.mean() * white / white.mean()) / 2
    teeth[1] = min(teeth[1], max(GREENEST * teeth[0], teeth[2]))
    own, share = _own_teeth(image, seams, openings, skin)
    teeth = own * share + teeth * (1 - share)
    contrast = SOFT_TEETH
    if share > 0:
        contrast += share * (_own_contrast(image, seams, openings) - SOFT_TEETH)
    return Palette(teeth, lit(0.72, 0.42, 0.40), lit(0.98, 0.44, 0.42), lit(0.11, 0.04, 0.035), contrast)


def _own_teeth(image: np.ndarray, seams: Seams, openings, skin: np.ndarray) -> tuple[np.ndarray, float]:
    """RGB [3] of the teeth between parted lips and how surely they are teeth, 0..1."""
    x0, x1 = openings.mouth
    patch = Patch.around(len(image), x0, x1, seams.upper_lip.min(), seams.lower_lip.max())
    inset = 0.2 * patch.over(seams.lip_gap)
    within = (patch.y > patch.over(seams.upper_lip) + inset) & (patch.y < patch.over(seams.lower_lip) - inset)
    within &= np.abs(patch.x - (x0 + x1) / 2) < 0.3 * (x1 - x0)
    if within.sum() < OWN_PIXELS:
        return skin, 0.0
    inside = patch.of(image)[within]
    brightness = inside.mean(1)
    own = np.median(inside[brightness >= np.percentile(brightness, 60)], axis=0)
    bright = np.clip((own.mean() / skin.mean() - 0.5) / 0.25, 0, 1)
    pale = np.clip(1.5 - (own[0] / max(own[1], 1)) / (skin[0] / skin[1]), 0, 0.5) * 2
    return own, float(bright * pale)


def _own_contrast(image: np.ndarray, seams: Seams, openings) -> float:
    """Of the photo's own teeth, as Palette has it, along the height that has least: there are no gums nor edges."""
    x0, x1 = openings.mouth
    w = x1 - x0
    x = np.linspace(x0 + (0.5 - ALONG) * w, x0 + (0.5 + ALONG) * w, COLUMNS)
    upper, lower = seams.lips(x)
    rows = sampled(image, x, upper + np.array(OWN_ROWS)[:, None] * (lower - upper)).mean(-1)
    around = gaussian_filter1d(rows, OWN_TOOTH * COLUMNS, axis=1)
    return float(np.clip((rows / np.maximum(around, 1)).std(1).min() / PAINTED_CONTRAST, *CONTRAST))


def mouth_patch(size: int, landmarks: np.ndarray, seams: Seams, openings) -> Patch:
    """Where anything of the mouth's inside may ever show."""
    x0, x1 = openings.mouth
    w = x1 - x0
    middle = (seams.upper_lip + seams.lower_lip) / 2
    level = middle[(np.linspace(-1, 1, size) > x0) & (np.linspace(-1, 1, size) < x1)]
    eyes, lips = landmarks[[33, 263], 1].mean(), landmarks[[13, 14], 1].mean()
    top = max(level.min() - 0.75 * w, (eyes + lips) / 2)
    return Patch.around(size, x0 - 0.15 * w, x1 + 0.15 * w, top, level.max() + 0.75 * w)


def shut_lip(patch: Patch, image: np.ndarray, landmarks: np.ndarray, seams: Seams, openings, eye_distance: float):
    """The lower lip as it looks when parted lips have shut: RGB [h,w,3]. In its edge, where landmarks leave some teeth,
    its own colours go on, and a dark line lies where it meets the other."""
    x, y = patch.x, patch.y
    x0, x1 = openings.mouth
    ends = smoothstep(np.minimum(x - x0, x1 - x) / (LINE_ENDS * (x1 - x0)))[..., None]
    own, edge = patch.of(image), patch.over(seams.lower_lip)
    thick = np.maximum(curve(landmarks, OUTER_LOWER_LIP, x) - edge, 0)
    inset = np.minimum(LIP_INSET * eye_distance, OF_LIP * thick)
    on_lip = np.maximum(y - edge, 0)
    lip = patch.sample(image, x, edge + np.maximum(on_lip, inset))
    line = np.exp(-((on_lip / (LIP_LINE * eye_distance)) ** 2))[..., None]
    return own + ends * (lip * (1 - line * np.float32(LINE_DARK)) - own)
