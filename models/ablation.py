"""What each ingredient brings: the `cpu` presets at half their side, each switch turned in a training of its own.

    python -m models.ablation --data PEOPLE --out RUNS/ablation [--systems icface eggan] [--page docs/ablation.md]

A variant is a run's folder like any other, so the same command goes on where it stopped; the page, and its sheet of
pictures, is of all that are finished.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from addon.core.attributes import COMMON
from addon.core.errors import ZygomaError
from addon.core.frames import write_chunks

from . import checkpoint as checkpoints
from .checkpoint import CheckpointError
from .events import read_events
from .pairs import HELD_OUT, Pairs, Views, read_views
from .presets import PRESETS, Preset
from .sheet import save, sheet
from .train import Run, averaged_in, train, write_config

SIZE = 64  # pixels: a quarter of the preset's work, so that all fit into an evening of two cores
SAMPLES = 3200
HALVED: dict[str, dict[str, Any]] = {  # what a network says in pixels, or in halvings, for SIZE
    "ganimation": {},
    "icface": {},
    "eggan": {"size": SIZE, "generator": (128, 96, 64, 32), "painted": 16},
    "aipgan": {
        "size": SIZE,
        "channels": (24, 48, 64, 64, 96, 128),
        "decoder": (128, 96, 96, 64, 32),
        "joined": (1, 3, 4, 5),
        "drawn_side": 16,
        "painted": 16,
    },
}
SHORTER: dict[str, dict[str, Any]] = {"aipgan": {"encoder_steps": 50}}  # first stages, a share of so few steps


@dataclass(frozen=True)
class Variant:
    """A row: what it changes of the whole preset, by the names of the configuration's fields."""

    name: str
    network: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    longer: float = 1.0  # times the pictures
    people: float = 1.0  # share of those that are trained on


def wider(**sizes: Any) -> Variant:
    return Variant("wider", sizes)


# The distance of the first two is what chance does; the others tell what more time and more people would bring.
ALL = (
    Variant("whole"),
    Variant("another seed", seed=1),
    Variant("twice the pictures", longer=2.0),
    Variant("a quarter of the people", people=0.25),
)
DRAWN = {"pair": 0.0, "points": 0.0}  # losses of the moved photo, where there is none
PAINTED = (  # the switches that EGGAN and AIP-GAN share
    Variant("no photo", {"photo": False}, DRAWN),
    Variant("no photo, not painted", {"photo": False, "skips": False, "mixing": 0, "painted": 0}, DRAWN),
    Variant("no difference", {"difference": False}),
    Variant("no skips", {"skips": False}),
    Variant("no mixing", {"mixing": 0}),
    Variant("no points", {}, {"points": 0.0}),
    Variant("no pair, no points", {}, DRAWN),
)
VARIANTS: dict[str, tuple[Variant, ...]] = {
    "ganimation": (
        *ALL,
        wider(width=48),
        Variant("constant planes", {"painted": False}),
        Variant("planes behind a norm", {"painted": False, "stem_norm": True}),
        Variant("no difference", {"difference": False}),
        Variant("no change", {"change": False}),
        Variant("no open_mask", {"open_mask": 0.0, "mask_limit": 0.0}),
        Variant("no gate", {"gate": False}),
        Variant("no skip", {"skip": False}),
        Variant("no turn", {"turn": False}),
        Variant("no flow, no turn", {"flow": False, "turn": False}, {"points": 0.0}),
        Variant("no points", {}, {"points": 0.0}),
        Variant("no picture, no points", {}, {"picture": 0.0, "points": 0.0, "supervised_until": 0.0}),
        Variant("no attention loss", {}, {"attention": 0.0}),
    ),
    "icface": (
        *ALL,
        wider(width=48),
        Variant("no neutraliser", {"neutralizer": False}),
        Variant("no photo", {"photo": False}, {"points": 0.0, "own": 0.0}),
        Variant("no photo, constant planes", {"photo": False, "painted": False}, {"points": 0.0, "own": 0.0}),
        Variant("no film", {"film": False}),
        Variant("no skip", {"skip": False}),
        Variant("no points", {}, {"points": 0.0}),
        Variant("no direct_share", {}, {"direct_share": 0.0}),
        Variant(
            "no pairs",
            {"photo": False},
            {
                **{name: 0.0 for name in ("pair_neutral", "pair_target", "own", "points", "exact_share")},
                **{"direct_share": 0.0, "adversarial_from": 0.0, "identity": 1.0, "reconstruction": 10.0},
            },
        ),
    ),
    "eggan": (
        *ALL,
        wider(encoder=(36, 72, 96, 144, 192), generator=(192, 144, 96, 48)),
        *PAINTED,
        Variant("with perceptual", {}, {"perceptual": 0.1}),
        Variant("with structure", {}, {"structure": 1.0}),
    ),
    "aipgan": (
        *ALL,
        wider(channels=(36, 72, 96, 96, 144, 192), decoder=(192, 144, 144, 96, 48)),
        Variant("no attention, no bilinear", {"bilinear": "none"}, {"attention": 0.0}),
        Variant("instance norm", {"norm": "instance"}),
        *PAINTED,
    ),
}


