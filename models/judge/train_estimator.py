"""Trains the attribute estimator on synthetic people, in rounds of steps.

Each step draws people anew, two views of each, and alters them at random. A step follows from the seed and its number
alone: a broken run goes on at the last whole round and ends with the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from addon.core.attributes import AT_UNITS, COMMON, INDEX, POSE, UNITS
from addon.core.errors import ZygomaError
from addon.core.faces import FaceReader
from addon.core.faces.changes import SIDE, close_region
from addon.core.faces.measures import in_head_frame
from addon.core.faces.picture import Picture, Region
from addon.core.faces.topology import EYE_LEFT, EYE_RIGHT, MIRROR

from . import augment, metrics
from .estimator import ALONE, CHANGE, Estimator, EstimatorConfig, find, in_picture, tensor, wanted
from .training import Schedule, train
from .views import Views

MIRRORED = (INDEX["pose_yaw"], INDEX["pose_roll"], INDEX["gaze_yaw"])
WIDEST = 2.0  # times; beyond it noise would be read for units that are hardly seen
EVENED = 100  # people
LAID_OUT = 256  # views whose landmarks' mean is where training begins
UNIT_COUNT = len(COMMON) - len(POSE)  # OpenFace's and the papers' units, which stand first
NOISE = 0.015  # eye distances
SMALLEST_SPREAD = 0.02  # of a label's standard deviation, which errors are counted in


@dataclass(frozen=True)
class EstimatorTraining:
    rounds: int = 80
    steps: int = 128  # a round
    batch: int = 32
    rate: float = 1e-3  # falls to 0 along a cosine
    decay: float = 0.02  # of the weights
    averaged: float = 0.999  # of the running mean of the weights, which is what judges
    judged: int = 8  # rounds between two looks at people held out
    landmarks: float = 60.0  # weight of their mean distance from the truth, in eye distances
    depth: float = 0.3  # what a landmark's distance along the axis counts beside those in the picture
    told: float = 3.0  # weight of what landmarks that are off falsely tell of units, see telling
    concord: float = 0.5  # weight of 1 - CCC, which keeps readings from shrinking towards the mean
    precision: str = "float32"  # or bfloat16, where the processor multiplies it
    seed: int = 0
    network: EstimatorConfig = field(default_factory=EstimatorConfig)


PRESETS = {
    "cpu": EstimatorTraining(),
    "h200": EstimatorTraining(rounds=800, batch=256, precision="bfloat16"),
    "smoke": EstimatorTraining(
        rounds=2, steps=3, batch=8, network=EstimatorConfig(widths=(4, 4, 6, 8), hidden=16, maps=(2, 4), kept=2, near=8)
    ),
}


@dataclass(frozen=True)
class Faces:
    """What a step learns from, N faces: crops uint8 [N,128,128,3]; angle [N] of the crops in their pictures; landmarks
    float32 [N,478,3] in sides of the crop from its middle; attributes float32 [N,25] in the order of NAMES."""

    crops: np.ndarray
    angle: np.ndarray
    landmarks: np.ndarray
    attributes: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)


def drawn(views: Views, training: EstimatorTraining, step: int) -> Faces:
    """The faces of one step, each altered: rows 2k and 2k + 1 are one person."""
    rng = np.random.default_rng([training.seed, step])
    chosen = pairs(views, training.batch // 2, rng)
    faces_of = rng.integers(2**63, size=len(chosen) // 2).repeat(2)
    made = [altered(views, int(i), np.random.default_rng(face), rng) for i, face in zip(chosen, faces_of, strict=True)]
    crops, angle, landmarks, mirrored = (np.array(part) for part in zip(*made, strict=True))
    return Faces(crops, angle, landmarks, _mirrored(views.attributes[chosen], mirrored))


def pairs(views: Views, count: int, rng: np.random.Generator) -> np.ndarray:
    """int [2 count]: two views each of people drawn at random."""
    starts, ends = views.rows_of_people
    at = rng.integers(len(starts), size=count)
    drawn = [rng.choice(np.arange(starts[i], ends[i]), 2, replace=ends[i] - starts[i] < 2) for i in at]
    return np.concatenate(drawn)


def altered(
    views: Views, index: int, face: np.random.Generator, rng: np.random.Generator
) -> tuple[np.ndarray, float, np.ndarray, bool]:
    """(uint8 crop [128,128,3] of one view as another camera and another face of its kind would have given it, its angle
    in the picture, its landmarks, whether it is mirrored, as its labels then are). face: draws the face's shape and the
    camera, as they are in all pictures of one person; rng: the rest."""
    picture, points = views.picture(index), views.landmarks[index]
    mirrored = bool(face.random() < 0.5)
    if mirrored:
        picture, points = np.ascontiguousarray(picture[:, ::-1]), mirror(points, picture.shape[1])
    region = augment.jittered(rng, close_region(points))
    crop, there = augment.reshaped(face, picture, region, SIDE, points)
    there = np.c_[there - (SIDE - 1) / 2, points[:, 2] * SIDE / region.side] / SIDE
    crop = augment.covered(rng, augment.photographed(face, crop))
    return crop, region.angle, there.astype(np.float32), mirrored


def mirror(points: np.ndarray, width: int) -> np.ndarray:
    """Landmarks [478,3] of a mirrored picture."""
    out = points[MIRROR].copy()
    out[:, 0] = width - 1 - out[:, 0]
    return out


def _mirrored(attributes: np.ndarray, where: np.ndarray) -> np.ndarray:
    out = attributes.copy()
    for at in MIRRORED:
        out[where, at] *= -1
    return out


def plain(views: Views) -> Faces:
    """The views as they are, to be judged by."""
    regions = [close_region(points) for points in views.landmarks]
    crops = [Picture(views.picture(i)).crop(region, SIDE) for i, region in enumerate(regions)]
    landmarks = [in_crop(points, region) for points, region in zip(views.landmarks, regions, strict=True)]
    return Faces(np.stack(crops), np.array([region.angle for region in regions]), np.stack(landmarks), views.attributes)


def in_crop(points: np.ndarray, region: Region) -> np.ndarray:
    """float32 [478,3]: landmarks [478,3] of a picture in sides of a crop from its middle."""
    c, s = np.cos(region.angle), np.sin(region.angle)
    away = (points[:, :2] - [region.x, region.y]) @ np.array([[c, -s], [s, c]])
    return (np.c_[away, points[:, 2]] / region.side).astype(np.float32)


def loss(read: Tensor, true: Tensor, spread: Tensor, concord: float) -> Tensor:
    """Mean squared error [B,25] in units of each output's spread [25], plus `concord` (1 - CCC) over the batch."""
    error = ((read - true) / spread).square().mean()
    a, b = read - read.mean(0), true - true.mean(0)
    apart = (read.mean(0) - true.mean(0)).square()
    ccc = 2 * (a * b).mean(0) / (a.square().mean(0) + b.square().mean(0) + apart + 1e-4 * spread.square())
    return error + concord * (1 - ccc).mean()


