"""Things that people wear, as meshes on a person's resting head: how they are shaped, coloured and carried along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from scipy.spatial import cKDTree

from .hair import triangle_frames
from .head import SKIN, Body, Posed


@dataclass(frozen=True)
class Part:
    """One mesh of one material. Metres in the person's own resting frame (`Body.fine`).

    kind: clothes, headwear, glasses, lenses or jewellery; vertices float32 [n,3]; triangles int32 [m,3]; uv float32
    [n,2]; picture uint8 [h,w,4]: sRGB and alpha, tiled; roughness: 0.05 a mirror .. 1 felt; metal:
    reflects in its own colour; glass: seen through, its reflections on top of what alpha leaves; skin [n,3]: the
    triangles of skin that vertices follow (None: the skull), offsets [n,3]: the vertices in these triangles' frames.
    """

    kind: str
    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    picture: np.ndarray
    roughness: float
    metal: bool = False
    glass: bool = False
    skin: np.ndarray | None = None
    offsets: np.ndarray | None = None

    def on(self, posed: Posed) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and normals, float32 [n,3] each, on a head that shows something."""
        if self.skin is None:
            vertices = posed.carried(self.vertices).astype(np.float32)
            return vertices, (self.resting_normals @ posed.skull[:, :3].T).astype(np.float32)
        frames = triangle_frames(posed.vertices, self.skin)
        vertices = posed.vertices[self.skin].mean(1) + np.einsum("nij,nj->ni", frames, self.offsets)
        return vertices.astype(np.float32), normals(vertices, self.triangles)

    @cached_property
    def resting_normals(self) -> np.ndarray:
        return normals(self.vertices, self.triangles)


def skin_hanger(body: Body) -> Callable[[Part], Part]:
    """What makes parts follow the skin nearest to each of their vertices."""
    head, fine = body.head, body.fine
    outside = (head.triangle_part == SKIN) & (head.inside_mouth[head.triangles].max(1) < 0.3)
    all_corners = head.triangles[outside & (head.ears[head.triangles].max(1) < 0.1)]
    tree = cKDTree(fine[all_corners].mean(1))

    def hung(part: Part) -> Part:
        corners = all_corners[tree.query(part.vertices)[1]]
        away = part.vertices - fine[corners].mean(1)
        return replace(part, skin=corners, offsets=np.einsum("nij,ni->nj", triangle_frames(fine, corners), away))

    return hung


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals float32 [n,3] of vertices [n,3], weighted by area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    out = np.empty((len(vertices), 3))
    for d in range(3):
        weights = np.repeat(flat[:, d], 3)
        out[:, d] = np.bincount(triangles.ravel(), weights, len(vertices))
    length = np.linalg.norm(out, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])  # where all triangles of a vertex are flat
    return np.where(length > 1e-15, out / np.maximum(length, 1e-15), up).astype(np.float32)


# Shapes: each returns vertices [n,3], triangles [m,3], uv [n,2].


def grid(points: np.ndarray, closed: bool = False, repeat: tuple[float, float] = (1.0, 1.0)):
    """A surface through points [a,b,3], `closed` along b, seen from where b runs to the right and a up; the picture is
    repeated so many times along b and a."""
    a, b = points.shape[:2]
    across = np.linspace(0, repeat[0], b + closed)
    if closed:  # the seam has its own vertices, for the picture's sake
        points = np.concatenate([points, points[:, :1]], 1)
        b += 1
    u, v = np.meshgrid(across, np.linspace(0, repeat[1], a))
    index = np.arange(a * b).reshape(a, b)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return points.reshape(-1, 3), triangles, np.stack([u, v], -1).reshape(-1, 2)


def tube(path: np.ndarray, wide, high, closed: bool = False, sides: int = 8, up=(0.0, 0.0, 1.0)):
    """A bar along path [k,3], elliptic: half as wide as `wide` across `up` and the path, half as high as `high`."""
    ahead = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-12)
    side = np.cross(ahead, up)
    side = side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    top = np.cross(side, ahead)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    wide, high = (np.broadcast_to(size, len(path))[:, None, None] for size in (wide, high))
    ring = side[:, None] * np.cos(turn)[None, :, None] * wide - top[:, None] * np.sin(turn)[None, :, None] * high
    points = path[:, None] + ring  # [k,sides,3]
    if closed:
        points = np.concatenate([points, points[:1]])
    else:  # ends
        points = np.concatenate([np.repeat(path[:1, None], sides, 1), points, np.repeat(path[-1:, None], sides, 1)])
    return grid(points, closed=True)


def fan(outline: np.ndarray, middle: np.ndarray):
    """A surface between a closed outline [k,3] and its middle [3]."""
    k = len(outline)
    points = np.concatenate([outline, middle[None]])
    i = np.arange(k)
    return points, np.stack([i, (i + 1) % k, np.full(k, k)], 1), np.zeros((k + 1, 2))


