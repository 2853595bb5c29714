"""What a person's surface is like, as plain numbers: skin, marks, wrinkles, make-up, lips, eyes, teeth, hair's colour.

`skin_map` paints the skin from them; eyes, teeth and hair take them as they are. Colours are linear RGB; amounts are 0
where there is nothing of the kind and about 1 where there is much, unless a unit is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pigments import WHITE_HAIR, hair_colour, skin_colour

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Makeup:
    """Opacities 0..1 and colours."""

    foundation: float  # evens the skin out
    blush: float
    blush_colour: Colour
    shadow: float  # on the upper lids
    shadow_colour: Colour
    shadow_reach: float  # 0 to the lid's crease .. 1 to the brow
    liner: float  # along the lashes
    wing: float  # metres that the upper line goes on outwards
    lipstick: float
    lipstick_colour: Colour
    gloss: float  # on the lips
    contour: float  # shade below the cheekbones and beside the nose
    brows: float  # pencil
    mascara: float


@dataclass(frozen=True)
class Complexion:
    # Skin.
    melanin: float  # share of the epidermis
    blood: float  # share of the dermis
    mottle: float  # unevenness of melanin, in powers of e
    blotches: float  # of blood
    flush: tuple[float, float, float, float, float]  # more blood, powers of e: cheeks, nose, ears, chin, forehead
    tan: float  # melanin where the sun falls, powers of e
    circles: float  # below the eyes
    lids: float  # dark lids
    crease: float  # depth of the upper lid's fold, 0 none .. 1
    crease_height: float  # of the usual height above the lashes
    lash_line: float  # how dark the lashes' roots are together
    around_mouth: float  # darker there
    freckles: float
    freckle_size: float  # metres
    spots: float  # age spots
    moles: int
    pimples: int
    scars: int
    birthmark: float
    capillaries: float
    roughness: float  # 0.3 wet .. 0.7 powdery
    oil: float  # shine on forehead, nose and cheekbones
    pores: float
    wrinkles: float  # of age
    folds: tuple[float, ...]  # each kind's share of them, in the order of folds.FOLDS
    stubble: float  # shade of shaven hair
    # Lips.
    lip_blood: float  # share of the dermis
    lip_melanin: float  # more than the skin's, powers of e
    lip_edge: float  # sharpness, 0..1
    # Eyes and teeth.
    iris: Colour  # outer part
    iris_inner: Colour  # around the pupil
    iris_contrast: float
    limbus: float  # darkness of the ring around the iris
    pupil: float  # share of the iris's radius
    sclera: Colour
    veins: float
    teeth: Colour
    # Hair.
    hair: Colour  # of hairs that are not white
    hair_tips: Colour
    grey: float  # share of white hairs on the head
    brow: Colour
    beard: Colour
    beard_grey: float
    lash: Colour
    makeup: Makeup
    seed: int  # of where marks are and how patches look

    @property
    def skin(self) -> np.ndarray:
        """Linear RGB [3] of plain skin."""
        return skin_colour(self.melanin, self.blood)

    @property
    def mean_hair(self) -> np.ndarray:
        """Linear RGB [3] of the hair from afar."""
        return self.hair + self.grey * (WHITE_HAIR - self.hair)

    @property
    def mean_beard(self) -> np.ndarray:
        return self.beard + self.beard_grey * (WHITE_HAIR - self.beard)


def years(age: float) -> float:
    """anny's age (2/3 young, 1 old) in years."""
    return float(np.interp(age, [1 / 3, 2 / 3, 1.0], [11, 25, 82]))


