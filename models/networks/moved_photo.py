"""What a generator may add to its own picture: the photo's pixels, moved and tinted. A switch, in no paper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import blocks
from .blocks import BORDER, MAPS, PAINTED, FlowHead, enlarged, painted, place_maps
from .full_size import agreement, as_frames, frames_of

FINE = 0.01  # half image widths for each unit of the fine flow head
FULL = 0.1  # of a unit, or radians: a change this large is played whole, smaller ones in proportion
OPEN = 3.0  # logit of the mask at the start: what the decoder draws is not yet worth seeing
COARSE_RATE, FINE_RATE = 0.4, 0.1  # shares of the learning rate
STEEPEST = 4.0  # largest logit: a mask never shuts so far that it cannot learn to open


class Photo(NamedTuple):
    """A source as its pixels are fetched: image [B or 1,3,S,S] in -1..1, points [B or 1,478,3] in pixels, vector
    [B or 1,20]: its own expression and pose."""

    image: Tensor
    points: Tensor
    vector: Tensor


def mixed(one: Tensor, other: Tensor, shares: Tensor) -> Tensor:
    """[1,...] and [1,...] -> [B,...]: from the one (share 0) to the other, by shares [B]."""
    return torch.lerp(one, other, shares.view(-1, *[1] * (one.dim() - 1)))


class Drawn(NamedTuple):
    """image [B,3,S,S] in -1..1, the result; own: the generator's own picture, every pixel drawn. Where the photo's
    pixels are moved into it: mask [B,1,S,S], 1 = the photo's; moved [B,3,S,S]: the photo along flow [B,2,S,S] (half
    image widths, from where each pixel is fetched), its colours changed by change [B,3,S,S]; share [B,1,S,S]: how far a
    pixel still is the photo's; played [B,1]: how far the generator is used at all, 0 where nothing is to change; way
    [B,2,S,S]: the whole flow from the photo, where another generator's comes before; held [B,1,S,S]: the weight that
    the photo's pixels, fetched along it, have in the image. given: the picture that it worked on, where that is not the
    photo as it stands."""

    image: Tensor
    own: Tensor
    mask: Tensor | None = None
    moved: Tensor | None = None
    flow: Tensor | None = None
    share: Tensor | None = None
    change: Tensor | None = None
    played: Tensor | None = None
    way: Tensor | None = None
    held: Tensor | None = None
    given: Tensor | None = None


PLANES = PAINTED + MAPS  # what `planes` holds


def planes(values: Tensor, points: Tensor, size: int, side: int) -> Tensor:
    """[B,PLANES,side,side]: values [B,20] painted where they act on a face with landmarks [B or 1,478,3] in a crop of
    `size` pixels, and where its parts lie."""
    maps = place_maps(points, size, size // side)
    return torch.cat([painted(values, maps), maps.expand(values.shape[0], -1, -1, -1)], 1)


LAYERS = (3, 2, 1, 3, 3)  # channels: the photo; flow, mask and change of colour; what was drawn


def untouched(photo: Tensor) -> Tensor:
    """[B,3,S,S] -> layers [B,12,S,S] of a photo as it stands."""
    return torch.cat([photo, torch.zeros_like(photo[:, :2]), torch.ones_like(photo[:, :1]), 0 * photo, photo], 1)


def layers_of(photo: Tensor, drawn: Drawn) -> Tensor:
    """What a generator's picture is made of, [B,12,S,S]: a second one moves that, and still samples the photo once."""
    return torch.cat([photo, drawn.flow, drawn.mask, drawn.change, drawn.own.detach()], 1)


