"""What a training cost, with those that its first weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.core.pack import read_pack

from . import checkpoint as checkpoints
from .events import read_events


@dataclass(frozen=True)
class Spent:
    """Pictures, and minutes where they are known."""

    samples: int = 0
    minutes: float | None = None


def spent_on(start: Path) -> Spent:
    """Of a checkpoint, or of a pack as far as it says. Raises CheckpointError, PackError."""
    if start.is_dir():
        training = read_pack(start).training
        return Spent(training.samples or 0, training.minutes) if training else Spent()
    return spent_by(checkpoints.load(start), checkpoints.run_config(start.parent))


def spent_by(kept: checkpoints.Checkpoint, config: Mapping[str, Any]) -> Spent:
    """By a run up to a checkpoint; config: the run's config.json."""
    before = Spent(**config.get(checkpoints.BEFORE, {}))
    own = read_events(kept.path.parent, kept.facts["step"]).minutes
    minutes = [part for part in (before.minutes, own) if part is not None]
    return Spent(before.samples + kept.facts["samples"], sum(minutes) if minutes else None)