def preset_of(system: str, variant: Variant, samples: int, precision: str) -> Preset:
    """The system's `cpu` preset at SIZE with what the variant changes; one that only copies is a result here."""
    whole = PRESETS[system]["cpu"]
    training = replace(
        whole.training,
        size=SIZE,
        samples=round(samples * variant.longer),
        evaluated=round(samples * variant.longer),
        patience=0,
        precision=precision,
        seed=variant.seed,
    )
    network = replace(whole.network, **HALVED[system] | dict(variant.network))
    weights = replace(whole.weights, **SHORTER.get(system, {}) | dict(variant.losses))
    return replace(whole, network=network, weights=weights, training=training)


def run_of(system: str, variant: Variant, samples: int, precision: str, out: Path) -> Run:
    """A variant's training, in a folder of its own below `out`."""
    folder = out / system / variant.name.replace(",", "").replace(" ", "-")
    return Run(system, "cpu", preset_of(system, variant, samples, precision), folder, torch.device("cpu"))


def of_fewer(views: Views, share: float) -> Views:
    """Views of a share of the people, and of all that `Pairs` holds out."""
    held = views.people % HELD_OUT == HELD_OUT - 1
    if not held.any():
        held = views.people == views.people.max()
    kept = np.flatnonzero(held | (views.people < share * (views.people.max() + 1)))
    return Views(*(getattr(views, column.name)[kept] for column in fields(Views)))


def finished(run: Run) -> bool:
    """Whether it has all its steps. Raises CheckpointError where the folder holds another training."""
    last = run.out / checkpoints.LAST
    if not last.exists():
        return False
    kept = checkpoints.load(last)
    checkpoints.must_match(kept, **run.facts())
    if kept.facts["step"] > run.steps:
        raise CheckpointError(
            f"{last}: {kept.facts['samples']:,} pictures, more than the {run.training.samples:,} asked for: give "
            "--samples as before, or another --out."
        )
    return kept.facts["step"] == run.steps


# The page


@dataclass(frozen=True)
class Row:
    """Figures of a finished variant on held-out people, as models/gains.py has them; mask: of its last pairs."""

    name: str
    error: float
    unit: float
    combination: float
    pose: float
    rest: float
    mask: float


def row_of(run: Run, name: str) -> Row:
    """What a finished run's events say at its end. Raises CheckpointError where they do not."""
    values = read_events(run.out, run.steps).values
    gains = {tag.removeprefix("gain/"): value for tag, value in values.items() if tag.startswith("gain/")}
    units = [value for attribute, value in gains.items() if attribute in COMMON]
    if not units or "held_out/error" not in values:
        raise CheckpointError(f"{run.out}: its events do not say what was measured: remove the folder, train it again.")
    told = gains.get("combination", float("nan")), gains.get("pose", float("nan"))
    return Row(name, values["held_out/error"], median(units), *told, values["held_out/at_rest"], values["mask"])


HEAD = """# What each ingredient brings

Written by `python -m models.ablation`; do not edit. The `cpu` presets ([models.md](models.md)) at {size} pixels,
{samples} pictures each and {precision}: the beginning of a training, not its end. Each row is a training of its own in
which one thing is changed. The second is the whole preset begun from other weights, so what lies within its distance
from the first is chance. Then follow more pictures, fewer people and a wider network, which tell what holds a system
back. Measured on {people} made-up people who are never trained on.

**one unit, combinations, pose**: the share of the true change that is made (0 nothing, 1 all of it); of single units
the median. **error**: of the picture over that of the photo left as it is, median; 1 is copying. **rest**: grey levels
of 255 by which a photo differs when nothing is asked. **mask**: how far pixels of the last pairs of the training are
the photo's own, moved or not.
"""


