"""What the estimator sees of a face: an upright crop, placed by the landmarks that the tracker's network finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from addon.core.faces import FaceReader
from addon.core.faces.changes import SIDE, close_region
from addon.core.faces.landmarks import fit_regions, region_of
from addon.core.faces.picture import Picture, Region


@dataclass(frozen=True)
class Seen:
    """N faces. crops uint8 [N,128,128,3]; angle float32 [N]: how far each crop is turned in its picture, radians
    clockwise; landmarks float32 [N,478,3] in pixels of the picture, by MediaPipe; presence [N] 0..1: whether it is a
    face."""

    crops: np.ndarray
    angle: np.ndarray
    landmarks: np.ndarray
    presence: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)

    @staticmethod
    def joined(parts: Sequence[Seen]) -> Seen:
        return Seen(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Seen)))


def look(reader: FaceReader, pictures: Sequence[Picture], regions: Sequence[Region]) -> Seen:
    """The face about each region of the landmark network: its landmarks are found twice, the second time in the crop
    that the first ones ask for, as the tracker finds them."""
    crops, angles, landmarks, presence = [], [], [], []
    for picture, region in zip(pictures, regions, strict=True):
        points, _ = fit_regions(reader.models, picture, [region])
        points, present = fit_regions(reader.models, picture, [region_of(points[0])])
        place = close_region(points[0])
        crops.append(picture.crop(place, SIDE))
        angles.append(place.angle)
        landmarks.append(points[0])
        presence.append(np.ravel(present)[0])
    return Seen(np.stack(crops), np.array(angles, np.float32), np.stack(landmarks), np.array(presence, np.float32))
