"""The loop that trains either judge: rounds that follow from a seed and their number, a checkpoint after each.

A broken run goes on at its last whole round and ends with the same weights as one that was never broken.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from addon.core.errors import OutputError, ZygomaError

from .. import checkpoint

RISE = 0.05  # share of the steps over which the rate rises


@dataclass(frozen=True)
class Schedule:
    """rounds of `steps` steps; rate: of AdamW, falling to 0 along a cosine after a short rise; decay: of the weights;
    averaged: of the running mean of the weights, which is what judges; judged: rounds between two looks at people held
    out."""

    rounds: int
    steps: int
    rate: float
    decay: float
    averaged: float
    judged: int
    seed: int

    def rate_at(self, step: int) -> float:
        done = step / (self.rounds * self.steps)
        return self.rate * min(1, (done + 1e-3) / RISE) * (1 + math.cos(math.pi * done)) / 2


def train(
    folder: Path,
    facts: Mapping[str, Any],
    networks: nn.ModuleDict,
    schedule: Schedule,
    losses: Callable[[int], Iterator[Tensor]],
    judge: Callable[[nn.ModuleDict], Mapping[str, float]],
    resume: bool = False,
) -> nn.ModuleDict:
    """Trains `networks`, logs and checkpoints in `folder`, and returns them with their averaged weights.

    losses(number): the losses of a round's steps, each computed when it is asked for; judge(networks): figures of
    held-out people. facts: what a resumed run must agree with. Raises OutputError where the folder holds a run already,
    CheckpointError where a resumed one does not fit, ZygomaError where a loss is not finite; Ctrl-C leaves the last
    whole round.
    """
    path = folder / checkpoint.LAST
    optimiser = torch.optim.AdamW(networks.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    averaged = {name: value.detach().clone() for name, value in networks.state_dict().items()}
    first = 0
    if path.exists() and not resume:
        raise OutputError(f"{folder}: holds a run already; go on with --resume, or choose another folder.")
    if path.exists():
        stored = checkpoint.load(path)
        checkpoint.must_match(stored, **facts)
        checkpoint.restore(stored, networks, averaged, {"judge": optimiser})
        first = stored.facts["round"]
    folder.mkdir(parents=True, exist_ok=True)
    total = schedule.rounds * schedule.steps
    with (
        SummaryWriter(str(folder), purge_step=first * schedule.steps) as log,
        tqdm(total=total, initial=first * schedule.steps, desc=folder.name, unit="step") as bar,
    ):
        for number in range(first, schedule.rounds):
            torch.manual_seed(schedule.seed * 1_000_003 + number)
            networks.train()
            mean = 0.0
            for i, loss in enumerate(losses(number)):
                value = float(loss.detach())
                if not math.isfinite(value):
                    raise ZygomaError(
                        f"{folder}: the loss is {value} in round {number + 1}, step {i + 1}; the weights before this "
                        "round are kept. Train with a smaller rate."
                    )
                step = number * schedule.steps + i
                for group in optimiser.param_groups:
                    group["lr"] = schedule.rate_at(step)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(networks.parameters(), 5.0)
                optimiser.step()
                _average(averaged, networks, min(schedule.averaged, (step + 1) / (step + 10)))
                mean += value / schedule.steps
                bar.update()
            bar.set_postfix(loss=f"{mean:.3f}")
            log.add_scalar("loss", mean, (number + 1) * schedule.steps)
            checkpoint.save(path, {**facts, "round": number + 1}, networks, averaged, {"judge": optimiser})
            if (number + 1) % schedule.judged == 0 or number + 1 == schedule.rounds:
                figures = judge(with_weights(networks, averaged))
                bar.write(f"round {number + 1}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
                for name, value in figures.items():
                    log.add_scalar(name, value, (number + 1) * schedule.steps)
    return with_weights(networks, averaged)


@torch.no_grad()
def _average(averaged: dict[str, Tensor], networks: nn.Module, keep: float) -> None:
    for name, value in networks.state_dict().items():
        if value.is_floating_point():
            averaged[name].lerp_(value, 1 - keep)
        else:
            averaged[name].copy_(value)


def with_weights(networks: nn.ModuleDict, state: Mapping[str, Tensor]) -> nn.ModuleDict:
    """A copy of the networks with these weights, in evaluation mode."""
    out = copy.deepcopy(networks)
    out.load_state_dict(state)
    return out.eval()
