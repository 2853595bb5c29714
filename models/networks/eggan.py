"""EGGAN's networks: encoder to a structured latent code, decoder that Action Units condition, critics, classifiers.

Tang, Shao, Ma: Fine-grained expression manipulation via structured latent space, ICME 2020. Where the paper gives no
size, `EgganConfig` says whose it is. The switches below its sizes are Zygoma's: off, they leave the paper's network.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON

from .blocks import POSE_GAIN, UNITS, Residual, normalised, turned
from .full_size import points_in, shrunk
from .moved_photo import PLANES, Drawn, MovedPhoto, Photo, drawn_frames, mixed, planes
from .vgg import VGG19, Stages, Vgg

LEVELS = 5  # m of eq. 3: intensities run from 0 to 5, as OpenFace has them
ENCODER_INPUTS = ("image", "landmarks", "source_vector")
STATE = ("full", "crop", "code", "near", "far", "points", "source")


@dataclass(frozen=True)
class EgganConfig:
    """Sizes, sec. 4.1; then switches."""

    size: int = 128  # pixels
    code: int = 128  # numbers in l; released (its training script takes 512)
    encoder: tuple[int, ...] = (16, 32, 64, 128, 256)  # convolutions of stride 2, then one linear layer
    generator: tuple[int, ...] = (512, 256, 128, 64, 32, 16)  # 6 blocks, each doubles the side; channels chosen
    critic: tuple[int, ...] = (16, 32, 64, 128, 256, 512)  # D_img: 6 convolutions of stride 2; channels chosen
    latent_critic: tuple[int, ...] = (256, 128, 64, 32, 16, 1)  # D_z
    classifier: Stages = VGG19  # C_exp and C_id, sec. 3.3
    people: int = 67  # classes of C_id: RaFD's subjects; the dataset's own number counts in training

    pose: bool = False  # head pose joins the units as a condition
    difference: bool = False  # the condition is what changes, wanted - source, in place of what is wanted
    painted: int = 0  # side at which the condition is painted where it acts; 0: only joined to the code
    skips: bool = False  # E's features at `painted` and twice that side join G's
    skips_dropped: float = 0.0  # share of training samples without them, so that the code goes on to hold the face
    mixing: int = 0  # residual blocks more at `painted`, where condition and photo meet
    shuffle: int = 1  # the last features have 1/shuffle of the picture's side, its pixels come out as channels
    photo: bool = False  # the photo's own pixels, moved, take part in the picture

    def __post_init__(self):
        if not self.painted and (self.skips or self.mixing or self.photo):
            raise ValueError("EgganConfig: skips, mixing and photo need a side that is `painted`.")

    @property
    def encoder_sides(self) -> tuple[int, ...]:
        """Side of E's features after each convolution."""
        return tuple(self.size >> (i + 1) for i in range(len(self.encoder)))

    @property
    def start(self) -> int:
        """Side of G's first features."""
        return self.size // self.shuffle >> len(self.generator)

    @property
    def generator_sides(self) -> tuple[int, ...]:
        """Side of G's features after each block."""
        return tuple(self.start << (i + 1) for i in range(len(self.generator)))


class Encoded(NamedTuple):
    """code l [B,code]; far and near: E's features at the sides `painted` and twice that, where skips are on."""

    code: Tensor
    near: Tensor | None = None
    far: Tensor | None = None


def condition(wanted: Tensor, source: Tensor, config: EgganConfig) -> Tensor:
    """What G is told, float32 [B,20] in the order of COMMON: the wanted vector, or its difference to the source's."""
    values = wanted - source if config.difference else wanted
    return values if config.pose else torch.cat([torch.zeros_like(values[:, AT_POSE]), values[:, AT_POSE.stop :]], 1)


class Encoder(nn.Module):
    """E (sec. 3.2): images to codes that D_z cannot tell from a Gaussian's samples."""

    def __init__(self, config: EgganConfig):
        super().__init__()
        self.config = config
        channels = (3, *config.encoder)
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise(channels))
        side = config.size >> len(config.encoder)
        self.code = nn.Linear(config.encoder[-1] * side**2, config.code)

    def forward(self, image: Tensor) -> Encoded:
        """image [B,3,S,S] in -1..1."""
        features = {}
        for side, layer in zip(self.config.encoder_sides, self.layers, strict=True):
            image = features[side] = F.leaky_relu(layer(image), 0.2)
        code = self.code(image.flatten(1))
        if not self.config.skips:
            return Encoded(code)
        return Encoded(code, features[2 * self.config.painted], features[self.config.painted])