def moved_layers(layers: Tensor, flow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The picture that layers [B,12,S,S] make, fetched along flow [B,2,S,S]: the picture [B,3,S,S], the weight of the
    photo's pixels in it and how far they still are the photo's [B,1,S,S] each, and the whole way from it [B,2,S,S]."""
    photo, others = layers.float().split((LAYERS[0], sum(LAYERS[1:])), 1)
    way, mask, change, own = blocks.warp(others, flow).split(LAYERS[1:], 1)
    way = way + flow
    picture = own + mask * (blocks.warp(photo, way) + change - own)
    return picture, mask, kept(mask, change), way


def kept(mask: Tensor, change: Tensor) -> Tensor:
    """How far pixels still are the photo's, [B,1,S,S]."""
    return mask * (1 - change.abs().amax(1, keepdim=True) / blocks.FULLY_SYNTHETIC).clamp(min=0)


class MovedPhoto(nn.Module):
    """image = m (W(photo) + change) + (1 - m) own. The flow is the rigid turn of the head plus a learnt coarse part
    (features and painted planes) plus a learnt fine one; mask, fine flow and change of colour come from the generator's
    last features.

    The mixture chooses between two pictures and teaches `own` nothing: errors over the size of a small change would
    drown what else it learns from.
    """

    def __init__(self, coarse: int, fine: int, shuffle: int = 1):
        """coarse, fine: channels of the two features; the fine ones have 1/shuffle of the picture's side."""
        super().__init__()
        self.shuffle = shuffle
        self.coarse = FlowHead(coarse + PLANES)
        self.fine = nn.Conv2d(fine, 6 * shuffle**2, 3, padding=1)
        nn.init.normal_(self.fine.weight, std=0.005)
        nn.init.zeros_(self.fine.bias)

    def forward(
        self,
        own: Tensor,
        coarse: Tensor,
        planes: Tensor,
        fine: Tensor,
        photo: Photo,
        wanted: Tensor,
        turn: Tensor | None = None,
        layers: Tensor | None = None,
    ) -> Drawn:
        """own [B,3,S,S], coarse [B,C,h,w], planes [B,PLANES,h,w], fine [B,C',S/shuffle,S/shuffle], wanted [B,20];
        turn: the flow [B,2,S,S] of the head's rigid turn, where it is known already; layers [B,12,S,S]: what the photo
        is made of, where an earlier generator made it."""
        size = own.shape[-1]
        image = photo.image.float().expand(own.shape[0], -1, -1, -1)
        asked = (wanted - photo.vector).abs().amax(1)
        played = (asked / FULL).clamp(max=1).view(-1, 1, 1, 1)
        fine, logit, change = F.pixel_shuffle(self.fine(fine), self.shuffle).float().split((2, 1, 3), 1)  # [B,.,S,S]
        learnt = enlarged(self.coarse(torch.cat([coarse, planes], 1)), size) + FINE * fine
        if turn is None:
            rigid = blocks.rigid_flow(photo.points, photo.vector, wanted, size, size // coarse.shape[-1])
            turn = enlarged(rigid, size)
        flow = played * learnt + turn
        change = 2 * played * torch.tanh(blocks.LOUDNESS * change)
        if layers is None:
            moved, held, before, way = blocks.warp(image, flow), 1.0, 1.0, flow
        else:
            moved, held, before, way = moved_layers(layers, flow)
        moved = moved + change
        logit = STEEPEST * torch.tanh((logit + OPEN) / STEEPEST)
        mask = 1 - played * torch.sigmoid(-logit)
        image = own.detach() + mask * (moved - own.detach())
        share = before * kept(mask, change)
        return Drawn(image, own, mask, moved, flow, share, change, played.flatten(1), way, held * mask)


def by_rate(networks: Iterable[nn.Module]) -> list[dict]:
    """Parameter groups of networks that learn together, with their shares of the learning rate: the heads that move a
    photo learn more slowly. Adam moves all weights of a wide head at once, and its output jumps."""
    modules = list(networks)
    moved = [part for module in modules for part in module.modules() if isinstance(part, MovedPhoto)]
    heads = [
        {"params": list(head.parameters()), "scale": scale}
        for photo in moved
        for head, scale in ((photo.coarse, COARSE_RATE), (photo.fine, FINE_RATE))
    ]
    apart = {id(parameter) for group in heads for parameter in group["params"]}
    body = [p for module in modules for p in module.parameters() if id(p) not in apart]
    return [{"params": body, "scale": 1.0}, *heads]


def drawn_frames(drawn: Drawn, photo: Tensor, full: Tensor, moved: bool) -> tuple[Tensor, Tensor, Tensor]:
    """What an animator graph gives, of one source photo at the network's side [1,3,S,S] and at its own [1,3,H,H]: image
    uint8 [B,H,H,3], alpha and synthetic uint8 [B,H,H]. moved: with the photo's pixels, pasted where something changed;
    else the decoder's own picture, pasted whole."""
    if moved and drawn.held is not None:
        return frames_of(detailed(drawn, photo), drawn.way, photo, full, 1 - drawn.share[:, 0])
    own = enlarged(drawn.own, full.shape[-1])
    return as_frames(own, faded(drawn.own), torch.ones_like(drawn.own[:, 0]))


ALIKE = 0.35  # of pictures in -1..1: softened ones that differ more do not share detail
SOFT = 5  # pixels: over squares of this side a picture is meant, twice, to part its detail from the rest


def detailed(drawn: Drawn, photo: Tensor) -> Tensor:
    """The image [B,3,S,S], where what is drawn into it has the moved photo's detail as far as both show the same: a
    network of few samples draws softly, and mixed with it a sharp photo [1,3,S,S] is soft, too."""
    moved = blocks.warp(photo.expand(drawn.image.shape[0], -1, -1, -1), drawn.way)
    same = _softened(moved)
    mixed_in = drawn.image - drawn.held * moved - drawn.mask * drawn.change  # an earlier generator's picture, too
    detail = (1 - drawn.held) * (moved - same) - (mixed_in - _softened(mixed_in))
    return drawn.image + agreement(_softened(drawn.own), same, ALIKE) * detail


def _softened(image: Tensor) -> Tensor:
    for _ in range(2):
        image = F.avg_pool2d(image, SOFT, 1, SOFT // 2, count_include_pad=False)
    return image


def faded(image: Tensor) -> Tensor:
    """[B,S,S] for images [B,3,S,S]: 1, and falling to 0 at the crop's edge, so that a pasted crop shows none."""
    size = image.shape[-1]
    line = torch.arange(size, dtype=torch.float32, device=image.device)
    line = (torch.minimum(line, size - 1 - line) / (BORDER * size)).clamp(max=1)
    return torch.minimum(line.view(-1, 1), line).expand(image.shape[0], size, size)