def page(rows: Mapping[str, Sequence[Row]], facts: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """Markdown, a table and a sheet a system; facts fill HEAD, pictures are the sheets' paths as seen from the page."""
    parts = [HEAD.format(**facts)]
    for system, found in rows.items():
        parts.append(f"## {system}\n\n![{system}]({pictures[system]})\n")
        parts.append("| | error | one unit | combinations | pose | rest | mask |\n|---|--:|--:|--:|--:|--:|--:|")
        for row in found:
            figures = f"{row.error:.3f} | {row.unit:.2f} | {row.combination:.2f} | {row.pose:.2f} | {row.rest:.1f}"
            parts.append(f"| {row.name} | {figures} | {'' if row.mask != row.mask else f'{row.mask:.2f}'} |")
        parts.append("")
    return "\n".join(parts)


def pictures_of(runs: Mapping[str, Run], pairs: Pairs):
    """A sheet of what finished variants make of the same held-out pairs: of each kind the one that changes most."""
    largest: dict[str, tuple[float, int, int]] = {}
    for start, end, change in pairs.trials():
        images = pairs.views.images
        asked = float((images[start].float() - images[end].float()).abs().mean())
        kind = "one unit" if change in COMMON else change
        largest[kind] = max(largest.get(kind, (0.0, start, end)), (asked, start, end))
    _, starts, ends = zip(*largest.values(), strict=True)
    batch = pairs.plain(starts, ends)
    columns = {"photo": batch.image, "true": batch.target}
    for name, run in runs.items():
        preset = run.preset
        people = checkpoints.run_config(run.out)["people"]
        objective = preset.objective(preset.network, preset.weights, SIZE, people)
        checkpoints.load_weights(checkpoints.load(run.out / checkpoints.LAST), objective.networks)
        with averaged_in(objective.networks, {}):
            columns[name] = objective.generate(batch).image.float()
    double = {name: F.interpolate(made, scale_factor=2) for name, made in columns.items()}
    return sheet([[(name, made[i]) for name, made in double.items()] for i in range(len(starts))], 2 * SIZE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.ablation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="folders of synthetic people"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for all runs")
    parser.add_argument(
        "--systems", nargs="*", choices=tuple(VARIANTS), default=list(VARIANTS), help="none: the page alone"
    )
    parser.add_argument("--samples", type=int, default=SAMPLES, metavar="N", help="pictures of each training")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, metavar="N", help="of the processor")
    parser.add_argument("--page", type=Path, metavar="FILE", help="docs/ablation.md")
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        return run_command(args)
    except ZygomaError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{args.out}: stopped; the same command goes on.", file=sys.stderr)
    return 1


def run_command(args: argparse.Namespace) -> int:
    def run(system: str, variant: Variant) -> Run:
        return run_of(system, variant, args.samples, args.precision, args.out)

    side = PRESETS["icface"]["cpu"].training.side
    views = read_views(args.data, SIZE, side)
    todo = [(s, v) for s in args.systems for v in VARIANTS[s] if not finished(run(s, v))]
    for system, variant in tqdm(todo, "variants", unit="run"):
        one = run(system, variant)
        pairs = Pairs(of_fewer(views, variant.people), one.training)
        write_config(one, args.data, pairs.people, None)
        train(one, pairs, (one.out / checkpoints.LAST).exists(), None, lambda: False)
    if args.page:
        made = {s: {v.name: run(s, v) for v in VARIANTS[s] if finished(run(s, v))} for s in VARIANTS}
        made = {system: runs for system, runs in made.items() if runs}
        pictures = {}
        for system, runs in made.items():
            path = args.page.with_suffix("") / f"{system}.jpg"
            save(pictures_of(runs, Pairs(views, next(iter(runs.values())).training)), path)
            pictures[system] = f"{path.parent.name}/{path.name}"
        rows = {system: [row_of(one, name) for name, one in runs.items()] for system, runs in made.items()}
        measured = {start for start, _, _ in Pairs(views, PRESETS["icface"]["cpu"].training).trials()}
        facts = {"size": SIZE, "samples": args.samples, "precision": args.precision, "people": len(measured)}
        write_chunks(args.page, [page(rows, facts, pictures).encode()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
