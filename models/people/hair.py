"""Hair as strands that grow from the head's skin: scalp, brows, lashes, beard.

Places are on the average person's head (metres, the origin between the eyes), so that they follow every shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .head import SKIN, Head
from .smooth_step import smooth_step

HAIRLINE = (0.062, -0.85, -0.012)  # height at the forehead's middle; how it falls backwards, from which depth on


@dataclass(frozen=True)
class Strands:
    """S strands of K points: each hangs on a triangle of the skin [S] at weights [S,3]; offsets [S,K,3] from the root
    in the triangle's own frame."""

    triangles: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    @property
    def lines(self) -> np.ndarray:
        """int [S,K-1,2]: which points, counted along all strands, are joined."""
        s, k = self.offsets.shape[:2]
        index = np.arange(s * k).reshape(s, k)
        return np.stack([index[:, :-1], index[:, 1:]], -1)

    def on(self, head: Head, vertices: np.ndarray) -> np.ndarray:
        """Points float32 [S,K,3] on a head of fine vertices [n1,3]."""
        corners = head.triangles[self.triangles]
        roots = np.einsum("sk,skd->sd", self.weights, vertices[corners])
        turned = np.matmul(self.offsets, triangle_frames(vertices, corners).transpose(0, 2, 1))
        return (roots[:, None] + turned).astype(np.float32)


@dataclass(frozen=True)
class Roots:
    """Where strands grow: triangles [S], weights [S,3], places [S,3] and normals [S,3] on the resting head."""

    triangles: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    normals: np.ndarray

    def kept(self, keep: np.ndarray) -> Roots:
        return Roots(self.triangles[keep], self.weights[keep], self.places[keep], self.normals[keep])

    def grown(self, head: Head, points: np.ndarray) -> Strands:
        """Strands of points [S,K,3] on the resting head, the first at the roots."""
        frames = triangle_frames(head.rest, head.triangles[self.triangles])
        offsets = np.matmul(points - points[:, :1], frames)
        return Strands(self.triangles, self.weights.astype(np.float32), offsets.astype(np.float32))


