"""478 landmarks in a region of a picture: the crop follows the points until it rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .models import FaceModels
from .picture import Picture, Region, transform
from .topology import EYE_LEFT, EYE_RIGHT, MIRROR

SIDE = 256  # the model's input, pixels
CROP_SCALE = 1.5  # crop side over the longest side of the box around the points
PASSES = 4
RESTING = 0.06  # shift (sides) + change of scale + turn (radians), below which the crop rests
OFFSET = 0.5  # pixels of the model's crop; fits of mirrored crops meet .42 +- .03 off its middle (48 faces)


@dataclass(frozen=True)
class Fit:
    """points float32 [478,3] in the picture's pixels; z in the same unit, smaller is nearer, 0 near the mean."""

    points: np.ndarray
    presence: float
    region: Region


def fit_regions(
    models: FaceModels, picture: Picture, regions: list[Region], mirrored: frozenset[int] = frozenset()
) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 [N,478,3] in picture pixels and presence [N] 0..1, one fit a region, in one batch. The crops named
    in `mirrored` are shown to the model left-right flipped; their points come back in the picture's own sense."""
    batch = np.stack([picture.crop(region, SIDE) for region in regions])
    for i in mirrored:
        batch[i] = batch[i, :, ::-1].copy()
    raw, presence = models.run("face_landmarks.onnx", image=batch)
    points = raw.astype(np.float64)
    points[..., :2] -= OFFSET
    for i, region in enumerate(regions):
        if i in mirrored:
            points[i] = points[i, MIRROR]
            points[i, :, 0] = SIDE - 1 - points[i, :, 0]
        points[i, :, :2] = transform(region.to_picture(SIDE), points[i, :, :2])
        points[i, :, 2] *= region.side / SIDE
    return points.astype(np.float32), presence


def region_of(points: np.ndarray) -> Region:
    """The square around the points, upright along the line of the outer eye corners."""
    across = points[EYE_LEFT[1], :2] - points[EYE_RIGHT[0], :2]
    angle = float(np.arctan2(across[1], across[0]))
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ axes.T
    low, high = upright.min(0), upright.max(0)
    x, y = (low + high) / 2 @ axes
    return Region(float(x), float(y), CROP_SCALE * float((high - low).max()), angle)


def fit(models: FaceModels, picture: Picture, region: Region) -> Fit:
    """Landmarks from a rough region."""
    for i in range(PASSES):
        points, presence = fit_regions(models, picture, [region])
        following = region_of(points[0])
        turn = abs(np.angle(np.exp(1j * (following.angle - region.angle))))
        shift = np.hypot(following.x - region.x, following.y - region.y) / region.side
        moved = shift + abs(following.side / region.side - 1) + turn
        if i and moved < RESTING:
            break
        region = following
    return Fit(points[0], float(presence[0]), region)