def draw(rng: np.random.Generator, age: float, gender: float, ancestry) -> Complexion:
    """age: anny's, 0.45 .. 1; gender: 0 male .. 1 female; ancestry [3]: shares of African, Asian, European."""
    old = float(np.clip((years(age) - 25) / 50, 0, 1.2))  # 0 at 25, 1 at 75
    female = gender > 0.5
    ancestry = np.asarray(ancestry, float) / np.sum(ancestry)
    melanin = _melanin(rng, ancestry)
    fair = float(np.clip(1 - melanin / 0.12, 0, 1))
    hair = _hair(rng, ancestry, old, female, fair)
    lightness = float(np.mean(hair["brow"]))
    return Complexion(
        melanin=melanin,
        blood=float(np.exp(rng.normal(np.log(0.012), 0.4))),
        mottle=(rng.uniform(0.02, 0.08) + 0.03 * old) * (0.5 + 0.5 * fair),
        blotches=rng.uniform(0.03, 0.13),
        flush=tuple(np.maximum(rng.normal([0.45, 0.5, 0.45, 0.25, 0.05], [0.4, 0.35, 0.25, 0.2, 0.12]), 0)),
        tan=max(0.0, rng.normal(0.15, 0.15)),
        circles=float(rng.beta(1.3, 2.5)) + 0.25 * old,
        lids=float(rng.beta(1.2, 2.5)),
        crease=0.0 if rng.random() < 0.15 + 0.45 * ancestry[1] else rng.uniform(0.2, 0.9),
        crease_height=rng.uniform(0.45, 1.0),
        lash_line=rng.uniform(0.25, 0.9),
        around_mouth=float(rng.beta(1.1, 4)) * (1.2 - fair),
        freckles=fair * max(0.0, rng.normal(-0.3, 0.7)),
        freckle_size=rng.uniform(0.0007, 0.0017),
        spots=max(0.0, rng.normal(old - 0.6, 0.35)),
        moles=int(rng.poisson(rng.choice([0.6, 4]))),
        pimples=int(rng.poisson(4)) if rng.random() < 0.35 * (1.3 - old) else 0,
        scars=int(rng.random() < 0.07) + int(rng.random() < 0.02),
        birthmark=float(rng.random() < 0.025),
        capillaries=max(0.0, rng.normal(0.6 * old * fair, 0.3)) * fair,
        roughness=rng.uniform(0.4, 0.62),
        oil=float(rng.beta(1.3, 2)),
        pores=rng.uniform(0.2, 1.0) * (0.7 if female else 1.0),
        wrinkles=float(np.clip(old * rng.normal(1.25, 0.35), 0, 1.8)) + rng.uniform(0, 0.1),
        folds=tuple(rng.uniform(0.25, 1.25, 8)),
        stubble=0.0 if female else float(rng.beta(1.2, 1.6)),
        lip_blood=float(np.exp(rng.uniform(*np.log([0.026, 0.085])))) * (1.15 if female else 0.9),
        lip_melanin=float(np.clip(rng.normal(0.1, 0.3), -0.4, 0.6)) + (1 - fair) * rng.uniform(0.3, 0.75),
        lip_edge=rng.uniform(0.2, 1.0),
        **_eyes(rng, ancestry, fair, old),
        teeth=tuple(np.array([0.80, 0.75, 0.64]) * rng.uniform(0.75, 1.1) * np.array([1, 1, rng.uniform(0.82, 1.12)])),
        **hair,
        lash=tuple(np.minimum(np.array([0.02, 0.016, 0.014]) + 0.35 * lightness, 0.3)),
        makeup=_makeup(rng, female, old, melanin),
        seed=int(rng.integers(2**31)),
    )


def _melanin(rng, ancestry: np.ndarray) -> float:
    """Each ancestry's own spread, mixed by shares; some people of any ancestry are anything."""
    middle = float(ancestry @ np.log([0.24, 0.085, 0.028]))
    drawn = np.exp(rng.normal(middle, 0.45)) if rng.random() < 0.85 else np.exp(rng.uniform(*np.log([0.012, 0.42])))
    return float(np.clip(drawn, 0.010, 0.45))


HAIRS = ((5.5, 0.2), (1.7, 0.25), (0.7, 0.25), (0.16, 0.10), (0.18, 1.1))  # eumelanin, phaeomelanin: black .. ginger
DARK_HAIR_SHARES = (72, 23, 3, 1, 1)  # per cent
FAIR_HAIR_SHARES = (14, 34, 24, 20, 8)


def _hair(rng, ancestry: np.ndarray, old: float, female: bool, fair: float) -> dict:
    dark = ancestry[:2].sum() > 0.45 or fair < 0.35
    kind = rng.choice(len(HAIRS), p=np.array(DARK_HAIR_SHARES if dark else FAIR_HAIR_SHARES) / 100)
    eumelanin, phaeomelanin = np.array(HAIRS[kind]) * np.exp(rng.normal(0, 0.45, 2))
    grey = float(1 / (1 + np.exp(-(old - rng.normal(0.62, 0.18)) / 0.13))) if old > 0.1 else 0.0
    hair, on_head = hair_colour(eumelanin, phaeomelanin), grey
    if rng.random() < (0.36 if female else 0.05):  # dyed
        on_head = grey * rng.uniform(0, 0.2)
        if rng.random() < 0.12:  # blue, pink, green
            wheel = 0.5 + 0.5 * np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2, 4]) * np.pi / 3)
            hair = (0.02 + 0.5 * wheel**2) * rng.uniform(0.2, 1)
        else:
            hair = hair_colour(*(np.array(HAIRS[rng.integers(len(HAIRS))]) * np.exp(rng.normal(0, 0.3, 2))))
    tips = hair
    if female and rng.random() < 0.22:  # bleached by sun or hairdresser
        tips = np.clip(hair * rng.uniform(1.3, 3.5) + 0.02, 0, 0.6)
    # The brows of dark-haired people are about as dark, those of fair-haired ones darker than the hair.
    brow = eumelanin * (np.exp(rng.normal(-0.1, 0.5)) if eumelanin > 0.5 else rng.uniform(1.0, 3.5))
    return {
        "hair": tuple(hair),
        "hair_tips": tuple(tips),
        "grey": on_head,
        "brow": tuple(hair_colour(brow, phaeomelanin, 0.6 * on_head)),
        "beard": tuple(hair_colour(eumelanin * rng.uniform(0.5, 1.2), phaeomelanin * rng.uniform(1, 2.2))),
        "beard_grey": min(1.0, 1.3 * grey),
    }


