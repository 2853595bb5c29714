"""Every system's hyper-parameters, in one visible table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from addon.core.errors import ZygomaError

from .losses.aipgan import AipganLosses, aipgan
from .losses.eggan import EgganLosses, eggan
from .losses.ganimation import GANimation, GANimationWeights
from .losses.icface import ICfaceLosses, ICfaceObjective
from .losses.objective import Objective
from .networks.aipgan import AipganConfig
from .networks.eggan import EgganConfig
from .networks.ganimation import GANimationConfig
from .networks.icface import ICfaceConfig


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
    opened: float = 1.0  # above 0; times as often a view is drawn whose lips part: few do, and a mouth is small
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


# Trainings that several rows share: for a GPU with 80 GB or more, for two cores, a few steps to see that all runs.
GPU = Training(
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
    patience=100_000,
    evaluated=20_000,
)
CPU = Training(
    samples=60_000,
    rate=1.5e-3,
    betas=(0.8, 0.99),
    warm_up=40,
    flat=0.6,
    clip=5.0,
    averaging=0.99,
    opened=3.0,
    patience=6_000,
)
SMOKE = Training(size=64, batch=2, samples=16, evaluated=8)
# RMSprop 2e-4, 100 epochs and 100 more in which the rate falls to 0. Neither the paper nor its code says the batch, nor
# how many pictures an epoch has: 8 and 20,000 are chosen.
ICFACE_RELEASED = Training(
    samples=200 * 20_000,
    optimiser="rmsprop",
    rate=2e-4,
    betas=(0.5, 0.99),
    flat=0.5,
    photographic=False,
)

# Each system with what exact pairs allow: `h200` as it stands, `cpu` smaller.
GANIMATION = GANimationConfig(
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
)
GANIMATION_WEIGHTS = GANimationWeights(
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
)
ICFACE = ICfaceConfig(
    width=32,
    blocks=4,
    kernel=5,
    norm="instance",
    dropout=0.0,
    init_std=None,
    critic_width=48,
    fold=2,
    stem_norm=False,
    painted=True,
    film=True,
    source_vector=True,
    turn=True,
    skip=True,
    photo=True,
)
ICFACE_LOSSES = ICfaceLosses(
    adversarial=0.02,
    attributes=0.05,
    identity=0.0,
    reconstruction=0.0,
    form="squares",
    adversarial_from=0.6,
    pair_neutral=1.0,
    pair_target=1.0,
    own=2.0,
    exact_share=0.15,
    direct_share=0.35,
    points=0.3,
    vector_noise=0.05,
)
EGGAN = EgganConfig(
    code=512,
    encoder=(48, 96, 128, 256, 384),
    generator=(512, 512, 384, 256, 128, 64),
    critic=(32, 64, 128, 256, 512, 512),
    classifier=((32, 1), (64, 1), (128, 2), (256, 2)),
    pose=True,
    difference=True,
    painted=64,
    skips=True,
    skips_dropped=0.1,
    mixing=4,
    shuffle=2,
    photo=True,
)
EGGAN_LOSSES = EgganLosses(
    adversarial=0.01,
    gradient_penalty=10.0,
    units=0.02,
    identity=0.02,
    perceptual=0.1,
    reconstruction=0.5,
    form="wasserstein",
    perceptual_norm="squared",
    rebuild="target",
    adversarial_from=0.6,
    changed=1.0,
    pair=1.0,
    points=1.0,
)
AIPGAN = AipganConfig(
    channels=(48, 96, 128, 192, 256, 384, 512, 512),
    decoder=(512, 512, 384, 256, 192, 128, 64),
    joined=(1, 3, 5, 6),
    expression=64,
    identity=256,
    drawn_side=64,
    sketch=512,
    features=((32, 1), (64, 1), (128, 2), (256, 2)),
    bilinear="encoders",
    labels="units",
    norm="none",
    difference=True,
    painted=64,
    skips=True,
    mixing=4,
    shuffle=2,
    photo=True,
)
AIPGAN_LOSSES = AipganLosses(
    reconstruction=0.5,
    identity=0.1,
    expression=0.1,
    landmarks=0.1,
    identity_map=0.1,
    attention=0.01,
    adversarial=0.02,
    encoder_steps=1000,
    decoder_steps=1000,
    reconstruct="target",
    norms="mean",
    expression_layers="last",
    expressed=0.6,
    reading=0.5,
    adversarial_from=0.6,
    changed=1.0,
    pair=1.0,
    points=1.0,
)

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
            GANIMATION,
            GANIMATION_WEIGHTS,
            replace(GPU, compiled=("generator",)),
        ),
        "cpu": Preset(
            GANimation,
            replace(GANIMATION, width=32, downs=1, blocks=4, kernel=3, head_kernel=3, critic_width=16),
            replace(GANIMATION_WEIGHTS, supervised_until=0.8),
            replace(CPU, stages=(*UNITS_FIRST[:2], Stage(single=2, combination=2, pose=0.7, both=0.7))),
        ),
        "smoke": Preset(
            GANimation,
            GANimationConfig(width=8, downs=1, blocks=1, critic_width=4, critic_layers=4, fold=2),
            GANimationWeights(critic_steps=2),
            SMOKE,
        ),
    },
    "icface": {
        # Sec. 4: 128 pixels. The rest is the released code's.
        "paper": Preset(ICfaceObjective, ICfaceConfig(), ICfaceLosses(), ICFACE_RELEASED),
        "h200": Preset(
            ICfaceObjective,
            ICFACE,
            ICFACE_LOSSES,
            replace(GPU, pictures=("neutral",), compiled=("neutralizer", "animator")),
        ),
        "cpu": Preset(
            ICfaceObjective,
            replace(ICFACE, downs=1, kernel=3, critic_width=16),
            replace(ICFACE_LOSSES, adversarial_from=0.8),
            replace(CPU, stages=UNITS_FIRST, pictures=("neutral",)),
        ),
        "smoke": Preset(
            ICfaceObjective,
            ICfaceConfig(width=8, blocks=1, critic_width=4, fold=2),
            ICfaceLosses(identity_by="head"),
            SMOKE,
        ),
        # The released code where it is not the paper.
        "released": Preset(
            ICfaceObjective,
            ICfaceConfig(),
            ICfaceLosses(
                attributes=10.0,
                perceptual=0.1,
                form="squares",
                attribute_norm="absolute",
                identity_by="head",
                pseudo_truth="neutral",
                schedule="alternating",
            ),
            ICFACE_RELEASED,
        ),
    },
    "eggan": {
        # Sec. 4.1: Adam 1e-4, batch 8, 400 epochs of RaFD (1,392 pictures of 58 people), the rate falls after half.
        "paper": Preset(
            eggan,
            EgganConfig(),
            EgganLosses(),
            Training(samples=400 * 1_392, flat=0.5, photographic=False, stages=(Stage(pose=0, both=0),)),
        ),
        "h200": Preset(eggan, EGGAN, EGGAN_LOSSES, replace(GPU, rate=5e-4, compiled=("E", "G"))),
        "cpu": Preset(
            eggan,
            replace(
                EGGAN,
                code=256,
                encoder=(24, 48, 64, 96, 128),
                generator=(128, 128, 96, 64, 32),
                critic=(16, 32, 64, 64, 128, 128),
                classifier=((16, 1), (32, 1), (64, 2)),
                painted=32,
            ),
            replace(
                EGGAN_LOSSES,
                identity=0.0,
                perceptual=0.0,
                structure=0.0,
                adversarial_from=0.8,
            ),
            replace(CPU, stages=UNITS_FIRST),
        ),
        "smoke": Preset(
            eggan,
            EgganConfig(
                code=16,
                encoder=(8, 8, 16, 16, 16),
                generator=(16, 16, 16, 8, 8),
                critic=(8, 8, 8, 8, 8, 8),
                latent_critic=(16, 8, 1),
                classifier=((8, 1), (8, 1), (16, 1)),
            ),
            EgganLosses(identity_steps=2),
            SMOKE,
        ),
    },
    "aipgan": {
        # Secs. 4.1, 4.2: Adam 2e-4, batch 64, 96 pixels; how long is not said.
        "paper": Preset(
            aipgan,
            AipganConfig(),
            AipganLosses(),
            Training(
                size=96,
                batch=64,
                samples=1_500_000,
                rate=2e-4,
                betas=(0.9, 0.999),
                flat=0.5,
                pictures=("neutral", "driver"),
                photographic=False,
            ),
        ),
        "h200": Preset(
            aipgan,
            AIPGAN,
            AIPGAN_LOSSES,
            replace(GPU, rate=5e-4, pictures=("neutral", "driver"), compiled=("G_es", "G_et", "G_de")),
        ),
        "cpu": Preset(
            aipgan,
            replace(
                AIPGAN,
                size=128,
                channels=(24, 48, 64, 64, 96, 128, 128),
                decoder=(128, 128, 96, 96, 64, 32),
                expression=32,
                identity=128,
                hidden=128,
                drawn_side=32,
                sketch=128,
                critic_width=16,
                critic_scales=2,
                features=((16, 1), (32, 1), (64, 2)),
                express_width=32,
                painted=32,
            ),
            replace(
                AIPGAN_LOSSES,
                identity=0.0,
                expression=0.0,
                encoder_steps=400,
                decoder_steps=0,
                adversarial_from=0.8,
            ),
            replace(CPU, stages=UNITS_FIRST, pictures=("neutral", "driver")),
        ),
        "smoke": Preset(
            aipgan,
            AipganConfig(
                size=64,
                channels=(8, 8, 8, 16, 16, 16),
                decoder=(16, 16, 16, 8, 8, 8),
                joined=(1, 3, 4),
                hidden=16,
                drawn_side=16,
                sketch=32,
                critic_width=4,
                critic_scales=2,
                features=((8, 1), (8, 2), (16, 1)),
                express_width=8,
            ),
            AipganLosses(feature_steps=1, encoder_steps=2, decoder_steps=2),
            replace(SMOKE, pictures=("neutral", "driver")),
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
