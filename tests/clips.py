"""Small photos and tables for the tests of clips, lists of clips and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from portraits import portrait
from test_tables import INTENSITIES, LEADING, POSE, text_of

from addon.core.attributes import COMMON
from addon.core.faces import FaceReader

HEIGHT = 320


class RememberingReader(FaceReader):
    """One that looks at each photo once."""

    def __init__(self):
        super().__init__()
        self.seen: dict = {}

    def face(self, photo, index=None, box=None):
        key = photo.sha256, index, box
        if key not in self.seen:
            self.seen[key] = super().face(photo, index, box)
        return self.seen[key]


def write_photo(path: Path, *names: str, alpha: np.ndarray | None = None) -> Path:
    """The portraits side by side, HEIGHT pixels high, the first the largest; without loss and with no profile."""
    parts = []
    for i, name in enumerate(names or ("mona_lisa",)):
        pixels = portrait(name)
        scale = HEIGHT / pixels.shape[0] * 0.8**i
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        below = HEIGHT - small.shape[0]
        parts.append(np.pad(small, [(0, below), (0, 0), (0, 0)], mode="edge"))
    pixels = np.concatenate(parts, axis=1)
    Image.fromarray(pixels if alpha is None else np.dstack([pixels, alpha])).save(path)
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, float]], fps: float = 25.0, **columns: Sequence) -> Path:
    """An OpenFace table: each row says points 0 to 5 and radians by the name of the attribute, the rest is 0.

    columns: other values for face_id, timestamp, success and so on.
    """
    leading: dict[str, Sequence] = {
        "frame": range(1, len(rows) + 1),
        "face_id": [0] * len(rows),
        "timestamp": [i / fps for i in range(len(rows))],
        "confidence": [0.98] * len(rows),
        "success": [1] * len(rows),
        **columns,
    }
    cells = [
        [*(leading[name][i] for name in LEADING), *(float(row.get(name, 0.0)) for name in COMMON)]
        for i, row in enumerate(rows)
    ]
    path.write_text(text_of(cells, (*LEADING, *POSE, *INTENSITIES)))
    return path


def random_rows(count: int, seed: int = 0) -> list[dict[str, float]]:
    """Rows that all differ, most of them within what the properties hold."""
    random = np.random.default_rng(seed)
    values = np.c_[random.uniform(-0.3, 0.3, (count, 3)), random.uniform(0, 1.2, (count, 17))].round(2)
    return [dict(zip(COMMON, row.tolist(), strict=True)) for row in values]


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
