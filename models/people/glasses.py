"""Glasses: frames of many shapes on a person's own nose and ears, clear or tinted lenses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .head import SKIN, Body
from .parts import Part, ball, fan, joined, part, tube

POINTS = 48  # of a rim


@dataclass(frozen=True)
class Shape:
    """A lens's outline: half its width and height in metres; roundness (2 an ellipse, more is squarer); taper: how much
    wider above than below; cat: how far the outer top corner rises; drop: how far the lower outer part hangs."""

    half_width: float
    half_height: float
    power: float
    taper: float
    cat: float
    drop: float

    def outline(self) -> np.ndarray:
        """[POINTS,2]: outwards and up from the lens's middle."""
        turn = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
        c, s = np.cos(turn), np.sin(turn)
        x = np.sign(c) * np.abs(c) ** (2 / self.power)
        z = np.sign(s) * np.abs(s) ** (2 / self.power)
        z = z + self.cat * np.maximum(x, 0) ** 2 * np.maximum(z, -0.3) - self.drop * np.maximum(-z, 0) * (0.6 + 0.4 * x)
        x = x * (1 + self.taper * z)
        return np.stack([x * self.half_width, z * self.half_height], -1)


SHAPES = {  # ranges of a Shape's fields
    "rectangle": ((0.024, 0.028), (0.013, 0.018), (3.2, 6.0), (0.0, 0.06), (0.0, 0.1), (0.0, 0.0)),
    "square": ((0.024, 0.028), (0.019, 0.023), (3.2, 5.0), (0.02, 0.10), (0.0, 0.1), (0.0, 0.0)),
    "round": ((0.020, 0.025), (0.020, 0.025), (2.0, 2.3), (0.0, 0.03), (0.0, 0.0), (0.0, 0.0)),
    "oval": ((0.023, 0.027), (0.015, 0.019), (2.0, 2.6), (0.0, 0.04), (0.0, 0.0), (0.0, 0.0)),
    "pantos": ((0.022, 0.026), (0.019, 0.023), (2.3, 2.9), (0.06, 0.13), (0.0, 0.1), (0.0, 0.0)),
    "cat": ((0.024, 0.029), (0.016, 0.021), (2.4, 3.2), (0.04, 0.12), (0.3, 0.6), (0.0, 0.0)),
    "aviator": ((0.026, 0.030), (0.020, 0.024), (2.5, 3.0), (0.06, 0.12), (0.0, 0.0), (0.10, 0.25)),
}
RIMS = ("full", "wire", "half", "none")


def draw_glasses(rng: np.random.Generator, body: Body) -> list[Part]:
    """One pair: frame and lenses."""
    fields = SHAPES[list(SHAPES)[rng.integers(len(SHAPES))]]
    shape = Shape(*(rng.uniform(low, high) for low, high in fields))
    rim = str(rng.choice(RIMS, p=[0.52, 0.30, 0.10, 0.08]))
    thick = rng.uniform(0.0011, 0.0026) if rim == "full" else rng.uniform(0.0005, 0.0008)
    metal = rim != "full" and rng.random() < 0.85
    tint = rng.choice(["clear", "sun", "light"], p=[0.88, 0.07, 0.05])
    return fitted_glasses(body, shape, rim, thick, frame_colour(rng, metal), metal, *lens(rng, tint))


def frame_colour(rng, metal: bool) -> np.ndarray:
    """Linear RGB of metal, horn, black or coloured plastic."""
    if metal:
        metals = ((0.55, 0.53, 0.50), (0.62, 0.45, 0.20), (0.12, 0.12, 0.13), (0.60, 0.36, 0.25), (0.3, 0.29, 0.28))
        return np.array(metals[rng.integers(len(metals))]) * rng.uniform(0.7, 1.1)
    kind = rng.choice(["black", "horn", "any", "light"], p=[0.48, 0.27, 0.17, 0.08])
    if kind == "black":
        return np.full(3, rng.uniform(0.006, 0.02))
    if kind == "horn":
        return np.array([0.12, 0.05, 0.02]) * rng.uniform(0.4, 1.6)
    if kind == "light":
        return np.array([0.6, 0.55, 0.5]) * rng.uniform(0.5, 1.1)
    wheel = np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2, 4]) * np.pi / 3)
    return rng.uniform(0.03, 0.25) * np.clip(1 + 0.9 * wheel, 0.03, None)


def lens(rng, tint: str) -> tuple[np.ndarray, float]:
    """The lens's picture, uint8 [32,1,4] from its lower to its upper edge, and how it reflects."""
    up = np.linspace(0, 1, 32)
    if tint == "clear":
        colour, alpha = np.array([0.75, 0.8, 0.8]), np.full(32, rng.uniform(0.0, 0.05))
    else:
        colours = ((0.02, 0.02, 0.02), (0.05, 0.03, 0.015), (0.02, 0.04, 0.02), (0.03, 0.04, 0.07), (0.10, 0.04, 0.05))
        colour = np.array(colours[rng.integers(len(colours))])
        dense = rng.uniform(0.55, 0.95) if tint == "sun" else rng.uniform(0.15, 0.4)
        alpha = dense * (1 - rng.choice([0.0, rng.uniform(0.2, 0.7)]) * (1 - up))
    srgb = np.tile(colour ** (1 / 2.2), (32, 1))
    picture = np.concatenate([srgb, alpha[:, None]], 1)
    return (picture[:, None] * 255 + 0.5).astype(np.uint8), float(rng.uniform(0.02, 0.08))


