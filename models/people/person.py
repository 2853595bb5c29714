"""A synthetic person from a seed: bones and features of the head, age, and what else goes with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from models.head.anny_head import FACE_CHANGES, LOCAL, OPPOSITES, average_person, macro_coefficients

from .accessories import draw_outfit
from .anthropometry import human
from .complexion import Complexion
from .complexion import draw as draw_complexion
from .hair import (
    Beard,
    Brows,
    Hairstyle,
    Strands,
    beard_strands,
    brow_strands,
    draw_beard,
    draw_brows,
    draw_hairstyle,
    lash_strands,
    scalp_strands,
)
from .head import Body, Head, Posed
from .headwear import tucked
from .parts import Part
from .proportions import draw_proportions

DETAIL = 0.45  # spread of a face's local changes; 1 is the end of anny's sliders
STRIKING = 0.35  # how differently pronounced people's features are, in powers of e: a striking nose in a plain face
FARTHEST, LONGEST = 0.95, 1.1  # a change, and the slider that makes it
KIND_SPREAD = 1.8  # how much farther from the average person than anny's kinds of people (averages themselves) one goes
ASYMMETRY = 0.06
ENDS = (*OPPOSITES, ("uncompress", "compress"), ("round", "square"), ("triangle", "pointed"))
HEAD_SHAPES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
GENTLE = {"head-age": 0.5, "neck-double": 0.4, "head-fat": 0.7, "eyebrows-trans": 0.5, "nose-compression": 0.5}
GENTLE |= {"nose-scale-vert": 0.6, "nose-trans": 0.6, "nose-base": 0.6, "nose-curve": 0.8, "nose-hump": 0.7}
GENTLE |= {"chin-jaw-drop": 0.6, "mouth-trans": 0.5, "eye-trans": 0.5, "eyebrows-angle": 0.65, "ear-shape": 0.5}
GENTLE |= {"ear-trans": 0.5, "nose-scale-depth": 0.75, "nose-scale-horiz": 0.85, "chin-prognathism": 0.6}
GENTLE |= {"chin-prominent": 0.7, "mouth-lowerlip": 0.65, "mouth-upperlip": 0.7, "mouth-scale-vert": 0.7}
FEATURES = {"eye": 1.35, "nose": 1.2, "mouth": 1.1}  # sliders that end short of how far these differ among people
MOST_TRIES = 20  # drawings of a head
# Where people lie on average, off anny's middle: its mouths hang and are narrow, its lower lips are thick.
USUAL = {"mouth-angles-up": 0.35, "mouth-scale-horiz-incr": 0.3, "mouth-lowerlip-height-incr": -0.35}
STILL = ("head-trans", "neck-trans", "head-angle", "nose-trans-in", "mouth-trans-in")  # placement, not shape


@dataclass(frozen=True)
class Traits:
    """age 0.5 (18 years) .. 1 (82); gender 0 male .. 1 female; ancestry: shares of African, Asian, European."""

    age: float
    gender: float
    ancestry: np.ndarray
    weight: float

    def numbers(self) -> np.ndarray:
        """float32 [6]: age, gender, ancestry, weight."""
        return np.array([self.age, self.gender, *self.ancestry, self.weight], np.float32)


def draw_traits(rng: np.random.Generator) -> Traits:
    age = rng.choice([rng.uniform(0.5, 0.62), rng.uniform(0.6, 0.8), rng.uniform(0.78, 1.0)], p=[0.15, 0.5, 0.35])
    gender = np.clip(rng.choice([rng.normal(0.06, 0.1), rng.normal(0.94, 0.1)]), 0, 1)
    weight = float(np.clip(rng.normal(0.5, 0.24), 0.02, 1.0))
    return Traits(float(age), float(gender), rng.dirichlet([0.18] * 3), weight)


def draw_shape(rng: np.random.Generator, head: Head, traits: Traits, amount: float = 1.0) -> np.ndarray:
    """Coefficients float32 [C] of the head's shapes. amount: of what is one's own, 0 none .. 1 as people differ."""
    out = average_person(head)
    macros = len(head.macro_mask)
    kind = macro_coefficients(
        head,
        age=traits.age,
        gender=traits.gender,
        race=traits.ancestry,
        muscle=rng.uniform(0.2, 0.8),
        weight=traits.weight,
        proportions=float(rng.uniform(0.2, 1)),
    )
    out[:macros] += KIND_SPREAD * amount * (kind - out[:macros])
    reach = dict(zip(head.labels, head.reach, strict=True))
    drawn: dict[str, float] = {}
    pronounced: dict[str, float] = {}
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
        feature = change.split("-")[0]
        if feature not in pronounced:
            pronounced[feature] = DETAIL * FEATURES.get(feature, 1.0) * np.exp(rng.normal(0, STRIKING))
            pronounced[feature] *= amount
        if key not in drawn:
            drawn[key] = rng.normal(USUAL.get(key, 0.0), pronounced[feature])
        value = drawn[key]
        if stem != change:
            value += rng.normal(0, ASYMMETRY)  # no face is symmetric
        if f"{change}-{end}".startswith(STILL):
            value = 0.0
        value *= next((gain for prefix, gain in GENTLE.items() if change.startswith(prefix)), 1.0)
        # One end of a pair often reaches twice as far as the other: as they are, they would make all lips full.
        other = f"{LOCAL}{stem}-{pair[end == pair[0]]}"
        even = np.sqrt(reach[other] / reach[label]) if other in reach else 1.0
        out[i] = min(even * np.clip(value if end == pair[0] else -value, 0.0, FARTHEST), LONGEST)
    for shape in HEAD_SHAPES:
        label = f"{LOCAL}head-{shape}"
        if label in head.labels:
            out[head.labels.index(label)] = min(max(0.0, rng.normal(0, 0.35)), FARTHEST)
    return out


def draw_body(rng: np.random.Generator, head: Head, traits: Traits, stretch: np.random.Generator) -> Body:
    """A head drawn anew until all its measures lie where people's do; stretch: what draws its proportions."""
    for tried in range(MOST_TRIES):
        amount = 1 - 0.7 * tried / MOST_TRIES  # what is refused again and again comes nearer to the average
        body = Body.of(head, draw_shape(rng, head, traits, amount), draw_proportions(stretch, amount))
        if human(head.landmarks(body.fine)):
            break
    return body


