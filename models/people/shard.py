"""A dataset's files: dataset.json, and shards of pictures with their labels, which appear whole or not at all."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from addon.core.errors import ZygomaError

ABOUT = "dataset.json"
NAME = re.compile(r"shard_(\d{5})\.npz")


class DatasetError(ZygomaError):
    """A dataset that is missing, damaged or another one than asked for."""


def picture_name(person: int, view: int) -> str:
    """The picture of a view; a dense label's name has `.parts.png` and the like in place of `.webp`."""
    return f"{person:06d}_{view:02d}.webp"


def shard_files(folder: Path, index: int) -> tuple[Path, Path]:
    """A shard's pictures and labels."""
    stem = folder / f"shard_{index:05d}"
    return stem.with_suffix(".zip"), stem.with_suffix(".npz")


def write_shard(folder: Path, index: int, images: Mapping[str, bytes], labels: Mapping[str, np.ndarray]) -> None:
    """images: encoded files by name; labels: arrays of one row a view, `person` and `view` among them."""
    pictures, arrays = shard_files(folder, index)
    with _whole(pictures) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, content in images.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # a fixed date: the same people make the same bytes
    with _whole(arrays) as part, open(part, "wb") as file:
        np.savez(file, **labels)


class _whole:
    """A path to write to in place of `path`, which appears when all is written."""

    def __init__(self, path: Path):
        self.path, self.part = path, path.with_name(f"{path.name}.part")

    def __enter__(self) -> Path:
        return self.part

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            os.replace(self.part, self.path)
        else:
            self.part.unlink(missing_ok=True)


def write_about(folder: Path, about: Mapping) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _whole(folder / ABOUT) as part:
        part.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def read_about(folder: Path) -> dict:
    """What dataset.json says. Raises DatasetError."""
    try:
        return json.loads((folder / ABOUT).read_text("utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{folder}: there is no {ABOUT}; is it a folder of synthetic people?") from None
    except ValueError as error:
        raise DatasetError(f"{folder / ABOUT}: damaged ({error}).") from None


def shards(folder: Path) -> list[int]:
    """The numbers of the shards whose labels are there, in order."""
    return sorted(int(match[1]) for path in folder.glob("shard_*.npz") if (match := NAME.fullmatch(path.name)))


def read_shard(folder: Path, index: int) -> dict[str, np.ndarray]:
    """A shard's labels, all arrays of one row a view. Raises DatasetError where they are missing or damaged."""
    path = shard_files(folder, index)[1]
    try:
        with np.load(path) as file:
            labels = {name: file[name] for name in file.files}
        rows = {len(values) for values in labels.values()}
        if len(rows) != 1 or not {"person", "view", "kind", "attributes", "landmarks"} <= set(labels):
            raise ValueError("labels are missing or of different lengths")
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: damaged ({error}).") from None
    return labels


def check_shard(folder: Path, index: int, rows: int) -> None:
    """Raises DatasetError unless the shard is there with `rows` views and every byte of its pictures."""
    labels = read_shard(folder, index)
    path = shard_files(folder, index)[0]
    if len(labels["person"]) != rows:
        raise DatasetError(f"{path}: {len(labels['person'])} views where {rows} are due.")
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: damaged ({error}).") from None
    due = [picture_name(p, v) for p, v in zip(labels["person"], labels["view"], strict=True)]
    missing = broken or next((name for name in due if name not in names), None)
    if missing:
        raise DatasetError(f"{path}: {missing} is damaged or missing.")


def read_labels(folder: Path) -> dict[str, np.ndarray]:
    """The labels of all shards, arrays of one row a view, with `shard` int64. Raises DatasetError."""
    found = shards(folder)
    if not found:
        raise DatasetError(f"{folder}: no shard is finished there.")
    parts = [read_shard(folder, index) for index in found]
    for index, part in zip(found, parts, strict=True):
        part["shard"] = np.full(len(part["person"]), index, np.int64)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_images(folder: Path, labels: Mapping[str, np.ndarray], rows: Sequence[int] | None = None) -> np.ndarray:
    """uint8 [n,S,S,3] RGB: the pictures of `rows` of the labels that read_labels gave (all of them for None).

    Raises DatasetError."""
    rows = np.arange(len(labels["person"])) if rows is None else np.asarray(rows)
    out: np.ndarray | None = None
    for index in np.unique(labels["shard"][rows]):
        path = shard_files(folder, int(index))[0]
        try:
            with zipfile.ZipFile(path) as archive:
                for place in np.flatnonzero(labels["shard"][rows] == index):
                    name = picture_name(labels["person"][rows[place]], labels["view"][rows[place]])
                    picture = decode(archive.read(name))
                    if out is None:
                        out = np.empty((len(rows), *picture.shape), np.uint8)
                    out[place] = picture
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{path}: damaged ({error}).") from None
    return np.empty((0, 0, 0, 3), np.uint8) if out is None else out


def decode(content: bytes) -> np.ndarray:
    """uint8 [H,W,3] RGB of an encoded picture."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
