"""What the sliders do to pixels: the photo at rest, no jumps on the way, and how much is made up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import radians

import numpy as np

from addon.core.attributes import ANGLES, NAMES
from addon.core.faces import cut

from .response import TURNS
from .subject import Subject

TOUCH = 0.001  # of a slider, or radians
STEPS = 12  # from one end of a slider to the other
IDENTICAL = 99.0  # dB that stand for equal pictures


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels between two uint8 pictures of one shape; IDENTICAL at most."""
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return IDENTICAL if error == 0 else min(float(10 * np.log10(255**2 / error)), IDENTICAL)


def at_rest(subject: Subject) -> dict:
    """photo: whether a frame at rest is the photo, bit for bit; crop: decibels between the generator's own crop at rest
    and the photo's."""
    source = subject.source
    (crop,) = subject.crops([source.vector])
    return {
        "photo": bool(np.array_equal(subject.generator.frame(source, source.vector), source.photo.pixels)),
        "crop": psnr(crop, cut(source.photo.pixels, source.crop)),
    }


def touched(subject: Subject, names: Sequence[str] = NAMES) -> dict[str, float]:
    """Decibels between the photo's crop and the one with each slider at TOUCH."""
    photo = cut(subject.source.photo.pixels, subject.source.crop)
    crops = subject.crops([subject.asked({name: TOUCH}, own_expression=1) for name in names])
    return {name: psnr(crop, photo) for name, crop in zip(names, crops, strict=True)}


def largest_jump(subject: Subject, names: Sequence[str] = NAMES) -> dict[str, float]:
    """Each slider goes its way in STEPS even steps: the largest change of the picture in one step over the mean change
    (both root mean squares). 1 is perfectly even; a pop would be many times that."""
    out = {}
    for name in names:
        low, high = (radians(TURNS[0]), radians(TURNS[-1])) if name in ANGLES else (0, 1)
        crops = subject.crops([subject.asked({name: float(value)}) for value in np.linspace(low, high, STEPS + 1)])
        changes = [np.sqrt(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in pairwise(crops)]
        out[name] = float(np.max(changes) / max(np.mean(changes), 1e-9))
    return out


def made_up(subject: Subject, names: Sequence[str] = NAMES) -> dict[str, float]:
    """The share of the crop, 0..1, that is `synthetic` with each slider at its far end, beyond what is at rest."""
    ends = [subject.asked({name: radians(TURNS[-1]) if name in ANGLES else 1}) for name in names]
    rest, *shares = subject.synthetic([subject.asked({}), *ends])
    return {name: share - rest for name, share in zip(names, shares, strict=True)}
