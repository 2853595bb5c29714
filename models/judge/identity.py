"""LightCNN-9 with Max-Feature-Map: whose face it is, and its feature maps for perceptual terms.

Wu, He, Sun, Tan: A Light CNN for Deep Face Representation with Noisy Labels (2018). EGGAN compares identities and
features with it. Trained here on synthetic people alone (train_identity.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.faces.crop import FACE_HEIGHT
from addon.core.faces.topology import CHIN, EYE_LEFT, EYE_RIGHT, FOREHEAD

from . import weights_file

INPUT = 128  # pixels a side, as in the paper
SIDE, SHIFT = 1.4, 0.04  # the crop that it sees, in face heights, as addon.core.faces.face_crop counts them
GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class IdentityConfig:
    width: float = 1.0  # of every layer; 1 is the paper's
    embedding: int = 256
    dropout: float = 0.5  # behind the embedding, in training


class MaxFeatureMap(nn.Module):
    """Two feature maps compete, the larger stays (sec. 3.1, eq. 1). `layer` makes twice the channels that come out."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.layer(x).chunk(2, dim=1)
        return torch.maximum(first, second)


def _conv(channels: int, out: int, size: int) -> MaxFeatureMap:
    return MaxFeatureMap(nn.Conv2d(channels, 2 * out, size, padding=size // 2))


class IdentityNet(nn.Module):
    """The 9 layers of the paper's table 2: five convolutions, four networks in network, one embedding."""

    def __init__(self, config: IdentityConfig = IdentityConfig()):
        super().__init__()
        self.config = config
        c1, c2, c3, c4 = (max(8, round(c * config.width)) for c in (48, 96, 192, 128))
        self.stages = nn.ModuleList(  # each is followed by a pooling of 2
            [
                _conv(1, c1, 5),
                nn.Sequential(_conv(c1, c1, 1), _conv(c1, c2, 3)),
                nn.Sequential(_conv(c2, c2, 1), _conv(c2, c3, 3)),
                nn.Sequential(_conv(c3, c3, 1), _conv(c3, c4, 3), _conv(c4, c4, 1), _conv(c4, c4, 3)),
            ]
        )
        self.embedding = MaxFeatureMap(nn.Linear((INPUT // 16) ** 2 * c4, 2 * config.embedding))

    def forward(self, grey: Tensor) -> tuple[Tensor, list[Tensor]]:
        """grey float32 [B,1,128,128] in 0..1 -> (embedding [B,D], not normalised; maps of the four stages, at 128,
        64, 32 and 16 pixels)."""
        maps = []
        x = grey
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
            x = F.max_pool2d(x, 2)  # [B,C,64,64] .. [B,C,8,8]
        return self.embedding(x.flatten(1)), maps

    def features(self, image: Tensor, points: Tensor | None = None, side: float = SIDE) -> list[Tensor]:
        """Four feature maps, the finest first, of `image` as in `embed`: for perceptual terms."""
        return self(face(image, points, side))[1]

    def embed(self, image: Tensor, points: Tensor | None = None, side: float = SIDE) -> Tensor:
        """float32 [B,D] of length 1: two are of one person where their product is large.

        image float32 [B,3,S,S] RGB in -1..1; points float32 [B,478,2+] its landmarks in pixels, which the face is cut
        out upright by; without them the picture is taken as a crop `side` face heights wide, whose middle is seen (by
        default all of it). Differentiable by the image.
        """
        return F.normalize(self(face(image, points, side))[0], dim=1)


def face(image: Tensor, points: Tensor | None = None, side: float = SIDE) -> Tensor:
    """float32 [B,1,128,128] in 0..1, what the network sees of `image` (see IdentityNet.embed)."""
    # A sum, not einsum, which autocast would turn to bfloat16: no CPU resizes that.
    weights = torch.tensor(GREY, device=image.device).view(3, 1, 1)
    grey = (image.float() * weights).sum(1, keepdim=True) / 2 + 0.5
    if points is not None:
        return F.grid_sample(*_shrunk(grey, points), mode="bilinear", padding_mode="border", align_corners=False)
    height = grey.shape[-1]
    margin = round(height * (1 - min(SIDE / side, 1)) / 2)
    grey = grey[..., margin : height - margin, margin : height - margin]
    return F.interpolate(grey, (INPUT, INPUT), mode="bilinear", antialias=True, align_corners=False)


def _shrunk(grey: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """(picture, sampling grid [B,128,128,2]) of the upright face crop, as addon.core.faces.face_crop cuts it; a large
    picture is shrunk first, so that no pixel is skipped."""
    points = points[..., :2].to(grey)
    right, left = points[:, list(EYE_RIGHT)].mean(1), points[:, list(EYE_LEFT)].mean(1)  # [B,2]
    across, forehead, chin = left - right, points[:, FOREHEAD], points[:, CHIN]
    distance = across.norm(dim=1, keepdim=True).clamp_min(1e-6)
    x_axis = across / distance
    y_axis = torch.stack([-x_axis[:, 1], x_axis[:, 0]], 1)
    height = torch.maximum(((chin - forehead) * y_axis).sum(1, keepdim=True).abs(), FACE_HEIGHT * distance)
    centre = (forehead + chin) / 2 - SHIFT * height * y_axis
    half = SIDE / 2 * height  # [B,1]
    line = (torch.arange(INPUT, device=grey.device, dtype=grey.dtype) + 0.5) * (2 / INPUT) - 1
    place = (
        centre[:, None, None]
        + (half * x_axis)[:, None, None] * line[None, None, :, None]
        + (half * y_axis)[:, None, None] * line[None, :, None, None]
    )  # [B,128,128,2] pixels
    size = grey.new_tensor([grey.shape[-1], grey.shape[-2]])
    factor = int(half.max() * 2 / INPUT)
    if factor > 1:
        grey = F.avg_pool2d(grey, factor, ceil_mode=True)
        size = size.new_tensor([grey.shape[-1], grey.shape[-2]]) * factor
    return grey, (place + 0.5) * 2 / size - 1


def save(net: IdentityNet, path: Path) -> None:
    """Weights as float16 safetensors, with the configuration."""
    weights_file.save(path, "identity", asdict(net.config), net.state_dict())


def load(path: Path) -> IdentityNet:
    """The network, ready to judge: not trainable, in evaluation mode. Raises PackError where the file is no such
    network."""
    config, state = weights_file.load(path, "identity")
    net = IdentityNet(weights_file.config(IdentityConfig, config, path))
    weights_file.fill(net, state, path)
    return net
