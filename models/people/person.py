"""A synthetic person from a seed: bones and features of the head, age, and what else goes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.head.anny_head import FACE_CHANGES, LOCAL, OPPOSITES, macro_coefficients

from .hair import (
    Strands,
    beard_strands,
    brow_strands,
    draw_beard,
    draw_brows,
    draw_hairstyle,
    lash_strands,
    scalp_strands,
)
from .head import Body, Head
from .pigments import hair_colour, skin_colour

DETAIL = 0.34  # spread of a face's local changes; 1 is the end of anny's sliders
FARTHEST = 0.95
ASYMMETRY = 0.06
ENDS = (*OPPOSITES, ("uncompress", "compress"), ("round", "square"), ("triangle", "pointed"))
HEAD_SHAPES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
GENTLE = {"head-age": 0.5, "neck-double": 0.4, "head-fat": 0.7, "eyebrows-trans": 0.6, "nose-compression": 0.5}
STILL = ("head-trans", "neck-trans", "head-angle", "nose-trans-in", "mouth-trans-in")  # placement, not shape


@dataclass(frozen=True)
class Traits:
    """age 0.45 (about 17 years) .. 1 (old); gender 0 male .. 1 female; ancestry: shares of African, Asian, European."""

    age: float
    gender: float
    ancestry: np.ndarray
    weight: float

    def numbers(self) -> np.ndarray:
        """float32 [6]: age, gender, ancestry, weight."""
        return np.array([self.age, self.gender, *self.ancestry, self.weight], np.float32)


def draw_traits(rng: np.random.Generator) -> Traits:
    age = rng.choice([rng.uniform(0.45, 0.62), rng.uniform(0.6, 0.8), rng.uniform(0.78, 1.0)], p=[0.15, 0.5, 0.35])
    gender = np.clip(rng.choice([rng.normal(0.06, 0.1), rng.normal(0.94, 0.1)]), 0, 1)
    weight = float(np.clip(rng.normal(0.5, 0.24), 0.02, 1.0))
    return Traits(float(age), float(gender), rng.dirichlet([0.3] * 3), weight)


def draw_shape(rng: np.random.Generator, head: Head, traits: Traits) -> np.ndarray:
    """Coefficients float32 [C] of the head's shapes."""
    out = np.zeros(len(head.labels), np.float32)
    out[: len(head.macro_mask)] = macro_coefficients(
        head,
        age=traits.age,
        gender=traits.gender,
        race=traits.ancestry,
        muscle=rng.uniform(0.2, 0.8),
        weight=traits.weight,
        proportions=float(rng.uniform(0.2, 1)),
    )
    drawn: dict[str, float] = {}
    for i, label in enumerate(head.labels):
        name = label.removeprefix(LOCAL)
        if not label.startswith(LOCAL) or not name.startswith(FACE_CHANGES):
            continue
        stem, _, end = name.rpartition("-")
        pair = next((p for p in ENDS if end in p), None)
        if pair is None:
            continue
        change = stem[2:] if stem[:2] in ("l-", "r-") else stem
        key = f"{change}-{pair[0]}"
        value = drawn.setdefault(key, rng.normal(0, DETAIL))
        if stem != change:
            value += rng.normal(0, ASYMMETRY)  # no face is symmetric
        if f"{change}-{end}".startswith(STILL):
            value = 0.0
        value *= next((gain for prefix, gain in GENTLE.items() if change.startswith(prefix)), 1.0)
        out[i] = min(max(0.0, value if end == pair[0] else -value), FARTHEST)
    for shape in HEAD_SHAPES:
        label = f"{LOCAL}head-{shape}"
        if label in head.labels:
            out[head.labels.index(label)] = min(max(0.0, rng.normal(0, 0.35)), FARTHEST)
    return out


@dataclass(frozen=True)
class Locks:
    """Strands and how they look. colour: linear RGB; strength and tips: opacity, and what is left of it at the tips;
    roots: light that reaches the roots; width: pixels of a picture 512 wide; rigid: they hang on the skull alone."""

    strands: Strands
    colour: np.ndarray
    strength: float
    tips: float
    roots: float
    width: float
    rigid: bool


@dataclass(frozen=True)
class Person:
    """Everything about a person that stays."""

    traits: Traits
    body: Body
    locks: tuple[Locks, ...]
    skin: np.ndarray  # linear RGB, as everything here
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    enamel: np.ndarray
    creasing: float  # how deeply expression folds the skin
    marks: dict[str, float]  # what the painting of the skin takes
    pupil: float
    seed: np.ndarray

    def skin_uniforms(self) -> dict:
        """What skin_maps.frag takes."""
        return self.marks | {"skin": self.skin, "lips": self.lips, "hair": self.hair, "seed": self.seed}

    def uniforms(self) -> dict:
        """What the shaders of skin, eyes and mouth take."""
        return {
            "pores": 0.00012,
            "fold_depth": 0.0011,
            "iris": self.iris,
            "white": np.array([0.62, 0.58, 0.55]),
            "pupil": self.pupil,
            "seed": self.seed[0],
            "enamel": self.enamel,
            "gum": np.array([0.42, 0.13, 0.13]),
        }