@dataclass(frozen=True)
class Locks:
    """Strands and how they look. name: hair, brows, lashes or beard; colour, tip_colour: linear RGB at roots and tips;
    grey: share of white ones; strength and tips: opacity, and what is left of it at the tips; roots: light that reaches
    the roots; width: pixels of a picture 512 wide; rigid: they hang on the skull alone."""

    name: str
    strands: Strands
    colour: tuple[float, ...]
    tip_colour: tuple[float, ...]
    grey: float
    strength: float
    tips: float
    roots: float
    width: float
    rigid: bool

    def on(self, posed: Posed) -> np.ndarray:
        """The strands' points on a head that shows something, float [S,K,3]."""
        head = posed.body.head
        if self.rigid:
            return posed.carried(self.strands.on(head, posed.body.fine))
        return self.strands.on(head, posed.vertices)


@dataclass(frozen=True)
class Person:
    """Everything about a person that stays. creasing: how deeply expression folds the skin; shaved: the stubble of a
    bald head, 0..1; fleck: where the iris' pattern begins, 0..1."""

    traits: Traits
    body: Body
    complexion: Complexion
    brows: Brows
    hairstyle: Hairstyle | None
    beard: Beard | None
    locks: tuple[Locks, ...]
    parts: tuple[Part, ...]  # what the person wears
    creasing: float
    shaved: float
    fleck: float

    @property
    def skin(self) -> np.ndarray:
        """Linear RGB [3] of plain skin."""
        return self.complexion.skin

    def uniforms(self) -> dict:
        """What the shaders of skin, eyes and mouth take."""
        own = self.complexion
        return {
            "pores": 0.00012,
            "fold_depth": 0.0011,
            "iris": own.iris,
            "iris_inner": own.iris_inner,
            "fibres": own.iris_contrast,
            "limbus": own.limbus,
            "white": own.sclera,
            "veins": own.veins,
            "pupil": own.pupil,
            "seed": self.fleck,
            "enamel": own.teeth,
            "gum": np.array([0.42, 0.13, 0.13]),
        }


def draw_person(seed: int, number: int, head: Head, without: Collection[str] = ()) -> Person:
    """Person `number` of a dataset: the same for the same seed, wherever and whenever. without: what stays at home of
    accessories.SHARES, all else being the same."""
    rng = np.random.default_rng([seed, number, 0])
    traits = draw_traits(rng)
    body = draw_body(rng, head, traits, np.random.default_rng([seed, number, 5]))
    complexion = draw_complexion(rng, traits.age, traits.gender, traits.ancestry)
    brows = draw_brows(rng, traits.gender)
    style = draw_hairstyle(rng, traits.gender, traits.age)
    beard = draw_beard(rng, traits.gender, traits.age)
    mascara = complexion.makeup.mascara
    lashes = lash_strands(
        head, rng, int(rng.uniform(40, 75) * (1 + 0.4 * mascara)), rng.uniform(0.004, 0.0075) * (1 + 0.25 * mascara)
    )
    own = complexion
    locks = [
        Locks("brows", brow_strands(head, rng, brows), own.brow, own.brow, 0.0, 0.75, 0.5, 0.8, 1.0, False),
        Locks("lashes", lashes, own.lash, own.lash, 0.0, 0.75, 0.15, 0.6, 1.0, False),
    ]
    outfit = draw_outfit(np.random.default_rng([seed, number, 4]), body, traits.gender, without)
    if style:
        strands = scalp_strands(head, rng, style)
        strands = tucked(strands, body, outfit.headwear) if outfit.headwear else strands
    if style and not (outfit.headwear and outfit.headwear.bare):
        locks.append(Locks("hair", strands, own.hair, own.hair_tips, own.grey, 1.0, 0.6, 0.45, 2.0, True))
    if beard:
        strands = beard_strands(head, rng, beard)
        locks.append(Locks("beard", strands, own.beard, own.beard, own.beard_grey, 0.45, 0.4, 0.7, 1.0, False))
    return Person(
        traits,
        body,
        complexion,
        brows,
        style,
        beard,
        tuple(locks),
        outfit.parts,
        creasing=rng.uniform(0.35, 0.75) + 0.45 * max(traits.age - 0.7, 0) / 0.3,
        shaved=float(rng.choice([0.0, 0.6])),
        fleck=float(rng.random()),
    )
