"""Trains the attribute estimator on synthetic people, in rounds.

Looking at a face costs ten times what learning from it does. So a round draws some faces, each altered at random, looks
at them once, and learns from them several times. A round follows from the seed and its number alone: a broken run goes
on at the last whole round and ends with the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from addon.core.attributes import COMMON, INDEX, POSE
from addon.core.faces.landmarks import SIDE, region_of
from addon.core.faces.picture import Picture
from addon.core.faces.topology import MIRROR

from . import augment, metrics
from .estimator import BRANCHES, CHANGE, Estimator, EstimatorConfig, tensors, wanted
from .features import FeatureReader, Features
from .training import Schedule, train
from .views import Views

MIRRORED = (INDEX["pose_yaw"], INDEX["pose_roll"], INDEX["gaze_yaw"])
LOOKED_AT = 32  # crops at a time
UNIT_COUNT = len(COMMON) - len(POSE)  # OpenFace's and the papers' units, which stand first
SMALLEST_SPREAD = 0.02  # of a label's standard deviation, which errors are counted in


@dataclass(frozen=True)
class EstimatorTraining:
    rounds: int = 40
    faces: int = 1024  # a round
    passes: int = 4  # over a round's faces
    batch: int = 64
    rate: float = 1e-3  # falls to 0 along a cosine
    decay: float = 0.02  # of the weights
    averaged: float = 0.995  # of the running mean of the weights, which is what judges
    judged: int = 5  # rounds between two looks at people held out
    concord: float = 0.5  # weight of 1 - CCC, which keeps readings from shrinking towards the mean
    seed: int = 0
    network: EstimatorConfig = field(default_factory=EstimatorConfig)


PRESETS = {
    "cpu": EstimatorTraining(),
    "h200": EstimatorTraining(rounds=400, faces=2048, network=EstimatorConfig(hidden=224)),
    "smoke": EstimatorTraining(rounds=2, faces=24, passes=2, batch=12, network=EstimatorConfig(hidden=16)),
}


@dataclass(frozen=True)
class Faces:
    """What a round learns from: the estimator's inputs and, in its order, what it should read [N,25]."""

    inputs: tuple[Tensor, ...]
    wanted: Tensor

    def __len__(self) -> int:
        return len(self.wanted)


