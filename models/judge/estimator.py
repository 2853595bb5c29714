"""The attribute estimator: Action Units, gaze, head pose and landmarks of one face, read off its pixels.

It learns to place 478 landmarks, roughly and then exactly, before it reads 25 attributes off them and off what it saw:
a picture says far more about the former, and whoever has to place lids and lips learns where to look. `alone` is the
reading of one face. `change` is read of two pictures of one person, where only the difference counts: whose brows these
are then matters less than what they do.
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
from addon.core.faces import FaceReader
from addon.core.faces.changes import SIDE
from addon.core.faces.pose import angles
from addon.core.faces.topology import EYE_LEFT, EYE_RIGHT, POINTS
from addon.core.mesh.fit import rotation

from ..graph import export_graph, write_graph
from . import weights_file
from .second_look import SecondLook

ALONE, CHANGE = "alone", "change"
OUTPUTS = (*UNITS, *GAZE, "turn_x", "turn_y", "turn_z")  # turn: a rotation vector that corrects the landmarks' pose
AT_TURN = slice(len(OUTPUTS) - 3, len(OUTPUTS))
AT_ONCE = 32  # faces
STEP = 0.1  # sides of the crop that a landmark moves where its output is 1
HALVINGS = 12  # of the distance from a rotation, each time more than that: float32 is exhausted by then


@dataclass(frozen=True)
class EstimatorConfig:
    """widths: channels at 64, 32, 16 and 8 pixels; hidden: what each part hands to the readings; maps: channels that
    are kept, place by place, of the last two stages; kept, near: of the second look at the landmarks, see SecondLook,
    what is kept of each and of all."""

    widths: tuple[int, ...] = (24, 48, 88, 128)
    hidden: int = 256
    maps: tuple[int, int] = (16, 32)
    kept: int = 4
    near: int = 160
    dropout: float = 0.2


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        convolutions = [nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)]
        self.body = nn.Sequential(
            convolutions[0], nn.BatchNorm2d(channels), nn.ReLU(), convolutions[1], nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def halved(inputs: int, outputs: int, kernel: int, residuals: int) -> nn.Sequential:
    """A stage: half as many pixels a side."""
    first = nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(outputs), nn.ReLU(), *(Residual(outputs) for _ in range(residuals)))


def normed(inputs: int, outputs: int) -> nn.Sequential:
    """Normed before it is cut off at 0: steps that all weights take together would push every value below for good."""
    return nn.Sequential(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())


class Estimator(nn.Module):
    """layout float32 [478,3]: where landmarks lie in a crop on average, in its sides from its middle."""

    def __init__(self, config: EstimatorConfig = EstimatorConfig(), layout: Tensor | None = None):
        super().__init__()
        self.config = config
        widths = config.widths
        self.stages = nn.ModuleList(
            halved(inputs, outputs, kernel, residuals)
            for inputs, outputs, kernel, residuals in zip(
                (3, *widths), widths, (5, 3, 3, 3), (0, 1, 2, 2), strict=False
            )
        )
        self.maps = nn.ModuleList(
            nn.Conv2d(width, kept, 1) for width, kept in zip(widths[-2:], config.maps, strict=True)
        )
        places = sum(kept * (SIDE // halvings) ** 2 for kept, halvings in zip(config.maps, (8, 16), strict=True))
        self.appearance = normed(places, config.hidden)
        self.landmarks = nn.Linear(config.hidden, POINTS * 3)
        self.second_look = SecondLook(*widths[:2], config.kept, config.near)
        self.geometry = nn.Sequential(nn.BatchNorm1d(POINTS * 3), *normed(POINTS * 3, config.hidden))
        self.dropout = nn.Dropout(config.dropout)
        read = 2 * config.hidden + config.near
        self.read_alone = nn.Linear(read, len(OUTPUTS))
        self.read_change = nn.Linear(read, len(OUTPUTS))
        for layer in (self.landmarks, self.read_alone, self.read_change):
            nn.init.zeros_(layer.weight)  # random readings are far larger than true ones
            nn.init.zeros_(layer.bias)
        self.register_buffer("layout", torch.zeros(POINTS, 3) if layout is None else layout.float())
        pose = FaceReader(threads=1).head_pose
        self.rigid = torch.from_numpy(pose.rigid)
        self.register_buffer("canonical", torch.from_numpy(pose.canonical).float(), persistent=False)
        self.register_buffer("weights", torch.from_numpy(pose.weights / pose.weights.sum()).float(), persistent=False)

    def branches(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures float32 [B,3,128,128] -1..1 -> `alone` and `change` [B,25] in the order of OUTPUTS, `points`
        [B,478,3] in sides of the crop from its middle, `first` likewise, before the second look, `turn` [B,3,3] of the
        head in the crop's frame as the points say it, `embedding` [B,2 hidden + near]: what is read."""
        x, kept = pictures, []
        for stage in self.stages:
            x = stage(x)
            kept.append(x)
        parts = [squeeze(part).flatten(1) for squeeze, part in zip(self.maps, kept[-2:], strict=True)]
        seen = self.appearance(torch.cat(parts, 1))
        with torch.autocast("cpu", enabled=False):
            seen = seen.float()
            first = self.layout + STEP * self.landmarks(seen).view(-1, POINTS, 3)
            points, near = self.second_look([part.float() for part in kept[:2]], first.detach())
            placed, near = points.detach(), near.detach()  # landmarks learn from landmarks: readings drown them
            turn = self.turn(placed)
            known = self.geometry(self._in_head_frame(placed, turn).flatten(1))
            read = self.dropout(torch.cat([seen, known, near], 1))
            alone, change = self.read_alone(read), self.read_change(read)
        return {
            ALONE: alone,
            CHANGE: change,
            "first": first,
            "points": points,
            "turn": turn,
            "embedding": read,
        }

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`alone` and `change`, see branches."""
        found = self.branches(pictures)
        return found[ALONE], found[CHANGE]

    def turn(self, points: Tensor) -> Tensor:
        """[B,3,3]: what addon.core.faces.pose.rigid_turn finds, by steps that a graph can take."""
        rigid = points[:, self.rigid]
        weights = self.weights[:, None]
        a = self.canonical - (weights * self.canonical).sum(0)
        b = rigid - (weights * rigid).sum(1, keepdim=True)
        m = (weights * b).transpose(1, 2) @ a
        m = m / m.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-9)
        for _ in range(HALVINGS):  # Newton and Schulz: towards the nearest rotation
            m = 1.5 * m - 0.5 * m @ m.transpose(1, 2) @ m
        return m

    def _in_head_frame(self, points: Tensor, turn: Tensor) -> Tensor:
        """[B,478,3] in eye distances, see addon.core.faces.measures.in_head_frame."""
        across = points[:, list(EYE_LEFT)].mean(1) - points[:, list(EYE_RIGHT)].mean(1)
        size = across.square().sum(1).sqrt().clamp_min(1e-3)[:, None, None]
        return (points - points.mean(1, keepdim=True)) @ turn / size


def tensor(crops: np.ndarray) -> Tensor:
    """The estimator's input of uint8 crops [N,128,128,3]."""
    pictures = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures.contiguous(memory_format=torch.channels_last)


