"""The judges at work: pictures of faces in, attributes, expression and identity out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from addon.core.faces import FaceReader
from addon.core.faces.landmarks import region_of
from addon.core.faces.picture import Picture

from . import estimator, identity
from .crops import look
from .estimator import ALONE, CHANGE, Estimator, find
from .identity import IdentityNet

WEIGHTS = Path(__file__).with_name("weights")
BATCH = 16
PRESENT = 0.5


@dataclass(frozen=True)
class Readings:
    """N faces. attributes float32 [N,25] in the order of NAMES; change float32 [N,25]: what only differences between
    two pictures of one person tell of, see estimator.changed; expression float32 [N,E]: the estimator's embedding, of
    length 1; identity float32 [N,D], of length 1; landmarks float32 [N,478,3] in the picture; found bool [N]: whether a
    face was there to be read (the rest is of no use where not)."""

    attributes: np.ndarray
    change: np.ndarray
    expression: np.ndarray
    identity: np.ndarray
    landmarks: np.ndarray
    found: np.ndarray

    def __len__(self) -> int:
        return len(self.found)


class Judges:
    """Both judges, on the CPU."""

    def __init__(self, net: Estimator, identities: IdentityNet, threads: int = 1):
        self.estimator, self.identity = net, identities
        self.reader = FaceReader(threads=threads)

    @staticmethod
    def load(folder: Path = WEIGHTS, threads: int = 1) -> Judges:
        """Those trained. Raises PackError where weights are missing or do not fit."""
        return Judges(
            estimator.load(folder / "estimator.safetensors"), identity.load(folder / "identity.safetensors"), threads
        )

    def read(self, pictures: Sequence[np.ndarray], near: Sequence[np.ndarray]) -> Readings:
        """pictures uint8 [H,W,3]; near float [478,2+]: landmarks of each that are about right, where to look."""
        parts = [
            self._read(pictures[i : i + BATCH], near[i : i + BATCH]) for i in range(0, max(len(pictures), 1), BATCH)
        ]
        return Readings(*(np.concatenate([getattr(p, n) for p in parts]) for n in Readings.__dataclass_fields__))

    def _read(self, pixels: Sequence[np.ndarray], near: Sequence[np.ndarray]) -> Readings:
        pictures = [Picture(p) for p in pixels]
        seen = look(self.reader, pictures, [region_of(points) for points in near])
        found = find(self.estimator, seen.crops, seen.angle)
        expression = found["embedding"]
        return Readings(
            attributes=estimator.attributes(found[ALONE], found["turn"]),
            change=found[CHANGE],
            expression=expression / np.linalg.norm(expression, axis=1, keepdims=True).clip(1e-6),
            identity=embed(self.identity, pixels, seen.landmarks),
            landmarks=seen.landmarks,
            found=seen.presence >= PRESENT,
        )


@torch.no_grad()
def embed(net: IdentityNet, pictures: Sequence[np.ndarray], landmarks: np.ndarray) -> np.ndarray:
    """float32 [N,D] of length 1, the faces of pictures uint8 [H,W,3] cut out by their landmarks [N,478,3]."""
    out = []
    for picture, points in zip(pictures, landmarks, strict=True):
        image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        out.append(net.embed(image, torch.from_numpy(points)[None]).numpy())
    return np.concatenate(out)
