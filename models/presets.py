"""Every system's hyper-parameters, in one visible table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from addon.core.errors import ZygomaError

from .losses.ganimation import GANimation, GANimationWeights
from .losses.objective import Objective
from .networks.ganimation import GANimationConfig


@dataclass(frozen=True)
class Stage:
    """A part of the training, and what its pairs lead to, as shares of any scale."""

    until: float = 1.0  # of the samples
    single: float = 1.0  # one unit changed
    combination: float = 1.0  # an expression
    pose: float = 1.0  # the head turned
    both: float = 1.0  # an expression on a turned head
    shared: float = 1.0  # a vector that all people show


MIXED = (Stage(),)
UNITS_FIRST = (
    Stage(0.3, combination=0, pose=0, both=0, shared=0),
    Stage(0.5, pose=0, both=0, shared=0),
    Stage(),
)


@dataclass(frozen=True)
class Training:
    """How a system is trained. Networks and the weights of losses have dataclasses of their own."""

    size: int = 128  # side of the crops in pixels
    side: float = 1.4  # of a crop in face heights; where the people were rendered wider, their middle is cut out
    batch: int = 8  # pairs a step, over all processes
    samples: int = 100_000  # source pictures, until the learning rate has fallen to 0
    optimiser: str = "adam"  # or rmsprop
    rate: float = 1e-4  # learning rate; parameter groups scale it
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam; the second is RMSprop's alpha
    warm_up: int = 0  # steps over which the rate rises
    flat: float = 2 / 3  # share of the samples at the full rate; from there it falls to 0 in a straight line
    clip: float = 0.0  # largest norm of a phase's gradient; 0: any
    averaging: float = 0.0  # decay a step of the averaged weights, which are what is judged and exported; 0: none
    precision: str = "float32"  # or bfloat16: by autocast
    compiled: tuple[str, ...] = ()  # networks compiled on a GPU; not one whose gradient is a loss
    stages: tuple[Stage, ...] = MIXED  # what pairs lead to, over the training
    pictures: tuple[str, ...] = ()  # of "neutral" and "driver": what a batch holds beside source and target
    photographic: bool = True  # one photographer, camera and print a pair, drawn anew each time
    patience: int = 0  # samples after which a run that only copies the photo is stopped; 0: never
    evaluated: int = 4000  # samples between two looks at held-out people; a checkpoint goes with each
    seed: int = 0


@dataclass(frozen=True)
class Preset:
    """One row: what to train and how. `objective(network, weights, size, people)` makes the system."""

    objective: Callable[[Any, Any, int, int], Objective]
    network: Any
    weights: Any
    training: Training


PRESETS: dict[str, dict[str, Preset]] = {
    "ganimation": {
        # Sec. 5: batch 25, Adam 1e-4, 30 epochs of 200,000 pictures, the last 10 falling to 0.
        "paper": Preset(
            GANimation,
            GANimationConfig(),
            GANimationWeights(),
            Training(batch=25, samples=30 * 200_000, photographic=False),
        ),
        "h200": Preset(
            GANimation,
            GANimationConfig(
                pose=True,
                fold=2,
                kernel=5,
                head_kernel=5,
                stem_norm=False,
                painted=True,
                difference=True,
                change=True,
                flow=True,
                turn=True,
                skip=True,
                open_mask=1.5,
                mask_limit=6.0,
                gate=True,
            ),
            GANimationWeights(
                critic_steps=1,
                adversarial=0.01,
                expression=0.1,
                attention=0.01,
                identity=1.0,
                picture=1.0,
                points=0.3,
                supervised_until=0.6,
                head_rate=0.1,
                flow_rate=0.4,
            ),
            Training(
                size=256,
                batch=48,
                samples=600_000,
                rate=1e-3,
                betas=(0.8, 0.99),
                warm_up=200,
                flat=0.6,
                clip=5.0,
                averaging=0.999,
                precision="bfloat16",
                compiled=("generator",),
                patience=100_000,
                evaluated=20_000,
            ),
        ),
        "cpu": Preset(
            GANimation,
            GANimationConfig(
                width=32,
                downs=1,
                blocks=4,
                kernel=3,
                head_kernel=3,
                critic_width=16,
                pose=True,
                fold=2,
                stem_norm=False,
                painted=True,
                difference=True,
                change=True,
                flow=True,
                turn=True,
                skip=True,
                open_mask=1.5,
                mask_limit=6.0,
                gate=True,
            ),
            GANimationWeights(
                critic_steps=1,
                adversarial=0.01,
                expression=0.1,
                attention=0.01,
                identity=1.0,
                picture=1.0,
                points=0.3,
                supervised_until=0.8,
                head_rate=0.1,
                flow_rate=0.4,
            ),
            Training(
                samples=60_000,
                rate=1.5e-3,
                betas=(0.8, 0.99),
                warm_up=40,
                flat=0.6,
                clip=5.0,
                averaging=0.99,
                stages=UNITS_FIRST,
                patience=6_000,
            ),
        ),
        "smoke": Preset(
            GANimation,
            GANimationConfig(width=8, downs=1, blocks=1, critic_width=4, critic_layers=4, fold=2),
            GANimationWeights(critic_steps=2),
            Training(size=64, batch=2, samples=16, evaluated=8),
        ),
    },
}


def find(system: str, preset: str) -> Preset:
    """The row of a system. Raises ZygomaError, naming those that exist."""
    if system not in PRESETS:
        raise ZygomaError(f"No system {system}: choose one of {', '.join(PRESETS)}.")
    if preset not in PRESETS[system]:
        raise ZygomaError(f"{system} has no preset {preset}: choose one of {', '.join(PRESETS[system])}.")
    return PRESETS[system][preset]
