"""Trains a system on synthetic people: one loop for all, resumable to the bit.

    python -m models.train --system ganimation --preset cpu --data PEOPLE --out RUN [--resume]

The run's folder holds config.json, last.safetensors, best.safetensors and TensorBoard's events. Several processes:
`torchrun --nproc-per-node N -m models.train ...`; the preset's batch is the whole batch.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from addon.core.errors import ZygomaError

from . import checkpoint as checkpoints
from .batch import Batch
from .gains import Gains, measure, sheet
from .losses.objective import Objective
from .pairs import Pairs, read_views
from .presets import Preset, Training, find

LOGGED = 50  # steps between two looks at the terms
LIKE_COPYING = 0.02  # gain below which a generator only copies the photo


class TrainingError(ZygomaError):
    """A training that cannot go on: it only copies, or a term is no number any more."""


@dataclass(frozen=True)
class Run:
    """What is trained, and where it is kept."""

    system: str
    name: str  # of the preset
    preset: Preset
    out: Path
    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def training(self) -> Training:
        return self.preset.training

    @property
    def steps(self) -> int:
        return -(-self.training.samples // self.training.batch)

    def facts(self) -> dict[str, Any]:
        """What a checkpoint is checked by, as plain data."""
        training = dataclasses.asdict(self.training)
        for name in ("samples", "evaluated", "patience", "compiled"):  # may change while a training rests
            del training[name]
        return {
            "system": self.system,
            "preset": self.name,
            "network": dataclasses.asdict(self.preset.network),
            "weights": dataclasses.asdict(self.preset.weights),
            "training": training,
        }


def train(run: Run, pairs: Pairs, resume: bool, start: Path | None, stopped: Callable[[], bool]) -> int:
    """Trains until the samples are used up or `stopped`, which is asked after each step; returns the steps done.

    Raises TrainingError where the run only copies the photo or a term is no number; the last good checkpoint stays.
    """
    training, lead = run.training, run.rank == 0
    torch.manual_seed(training.seed)
    objective = run.preset.objective(run.preset.network, run.preset.weights, training.size, pairs.people)
    networks = objective.networks.to(run.device).to(memory_format=torch.channels_last)
    if start:
        start_from(start, networks)
    averaged = {k: v.clone() for k, v in networks.state_dict().items()} if training.averaging else {}
    optimisers: dict[str, torch.optim.Optimizer] = {}
    first, best = 0, float("inf")
    if resume:
        kept = checkpoints.load(run.out / checkpoints.LAST)
        checkpoints.must_match(kept, **run.facts())
        first, best = kept.facts["step"], kept.facts["best"]
        optimisers = {phase: optimiser_of(objective, phase, training) for phase in kept.facts["param_groups"]}
        checkpoints.restore(kept, networks, averaged, optimisers)
    if run.device.type == "cuda":
        for name in training.compiled:
            networks[name].compile()

    def keep(name: str, step: int) -> None:
        facts = {**run.facts(), "step": step, "samples": step * training.batch, "best": best}
        checkpoints.save(run.out / name, facts, networks, averaged, optimisers)

    evaluated = max(1, training.evaluated // training.batch)
    log = Log(run, first) if lead else None
    recent = Recent()
    step = first
    with tqdm(total=run.steps, initial=first, unit="step", disable=not lead, smoothing=0.02) as bar:
        for step in range(first, run.steps):
            progress = step / run.steps
            torch.manual_seed(hash((training.seed, step, run.rank)))
            batch = on_device(pairs.batch(step, progress, run.rank, run.world), run.device)
            for phase in objective.phases(step):
                if phase not in optimisers:
                    optimisers[phase] = optimiser_of(objective, phase, training)
                pace(optimisers[phase], training, step, progress)
                recent.add(step, phase, minimise(objective, phase, optimisers[phase], batch, progress, run))
            average(averaged, networks, training.averaging, step)
            bar.update()

            done, last = step + 1, step + 1 == run.steps
            if done % LOGGED == 0 or done % evaluated == 0 or last:
                terms = recent.checked()
                if log:
                    log.terms(done, terms, *beside_copying(objective, batch, run), bar)
            ending = last or agreed(stopped(), run)
            if (done % evaluated == 0 or ending) and lead:
                recent.checked()
                gains = judged(objective, averaged, pairs, run)
                log.gains(done, gains, sheet_of(objective, averaged, pairs, run))
                if gains.error < best:
                    best = gains.error
                    keep(checkpoints.BEST, done)
                keep(checkpoints.LAST, done)
                if 0 < training.patience <= done * training.batch and gains.largest() < LIKE_COPYING:
                    raise TrainingError(
                        f"{run.out}: after {done * training.batch} pictures the generator only copies the photo (gain "
                        f"{gains.largest():.3f} at most, mask {gains.mask:.3f}): its loss is that of copying. Open the "
                        "mask, paint the condition or lower the heads' rate, then begin anew."
                    )
            if ending:
                break
    if log:
        log.close()
    return min(step + 1, run.steps)


# One step


def minimise(objective: Objective, phase: str, optimiser, batch: Batch, progress: float, run: Run) -> dict[str, Tensor]:
    """One optimisation of one phase. Returns its terms and the norm of its gradient, or nothing where it rests."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    moving = {id(p) for p in parameters}
    for parameter in objective.networks.parameters():
        parameter.requires_grad_(id(parameter) in moving)
    with autocast(run):
        terms = objective.terms(phase, batch, progress)
    if not terms:
        return {}
    optimiser.zero_grad(set_to_none=True)
    sum(terms.values()).backward()
    if run.world > 1:
        share_gradients(parameters, run.world)
    norm = nn.utils.clip_grad_norm_(parameters, run.training.clip or float("inf"))
    optimiser.step()
    return {**{name: term.detach() for name, term in terms.items()}, "gradient": norm.detach()}