def in_picture(turn: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """[N,3,3]: turns in crops that are themselves turned by angle [N], as the picture shows them."""
    return Rotation.from_euler("z", angle).as_matrix() @ turn


@torch.no_grad()
def _found(net: Estimator, crops: np.ndarray) -> dict[str, np.ndarray]:
    parts = [net.branches(tensor(crops[i : i + AT_ONCE])) for i in range(0, len(crops), AT_ONCE)]
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def find(net: Estimator, crops: np.ndarray, angle: np.ndarray) -> dict[str, np.ndarray]:
    """What the estimator finds of faces, uint8 crops [N,128,128,3] that are turned by angle [N] in their pictures, see
    Estimator.branches; `turn` in the picture's frame; units and gaze as the mean of what each crop and its mirror image
    say, whose errors differ."""
    found, mirrored = (_found(net, some) for some in (crops, crops[:, :, ::-1]))
    for name in (ALONE, CHANGE):
        mirrored[name][:, OUTPUTS.index("gaze_yaw")] *= -1
        found[name][:, : AT_TURN.start] = (found[name] + mirrored[name])[:, : AT_TURN.start] / 2
    return found | {"turn": in_picture(found["turn"], angle)}


def wanted(attributes: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """float32 [N,25] in the order of OUTPUTS: what is to be read of faces with these true attributes [N,25] whose
    landmarks say `turn` [N,3,3], in the picture's frame."""
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
    """The estimator in evaluation mode as one ONNX graph of standard operators, float16 weights: `pictures`
    [B,3,128,128] -1..1 -> `alone`, `change` [B,25] in the order of OUTPUTS, which its metadata names. Any number of
    faces B."""
    examples = {"pictures": torch.zeros(2, 3, SIDE, SIDE)}
    names = {id(value): name for name, value in net.state_dict(keep_vars=True).items()}
    outputs = [ALONE, CHANGE]
    model = export_graph(net, examples, outputs, {name: {0: "B"} for name in ("pictures", *outputs)}, names)
    write_graph(model, path, {"outputs": ",".join(OUTPUTS)})


def load(path: Path) -> Estimator:
    """The estimator, ready to judge: not trainable, in evaluation mode. Raises PackError where the file is none."""
    config, state = weights_file.load(path, "estimator")
    for name in ("widths", "maps"):
        if isinstance(config.get(name), list):
            config[name] = tuple(config[name])
    net = Estimator(weights_file.config(EstimatorConfig, config, path))
    weights_file.fill(net, state, path)
    return net