IRISES = (  # linear RGB: outer part, around the pupil
    ((0.045, 0.020, 0.010), (0.050, 0.024, 0.012)),  # nearly black
    ((0.085, 0.040, 0.018), (0.110, 0.052, 0.020)),  # brown
    ((0.150, 0.080, 0.030), (0.190, 0.095, 0.030)),  # light brown
    ((0.110, 0.100, 0.045), (0.170, 0.095, 0.030)),  # hazel
    ((0.120, 0.150, 0.090), (0.160, 0.130, 0.060)),  # green
    ((0.180, 0.210, 0.220), (0.230, 0.230, 0.200)),  # grey
    ((0.120, 0.200, 0.300), (0.180, 0.230, 0.260)),  # blue
    ((0.060, 0.110, 0.200), (0.110, 0.160, 0.220)),  # dark blue
)
DARK_SHARES = (50, 40, 7, 1.5, 0.5, 0.5, 0.5, 0)  # per cent
FAIR_SHARES = (6, 22, 12, 14, 10, 10, 18, 8)


def _eyes(rng, ancestry: np.ndarray, fair: float, old: float) -> dict:
    dark = ancestry[:2].sum() > 0.45 or fair < 0.35
    kind = rng.choice(len(IRISES), p=np.array(DARK_SHARES if dark else FAIR_SHARES) / 100)
    outer, inner = np.array(IRISES[kind])
    shade = np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.05, 3))
    white = np.array([0.66, 0.625, 0.59]) * rng.uniform(0.85, 1.05)
    yellow = np.array([0, 0.05, 0.10]) * rng.random() + np.array([0, 0.03, 0.06]) * old
    return {
        "iris": tuple(outer * shade),
        "iris_inner": tuple(inner * shade),
        "iris_contrast": rng.uniform(0.3, 1.0),
        "limbus": rng.uniform(0.2, 1.0) * (1 - 0.4 * min(old, 1.0)),
        "pupil": rng.uniform(0.26, 0.52),
        "sclera": tuple(white * (1 - yellow)),
        "veins": float(rng.beta(1.2, 3)) + 0.15 * old,
    }


LIPSTICKS = (  # linear RGB
    (0.42, 0.02, 0.03),
    (0.25, 0.01, 0.03),
    (0.45, 0.08, 0.12),
    (0.50, 0.18, 0.18),
    (0.35, 0.10, 0.07),
    (0.12, 0.01, 0.03),
    (0.50, 0.10, 0.06),
    (0.40, 0.05, 0.16),
    (0.30, 0.14, 0.11),
)


def _makeup(rng, female: bool, old: float, melanin: float) -> Makeup:
    """Half of the women wear some, a few men do; from hardly seen to a stage's."""
    worn = rng.random() < (0.62 if female else 0.02)
    amount = float(worn) * rng.uniform(0.2, 1.0)

    def some(chance: float, most: float = 1.0) -> float:
        return most * amount * rng.uniform(0.4, 1.2) * (rng.random() < chance)

    darker = 1 - 0.45 * min(melanin / 0.3, 1)
    hue = rng.choice([rng.uniform(0.0, 0.09), rng.uniform(0, 1)], p=[0.65, 0.35])  # brown to plum, or any
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue - np.array([0, 1 / 3, 2 / 3])))
    lip = np.array(LIPSTICKS[rng.integers(len(LIPSTICKS))]) * np.exp(rng.normal(0, 0.15, 3)) * darker
    return Makeup(
        foundation=some(0.7),
        blush=some(0.6, 0.45),
        blush_colour=tuple(np.array([0.62, 0.16, 0.16]) * np.exp(rng.normal(0, 0.15, 3)) * darker),
        shadow=some(0.6, 0.8),
        shadow_colour=tuple((0.02 + 0.25 * wheel**1.5) * rng.uniform(0.2, 1.1)),
        shadow_reach=rng.uniform(0, 1),
        liner=min(1.0, some(0.7, 1.2)),
        wing=rng.choice([0.0, rng.uniform(0.001, 0.006)], p=[0.6, 0.4]),
        lipstick=min(0.95, some(0.8, 1.1)),
        lipstick_colour=tuple(lip),
        gloss=some(0.5),
        contour=some(0.4, 0.6),
        brows=some(0.5),
        mascara=some(0.8),
    )
