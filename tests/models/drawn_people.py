"""A tiny dataset of drawn faces, as the folders of synthetic people are laid out: for tests that need no likeness."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from addon.core.attributes import INDEX
from addon.core.faces import FaceReader
from addon.core.mesh.fit import rotation
from models.people.plan import kinds, plan
from models.people.shard import picture_name, write_about, write_shard


def canonical(pose: np.ndarray, size: int, eyes: float = 0.25) -> np.ndarray:
    """float32 [478,3]: MediaPipe's canonical face, turned, in the middle of a picture whose width its eyes span by
    `eyes`."""
    stored = FaceReader(threads=1).models.arrays("canonical_face.npz")["points"] * [1, -1, -1]
    points = np.concatenate([stored, np.repeat(stored[[33, 362]], 5, 0) / 2 + np.repeat(stored[[133, 263]], 5, 0) / 2])
    points = (points - points[:468].mean(0)) @ rotation(pose).T
    scale = eyes * size / np.linalg.norm(stored[[33, 133]].mean(0) - stored[[362, 263]].mean(0))
    return (points * scale + [size / 2, size / 2, 0]).astype(np.float32)


def draw(attributes: np.ndarray, points: np.ndarray, person: int, size: int) -> np.ndarray:
    """uint8 [size,size,3]: an oval with eyes, brows and a mouth that AU25 and AU26 open, in colours of its own."""
    rng = np.random.default_rng(person)
    skin, hair = rng.integers(120, 240, 3), rng.integers(0, 120, 3)
    picture = np.full((size, size, 3), rng.integers(0, 255, 3), np.uint8)
    p = points[:, :2].round().astype(int)
    hull = cv2.convexHull(p[:468])
    cv2.fillConvexPoly(picture, hull, skin.tolist(), cv2.LINE_AA)
    for eye in (468, 473):
        cv2.circle(picture, p[eye].tolist(), max(1, size // 40), (30, 30, 30), -1, cv2.LINE_AA)
    for brow in ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300)):
        line = p[list(brow)] - [0, int(attributes[INDEX["AU01"]] * size * 0.03)]
        cv2.polylines(picture, [line], False, hair.tolist(), 2, cv2.LINE_AA)
    gap = size * 0.06 * (attributes[INDEX["AU25"]] + attributes[INDEX["AU26"]])
    axes = (max(1, abs(p[291, 0] - p[61, 0]) // 2), int(2 + gap))
    cv2.ellipse(picture, p[13].tolist(), axes, 0, 0, 360, (90, 20, 30), -1, cv2.LINE_AA)
    return picture


def write(folder: Path, people: int = 4, views: int = 4, size: int = 96, seed: int = 0) -> Path:
    """One shard. Returns the folder."""
    columns: dict[str, list] = {name: [] for name in ("person", "view", "kind", "attributes", "landmarks")}
    pictures = {}
    for person in range(people):
        for view, vector in enumerate(plan(seed, person, views)):
            points = canonical(vector[:3], size)
            _, data = cv2.imencode(".webp", draw(vector, points, person, size)[..., ::-1])
            pictures[picture_name(person, view)] = data.tobytes()
            row = (person, view, int(kinds(views)[view]), vector, points)
            for values, value in zip(columns.values(), row, strict=True):
                values.append(value)
    types = (np.int64, np.int64, np.uint8, np.float32, np.float32)
    labels = {name: np.array(columns[name], kind) for name, kind in zip(columns, types, strict=True)}
    write_about(folder, {"seed": seed, "people": people, "views": views, "size": size, "side": 1.8, "shift": 0.04})
    write_shard(folder, 0, pictures, labels)
    return folder
