"""ICface's networks: the neutraliser G_N, the animator G_A and the discriminator D with its three heads.

Tripathy, Kannala, Rahtu: ICface: Interpretable and Controllable Face Reenactment Using GANs, WACV 2020. The paper
leaves layer sizes to a supplement: where ICfaceConfig says "released", they are those of the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON

from . import blocks
from .full_size import as_frames, at_full_size, points_in, shrunk
from .moved_photo import PLANES, Drawn, MovedPhoto, Photo, detailed, layers_of, planes, untouched

ATTRIBUTES = len(COMMON)  # sec. 3: three angles and 17 Action Units
HEARD = 3  # layers of a residual block before FiLM
WIDEST = 0.7  # radians, released: -0.7..0.7 become 0..1


@dataclass(frozen=True)
class ICfaceConfig:
    """Sizes and switches. As it stands: the paper, with the released code's sizes where the paper gives none."""

    width: int = 128  # channels of the first convolution, released
    downs: int = 2  # halvings before the residual blocks, each with twice the channels, released
    blocks: int = 6  # residual blocks, released
    kernel: int = 7  # of the first and the last convolution, released
    norm: str = "batch"  # "batch" (released), "instance", "none"
    dropout: float = 0.5  # in each residual block, released
    init_std: float | None = 0.02  # of normal weights, released; None: torch's own
    neutralizer: bool = True  # False: the ablation of table 2, G_A works on the photo itself
    critic_width: int = 256  # channels of D's first convolution, released

    # What the paper does not have.
    fold: int = 1  # pixels a side that become channels before the first convolution
    stem_norm: bool = True  # False: nothing before the residual blocks is normalised
    painted: bool = False  # planes: the change of each attribute, painted where it acts, and the places themselves
    film: bool = False  # residual blocks hear the change of the vector by FiLM, too
    source_vector: bool = False  # G_N is told the photo's own vector, so that its planes hold a change, too
    turn: bool = False  # pictures go through the turn of a rigid head before a generator sees them
    skip: bool = False  # heads see the first convolution's features, too
    photo: bool = False  # the picture's own pixels, moved, take part; needs painted, source_vector and turn


def facial_attributes(vectors: Tensor) -> Tensor:
    """FA of vectors [B,20] (radians, units 0..1): each in 0..1 (sec. 4), so that a head facing the camera has .5."""
    pose, units = vectors[:, AT_POSE], vectors[:, AT_POSE.stop :]
    return torch.cat([pose / (2 * WIDEST) + 0.5, units], 1).clamp(0, 1)


class Residual(nn.Module):
    """Two 3x3 convolutions with dropout between them, added to what came in."""

    def __init__(self, channels: int, config: ICfaceConfig):
        super().__init__()
        bias = config.norm == "none"
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            blocks.normalised(channels, config.norm),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            blocks.normalised(channels, config.norm),
        )
        self.film = blocks.film(ATTRIBUTES, channels) if config.film else None

    def forward(self, x: Tensor, change: Tensor) -> Tensor:
        """x [B,C,h,w]; change [B,20]: what FiLM hears."""
        if self.film is None:
            return x + self.body(x)
        scale, shift = self.film(change)[:, :, None, None].chunk(2, 1)
        return x + self.body[HEARD:](self.body[:HEARD](x) * (1 + scale) + shift)


