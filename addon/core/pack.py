"""A generator pack on disk: found, read as untrusted input, checked against its own hashes, described.

pack.toml says what the pack is; `read_pack` checks everything that needs no inference, `Pack.read` hands out a file's
bytes only where they are the ones that pack.toml names.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .attributes import COMMON, INDEX, NAMES
from .errors import PackError
from .onnx_file import check_graph

PACKS = Path(__file__).parents[1] / "packs"
DEFAULT = "zygoma-base"
FORMAT = 1
MESH = "zygoma-base"  # the one system whose encode is built in
ANIMATOR, ENCODER, BASIS = "animator.onnx", "encoder.onnx", "head.npz"
EXPRESS, DRIVER = "express.onnx", "driver.onnx"  # of systems whose expression may be a picture's as well as a vector's
LARGEST_TOML = 1 << 20  # bytes
LARGEST_FILE = 1 << 30
MOST_FILES = 32
MOST_ATTRIBUTES = 256
MOST_METRICS = 64
SIDES = (32, 4096)  # crop sides that make sense, pixels
SHORT, LONG = 80, 400  # characters of a name, of a sentence
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
LINK = re.compile(r"https://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")
LARGEST_NUMBER = 1e15
ROUNDING = 1e-4  # of a vector's float32 against its range


@dataclass(frozen=True)
class Paper:
    """The publication that a pack implements."""

    title: str
    authors: str
    year: int
    link: str


@dataclass(frozen=True)
class Training:
    """What a pack was trained on. data: in words; samples: pairs that training saw; minutes: of training alone;
    machine: where. None, or "" where pack.toml does not say."""

    data: str
    samples: int | None = None
    people: int | None = None
    minutes: float | None = None
    machine: str = ""


@dataclass(frozen=True, eq=False)
class Pack:
    """What pack.toml says.

    attributes: names in the order of the graph's vector, the 20 of COMMON among them; ranges: (lowest, highest) that
    each covers; sizes: smallest and largest crop side in pixels; crop_side, crop_shift: the crop in face heights (see
    faces.face_crop); files: SHA-256 by name; at_rest: 'photo' where rest is the photo itself, 'generated' where the
    pack can only show its own picture; metrics: figures by what they measure. Every text is one printable line.
    """

    folder: Path
    id: str
    title: str
    version: str
    system: str
    attributes: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    sizes: tuple[int, int]
    crop_side: float
    crop_shift: float
    files: dict[str, str]
    licence: str
    at_rest: str
    paper: Paper | None = None
    training: Training | None = None
    metrics: dict[str, float | str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of what makes pictures: two packs with one digest generate alike."""
        parts = [self.system, *self.attributes, str(self.sizes), str(self.crop_side), str(self.crop_shift)]
        parts += [f"{name} {sha}" for name, sha in sorted(self.files.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def out_of_range(self, targets: np.ndarray) -> list[str]:
        """Of the attributes that the pack has: those whose values in targets [A] or [F,A], in the order of NAMES, leave
        their ranges. The head's angles are to be those that the crop shows (session.turned)."""
        values = np.atleast_2d(np.asarray(targets, np.float32))
        ranges = np.array([self.ranges.get(name, (-np.inf, np.inf)) for name in NAMES])
        outside = np.any((values < ranges[:, 0] - ROUNDING) | (values > ranges[:, 1] + ROUNDING), axis=0)
        return [name for name in NAMES if outside[INDEX[name]]]

    def unused(self, changes: np.ndarray) -> list[str]:
        """Names that changes [A] or [F,A] of the photo's own vector drive and the pack does nothing with."""
        driven = np.any(np.abs(np.atleast_2d(changes)) > ROUNDING, axis=0)
        return [name for name in NAMES if name not in self.ranges and driven[INDEX[name]]]

    def reach(self, target: np.ndarray) -> tuple[str, float]:
        """Of the attributes that the pack has: the one that goes furthest in its range under a target [A], likewise,
        and how far: 0 is its rest, 1 the range's end."""
        shares = {}
        for name, (low, high) in self.ranges.items():
            if name in INDEX:
                value, rest = float(target[INDEX[name]]), min(max(0.0, low), high)
                end = high if value > rest else low
                shares[name] = abs(value - rest) / max(abs(end - rest), ROUNDING)
        return max(shares.items(), key=lambda item: item[1])

    def path(self, name: str) -> Path:
        """The checked path of one of its files. Raises PackError where pack.toml does not name it."""
        if name not in self.files:
            raise PackError(f"{self.folder}: the pack has no {name}, which its system {self.system} needs.")
        return self.folder / name

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises PackError where it is missing or not the one that pack.toml names."""
        path = self.path(name)
        data = _bytes(path, LARGEST_FILE)
        if hashlib.sha256(data).hexdigest() != self.files[name]:
            raise PackError(
                f"{path}: the file is not the one that pack.toml names (wrong SHA-256): it was altered or cut short; "
                "get the pack again."
            )
        return data


def find_pack(id_or_folder: str | Path, extra_folders=()) -> Pack:
    """The pack of this id among those shipped and in `extra_folders`, or the one in this folder. Raises PackError."""
    text = str(id_or_folder)
    if ID.fullmatch(text):
        for parent in (PACKS, *map(Path, extra_folders)):
            if (parent / text / "pack.toml").is_file():
                return read_pack(parent / text)
    folder = Path(id_or_folder)
    if (folder / "pack.toml").is_file() or ("/" in text or "\\" in text):
        return read_pack(folder)
    known = ", ".join(sorted(path.name for path in _folders(extra_folders))) or "none"
    raise PackError(f"There is no pack {text}: choose one of those here ({known}), or give a pack's folder.")


def list_packs(extra_folders=(), problems: list[str] | None = None) -> list[Pack]:
    """All packs, by id. A broken one raises PackError, or becomes a line of `problems` where that list is given."""
    packs = []
    for folder in _folders(extra_folders):
        try:
            packs.append(read_pack(folder))
        except PackError as problem:
            if problems is None:
                raise
            problems.append(str(problem))
    return sorted(packs, key=lambda pack: pack.id)


def _folders(extra_folders=()) -> list[Path]:
    parents = [parent for parent in (PACKS, *map(Path, extra_folders)) if parent.is_dir()]
    return [toml.parent for parent in parents for toml in sorted(parent.glob("*/pack.toml"))]


def read_pack(folder: str | Path) -> Pack:
    """Read and check a pack: its text, that its files are there, lie inside, and have the hashes that it names.

    Raises PackError with one sentence.
    """
    folder = Path(folder)
    where = folder / "pack.toml"
    try:
        text = _bytes(where, LARGEST_TOML).decode("utf-8")
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # also numbers of thousands of digits
        raise PackError(f"{where}: this is no readable TOML ({problem}); get the pack again.") from problem
    said = _Said(where, data)
    if (number := said.get("format", int)) != FORMAT:
        raise PackError(f"{where}: pack format {number} is unknown (this Zygoma reads {FORMAT}); update Zygoma.")
    identity = said.get("id", str)
    if not ID.fullmatch(identity):
        raise PackError(f"{where}: the id {identity[:80]!r} may hold lower-case letters, digits, - and _ only.")
    crop = said.table("crop")
    attributes, ranges = _attributes(where, said.get("attributes", dict))
    at_rest = said.get("at_rest", str)
    if at_rest not in ("photo", "generated"):
        raise PackError(f"{where}: at_rest is {at_rest[:40]!r}, and can be 'photo' or 'generated'.")
    pack = Pack(
        folder=folder,
        id=identity,
        title=said.text("title", SHORT),
        version=said.text("version", SHORT),
        system=said.text("system", SHORT),
        attributes=attributes,
        ranges=ranges,
        sizes=_sizes(where, crop.get("sizes", list)),
        crop_side=crop.number("side", 1.0, 8.0),
        crop_shift=crop.number("shift", -2.0, 2.0),
        files=_files(where, folder, said.get("files", dict)),
        licence=said.text("licence", LONG),
        at_rest=at_rest,
        paper=_paper(said.table("paper")) if "paper" in data else None,
        training=_training(said.table("training")) if "training" in data else None,
        metrics=_metrics(where, said.get("metrics", dict, {})),
    )
    if pack.system == MESH and pack.attributes != NAMES:
        raise PackError(
            f"{where}: a pack of system {MESH} has the vector in Zygoma's own order; this one begins with "
            f"{', '.join(pack.attributes[:3])}."
        )
    for name in (ANIMATOR, BASIS if pack.system == MESH else ENCODER):
        pack.path(name)
    for name in pack.files:
        content = pack.read(name)
        if name.endswith(".onnx"):
            check_graph(content, pack.folder / name)
    return pack


class _Said:
    """Typed reading of one TOML table; `prefix` is how its keys are called in messages."""

    def __init__(self, where: Path, values: dict, prefix: str = ""):
        self.where, self.values, self.prefix = where, values, prefix

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.values.get(key, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER:
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            what = "is missing" if value is None else f"is {str(value)[:40]!r}"
            words = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "a table"}
            raise PackError(f"{self.where}: {self.prefix}{key} {what}, and must be {words[kind]}.")
        return value

    def table(self, key: str) -> _Said:
        return _Said(self.where, self.get(key, dict), f"{key}.")

    def text(self, key: str, longest: int, default: str | None = None) -> str:
        return _text(self.where, self.prefix + key, self.get(key, str, default), longest)

    def number(self, key: str, low: float, high: float) -> float:
        value = self.get(key, float)
        if not low <= value <= high:
            raise PackError(
                f"{self.where}: {self.prefix}{key} is {value:g}, and must lie between {low:g} and {high:g}."
            )
        return value

    def count(self, key: str, low: int, high: int) -> int:
        value = self.get(key, int)
        if not low <= value <= high:
            raise PackError(f"{self.where}: {self.prefix}{key} is {value:.9g}, and must lie between {low} and {high}.")
        return value


def _text(where: Path, key: str, text: str, longest: int) -> str:
    """One line that can be shown: no control characters, no marks that turn the direction of writing."""
    if len(text) > longest or not text.isprintable():
        what = f"has {len(text)} characters" if len(text) > longest else "holds characters that cannot be printed"
        raise PackError(f"{where}: {key} {what}, and must be one line of at most {longest}.")
    return text


def _paper(said: _Said) -> Paper:
    link = said.text("link", LONG)
    if not LINK.fullmatch(link):
        raise PackError(f"{said.where}: paper.link is {link[:80]!r}, and must be an address that begins with https://.")
    return Paper(said.text("title", LONG), said.text("authors", LONG), said.count("year", 1900, 2200), link)


def _training(said: _Said) -> Training:
    here = said.values
    return Training(
        data=said.text("data", LONG),
        samples=said.count("samples", 0, 10**12) if "samples" in here else None,
        people=said.count("people", 0, 10**9) if "people" in here else None,
        minutes=said.number("minutes", 0, 1e9) if "minutes" in here else None,
        machine=said.text("machine", SHORT, ""),
    )


def _metrics(where: Path, table: dict) -> dict[str, float | str]:
    if len(table) > MOST_METRICS:
        raise PackError(f"{where}: names {len(table)} metrics; a pack has at most {MOST_METRICS}.")
    for name, value in table.items():
        _text(where, "a metric's name", name, SHORT)
        if isinstance(value, str):
            _text(where, f"metrics.{name}", value, LONG)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_NUMBER:
            raise PackError(f"{where}: metrics.{name} is {str(value)[:40]!r}, and must be a finite number or a text.")
    return dict(table)


def _attributes(where: Path, table: dict) -> tuple[tuple[str, ...], dict[str, tuple[float, float]]]:
    """TOML itself refuses a name twice; what is not among NAMES rests, since nobody drives it."""
    if len(table) > MOST_ATTRIBUTES:
        raise PackError(f"{where}: names {len(table)} attributes; a pack has at most {MOST_ATTRIBUTES}.")
    if strange := next((name for name in table if not ATTRIBUTE.fullmatch(name)), None):
        raise PackError(f"{where}: the attribute {strange[:40]!r} may hold letters, digits and _ only.")
    missing = [name for name in COMMON if name not in table]
    if missing:
        raise PackError(
            f"{where}: made for another vector: {len(missing)} of the {len(COMMON)} attributes are missing "
            f"({', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''})."
        )
    ranges = {}
    for name, limits in table.items():
        if (
            not isinstance(limits, list)
            or len(limits) != 2
            or not all(isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < 100 for x in limits)
            or not limits[0] < limits[1]
        ):
            raise PackError(f"{where}: the range of {name} must be two numbers, the lower first.")
        ranges[name] = (float(limits[0]), float(limits[1]))
    return tuple(table), ranges


def _sizes(where: Path, sizes: list) -> tuple[int, int]:
    good = len(sizes) == 2 and all(isinstance(s, int) and SIDES[0] <= s <= SIDES[1] and s % 2 == 0 for s in sizes)
    if not good or sizes[0] > sizes[1]:
        raise PackError(f"{where}: crop.sizes must be two even sides from {SIDES[0]} to {SIDES[1]}, the smaller first.")
    return sizes[0], sizes[1]


def _files(where: Path, folder: Path, table: dict) -> dict[str, str]:
    """Names and hashes. A name is a plain file name; a link that leads out of the folder is refused too."""
    if len(table) > MOST_FILES:
        raise PackError(f"{where}: names {len(table)} files; a pack has at most {MOST_FILES}.")
    inside = folder.resolve()
    for name, sha in table.items():
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
            raise PackError(f"{where}: the file name {name[:80]!r} leaves the pack's folder or is no plain name.")
        if (folder / name).resolve().parent != inside:
            raise PackError(f"{folder / name}: this is a link that leaves the pack's folder; get the pack again.")
        if not isinstance(sha, str) or not re.fullmatch(r"[0-9a-f]{64}", sha):
            raise PackError(f"{where}: the SHA-256 of {name} must be 64 hexadecimal digits.")
    return dict(table)


def _bytes(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError as problem:
        raise PackError(f"{path}: this file of the pack is missing; get the pack again.") from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise PackError(f"{path}: the pack's file cannot be read ({reason}).") from problem
    if len(data) > largest:
        raise PackError(f"{path}: more than {largest >> 20} MB is too large for this file of a pack.")
    return data
