"""Trains the identity network on synthetic people: who is it, among all of them, whatever the face does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.faces.crop import cut as cut_crop
from addon.core.faces.crop import face_crop

from . import augment, metrics
from .identity import INPUT, SHIFT, SIDE, IdentityConfig, IdentityNet
from .training import Schedule, train
from .views import Views

FAR = (0.01, 0.001)  # shares of strangers that pass, at which acceptance is stated
PAIRS = 20_000  # of strangers, at most


@dataclass(frozen=True)
class IdentityTraining:
    rounds: int = 60
    steps: int = 40  # a round
    batch: int = 32
    rate: float = 1e-3  # falls to 0 along a cosine
    decay: float = 5e-4
    averaged: float = 0.99
    judged: int = 5  # rounds between two looks at people held out
    margin: float = 0.25  # what the cosine with the own class must be ahead by (CosFace, Wang et al. 2018, eq. 4)
    scale: float = 24.0  # of cosines before the softmax
    seed: int = 0
    network: IdentityConfig = field(default_factory=IdentityConfig)


PRESETS = {
    "paper": IdentityTraining(rounds=2000, steps=100, batch=128, margin=0.0),
    "h200": IdentityTraining(rounds=400, batch=256),
    "cpu": IdentityTraining(rounds=24, network=IdentityConfig(width=0.25, embedding=128)),
    "smoke": IdentityTraining(rounds=2, steps=3, batch=8, network=IdentityConfig(width=0.1, embedding=16)),
}


class PeopleHead(nn.Module):
    """One direction a person: cosines of embeddings [B,D] with them, less the margin at the own one, scaled."""

    def __init__(self, people: int, embedding: int, margin: float, scale: float):
        super().__init__()
        self.margin, self.scale = margin, scale
        self.directions = nn.Parameter(torch.randn(people, embedding) * 0.05)

    def forward(self, embedding: Tensor, person: Tensor) -> Tensor:
        """Cross-entropy of embeddings [B,D] and the people int64 [B] that they are of."""
        cosine = F.normalize(embedding, dim=1) @ F.normalize(self.directions, dim=1).T
        own = F.one_hot(person, len(self.directions))
        return F.cross_entropy(self.scale * (cosine - self.margin * own), person)


def drawn(views: Views, person: np.ndarray, training: IdentityTraining, step: int) -> tuple[Tensor, Tensor]:
    """(pictures float32 [B,1,128,128] in 0..1, who int64 [B]) of one step; they follow from the seed and its number."""
    rng = np.random.default_rng([training.seed, step])
    chosen = rng.integers(0, len(views), training.batch)
    faces = np.stack([altered(views, int(i), rng) for i in chosen])
    return torch.from_numpy(faces)[:, None].float() / 255, torch.from_numpy(person[chosen])


def altered(views: Views, index: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 [128,128] grey: one view's face as another crop and another camera would have given it. Its shape stays:
    that is who it is."""
    crop = face_crop(_moved(views.landmarks[index], rng), INPUT, SIDE, SHIFT)
    picture = cut_crop(views.picture(index), crop)
    picture = augment.covered(rng, augment.photographed(rng, picture))
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return grey(picture)


def grey(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture @ metrics.GREY + 0.5, 0, 255).astype(np.uint8)


def _moved(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Landmarks moved together, so that the crop they ask for is jittered."""
    points = points[:, :2].astype(np.float64)
    middle, size = points.mean(0), np.ptp(points[:, 1])
    turn = rng.uniform(-2, 2) * augment.TURN
    scale = np.exp(rng.uniform(-1.5, 1.5) * augment.SCALE)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (points - middle) @ matrix.T + middle + rng.uniform(-1.5, 1.5, 2) * augment.SHIFT * size


def plain(views: Views) -> Tensor:
    """float32 [N,1,128,128] in 0..1, the views' faces as they are."""
    faces = [
        grey(cut_crop(views.picture(i), face_crop(views.landmarks[i], INPUT, SIDE, SHIFT))) for i in range(len(views))
    ]
    return torch.from_numpy(np.stack(faces))[:, None].float() / 255


@torch.no_grad()
def embeddings(net: IdentityNet, faces: Tensor) -> np.ndarray:
    """float32 [N,D] of length 1."""
    return torch.cat([F.normalize(net(faces[i : i + 64])[0], dim=1) for i in range(0, len(faces), 64)]).numpy()


def pairs(embedded: np.ndarray, person: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(cosines of all pairs of one person, cosines of pairs of two, at most PAIRS of them) of embeddings [N,D]."""
    first, second = np.triu_indices(len(person), 1)
    alike = person[first] == person[second]
    rng = np.random.default_rng(seed)
    strangers = np.flatnonzero(~alike)
    if len(strangers) > PAIRS:
        strangers = rng.choice(strangers, PAIRS, replace=False)
    cosines = [
        metrics.similarity(embedded[first[at]], embedded[second[at]]) for at in (np.flatnonzero(alike), strangers)
    ]
    return cosines[0], cosines[1]


def verification(embedded: np.ndarray, person: np.ndarray) -> dict[str, float]:
    """ROC AUC, acceptance at FAR, and the accuracy and threshold of the best balanced cut."""
    same, different = pairs(embedded, person)
    threshold = metrics.best_threshold(same, different)
    out = {"auc": metrics.roc_auc(same, different)}
    out |= {f"tar@{far:g}": metrics.tar_at_far(same, different, far) for far in FAR}
    out["accuracy"] = float(((same >= threshold).mean() + (different < threshold).mean()) / 2)
    return out | {"threshold": threshold, "same": float(same.mean()), "different": float(different.mean())}


def train_identity(
    views: Views, held_out: Views, folder: Path, training: IdentityTraining, facts: dict, resume: bool
) -> IdentityNet:
    """Trains on `views`, looks at `held_out`, and returns the network with its averaged weights. See training.train."""
    torch.manual_seed(training.seed)
    known, person = np.unique(views.person, return_inverse=True)
    net = IdentityNet(training.network)
    head = PeopleHead(len(known), training.network.embedding, training.margin, training.scale)
    networks = nn.ModuleDict({"identity": net, "people": head})
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
            faces, who = drawn(views, person, training, number * training.steps + i)
            embedding, _ = networks["identity"](faces)
            yield networks["people"](F.dropout(embedding, training.network.dropout), who)

    def judge(networks: nn.ModuleDict) -> dict[str, float]:
        return verification(embeddings(networks["identity"], judged), held_out.person)

    facts = {"system": "judge: identity", "training": asdict(training), "people": len(known), **facts}
    return train(folder, facts, networks, schedule, losses, judge, resume)["identity"]