def drawn(views: Views, reader: FeatureReader, training: EstimatorTraining, number: int) -> Faces:
    """The faces of round `number`, each altered: rows 2k and 2k + 1 are one person."""
    rng = np.random.default_rng([training.seed, number])
    chosen = pairs(views, training.faces // 2, rng)
    faces_of = rng.integers(2**63, size=len(chosen) // 2).repeat(2)
    parts, labels = [], []
    for start in range(0, len(chosen), LOOKED_AT):
        part = slice(start, start + LOOKED_AT)
        made = [
            altered(views, int(i), np.random.default_rng(face), rng)
            for i, face in zip(chosen[part], faces_of[part], strict=True)
        ]
        crops, matrices, mirrored = zip(*made, strict=True)
        parts.append(reader.crops(np.stack(crops), np.stack(matrices)))
        labels.append(_mirrored(views.attributes[chosen[part]], np.array(mirrored)))
    return faces(Features.joined(parts), np.concatenate(labels))


def pairs(views: Views, count: int, rng: np.random.Generator) -> np.ndarray:
    """int [2 count]: two views each of people drawn at random."""
    rows = [np.flatnonzero(views.person == person) for person in views.people]
    drawn = [rows[int(i)] for i in rng.integers(len(rows), size=count)]
    return np.concatenate([rng.choice(own, 2, replace=len(own) < 2) for own in drawn])


def altered(
    views: Views, index: int, face: np.random.Generator, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, bool]:
    """(uint8 crop [256,256,3] of one view as another camera and another face of its kind would have given it, what
    leads its pixels back to the picture's [2,3], whether it is mirrored, as its labels then are). face: draws the
    face's shape and the camera, as they are in all pictures of one person; rng: the rest."""
    picture, points = views.picture(index), views.landmarks[index]
    mirrored = bool(face.random() < 0.5)
    if mirrored:
        picture, points = np.ascontiguousarray(picture[:, ::-1]), mirror(points, picture.shape[1])
    region = augment.jittered(rng, region_of(points))
    crop = augment.reshaped(face, picture, region, SIDE)
    return augment.covered(rng, augment.photographed(face, crop)), region.to_picture(SIDE), mirrored


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


def plain(views: Views, reader: FeatureReader) -> Faces:
    """The views as they are, to be judged by."""
    parts = []
    for start in range(0, len(views), LOOKED_AT):
        part = range(start, min(start + LOOKED_AT, len(views)))
        regions = [region_of(views.landmarks[i]) for i in part]
        crops = [Picture(views.picture(i)).crop(region, SIDE) for i, region in zip(part, regions, strict=True)]
        parts.append(reader.crops(np.stack(crops), np.stack([region.to_picture(SIDE) for region in regions])))
    return faces(Features.joined(parts), views.attributes)


def faces(features: Features, attributes: np.ndarray) -> Faces:
    return Faces(tensors(features), torch.from_numpy(wanted(attributes, features.turn)))


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


def losses_of(read: dict[str, Tensor], true: Tensor, spread: Tensor, concord: float) -> Tensor:
    """The sum of all branches' losses on faces [B,25], of which rows 2k and 2k + 1 are one person."""
    total = loss(read[CHANGE][::2] - read[CHANGE][1::2], true[::2] - true[1::2], spread, concord)
    for name in BRANCHES:
        total = total + loss(read[name], true, spread, concord)
    return total


def scores(net: Estimator, judged: Faces, views: Views) -> dict[str, dict[str, np.ndarray]]:
    """MAE, Pearson, ICC(3,1) [25] of each branch; of `change`, between the views and their people's photos."""
    out = {}
    with torch.no_grad():
        parts = [net.branches(*(x[i : i + 64] for x in judged.inputs)) for i in range(0, len(judged), 64)]
    photos, rows, of = views.beside_photos()
    for name in (*BRANCHES, CHANGE):
        read, true = torch.cat([part[name] for part in parts]).numpy(), judged.wanted.numpy()
        if name == CHANGE:
            read, true = (values[rows] - values[photos[of]] for values in (read, true))
        out[name] = {
            "mae": metrics.mae(read, true),
            "pearson": metrics.pearson(read, true),
            "icc": metrics.icc(read, true),
        }
    return out


def train_estimator(
    views: Views,
    held_out: Views,
    folder: Path,
    training: EstimatorTraining,
    facts: dict,
    resume: bool,
    threads: int = 1,
) -> Estimator:
    """Trains on `views`, looks at `held_out`; returns the estimator with its averaged weights. See training.train."""
    torch.manual_seed(training.seed)
    networks = nn.ModuleDict({"estimator": Estimator(training.network)})
    reader = FeatureReader(threads=threads)
    spread = spread_of(views)
    judged = plain(held_out, reader)
    schedule = Schedule(
        rounds=training.rounds,
        steps=training.passes * (training.faces // training.batch),
        rate=training.rate,
        decay=training.decay,
        averaged=training.averaged,
        judged=training.judged,
        seed=training.seed,
    )

    def losses(number: int) -> Iterator[Tensor]:
        seen = drawn(views, reader, training, number)
        for _ in range(training.passes):
            for people in torch.randperm(len(seen) // 2).split(training.batch // 2)[: training.faces // training.batch]:
                chosen = torch.stack([2 * people, 2 * people + 1], 1).flatten()
                read = networks["estimator"].branches(*(x[chosen] for x in seen.inputs))
                yield losses_of(read, seen.wanted[chosen], spread, training.concord)

    def judge(networks: nn.ModuleDict) -> dict[str, float]:
        figures = scores(networks["estimator"], judged, held_out)
        out = {}
        for name, values in figures.items():
            out |= {f"{name} r": float(np.nanmean(values["pearson"][:UNIT_COUNT]))}
        out["icc"] = float(np.nanmean(figures["joint"]["icc"][:UNIT_COUNT]))
        out["mae"] = float(np.nanmean(figures["joint"]["mae"][:UNIT_COUNT]))
        return out | {"turn": float(np.degrees(figures["joint"]["mae"][-3:].mean()))}

    facts = {"system": "judge: estimator", "training": asdict(training), **facts}
    return train(folder, facts, networks, schedule, losses, judge, resume)["estimator"]
