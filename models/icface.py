"""What the ICface paper shows of its networks, as sheets of pictures: reenactment, selective editing, mixing, views.

    python -m models.icface reenact CHECKPOINT SHEET --source PHOTO ... --driver PHOTO ...
    python -m models.icface edit    CHECKPOINT SHEET --source PHOTO ... --attributes AU12 AU45 pose_yaw
    python -m models.icface mix     CHECKPOINT SHEET --source PHOTO ... --pose PHOTO --eyes PHOTO --mouth PHOTO
    python -m models.icface views   CHECKPOINT SHEET --source PHOTO ...

In the place of --source (and of drivers), `--people DIR` takes held-out synthetic people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from addon.core.attributes import ATTRIBUTES, COMMON, INDEX, POSE
from addon.core.errors import ZygomaError
from addon.core.faces import FaceReader

from . import checkpoint as checkpoints
from .networks.icface import ICface, Shown
from .sheet import Cell, save, sheet
from .subjects import Subject, from_people, from_photos
from .trained import Trained, load_trained

REGIONS = {"pose": "Head", "brows": "Brows", "eyes": "Eyes", "nose": "Nose", "mouth": "Mouth"}  # parts: regions
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a unit
TURNS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # radians
SOURCES, DRIVERS = 4, 4  # of a dataset, unless told otherwise


def load(path: Path) -> Trained:
    """Raises CheckpointError where the file is no checkpoint of ICface."""
    trained = load_trained(path)
    checkpoints.must_match(trained.checkpoint, system="icface")
    trained.networks.requires_grad_(False)
    return trained


# The paper's uses


def neutral(networks: ICface, source: Subject) -> Shown:
    """First stage: the neutral face; without a neutraliser the photo itself."""
    return networks.neutralise(Shown(source.image, source.points, source.vector))[1]


def reenacted(networks: ICface, source: Subject, vectors: Tensor) -> Tensor:
    """Sec. 4.1: the source showing each of vectors [N,20], [N,3,S,S]. Drivers of the source's own identity make it
    self-reenactment, others cross-reenactment: what is taken from them is the vector alone."""
    face = neutral(networks, source)
    return networks.animate(face.repeated(len(vectors)), vectors).image


def edited(vector: Tensor, changes: Mapping[str, float]) -> Tensor:
    """Sec. 4.2, selective editing: the vector [1,20] with some attributes set, the others as they were."""
    out = vector.clone()
    for name, value in changes.items():
        out[:, INDEX[name]] = value
    return out


def mixed(own: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
    """Sec. 4.2, mixed driving: the source's own vector [1,20] with the attributes of each part (a key of REGIONS, or
    "expression": all units) from another's vector [1,20]."""
    out = own.clone()
    for part, vector in parts.items():
        for i, attribute in enumerate(ATTRIBUTES[: len(COMMON)]):
            if (part == "expression" and not attribute.is_angle) or attribute.region == REGIONS.get(part):
                out[:, i] = vector[:, i]
    return out


def turned(networks: ICface, source: Subject, angle: str, turns: Sequence[float] = TURNS) -> Tensor:
    """Sec. 4.4, many views of one: the source's expression at several values of pitch, yaw or roll, [N,3,S,S]."""
    facing = edited(source.vector, dict.fromkeys(POSE, 0.0))
    return reenacted(networks, source, torch.cat([edited(facing, {angle: turn}) for turn in turns]))


# Sheets


def reenact_sheet(model: Trained, sources: Sequence[Subject], drivers: Sequence[Sequence[Subject]]) -> list[list[Cell]]:
    """Figure 3: of each source the photo, then its own drivers and what it shows of them."""
    rows = []
    for source, own in zip(sources, drivers, strict=True):
        made = reenacted(model.networks, source, torch.cat([driver.vector for driver in own]))
        rows.append([(source.name, source.image), *((driver.name, driver.image) for driver in own)])
        rows.append([("neutral", neutral(model.networks, source).image), *(("", picture) for picture in made)])
    return rows


def edit_sheet(model: Trained, sources: Sequence[Subject], attributes: Sequence[str]) -> list[list[Cell]]:
    """Of each source and attribute: the photo, then the attribute at several strengths, all else as in the photo."""
    rows = []
    for source in sources:
        for name in attributes:
            values = TURNS if name in POSE else STEPS
            vectors = torch.cat([edited(source.vector, {name: value}) for value in values])
            made = reenacted(model.networks, source, vectors)
            cells = [(f"{name} {value:g}", picture) for value, picture in zip(values, made, strict=True)]
            rows.append([(source.name, source.image), *cells])
    return rows


