"""From the side that a network was trained at to the photo's own: what is seen is shrunk, what is made is enlarged.

A picture whose pixels are the photo's, moved, needs no network of a larger side to be sharp: the flow is enlarged and
the photo fetched at its own resolution. Everything exports as standard ONNX operators that take any side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .blocks import as_bytes, changed, enlarged, warp

AGREED = 0.15  # of pictures in -1..1: pixels that differ more from the moved photo have none of its detail
STILL = 0.25 * 2 / 128  # half image widths: a photo's pixel that moves less counts as in its place


def shrunk(image: Tensor, size: int) -> Tensor:
    """Square crops [B,C,H,H], H at least `size`, -> [B,C,size,size]: each pixel the mean of what it covers, by a
    triangle's weights; exactly the crop itself where H is `size`."""
    side = image.shape[-1]
    scale = side / size
    ours = (torch.arange(size, dtype=torch.float32, device=image.device) + 0.5) * scale
    theirs = torch.arange(side, dtype=torch.float32, device=image.device) + 0.5
    weights = (1 - (theirs - ours.view(-1, 1)).abs() / scale).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)  # [size,H]
    return weights @ image @ weights.transpose(0, 1)


def points_in(points: Tensor, image: Tensor, size: int) -> Tensor:
    """Landmarks [1,478,3] in pixels of `image` [1,3,H,H] -> in those of the crop of `size`; pixel centres are whole."""
    scale = size / image.shape[-1]
    centre = points.new_tensor([0.5, 0.5, 0.0])
    return (points + centre) * scale - centre


def at_full_size(image: Tensor, flow: Tensor, photo: Tensor, full: Tensor) -> Tensor:
    """What was made at the network's side, at the photo's own: enlarged, with the detail of the photo, moved alike.

    image [B,3,S,S] holds pixels of photo [1,3,S,S] fetched along flow [B,2,S,S]; full [1,3,H,H] is the photo at its own
    side. Detail, which is what the full photo has beyond the small one, counts as far as the image shows the same as
    the moved photo: a lid that was painted over an eye must not show its iris. Returns [B,3,H,H]; the image itself
    where H is S."""
    batch, side = image.shape[0], full.shape[-1]
    moved = warp(photo.expand(batch, -1, -1, -1), flow)
    image, flow, moved, same = (enlarged(part, side) for part in (image, flow, moved, agreement(image, moved, AGREED)))
    return image + same * (warp(full.expand(batch, -1, -1, -1), flow) - moved)


def agreement(one: Tensor, other: Tensor, within: float) -> Tensor:
    """How far two pictures [B,3,S,S] in -1..1 show the same, pixel by pixel: [B,1,S,S], 1 to 0 where they differ by
    `within`."""
    return (1 - (one - other).abs().amax(1, keepdim=True) / within).clamp(min=0)


def frames_of(
    image: Tensor, flow: Tensor, photo: Tensor, full: Tensor, synthetic: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What an animator graph gives of a picture as `at_full_size` takes it and of synthetic [B,S,S]: pasted where
    something changed."""
    alpha = changed(image, photo, flow.abs().amax(1) > STILL)
    return as_frames(at_full_size(image, flow, photo, full), alpha, synthetic)


def as_frames(image: Tensor, alpha: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """image [B,3,H,H] in -1..1, alpha and synthetic [B,S,S] in 0..1 -> as bytes, of the image's side: image
    [B,H,H,3], alpha and synthetic [B,H,H]."""
    shares = enlarged(torch.stack([alpha, synthetic], 1), image.shape[-1])
    return as_bytes(image / 2 + 0.5).permute(0, 2, 3, 1), *as_bytes(shares).unbind(1)
