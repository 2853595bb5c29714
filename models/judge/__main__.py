"""The judges' command line: train them, prove them, and judge packs with them.

python -m models.judge --data DIR [--packs ID ...] [--out docs/results.md]      packs on people never seen
python -m models.judge prove --data DIR [--ramps N] [--shuffled FILE]             the judges themselves
python -m models.judge train estimator|identity --data DIR --out DIR [--preset cpu] [--resume] [--shuffled]
python -m models.judge ship                                                       the estimator, to the face models
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from addon.core.errors import ZygomaError
from addon.core.faces import FaceReader
from addon.core.faces.models import FOLDER as FACE_MODELS
from addon.core.pack import find_pack, list_packs
from addon.core.session import Generator
from models.people.shard import read_about

from . import carry_over, estimator, identity, proof, ramps, report, train_estimator, train_identity, trial
from .reading import WEIGHTS, Judges
from .views import read_views

FAILED, INTERRUPTED = 1, 130
PRESETS = {"estimator": train_estimator.PRESETS, "identity": train_identity.PRESETS}


def train(args: argparse.Namespace) -> None:
    """Trains one judge; its weights lie beside its checkpoint at the end."""
    presets = PRESETS[args.judge]
    if args.preset not in presets:
        raise ZygomaError(f"There is no preset {args.preset} of the {args.judge}: choose one of {', '.join(presets)}.")
    training = presets[args.preset]
    if args.rounds:
        training = replace(training, rounds=args.rounds)
    if args.rate:
        training = replace(training, rate=args.rate)
    if args.judge != "estimator" and (args.start or args.precision):
        raise ZygomaError(f"--start and --precision are the estimator's; leave them out to train the {args.judge}.")
    if not 0 <= args.keep < 1 or (args.keep and not args.start):
        raise ZygomaError("--keep is a share of the weights that --start names: name them, and choose 0 to under 1.")
    if args.precision:
        training = replace(training, precision=args.precision)
    views, held_out = read_views(args.data, args.people).split(args.held_out)
    if args.shuffled:
        views = views.with_shuffled_labels(training.seed)
    print(f"{len(views):,} views of {len(views.people):,} people, {len(held_out.people):,} more held out; {training}")
    facts = {"preset": args.preset, "views": len(views), "shuffled": args.shuffled}
    weights = args.out / f"{args.judge}.safetensors"
    if args.judge == "estimator":
        start = estimator.load(args.start) if args.start else None
        net = train_estimator.train_estimator(views, held_out, args.out, training, facts, args.resume, start, args.keep)
        estimator.save(net, weights)
        estimator.export(net, weights.with_suffix(".onnx"))
    else:
        net = train_identity.train_identity(views, held_out, args.out, training, facts, args.resume)
        identity.save(net, weights)
    print(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")


def ship(args: argparse.Namespace) -> None:
    """Makes the estimator one of the face models, by which `addon track` reads what blendshapes do not."""
    from models.head.face_models import list_models  # needs what reads MediaPipe's files, which judging does not

    weights = args.weights / "estimator.safetensors"
    estimator.export(estimator.load(weights), args.out / "changes.onnx")
    origin = {
        "licence": "GPL-3.0-or-later",
        "source": weights.name,
        "source_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    list_models(args.out, {"changes.onnx": origin})
    print(f"{args.out / 'changes.onnx'}: {(args.out / 'changes.onnx').stat().st_size / 1e6:.1f} MB")


def prove(args: argparse.Namespace) -> None:
    """Prints what the judges can do on people that they never saw, and on real faces where there are any."""
    judges = Judges.load(args.weights, args.threads)
    views = read_views(args.data, args.people)
    seen = proof.see(views, judges.reader)
    found = estimator.find(judges.estimator, seen.crops, seen.angle)
    alone, beside = proof.agreement(found, views.attributes), proof.changes(found, views)
    wrong = None
    if args.shuffled:
        wrong = proof.changes(estimator.find(estimator.load(args.shuffled), seen.crops, seen.angle), views)
    rows = np.linspace(0, len(views) - 1, min(args.shaken, len(views))).astype(int)
    shaken = proof.jitter(judges.estimator, views.of(rows), judges.reader)
    rising = None
    if args.ramps:
        about = read_about(args.data[0])
        people = range(about["people"], about["people"] + args.ramps)  # of the same seed, and in no dataset
        made = ramps.render(about["seed"], people, about["size"])
        rising = proof.ramp_readings(judges.estimator, made, judges.reader)
    print(f"\n{len(views):,} views of {len(views.people):,} people, {seen.presence.mean():.0%} of them found\n")
    print("\n".join(proof.lines(alone, beside, rising, shaken, wrong)))
    print("\nlandmarks off, in eye distances: " + _said(proof.landmarks(found, seen, views)))
    embedded = train_identity.embeddings(judges.identity, train_identity.plain(views))
    print("\nidentity: " + _said(train_identity.verification(embedded, views.person)))
    if args.movie and args.table:
        filmed = carry_over.film(args.movie, judges.reader)
        print(f"\n{args.movie.name}, r with {args.table.name}:")
        for name, values in carry_over.movie_table(judges.estimator, filmed, args.table).items():
            print(f"{name:11} {_said(values)}")
    if args.portraits:
        real, said = carry_over.portraits(args.portraits, judges.reader)
        print(f"\n{len(real)} portraits, against the tracker's blendshapes:")
        for name, values in carry_over.portrait_table(judges.estimator, real, said).items():
            print(f"{name:11} {_said(values)}")


def _said(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def judge(args: argparse.Namespace) -> None:
    """Judges packs on people that nobody trained on, and writes the page."""
    judges = Judges.load(args.weights, args.threads)
    packs = [find_pack(name) for name in args.packs] if args.packs else list_packs()
    views = read_views(args.data, args.people)
    test = trial.prepare(views, judges)
    reader = FaceReader(threads=args.threads)
    trials = [trial.copied(test), trial.truth(test)]
    trials += [trial.try_pack(Generator(pack, args.device, args.threads), test, judges, reader) for pack in packs]
    found = report.figures(trials, test)
    seeds = ", ".join(str(read_about(folder)["seed"]) for folder in args.data)
    about = f"{len(test.photos)} synthetic people (seed {seeds}), {len(test.targets)} targets."
    report.write(found, trials, test, about, args.out, args.json)
    print(args.out)


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="python -m models.judge", description=__doc__.splitlines()[0])
    commands = out.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about)
        sub.set_defaults(run=run)
        sub.add_argument("--data", type=Path, required=True, nargs="+", help="folders of synthetic people")
        sub.add_argument("--people", type=int, help="take only the first so many people of each")
        sub.add_argument("--threads", type=int, default=1)
        return sub

    sub = command("report", judge, "judge packs on people never seen; what happens where no command is named")
    sub.add_argument("--packs", nargs="+", default=[], help="ids or folders; all that are shipped, where none is named")
    sub.add_argument("--weights", type=Path, default=WEIGHTS, help="the folder of the judges' weights")
    sub.add_argument("--device", default="CPU", help="auto, CPU or CUDA")
    sub.add_argument("--out", type=Path, default=Path("docs/results.md"))
    sub.add_argument("--json", type=Path, help="all figures, too")

    sub = command("prove", prove, "what the judges can do, before they judge")
    sub.add_argument("--weights", type=Path, default=WEIGHTS, help="the folder of the judges' weights")
    sub.add_argument("--ramps", type=int, default=0, help="so many people with each unit alone, rendered now")
    sub.add_argument("--shaken", type=int, default=60, help="views that are jittered")
    sub.add_argument("--shuffled", type=Path, help="weights of an estimator that learnt from shuffled labels")
    sub.add_argument("--movie", type=Path, help="a real movie, with --table")
    sub.add_argument("--table", type=Path, help="OpenFace's table of it")
    sub.add_argument("--portraits", type=Path, help="a folder of real portraits")

    sub = commands.add_parser("ship", help="the estimator, to the face models")
    sub.set_defaults(run=ship, threads=1)
    sub.add_argument("--weights", type=Path, default=WEIGHTS, help="the folder of the judges' weights")
    sub.add_argument("--out", type=Path, default=FACE_MODELS, help="the folder of the face models")

    sub = command("train", train, "train a judge on synthetic people that no generator sees")
    sub.add_argument("judge", choices=list(PRESETS))
    sub.add_argument("--out", type=Path, required=True, help="the run's folder: checkpoint, log, weights")
    sub.add_argument("--preset", default="cpu", help=" | ".join(sorted({p for ps in PRESETS.values() for p in ps})))
    sub.add_argument("--held-out", type=float, default=0.1, help="share of the people who are only judged")
    sub.add_argument("--rounds", type=int, help="in place of the preset's")
    sub.add_argument("--rate", type=float, help="what it falls from, in place of the preset's: lower for a --start")
    sub.add_argument("--start", type=Path, help="weights of an estimator that this one begins with")
    sub.add_argument("--keep", type=float, default=0.0, help="share of the --start's weights in the result")
    sub.add_argument("--precision", choices=("float32", "bfloat16"), help="of the estimator, in place of the preset's")
    sub.add_argument("--resume", action="store_true", help="go on with a run that stopped")
    sub.add_argument("--shuffled", action="store_true", help="labels dealt out at random: must learn nothing")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 where it failed, 2 for wrong arguments, 130 for Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0].startswith("--") and words[0] != "--help":
        words = ["report", *words]
    try:
        args = parser().parse_args(words)
    except SystemExit as end:
        return int(end.code or 0)
    torch.set_num_threads(args.threads)
    try:
        args.run(args)
    except ZygomaError as problem:
        print(f"judge: {problem}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("judge: interrupted; a training goes on from its last whole round with --resume.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
