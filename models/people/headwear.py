"""What people wear on their heads, fitted to their own skulls: caps, hats, knitted hats, bands, scarves, turbans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.interpolate import RegularGridInterpolator

from .clothes import Neckline, Trunk
from .hair import Strands, triangle_frames
from .head import SKIN, Body
from .parts import Part, ball, cloth, cloth_colour, grid, joined, part, plain, ribbed, skin_hanger, tube

CENTRE = np.array([0.0, 0.075, 0.01])  # metres, inside the skull
AROUND = 72  # points of a rim
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Headwear:
    """parts; tuck: points [...,3] of hair on the resting head -> where the headwear presses them; bare: it hides all
    hair."""

    parts: list[Part]
    tuck: Callable[[np.ndarray], np.ndarray]
    bare: bool = False


class Skull:
    """How far out a head's skin lies in each direction from CENTRE, evened out."""

    def __init__(self, body: Body):
        head = body.head
        skin = (head.part == SKIN) & (head.ears < 0.05) & (head.inside_mouth < 0.2)
        points = body.fine[skin & (body.fine[:, 2] > -0.13)] - CENTRE
        rows, columns = 48, 96
        turn, rise, radius = _spherical(points)
        row = np.clip(((rise / np.pi + 0.5) * rows).astype(int), 0, rows - 1)
        column = (turn / (2 * np.pi) * columns).astype(int) % columns
        far = np.zeros((rows, columns), np.float32)
        np.maximum.at(far, (row, column), radius)
        wrapped = np.concatenate([far[:, -12:], far, far[:, :12]], 1)
        known = (wrapped > 0).astype(np.float32)
        filled = cv2.GaussianBlur(wrapped, (0, 0), 1.6) / np.maximum(cv2.GaussianBlur(known, (0, 0), 1.6), 1e-3)
        at = (np.arange(columns + 24) - 12 + 0.5) / columns * 2 * np.pi
        height = ((np.arange(rows) + 0.5) / rows - 0.5) * np.pi
        self._radius = RegularGridInterpolator((height, at), filled, bounds_error=False, fill_value=None)

    def radius(self, turn, rise) -> np.ndarray:
        """Metres from CENTRE; turn: radians from the front over the person's left; rise: above the horizon."""
        turn, rise = np.broadcast_arrays(np.asarray(turn, float) % (2 * np.pi), np.asarray(rise, float))
        return self._radius(np.stack([np.clip(rise, -1.5, 1.5), turn], -1))

    def ring(self, height: np.ndarray, off) -> np.ndarray:
        """[k,3]: around the head at heights z [k], `off` metres outside the skin, from the front over the left."""
        turn = np.linspace(0, 2 * np.pi, len(height), endpoint=False)
        rise = np.zeros(len(height))
        for _ in range(4):
            radius = self.radius(turn, rise) + off
            rise = np.arcsin(np.clip((height - CENTRE[2]) / radius, -0.98, 0.98))
        return CENTRE + radius[:, None] * _direction(turn, rise)

    def dome(self, height: np.ndarray, off, rows: int = 14) -> np.ndarray:
        """[rows,k,3]: from a ring at heights z [k] up to the crown; off: metres off the skin, a number or [rows]."""
        ring = self.ring(height, np.ravel(off)[0])
        turn, low, _ = _spherical(ring - CENTRE)
        share = np.linspace(0, 1, rows)[:, None]
        rise = low + share * (np.pi / 2 - low)
        radius = self.radius(turn, rise) + np.broadcast_to(off, rows)[:, None]
        top = radius[-1].mean()  # all meet there
        radius = radius + share**6 * (top - radius)
        return CENTRE + radius[..., None] * _direction(np.broadcast_to(turn, rise.shape), rise)

    def pressed(self, points: np.ndarray, off) -> np.ndarray:
        """Points [...,3] no more than `off` outside the skin."""
        away = points - CENTRE
        turn, rise, radius = _spherical(away)
        most = self.radius(turn, rise) + off
        return CENTRE + away * np.minimum(1, most / np.maximum(radius, 1e-6))[..., None]