def share_gradients(parameters: Sequence[nn.Parameter], world: int) -> None:
    """Every process gets the mean of all processes' gradients: that of the whole batch."""
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for parameter, gradient, part in zip(
        parameters, gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        parameter.grad = (part / world).view_as(gradient)


def agreed(stop: bool, run: Run) -> bool:
    """Whether any process is to stop: all then stop after the same step."""
    if run.world == 1:
        return stop
    flag = torch.tensor(float(stop), device=run.device)
    dist.all_reduce(flag)
    return bool(flag > 0)


def optimiser_of(objective: Objective, phase: str, training: Training) -> torch.optim.Optimizer:
    """Raises ZygomaError for an optimiser that there is not."""
    groups = objective.parameters(phase)
    match training.optimiser:
        case "adam":
            return torch.optim.Adam(groups, training.rate, training.betas)
        case "rmsprop":
            return torch.optim.RMSprop(groups, training.rate, training.betas[1])
    raise ZygomaError(f"No optimiser {training.optimiser}: choose adam or rmsprop.")


def pace(optimiser: torch.optim.Optimizer, training: Training, step: int, progress: float) -> None:
    """Sets the learning rates: risen over the first steps, flat, then falling to 0 in a straight line."""
    rate = training.rate * min(1.0, (step + 1) / max(training.warm_up, 1))
    if progress > training.flat:
        rate *= (1 - progress) / (1 - training.flat)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]


