"""What a pack says of itself, for a person: its paper, what it was trained on, its ranges and figures."""

from __future__ import annotations

import numpy as np

from .attributes import ANGLES, NAMES
from .pack import Pack, Training


def summary(pack: Pack) -> list[tuple[str, str]]:
    """Headings and texts, in the order to be shown; what pack.toml does not say is left out."""
    low, high = pack.sizes
    lines = [("Pack", f"{pack.title} ({pack.id} {pack.version}), system {pack.system}")]
    if pack.paper:
        lines.append(("Paper", f"{pack.paper.title}. {pack.paper.authors}, {pack.paper.year}"))
        lines.append(("Link", pack.paper.link))
    if pack.training:
        lines.append(("Trained on", trained_on(pack.training)))
    lines.append(("Licence", pack.licence))
    sides = f"{low} px" if low == high else f"{low} to {high} px"
    lines.append(("Crop", f"{sides}, {pack.crop_side:g} face heights wide"))
    lines.append(("At rest", "the photo itself" if pack.at_rest == "photo" else "the pack's own picture"))
    return lines


def trained_on(training: Training) -> str:
    parts = [training.data]
    if training.samples is not None:
        parts.append(f"{training.samples:,} samples")
    if training.people is not None:
        parts.append(f"{training.people:,} people")
    if training.minutes is not None:
        hours = training.minutes / 60
        parts.append(f"{hours:.1f} hours" if hours >= 2 else f"{training.minutes:.0f} minutes")
    if training.machine:
        parts.append(training.machine)
    return ", ".join(parts)


def ranges(pack: Pack) -> list[tuple[str, str]]:
    """Each attribute with what the pack covers; angles in degrees."""
    lines = []
    for name, (low, high) in pack.ranges.items():
        degrees = f"{np.degrees(low):.0f} to {np.degrees(high):.0f} degrees"
        covered = degrees if name in ANGLES else f"{low:g} to {high:g}"
        lines.append((name, covered if name in NAMES else f"{covered}, rests: nothing drives it"))
    return lines


def figures(pack: Pack) -> list[tuple[str, str]]:
    """Its metrics; what is no whole number with four digits."""
    return [(name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in pack.metrics.items()]
