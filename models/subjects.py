"""Pictures of people to show trained networks on: photos as the face reader reads them, or held-out synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from addon.core.attributes import COMMON, INDEX, POSE
from addon.core.faces import FaceReader, cut, face_crop, read_photo, unit_readings

from .pairs import Pairs, read_views
from .people.plan import Kind
from .presets import Training


@dataclass(frozen=True)
class Subject:
    """A picture of a person: image float32 [1,3,S,S] in -1..1, its own vector [1,20], landmarks [1,478,3] in pixels."""

    name: str
    image: Tensor
    vector: Tensor
    points: Tensor


def from_photos(paths: Sequence[Path], size: int, side: float, reader: FaceReader) -> list[Subject]:
    """The largest face of each photo, in a crop of `size` pixels that is `side` face heights wide. Raises PhotoError or
    FaceError."""
    found = []
    for path in paths:
        photo = read_photo(path)
        face = reader.face(photo)
        crop = face_crop(face.landmarks, size, side)
        points = crop.to_crop(face.landmarks)
        vector = np.zeros(len(COMMON), np.float32)
        for unit, value in unit_readings(face.blendshapes).items():
            if unit in COMMON:
                vector[INDEX[unit]] = value
        vector[: len(POSE)] = reader.head_pose(points)  # as the crop shows it
        pixels = torch.from_numpy(cut(photo.pixels, crop)).permute(2, 0, 1)[None].float() / 127.5 - 1
        found.append(Subject(path.stem, pixels, torch.from_numpy(vector)[None], torch.from_numpy(points)[None].float()))
    return found


def from_people(folder: Path, size: int, side: float, people: int) -> list[list[Subject]]:
    """For each of some held-out people its views, the reference first. Raises DatasetError."""
    views = read_views([folder], size, side)
    pairs = Pairs(views, Training(size=size, side=side))
    found = []
    for kinds in pairs.held_out[:people]:
        first = [Kind.REFERENCE, *(kind for kind in kinds if kind != Kind.REFERENCE)]
        rows = [int(row) for kind in first if kind in kinds for row in kinds[kind]]
        found.append(
            [
                Subject(
                    f"person {int(views.people[row])}, view {int(views.views[row])}",
                    views.images[row : row + 1].float() / 127.5 - 1,
                    views.vectors[row : row + 1],
                    views.points[row : row + 1],
                )
                for row in rows
            ]
        )
    return found
