"""A face for tests of networks: MediaPipe's canonical one in a crop, turned as asked."""

import numpy as np
import torch
from conftest import ROOT
from torch import Tensor

from addon.core.faces.topology import EYE_LEFT, EYE_RIGHT
from models.head.animator import rotation


def canonical(size: int, pose=(0.0, 0.0, 0.0), centre=(0.0, 0.0, 1.2)) -> Tensor:
    """float32 [1,478,3]: landmarks in pixels of a crop of `size`, turned about `centre` as models.networks.blocks
    understands it; the irises lie on the eyes' middles."""
    mesh = np.load(ROOT / "addon" / "packs" / "face" / "canonical_face.npz")["points"] * [1, -1, -1]
    irises = [mesh[list(EYE_RIGHT)].mean(0)] * 5 + [mesh[list(EYE_LEFT)].mean(0)] * 5
    points = torch.tensor(np.concatenate([mesh, irises]), dtype=torch.float32)
    points = (points - points[:468].mean(0)) * 0.195 * size / eye_distance(points)
    pivot = eye_distance(points) * torch.tensor(centre)
    turned = (points - pivot) @ rotation(torch.tensor([pose]))[0].T + pivot
    return (turned + torch.tensor([(size - 1) / 2, (size - 1) / 2, 0.0]))[None]


def eye_distance(points: Tensor) -> Tensor:
    """Of landmarks [478,3]: between the eyes' middles, with depth."""
    return (points[list(EYE_LEFT)].mean(0) - points[list(EYE_RIGHT)].mean(0)).norm()
