"""How much of a true change a generator makes on held-out people, unit by unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from .batch import Batch
from .losses.objective import Objective
from .pairs import Pairs

SHOWN = 6  # pairs of a sheet
AT_ONCE = 8


@dataclass(frozen=True)
class Gains:
    """by_change: for each unit, "combination" and "pose" the median over held-out people of the projection of the
    generated change on the true one: 0 nothing, 1 all of it. The change is from what is generated for the photo's own
    vector: a photo that is merely drawn anew, softer, would read as .3 of nearly any change. error: mean absolute error
    over that of copying the photo, median over pairs. at_rest: grey levels of 255 by which a photo differs when nothing
    is asked. mask: its mean, NaN where the system has none."""

    by_change: dict[str, float]
    error: float
    at_rest: float
    mask: float

    def largest(self) -> float:
        return max(self.by_change.values(), default=0.0)

    def __str__(self) -> str:
        gains = " ".join(f"{name.removeprefix('AU')} {value:.2f}" for name, value in sorted(self.by_change.items()))
        return f"error {self.error:.3f} of copying, mask {self.mask:.3f}, rest {self.at_rest:.2f}; gains {gains}"


def measure(objective: Objective, pairs: Pairs, on_device: Callable[[Batch], Batch]) -> Gains:
    """Generates every trial of the held-out people; networks are to be in evaluation mode."""
    trials = pairs.trials()
    gains: dict[str, list[float]] = {}
    errors, masks = [], []
    for i in range(0, len(trials), AT_ONCE):
        starts, ends, changes = zip(*trials[i : i + AT_ONCE], strict=True)
        batch = on_device(pairs.plain(starts, ends))
        made = objective.generate(batch)
        image, rest = made.image.float(), objective.generate(replace(batch, wanted=batch.source)).image.float()
        true, found = (batch.target - batch.image).flatten(1), (image - rest).flatten(1)
        projection = (found * true).sum(1) / (true * true).sum(1).clamp(min=1e-6)
        for change, gain in zip(changes, projection.tolist(), strict=True):
            gains.setdefault(change, []).append(gain)
        copying = true.abs().mean(1).clamp(min=1e-3)
        errors += ((image - batch.target).abs().flatten(1).mean(1) / copying).tolist()
        masks.append(made.mask.float().mean().item() if made.mask is not None else float("nan"))
    starts = sorted({start for start, _, _ in trials})[:AT_ONCE]
    rest = on_device(pairs.plain(starts, starts))
    at_rest = float((objective.generate(rest).image.float() - rest.image).abs().mean() * 127.5)
    return Gains(
        {change: median(values) for change, values in gains.items()},
        median(errors),
        at_rest,
        sum(masks) / len(masks),
    )


def sheet(objective: Objective, pairs: Pairs, on_device: Callable[[Batch], Batch]) -> Tensor:
    """float32 [3,rows,columns] in 0..1: of SHOWN pairs, spread over all trials, one a column: photo, target, generated
    and the mask where there is one."""
    trials = pairs.trials()
    chosen = [trials[i * len(trials) // SHOWN] for i in range(min(SHOWN, len(trials)))]
    batch = on_device(pairs.plain([t[0] for t in chosen], [t[1] for t in chosen]))
    made = objective.generate(batch)
    rows = [batch.image, batch.target, made.image.float()]
    if made.mask is not None:
        rows.append(made.mask.float().expand(-1, 3, -1, -1) * 2 - 1)
    return torch.cat([torch.cat(list(row), 2) for row in rows], 1).cpu().clamp(-1, 1) / 2 + 0.5
