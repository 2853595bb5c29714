"""Clothes: cloth over the trunk with many necklines, collars, jackets, ties, scarves and necklaces.

Necklines are lines of height over the average trunk (metres, the origin between the eyes), so that they fit anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from .head import SKIN, Body
from .parts import Part, ball, cloth, cloth_colour, grid, joined, normals, part, plain, ribbed, skin_hanger, tube

NECK = np.array([0.0, 0.10])  # the neck's axis: x, y
HIGHEST = -0.098  # cloth reaches no higher than this
REPEAT = 0.12  # metres after which a pattern repeats
BELOW = 0.15  # metres that cloth goes on below the head's cut
LOOP = 72  # points of a line around the neck


@dataclass(frozen=True)
class Neckline:
    """Heights of its front and back; a V (point 1) or a scoop (point 0) going `depth` deeper in front; half its width;
    shoulders: how far out cloth covers them (1 whole sleeves)."""

    front: float
    back: float
    depth: float = 0.0
    width: float = 0.06
    point: float = 0.0
    shoulders: float = 1.0

    def inside(self, places: np.ndarray) -> np.ndarray:
        """Metres [n] that places [n,3] of the average trunk lie below the neckline."""
        x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
        line = self.front + (self.back - self.front) * np.clip((y - 0.04) / 0.12, 0, 1)
        t = x / self.width
        cut = self.point * np.maximum(1 - t, 0) + (1 - self.point) * np.exp(-(t**3))
        line = line - self.depth * cut * np.clip((0.105 - y) / 0.04, 0, 1)
        below = line - z
        return np.minimum(below, self.shoulders - x) if self.shoulders < 0.3 else below


def draw_clothes(rng: np.random.Generator, body: Body, female: bool) -> list[Part]:
    """What one person wears below the face."""
    common = {"shirt": 0.3, "tee": 0.28, "jacket": 0.2, "hood": 0.08, "polo": 0.06, "turtleneck": 0.08}
    women = {"tee": 0.3, "low": 0.26, "bare": 0.08, "shirt": 0.1, "jacket": 0.12, "turtleneck": 0.08, "hood": 0.06}
    kinds = women if female else common
    kind = rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))
    pattern = cloth(rng)
    trunk = Trunk(body)
    parts: list[Part] = []
    if kind in ("tee", "polo", "hood"):
        line = Neckline(rng.normal(-0.170, 0.005), -0.135, *_cut(rng, 0.0, 0.04))
        parts += garment(trunk, line, pattern, 0.004, trim=rng.uniform(0.0015, 0.004))
        if kind == "polo":
            parts.append(collar(trunk, rng, pattern, 0.006, open_front=rng.uniform(0.25, 0.5)))
        if kind == "hood":
            parts += [roll(trunk, rng, pattern, rng.uniform(0.016, 0.028), behind=True)]
    elif kind == "low":
        line = Neckline(rng.normal(-0.175, 0.006), rng.uniform(-0.16, -0.135), *_cut(rng, 0.03, 0.10))
        parts += garment(trunk, line, pattern, 0.003, trim=rng.choice([0.0, 0.0015]))
    elif kind == "bare":
        line = rng.choice([0, 1])
        line = (Neckline(-0.222, -0.215), Neckline(-0.18, -0.15, 0.06, 0.075, 0.0, shoulders=0.115))[line]
        parts += garment(trunk, line, pattern, 0.003, trim=0.001)
    elif kind == "turtleneck":
        line = Neckline(rng.uniform(-0.145, -0.128), -0.118)
        parts += garment(trunk, line, ribbed(pattern, 24, 0.25), 0.005, trim=0.004)
    elif kind == "shirt":
        parts += shirt(trunk, rng, pattern, tie=not female and rng.random() < 0.3)
    else:
        parts += shirt(trunk, rng, cloth(rng), tie=not female and rng.random() < 0.5)
        parts += jacket(trunk, rng, pattern)
    if rng.random() < 0.05:
        parts.append(roll(trunk, rng, cloth(rng), rng.uniform(0.018, 0.03), behind=False))
    elif female and kind in ("tee", "low", "bare") and rng.random() < 0.35:
        parts.append(necklace(trunk, rng))
    hang = skin_hanger(body)
    return [hang(p) for p in parts]


def _cut(rng, least: float, most: float) -> tuple[float, float, float]:
    """Depth, width and point of a neckline's cut."""
    return rng.uniform(least, most), rng.uniform(0.045, 0.085), float(rng.choice([0.0, 1.0], p=[0.65, 0.35]))


