"""Views of synthetic people as the judges take them: labels as arrays, pictures decoded when they are asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from models.people.plan import Kind
from models.people.shard import DatasetError, decode, picture_name, read_labels, shard_files

COLUMNS = ("person", "view", "kind", "attributes", "landmarks")
LEAST_HELD_OUT = 2  # people: one alone cannot be taken for another


@dataclass(frozen=True, eq=False)
class Views:
    """N views. person, view int64 [N]; kind uint8 [N] (models.people.plan.Kind); attributes float32 [N,25] in the order
    of NAMES; landmarks float32 [N,478,3] in the picture's pixels; files: the compressed picture of each."""

    person: np.ndarray
    view: np.ndarray
    kind: np.ndarray
    attributes: np.ndarray
    landmarks: np.ndarray
    files: list[bytes]

    def __len__(self) -> int:
        return len(self.person)

    def picture(self, index: int) -> np.ndarray:
        """uint8 [S,S,3]."""
        return np.ascontiguousarray(decode(self.files[index]))

    def of(self, chosen: np.ndarray) -> Views:
        """The views of bool [N] or int [M]."""
        at = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        arrays = (self.person[at], self.view[at], self.kind[at], self.attributes[at], self.landmarks[at])
        return Views(*arrays, [self.files[i] for i in at])

    @property
    def people(self) -> np.ndarray:
        return np.unique(self.person)

    @cached_property
    def rows_of_people(self) -> tuple[np.ndarray, np.ndarray]:
        """(int [P] the first row of each person, int [P] the one behind their last): they lie together."""
        starts = np.flatnonzero(np.diff(self.person, prepend=self.person[0] - 1)) if len(self) else np.zeros(0, int)
        return starts, np.append(starts[1:], len(self))

    def split(self, share: float) -> tuple[Views, Views]:
        """(most people's views, those of the last `share` of the people, at least two of them)."""
        people = self.people
        kept = len(people) - max(LEAST_HELD_OUT, round(share * len(people)))
        if kept < 1:
            raise DatasetError(f"{len(people)} people are too few to hold {LEAST_HELD_OUT} of them out; render more.")
        first = np.isin(self.person, people[:kept])
        return self.of(first), self.of(~first)

    def with_shuffled_labels(self, seed: int) -> Views:
        """The same pictures, their attributes dealt out at random: nothing can be learnt from these."""
        order = np.random.default_rng(seed).permutation(len(self))
        return replace(self, attributes=self.attributes[order])

    def beside_photos(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(int [P] the reference view of each person, int [T] all other views of theirs, int [T] the number of the
        photo that belongs to each)."""
        photos = np.flatnonzero(self.kind == Kind.REFERENCE)
        number = {int(self.person[i]): n for n, i in enumerate(photos)}
        others = np.flatnonzero((self.kind != Kind.REFERENCE) & np.isin(self.person, list(number)))
        return photos, others, np.array([number[int(self.person[i])] for i in others], int)


def read_views(folders: Path | Sequence[Path], people: int | None = None) -> Views:
    """The views of one dataset or several, whose people are counted on; of each the first `people` people or all.
    Pictures are kept compressed in memory. Raises DatasetError where shards are missing or damaged."""
    parts: list[Views] = []
    for folder in [folders] if isinstance(folders, Path) else folders:
        part = _read(Path(folder), people)
        first = parts[-1].person.max() + 1 if parts else 0
        parts.append(replace(part, person=part.person + first))
    arrays = (np.concatenate([getattr(p, name) for p in parts]) for name in COLUMNS)
    return Views(*arrays, [file for part in parts for file in part.files])


def _read(folder: Path, people: int | None) -> Views:
    labels = read_labels(folder)
    if people is not None:
        kept = np.isin(labels["person"], np.unique(labels["person"])[:people])
        labels = {name: values[kept] for name, values in labels.items()}
    files: list[bytes] = []
    for shard in np.unique(labels["shard"]):  # rows lie in the order of their shards
        at = labels["shard"] == shard
        path, _ = shard_files(folder, int(shard))
        try:
            with zipfile.ZipFile(path) as pictures:
                names = zip(labels["person"][at], labels["view"][at], strict=True)
                files += [pictures.read(picture_name(person, view)) for person, view in names]
        except (OSError, KeyError, zipfile.BadZipFile) as problem:
            raise DatasetError(f"{path}: damaged ({problem}); render it anew with --resume.") from None
    return Views(*(labels[name] for name in COLUMNS), files)