def triangle_frames(vertices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Each triangle's own axes as columns, [S,3,3]: along its first side, across, out."""
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    along = b - a
    out = np.cross(along, c - a)
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return np.stack([along, np.cross(out, along), out], 2)


def roots(head: Head, rng: np.random.Generator, n: int, density) -> Roots:
    """n roots on the skin, as many an area as density(places [T,3], normals [T,3]) -> [T] says."""
    mine = np.nonzero(head.triangle_part == SKIN)[0]
    corners = head.rest[head.triangles[mine]]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(flat, axis=1)
    normals = flat / np.maximum(area, 1e-15)[:, None]
    share = area * density(corners.mean(1), normals) * (head.inside_mouth[head.triangles[mine]].mean(1) < 0.1)
    chosen = rng.choice(len(mine), n, p=share / share.sum())
    u, v = rng.random((2, n))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    weights = np.stack([1 - u - v, u, v], 1)
    return Roots(mine[chosen], weights, np.einsum("sk,skd->sd", weights, corners[chosen]), normals[chosen])


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Brows:
    """Metres: thickness of half a brow at its inner end, arch, height above its usual place, how much higher the tail
    is than usual, length of hairs; how many hairs; inner gap; how far the tail reaches (1: usual); shade 0..1: how dark
    the skin between the hairs looks."""

    half: float
    arch: float
    height: float
    tilt: float
    length: float
    count: int
    gap: float
    reach: float
    shade: float

    def band(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Along the brow 0..1 and across it -1..1 of places [n,3]."""
        x = np.abs(places[:, 0])
        along = (x - self.gap) / (0.049 * self.reach)
        u = np.clip(along, 0, 1)
        middle = 0.0205 + self.height + self.arch * np.sin(np.pi * 0.62 * u) ** 1.5 * 1.3 - 0.006 * u**4
        middle = middle + self.tilt * (u - 0.4)
        half = self.half * (1.05 - 0.75 * u**1.6) * (0.75 + 0.25 * smooth_step(u, 0, 0.15))
        return along, (places[:, 2] - middle) / half


BROW_HALVES = (0.0012, 0.0052)
BROW_HEIGHTS = (-0.0030, 0.0035)  # little: the brows' landmarks are the skin's, which the head's shapes move


def draw_brows(rng: np.random.Generator, gender: float) -> Brows:
    """From a thin line to bushy, from hardly seen to black; plucked, grown together, steep or level."""
    female = gender > 0.5
    half = float(np.clip(0.0028 * np.exp(rng.normal(-0.15 if female else 0.15, 0.36)), *BROW_HALVES))
    dense = np.exp(rng.normal(0, 0.4))
    return Brows(
        half=half,
        arch=rng.uniform(0.0, 0.010) * (1.1 if female else 0.7),
        height=float(np.clip(rng.normal(0.001 if female else -0.0005, 0.0014), *BROW_HEIGHTS)),
        tilt=float(rng.normal(0.0010, 0.0018)),
        length=rng.uniform(0.004, 0.010),
        count=int(np.clip(330 * dense * half / 0.0028, 60, 900)),
        gap=rng.uniform(0.002, 0.008) if rng.random() < (0.02 if female else 0.08) else rng.uniform(0.007, 0.017),
        reach=rng.uniform(0.72, 1.10),
        shade=float(np.clip(0.27 * dense * rng.uniform(0.5, 1.5), 0.05, 0.55)),
    )


def brow_strands(head: Head, rng: np.random.Generator, brows: Brows) -> Strands:
    def density(places, normals):
        along, across = brows.band(places)
        inside = (along > -0.02) & (along < 1.02) & (normals[:, 1] < -0.1) & (places[:, 1] < 0.02)
        return np.exp(-0.9 * across**2) * inside * (0.5 + 0.5 * smooth_step(along, 0, 0.2)) + 1e-12

    at = roots(head, rng, 3 * brows.count, density)
    along, across = brows.band(at.places)
    keep = np.nonzero((along > 0) & (along < 1) & (np.abs(across) < 1.25))[0][: 2 * brows.count]
    at, u, r = at.kept(keep), along[keep], across[keep]
    side = np.sign(at.places[:, 0])
    way = np.stack([side * (0.25 + 1.0 * u), np.zeros_like(u), 0.95 - 1.5 * u - 0.45 * r], 1)
    way += rng.normal(0, 0.13, way.shape)
    way = _unit(way - at.normals * (way * at.normals).sum(1, keepdims=True))
    length = brows.length * rng.uniform(0.6, 1.1, len(u)) * (1 - 0.35 * u)
    t = np.linspace(0, 1, 4)
    points = at.places[:, None] + way[:, None] * (length[:, None] * t)[..., None]
    points = points + at.normals[:, None] * (0.0003 + 0.0010 * np.sin(2.4 * t))[None, :, None]
    return at.grown(head, points)


def lash_strands(head: Head, rng: np.random.Generator, count: int, length: float) -> Strands:
    """Along the lids' margins, between the landmarks that mark them; `count` on an upper lid, half of it below."""
    upper = ((33, 246, 161, 160, 159, 158, 157, 173), (263, 466, 388, 387, 386, 385, 384, 398))
    lower = ((33, 7, 163, 144, 145, 153, 154), (263, 249, 390, 373, 374, 380, 381))
    centres = head.rest[head.triangles].mean(1)
    skin = np.nonzero((head.triangle_part == SKIN) & (np.abs(centres[:, 2]) < 0.02) & (centres[:, 1] < 0.02))[0]
    tree = cKDTree(centres[skin])
    at, weights, points = [], [], []
    for margins, up in ((upper, 1.0), (lower, -1.0)):
        for margin in margins:
            line = (
                head.landmark_weights[list(margin)][..., None] * head.rest[head.landmark_triangles[list(margin)]]
            ).sum(1)
            t = np.sort(rng.uniform(0.04, 1, count if up > 0 else count // 2)) * (len(line) - 1)
            place = np.stack([np.interp(t, np.arange(len(line)), line[:, k]) for k in range(3)], 1)
            nearest = tree.query(place)[1]
            corners = head.rest[head.triangles[skin[nearest]]]
            inner = t[:, None] / (len(line) - 1)
            side = np.sign(place[:, :1])
            out = np.concatenate(
                [side * (0.75 - 0.9 * inner), np.full_like(inner, -1.0), np.full_like(inner, up * 0.12)], 1
            )
            curl = np.concatenate([side * 0.25, np.zeros_like(inner), np.full_like(inner, up * 0.9)], 1)
            out = _unit(out + rng.normal(0, 0.08, out.shape))
            size = length * rng.uniform(0.65, 1.05, (len(t), 1)) * (1.0 if up > 0 else 0.4) * (1.1 - 0.5 * inner)
            k = np.linspace(0, 1, 5)[None, :, None]
            root = corners.mean(1)
            points.append(root[:, None] + size[:, None] * (k * out[:, None] + 0.5 * k**2 * curl[:, None]))
            at.append(skin[nearest])
            weights.append(np.full((len(t), 3), 1 / 3))
    at, weights, points = (np.concatenate(x) for x in (at, weights, points))
    return Roots(at, weights, points[:, 0], points[:, 0]).grown(head, points)


@dataclass(frozen=True)
class Hairstyle:
    """Lengths in metres.

    hairline, recede: how much higher the line lies, how far its corners go back; thin: 0 full .. 1 bald at the crown;
    length; comb: way over the top of the head [3]; parting: x of a parting from which hair goes aside, or None; fringe:
    height that hair over the forehead ends at, or None; lift: 0 close .. 1 straight off the head; volume: how far it
    stands off where it lies; curl: 0 .. 1; wave: 0 .. 1; tied: drawn to the back of the head; count of strands.
    """

    hairline: float
    recede: float
    thin: float
    length: float
    comb: tuple[float, float, float]
    parting: float | None
    fringe: float | None
    lift: float
    volume: float
    curl: float
    wave: float
    tied: bool
    count: int

    def inside(self, places: np.ndarray) -> np.ndarray:
        """How far inside the hairline places [n,3] lie, metres."""
        height, fall, depth = HAIRLINE
        x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
        corner = np.exp(-(((x - 0.042) / 0.016) ** 2)) * np.exp(-(((y - 0.0) / 0.05) ** 2))
        line = height + self.hairline + fall * (y - depth) + self.recede * corner - 0.004 * np.exp(-((x / 0.02) ** 2))
        crown = np.exp(-((x / 0.055) ** 2)) * smooth_step(z, 0.07, 0.10) * smooth_step(y, 0.02, 0.07)
        return z - np.maximum(line, -0.085) - 0.03 * self.thin * crown


@dataclass(frozen=True)
class Cut:
    """How often a haircut is worn by men and by women, and ranges of its Hairstyle."""

    men: float
    women: float
    length: tuple[float, float]
    lift: tuple[float, float]
    volume: tuple[float, float]
    curl: tuple[float, float] = (0.0, 0.15)
    fringe: float = 0.0  # how often
    tied: bool = False


CUTS = {
    "cropped": Cut(0.26, 0.03, (0.004, 0.014), (0.45, 0.8), (0.0, 0.003)),
    "short": Cut(0.34, 0.06, (0.018, 0.050), (0.15, 0.4), (0.002, 0.010), fringe=0.25),
    "swept": Cut(0.14, 0.04, (0.05, 0.10), (0.15, 0.35), (0.006, 0.020)),
    "curls": Cut(0.08, 0.05, (0.025, 0.060), (0.5, 0.8), (0.004, 0.012), (0.45, 0.9)),
    "afro": Cut(0.05, 0.06, (0.05, 0.13), (0.9, 1.0), (0.01, 0.03), (0.5, 0.9)),
    "bob": Cut(0.04, 0.22, (0.13, 0.21), (0.1, 0.25), (0.006, 0.022), (0.0, 0.3), 0.4),
    "long": Cut(0.06, 0.36, (0.22, 0.38), (0.1, 0.2), (0.004, 0.020), (0.0, 0.35), 0.25),
    "tied": Cut(0.03, 0.18, (0.14, 0.22), (0.02, 0.08), (0.001, 0.006), (0.0, 0.05), 0.15, tied=True),
}
BALD = (0.12, 0.17)  # of men, and more of old ones
# Where hair would grow on a shaven head.
SHAVEN = Hairstyle(0.0, 0.012, 0.0, 0.0, (0.0, 1.0, 0.0), None, None, 1.0, 0.0, 0.0, 0.0, False, 0)
SKULL, SKULL_RADII = np.array([0, 0.076, 0.012]), np.array([0.081, 0.106, 0.110])  # about the average head


def draw_hairstyle(rng: np.random.Generator, gender: float, age: float) -> Hairstyle | None:
    """None: bald, or shaved."""
    female, old = gender > 0.5, age > 0.78
    if rng.random() < (0.01 if female else BALD[0] + BALD[1] * old):
        return None
    shares = np.array([cut.women if female else cut.men for cut in CUTS.values()])
    cut = list(CUTS.values())[rng.choice(len(shares), p=shares / shares.sum())]
    balding = 0.0 if female else rng.beta(1.0, 2.5) * (1.6 if old else 0.7)
    side = rng.choice([-1, 1])
    comb = [(0.0, 1.0, 0.1), (0.5 * side, 0.8, 0.1), (side, 0.15, 0.1), (0.2 * side, -0.9, 0.1)]
    parting = rng.choice([0.0, side * rng.uniform(0.015, 0.04)]) if rng.random() < (0.7 if female else 0.35) else None
    return Hairstyle(
        hairline=rng.normal(0.0, 0.005) + 0.006 * balding,
        recede=0.0 if female else max(0.0, rng.normal(0.004, 0.006) + 0.026 * balding),
        thin=float(np.clip(rng.normal(1.5 * balding - 0.6, 0.3), 0, 1)),
        length=float(rng.uniform(*cut.length)),
        comb=comb[rng.choice(4, p=(0.35, 0.3, 0.2, 0.15))],
        parting=None if parting is None else float(parting),
        fringe=float(rng.uniform(0.033, 0.050)) if rng.random() < cut.fringe and balding < 0.3 else None,
        lift=rng.uniform(*cut.lift),
        volume=rng.uniform(*cut.volume),
        curl=rng.uniform(*cut.curl),
        wave=float(rng.choice([0.0, rng.uniform(0.2, 1.0)])),
        tied=cut.tied,
        count=5200,
    )


def scalp_strands(head: Head, rng: np.random.Generator, style: Hairstyle) -> Strands:
    """Hair that lies over the head from the hairline, and falls where the head recedes below it."""
    at = roots(head, rng, style.count, lambda places, normals: smooth_step(style.inside(places), -0.002, 0.006))
    at = at.kept(head.ears[head.triangles[at.triangles]].mean(1) < 0.1)
    n = len(at.triangles)
    lock = _locks(rng, at.places)
    over = (
        (style.fringe is not None)
        * smooth_step(at.places[:, 1], 0.05, 0.025)
        * smooth_step(at.places[:, 2], 0.035, 0.05)
    )
    length = style.length * rng.uniform(0.75, 1.05, n) * (1 + 0.12 * lock[:, 0])
    if style.fringe is not None:
        to_end = at.places[:, 2] - style.fringe + 0.035 * smooth_step(at.places[:, 1], -0.01, 0.03) + 0.004 * lock[:, 1]
        length = np.where(over > 0.5, np.minimum(np.maximum(to_end, 0.012), max(style.length, 0.05)), length)
    steps = int(np.clip(round(style.length / 0.016), 5, 13))
    falls = style.length > 0.07 and style.lift < 0.6 and not style.tied
    phase = rng.uniform(0, 6.28, (n, 1))
    way = _unit(at.normals * (0.1 + style.lift) + 0.3 * rng.normal(0, 0.3, (n, 3)))
    point, points = at.places, [at.places]
    for i in range(1, steps):
        t = i / (steps - 1)
        out = _unit((point - SKULL) / SKULL_RADII**2)
        wanted = _combed(style, point, over[:, None]) + 0.22 * lock
        wanted = _unit(wanted - out * (wanted * out).sum(1, keepdims=True)) * (1 - style.lift) + out * style.lift
        free = falls * smooth_step(0.02 - point[:, 2:], 0.0, 0.05)  # below the widest part of the head hair hangs
        hanging = np.array([0, 0.06, -1.0]) + 0.10 * lock + 0.25 * style.wave * np.sin(6.0 * t + 2 * lock) * [1, 0.4, 0]
        wanted = wanted * (1 - free) + hanging * free
        way = _unit(way * 0.45 + _unit(wanted) * 0.55)
        if style.curl:
            turn = 1.9 * i + phase
            way = _unit(way + style.curl * np.concatenate([np.sin(turn), np.cos(turn), 0.6 * np.sin(0.7 * turn)], 1))
        point = point + way * (length / (steps - 1))[:, None]
        least = 1.02 + (style.volume * min(1.0, 2.5 * t) + 0.002) / 0.1 * (1 - 0.6 * over)
        point = _about_skull(point, least, least + (0.04 + 0.5 * style.curl if style.lift < 0.5 else 9.0))
        if style.length > 0.09:
            point = _clear_of_face(point, over)
        points.append(point)
    return at.grown(head, np.stack(points, 1))


def _locks(rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """A direction [n,3] about 1 long that strands of one lock share."""
    cells = np.unique(np.floor(places / 0.011 + rng.random(3)), axis=0, return_inverse=True)[1].reshape(-1)
    return rng.normal(0, 0.6, (cells.max() + 1, 3))[cells] + rng.normal(0, 0.18, places.shape)


def _combed(style: Hairstyle, points: np.ndarray, over: np.ndarray) -> np.ndarray:
    """Where hair at points [n,3] is combed, before it follows the head; over [n,1]: how far it belongs to a fringe."""
    top = np.tile(np.array(style.comb, float), (len(points), 1))
    if style.parting is not None:
        top[:, 0] = 0.9 * np.sign(points[:, 0] - style.parting)
        top[:, 1] = 0.45
    if style.tied:
        return _unit(np.array([0, 0.185, 0.01]) - points)
    side = smooth_step(np.abs(points[:, :1]), 0.045, 0.075) + smooth_step(points[:, 1:2], 0.10, 0.15)
    combed = top + np.minimum(side, 1) * (np.array([0, 0.45, -1.0]) - top)
    front = np.concatenate([0.15 * np.sign(points[:, :1]), np.tile([-0.7, -0.9], (len(points), 1))], 1)
    return combed * (1 - over) + front * over


def _about_skull(points: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Points [n,3] between `least` and `most` [n] of the head's radius from its middle."""
    away = (points - SKULL) / SKULL_RADII
    apart = np.linalg.norm(away, axis=1)
    moved = SKULL + away * (np.clip(apart, least, most) / np.maximum(apart, 1e-9))[:, None] * SKULL_RADII
    upper = smooth_step(points[:, 2], -0.05, -0.02)[:, None]  # the jaw is no part of it
    return points + upper * (moved - points)


def _clear_of_face(points: np.ndarray, over: np.ndarray) -> np.ndarray:
    """Points [n,3] beside the face, not over it, and outside the neck; a fringe may hang."""
    out = points.copy()
    front = (points[:, 1] < 0.03) & (points[:, 2] < 0.045) & (over < 0.5)
    out[front, 1] = 0.03
    aside = front & (np.abs(points[:, 0]) < 0.066)
    out[aside, 0] = np.where(points[aside, 0] >= 0, 0.066, -0.066)
    neck = (points[:, 2] < -0.06) & (np.hypot(points[:, 0], points[:, 1] - 0.085) < 0.07)
    out[neck, 0] = np.where(points[neck, 0] >= 0, 1, -1) * np.maximum(np.abs(points[neck, 0]), 0.062)
    return out


@dataclass(frozen=True)
class Beard:
    """Metres: length; shares 0..1 of hair on cheeks, chin and upper lip; count of strands."""

    length: float
    cheeks: float
    chin: float
    moustache: float
    count: int

    def density(self, places: np.ndarray) -> np.ndarray:
        """0..1 at places [n,3]."""
        x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
        line = -0.036 - 0.030 * smooth_step(x, 0.064, 0.034)
        lower = smooth_step(line - z, 0, 0.010) * smooth_step(z, -0.142, -0.126) * smooth_step(0.085 - y, 0, 0.012)
        lip = smooth_step(0.031 - x, 0, 0.006) * smooth_step(z, -0.078, -0.070) * smooth_step(-0.0525 - z, 0, 0.004)
        chin = lower * smooth_step(0.036 - x, 0, 0.010) * smooth_step(-0.066 - z, 0, 0.006)
        return np.maximum.reduce([self.cheeks * lower * (1 - lip), self.chin * chin * (1 - lip), self.moustache * lip])


def draw_beard(rng: np.random.Generator, gender: float, age: float) -> Beard | None:
    if gender > 0.5 or rng.random() < 0.42:
        return None
    kind = rng.choice(["stubble", "full", "goatee", "moustache"], p=[0.35, 0.35, 0.15, 0.15])
    length = {"stubble": rng.uniform(0.0008, 0.0025)}.get(kind, rng.uniform(0.003, 0.014))
    cheeks = {"stubble": 1.0, "full": 1.0}.get(kind, 0.0)
    return Beard(
        length=float(length),
        cheeks=cheeks * rng.uniform(0.4, 1),
        chin=0.0 if kind == "moustache" else rng.uniform(0.7, 1),
        moustache=rng.uniform(0.6, 1) if kind != "goatee" or rng.random() < 0.7 else 0.0,
        count=int(rng.uniform(1500, 4000)),
    )


def beard_strands(head: Head, rng: np.random.Generator, beard: Beard) -> Strands:
    at = roots(head, rng, beard.count, lambda places, normals: beard.density(places) + 1e-12)
    at = at.kept((head.lips[head.triangles[at.triangles]].mean(1) < 0.12) & (beard.density(at.places) > 0.02))
    way = at.normals * 0.35 + np.array([0, -0.08, -0.9]) + rng.normal(0, 0.22, at.places.shape)
    way[:, 0] += np.sign(at.places[:, 0]) * 0.5 * (at.places[:, 2] > -0.075)
    way = _unit(way)
    t = np.linspace(0, 1, 4)
    length = beard.length * rng.uniform(0.5, 1.1, len(way))
    points = at.places[:, None] + way[:, None] * (length[:, None] * t)[..., None]
    return at.grown(head, points)