def mix_sheet(model: Trained, sources: Sequence[Subject], parts: Mapping[str, Subject]) -> list[list[Cell]]:
    """Figure 4: of each source the photo, each part alone from its driver, and all of them together."""
    rows = [[("", None), *((f"{part}: {driver.name}", driver.image) for part, driver in parts.items())]]
    for source in sources:
        chosen = [{part: driver.vector} for part, driver in parts.items()]
        chosen.append({part: driver.vector for part, driver in parts.items()})
        made = reenacted(model.networks, source, torch.cat([mixed(source.vector, choice) for choice in chosen]))
        labels = [*parts, "all of them"]
        rows.append([(source.name, source.image), *zip(labels, made, strict=True)])
    return rows


def views_sheet(model: Trained, people: Sequence[Sequence[Subject]]) -> list[list[Cell]]:
    """Figures 5 and 7: of each person its photos and their neutral faces, then the first photo turned."""
    rows = []
    for photos in people:
        rows.append([(photo.name, photo.image) for photo in photos])
        rows.append([("neutral", neutral(model.networks, photo).image) for photo in photos])
        for angle in POSE:
            made = turned(model.networks, photos[0], angle)
            rows.append([(f"{angle} {turn:g}", picture) for turn, picture in zip(TURNS, made, strict=True)])
    return rows


# The command line


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m models.icface", description=__doc__.splitlines()[0])
    commands = main.add_subparsers(dest="command", required=True)
    for name, what in (
        ("reenact", "sources show the pose and the expression of drivers"),
        ("edit", "single attributes, all else as in the photo"),
        ("mix", "parts of the vector from different drivers"),
        ("views", "neutral faces of several views, and one view turned"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("checkpoint", type=Path)
        command.add_argument("sheet", type=Path, help="the picture to write")
        from_where = command.add_mutually_exclusive_group(required=True)
        from_where.add_argument("--source", type=Path, nargs="+", metavar="PHOTO")
        from_where.add_argument("--people", type=Path, metavar="DIR", help="held-out people of a dataset")
        command.add_argument("--count", type=int, default=SOURCES, help="people of the dataset")
        if name == "reenact":
            command.add_argument("--driver", type=Path, nargs="+", metavar="PHOTO", default=[])
            command.add_argument("--self", action="store_true", help="with --people: each by its own views")
        if name == "edit":
            command.add_argument("--attributes", nargs="+", metavar="NAME", default=list(COMMON))
        if name == "mix":
            for part in ("expression", *REGIONS):
                command.add_argument(f"--{part}", type=Path, metavar="PHOTO")
    return main


def rows_of(args: argparse.Namespace) -> tuple[list[list[Cell]], int]:
    """The sheet that is asked for, and the side of its pictures. Raises ZygomaError."""
    model = load(args.checkpoint)
    reader = FaceReader()
    people = from_people(args.people, model.size, model.side, args.count) if args.people else []
    sources = [views[0] for views in people] or from_photos(args.source, model.size, model.side, reader)
    match args.command:
        case "reenact":
            drivers = from_photos(args.driver, model.size, model.side, reader)
            if args.people and not drivers:
                others = people if args.self else [*people[1:], people[0]]
                chosen = [views[1:][-DRIVERS:] for views in others]
            elif drivers:
                chosen = [drivers] * len(sources)
            else:
                raise ZygomaError("Photos need drivers: name some with --driver.")
            rows = reenact_sheet(model, sources, chosen)
        case "edit":
            unknown = [name for name in args.attributes if name not in COMMON]
            if unknown:
                raise ZygomaError(f"ICface has no attribute {unknown[0]}: choose of {', '.join(COMMON)}.")
            rows = edit_sheet(model, sources, args.attributes)
        case "mix":
            given = {part: path for part in ("expression", *REGIONS) if (path := getattr(args, part))}
            if not given:
                raise ZygomaError("Nothing to mix: name drivers, with --pose PHOTO --mouth PHOTO and the like.")
            parts = dict(zip(given, from_photos(list(given.values()), model.size, model.side, reader), strict=True))
            rows = mix_sheet(model, sources, parts)
        case _:
            rows = views_sheet(model, [views[: len(TURNS)] for views in people] or [sources])
    return rows, model.size


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        rows, size = rows_of(args)
        save(sheet(rows, size), args.sheet)
    except ZygomaError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
