"""What EGGAN and AIP-GAN are shown with: an expression carried over to other people, and ways between two, as sheets.

    python -m models.transfer transfer    CHECKPOINT SHEET --source PHOTO ... --driver PHOTO ...
    python -m models.transfer interpolate CHECKPOINT SHEET --source PHOTO ... --driver PHOTO ...
    python -m models.transfer between     CHECKPOINT SHEET --source PHOTO PHOTO ...

In the place of --source and --driver, `--people DIR` takes held-out synthetic people. AIP-GAN sees the driver's
picture; with --vectors, and EGGAN always, the driver's vector is what counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from addon.core.errors import ZygomaError
from addon.core.faces import FaceReader

from .networks.aipgan import Aipgan, Expression, Identity
from .networks.eggan import Eggan
from .networks.moved_photo import Drawn, Photo, mixed
from .sheet import Cell, save, sheet
from .subjects import Subject, from_people, from_photos
from .trained import load_trained

SOURCES, DRIVERS = 4, 4  # of a dataset, unless told otherwise
STEPS = 7  # of a way from one end to the other

Networks = Eggan | Aipgan


def photo_of(subject: Subject) -> Photo:
    return Photo(subject.image, subject.points, subject.vector)


def transferred(networks: Networks, source: Subject, driver: Subject, vectors: bool = False) -> Drawn:
    """The source with the driver's expression: AIP-GAN by its picture unless `vectors`, EGGAN by its vector."""
    if isinstance(networks, Eggan):
        return networks.draw(photo_of(source), driver.vector)
    if vectors:
        return networks.animate(photo_of(source), driver.vector)
    return networks.drive(photo_of(source), driver.image)


def interpolated(networks: Networks, source: Subject, driver: Subject, shares: Tensor, vectors: bool = False) -> Drawn:
    """The source on its way from its own expression (share 0) to the driver's (1), for shares [B]: EGGAN's eq. 8 on
    vectors; AIP-GAN the same, or, by pictures, between its codes and features of both."""
    if isinstance(networks, Eggan):
        return networks.interpolate(photo_of(source), driver.vector, shares)
    if vectors:
        way = networks["express"](source.vector + shares[:, None] * (driver.vector - source.vector))
    else:
        own, other = (networks["G_es"](subject.image)[0] for subject in (source, driver))
        maps = tuple(mixed(a, b, shares) for a, b in zip(own.maps, other.maps, strict=True))
        way = Expression(mixed(own.code, other.code, shares), maps, mixed(own.vector, other.vector, shares))
    return networks["G_de"](networks["G_et"](source.image), way, photo_of(source))


def between(networks: Networks, one: Subject, other: Subject, shares: Tensor) -> Drawn:
    """Faces between two people, for shares [B], with the first one's expression and pose."""
    ends = photo_of(one), photo_of(other)
    if isinstance(networks, Eggan):
        return networks.between(*ends, one.vector, shares)
    here, there = (networks["G_et"](end.image) for end in ends)
    maps = tuple(mixed(a, b, shares) for a, b in zip(here.maps, there.maps, strict=True))
    identity = Identity(mixed(here.code, there.code, shares), maps)
    expression = networks["express"](one.vector.expand(len(shares), -1))
    return networks["G_de"](identity, expression, Photo(*(mixed(a, b, shares) for a, b in zip(*ends, strict=True))))


# Sheets


def transfer_sheet(
    networks: Networks, sources: Sequence[Subject], drivers: Sequence[Subject], vectors: bool, drawn: bool
) -> list[list[Cell]]:
    """Drivers above, sources at the left."""
    rows = [[("", None), *((driver.name, driver.image) for driver in drivers)]]
    for source in sources:
        made = [shown(transferred(networks, source, driver, vectors), drawn) for driver in drivers]
        rows.append([(source.name, source.image), *(("", picture) for picture in made)])
    return rows


def interpolation_sheet(
    networks: Networks, sources: Sequence[Subject], drivers: Sequence[Subject], vectors: bool, drawn: bool
) -> list[list[Cell]]:
    """Of each source and driver: the source, the way, the driver."""
    rows, shares = [], torch.linspace(0, 1, STEPS)
    for source in sources:
        for driver in drivers:
            way = shown(interpolated(networks, source, driver, shares, vectors), drawn)
            cells = [(f"{share:.2f}", picture) for share, picture in zip(shares.tolist(), way, strict=True)]
            rows.append([(source.name, source.image), *cells, (driver.name, driver.image)])
    return rows


def between_sheet(networks: Networks, people: Sequence[Subject]) -> list[list[Cell]]:
    """Of each person and the next: both photos and what lies between them, all drawn: between two photos' own pixels
    there is nothing to move."""
    rows, shares = [], torch.linspace(0, 1, STEPS)
    for one, other in pairwise(people):
        way = between(networks, one, other, shares).own
        cells = [(f"{share:.2f}", picture) for share, picture in zip(shares.tolist(), way, strict=True)]
        rows.append([(one.name, one.image), *cells, (other.name, other.image)])
    return rows


def shown(made: Drawn, drawn: bool) -> Tensor:
    """[B,3,S,S]: the result, or the decoder's own picture."""
    return made.own if drawn else made.image


# The command line


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m models.transfer", description=__doc__.splitlines()[0])
    commands = main.add_subparsers(dest="command", required=True)
    for name, what in (
        ("transfer", "sources with the expressions of drivers"),
        ("interpolate", "sources on their way to the expressions of drivers"),
        ("between", "faces between two people"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
        command.add_argument("sheet", type=Path, metavar="SHEET", help="the picture to write")
        where = command.add_mutually_exclusive_group(required=True)
        where.add_argument("--source", type=Path, nargs="+", metavar="PHOTO")
        where.add_argument("--people", type=Path, metavar="DIR", help="held-out people of a dataset")
        command.add_argument("--count", type=int, default=SOURCES, help="people of the dataset")
        if name != "between":
            command.add_argument("--driver", type=Path, nargs="+", metavar="PHOTO", default=[])
            command.add_argument("--vectors", action="store_true", help="by the drivers' vectors, not their pictures")
            command.add_argument("--drawn", action="store_true", help="the decoder's own picture, no photo's pixels")
    return main


def rows_of(args: argparse.Namespace) -> tuple[list[list[Cell]], int]:
    """The sheet that is asked for, and the side of its pictures. Raises ZygomaError."""
    trained = load_trained(args.checkpoint)
    networks, size, side = trained.networks, trained.size, trained.side
    if not isinstance(networks, Eggan | Aipgan):
        raise ZygomaError(f"{args.checkpoint}: of {trained.system}; transfer knows eggan and aipgan.")
    reader = FaceReader()
    people = from_people(args.people, size, side, args.count) if args.people else []
    sources = [views[0] for views in people] or from_photos(args.source, size, side, reader)
    if args.command == "between":
        if len(sources) < 2:
            raise ZygomaError("Between two people there must be two: name another --source.")
        return between_sheet(networks, sources), size
    drivers = from_photos(args.driver, size, side, reader)
    if not drivers and people:
        drivers = people[-1][-DRIVERS:]
    if not drivers:
        raise ZygomaError("Photos need drivers: name some with --driver.")
    make = transfer_sheet if args.command == "transfer" else interpolation_sheet
    return make(networks, sources, drivers, args.vectors, args.drawn), size


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        with torch.no_grad():
            rows, size = rows_of(args)
        save(sheet(rows, size), args.sheet)
    except ZygomaError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