def ball(centre: np.ndarray, radii, rings: int = 10):
    """An ellipsoid."""
    height, turn = np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    s, c = np.sin(height)[:, None], np.cos(height)[:, None]
    points = np.stack([s * np.cos(turn), -s * np.sin(turn), c + 0 * turn], -1)
    return grid(centre + points * np.asarray(radii), closed=True)


def joined(*shapes):
    """Several shapes as one."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _, _ in shapes)])
    triangles = [start + triangles for start, (_, triangles, _) in zip(starts, shapes, strict=False)]
    return (
        np.concatenate([vertices for vertices, _, _ in shapes]),
        np.concatenate(triangles),
        np.concatenate([uv for _, _, uv in shapes]),
    )


def part(kind: str, shape, picture, roughness: float, **material) -> Part:
    """A part of a shape; picture: uint8 [h,w,4], or a linear colour (3 numbers, or 4 with alpha)."""
    vertices, triangles, uv = shape
    if np.ndim(picture) == 1:
        picture = plain(*picture)
    return Part(
        kind,
        np.ascontiguousarray(vertices, np.float32),
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(uv, np.float32),
        picture,
        float(roughness),
        **material,
    )


# Pictures: what cloth and frames look like, uint8 [h,w,4].


def plain(r: float, g: float, b: float, alpha: float = 1.0) -> np.ndarray:
    """One colour, from linear RGB."""
    srgb = np.clip([r, g, b], 0, 1) ** (1 / 2.2)
    return (np.array([[[*srgb, alpha]]]) * 255 + 0.5).astype(np.uint8)


def cloth_colour(rng: np.random.Generator) -> np.ndarray:
    """Linear RGB [3]: much black, white, grey and blue, and some of everything."""
    kind = rng.choice(["dark", "white", "blue", "any", "vivid"], p=[0.3, 0.2, 0.15, 0.25, 0.1])
    wheel = np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2, 4]) * np.pi / 3)
    if kind == "dark":
        return rng.uniform(0.008, 0.05) * (1 + 0.25 * wheel)
    if kind == "white":
        return rng.uniform(0.45, 0.75) * (1 + 0.06 * wheel)
    if kind == "blue":
        return np.array([0.10, 0.16, 0.30]) * rng.uniform(0.1, 1.6)
    return rng.uniform(0.03, 0.4) * np.clip(1 + (0.95 if kind == "vivid" else 0.5) * wheel, 0.02, None)


def cloth(rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """A pattern that tiles: plain, mottled, stripes, checks, dots, flowers."""
    first, second = cloth_colour(rng), cloth_colour(rng)
    kinds = {"plain": 0.52, "mottled": 0.12, "stripes": 0.13, "checks": 0.1, "dots": 0.06, "flowers": 0.07}
    kind = rng.choice(list(kinds), p=list(kinds.values()))
    at = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(at, at)
    count = int(rng.integers(1, 6))
    wide = rng.uniform(0.15, 0.6)
    if kind == "stripes":
        along = x if rng.random() < 0.4 else y
        mix = ((along * count) % 1 < wide).astype(float)
    elif kind == "checks":
        mix = 0.5 * ((x * count) % 1 < wide) + 0.5 * ((y * count) % 1 < wide)
    elif kind == "dots":
        mix = (np.hypot((x * 2 * count) % 1 - 0.5, (y * 2 * count) % 1 - 0.5) < 0.5 * wide).astype(float)
    elif kind == "flowers":
        seeds = np.tile(rng.standard_normal((8, 8)), (3, 3)).astype(np.float32)
        big = cv2.resize(seeds, (3 * size, 3 * size), interpolation=cv2.INTER_CUBIC)[size : 2 * size, size : 2 * size]
        mix = np.clip(4 * (big - 0.6), 0, 1)
    else:
        mix = np.zeros((size, size))
    colour = first + (second - first) * mix[..., None]
    yarn = rng.standard_normal((size, size, 1)) * rng.choice([0.02, 0.05, 0.12] if kind != "mottled" else [0.25])
    srgb = np.clip(colour * np.exp(yarn), 0.002, 1) ** (1 / 2.2)
    return (np.concatenate([srgb, np.ones((size, size, 1))], -1) * 255 + 0.5).astype(np.uint8)


def ribbed(picture: np.ndarray, ribs: int, depth: float) -> np.ndarray:
    """A picture with knitted ribs along its height."""
    shade = 1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * ribs * (np.arange(picture.shape[1]) + 0.5) / picture.shape[1]))
    out = picture.astype(np.float32)
    out[..., :3] *= shade[None, :, None]
    return out.astype(np.uint8)
