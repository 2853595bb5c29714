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

from .attributes import COMMON, NAMES
from .errors import PackError
from .onnx_file import check_graph

PACKS = Path(__file__).parents[1] / "packs"
DEFAULT = "zygoma-base"
FORMAT = 1
MESH = "zygoma-base"  # the one system whose encode is built in
ANIMATOR, ENCODER, BASIS = "animator.onnx", "encoder.onnx", "head.npz"
LARGEST_TOML = 1 << 20  # bytes
LARGEST_FILE = 1 << 30
MOST_FILES = 32
SIDES = (32, 4096)  # crop sides that make sense, pixels
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, eq=False)
class Pack:
    """What pack.toml says.

    attributes: names in the order of the graph's vector, the 20 of COMMON among them; ranges: (lowest, highest) that
    each covers; sizes: smallest and largest crop side in pixels; crop_side, crop_shift: the crop in face heights (see
    faces.face_crop); files: SHA-256 by name; at_rest: 'photo' where rest is the photo itself, 'generated' where the
    pack can only show its own picture.
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
    paper: str = ""
    training_data: str = ""
    metrics: dict[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of what makes pictures: two packs with one digest generate alike."""
        parts = [self.system, *self.attributes, str(self.sizes), str(self.crop_side), str(self.crop_shift)]
        parts += [f"{name} {sha}" for name, sha in sorted(self.files.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

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
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as problem:
        raise PackError(f"{where}: this is no readable TOML ({problem}); get the pack again.") from problem
    said = _Said(where, data)
    if (number := said.get("format", int)) != FORMAT:
        raise PackError(f"{where}: pack format {number} is unknown (this Zygoma reads {FORMAT}); update Zygoma.")
    identity = said.get("id", str)
    if not ID.fullmatch(identity):
        raise PackError(f"{where}: the id {identity[:80]!r} may hold lower-case letters, digits, - and _ only.")
    crop = _Said(where, said.get("crop", dict))
    attributes, ranges = _attributes(where, said.get("attributes", dict))
    at_rest = said.get("at_rest", str)
    if at_rest not in ("photo", "generated"):
        raise PackError(f"{where}: at_rest is {at_rest!r}, and can be 'photo' or 'generated'.")
    pack = Pack(
        folder=folder,
        id=identity,
        title=said.get("title", str),
        version=said.get("version", str),
        system=said.get("system", str),
        attributes=attributes,
        ranges=ranges,
        sizes=_sizes(where, crop.get("sizes", list)),
        crop_side=_between(where, "crop.side", crop.get("side", float), 1.0, 8.0),
        crop_shift=_between(where, "crop.shift", crop.get("shift", float), -2.0, 2.0),
        files=_files(where, folder, said.get("files", dict)),
        licence=said.get("licence", str),
        at_rest=at_rest,
        paper=said.get("paper", str, ""),
        training_data=said.get("training_data", str, ""),
        metrics=said.get("metrics", dict, {}),
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
    """Typed reading of one TOML table."""

    def __init__(self, where: Path, values: dict):
        self.where, self.values = where, values

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.values.get(key, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            what = "is missing" if value is None else f"is {str(value)[:40]!r}"
            words = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "a table"}
            raise PackError(f"{self.where}: {key} {what}, and must be {words[kind]}.")
        return value


def _attributes(where: Path, table: dict) -> tuple[tuple[str, ...], dict[str, tuple[float, float]]]:
    """TOML itself refuses a name twice; what is not among NAMES rests, since nobody drives it."""
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
            raise PackError(f"{where}: the range of {name[:40]} must be two numbers, the lower first.")
        ranges[name] = (float(limits[0]), float(limits[1]))
    return tuple(table), ranges


def _sizes(where: Path, sizes: list) -> tuple[int, int]:
    good = len(sizes) == 2 and all(isinstance(s, int) and SIDES[0] <= s <= SIDES[1] and s % 2 == 0 for s in sizes)
    if not good or sizes[0] > sizes[1]:
        raise PackError(f"{where}: crop.sizes must be two even sides from {SIDES[0]} to {SIDES[1]}, the smaller first.")
    return sizes[0], sizes[1]


def _between(where: Path, key: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise PackError(f"{where}: {key} is {value:g}, and must lie between {low:g} and {high:g}.")
    return value


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