@torch.no_grad()
def average(averaged: Mapping[str, Tensor], networks: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the networks'; the first steps count alike."""
    if not averaged:
        return
    live = networks.state_dict()
    pairs = [(mean, live[name]) for name, mean in averaged.items()]
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    torch._foreach_lerp_([m for m, _ in floats], [v for _, v in floats], max(1 - decay, 1 / (step + 1)))
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(value)


def autocast(run: Run):
    enabled = run.training.precision == "bfloat16"
    return torch.autocast(run.device.type, torch.bfloat16, enabled=enabled)


def on_device(batch: Batch, device: torch.device) -> Batch:
    """Pictures channels last, as the networks are."""
    batch = batch.to(device)
    pictures = ("image", "target", "neutral", "driver")
    return replace(batch, **{n: getattr(batch, n).contiguous(memory_format=torch.channels_last) for n in pictures})


# Looking at it


class Recent:
    """Terms of the latest steps, left on the device until they are looked at: looking waits for the device."""

    def __init__(self):
        self.steps: list[tuple[int, str, dict[str, Tensor]]] = []

    def add(self, step: int, phase: str, terms: dict[str, Tensor]) -> None:
        if terms:
            self.steps.append((step, phase, terms))

    def checked(self) -> dict[str, float]:
        """Means of the terms since the last look, by "phase/term". Raises TrainingError, naming the first that is no
        number."""
        sums: dict[str, list[float]] = {}
        for step, phase, terms in self.steps:
            values = torch.stack([term.float() for term in terms.values()]).tolist()
            for name, value in zip(terms, values, strict=True):
                if value != value or abs(value) == float("inf"):
                    raise TrainingError(
                        f"Step {step + 1}: {name} of the phase {phase} is {value}. The checkpoint before it is kept; "
                        "go on from it with a lower rate or a smaller clip."
                    )
                sums.setdefault(f"{phase}/{name}", []).append(value)
        self.steps.clear()
        return {name: sum(values) / len(values) for name, values in sums.items()}


@torch.no_grad()
def beside_copying(objective: Objective, batch: Batch, run: Run) -> tuple[float, float, float]:
    """Mean absolute error of what is generated, that of copying the photo, and the mean of the mask (NaN without)."""
    with autocast(run):
        made = objective.generate(batch)
    error = (made.image.float() - batch.target).abs().mean()
    copying = (batch.image - batch.target).abs().mean()
    mask = made.mask.float().mean() if made.mask is not None else torch.tensor(float("nan"))
    return float(error), float(copying), float(mask)


@contextlib.contextmanager
def averaged_in(networks: nn.Module, averaged: Mapping[str, Tensor]) -> Iterator[None]:
    """The networks as they are judged: with averaged weights, at rest. Afterwards they are what they were."""
    own = {name: value.clone() for name, value in networks.state_dict().items()} if averaged else {}
    if averaged:
        networks.load_state_dict(averaged)
    modes = [(module, module.training) for module in networks.modules()]
    networks.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        if own:
            networks.load_state_dict(own)


def judged(objective: Objective, averaged: Mapping[str, Tensor], pairs: Pairs, run: Run) -> Gains:
    with averaged_in(objective.networks, averaged), autocast(run):
        return measure(objective, pairs, lambda batch: on_device(batch, run.device))


def sheet_of(objective: Objective, averaged: Mapping[str, Tensor], pairs: Pairs, run: Run) -> Tensor:
    with averaged_in(objective.networks, averaged), autocast(run):
        return sheet(objective, pairs, lambda batch: on_device(batch, run.device))


class Log:
    """TensorBoard's events, and the line below the bar."""

    def __init__(self, run: Run, first: int):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(run.out), purge_step=first)

    def terms(self, step: int, terms: Mapping[str, float], error: float, copying: float, mask: float, bar) -> None:
        for name, value in terms.items():
            self.writer.add_scalar(name, value, step)
        self.writer.add_scalar("picture/generated", error, step)
        self.writer.add_scalar("picture/copied", copying, step)
        self.writer.add_scalar("mask", mask, step)
        bar.set_postfix_str(f"picture {error:.4f} copying {copying:.4f} mask {mask:.2f}")

    def gains(self, step: int, gains: Gains, pictures: Tensor) -> None:
        for name, value in gains.by_change.items():
            self.writer.add_scalar(f"gain/{name}", value, step)
        self.writer.add_scalar("held_out/error", gains.error, step)
        self.writer.add_scalar("held_out/at_rest", gains.at_rest, step)
        self.writer.add_image("held_out", pictures, step)
        self.writer.flush()
        tqdm.write(f"step {step}: {gains}")

    def close(self) -> None:
        self.writer.close()


# Before the first step


def start_from(path: Path, networks: nn.Module) -> None:
    """Weights of another run's checkpoint, or of a pack that was exported from the same architecture."""
    if path.is_dir():
        from .trained import weights_of_pack  # needs onnx, which a training without a pack does not

        networks.load_state_dict(weights_of_pack(path, networks), strict=False)
    else:
        checkpoints.load_weights(checkpoints.load(path), networks)