def garment(trunk: Trunk, line: Neckline, picture: np.ndarray, thick: float, trim: float) -> list[Part]:
    """Cloth over the trunk below a neckline, `thick` metres off the skin; with a hem of `trim` metres."""
    vertices, triangles, edge = trunk.cut(line, thick)
    parts = [part("clothes", (vertices, triangles, _wound(vertices)), picture, 0.85)]
    if trim and len(edge) > 8 and line.shoulders > 0.3:
        loop = _round(vertices[edge])
        shape = tube(loop, trim, 1.3 * trim, closed=True, sides=6)
        shape[2][:] *= (8, 1)
        parts.append(part("clothes", shape, ribbed(picture, 6, 0.2), 0.85))
    return parts


class Trunk:
    """A person's skin below the face, and cloth over it."""

    def __init__(self, body: Body):
        head = body.head
        rest = head.rest
        mine = (head.triangle_part == SKIN) & (rest[head.triangles][:, :, 2].max(1) < HIGHEST)
        mine &= head.inside_mouth[head.triangles].max(1) < 0.2
        used, triangles = np.unique(head.triangles[mine], return_inverse=True)
        self.triangles = triangles.reshape(-1, 3)
        self.rest, self.skin = rest[used], body.fine[used].astype(np.float64)
        self.out = normals(self.skin, self.triangles).astype(np.float64)
        n = len(used)
        edges = np.concatenate([self.triangles[:, [0, 1]], self.triangles[:, [1, 2]], self.triangles[:, [2, 0]]])
        links = sparse.coo_matrix((np.ones(len(edges)), edges.T), (n, n)).tocsr()
        links = ((links + links.T) > 0).astype(float)
        self._mean = sparse.diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links
        self._draped: dict[float, np.ndarray] = {}

    def draped(self, thick: float) -> np.ndarray:
        """The skin's vertices pushed `thick` metres outwards and evened, as cloth spans hollows."""
        if thick not in self._draped:
            loose = self.skin + thick * self.out
            for _ in range(14):
                loose = 0.5 * loose + 0.5 * (self._mean @ loose)
                sunk = np.maximum(0.8 * thick - ((loose - self.skin) * self.out).sum(1), 0)
                loose = loose + sunk[:, None] * self.out
            self._draped[thick] = loose
        return self._draped[thick]

    def cut(self, line: Neckline, thick: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cloth below a neckline: vertices, triangles, and which vertices lie on the neckline."""
        vertices, triangles, edge = _clipped(self.draped(thick), self.triangles, line.inside(self.rest))
        return *_lengthened(vertices, triangles), edge

    def loop(self, line: Neckline, thick: float) -> np.ndarray:
        """[LOOP,3]: where a neckline runs, from the front over the person's left."""
        vertices, _, edge = _clipped(self.draped(thick), self.triangles, line.inside(self.rest))
        return _round(vertices[edge])

    def chest(self, x: np.ndarray, z: np.ndarray, off: float) -> np.ndarray:
        """Points [n,3] of the chest at x and z, `off` metres in front of it."""
        y = np.full(len(x), 0.04)
        for i in range(len(x)):
            near = (np.abs(self.skin[:, 0] - x[i]) < 0.02) & (np.abs(self.skin[:, 2] - z[i]) < 0.02)
            y[i] = self.skin[near, 1].min() if near.any() else y[i - 1]
        return np.stack([x, y - off, z], 1)


def _clipped(points: np.ndarray, triangles: np.ndarray, inside: np.ndarray):
    """What of a mesh has `inside` [n] above 0, cut where it is 0: vertices, triangles, and which vertices lie on the
    cut."""
    inside = np.where(np.abs(inside) < 1e-6, 1e-6, inside)
    kept = inside[triangles] > 0
    count = kept.sum(1)
    mixed = (count == 1) | (count == 2)
    lone = np.argmax(kept[mixed] == (count[mixed] == 1)[:, None], axis=1)  # the one corner that differs
    a, b, c = np.take_along_axis(triangles[mixed], (lone[:, None] + np.arange(3)) % 3, 1).T
    sides = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), 1)
    sides, index = np.unique(sides, axis=0, return_inverse=True)
    start, end = sides.T
    t = inside[start] / (inside[start] - inside[end])
    crossings = points[start] + t[:, None] * (points[end] - points[start])
    ab, ac = len(points) + index.reshape(2, -1)
    one = count[mixed] == 1
    pieces = [triangles[count == 3], np.stack([a, ab, ac], 1)[one]]
    pieces += [np.stack([ab, b, c], 1)[~one], np.stack([ab, c, ac], 1)[~one]]
    used, cut = np.unique(np.concatenate(pieces), return_inverse=True)
    edge = np.nonzero(used >= len(points))[0]
    return np.concatenate([points, crossings])[used], cut.reshape(-1, 3), edge