class Generator(nn.Module):
    """The shape of both G_N and G_A: strided convolutions, residual blocks, deconvolutions (sec. 3.1)."""

    def __init__(self, config: ICfaceConfig):
        super().__init__()
        self.config = config
        w, pixels = config.width, config.fold**2
        told = PLANES if config.painted else ATTRIBUTES
        before = config.norm if config.stem_norm else "none"
        wide = nn.ReflectionPad2d(config.kernel // 2)

        def convolution(kind: type, a: int, b: int, norm: str, *shape: int, **more: int) -> list[nn.Module]:
            return [kind(a, b, *shape, bias=norm == "none", **more), blocks.normalised(b, norm), nn.ReLU()]

        self.stem = nn.Sequential(wide, *convolution(nn.Conv2d, 3 * pixels + told, w, before, config.kernel))
        self.down, self.up = nn.Sequential(), nn.ModuleList()
        for i in range(config.downs):
            self.down.extend(convolution(nn.Conv2d, w << i, 2 * w << i, before, 3, 2, 1))
        self.blocks = nn.ModuleList(Residual(w << config.downs, config) for _ in range(config.blocks))
        for i in reversed(range(config.downs)):
            doubling = convolution(nn.ConvTranspose2d, 2 * w << i, w << i, config.norm, 3, 2, 1, output_padding=1)
            self.up.append(nn.Sequential(*doubling))
        seen = 2 * w if config.skip else w
        self.colour = nn.Sequential(wide, nn.Conv2d(seen, 3 * pixels, config.kernel))
        if config.init_std is not None:
            self.apply(lambda module: _normal(module, config.init_std))
        if config.photo:
            self.photo = MovedPhoto(2 * w, seen, config.fold)

    def forward(
        self,
        image: Tensor,
        have: Tensor,
        wanted: Tensor,
        points: Tensor | None = None,
        layers: Tensor | None = None,
    ) -> Drawn:
        """image [B,3,S,S]; the vector [B,20] that it shows, as far as it is known, and the one wanted; its landmarks
        [B,478,3] where planes are painted or heads turned; layers [B,12,S,S] where a generator has made it."""
        config, size, picture, places, turn = self.config, image.shape[-1], image, points, None
        if config.turn:
            turn = blocks.enlarged(blocks.rigid_flow(points, have, wanted, size), size)
            picture, places = blocks.warp(image, turn), blocks.turned(points, have, wanted)
        if config.painted:
            painted = planes(wanted - have, places, size, size // config.fold)
        else:  # sec. 3: the attribute vector is spatially replicated
            painted = blocks.constant_planes(facial_attributes(wanted), size // config.fold)
        joined = torch.cat([F.pixel_unshuffle(picture, config.fold), painted], 1)  # L, [B,23,S,S] in the paper
        first = self.stem(joined)
        features = self.down(first)  # [B,4w,S/4,S/4]
        for block in self.blocks:
            features = block(features, wanted - have)
        for double in self.up:
            before, features = features, double(features)
        if config.skip:
            features = torch.cat([features, first], 1)
        own = torch.tanh(F.pixel_shuffle(self.colour(features).float(), config.fold))  # [B,3,S,S]
        if not config.photo:
            return Drawn(own, own, given=picture)
        photo = Photo(image, points, have)
        drawn = self.photo(own, before, F.avg_pool2d(painted, 2), features, photo, wanted, turn, layers)
        return drawn._replace(given=picture)


class Judged(NamedTuple):
    """What D says of B images."""

    real: Tensor  # C_1, [B,1,S/16-1,S/16-1]: the logits of its sigmoid, one a patch
    attributes: Tensor  # C_2, [B,20] in 0..1: the FA that it sees
    person: Tensor  # [B,people]: logits of who it is; released, the paper has a pretrained network instead


class Discriminator(nn.Module):
    """D, one for both generators: a patch critic without norm that regresses FA (sec. 3.1) and names the person."""

    def __init__(self, config: ICfaceConfig, size: int, people: int):
        super().__init__()
        w, last = config.critic_width, 128
        self.body = nn.Sequential(  # released, down to which convolutions have biases; [B,128,S/16,S/16]
            nn.Conv2d(3, w, 3, 1, 1),
            nn.Conv2d(w, w, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(w, 2 * w, 3, 1, 1, bias=False),
            nn.Conv2d(2 * w, 2 * w, 3, 2, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(2 * w, 4 * w, 3, 1, 1, bias=False),
            nn.Conv2d(4 * w, 4 * w, 3, 2, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(4 * w, 8 * w, 3, 1, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(8 * w, 8 * w, 3, 1, 1),
            nn.Conv2d(8 * w, last, 3, 2, 1),
        )
        features = last * (size // 16) ** 2
        self.real = nn.Conv2d(last, 1, 4, 1, 1)
        self.attributes = nn.Linear(features, ATTRIBUTES)
        self.person = nn.Linear(features, people)
        if config.init_std is not None:
            self.apply(lambda module: _normal(module, config.init_std))

    def forward(self, image: Tensor) -> Judged:
        """image [B,3,S,S] in -1..1."""
        x = self.body(image)
        flat = x.flatten(1)
        return Judged(self.real(x).float(), torch.sigmoid(self.attributes(flat).float()), self.person(flat).float())


def _normal(module: nn.Module, std: float) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0, std)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, std)


class Shown(NamedTuple):
    """A picture to animate: image [B,3,S,S], its landmarks [B,478,3] in pixels, the vector [B,20] that it shows, as far
    as a generator is told, and where the photo's pixels are moved what it is made of, [B,12,S,S]."""

    image: Tensor
    points: Tensor
    vector: Tensor
    layers: Tensor | None = None

    def repeated(self, batch: int) -> Shown:
        """Of one picture `batch` times the same."""
        return Shown(*(None if part is None else part.expand(batch, *part.shape[1:]) for part in self))


class ICface(nn.ModuleDict):
    """The networks by the paper's names, and its two stages (sec. 3)."""

    def __init__(self, config: ICfaceConfig, size: int, people: int):
        """size: of the pictures, 128 in sec. 4; people: as many as are trained on, 939 in the released code. Raises
        ValueError for moved pixels without what says how they move."""
        super().__init__()
        if config.photo and not (config.painted and config.source_vector and config.turn):
            raise ValueError("ICface moves pixels by what changes: with photo set painted, source_vector and turn.")
        self.config, self.size = config, size
        if config.neutralizer:
            self["neutralizer"] = Generator(config)
        self["animator"] = Generator(config)
        self["discriminator"] = Discriminator(config, size, people)

    def told(self, source: Tensor) -> Tensor:
        """What a generator is told of a photo's own vector [B,20]: nothing in the paper, the head's angles where heads
        are turned, all of it where config.source_vector."""
        pose, units = source[:, AT_POSE], source[:, AT_POSE.stop :]
        if not self.config.source_vector:
            units = torch.zeros_like(units)
            pose = pose if self.config.turn else torch.zeros_like(pose)
        return torch.cat([pose, units], 1)

    def neutralise(self, photo: Shown) -> tuple[Drawn | None, Shown]:
        """First stage, G_N: a photo -> the same person facing the camera without expression (FA_N), as it was drawn and
        as the second stage takes it. Without a neutraliser the photo itself."""
        if not self.config.neutralizer:
            return None, photo._replace(vector=self.told(photo.vector))
        rest = torch.zeros_like(photo.vector)
        drawn = self["neutralizer"](photo.image, self.told(photo.vector), rest, photo.points)
        # Where its landmarks lie, about: the head turned to the camera as a rigid body.
        points = blocks.turned(photo.points, photo.vector, rest)
        layers = layers_of(photo.image, drawn) if self.config.photo else None
        return drawn, Shown(drawn.image, points, rest, layers)

    def animate(self, face: Shown, wanted: Tensor) -> Drawn:
        """Second stage, G_A: what the first one made -> the person showing `wanted` [B,20]."""
        return self["animator"](face.image, face.vector, wanted, face.points, face.layers)


# What a pack is made of: G_N once a source, G_A every frame.

ENCODER_INPUTS = ("image", "landmarks", "source_vector")
STATE = ("full", "photo", "neutral", "neutral_points", "neutral_vector", "layers")
EDGE = 0.12  # of the side: where the drawn square fades into the photo


class Encode(nn.Module):
    """The source's neutral face, where its landmarks lie, what it shows, and what it is made of."""

    def __init__(self, networks: ICface, size: int, photo: bool = True):
        """photo: False leaves moved pixels out: what G_N draws itself."""
        super().__init__()
        self.networks, self.size, self.photo = networks, size, photo

    def forward(self, image: Tensor, landmarks: Tensor, source_vector: Tensor) -> tuple[Tensor, ...]:
        """image [1,3,H,H] in -1..1, landmarks [1,478,3] in pixels, source_vector [1,20] -> STATE."""
        photo, points = shrunk(image, self.size), points_in(landmarks, image, self.size)
        drawn, face = self.networks.neutralise(Shown(photo, points, source_vector))
        if not (self.networks.config.photo and self.photo):
            layers = image.new_zeros(1, 1, 1, 1)
            face = face if drawn is None else face._replace(image=drawn.own)
        else:
            layers = untouched(photo) if drawn is None else face.layers
        return image, photo, *face[:3], layers


class Animate(nn.Module):
    """The neutral face with attributes. Every pixel is made anew, so its square fades into the photo at its edges."""

    def __init__(self, networks: ICface, photo: bool = True):
        """photo: False leaves moved pixels out: what G_A draws itself."""
        super().__init__()
        self.networks, self.photo = networks, photo
        line = (torch.arange(networks.size, dtype=torch.float32) + 0.5) / networks.size
        inside = torch.minimum(line, 1 - line).div(EDGE).clamp(max=1)
        inside = inside * inside * (3 - 2 * inside)
        self.register_buffer("alpha", inside * inside[:, None], persistent=False)

    def forward(
        self,
        full: Tensor,
        photo: Tensor,
        neutral: Tensor,
        neutral_points: Tensor,
        neutral_vector: Tensor,
        layers: Tensor,
        attributes: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """STATE of one source, attributes [B,20] -> image uint8 [B,H,H,3], alpha and synthetic uint8 [B,H,H]."""
        batch, moved = attributes.shape[0], self.networks.config.photo and self.photo
        face = Shown(neutral, neutral_points, neutral_vector, layers if moved else None).repeated(batch)
        drawn = self.networks.animate(face, attributes)
        alpha = self.alpha.expand(batch, -1, -1)
        if moved:
            image = at_full_size(detailed(drawn, photo), drawn.way, photo, full)
            return as_frames(image, alpha, 1 - drawn.share[:, 0])
        return as_frames(blocks.enlarged(drawn.own, full.shape[-1]), alpha, torch.ones_like(alpha))