class UpBlock(nn.Module):
    """An up-sampling residual block with instance norm and PReLU (sec. 4.1)."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.first_norm, self.first_act = normalised(channels, "instance"), nn.PReLU()
        self.first = nn.Conv2d(channels, out, 3, padding=1)
        self.second_norm, self.second_act = normalised(out, "instance"), nn.PReLU()
        self.second = nn.Conv2d(out, out, 3, padding=1)
        self.straight = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,h,w] -> [B,out,2h,2w]."""
        y = F.interpolate(self.first_act(self.first_norm(x)), scale_factor=2.0, mode="nearest")
        y = self.second(self.second_act(self.second_norm(self.first(y))))
        return y + F.interpolate(self.straight(x), scale_factor=2.0, mode="nearest")


class Generator(nn.Module):
    """G (sec. 3.2): a code and Action Units to an image.

    Joining two inputs and applying one linear layer is the sum of a layer each; so the code and skips of one source
    serve any number of vectors without being copied.
    """

    def __init__(self, config: EgganConfig):
        super().__init__()
        self.config = config
        first = config.generator[0]
        self.from_code = nn.Linear(config.code, first * config.start**2)
        self.from_units = nn.Linear(len(COMMON) if config.pose else len(UNITS), first * config.start**2, bias=False)
        channels = (first, *config.generator)
        self.blocks = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(channels))
        last = config.generator[-1]
        self.norm, self.act = normalised(last, "instance"), nn.PReLU()
        self.colour = nn.Conv2d(last, 3 * config.shuffle**2, 3, padding=1)
        if config.painted:
            at, source = config.generator_sides.index, config.encoder_sides.index
            meeting = config.generator[at(config.painted)]
            self.planes = nn.Conv2d(PLANES, meeting, 3, padding=1, bias=False)
            self.mixing = nn.ModuleList(Residual(meeting, values=len(COMMON)) for _ in range(config.mixing))
            if config.skips:
                near = config.generator[at(2 * config.painted)]
                self.far = nn.Conv2d(config.encoder[source(config.painted)], meeting, 3, padding=1, bias=False)
                self.near = nn.Conv2d(config.encoder[source(2 * config.painted)], near, 3, padding=1, bias=False)
            if config.photo:
                self.photo = MovedPhoto(meeting, last, config.shuffle)

    def forward(self, encoded: Encoded, photo: Photo, wanted: Tensor) -> Drawn:
        """G(l | u): encoded of a source (its batch is B or 1), wanted [B,20] -> the image with this expression.

        Of `photo`, the paper's network uses nothing; painted conditions need its landmarks, the difference of vectors
        its vector, the moved photo all of it.
        """
        config = self.config
        values = condition(wanted, photo.vector, config)
        told = values * values.new_tensor([POSE_GAIN] * AT_POSE.stop + [float(LEVELS)] * len(UNITS))
        x = self.from_code(encoded.code) + self.from_units(told if config.pose else told[:, AT_POSE.stop :])
        x = x.view(-1, config.generator[0], config.start, config.start)
        painted = coarse = None
        for side, block in zip(config.generator_sides, self.blocks, strict=True):
            x = block(x)
            if config.painted and side == config.painted:
                places = turned(photo.points, photo.vector, wanted) if config.pose else photo.points
                painted = planes(values, places, config.size, config.painted)
                x = x + self.planes(painted)
                if encoded.far is not None:
                    x = x + self.far(encoded.far)
                for residual in self.mixing:
                    x = residual(x, values)
                coarse = x
            if encoded.near is not None and side == 2 * config.painted:
                x = x + self.near(encoded.near)
        x = self.act(self.norm(x))
        own = torch.tanh(F.pixel_shuffle(self.colour(x), config.shuffle)).float()  # [B,3,S,S]
        return self.photo(own, coarse, painted, x, photo, wanted) if config.photo else Drawn(own, own)