def _lengthened(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh with its lower border drawn down."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    sides = sides[points[sides][:, :, 2].max(1) < -0.215]
    key = np.sort(sides, 1) @ np.array([len(points), 1])
    _, back, count = np.unique(key, return_inverse=True, return_counts=True)
    border = sides[count[back.ravel()] == 1]
    ends, index = np.unique(border, return_inverse=True)
    index = index.reshape(-1, 2)
    lower = points[ends] * (1.06, 1.0, 1.0) - (0, 0, BELOW)
    a, b = border.T
    d, c = len(points) + index.T
    strip = np.concatenate([np.stack([b, a, d], 1), np.stack([b, d, c], 1)])
    return np.concatenate([points, lower]), np.concatenate([triangles, strip])


def _wound(points: np.ndarray) -> np.ndarray:
    """uv [n,2]: a pattern that hangs down, and goes on over the shoulders."""
    return np.stack([points[:, 0], points[:, 2] - 0.8 * points[:, 1]], 1) / REPEAT


def _round(points: np.ndarray) -> np.ndarray:
    """Points [n,3] near a line around the neck -> LOOP points on it, from the front over the person's left."""
    turn = np.arctan2(points[:, 0] - NECK[0], NECK[1] - points[:, 1]) % (2 * np.pi)
    order = np.argsort(turn)
    turn, points = turn[order], points[order]
    at = np.linspace(0, 2 * np.pi, LOOP, endpoint=False)
    return np.stack([np.interp(at, turn, points[:, k], period=2 * np.pi) for k in range(3)], 1)


def _outwards(loop: np.ndarray) -> np.ndarray:
    away = loop - loop.mean(0)
    away[:, 2] = 0
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def collar(trunk: Trunk, rng, picture: np.ndarray, thick: float, open_front: float) -> Part:
    """A shirt's collar: a stand around the neck and leaves turned down over it; open_front: radians on either side."""
    high, leaf, points = rng.uniform(0.020, 0.030), rng.uniform(0.010, 0.018), rng.uniform(0.012, 0.030)
    turn = np.linspace(0, 2 * np.pi, LOOP, endpoint=False)
    away = np.minimum(turn, 2 * np.pi - turn)  # from the front
    shown = np.roll(away >= open_front, -1) & (away >= open_front) if open_front else away >= 0
    base, top, edge = (
        trunk.loop(Neckline(-0.166 + rise, -0.138 + rise), off)[shown]
        for rise, off in ((0.0, thick), (high, thick), (-leaf, thick + 0.008))
    )
    out, away = _outwards(edge), away[shown]
    near = np.exp(-(((away - open_front) / 0.45) ** 2))[:, None]  # the front's points
    up = np.array([0, 0, 1.0])
    fold = top + 0.003 * out + 0.002 * up
    edge = edge - points * near * up + 0.3 * points * near * out * (1, 0.3, 0)
    rows = [edge, edge + 0.5 * (fold - edge) + 0.003 * out, fold, top, base - 0.01 * up]
    vertices, triangles, uv = grid(np.stack(rows), repeat=(0.5 / REPEAT, 0.09 / REPEAT))
    return part("clothes", (vertices, triangles, uv), picture, 0.8)


def shirt(trunk: Trunk, rng, picture: np.ndarray, tie: bool) -> list[Part]:
    """A shirt, buttoned or open at the neck; with a tie only buttoned."""
    opened = 0.0 if tie else rng.choice([0.0, rng.uniform(0.03, 0.09)], p=[0.25, 0.75])
    line = Neckline(-0.168, -0.135, opened, 0.035 + 0.25 * opened, 1.0)
    parts = garment(trunk, line, picture, 0.004, trim=0.0)
    parts.append(collar(trunk, rng, picture, 0.005, open_front=0.10 + 3.0 * opened))
    if tie:
        parts.append(_tie(trunk, rng) if rng.random() < 0.85 else _bow(trunk, rng))
    return parts


def _tie(trunk: Trunk, rng) -> Part:
    z = np.linspace(-0.168, -0.168 - 0.22, 9)
    wide = np.interp(z, [z[-1], -0.205, -0.196, -0.168], [0.036, 0.017, 0.013, 0.021])
    deep = np.interp(z, [z[-1], -0.2, -0.19, -0.168], [0.006, 0.006, 0.012, 0.010])
    spine = np.zeros(9)
    across = np.linspace(-1, 1, 5)
    middle = trunk.chest(spine, z, 0.010)
    middle[1:, 1] = np.minimum.accumulate(np.minimum(middle[1:, 1], middle[0, 1] + 0.004))
    points = middle[:, None] + np.stack(
        [wide[:, None] * across, -deep[:, None] * (1 - across**2), 0 * across + 0 * wide[:, None]], -1
    )
    return part("clothes", grid(points[:, ::-1], repeat=(0.4, 2.0)), cloth(rng), rng.uniform(0.35, 0.7))


def _bow(trunk: Trunk, rng) -> Part:
    at = trunk.chest(np.zeros(1), np.array([-0.172]), 0.016)[0]
    across = np.linspace(-1, 1, 13)
    tall = 0.004 + 0.016 * np.abs(across) ** 0.7
    up = np.linspace(-1, 1, 5)
    points = at + np.stack(
        [0.052 * across + 0 * up[:, None], 0.012 * across**2 - 0.006 * (1 - up[:, None] ** 2), tall * up[:, None]], -1
    )
    return part("clothes", joined(grid(points), ball(at, (0.008, 0.009, 0.008), 6)), cloth(rng), 0.5)


def jacket(trunk: Trunk, rng, picture: np.ndarray) -> list[Part]:
    """A jacket over a shirt: cloth with a deep V, and its lapels."""
    line = Neckline(-0.180, -0.138, rng.uniform(0.13, 0.20), rng.uniform(0.065, 0.085), 1.0)
    vertices, triangles, edge = trunk.cut(line, 0.011)
    parts = [part("clothes", (vertices, triangles, _wound(vertices)), picture, 0.85)]
    loop = _round(vertices[edge])
    turn = np.linspace(0, 2 * np.pi, LOOP, endpoint=False)
    away = np.minimum(turn, 2 * np.pi - turn)
    out = _outwards(loop)
    out[:, 1] = np.minimum(out[:, 1], 0.25)
    out = out * (1, 1, 1) + (0, 0, 0.35) * np.clip(1 - away / 1.2, 0, 1)[:, None]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    wide = rng.uniform(0.030, 0.045) * np.interp(away, [0, 0.2, 0.55, 0.75, 1.3, 3.2], [0.1, 0.7, 1.3, 0.7, 0.9, 0.9])
    surface = normals(vertices, triangles)[edge]
    lift = _round(surface + vertices[edge] * (0, 0, 0))  # normals along the loop
    rise = np.clip((away - 0.9) / 0.6, 0, 1)[:, None] * np.array([0, 0, 0.022])  # the collar stands up behind
    rows = [loop, loop + 0.003 * lift + rise, loop + 0.006 * lift + rise + 0.15 * wide[:, None] * out]
    rows += [loop + 0.008 * lift + 0.3 * rise + 0.6 * wide[:, None] * out, loop + 0.006 * lift + wide[:, None] * out]
    shape = grid(np.stack(rows), closed=True, repeat=(0.6 / REPEAT, 0.06 / REPEAT))
    lapel = picture if rng.random() < 0.85 else plain(*cloth_colour(rng))
    return [*parts, part("clothes", shape, lapel, 0.75)]


def roll(trunk: Trunk, rng, picture: np.ndarray, thick: float, behind: bool) -> Part:
    """A scarf wound around the neck, or the hood that lies behind it."""
    shapes = []
    turn = np.linspace(0, 2 * np.pi, LOOP, endpoint=False)
    for i in range(1 if behind else 2):
        line = Neckline(-0.180 + 0.022 * i, -0.150 + 0.018 * i)
        loop = trunk.loop(line, thick + 0.004)
        wave = sum(rng.normal(0, 0.004 / k) * np.sin(k * turn + rng.uniform(0, 6)) for k in (1, 2, 3, 5))
        loop = loop + wave[:, None] * (0, 0, 1) + _outwards(loop) * 0.4 * wave[:, None]
        size = thick * (np.clip((np.minimum(turn, 2 * np.pi - turn) - 0.3) / 1.2, 0.15, 1) if behind else 1.0)
        lumps = 1 + 0.18 * np.sin(7 * turn + rng.uniform(0, 6)) * (not behind)
        shape = tube(loop, size * lumps, 1.1 * size * lumps, closed=True, sides=10)
        shape[2][:] = shape[2][:, ::-1] * (1, 4)
        shapes.append(shape)
    return part("clothes", joined(*shapes), picture, 0.9)


def necklace(trunk: Trunk, rng) -> Part:
    """A chain or a string of beads."""
    deep = rng.uniform(0.0, 0.05)
    loop = trunk.loop(Neckline(-0.176, -0.140, deep, 0.05, rng.choice([0.3, 1.0])), 0.0015)
    metals = ((0.62, 0.45, 0.20), (0.55, 0.53, 0.50), (0.7, 0.66, 0.6), (0.1, 0.1, 0.1))
    colour = np.array(metals[rng.integers(4)])
    if rng.random() < 0.5:
        shape = tube(loop, 0.0009, 0.0009, closed=True, sides=5)
        if deep > 0.02:
            shape = joined(shape, ball(loop[0] - (0, 0.003, 0.006), (0.005, 0.002, 0.007), 6))
        return part("jewellery", shape, colour, 0.25, metal=True)
    size = rng.uniform(0.0025, 0.006)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0, append=loop[:1]), axis=1))])
    ring = np.concatenate([loop, loop[:1]])
    at = np.arange(0, along[-1] - size, 2.05 * size)
    places = np.stack([np.interp(at, along, ring[:, k]) for k in range(3)], 1)
    places = places[places[:, 1] < 0.11]
    beads = joined(*[ball(place - (0, 0.5 * size, 0), (size,) * 3, 5) for place in places])
    return part("jewellery", beads, rng.uniform(0.02, 0.7, 3) if rng.random() < 0.5 else (0.7, 0.67, 0.6), 0.2)
