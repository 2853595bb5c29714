"""`python -m models.people`: render a dataset of synthetic people, sheets of them, the dataset's card, the head."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from addon.core.attributes import COMMON, POSE, UNITS
from addon.core.errors import ZygomaError

from . import sheet

FAILED, WRONG_ARGUMENTS, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where it failed, 2 for wrong arguments, 130 for Ctrl-C."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return args.run(args) or 0
    except ZygomaError as error:
        print(f"people: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"people: {error.filename}: {error.strerror}.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("people: interrupted; finished shards are kept, and --resume goes on from there.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.people", description=__doc__.split(": ", 1)[1])
    commands = parser.add_subparsers(required=True)

    for name, told in (("render", "render a dataset"), ("cycles", "render a dataset with Blender's Cycles")):
        render = commands.add_parser(name, help=told)
        render.add_argument("--people", type=_at_least(1), required=True)
        render.add_argument("--views", type=_at_least(1), required=True, help="pictures of each person, at most 100")
        render.add_argument("--size", type=_at_least(1), required=True, help="pixels a side")
        render.add_argument("--out", type=Path, required=True, help="the dataset's folder")
        render.add_argument("--seed", type=_at_least(0), default=0)
        render.add_argument("--resume", action="store_true", help="go on with what is in the folder")
        render.add_argument("--crop-side", type=float, default=1.8, help="the crop's side in face heights (1.8)")
        render.add_argument("--head", type=Path, help="the head's file (default: in the user's cache)")
        if name == "render":
            render.add_argument("--workers", type=_at_least(1), help="processes (default: one a core)")
            render.add_argument("--dense", action="store_true", help="parts, depth, flow and matte of each view, too")
            render.set_defaults(run=_render, samples=0)
        else:
            render.add_argument("--samples", type=_at_least(1), default=24, help="of each pixel (24)")
            render.add_argument("--workers", type=_at_least(1), default=1, help="processes (1, which uses all cores)")
            render.set_defaults(run=_render, dense=False)

    sheets = commands.add_parser("sheet", help="a picture of what people look like")
    sheets.add_argument("--what", choices=("units", "people", "pairs"), required=True)
    sheets.add_argument("--out", type=Path, required=True, help="the picture, .png or .jpg")
    sheets.add_argument("--people", type=_at_least(1), help="how many (units: 6, people: 48, pairs: 8)")
    sheets.add_argument("--size", type=_at_least(32), default=128, help="pixels of one picture's side (128)")
    sheets.add_argument("--units", help="which, by comma, such as AU05,AU06 (default: OpenFace's 17)")
    sheets.add_argument(
        "--region", choices=tuple(sheet.REGIONS), default="face", help="what of the face units are shown on"
    )
    sheets.add_argument("--seed", type=_at_least(0), default=0)
    sheets.add_argument("--head", type=Path, help="the head's file (default: in the user's cache)")
    sheets.set_defaults(run=_sheet)

    card = commands.add_parser("card", help="write docs/dataset.md and its pictures anew")
    card.add_argument("--out", type=Path, default=Path("docs/dataset.md"))
    card.add_argument("--people", type=_at_least(10), default=400, help="how many are counted (400)")
    card.add_argument("--measured", type=_at_least(1), default=40, help="how many are rendered and read (40)")
    card.add_argument("--head", type=Path, help="the head's file (default: in the user's cache)")
    card.set_defaults(run=_card)

    head = commands.add_parser("head", help="make the head's file, for a machine without anny")
    head.add_argument("out", type=Path)
    head.set_defaults(run=_head)
    return parser


def _render(args) -> None:
    from .render import LEAST_SIZE, MOST_SIZE, PEOPLE_A_SHARD, Dataset, cores, render

    if not LEAST_SIZE <= args.size <= MOST_SIZE:
        raise ZygomaError(f"--size {args.size}: must be between {LEAST_SIZE} and {MOST_SIZE} pixels.")
    if args.views > 100 or args.people > 1_000_000:
        raise ZygomaError("at most 100 views of at most 1,000,000 people.")
    if not 1.0 <= args.crop_side <= 4.0:
        raise ZygomaError(f"--crop-side {args.crop_side:g}: must be between 1 and 4 face heights.")
    dataset = Dataset(
        args.seed,
        args.people,
        args.views,
        args.size,
        args.crop_side,
        dense=args.dense,
        people_a_shard=1 if args.samples else PEOPLE_A_SHARD,
        samples=args.samples,
    )
    render(dataset, args.out, args.workers or cores(), args.resume, args.head)


def _sheet(args) -> None:
    units = args.units.split(",") if args.units else COMMON[len(POSE) :]
    unknown = [unit for unit in units if unit not in UNITS]
    if unknown:
        raise ZygomaError(f"--units {unknown[0]}: no such unit; there are {', '.join(UNITS)}.")
    if args.what == "units":
        picture = sheet.units(args.seed, args.people or 6, args.size, units, args.region, args.head)
    elif args.what == "people":
        picture = sheet.people(args.seed, args.people or 48, args.size, args.head)
    else:
        picture = sheet.pairs(args.seed, args.people or 8, args.size, args.head)
    sheet.write(args.out, picture)


def _card(args) -> None:
    from .card import write_card

    write_card(args.out, args.people, args.measured, args.head)


def _head(args) -> None:
    from .head import write_head

    write_head(args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


def _at_least(low: int):
    def number(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"must be {low} or more")
        return value

    number.__name__ = "whole number"
    return number


if __name__ == "__main__":
    sys.exit(main())
