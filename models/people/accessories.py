"""Who wears what: clothes, and now and then glasses, headwear, earrings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .clothes import draw_clothes
from .glasses import draw_glasses
from .head import Body
from .headwear import Headwear, draw_headwear
from .parts import Part, ball, part, tube

SHARES = {"glasses": 0.22, "headwear": 0.14, "earrings": 0.35}  # of people; earrings: of women
METALS = ((0.62, 0.45, 0.20), (0.55, 0.53, 0.50), (0.60, 0.36, 0.25), (0.10, 0.10, 0.10))


@dataclass(frozen=True)
class Outfit:
    parts: tuple[Part, ...]
    headwear: Headwear | None


def draw_outfit(rng: np.random.Generator, body: Body, gender: float, without: Collection[str] = ()) -> Outfit:
    """gender: 0 male .. 1 female; without: keys of SHARES that stay at home, all else being the same."""
    female = gender > 0.5
    clothes, glasses, headwear, earrings = rng.spawn(4)
    worn = {name: rng.random() < share for name, share in SHARES.items()}
    worn["earrings"] = worn["earrings"] and (female or rng.random() < 0.08)
    parts = draw_clothes(clothes, body, female)
    on_head = draw_headwear(headwear, body, female) if worn["headwear"] and "headwear" not in without else None
    if on_head:
        parts += on_head.parts
    if worn["glasses"] and "glasses" not in without:
        parts += draw_glasses(glasses, body)
    if worn["earrings"] and "earrings" not in without and not (on_head and on_head.bare):
        parts += draw_earrings(earrings, body)
    return Outfit(tuple(parts), on_head)


def draw_earrings(rng: np.random.Generator, body: Body) -> list[Part]:
    """A pair: studs, hoops or drops at the lobes."""
    kind = rng.choice(["stud", "hoop", "drop"], p=[0.45, 0.3, 0.25])
    metal = np.array(METALS[rng.integers(len(METALS))])
    stone = rng.uniform(0.02, 0.8, 3) if rng.random() < 0.5 else np.array([0.7, 0.68, 0.63])
    size, thin, hang = rng.uniform((0.0018, 0.0006, 0.006), (0.0042, 0.0016, 0.030))
    parts = []
    for lobe in lobes(body):
        if kind == "stud":
            parts.append(part("jewellery", ball(lobe, (size,) * 3, 7), stone, 0.12))
        elif kind == "hoop":
            turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
            path = lobe + hang * np.stack([0 * turn, np.sin(turn), np.cos(turn) - 1], -1)
            hoop = tube(path, thin, thin, closed=True, sides=6, up=(1, 0, 0))
            parts.append(part("jewellery", hoop, metal, 0.2, metal=True))
        else:
            wire = tube(lobe - np.linspace(0, hang, 4)[:, None] * (0, 0, 1), 0.0005, 0.0005, sides=5, up=(0, 1, 0))
            parts.append(part("jewellery", wire, metal, 0.2, metal=True))
            drop = ball(lobe - np.array([0, 0, hang + 1.3 * size]), (size, 0.7 * size, 1.5 * size), 8)
            parts.append(part("jewellery", drop, stone, 0.12))
    return parts


def lobes(body: Body) -> list[np.ndarray]:
    """[3] each: just outside the middle of the ears' lobes, right first."""
    out = []
    for sign in (-1, 1):
        ear = body.fine[(body.head.ears > 0.5) & (np.sign(body.fine[:, 0]) == sign)].astype(float)
        low = ear[ear[:, 2] < ear[:, 2].min() + 0.008]
        lobe = low.mean(0)
        lobe[0] = sign * (np.abs(low[:, 0]).max() + 0.0008)
        out.append(lobe)
    return out