def fitted_glasses(body: Body, shape: Shape, rim: str, thick: float, colour, metal: bool, picture, gloss) -> list[Part]:
    """A frame of this shape, `thick` metres (half), on the person's eyes, nose and ears."""
    head, fine = body.head, body.fine
    skin = fine[(head.part == SKIN) & (head.inside_mouth < 0.3)]
    right, left = body.eye_centres
    apart, level = (left[0] - right[0]) / 2, (left[2] + right[2]) / 2
    middle = np.array([(left[0] + right[0]) / 2, 0.0, level - 0.002])
    outline = shape.outline()
    side = max(apart + 0.0015, shape.half_width + 0.0085)  # a lens's middle from the face's, with room for a bridge
    # In front of lashes, brows and the nose's root.
    lenses = {}
    turn = np.radians(8.0)  # the lower edge is nearer the cheeks
    for sign in (-1, 1):
        x = sign * (side + outline[:, 0])
        bend = 2.2 * (np.abs(x) - side) ** 2 + 0.13 * (np.abs(x) - side)  # round the face
        bend -= np.sin(turn) * outline[:, 1]
        lenses[sign] = np.stack([middle[0] + x, bend, middle[2] + outline[:, 1]], -1)
    ahead = min(body.eye_centres[:, 1] - body.eye_radii) - 0.0115
    for lens_ in lenses.values():
        ahead = min(ahead, _clearance(skin, lens_, 0.0035))
    for lens_ in lenses.values():
        lens_[:, 1] += ahead

    bars = []
    for sign, ring in lenses.items():
        if rim in ("full", "wire"):
            bars.append(tube(ring, 0.8 * thick, thick, closed=True, up=(0, -1, 0)))
        elif rim == "half":
            upper = ring[: POINTS // 2 + 1]
            bars.append(tube(upper, thick, thick, up=(0, -1, 0)))
        outer = ring[2 if shape.cat else 3]
        bars.append(_temple(head, fine, sign, outer, thick, metal))
    bars.append(_bridge(lenses, skin, middle, thick))
    for sign in (-1, 1) if metal else ():
        pad = middle + np.array([sign * 0.0085, 0, -0.007])
        pad[1] = _front(skin, pad[0], pad[2]) - 0.001
        bars.append(ball(pad, (0.0014, 0.002, 0.0035), 6))
    glass = []
    for ring in lenses.values():
        centre = ring.mean(0) - np.array([0, 0.0012, 0])
        vertices, triangles, uv = fan(centre + (ring - centre) * 0.99, centre)
        uv[:, 1] = 0.02 + 0.96 * (vertices[:, 2] - ring[:, 2].min()) / np.ptp(ring[:, 2])
        glass.append((vertices, triangles, uv))
    roughness = 0.25 if metal else 0.3
    return [
        part("glasses", joined(*bars), colour, roughness, metal=metal),
        part("lenses", joined(*glass), picture, gloss, glass=True),
    ]


def _front(skin: np.ndarray, x: float, z: float) -> float:
    """y of the foremost skin within 3 mm of x and z."""
    near = (np.abs(skin[:, 0] - x) < 0.003) & (np.abs(skin[:, 2] - z) < 0.003)
    return float(skin[near, 1].min()) if near.any() else 0.0


def _clearance(skin: np.ndarray, ring: np.ndarray, gap: float) -> float:
    """The largest shift along y that leaves a ring [k,3] `gap` in front of the skin."""
    return min(_front(skin, x, z) - gap - y for x, y, z in ring)


def _bridge(lenses: dict, skin: np.ndarray, middle: np.ndarray, thick: float):
    """A bow over the nose between the rims' inner sides."""
    inner = {sign: ring[np.argmax(ring[:, 2] * 0.35 - sign * ring[:, 0])] for sign, ring in lenses.items()}
    t = np.linspace(-1, 1, 9)
    path = inner[-1] + (inner[1] - inner[-1]) * (0.5 + 0.5 * t)[:, None]
    path[:, 2] += 0.0025 * (1 - t**2)
    clear = min(_front(skin, x, z) - 0.0015 for x, _, z in path[2:-2])
    path[:, 1] += (1 - t**2) * (min(clear - path[4, 1], 0.0) - 0.001)
    return tube(path, thick, thick * 1.1, up=(0, -1, 0))


def _temple(head, fine: np.ndarray, sign: int, hinge: np.ndarray, thick: float, metal: bool):
    """From the hinge over the ear and down behind it."""
    ear = fine[(head.ears > 0.5) & (np.sign(fine[:, 0]) == sign)]
    top = ear[:, 2].max() - 0.004
    rest = np.array([0, np.median(ear[:, 1]) - 0.004, top])
    side = fine[(head.ears < 0.1) & (head.part == SKIN)]
    y = np.concatenate([np.linspace(hinge[1], rest[1], 10), rest[1] + np.array([0.012, 0.022, 0.03])])
    z = np.concatenate([np.linspace(hinge[2], rest[2], 10), rest[2] - np.array([0.002, 0.012, 0.026])])
    x = np.empty_like(y)
    for i in range(len(y)):
        near = (np.abs(side[:, 1] - y[i]) < 0.008) & (np.abs(side[:, 2] - z[i]) < 0.008) & (side[:, 0] * sign > 0)
        x[i] = (side[near, 0] * sign).max() + 0.0018 if near.any() else 0.0
    straight = np.interp(y, [y[0], y[9]], [hinge[0] * sign, x[9] + 0.001])
    x = np.maximum(x, np.where(np.arange(len(y)) < 10, straight, x))
    x[0] = max(hinge[0] * sign, x[0])
    path = np.stack([sign * x, y, z], -1)
    path[0] = hinge
    tall = thick * (1.0 if metal else np.linspace(2.0, 1.3, len(path)))
    return tube(path, 0.8 * thick, tall, sides=6)
