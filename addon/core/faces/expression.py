"""What the blendshape head reads, and what it says about FACS Action Units.

The head gives 52 ARKit coefficients. They are scores, not intensities: each has an offset at rest and a gain of its
own, and left and right are the subject's. On a still the person's rest is unknown, so the offsets are a fixed table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .landmarks import fit_regions, region_of
from .models import FaceModels
from .picture import Picture

BLENDSHAPES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen"),
    *("jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft"),
    *("mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
JITTER = (  # right, down (in sides), scale, turn: the head's values move by up to .08 between such crops
    (0.0, 0.0, 1.0, 0.0),
    (0.02, -0.01, 1.05, 0.03),
    (-0.02, 0.01, 0.95, -0.03),
    (0.01, 0.02, 0.95, 0.03),
    (-0.01, -0.02, 1.05, -0.03),
)


def read_blendshapes(models: FaceModels, picture: Picture, points: np.ndarray) -> dict[str, float]:
    """The 52 coefficients of one face, 0..1, mean of five crops around its landmarks [478,3]. The head wants the points
    of single fits by its own landmark model: averaged or foreign points shift it."""
    region = region_of(points)
    fits, _ = fit_regions(models, picture, [region.moved(*jitter) for jitter in JITTER])
    (values,) = models.run("blendshapes.onnx", landmarks=fits)
    return dict(zip(BLENDSHAPES, (float(v) for v in values.mean(0)), strict=True))


@dataclass(frozen=True)
class Reading:
    """unit = clamp((mean of the blendshapes - rest) / (full - rest), 0, 1)."""

    blendshapes: tuple[str, ...]
    rest: float
    full: float


def both(name: str) -> tuple[str, str]:
    return name + "Left", name + "Right"


# rest: what calm faces read (between their median and upper quartile); full: about the highest ever seen on a face that
# does just this, which for 14, 15, 20 is little: the head hardly answers to them.
READINGS: dict[str, Reading] = {
    "AU01": Reading(("browInnerUp",), 0.05, 0.85),
    "AU02": Reading(both("browOuterUp"), 0.08, 0.65),
    "AU04": Reading(both("browDown"), 0.2, 0.85),
    "AU05": Reading(both("eyeWide"), 0.02, 0.15),
    "AU07": Reading(both("eyeSquint"), 0.4, 0.85),
    "AU10": Reading(both("mouthUpperUp"), 0.03, 0.8),
    "AU12": Reading(both("mouthSmile"), 0.0, 0.8),
    "AU14": Reading(both("mouthDimple"), 0.05, 0.3),
    "AU15": Reading(both("mouthFrown"), 0.02, 0.2),
    "AU17": Reading(("mouthShrugLower",), 0.2, 0.75),
    "AU20": Reading(both("mouthStretch"), 0.03, 0.4),
    "AU23": Reading(both("mouthPress"), 0.2, 0.7),
    "AU25": Reading((*both("mouthLowerDown"), *both("mouthUpperUp")), 0.01, 0.5),
    "AU26": Reading(("jawOpen",), 0.03, 0.7),
    "AU45": Reading(both("eyeBlink"), 0.25, 0.75),
    "AU18": Reading(("mouthPucker",), 0.3, 0.95),
    "AU22": Reading(("mouthFunnel",), 0.03, 0.5),
}
# cheekSquint and noseSneer stay at about 0 on every face; mouthLowerDown answers to parted lips as much
UNREAD = ("AU06", "AU09", "AU16")


def unit_readings(blendshapes: Mapping[str, float]) -> dict[str, float]:
    """Action Units 0..1 as the blendshapes suggest them, for the units that have a reading: priors of the fit.

    Raises KeyError where a coefficient is missing.
    """
    return {unit: _read(reading, blendshapes) for unit, reading in READINGS.items()}


def _read(reading: Reading, blendshapes: Mapping[str, float]) -> float:
    value = float(np.mean([blendshapes[name] for name in reading.blendshapes]))
    return float(np.clip((value - reading.rest) / (reading.full - reading.rest), 0, 1))
