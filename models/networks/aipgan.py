"""AIP-GAN's networks: attended encoders of expression and identity, and a decoder that joins both by bilinear pooling.

Ali, Hughes: An efficient integration of disentangled attended expression and identity features for facial expression
transfer and synthesis, 2020. No code of it was released; what the paper leaves open is marked "chosen". The switches
below `AipganConfig`'s sizes are Zygoma's: off, they leave the paper's network. `Express`, which lets a vector stand in
for a driving picture, is Zygoma's, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import COMMON

from .bilinear import CompactBilinear
from .blocks import UNITS, Residual, normalised, turned
from .full_size import points_in, shrunk
from .moved_photo import PLANES, Drawn, MovedPhoto, Photo, drawn_frames, planes
from .vgg import Stages, Vgg

VGG16: Stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # VGG-face is of this shape
BASIC = 6  # S of sec. 3.1: anger, disgust, fear, happiness, sadness, surprise
LEAST = 1e-4
ENCODER_INPUTS = ("image", "landmarks", "source_vector")
STATE = ("full", "crop", "identity", "identity_maps", "points", "source")
EXPRESSION = ("expression", "expression_maps", "vector")  # what the graphs `driver` and `express` give


@dataclass(frozen=True)
class AipganConfig:
    """Sizes, sec. 4.1 and 4.2; then switches."""

    size: int = 96  # pixels
    channels: tuple[int, ...] = (64, 128, 128, 256, 256, 512, 512)  # both encoders: each block halves the side
    decoder: tuple[int, ...] = (512, 512, 256, 256, 128, 128, 64)  # each block doubles it
    joined: tuple[int, ...] = (1, 3, 5, 6)  # blocks of the decoder that begin with bilinear pooling
    expression: int = 30  # numbers in e
    identity: int = 50  # numbers in h
    hidden: int = 256  # of the two shallow perceptrons; chosen
    drawn_side: int = 96  # side of the landmark picture Z and of the identity map H
    sketch: int = 512  # d of compact bilinear pooling; chosen
    critic_width: int = 64  # of each critic; as pix2pixHD has it, whose loss the paper takes
    critic_scales: int = 3  # likewise
    features: Stages = VGG16  # of the two networks whose activations L_if and L_ef compare
    people: int = 90  # classes of the one that knows people; the dataset's own number counts in training

    bilinear: Literal["all", "encoders", "none"] = "all"  # chosen; what is pooled with what, see Join
    attention_norm: Literal["minmax", "sigmoid"] = "minmax"  # chosen; `norm` of sec. 3.1
    labels: Literal["basic", "units"] = "basic"  # what attention is supervised by: S = 6 expressions, or 17 units

    norm: str = "instance"  # of all convolutions; none: brightness and colour survive to the codes
    express_width: int = 64  # channels of the network that makes expression features of a vector
    difference: bool = False  # what is painted is what changes, wanted - source, in place of what is wanted
    painted: int = 0  # side at which the vector (the driver's as it is read) is painted where it acts; 0: nowhere
    skips: bool = False  # identity features at `painted` and twice that side join the decoder's, unpooled
    mixing: int = 0  # residual blocks more at `painted`
    shuffle: int = 1  # the last features have 1/shuffle of the picture's side, its pixels come out as channels
    photo: bool = False  # the photo's own pixels, moved, take part in the picture

    def __post_init__(self):
        if not self.painted and (self.skips or self.mixing or self.photo):
            raise ValueError("AipganConfig: skips, mixing and photo need a side that is `painted`.")
        if self.ladder[len(self.decoder)] * self.shuffle != self.size:
            raise ValueError("AipganConfig: the decoder's blocks and its shuffle do not lead to the picture's side.")

    @property
    def encoder_sides(self) -> tuple[int, ...]:
        """Side of the encoders' features after each block; odd sides are rounded up."""
        return tuple(-(-self.size >> (i + 1)) for i in range(len(self.channels)))

    @property
    def ladder(self) -> tuple[int, ...]:
        """Side of the decoder's features before its first block and after each."""
        return (*reversed(self.encoder_sides), self.size)

    @property
    def classes(self) -> int:
        """S, the classes that attention knows."""
        return BASIC if self.labels == "basic" else len(UNITS)

    def level(self, side: int) -> int:
        """Which block of an encoder, from 0, gives features of this side."""
        return self.encoder_sides.index(side)

    @property
    def map_shapes(self) -> tuple[tuple[int, int], ...]:
        """(channels, side) of the encoders' features that the decoder's joined blocks take, first block first."""
        sides = [self.ladder[block - 1] for block in self.joined]
        return tuple((self.channels[self.level(side)], side) for side in sides)

    @property
    def skip_shapes(self) -> tuple[tuple[int, int], ...]:
        sides = (self.painted, 2 * self.painted) if self.skips else ()
        return tuple((self.channels[self.level(side)], side) for side in sides)


