"""A photo that is measured: encoded once, then asked for vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from addon.core.attributes import target, vector
from addon.core.faces import FaceReader, Photo, read_photo
from addon.core.session import Generator, Source

from .reading import Reading, read

SIZE = 512  # of the crop, pixels, within what the pack can do


@dataclass(frozen=True, eq=False)
class Subject:
    """A photo, its encoding, and who generates, reads and counts the steps. tick() is called after each picture;
    workers: pictures at a time."""

    name: str
    source: Source
    generator: Generator
    reader: FaceReader
    tick: Callable[[], object]
    workers: int

    def asked(self, values: dict[str, float], own_expression: float = 0.0) -> np.ndarray:
        """float32 [A]: the target of sliders by name, on the photo's own pose and, where asked for, expression."""
        return target(self.source.vector, vector(values), own_expression)

    def read(self, targets: Sequence[np.ndarray]) -> list[Reading | None]:
        """What the reader says of the whole photo with the face at each target [A]; None where it finds no face."""
        return self._map(self._read, targets)

    def crops(self, targets: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The generator's own crop uint8 [S,S,3] at each target [A]."""
        return self._map(lambda one: self.generator.animate(self.source, one[None]).image[0], targets)

    def synthetic(self, targets: Sequence[np.ndarray]) -> list[float]:
        """The share of the crop, 0..1, that is not the photo's own at each target [A]."""
        return self._map(self._synthetic, targets)

    def _synthetic(self, one: np.ndarray) -> float:
        return float(self.generator.animate(self.source, one[None]).synthetic[0].mean() / 255)

    def _read(self, one: np.ndarray) -> Reading | None:
        photo = replace(self.source.photo, pixels=self.generator.frame(self.source, one))
        return read(self.reader, photo, self.source.face.box)

    def _map(self, call: Callable, targets: Sequence[np.ndarray]) -> list:
        def counted(one: np.ndarray):
            result = call(one)
            self.tick()
            return result

        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(counted, targets))


def subject(
    photo: Photo | Path,
    generator: Generator,
    reader: FaceReader,
    tick: Callable[[], object] = lambda: None,
    size: int = SIZE,
    workers: int = 1,
) -> Subject:
    """The largest face of a photo. Raises ZygomaError: no photo, no face."""
    photo = photo if isinstance(photo, Photo) else read_photo(photo)
    size = int(np.clip(size, *generator.pack.sizes))
    source = generator.encode(photo, reader.face(photo), size)
    return Subject(photo.path.stem, source, generator, reader, tick, workers)


def smaller(one: Subject) -> Subject:
    """The same face in the smallest crop that the pack makes."""
    source = one.generator.encode(one.source.photo, one.source.face, one.generator.pack.sizes[0])
    return replace(one, source=source)