def spread_of(views: Views) -> Tensor:
    """float32 [25]: the standard deviation of each output over people; a pose's corrections are small, 2 degrees."""
    turn = np.tile(np.eye(3, dtype=np.float32), (len(views), 1, 1))
    spread = wanted(views.attributes, turn).std(0)
    spread[-3:] = np.radians(2)
    return torch.from_numpy(np.maximum(spread, SMALLEST_SPREAD).astype(np.float32))


def telling(views: Views) -> Tensor:
    """float32 [1434,20]: what landmarks in the head's frame tell of the units, in each one's spread, by a linear
    regression that expects them to be NOISE off. Units hang on few of all the ways in which landmarks can be off."""
    pose = FaceReader(threads=1).head_pose
    heads = np.stack([in_head_frame(points, pose.turn(points)).ravel() for points in views.landmarks])
    heads -= heads.mean(0)
    units = views.attributes[:, AT_UNITS]
    units = (units - units.mean(0)) / np.maximum(units.std(0), SMALLEST_SPREAD)
    spread = heads.T @ heads + len(heads) * NOISE**2 * np.eye(heads.shape[1])
    return torch.from_numpy(np.linalg.solve(spread, heads.T @ units).astype(np.float32))


def eye_distances(landmarks: Tensor) -> Tensor:
    """[B,1,1]: between the middles of the eyes, of landmarks [B,478,3]."""
    across = landmarks[:, list(EYE_LEFT)].mean(1) - landmarks[:, list(EYE_RIGHT)].mean(1)
    return across.norm(dim=1)[:, None, None]


def distance(off: Tensor, depth: float) -> Tensor:
    """Mean of how far landmarks [...,3] are off in the picture, and along its axis by the weight `depth`."""
    return off[..., :2].abs().mean() + depth * off[..., 2].abs().mean()


def losses_of(
    found: dict[str, Tensor], faces: Faces, spread: Tensor, told: Tensor, training: EstimatorTraining
) -> Tensor:
    """The loss of what the network found of these faces: its landmarks' and its readings', of each face and of the
    difference between two of one person. spread, told: see spread_of and telling."""
    landmarks = torch.from_numpy(faces.landmarks)
    first, off = ((found[name] - landmarks) / eye_distances(landmarks) for name in ("first", "points"))
    turn = found["turn"].detach()
    in_head = off @ turn
    changed = in_head[::2] - in_head[1::2]
    total = training.landmarks * sum(distance(x, training.depth) for x in (first, off, changed))
    total = total + training.told * (in_head.flatten(1) @ told).abs().mean()
    true = torch.from_numpy(wanted(faces.attributes, in_picture(turn.numpy(), faces.angle)))
    total = total + loss(found[ALONE], true, spread, training.concord)
    change = found[CHANGE]
    return total + loss(change[::2] - change[1::2], true[::2] - true[1::2], spread, training.concord)


def landmark_error(found: np.ndarray, true: np.ndarray) -> float:
    """Median distance in the picture of landmarks [N,478,3] from the true ones, in eye distances."""
    eyes = eye_distances(torch.from_numpy(true)).numpy()[:, 0]
    return float(np.median(np.linalg.norm((found - true)[..., :2], axis=-1) / eyes))