class Expression(NamedTuple):
    """e [B,30]; maps: attended features for the decoder's joined blocks; vector [B,20]: as given, or as read from e."""

    code: Tensor
    maps: tuple[Tensor, ...]
    vector: Tensor


class Identity(NamedTuple):
    """h [B,50]; maps likewise, then those of the skips."""

    code: Tensor
    maps: tuple[Tensor, ...]


# Attention


class SqueezeExcite(nn.Module):
    """scSE: features weighted by channel and, added to it, by place (Roy, Navab, Wachinger, MICCAI 2018)."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, max(1, channels // 2), 1)
        self.excite = nn.Conv2d(max(1, channels // 2), channels, 1)
        self.place = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        by_channel = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return x * by_channel + x * torch.sigmoid(self.place(x))


class Attended(NamedTuple):
    features: Tensor  # F_e [B,C,h,w]
    logits: Tensor  # of P, [B,S]
    map: Tensor  # alpha [B,1,h,w]


class ExpressionAttention(nn.Module):
    """The supervised module of sec. 3.1: F -> scSE -> Q (1x1) -> P; alpha = norm(sum P_i Q_i); F_e = F * alpha."""

    def __init__(self, channels: int, classes: int, norm: str):
        super().__init__()
        self.attend = SqueezeExcite(channels)
        self.classes = nn.Conv2d(channels, classes, 1)
        self.norm = norm

    def forward(self, features: Tensor) -> Attended:
        q = self.classes(self.attend(features))  # [B,S,h,w]
        logits = q.mean((2, 3))
        weighted = (logits.softmax(1)[:, :, None, None] * q).sum(1, keepdim=True)
        alpha = torch.sigmoid(weighted) if self.norm == "sigmoid" else stretched(weighted)
        return Attended(features * alpha, logits, alpha)


def stretched(x: Tensor) -> Tensor:
    """Each map [B,1,h,w] linearly to 0..1; a map of one place is 1."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return (x - low + LEAST) / (high - low + LEAST)


# Encoders


class Down(nn.Module):
    """3x3 convolution of stride 1, norm, leaky ReLU (sec. 4.2), then the mean over 2x2."""

    def __init__(self, channels: int, out: int, norm: str):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, out, 3, padding=1), normalised(out, norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.leaky_relu(self.norm(self.conv(x)), 0.2), 2, ceil_mode=True, count_include_pad=False)


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class ExpressionEncoder(nn.Module):
    """G_es: a driving picture to e, guided by the landmark picture that e has to draw."""

    def __init__(self, config: AipganConfig):
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(Down(a, b, config.norm) for a, b in pairwise((3, *config.channels)))
        self.attention = nn.ModuleList(
            ExpressionAttention(channels, config.classes, config.attention_norm) for channels in config.channels
        )
        self.code = nn.Linear(config.channels[-1] * config.encoder_sides[-1] ** 2, config.expression)
        self.landmarks = perceptron(config.expression, config.hidden, config.drawn_side**2)
        self.reading = nn.Linear(config.expression, len(COMMON))

    def attended(self, image: Tensor) -> list[Attended]:
        """What each block and its attention make of images [B,3,S,S]."""
        found = []
        for block, attention in zip(self.blocks, self.attention, strict=True):
            found.append(attention(block(image)))
            image = found[-1].features
        return found

    def forward(self, image: Tensor) -> tuple[Expression, list[Attended]]:
        found = self.attended(image)
        code = self.code(found[-1].features.flatten(1))
        maps = tuple(found[self.config.level(side)].features for _, side in self.config.map_shapes)
        return Expression(code, maps, self.reading(code)), found

    def draw_landmarks(self, code: Tensor) -> Tensor:
        """e -> the landmark picture, [B,1,s,s]."""
        side = self.config.drawn_side
        return self.landmarks(code).view(-1, 1, side, side)


