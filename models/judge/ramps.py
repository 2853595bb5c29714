"""People who belong to no dataset, each Action Unit of theirs alone from nothing to its fullest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from addon.core.attributes import INDEX, NAMES, UNITS
from models.people.background import background
from models.people.camera import camera_on, draw_distance
from models.people.light import draw_light
from models.people.photograph import draw_look, photograph
from models.people.render import Dataset, Studio, draw_person

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Ramps:
    """P people, each unit alone through LEVELS from their neutral face: pictures uint8 [S,S,3], P of U of 5; landmarks
    float32 [P,U,5,478,3]."""

    pictures: list[list[list[np.ndarray]]]
    landmarks: np.ndarray


def vectors() -> np.ndarray:
    """float32 [U,5,25]: what each person shows."""
    out = np.zeros((len(UNITS), len(LEVELS), len(NAMES)), np.float32)
    for i, unit in enumerate(UNITS):
        out[i, :, INDEX[unit]] = LEVELS
    return out


def render(seed: int, people: range, size: int, head: Path | None = None) -> Ramps:
    """Renders these people of a seed. Raises ZygomaError where the head or the renderer is absent."""
    studio = Studio(Dataset(seed, people.stop, 1, size), head)
    shown = vectors()
    pictures, landmarks = [], []
    for number in tqdm(people, desc="ramps", unit="person"):
        taken, points = _shoot(studio, number, shown.reshape(-1, len(NAMES)))
        pictures.append([taken[i : i + len(LEVELS)] for i in range(0, len(taken), len(LEVELS))])
        landmarks.append(points.reshape(*shown.shape[:2], 478, 3))
    return Ramps(pictures, np.array(landmarks))


def _shoot(studio: Studio, number: int, vectors: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """(pictures, landmarks [V,478,3]) of one person under one light, before one background, in one crop."""
    data = studio.dataset
    person = draw_person(data.seed, number, studio.head)
    studio.renderer.dress(person)
    rng = np.random.default_rng([data.seed, number, 10])
    light = draw_light(rng, person.skin)
    behind = background(rng, data.size)
    look = draw_look(rng)
    camera = camera_on(person.body.show(vectors[0]).landmarks, draw_distance(rng), data.size, data.side, data.shift)
    pictures, landmarks = [], []
    for view, vector in enumerate(vectors):
        posed = person.body.show(vector)
        drawn = studio.renderer.picture(posed, vector, camera, light)
        composed = drawn[..., :3] + behind * (1 - drawn[..., 3:])
        pictures.append(photograph(composed, look, np.random.default_rng([data.seed, number, 12, view])))
        landmarks.append(camera.landmarks(posed.landmarks))
    return pictures, np.array(landmarks)