def describe(run: Run, people: int) -> str:
    """The resolved configuration, parameters and operations."""
    training = run.training
    torch.manual_seed(training.seed)
    objective = run.preset.objective(run.preset.network, run.preset.weights, training.size, people)
    lines = [json.dumps(run.facts() | {"training": dataclasses.asdict(training), "people": people}, indent=2)]
    for name, network in objective.networks.items():
        lines.append(f"{name}: {sum(p.numel() for p in network.parameters()):,} parameters")
    batch = example(training.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        objective.generate(batch)
    lines.append(f"one picture: {counter.get_total_flops() / len(batch) / 1e9:.3f} GFLOPs")
    lines.append(f"{run.steps} steps of {training.batch} pairs")
    return "\n".join(lines)


def example(size: int, pairs: int = 2) -> Batch:
    """Noise in the place of pairs, of the right shapes."""

    def picture() -> Tensor:
        return torch.rand(pairs, 3, size, size) * 2 - 1

    def vectors() -> Tensor:
        return torch.rand(pairs, 20) * 0.5

    points = [torch.rand(pairs, 478, 3) * size for _ in range(3)]
    person = torch.zeros(pairs, dtype=torch.int64)
    rest = picture(), picture(), person, points[2], points[0]
    return Batch(picture(), vectors(), points[0], picture(), vectors(), points[1], *rest)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="ganimation, icface, eggan or aipgan")
    parser.add_argument("--preset", required=True, help="paper, h200, cpu or smoke")
    parser.add_argument("--data", type=Path, nargs="+", default=[], metavar="DIR", help="folders of synthetic people")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument("--start", type=Path, metavar="FILE", help="a checkpoint or a pack to take weights from")
    parser.add_argument("--samples", type=int, metavar="N", help="pictures until the end, in place of the preset's")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after this time; go on with --resume")
    parser.add_argument("--batch", type=int, metavar="N", help="pairs a step, in place of the preset's")
    parser.add_argument("--seed", type=int, metavar="N", help="in place of the preset's")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="in place of the preset's")
    parser.add_argument("--threads", type=int, metavar="N", help="of the processor")
    parser.add_argument("--device", help="cuda or cpu; by default cuda where there is one")
    parser.add_argument("--dry-run", action="store_true", help="print the configuration, parameters and FLOPs")
    return parser


def resolved(args: argparse.Namespace) -> Preset:
    """The preset with what the command line puts in its place."""
    preset = find(args.system, args.preset)
    names = ("samples", "batch", "seed", "precision")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return replace(preset, training=replace(preset.training, **given))


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        return run_command(args)
    except ZygomaError as error:
        print(error, file=sys.stderr)
        return 1


def run_command(args: argparse.Namespace) -> int:
    began = time.monotonic()
    preset = resolved(args)
    if args.threads:
        torch.set_num_threads(args.threads)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    kind = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(kind, int(os.environ.get("LOCAL_RANK", 0)) if kind == "cuda" else None)
    if preset.training.batch % world:
        raise ZygomaError(f"A batch of {preset.training.batch} cannot be shared by {world} processes: give --batch.")
    out = args.out or Path("out") / f"{args.system}-{args.preset}"
    run = Run(args.system, args.preset, preset, out, device, rank, world)
    if args.dry_run:
        print(describe(run, people=100))
        return 0
    if not args.resume and (out / checkpoints.LAST).exists():
        raise ZygomaError(f"{out} holds a training: go on with it by --resume, or choose another --out.")
    if world > 1:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    views = read_views(args.data, preset.training.size, preset.training.side)
    pairs = Pairs(views.to(device), preset.training)
    if rank == 0:
        write_config(run, args.data, pairs.people, args.start)

    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))

    def stopped() -> bool:
        return bool(asked) or (args.minutes is not None and time.monotonic() - began > 60 * args.minutes)

    done = train(run, pairs, args.resume, args.start, stopped)
    if world > 1:
        dist.destroy_process_group()
    if done < run.steps and rank == 0:
        print(f"{out}: {done} of {run.steps} steps are done and kept; go on with --resume.")
    return 130 if asked else 0


def write_config(run: Run, data: Sequence[Path], people: int, start: Path | None) -> None:
    """config.json beside the checkpoints: what was resolved, on what, and what its first weights had been trained for,
    which a run that goes on remembers."""
    facts = run.facts() | {"training": dataclasses.asdict(run.training)}
    facts |= {"people": people, "data": [str(folder) for folder in data], "torch": torch.__version__}
    if start:
        from .spent import spent_on

        facts[checkpoints.BEFORE] = dataclasses.asdict(spent_on(start))
    elif before := checkpoints.run_config(run.out).get(checkpoints.BEFORE):
        facts[checkpoints.BEFORE] = before
    run.out.mkdir(parents=True, exist_ok=True)
    part = run.out / (checkpoints.CONFIG + ".part")
    part.write_text(json.dumps(facts, indent=2) + "\n")
    os.replace(part, run.out / checkpoints.CONFIG)


if __name__ == "__main__":
    sys.exit(main())