def _spherical(away: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    radius = np.linalg.norm(away, axis=-1)
    turn = np.arctan2(away[..., 0], -away[..., 1]) % (2 * np.pi)
    return turn, np.arcsin(np.clip(away[..., 2] / np.maximum(radius, 1e-9), -1, 1)), radius


def _direction(turn, rise) -> np.ndarray:
    return np.stack([np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)], -1)


def rim(front: float, back: float, count: int = AROUND) -> np.ndarray:
    """Heights z [count] of a tilted line around the head."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return back + (front - back) * (0.5 + 0.5 * np.cos(turn))


def _spreading(off: float, away: np.ndarray) -> np.ndarray:
    """How far off the head hair may be `away` metres from what presses it to `off`."""
    away = np.maximum(away, 0)
    return off + 0.45 * away + 4 * away**2


def _tuck_above(skull: Skull, front: float, back: float, off: float = 0.004):
    """Presses hair above a rim, and lets it spread below."""

    def tuck(points: np.ndarray) -> np.ndarray:
        turn = np.arctan2(points[..., 0], CENTRE[1] - points[..., 1])
        line = back + (front - back) * (0.5 + 0.5 * np.cos(turn))
        return skull.pressed(points, _spreading(off, line + 0.002 - points[..., 2]))

    return tuck


def draw_headwear(rng: np.random.Generator, body: Body, female: bool) -> Headwear:
    """One piece of headwear."""
    skull = Skull(body)
    men = {beanie: 3, cap: 4, hat: 2.5, band: 0.6, turban: 0.9, kerchief: 0.4, hijab: 0.0}
    women = {beanie: 2, cap: 1.5, hat: 2, band: 2.2, turban: 0.6, kerchief: 1.0, hijab: 2.5}
    kinds = women if female else men
    kind = list(kinds)[rng.choice(len(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))]
    return kind(rng, body, skull)


def beanie(rng, body: Body, skull: Skull) -> Headwear:
    """A knitted hat, with or without a cuff and a bobble."""
    front, back = rng.uniform(0.036, 0.056), rng.uniform(-0.035, 0.0)
    picture = ribbed(cloth(rng), 4, rng.uniform(0.15, 0.45))
    share = np.linspace(0, 1, 14)
    off = 0.006 + rng.uniform(0.0, 0.022) * share**2
    parts = [part("headwear", grid(skull.dome(rim(front, back), off), closed=True, repeat=(16, 1)), picture, 0.95)]
    if rng.random() < 0.7:
        tall, rows = rng.uniform(0.025, 0.055), []
        for t, extra in ((-0.02, 0.004), (0.0, 0.0085), (0.35, 0.0095), (0.8, 0.0095), (1.0, 0.008), (1.0, 0.003)):
            rows.append(skull.ring(rim(front + t * tall, back + t * tall), extra))
        parts.append(part("headwear", grid(np.stack(rows), closed=True, repeat=(16, 1)), picture, 0.95))
    if rng.random() < 0.2:
        top = skull.dome(rim(front, back), off)[-1].mean(0)
        size = rng.uniform(0.022, 0.036)
        parts.append(part("headwear", ball(top + 0.6 * size * UP, (size,) * 3, 12), cloth(rng), 1.0))
    return Headwear(parts, _tuck_above(skull, front, back))


def kerchief(rng, body: Body, skull: Skull) -> Headwear:
    """A cloth bound over the hair."""
    front, back = rng.uniform(0.042, 0.060), rng.uniform(-0.06, -0.02)
    dome = skull.dome(rim(front, back), 0.006)
    wrinkles = 0.0012 * np.sin(9 * np.linspace(0, 2 * np.pi, AROUND, endpoint=False) + rng.uniform(0, 6))
    dome = dome + wrinkles[None, :, None] * UP
    knot = skull.ring(rim(back, back), 0.012)[AROUND // 2]
    end = knot + np.array([0.012, 0.012, -0.02])
    shapes = joined(ball(knot, (0.02, 0.012, 0.012), 6), ball(end, (0.01, 0.006, 0.02), 6))
    picture = cloth(rng)
    parts = [part("headwear", grid(dome, closed=True, repeat=(5, 1.5)), picture, 0.85)]
    return Headwear([*parts, part("headwear", shapes, picture, 0.85)], _tuck_above(skull, front, back))


def cap(rng, body: Body, skull: Skull) -> Headwear:
    """A cap with a visor, now and then turned round."""
    front, back = rng.uniform(0.044, 0.058), rng.uniform(0.0, 0.025)
    backwards = rng.random() < 0.08
    share = np.linspace(0, 1, 14)
    off = 0.007 + rng.uniform(0.010, 0.022) * np.sin(np.pi * share**0.8)
    dome = skull.dome(rim(front, back), off)
    picture = plain(*cloth_colour(rng)) if rng.random() < 0.7 else cloth(rng)
    parts = [part("headwear", grid(dome, closed=True, repeat=(6, 1.5)), picture, 0.85)]
    seams = [tube(dome[:, k], 0.0006, 0.0006, sides=4) for k in range(0, AROUND, AROUND // 6)]
    parts.append(part("headwear", joined(*seams, ball(dome[-1].mean(0), (0.006, 0.006, 0.004), 6)), picture, 0.85))
    ring = np.roll(dome[0], AROUND // 2, 0) if backwards else dome[0]
    span = AROUND // 6
    base = np.concatenate([ring[-span:], ring[: span + 1]])
    across = np.linspace(-1, 1, len(base))
    long, bow, droop = rng.uniform(0.055, 0.075), rng.uniform(0.008, 0.030), rng.uniform(0.0, 0.022)
    ahead = np.array([0, 1.0, 0]) if backwards else np.array([0, -1.0, 0])
    rows = []
    for t in np.linspace(0, 1, 7):
        out = long * t * np.sqrt(np.maximum(1 - 0.98 * across**2, 0))
        sink = droop * t**1.3 + bow * across**2 * t + 0.004 * across**2
        rows.append(base + out[:, None] * ahead - sink[:, None] * UP)
    visor = picture if rng.random() < 0.75 else plain(*cloth_colour(rng))
    parts.append(part("headwear", grid(np.stack(rows), repeat=(2, 1)), visor, 0.8))
    if not backwards and rng.random() < 0.4:
        parts.append(_badge(rng, dome))
    return Headwear(parts, _tuck_above(skull, front, back))


def _badge(rng, dome: np.ndarray) -> Part:
    """A patch on the front."""
    columns = np.r_[-5:6]
    rows = np.arange(3, 8)
    patch = dome[np.ix_(rows, columns % AROUND)]
    out = patch - CENTRE
    return part("headwear", grid(patch + 0.0015 * out / np.linalg.norm(out, axis=-1, keepdims=True)), cloth(rng), 0.7)


def hat(rng, body: Body, skull: Skull) -> Headwear:
    """A hat with a brim: felt or straw, narrow or wide."""
    front, back = rng.uniform(0.048, 0.062), rng.uniform(0.02, 0.04)
    ring = skull.ring(rim(front, back), 0.007)
    middle = ring.mean(0)
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    height, narrowing = rng.uniform(0.085, 0.125), rng.uniform(0.05, 0.25)
    pinch = rng.choice([0.0, rng.uniform(0.1, 0.3)])
    dent = rng.uniform(0.0, 0.03)
    rows = []
    for t in np.linspace(0, 1, 9):  # the side, rounded at its upper edge
        shrink = 1 - narrowing * t**2 - 0.08 * max(0.0, (t - 0.85) / 0.15) ** 2
        pinched = pinch * t**2 * np.clip(np.cos(turn), 0, 1)[:, None] * np.array([0.9, 0.2, 0])
        rows.append(middle + (ring - middle) * (shrink - pinched) + height * t * UP)
    top = rows[-1]
    for t in (0.8, 0.5, 0.25, 0.0):
        rows.append(top.mean(0) + (top - top.mean(0)) * (t, 0.3 + 0.7 * t, t) - dent * (1 - t**2) * UP)
    straw = rng.random() < 0.3
    colour = np.array([0.45, 0.33, 0.17]) * rng.uniform(0.6, 1.3) if straw else cloth_colour(rng)
    picture = ribbed(plain(*colour).repeat(64, 0).repeat(64, 1), 16, 0.25 if straw else 0.0)
    wide = rng.choice([rng.uniform(0.035, 0.06), rng.uniform(0.07, 0.12)], p=[0.65, 0.35])
    out = (ring - middle) * (1, 1, 0)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    curl, tilt = rng.uniform(-0.1, 0.55), rng.uniform(-0.25, 0.05)
    brim = []
    for t in np.linspace(0, 1, 7):
        lift = wide * t * (tilt + curl * t * np.sin(turn) ** 2)
        brim.append(ring + wide * t * out + lift[:, None] * UP)
    band_ = [ring + (0.002 + 0.001 * (0 < k < 3)) * out + z * UP for k, z in enumerate((0.001, 0.004, 0.020, 0.024))]
    parts = [
        part("headwear", grid(np.stack(rows), closed=True, repeat=(8, 3)), picture, 0.9),
        part("headwear", grid(np.stack(brim), closed=True, repeat=(8, 2)), picture, 0.9),
        part("headwear", grid(np.stack(band_), closed=True, repeat=(6, 0.3)), plain(*cloth_colour(rng)), 0.6),
    ]
    return Headwear(parts, _tuck_above(skull, front, back))


def band(rng, body: Body, skull: Skull) -> Headwear:
    """A band around the head, or a hoop over it."""
    if rng.random() < 0.45:
        front, back, half = rng.uniform(0.05, 0.066), rng.uniform(-0.03, 0.01), rng.uniform(0.006, 0.022)
        rows = [
            skull.ring(rim(front + t * half, back + t * half), 0.004 + e)
            for t, e in ((-1.0, 0.0), (-0.8, 0.002), (0, 0.003), (0.8, 0.002), (1.0, 0.0))
        ]
        parts = [part("headwear", grid(np.stack(rows), closed=True, repeat=(8, 1)), cloth(rng), 0.85)]

        def tuck(points):
            turn = np.arctan2(points[..., 0], CENTRE[1] - points[..., 1])
            line = back + (front - back) * (0.5 + 0.5 * np.cos(turn))
            return skull.pressed(points, _spreading(0.004, np.abs(points[..., 2] - line) - half - 0.002))

        return Headwear(parts, tuck)
    lean, half, off = rng.uniform(-0.35, 0.1), rng.uniform(0.002, 0.012), rng.uniform(0.006, 0.012)
    across = np.linspace(-1.75, 1.75, 40)  # from ear over the crown to ear
    way = np.stack([np.sin(across), np.cos(across) * np.sin(lean), np.cos(across) * np.cos(lean)], -1)
    turn, rise, _ = _spherical(way)
    path = CENTRE + way * (skull.radius(turn, rise) + off)[:, None]
    shape = tube(path, half, 0.0015, sides=8, up=(0.0, 1.0, 0.0))
    shape = tube(path, 0.0018, half, sides=8, up=(0.0, 1.0, 0.0)) if half > 0.003 else shape
    plane = np.array([0, np.cos(lean), -np.sin(lean)])

    def tuck_under(points):
        away = np.abs((points - CENTRE) @ plane) - half - 0.002
        return skull.pressed(points, _spreading(off - 0.002, np.maximum(away, -points[..., 2])))

    return Headwear([part("headwear", shape, cloth(rng), rng.uniform(0.3, 0.8))], tuck_under)


def turban(rng, body: Body, skull: Skull) -> Headwear:
    """A long cloth wound around the head in slanting layers."""
    front, back = rng.uniform(0.046, 0.060), rng.uniform(-0.02, 0.01)
    picture = plain(*cloth_colour(rng)) if rng.random() < 0.8 else cloth(rng)
    shapes = [grid(skull.dome(rim(front, back), 0.012 + 0.02 * np.linspace(0, 1, 14)), closed=True, repeat=(5, 2))]
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    layers = int(rng.integers(4, 7))
    for i in range(layers):
        slant = (1 if i % 2 else -1) * rng.uniform(0.010, 0.020)
        height = rim(front, back) + 0.006 + 0.060 * i / layers + slant * np.sin(turn) * (0.6 + 0.4 * np.cos(turn))
        size = rng.uniform(0.011, 0.016)
        path = skull.ring(height, 0.006 + size * (1.5 - 0.5 * i / layers))
        shape = tube(path, 0.8 * size, 1.35 * size, closed=True, sides=10)
        shape[2][:] = shape[2][:, ::-1] * (1, 6)
        shapes.append(shape)
    return Headwear([part("headwear", joined(*shapes), picture, 0.9)], _tuck_above(skull, front, back))


def hijab(rng, body: Body, skull: Skull) -> Headwear:
    """A scarf around head, neck and shoulders that leaves the face free."""
    picture = plain(*cloth_colour(rng)) if rng.random() < 0.7 else cloth(rng)
    top, wide = rng.uniform(0.70, 0.84), rng.uniform(0.98, 1.1)  # rise and turn at which the cloth begins
    rise = np.concatenate([np.linspace(-1.05, 0.7, 18), np.linspace(0.78, np.pi / 2 - 0.02, 8)])
    columns = 60
    rows = []
    along = np.linspace(0, np.pi, columns)
    folds = sum(rng.normal(0, 0.0010) * np.sin(k * along + rng.uniform(0, 6)) for k in (3, 5, 8))
    for angle in rise:
        middle = (angle + 0.2) / (top + 0.2 if angle > -0.2 else 1.35)
        start = wide * np.sqrt(max(1 - middle**2, 0.0)) + 0.02
        turn = np.linspace(start, 2 * np.pi - start, columns)
        edge = np.minimum(turn - start, 2 * np.pi - start - turn)
        off = 0.004 + 0.010 * np.clip(edge / 0.5, 0, 1) + folds * np.clip(edge / 0.4, 0, 1)
        rows.append(CENTRE + (skull.radius(turn, angle) + off)[:, None] * _direction(turn, np.full(columns, angle)))
    hood = part("headwear", grid(np.stack(rows), repeat=(5, 3)), picture, 0.85)
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    upper = skull.ring(rim(-0.106, -0.075), 0.007)
    lower = Trunk(body).loop(Neckline(-0.215, -0.19), 0.016)
    wave = sum(rng.normal(0, 0.004) * np.sin(k * turn + rng.uniform(0, 6)) for k in (2, 3, 5))
    rows = []
    for t in np.linspace(0, 1, 9):
        rows.append(upper + (lower - upper) * t + np.sin(np.pi * t) * wave[:, None] * np.array([0.5, -0.5, 1.0]))
    rows.append(rows[-1] * (1.1, 1.0, 1.0) - 0.02 * UP)
    hang = skin_hanger(body)
    cowl = part("headwear", grid(np.stack(rows[::-1]), closed=True, repeat=(7, 2)), picture, 0.85)
    return Headwear([hang(hood), hang(cowl)], lambda points: points, bare=True)


def tucked(strands: Strands, body: Body, headwear: Headwear) -> Strands:
    """Strands on the scalp as a headwear presses them."""
    points = headwear.tuck(strands.on(body.head, body.fine))
    frames = triangle_frames(body.fine, body.head.triangles[strands.triangles])
    offsets = np.einsum("sij,ski->skj", frames, points - points[:, :1])
    return replace(strands, offsets=offsets.astype(np.float32))
