"""Sheets of synthetic people, to be looked at: units from rest to full, many people, pairs as trainings see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from addon.core.attributes import vector
from addon.core.errors import ZygomaError

from . import plan
from .photograph import photograph
from .render import Dataset, Studio

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
REGIONS = {"face": (1.55, 0.0), "eyes": (0.85, 0.16), "mouth": (0.75, -0.27)}  # side and shift of the crop
PAIRED = 8  # views of a person on a sheet of pairs


def units(seed: int, people: int, size: int, names: Sequence[str], region: str, head: Path | None) -> np.ndarray:
    """A row a unit; each person at LEVELS of it, side by side. uint8 [H,W,3]."""
    side, shift = REGIONS[region]
    studio = Studio(Dataset(seed, people, 1, size, side, shift), head)
    out = np.empty((len(names), size, people, len(LEVELS), size, 3), np.uint8)
    for number in tqdm(range(people), unit="person"):
        sitting = studio.seat(number, vector())
        for row, name in enumerate(names):
            for column, level in enumerate(LEVELS):
                shown = vector({name: level})
                picture = as_bytes(studio.draw(sitting, sitting.person.body.show(shown), shown)[0])
                out[row, :, number, column] = told(picture, f"{name} {level:g}") if number == 0 else picture
    return out.reshape(len(names) * size, -1, 3)


def people(seed: int, count: int, size: int, head: Path | None) -> np.ndarray:
    """Many people, each in the reference view, as photographed. uint8 [H,W,3]."""
    studio = Studio(Dataset(seed, count, 2, size), head)
    pictures = []
    for number in tqdm(range(count), unit="person"):
        pictures.append(_photographed(studio, number, plan.plan(seed, number, 2)[1:])[0])
    return tiled(pictures, int(np.ceil(np.sqrt(1.5 * count))))


def pairs(seed: int, count: int, size: int, head: Path | None) -> np.ndarray:
    """A row a person: the first views of a dataset, as photographed. uint8 [H,W,3]."""
    studio = Studio(Dataset(seed, count, PAIRED, size), head)
    kinds = plan.kinds(PAIRED)
    pictures = []
    for number in tqdm(range(count), unit="person"):
        shown = _photographed(studio, number, plan.plan(seed, number, PAIRED))
        pictures += [told(p, kind.name.lower()) for p, kind in zip(shown, kinds, strict=True)] if number == 0 else shown
    return tiled(pictures, PAIRED)


def _photographed(studio: Studio, number: int, vectors: np.ndarray) -> list[np.ndarray]:
    """A person under vectors [n,25]; the crop is that of the second, or only, one."""
    sitting = studio.seat(number, vectors[min(1, len(vectors) - 1)])
    seed = studio.dataset.seed
    return [
        photograph(
            studio.draw(sitting, sitting.person.body.show(shown), shown)[0],
            sitting.look,
            np.random.default_rng([seed, number, 11]),
        )
        for shown in vectors
    ]


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """float 0..1 -> uint8."""
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def told(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text at its top."""
    out = np.ascontiguousarray(picture)
    for thick, colour in ((3, (0, 0, 0)), (1, (255, 255, 160))):
        scale = 0.3 + len(picture) / 1200
        cv2.putText(out, text, (4, int(8 + 16 * scale)), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
    return out


def tiled(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size side by side, row by row."""
    size = len(pictures[0])
    rows = -(-len(pictures) // columns)
    out = np.full((rows, size, columns, size, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        out[i // columns, :, i % columns] = picture
    return out.reshape(rows * size, columns * size, 3)


def write(path: Path, picture: np.ndarray) -> None:
    """Raises ZygomaError where the file cannot be written."""
    try:
        done = cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    except cv2.error:
        done = False
    if not done:
        raise ZygomaError(f"{path}: could not be written; the folder must be there and the name end in .png or .jpg.")
