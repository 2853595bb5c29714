"""Finds where MediaPipe's landmarks lie on the head, from what the landmark model sees on renders of many people:
`python -m models.people.correspond OUT.npz`.

triangles int32 [468,3], weights float32 [468,3] of fine vertices; spread float32 [468]: metres between people. Lids and
inner lips, whose points sit on margins that open and close, stay where models/head/landmarks.npz has them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import cKDTree
from tqdm import tqdm

from addon.core.faces.picture import Picture
from addon.core.faces.reader import FaceReader
from addon.core.faces.topology import MIRROR

from .head import SKIN, Head, load_head
from .labels import Segment, Surveyor
from .photograph import photograph
from .plan import Kind, plan
from .render import Dataset, Studio
from .tracked import onto

SEED, PEOPLE, VIEWS, SIZE = 4711, 30, 7, 256
FACING = 0.3  # cosine to the camera below which a point is on the outline, where the model follows the outline
UNSURE = 0.007  # metres of spread between views from which on a point counts as sliding along the outline
FRONT = 0.2  # radians of pitch and yaw up to which a view is a front view
REACH = 6  # pixels: how far a point beside the skin may be moved onto it
MARGINS = (
    *(33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155),
    *(263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382),
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324),
)


def seen_places(head: Head, people: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the landmark model puts its points on the average head: float64 [n,468,3] metres, NaN where it saw none; of
    these, those where the skin faces the camera; and whether a view is a front view, bool [n]."""
    studio, reader = Studio(Dataset(SEED, people, VIEWS, SIZE), None), FaceReader(threads=1)
    surveyor = Surveyor(studio.rasteriser)
    skin = head.part == SKIN
    normals, nearest = head.normals(head.rest)[skin], cKDTree(head.rest[skin])
    seen, facing, front = [], [], []
    for number in tqdm(range(people), unit="person"):
        vectors = plan(SEED, number, VIEWS)
        sitting = studio.seat(number, vectors[Kind.REFERENCE])
        for view, shown in enumerate(vectors):
            posed = sitting.person.body.show(shown)
            drawn, _ = studio.draw(sitting, posed, shown)
            picture = photograph(drawn, sitting.look, np.random.default_rng([SEED, number, view]))
            trusted, _ = reader._search(Picture(picture))
            if not trusted:
                continue
            found = _under(trusted[0].points[:468, :2], *surveyor.places(posed, sitting.camera))
            out_of = normals[nearest.query(np.nan_to_num(found))[1]] @ posed.skull[:, :3].T
            seen.append(found)
            facing.append(np.where(out_of[:, 1:2] < -FACING, found, np.nan))
            front.append(np.abs(shown[:2]).max() < FRONT)
    return np.array(seen), np.array(facing), np.array(front)


def _under(points: np.ndarray, places: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """The places [468,3] of skin under or next to points [468,2] of a picture."""
    skin = np.isin(segments, (Segment.SKIN, Segment.LIPS))
    rows, columns = np.nonzero(skin)
    away, nearest = cKDTree(np.stack([columns, rows], 1)).query(points)
    found = places[rows[nearest], columns[nearest]].astype(np.float64)
    found[away > REACH] = np.nan
    return found


def settle(head: Head, seen: np.ndarray, facing: np.ndarray, front: np.ndarray) -> dict[str, np.ndarray]:
    """What seen_places found -> the arrays listed above: medians over people and both halves of the face. Points that
    lie on the outline in front views slide along it as a head turns: front views alone say where they are."""
    middle, spread = _median(facing)
    sliding = (spread > UNSURE) | np.isnan(spread)
    middle[sliding] = _median(seen[front])[0][sliding]
    outside = (head.triangle_part == SKIN) & (head.inside_mouth[head.triangles].mean(1) < 0.45)
    triangles = head.triangles[outside]
    corners = head.rest[triangles].astype(np.float64)
    nearest = cKDTree(corners.mean(1)).query(middle, 12)[1]  # [468,12]
    weights, distance = onto(middle[:, None], corners[nearest])
    best = distance.argmin(1)
    rows = np.arange(468)
    out = {
        "triangles": triangles[nearest[rows, best]].astype(np.int32),
        "weights": weights[rows, best].astype(np.float32),
        "spread": spread.astype(np.float32),
    }
    kept = np.load(Path(__file__).parents[1] / "head" / "landmarks.npz")
    for name in ("triangles", "weights"):
        out[name][list(MARGINS)] = kept[name][list(MARGINS)]
    return out


def _median(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median places [468,3] of [n,468,3] and of their mirror images, and the median distance from them."""
    both = np.concatenate([seen, seen[:, MIRROR[:468]] * [-1, 1, 1]])
    middle = np.nanmedian(both, axis=0)
    return middle, np.nanmedian(np.linalg.norm(both - middle, axis=-1), axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    head = load_head()
    found = settle(head, *seen_places(head, args.people))
    np.savez_compressed(args.out, **found)
    print(f"{args.out}: spread {1000 * np.median(found['spread']):.1f} mm")


if __name__ == "__main__":
    main()
