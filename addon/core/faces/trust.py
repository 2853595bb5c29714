"""Is it a face, and do the landmarks sit on it? Presence does not tell: it accepts upside-down faces. Steadiness does.

`spread` says how far the fit moves when its crop is shifted, rescaled, turned and mirrored, in % of the eye distance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import numpy as np

from .landmarks import Fit, fit, fit_regions, region_of
from .models import FaceModels
from .picture import Picture, Region
from .topology import eye_distance

GOOD, USABLE = 2.5, 4.0  # spread, %: up to GOOD good, up to USABLE with a warning, above it no fit
PRESENT = 0.5
QUARTER_TURNS = (0, 2, 1, 3)
JITTER = (  # right, down (in sides), scale, turn (radians): far enough to shake off a wrong fit
    (0.06, 0.06, 1.0, 0.0),
    (-0.06, -0.06, 1.0, 0.0),
    (0.0, 0.0, 0.88, 0.0),
    (0.0, 0.0, 1.14, 0.0),
    (0.0, 0.0, 1.0, 0.14),
    (0.0, 0.0, 1.0, -0.14),
    (0.0, 0.0, 1.0, 0.0),  # this one mirrored
)


@dataclass(frozen=True)
class CheckedFit:
    """points float32 [478,3]: the mean of all fits, half as noisy as one; spread in % of the eye distance."""

    points: np.ndarray
    presence: float
    spread: float

    @property
    def trusted(self) -> bool:
        return self.presence >= PRESENT and self.spread <= USABLE


def check(models: FaceModels, picture: Picture, fitted: Fit) -> CheckedFit:
    region = region_of(fitted.points)
    regions = [region.moved(*jitter) for jitter in JITTER]
    mirrored = len(JITTER) - 1
    points, _ = fit_regions(models, picture, regions, frozenset({mirrored}))
    mean = points.mean(0)
    scale = 100 / max(eye_distance(fitted.points), 1e-6)
    away = np.linalg.norm(points[..., :2] - mean[:, :2], axis=2).mean(1) * scale
    mean = np.concatenate([points, fitted.points[None]]).mean(0)
    return CheckedFit(mean, fitted.presence, float(away[:mirrored].mean()))


def fit_any_turn(models: FaceModels, picture: Picture, region: Region) -> CheckedFit:
    """A fit that does not hold still is tried at the other quarter turns too; the steadiest wins."""
    best: CheckedFit | None = None
    for turn in QUARTER_TURNS:
        turned = replace(region, angle=region.angle + turn * pi / 2)
        found = check(models, picture, fit(models, picture, turned))
        if best is None or (found.presence >= PRESENT, -found.spread) > (best.presence >= PRESENT, -best.spread):
            best = found
        if best.presence >= PRESENT and best.spread <= GOOD:
            break
    assert best is not None
    return best
