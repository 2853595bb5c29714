"""The attribute estimator: Action Units, gaze and head pose of one face, from what MediaPipe's networks see of it.

Two readers with one last layer each, and two that have both before them: `geometry` knows landmarks in the head's frame
and blendshapes, `appearance` the landmark network's inner maps, where folds and teeth are still to be seen. `joint` is
the reading of a face alone; the other two tell what it rests on. `change` is read of two pictures of one person, where
only the difference counts: whose brows these are then matters less than what they do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, AT_UNITS, GAZE, NAMES, UNITS
from addon.core.faces.pose import angles
from addon.core.mesh.fit import rotation

from ..graph import export_graph, write_graph
from . import weights_file
from .features import Features

BRANCHES = ("joint", "geometry", "appearance")  # readings of one face
CHANGE = "change"
INPUTS = ("maps_16", "maps_8", "points", "blendshapes")
OUTPUTS = (*UNITS, *GAZE, "turn_x", "turn_y", "turn_z")  # turn: a rotation vector that corrects the landmarks' pose
AT_TURN = slice(len(OUTPUTS) - 3, len(OUTPUTS))


@dataclass(frozen=True)
class EstimatorConfig:
    hidden: int = 128  # what each branch hands to the joint layer
    dropout: float = 0.3
    unseen: float = 0.3  # share of the inputs that training hides


FARTHEST = 5.0  # standard deviations: a face unlike any that was learnt from stays within reach


def hidden_layer(inputs: int, config: EstimatorConfig) -> nn.Sequential:
    """Normed before it is cut off at 0: steps that all weights take together would push every value below for good."""
    return nn.Sequential(nn.Linear(inputs, config.hidden, bias=False), nn.BatchNorm1d(config.hidden))


class Appearance(nn.Module):
    """The landmark network's maps -> [B,hidden], by one layer: what it learnt on real faces is kept as it is. The maps
    are flattened, not pooled: the crop follows the face, so a place in them is a place in the face."""

    def __init__(self, config: EstimatorConfig):
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * 128 * 8 * 8, affine=False)
        self.layer = hidden_layer(2 * 128 * 8 * 8, config)
        self.unseen, self.dropout = nn.Dropout(config.unseen), nn.Dropout(config.dropout)

    def forward(self, maps_16: Tensor, maps_8: Tensor) -> Tensor:
        x = torch.cat([maps_8, F.avg_pool2d(maps_16, 2)], 1).flatten(1)  # [B,256,8,8] -> [B,16384]
        return self.dropout(F.relu(self.layer(self.unseen(self.norm(x).clamp(-FARTHEST, FARTHEST)))))


class Geometry(nn.Module):
    """Landmarks in the head's frame and blendshapes -> [B,hidden]."""

    def __init__(self, config: EstimatorConfig):
        super().__init__()
        self.norm = nn.BatchNorm1d(478 * 3 + 52, affine=False)
        self.layer = hidden_layer(478 * 3 + 52, config)
        self.unseen, self.dropout = nn.Dropout(config.unseen), nn.Dropout(config.dropout)

    def forward(self, points: Tensor, blendshapes: Tensor) -> Tensor:
        x = torch.cat([points.flatten(1), blendshapes], 1)
        return self.dropout(F.relu(self.layer(self.unseen(self.norm(x).clamp(-FARTHEST, FARTHEST)))))


class Estimator(nn.Module):
    def __init__(self, config: EstimatorConfig = EstimatorConfig()):
        super().__init__()
        self.config = config
        self.appearance, self.geometry = Appearance(config), Geometry(config)
        self.read_appearance = nn.Linear(config.hidden, len(OUTPUTS))
        self.read_geometry = nn.Linear(config.hidden, len(OUTPUTS))
        self.read_joint = nn.Linear(2 * config.hidden, len(OUTPUTS))
        self.read_change = nn.Linear(2 * config.hidden, len(OUTPUTS))
        for read in (self.read_appearance, self.read_geometry, self.read_joint, self.read_change):
            nn.init.zeros_(read.weight)  # random readings are far larger than true ones
            nn.init.zeros_(read.bias)

    def branches(self, maps_16, maps_8, points, blendshapes) -> dict[str, Tensor]:
        """Each branch's reading [B,25] in the order of OUTPUTS; `embedding` [B,2 hidden]: what the joint one reads."""
        seen, known = self.appearance(maps_16, maps_8), self.geometry(points, blendshapes)
        both = torch.cat([known, seen], 1)
        return {
            "joint": self.read_joint(both),
            "geometry": self.read_geometry(known),
            "appearance": self.read_appearance(seen),
            CHANGE: self.read_change(both),
            "embedding": both,
        }

    def forward(self, maps_16, maps_8, points, blendshapes) -> Tensor:
        """Features of B faces (see features.Features) -> float32 [B,25] in the order of OUTPUTS, units not clamped."""
        return self.branches(maps_16, maps_8, points, blendshapes)["joint"]


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


def changed(before: np.ndarray, now: np.ndarray, true: np.ndarray) -> np.ndarray:
    """float32 [N,U]: units 0..1 of faces whose `change` reads `now` [N,25]: of people who show the units `true` [N,U]
    in a picture where it reads `before` [N,25]."""
    return np.clip(true + (now - before)[:, : len(UNITS)], 0, 1).astype(np.float32)


def save(net: Estimator, path: Path) -> None:
    """Weights as float16 safetensors, with the configuration."""
    weights_file.save(path, "estimator", asdict(net.config), net.state_dict())


def export(net: Estimator, path: Path) -> None:
    """The estimator in evaluation mode as one ONNX graph of standard operators, float16 weights: INPUTS -> `readings`
    [B,25] in the order of OUTPUTS, which its metadata names. Any number of faces B."""
    shapes = {"maps_16": (128, 16, 16), "maps_8": (128, 8, 8), "points": (478, 3), "blendshapes": (52,)}
    examples = {name: torch.zeros(2, *shapes[name]) for name in INPUTS}
    names = {id(tensor): name for name, tensor in net.state_dict(keep_vars=True).items()}
    model = export_graph(net, examples, ["readings"], {name: {0: "B"} for name in (*INPUTS, "readings")}, names)
    write_graph(model, path, {"outputs": ",".join(OUTPUTS)})


def load(path: Path) -> Estimator:
    """The estimator, ready to judge: not trainable, in evaluation mode. Raises PackError where the file is none."""
    config, state = weights_file.load(path, "estimator")
    net = Estimator(weights_file.config(EstimatorConfig, config, path))
    weights_file.fill(net, state, path)
    return net