class Critic(nn.Module):
    """D_img: one logit an image, large for photos (sec. 4.1: 6 convolutions of stride 2)."""

    def __init__(self, config: EgganConfig):
        super().__init__()
        channels = (3, *config.critic)
        layers = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.real = nn.Linear(config.critic[-1] * (config.size >> len(config.critic)) ** 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """[B,3,S,S] -> [B]."""
        return self.real(self.body(image).flatten(1))[:, 0]


class LatentCritic(nn.Module):
    """D_z: one logit a code, large for samples of the prior (sec. 4.1: 6 linear layers)."""

    def __init__(self, config: EgganConfig):
        super().__init__()
        sizes = (config.code, *config.latent_critic)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, code: Tensor) -> Tensor:
        """[B,code] -> [B]."""
        return self.body(code)[:, 0]


class Eggan(nn.ModuleDict):
    """All of EGGAN, by the paper's names. C_exp gives a logit for each unit's each level, [B, 17 * 6], C_id one a
    person."""

    def __init__(self, config: EgganConfig):
        super().__init__(
            {
                "E": Encoder(config),
                "G": Generator(config),
                "D_z": LatentCritic(config),
                "D_img": Critic(config),
                "C_exp": Vgg(len(UNITS) * (LEVELS + 1), config.classifier),
                "C_id": Vgg(config.people, config.classifier),
            }
        )
        self.config = config

    def draw(self, photo: Photo, wanted: Tensor) -> Drawn:
        """G(E(I) | u): the photo with the expression `wanted` [B,20]."""
        return self["G"](self["E"](photo.image), photo, wanted)

    def interpolate(self, photo: Photo, wanted: Tensor, shares: Tensor) -> Drawn:
        """Eq. 8: one photo's way from its own expression to `wanted` [1,20]; shares [B], alpha in 0..1 -> B images."""
        between = photo.vector + shares[:, None] * (wanted - photo.vector)
        return self["G"](self["E"](photo.image), photo, between)

    def between(self, photo: Photo, other: Photo, wanted: Tensor, shares: Tensor) -> Drawn:
        """Faces between two people (sec. 3.1: codes between those of photos stay on the manifold of faces).

        Everything of a photo that G uses goes from the one (share 0) to the other: code, features, landmarks, vector.
        Both of batch 1; wanted [1 or B,20], shares [B]. The result's `own` shows what the codes hold.
        """
        one, two = self["E"](photo.image), self["E"](other.image)
        encoded = Encoded(*(None if a is None else mixed(a, b, shares) for a, b in zip(one, two, strict=True)))
        halfway = Photo(*(mixed(a, b, shares) for a, b in zip(photo, other, strict=True)))
        return self["G"](encoded, halfway, wanted.expand(len(shares), -1))


class Encode(nn.Module):
    """Once a source: its code, and what G uses of the photo itself."""

    def __init__(self, networks: Eggan, size: int):
        super().__init__()
        self.encoder, self.size = networks["E"], size

    def forward(self, image: Tensor, landmarks: Tensor, source_vector: Tensor) -> tuple[Tensor, ...]:
        """image [1,3,H,H] in -1..1, landmarks [1,478,3] in pixels, source_vector [1,20] -> the tensors of STATE;
        without skips, near and far are one 0 each."""
        crop, points = shrunk(image, self.size), points_in(landmarks, image, self.size)
        encoded = self.encoder(crop)
        nothing = image.new_zeros(1, 1, 1, 1)
        near, far = (nothing if features is None else features for features in (encoded.near, encoded.far))
        return image, crop, encoded.code, near, far, points, source_vector


class Animate(nn.Module):
    """Once a frame. `photo` False leaves the photo's pixels out where the network has them: every pixel is drawn."""

    def __init__(self, networks: Eggan, photo: bool = True):
        super().__init__()
        self.generator, self.config = networks["G"], networks.config
        self.photo = photo

    def forward(self, full, crop, code, near, far, points, source, attributes) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors of STATE and attributes [B,20] -> image uint8 [B,H,H,3], alpha and synthetic uint8 [B,H,H]."""
        encoded = Encoded(code, near, far) if self.config.skips else Encoded(code)
        photo = Photo(crop, points, source)
        return drawn_frames(self.generator(encoded, photo, attributes), crop, full, self.photo)
