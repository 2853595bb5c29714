"""What a run's TensorBoard events say up to a step: the latest value of each scalar, and the minutes of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


@dataclass(frozen=True)
class Events:
    """values: by tag, the latest one not after the step; minutes: from each process's first event to its last, summed;
    None where the folder holds no events."""

    values: dict[str, float]
    minutes: float | None


def read_events(run: Path, step: int) -> Events:
    """The events of all processes that trained in a run's folder, in the order of their beginning."""
    values: dict[str, float] = {}
    seconds = 0.0
    files = sorted(run.glob("events.out.tfevents.*"), key=lambda path: path.name)
    for file in files:
        times = []
        for event in LegacyEventFileLoader(str(file)).Load():
            if event.step > step:
                continue
            times.append(event.wall_time)
            values |= {v.tag: v.simple_value for v in event.summary.value if v.HasField("simple_value")}
        seconds += max(times, default=0.0) - min(times, default=0.0)
    return Events(values, seconds / 60 if files else None)