class IdentityEncoder(nn.Module):
    """G_et: a photo to h and features, guided by the identity map: the person's shape and looks without expression."""

    def __init__(self, config: AipganConfig):
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(Down(a, b, config.norm) for a, b in pairwise((3, *config.channels)))
        self.attention = nn.ModuleList(SqueezeExcite(channels) for channels in config.channels)
        self.code = nn.Linear(config.channels[-1] * config.encoder_sides[-1] ** 2, config.identity)
        self.map = perceptron(config.identity, config.hidden, 3 * config.drawn_side**2)

    def forward(self, image: Tensor) -> Identity:
        found = []
        for block, attention in zip(self.blocks, self.attention, strict=True):
            image = attention(block(image))
            found.append(image)
        shapes = (*self.config.map_shapes, *self.config.skip_shapes)
        maps = tuple(found[self.config.level(side)] for _, side in shapes)
        return Identity(self.code(image.flatten(1)), maps)

    def draw_map(self, code: Tensor) -> Tensor:
        """h -> the identity map, [B,3,s,s] in -1..1."""
        side = self.config.drawn_side
        return self.map(code).view(-1, 3, side, side)


class Express(nn.Module):
    """A vector in the place of a driving picture: e and the expression features that G_es would find. Zygoma's."""

    START = 4  # side of the first plane

    def __init__(self, config: AipganConfig):
        super().__init__()
        self.config = config
        width = config.express_width
        self.body = nn.Sequential(nn.Linear(len(COMMON), config.hidden), nn.ReLU())
        self.code = nn.Linear(config.hidden, config.expression)
        self.spread = nn.Linear(config.hidden, width * self.START**2)
        self.grow = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in config.map_shapes)
        # faces lie alike in all crops: what a plane holds may depend on the place
        self.places = nn.ParameterList(torch.zeros(width, side, side) for _, side in config.map_shapes)
        self.maps = nn.ModuleList(nn.Conv2d(width, channels, 1) for channels, _ in config.map_shapes)

    def forward(self, vector: Tensor) -> Expression:
        """[B,20] -> Expression."""
        hidden = self.body(vector)
        plane = F.relu(self.spread(hidden)).view(-1, self.config.express_width, self.START, self.START)
        maps = []
        for (_, side), grow, places, read in zip(
            self.config.map_shapes, self.grow, self.places, self.maps, strict=True
        ):
            resized = plane.mean((2, 3), keepdim=True) if side == 1 else resize(plane, side)
            grown = F.relu(grow(resized) + places)
            maps.append(read(grown))
            plane = plane if side < self.START else grown
        return Expression(self.code(hidden), tuple(maps), vector)


