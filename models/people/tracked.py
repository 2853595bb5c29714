"""Where face trackers put their points on a person: the head's own landmarks, slid along the skin by one rule for all.

A landmark of the head (landmarks.npz) is one place of its mesh, which goes wherever a person's shape takes it. A
tracker sees no mesh: where skin shows nothing to hold on to (foreheads, cheeks, a nose's bridge, the outline) it puts
its points where a face with these eyes, this nose and this mouth usually has them. `python -m models.people.tracked
OUT.npz` measures how both differ on renders of people and fits the rule: a shift for all, and what a face's shape adds
to it. Lids and lips, whose edges are seen, keep to the shift; inner lips stay.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from addon.core.faces.topology import MIRROR, eye_distance, eye_middles

if TYPE_CHECKING:
    from .head import Body, Head

RULE = Path(__file__).with_name("tracked.npz")
SEED, PEOPLE, VIEWS, SIZE = 4712, 200, 5, 256
AXES, DAMPING = 24, 0.1  # of shapes; of the fit, in shares of a shape's variance
SLIDES = 4  # steps along the skin
CORNERS = (33, 263)  # the eyes' outer ones, which say what level is
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324)
EDGES = (
    *(33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155),
    *(263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382),
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)


def levelled(vectors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Vectors [...,2] of a picture (right, down) along the eyes of points [468 or more,2+] and across them, in eye
    distances."""
    x, y = (points[CORNERS[1]] - points[CORNERS[0]])[:2]
    turn = np.array([[x, -y], [y, x]]) / np.hypot(x, y)
    return vectors @ turn / eye_distance(points)


def shape(points: np.ndarray) -> np.ndarray:
    """A face's shape [936]: its points [468,3] as a picture (right, down, away) shows them, from between the eyes."""
    return levelled(points[:, :2] - np.mean(eye_middles(points), axis=0)[:2], points).ravel()


def seen(points: np.ndarray) -> np.ndarray:
    """Points [n,3] of a resting head as a camera in front of it has them: right, down, away."""
    from .head import UPRIGHT, camera_turn

    return (points @ camera_turn(UPRIGHT, 0.0, 0.0).T)[:, [0, 2, 1]] * [1, -1, 1]


@lru_cache(maxsize=1)
def _rule() -> dict[str, np.ndarray]:
    with np.load(RULE) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def shift(of: np.ndarray) -> np.ndarray:
    """How far a tracker's points lie from the head's on a face of shape [936]: [468,2] eye distances, levelled."""
    rule = _rule()
    return (rule["shift"] + ((of - rule["mean"]) @ rule["axes"].T) @ rule["gains"]).reshape(-1, 2)


def places(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """The tracker's 468 points on a person: triangles int [468,3] of fine vertices, and weights [468,3]."""
    head = body.head
    at = seen(head.landmarks(body.fine))
    level = levelled(np.eye(2), at)
    moved = shift(shape(at)) @ np.linalg.inv(level)
    goal, here = at[:, :2] + moved, at.copy()
    triangles = _outside(head)
    corners = seen(body.fine)[triangles]
    middles = cKDTree(corners.mean(1))
    for _ in range(SLIDES):  # the nearest skin to a goal beside it is short of it where skin slopes
        here[:, :2] = goal
        nearest = middles.query(here, 12)[1]
        weights, distance = onto(here[:, None], corners[nearest])
        best, rows = distance.argmin(1), np.arange(len(here))
        chosen, weights = nearest[rows, best], weights[rows, best]
        here = (weights[..., None] * corners[chosen]).sum(1)
    chosen = triangles[chosen]
    still = list(INNER_LIPS)
    chosen[still], weights[still] = head.landmark_triangles[still], head.landmark_weights[still]
    return chosen, weights


def _outside(head: Head) -> np.ndarray:
    """The triangles [k,3] of the face's skin, without the mouth's inside."""
    from .head import SKIN

    triangles = head.triangles
    outside = (head.triangle_part == SKIN) & (head.inside_mouth[triangles].mean(1) < 0.45)
    return triangles[outside & (head.rest[triangles, 1].mean(1) < 0.09) & (head.rest[triangles, 2].mean(1) > -0.16)]


def onto(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [...,3] of the points of triangles [...,3,3] (nearly) nearest to points [...,3], and distances."""
    a, b, c = (corners[..., k, :] for k in range(3))
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    wu, wv = (w * u).sum(-1), (w * v).sum(-1)
    scale = np.maximum(uu * vv - uv**2, 1e-20)
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    weights = np.clip(np.stack([1 - s - t, s, t], -1), 0, 1)
    weights /= weights.sum(-1, keepdims=True)
    return weights, np.linalg.norm((weights[..., None] * corners).sum(-2) - points, axis=-1)


def read_people(people: int, head: Path | None, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Shapes [n,936], and how far the tracker's points lie from the head's [n,468,2], eye distances, levelled; of
    people without expression who face the camera, as photographed."""
    from tqdm import tqdm

    from addon.core.faces.picture import Picture
    from addon.core.faces.reader import FaceReader

    from .photograph import photograph
    from .plan import Kind, plan
    from .render import Dataset, Studio

    studio, reader = Studio(Dataset(seed, people, VIEWS, SIZE), head), FaceReader(threads=1)
    shapes, away = [], []
    for number in tqdm(range(people), unit="person"):
        vectors = plan(seed, number, VIEWS)
        sitting = studio.seat(number, vectors[Kind.REFERENCE])
        body, neutral = sitting.person.body, vectors[Kind.NEUTRAL]
        posed = body.show(neutral)
        drawn, _ = studio.draw(sitting, posed, neutral)
        picture = photograph(drawn, sitting.look, np.random.default_rng([seed, number, 11]))
        trusted, _ = reader._search(Picture(picture))
        if trusted:
            points = posed.landmarks
            points[:468] = studio.head.landmarks(posed.vertices)
            true = sitting.camera.landmarks(points)
            shapes.append(shape(seen(studio.head.landmarks(body.fine))))
            away.append(levelled((trusted[0].points - true)[:468, :2].astype(np.float64), true))
    return np.array(shapes), np.array(away)


def fit(shapes: np.ndarray, away: np.ndarray) -> dict[str, np.ndarray]:
    """What read_people found -> the rule, alike on both halves of a face: mean, shift [936]; axes, gains [AXES,936]."""
    mirror = MIRROR[:468]
    other = shapes.reshape(-1, 468, 2)[:, mirror] * [-1, 1]
    shapes = np.concatenate([shapes, other.reshape(len(shapes), -1)])
    away = np.concatenate([away, away[:, mirror] * [-1, 1]])
    mean, usual = shapes.mean(0), np.median(away, axis=0)
    usual[list(INNER_LIPS)] = 0
    axes = np.linalg.svd(shapes - mean, full_matrices=False)[2][:AXES]
    axes /= ((shapes - mean) @ axes.T).std(0)[:, None]
    along = (shapes - mean) @ axes.T
    n = len(along)
    gains = np.linalg.solve(along.T @ along + DAMPING * n * np.eye(AXES), along.T @ (away - usual).reshape(n, -1))
    gains.reshape(AXES, 468, 2)[:, [*EDGES, *INNER_LIPS]] = 0
    found = {"mean": mean, "shift": usual.ravel(), "axes": axes, "gains": gains}
    return {name: values.astype(np.float16 if values.ndim > 1 else np.float32) for name, values in found.items()}


def main() -> None:
    import cv2

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--head", type=Path, help="the head's file (default: in the user's cache)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    np.savez_compressed(args.out, **fit(*read_people(args.people, args.head)))


if __name__ == "__main__":
    main()