IRISES = ((0.04, 0.02, 0.01), (0.09, 0.045, 0.02), (0.12, 0.09, 0.035), (0.09, 0.12, 0.05), (0.10, 0.17, 0.25))
IRISES += ((0.16, 0.21, 0.24),)


def draw_person(seed: int, number: int, head: Head) -> Person:
    """Person `number` of a dataset: the same for the same seed, wherever and whenever."""
    rng = np.random.default_rng([seed, number, 0])
    traits = draw_traits(rng)
    body = Body.of(head, draw_shape(rng, head, traits))
    african, asian, _ = traits.ancestry
    melanin = float(np.exp(np.log(0.025) + 2.6 * african + 0.7 * asian + rng.normal(0, 0.45)))
    melanin = min(max(melanin, 0.008), 0.42)
    skin = skin_colour(melanin, rng.uniform(0.007, 0.018))
    lips = 0.55 * skin_colour(melanin * 1.1, rng.uniform(0.03, 0.08)) + 0.35 * skin
    dark = african + asian
    eumelanin = float(np.clip(rng.normal(1.6 + 6 * dark, 1.6), 0.25, 8))
    grey = float(np.clip(rng.normal(1.2 * (traits.age > 0.85), 0.4), 0, 1)) * (traits.age > 0.75)
    hair = hair_colour(eumelanin, max(0.0, rng.normal(0.4, 0.6)), grey)
    brown = np.clip(rng.normal(1 - dark, 0.4) * 5, 0, 5)
    iris = np.array(IRISES[int(brown)]) * np.exp(rng.normal(0, 0.15, 3))
    brows = draw_brows(rng, traits.gender)
    style = draw_hairstyle(rng, traits.gender, traits.age)
    beard = draw_beard(rng, traits.gender, traits.age)
    brow_hair = hair * 0.7
    locks = [
        Locks(brow_strands(head, rng, brows), brow_hair, 0.75, 0.5, 0.8, 1.0, False),
        Locks(
            lash_strands(head, rng, int(rng.uniform(28, 60)), rng.uniform(0.005, 0.010)),
            hair * 0.3,
            0.9,
            0.5,
            0.6,
            1.0,
            False,
        ),
    ]
    if style:
        locks.append(Locks(scalp_strands(head, rng, style), hair, 1.0, 0.6, 0.45, 2.0, True))
    if beard:
        locks.append(Locks(beard_strands(head, rng, beard), hair * 0.9, 0.45, 0.4, 0.7, 1.0, False))
    fold = rng.uniform(0.35, 0.75) + 0.45 * max(traits.age - 0.7, 0) / 0.3
    marks = {
        "redness": rng.uniform(0.2, 1.0),
        "blood": np.array([1.08, 0.80, 0.78]) if melanin < 0.15 else np.array([1.05, 0.9, 0.88]),
        "freckles": max(0.0, rng.normal(-0.2, 0.5)) * (melanin < 0.12),
        "moles": rng.uniform(0, 0.9),
        "unevenness": rng.uniform(0.3, 1.0),
        "oil": rng.uniform(0.1, 0.9),
        "age": max(0.0, (traits.age - 0.66) / 0.34) * rng.uniform(0.4, 1.0),
        "shadow": rng.uniform(0, 0.8) * (traits.gender < 0.5),
        "dark_eyes": rng.uniform(0, 0.9),
        "beard_cheeks": 0.55 * beard.cheeks if beard else 0.0,
        "beard_chin": 0.55 * beard.chin if beard else 0.0,
        "beard_lip": 0.55 * beard.moustache if beard else 0.0,
        "hairline": np.array([style.hairline, style.recede, 1, 0])
        if style
        else np.array([0.0, 0.01, 0, rng.choice([0.0, 0.6])]),
        "brow": np.array([brows.half, brows.arch, brows.height, brows.gap]),
        "brow_reach": brows.reach,
        "brow_shade": rng.uniform(0.2, 0.55),
    }
    return Person(
        traits,
        body,
        tuple(locks),
        skin,
        lips,
        hair,
        iris,
        enamel=np.array([0.72, 0.66, 0.55]) * rng.uniform(0.8, 1.05),
        creasing=fold,
        marks=marks,
        pupil=rng.uniform(0.28, 0.5),
        seed=rng.random(4),
    )