def resize(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


# Decoder


class Join(nn.Module):
    """CEB of sec. 3.1: the decoder's features with those of both encoders.

    "all" pools all three, and the result takes the decoder's place; "encoders" pools the encoders' two and joins the
    result to the decoder's; "none", the paper's ablation, joins all three as they are.
    """

    def __init__(self, decoder: int, encoders: int, out: int, config: AipganConfig):
        super().__init__()
        self.kind = config.bilinear
        match self.kind:
            case "all":
                self.pool, inputs = CompactBilinear((decoder, encoders, encoders), config.sketch), config.sketch
            case "encoders":
                self.pool, inputs = CompactBilinear((encoders, encoders), config.sketch), decoder + config.sketch
            case "none":
                self.pool, inputs = None, decoder + 2 * encoders
        self.conv = nn.Conv2d(inputs, out, 3, padding=1)

    def forward(self, x: Tensor, expression: Tensor, identity: Tensor) -> Tensor:
        """[B,C,h,w], [B,C',h,w], [B or 1,C',h,w] -> [B,out,h,w]."""
        if self.kind == "all":
            return self.conv(self.pool(x, expression, identity))
        if self.kind == "encoders":
            return self.conv(torch.cat([x, self.pool(expression, identity).to(x.dtype)], 1))
        identity = identity.expand(x.shape[0], -1, -1, -1)
        return self.conv(torch.cat([x, expression, identity], 1))


class Decoder(nn.Module):
    """G_de: e, h and the features of both encoders to a picture."""

    def __init__(self, config: AipganConfig):
        super().__init__()
        self.config = config
        first, start = config.decoder[0], config.ladder[0]
        self.from_expression = nn.Linear(config.expression, first * start**2)
        self.from_identity = nn.Linear(config.identity, first * start**2)
        maps = dict(zip(config.joined, config.map_shapes, strict=True))
        self.blocks, self.norms = nn.ModuleList(), nn.ModuleList()
        for i, (channels, out) in enumerate(pairwise((first, *config.decoder))):
            joined = i + 1 in maps
            self.blocks.append(
                Join(channels, maps[i + 1][0], out, config) if joined else nn.Conv2d(channels, out, 3, padding=1)
            )
            self.norms.append(normalised(out, config.norm if config.ladder[i] > 1 else "none"))
        last = config.decoder[-1]
        self.colour = nn.Conv2d(last, 3 * config.shuffle**2, 3, padding=1)
        if config.painted:
            meeting = config.decoder[config.ladder.index(config.painted) - 1]
            self.planes = nn.Conv2d(PLANES, meeting, 3, padding=1, bias=False)
            self.mixing = nn.ModuleList(Residual(meeting, values=len(COMMON)) for _ in range(config.mixing))
            outs = [config.decoder[config.ladder.index(side) - 1] for _, side in config.skip_shapes]
            self.skips = nn.ModuleList(
                nn.Conv2d(channels, out, 3, padding=1, bias=False)
                for (channels, _), out in zip(config.skip_shapes, outs, strict=True)
            )
            if config.photo:
                self.photo = MovedPhoto(meeting, last, config.shuffle)

    def forward(self, identity: Identity, expression: Expression, photo: Photo) -> Drawn:
        """identity's batch is 1 or expression's B. Of `photo`, the paper's network uses nothing: see EGGAN's."""
        config = self.config
        joined = {block: (expression.maps[i], identity.maps[i]) for i, block in enumerate(config.joined)}
        skips = dict(zip((side for _, side in config.skip_shapes), identity.maps[len(joined) :], strict=True))
        wanted = expression.vector
        x = self.from_expression(expression.code) + self.from_identity(identity.code)
        x = x.view(-1, config.decoder[0], config.ladder[0], config.ladder[0])
        painted = coarse = None
        for i, (block, norm, side) in enumerate(zip(self.blocks, self.norms, config.ladder[1:], strict=False)):
            x = block(x, *joined[i + 1]) if i + 1 in joined else block(x)
            x = F.interpolate(F.leaky_relu(norm(x), 0.2), size=(side, side), mode="nearest")
            if side in skips:
                x = x + self.skips[list(skips).index(side)](skips[side])
            if config.painted and side == config.painted:
                values = wanted - photo.vector if config.difference else wanted
                places = turned(photo.points, photo.vector, wanted)
                painted = planes(values, places, config.size, config.painted)
                x = x + self.planes(painted)
                for residual in self.mixing:
                    x = residual(x, values)
                coarse = x
        own = torch.tanh(F.pixel_shuffle(self.colour(x), config.shuffle)).float()  # [B,3,S,S]
        return self.photo(own, coarse, painted, x, photo, wanted) if config.photo else Drawn(own, own)


# Training's networks


class Critic(nn.Module):
    """Critics of patches at several scales (Wang et al. 2018, pix2pixHD): each map large for photos."""

    def __init__(self, config: AipganConfig):
        super().__init__()
        self.scales = nn.ModuleList(self._patches(config.critic_width) for _ in range(config.critic_scales))

    @staticmethod
    def _patches(width: int) -> nn.Sequential:
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 2), nn.LeakyReLU(0.2)]
        for i, stride in enumerate((2, 2, 1)):
            before, after = width * min(8, 2**i), width * min(8, 2 ** (i + 1))
            layers += [nn.Conv2d(before, after, 4, stride, 2), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 2))

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B,3,S,S] -> a map [B,1,h,w] for each scale, the finest first."""
        found = []
        for critic in self.scales:
            found.append(critic(image))
            image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return found


class Aipgan(nn.ModuleDict):
    """All of AIP-GAN, by the paper's names; V_id and V_exp are the networks whose features its losses compare."""

    def __init__(self, config: AipganConfig):
        super().__init__(
            {
                "G_es": ExpressionEncoder(config),
                "G_et": IdentityEncoder(config),
                "G_de": Decoder(config),
                "express": Express(config),
                "D": Critic(config),
                "V_id": Vgg(config.people, config.features),
                "V_exp": Vgg(len(COMMON), config.features),
            }
        )
        self.config = config

    def drive(self, photo: Photo, driver: Tensor) -> Drawn:
        """The photo with the expression of somebody else's picture [B,3,S,S]."""
        return self["G_de"](self["G_et"](photo.image), self["G_es"](driver)[0], photo)

    def animate(self, photo: Photo, wanted: Tensor) -> Drawn:
        """The photo with the expression `wanted` [B,20]."""
        return self["G_de"](self["G_et"](photo.image), self["express"](wanted), photo)


