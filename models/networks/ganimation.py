"""GANimation's networks: the generator with its attention and colour heads, the critic that also reads Action Units.

Pumarola, Agudo, Martinez, Sanfeliu, Moreno-Noguer: GANimation: One-Shot Anatomically Consistent Facial Animation,
IJCV 2019. Sections and equations are that paper's; sizes that it leaves open are those of the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON

from . import blocks
from .full_size import frames_of, points_in, shrunk

FLOW_LOUDNESS = 0.01  # of the fine heads' flow
ROUND = 32  # channels: processors take several times as long over a few less
WAKES = 0.05  # change of a value from which on the gate is open


@dataclass(frozen=True)
class GANimationConfig:
    """Sizes and switches. As it stands: the paper."""

    width: int = 64  # channels of the first convolution, sec. 5 (released)
    downs: int = 2  # halvings before the residual blocks, each with twice the channels
    blocks: int = 6  # residual blocks (released)
    kernel: int = 7  # of the first convolution
    head_kernel: int = 7  # of the heads
    critic_width: int = 64  # channels of the critic's first convolution (released)
    critic_layers: int = 6  # halvings: Y_I is H/2^6 x W/2^6, sec. 4.1
    pose: bool = False  # True: the vector holds head pose, too; the paper has Action Units alone

    # What the paper does not have.
    fold: int = 1  # pixels a side that become channels before the first convolution
    stem_norm: bool = True  # False: nothing before the residual blocks is normalised
    painted: bool = False  # planes: each value painted where it acts, with the places, before the blocks; and FiLM
    difference: bool = False  # the condition is what changes, not where it leads
    change: bool = False  # C is the photo plus a change, so that an open mask costs nothing
    flow: bool = False  # the photo's pixels move before eq. 1
    turn: bool = False  # they move as a rigid head turns, too
    skip: bool = False  # the heads see the first convolution's features
    open_mask: float = 0.0  # logit of 1 - A at first
    mask_limit: float = 0.0  # largest logit of A either way: a mask that cannot saturate can open again; 0: none
    gate: bool = False  # 1 - A and flow vanish with the change of the vector: nothing asked, nothing changed


class Masks(NamedTuple):
    """What the generator regresses (sec. 4.1), and what eq. 1 makes of it. All float32, pictures in -1..1."""

    image: Tensor  # [B,3,S,S]: (1 - A) C + A base
    attention: Tensor  # A [B,1,S,S]: 1 is the photo's own pixel
    colour: Tensor  # C [B,3,S,S]
    base: Tensor  # [B,3,S,S]: the photo, or with a flow the photo moved
    flow: Tensor | None  # [B,2,S,S] in half image widths


def composed(attention: Tensor, colour: Tensor, photo: Tensor) -> Tensor:
    """Eq. 1: (1 - A) C + A I."""
    return (1 - attention) * colour + attention * photo


class Generator(nn.Module):
    """G(I | y): the network of Johnson et al. with instance norm, whose last layer is two (sec. 5)."""

    def __init__(self, config: GANimationConfig):
        super().__init__()
        self.config = config
        values = len(COMMON) - (0 if config.pose else AT_POSE.stop)
        norm = "instance" if config.stem_norm else "none"
        width = config.width

        def layer(convolution, channels: int, norm: str):
            return nn.Sequential(convolution, blocks.normalised(channels, norm), nn.ReLU(inplace=True))

        given = 3 * config.fold**2 + (0 if config.painted else values)
        stem = nn.Conv2d(given, width, config.kernel, padding=config.kernel // 2, bias=norm == "none")
        self.stem = layer(stem, width, norm)
        self.down = nn.Sequential()
        for _ in range(config.downs):
            halving = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=norm == "none")
            self.down.append(layer(halving, 2 * width, norm))
            width *= 2
        planes = blocks.PAINTED + blocks.MAPS if config.painted else 0
        self.told = layer(nn.Conv2d(width + planes, width, 3, padding=1), width, "none") if planes else None
        self.blocks = nn.ModuleList(
            blocks.Residual(width, values=values if planes else 0) for _ in range(config.blocks)
        )
        self.coarse = blocks.FlowHead(width + planes) if config.flow else None
        self.up = nn.Sequential()
        for _ in range(config.downs):
            doubling = nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False)
            self.up.append(layer(doubling, width // 2, "instance"))
            width //= 2
        # The heads of sec. 5, colour, attention and fine flow, as one convolution: the same numbers, made faster.
        self.parts = [count * config.fold**2 for count in ((3, 1, 2) if config.flow else (3, 1))]
        wide = sum(self.parts) if config.fold == 1 else -(-sum(self.parts) // ROUND) * ROUND
        seen = width * (2 if config.skip else 1)
        self.heads = nn.Conv2d(seen, wide, config.head_kernel, padding=config.head_kernel // 2)
        nn.init.zeros_(self.heads.bias)
        if config.change:
            nn.init.normal_(self.heads.weight, std=0.005)
        nn.init.constant_(self.heads.bias[self.parts[0] : sum(self.parts[:2])], -config.open_mask)

    def condition(self, source: Tensor, wanted: Tensor) -> Tensor:
        """Of vectors [B,20], absolute: what the network is told, [B,20], no pose where it has none."""
        told = wanted - source if self.config.difference else wanted
        if not self.config.pose:
            told = torch.cat([torch.zeros_like(told[:, AT_POSE]), told[:, AT_POSE.stop :]], 1)
        return told

    def named(self, vectors: Tensor) -> Tensor:
        """[B,20] -> [B,17], or as they are where the network has pose."""
        return vectors if self.config.pose else vectors[:, AT_POSE.stop :]

    def gate(self, source: Tensor, wanted: Tensor) -> Tensor:
        """[B,1,1,1]: 0 where nothing that the network is told changes, 1 from WAKES on."""
        change = self.named(wanted - source).abs().amax(1)
        return (change / WAKES).clamp(max=1).view(-1, 1, 1, 1)

    def places(self, points: Tensor, size: int) -> Tensor | None:
        """Of landmarks [B,478,3]: the maps at the residual blocks' resolution, once a source."""
        step = self.config.fold * 2**self.config.downs
        return blocks.place_maps(points, size, step) if self.config.painted else None

    def forward(
        self, image: Tensor, source: Tensor, wanted: Tensor, points: Tensor, maps: Tensor | None, still: bool = False
    ) -> Masks:
        """image [B or 1,3,S,S] in -1..1, its vector [B or 1,20] and landmarks [B or 1,478,3], the wanted vector [B,20],
        maps of `places`. still: no pixel moves, even where the network has a flow."""
        config, size, batch = self.config, image.shape[-1], wanted.shape[0]
        told = self.condition(source, wanted)
        photo = image.expand(batch, -1, -1, -1)
        given = F.pixel_unshuffle(image, config.fold)
        if config.painted:
            # The photo's features hold nothing of the condition: once a source.
            first = self.stem(given)
            planes = torch.cat([blocks.painted(told, maps), maps.expand(batch, -1, -1, -1)], 1)
            x = self.told(torch.cat([self.down(first).expand(batch, -1, -1, -1), planes], 1))
            first = first.expand(batch, -1, -1, -1)
        else:
            planes = blocks.constant_planes(self.named(told), size // config.fold)
            first = self.stem(torch.cat([given.expand(batch, -1, -1, -1), planes], 1))
            x = self.down(first)
        for block in self.blocks:
            x = block(x, self.named(told) if config.painted else None)

        last = self.up(x)
        drawn = self.heads(torch.cat([last, first], 1) if config.skip else last)[:, : sum(self.parts)].float()
        colour, logit, *fine = (F.pixel_shuffle(part, config.fold) for part in drawn.split(self.parts, 1))

        gate = self.gate(source, wanted) if config.gate else 1.0
        base, flow = photo, None
        if config.flow and not still:
            low = torch.cat([x, planes], 1) if config.painted else x
            flow = gate * (FLOW_LOUDNESS * fine[0] + blocks.enlarged(self.coarse(low), size))
        if config.turn and not still:
            turn = blocks.enlarged(blocks.rigid_flow(points, source, wanted, size), size)
            flow = turn if flow is None else turn + flow
        if flow is not None:
            base = blocks.warp(photo, flow)

        colour = base + 2 * torch.tanh(blocks.LOUDNESS * colour) if config.change else torch.tanh(colour)
        if config.mask_limit:
            logit = config.mask_limit * torch.tanh(logit / config.mask_limit)
        attention = 1 - gate * (1 - torch.sigmoid(logit))
        return Masks(composed(attention, colour, base), attention, colour, base, flow)


class Critic(nn.Module):
    """D_I and D_y: a PatchGAN without normalisation that scores patches, and a head that regresses the vector."""

    def __init__(self, config: GANimationConfig, size: int):
        super().__init__()
        values = len(COMMON) - (0 if config.pose else AT_POSE.stop)
        layers, channels = [], 3
        for i in range(config.critic_layers):
            width = config.critic_width * 2**i
            layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.01, inplace=True)]
            channels = width
        self.body = nn.Sequential(*layers)
        self.patches = nn.Conv2d(channels, 1, 3, padding=1, bias=False)
        self.vector = nn.Conv2d(channels, values, size // 2**config.critic_layers, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B,3,S,S] -> Y_I [B,S/64,S/64] (with six layers) and the vector [B,17 or 20]."""
        x = self.body(image)
        return self.patches(x)[:, 0].float(), self.vector(x).flatten(1).float()


ENCODER_INPUTS = ("image", "landmarks", "source_vector")
STATE = ("full", "photo", "landmarks", "source", "maps")


class Encode(nn.Module):
    """Once a source. GANimation has no encoder: the state is the photo, its landmarks and vector, and its maps."""

    def __init__(self, networks: nn.ModuleDict, size: int):
        super().__init__()
        self.generator, self.size = networks["generator"], size

    def forward(self, image: Tensor, landmarks: Tensor, source_vector: Tensor) -> tuple[Tensor, ...]:
        """image [1,3,H,H] in -1..1, landmarks [1,478,3] in pixels, source_vector [1,20] -> the tensors of STATE."""
        photo, points = shrunk(image, self.size), points_in(landmarks, image, self.size)
        maps = self.generator.places(points, self.size)
        if maps is None:
            maps = image.new_zeros(1, 1, 1, 1)
        return image, photo, points, source_vector, maps


class Animate(nn.Module):
    """Once a frame: eq. 1."""

    def __init__(self, networks: nn.ModuleDict, photo: bool = True):
        """photo False: its pixels do not move, whatever the network was trained with, and eq. 1 is all there is."""
        super().__init__()
        self.generator = networks["generator"]
        self.still = not photo

    def forward(
        self, full: Tensor, photo: Tensor, landmarks: Tensor, source: Tensor, maps: Tensor, attributes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors of STATE and attributes [B,20] -> image uint8 [B,H,H,3], alpha and synthetic uint8 [B,H,H]."""
        made = self.generator(photo, source, attributes, landmarks, maps, self.still)
        added = (1 - made.attention[:, 0]) * (made.colour - made.base).abs().amax(1)  # [B,S,S]
        flow = torch.zeros_like(made.image[:, :2]) if made.flow is None else made.flow
        return frames_of(made.image, flow, photo, full, added / blocks.FULLY_SYNTHETIC)
