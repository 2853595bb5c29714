"""The judges' command line: train them, prove them, and judge packs with them.

python -m models.judge train estimator|identity --data DIR --out DIR [--preset cpu] [--resume] [--shuffled]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from addon.core.errors import ZygomaError

from . import estimator, identity, train_estimator, train_identity
from .views import read_views

FAILED, INTERRUPTED = 1, 130
PRESETS = {"estimator": train_estimator.PRESETS, "identity": train_identity.PRESETS}


def train(args: argparse.Namespace) -> None:
    """Trains one judge; its weights lie beside its checkpoint at the end."""
    presets = PRESETS[args.judge]
    if args.preset not in presets:
        raise ZygomaError(f"There is no preset {args.preset} of the {args.judge}: choose one of {', '.join(presets)}.")
    training = presets[args.preset]
    views, held_out = read_views(args.data, args.people).split(args.held_out)
    if args.shuffled:
        views = views.with_shuffled_labels(training.seed)
    print(f"{len(views):,} views of {len(views.people):,} people, {len(held_out.people):,} more held out; {training}")
    facts = {"preset": args.preset, "views": len(views), "shuffled": args.shuffled}
    weights = args.out / f"{args.judge}.safetensors"
    if args.judge == "estimator":
        net = train_estimator.train_estimator(views, held_out, args.out, training, facts, args.resume, args.threads)
        estimator.save(net, weights)
    else:
        net = train_identity.train_identity(views, held_out, args.out, training, facts, args.resume)
        identity.save(net, weights)
    print(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where it failed, 2 for wrong arguments, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m models.judge", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("train", help="train a judge on synthetic people that no generator sees")
    sub.set_defaults(run=train)
    sub.add_argument("judge", choices=list(PRESETS))
    sub.add_argument("--data", type=Path, required=True, help="a folder of synthetic people")
    sub.add_argument("--out", type=Path, required=True, help="the run's folder: checkpoint, log, weights")
    sub.add_argument("--preset", default="cpu", help=" | ".join(sorted({p for ps in PRESETS.values() for p in ps})))
    sub.add_argument("--people", type=int, help="take only so many of them")
    sub.add_argument("--held-out", type=float, default=0.1, help="share of the people who are only judged")
    sub.add_argument("--resume", action="store_true", help="go on with a run that stopped")
    sub.add_argument("--shuffled", action="store_true", help="labels dealt out at random: must learn nothing")
    sub.add_argument("--threads", type=int, default=1)
    try:
        args = parser.parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    torch.set_num_threads(args.threads)
    try:
        args.run(args)
    except ZygomaError as problem:
        print(f"judge: {problem}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("judge: interrupted; --resume goes on from the last whole round.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