# Graphs


def joined_maps(maps: tuple[Tensor, ...]) -> Tensor:
    """Maps [B,C,s,s] as one tensor [B,N]: a graph's state is the same whatever the sizes."""
    return torch.cat([m.flatten(1) for m in maps], 1)


def parted_maps(joined: Tensor, shapes: tuple[tuple[int, int], ...]) -> tuple[Tensor, ...]:
    parts = joined.split([channels * side**2 for channels, side in shapes], 1)
    return tuple(part.view(-1, c, side, side) for part, (c, side) in zip(parts, shapes, strict=True))


class Encode(nn.Module):
    """Once a source: its identity features, and what the decoder uses of the photo itself."""

    def __init__(self, networks: Aipgan, size: int):
        super().__init__()
        self.encoder, self.size = networks["G_et"], size

    def forward(self, image: Tensor, landmarks: Tensor, source_vector: Tensor) -> tuple[Tensor, ...]:
        """image [1,3,H,H] in -1..1, landmarks [1,478,3] in pixels, source_vector [1,20] -> the tensors of STATE."""
        crop, points = shrunk(image, self.size), points_in(landmarks, image, self.size)
        identity = self.encoder(crop)
        return image, crop, identity.code, joined_maps(identity.maps), points, source_vector


class Driver(nn.Module):
    """A driving picture [B,3,H,H] of anybody -> the tensors of EXPRESSION."""

    def __init__(self, networks: Aipgan, size: int):
        super().__init__()
        self.encoder, self.size = networks["G_es"], size

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        expression = self.encoder(shrunk(image, self.size))[0]
        return expression.code, joined_maps(expression.maps), expression.vector


class Expressed(nn.Module):
    """attributes [B,20] -> the tensors of EXPRESSION."""

    def __init__(self, networks: Aipgan):
        super().__init__()
        self.express = networks["express"]

    def forward(self, attributes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        expression = self.express(attributes)
        return expression.code, joined_maps(expression.maps), expression.vector


class Draw(nn.Module):
    """Once a frame: the tensors of STATE and of EXPRESSION -> image uint8 [B,H,H,3], alpha and synthetic uint8 [B,H,H].

    `photo` False leaves the photo's pixels out where the network has them: every pixel is drawn.
    """

    def __init__(self, networks: Aipgan, photo: bool = True):
        super().__init__()
        self.decoder, self.config = networks["G_de"], networks.config
        self.photo = photo

    def forward(self, full, crop, identity, identity_maps, points, source, expression, expression_maps, vector):
        config = self.config
        maps = parted_maps(identity_maps, (*config.map_shapes, *config.skip_shapes))
        wanted = Expression(expression, parted_maps(expression_maps, config.map_shapes), vector)
        drawn = self.decoder(Identity(identity, maps), wanted, Photo(crop, points, source))
        return drawn_frames(drawn, crop, full, self.photo)


class Animate(nn.Module):
    """Once a frame, by a vector: the tensors of STATE and attributes [B,20] -> what Draw gives."""

    def __init__(self, networks: Aipgan, photo: bool = True):
        super().__init__()
        self.express, self.draw = Expressed(networks), Draw(networks, photo)

    def forward(self, full, crop, identity, identity_maps, points, source, attributes):
        return self.draw(full, crop, identity, identity_maps, points, source, *self.express(attributes))
