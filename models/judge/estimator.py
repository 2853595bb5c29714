"""The attribute estimator: Action Units, gaze and head pose of one face, from what MediaPipe's networks see of it.

Two readers with one last layer each, and one that has both before it: `geometry` knows landmarks in the head's frame
and blendshapes, `appearance` the landmark network's inner maps, where folds and teeth are still to be seen. The joint
one is the reading; the other two tell what it rests on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, AT_UNITS, GAZE, NAMES, UNITS
from addon.core.faces.pose import angles
from addon.core.mesh.fit import rotation

from . import weights_file
from .features import Features

BRANCHES = ("joint", "geometry", "appearance")
INPUTS = ("maps_32", "maps_16", "maps_8", "points", "blendshapes")
OUTPUTS = (*UNITS, *GAZE, "turn_x", "turn_y", "turn_z")  # turn: a rotation vector that corrects the landmarks' pose
AT_TURN = slice(len(OUTPUTS) - 3, len(OUTPUTS))


@dataclass(frozen=True)
class EstimatorConfig:
    channels: int = 48  # of the appearance branch at 16 x 16, twice as many at 8 x 8
    hidden: int = 160  # what each branch hands to the joint layer
    dropout: float = 0.3


def _conv(channels: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, size, stride, size // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class Appearance(nn.Module):
    """The landmark network's maps -> [B,hidden]. The last maps are flattened, not pooled: the crop follows the face, so
    a place in them is a place in the face."""

    def __init__(self, config: EstimatorConfig):
        super().__init__()
        c = config.channels
        self.norm_32, self.norm_16, self.norm_8 = (nn.BatchNorm2d(n, affine=False) for n in (64, 128, 128))
        self.squeeze_32 = _conv(64, c // 2, 1)
        self.down_32 = _conv(c // 2, c, 3, 2)
        self.squeeze_16 = _conv(128, c, 1)
        self.down_16 = _conv(2 * c, 2 * c, 3, 2)
        self.squeeze_8 = _conv(128, c, 1)
        self.down_8 = _conv(3 * c, 2 * c, 3, 2)
        self.out = nn.Sequential(
            nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(2 * c * 16, config.hidden), nn.ReLU(inplace=True)
        )

    def forward(self, maps_32: Tensor, maps_16: Tensor, maps_8: Tensor) -> Tensor:
        x = self.down_32(self.squeeze_32(self.norm_32(maps_32)))  # [B,c,16,16]
        x = self.down_16(torch.cat([x, self.squeeze_16(self.norm_16(maps_16))], 1))  # [B,2c,8,8]
        x = self.down_8(torch.cat([x, self.squeeze_8(self.norm_8(maps_8))], 1))  # [B,2c,4,4]
        return self.out(x)


class Geometry(nn.Module):
    """Landmarks in the head's frame and blendshapes -> [B,hidden]."""

    def __init__(self, config: EstimatorConfig):
        super().__init__()
        self.norm_points, self.norm_scores = nn.BatchNorm1d(478 * 3, affine=False), nn.BatchNorm1d(52, affine=False)
        self.layers = nn.Sequential(
            nn.Linear(478 * 3 + 52, 256),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Linear(256, config.hidden),
            nn.ReLU(inplace=True),
        )

    def forward(self, points: Tensor, blendshapes: Tensor) -> Tensor:
        x = torch.cat([self.norm_points(points.flatten(1)), self.norm_scores(blendshapes)], 1)
        return self.layers(x.clamp(-6, 6))  # a face unlike any that was learnt from stays within reach


class Estimator(nn.Module):
    def __init__(self, config: EstimatorConfig = EstimatorConfig()):
        super().__init__()
        self.config = config
        self.appearance, self.geometry = Appearance(config), Geometry(config)
        self.read_appearance = nn.Linear(config.hidden, len(OUTPUTS))
        self.read_geometry = nn.Linear(config.hidden, len(OUTPUTS))
        self.read_joint = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(2 * config.hidden, len(OUTPUTS)))

    def branches(self, maps_32, maps_16, maps_8, points, blendshapes) -> dict[str, Tensor]:
        """Each branch's reading [B,25] in the order of OUTPUTS; `embedding` [B,2 hidden]: what the joint one reads."""
        seen, known = self.appearance(maps_32, maps_16, maps_8), self.geometry(points, blendshapes)
        both = torch.cat([known, seen], 1)
        return {
            "joint": self.read_joint(both),
            "geometry": self.read_geometry(known),
            "appearance": self.read_appearance(seen),
            "embedding": both,
        }

    def forward(self, maps_32, maps_16, maps_8, points, blendshapes) -> Tensor:
        """Features of B faces (see features.Features) -> float32 [B,25] in the order of OUTPUTS, units not clamped."""
        return self.branches(maps_32, maps_16, maps_8, points, blendshapes)["joint"]


def tensors(features: Features) -> tuple[Tensor, ...]:
    """The estimator's inputs."""
    return tuple(torch.from_numpy(np.ascontiguousarray(getattr(features, name))) for name in INPUTS)


def wanted(attributes: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """float32 [N,25] in the order of OUTPUTS: what is to be read of faces with these true attributes [N,25] whose
    landmarks say `turn` [N,3,3]."""
    true = np.stack([rotation(pose) for pose in attributes[:, AT_POSE]])
    correction = Rotation.from_matrix(np.swapaxes(turn, 1, 2) @ true).as_rotvec()
    at_gaze = [NAMES.index(name) for name in GAZE]
    return np.concatenate([attributes[:, AT_UNITS], attributes[:, at_gaze], correction], 1).astype(np.float32)


def attributes(readings: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """float32 [N,25] in the order of NAMES of readings [N,25] in the order of OUTPUTS: units 0..1, pose the landmarks'
    `turn` [N,3,3], corrected."""
    out = np.zeros((len(readings), len(NAMES)), np.float32)
    out[:, AT_UNITS] = np.clip(readings[:, : len(UNITS)], 0, 1)
    out[:, [NAMES.index(name) for name in GAZE]] = readings[:, len(UNITS) : len(UNITS) + len(GAZE)]
    corrected = turn @ Rotation.from_rotvec(readings[:, AT_TURN]).as_matrix()
    out[:, AT_POSE] = [angles(r) for r in corrected]
    return out


def save(net: Estimator, path: Path) -> None:
    """Weights as float16 safetensors, with the configuration."""
    weights_file.save(path, "estimator", asdict(net.config), net.state_dict())


def load(path: Path) -> Estimator:
    """The estimator, ready to judge: not trainable, in evaluation mode. Raises PackError where the file is none."""
    config, state = weights_file.load(path, "estimator")
    net = Estimator(weights_file.config(EstimatorConfig, config, path))
    weights_file.fill(net, state, path)
    return net