def scores(net: Estimator, judged: Faces, views: Views) -> dict[str, dict[str, np.ndarray]]:
    """MAE, Pearson, ICC(3,1) [25] of `alone`; of `change`, between the views and their people's photos."""
    found = find(net, judged.crops, judged.angle)
    true = wanted(judged.attributes, found["turn"])
    photos, rows, of = views.beside_photos()
    beside = tuple(values[rows] - values[photos[of]] for values in (found[CHANGE], true))
    return {
        name: {
            "mae": metrics.mae(read, actual),
            "pearson": metrics.pearson(read, actual),
            "icc": metrics.icc(read, actual),
        }
        for name, (read, actual) in {ALONE: (found[ALONE], true), CHANGE: beside}.items()
    } | {"landmarks": {"error": np.array(landmark_error(found["points"], judged.landmarks))}}


@torch.no_grad()
def mixed(net: Estimator, start: Estimator, share: float) -> None:
    """Moves weights part of the way back to those of `start`, from which they came: what either learnt that the other
    did not carries over to new people and real faces better from between them. Changes the network."""
    weights, before = net.state_dict(), start.state_dict()
    for name, value in weights.items():
        if value.is_floating_point():
            value.lerp_(before[name], share)


@torch.no_grad()
def even(net: Estimator, views: Views) -> None:
    """Widens the unit readings of people it learnt from until they spread as far as the truth, at most WIDEST times: a
    network that is unsure of what it sees keeps near the mean, and full strength would never be read. Changes the
    network."""
    faces = plain(views)
    found = find(net, faces.crops, faces.angle)
    true = wanted(faces.attributes, found["turn"])[:, : len(UNITS)]
    photos, rows, of = views.beside_photos()
    for layer, name in ((net.read_alone, ALONE), (net.read_change, CHANGE)):
        read = found[name][:, : len(UNITS)]
        spreads = [x.std(0) if name == ALONE else (x[rows] - x[photos[of]]).std(0) for x in (true, read)]
        wider = np.clip(spreads[0] / np.maximum(spreads[1], 1e-3), 1, WIDEST).astype(np.float32)
        layer.weight[: len(UNITS)] *= torch.from_numpy(wider)[:, None]
        layer.bias[: len(UNITS)] *= torch.from_numpy(wider)
        layer.bias[: len(UNITS)] += torch.from_numpy(true.mean(0) - wider * read.mean(0))


def train_estimator(
    views: Views,
    held_out: Views,
    folder: Path,
    training: EstimatorTraining,
    facts: dict,
    resume: bool,
    start: Estimator | None = None,
    share: float = 0.0,
) -> Estimator:
    """Trains on `views`, looks at `held_out`; returns the estimator with its averaged weights, evened. start: one with
    whose weights it begins; share: what it keeps of those in the end, see mixed. Raises ZygomaError where `start` is
    another network; see training.train."""
    if start is not None and start.config != training.network:
        raise ZygomaError(
            f"The weights to begin with are of another network, {start.config}, than the preset's, {training.network}; "
            "take the preset that they were trained by."
        )
    torch.manual_seed(training.seed)
    first = plain(views.of(np.linspace(0, len(views) - 1, min(len(views), LAID_OUT)).astype(int)))
    net = Estimator(training.network, torch.from_numpy(first.landmarks.mean(0)))
    if start is not None:
        net.load_state_dict(start.state_dict())
    networks = nn.ModuleDict({"estimator": net.to(memory_format=torch.channels_last)})
    spread, told = spread_of(views), telling(views)
    judged = plain(held_out)
    schedule = Schedule(
        rounds=training.rounds,
        steps=training.steps,
        rate=training.rate,
        decay=training.decay,
        averaged=training.averaged,
        judged=training.judged,
        seed=training.seed,
    )

    def losses(number: int) -> Iterator[Tensor]:
        for i in range(training.steps):
            faces = drawn(views, training, number * training.steps + i)
            with torch.autocast("cpu", torch.bfloat16, enabled=training.precision == "bfloat16"):
                found = networks["estimator"].branches(tensor(faces.crops))
            yield losses_of(found, faces, spread, told, training)

    def judge(networks: nn.ModuleDict) -> dict[str, float]:
        figures = scores(networks["estimator"], judged, held_out)
        out = {f"{name} r": float(np.nanmean(figures[name]["pearson"][:UNIT_COUNT])) for name in (ALONE, CHANGE)}
        out["icc"] = float(np.nanmean(figures[CHANGE]["icc"][:UNIT_COUNT]))
        out["landmarks"] = float(figures["landmarks"]["error"])
        return out | {"turn": float(np.degrees(figures[ALONE]["mae"][-3:].mean()))}

    facts = {"system": "judge: estimator", "training": asdict(training), **facts}
    net = train(folder, facts, networks, schedule, losses, judge, resume)["estimator"].eval()
    if start is not None:
        mixed(net, start, share)
    even(net, views.of(np.isin(views.person, views.people[:EVENED])))
    return net
