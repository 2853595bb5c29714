"""Standard ONNX operators that torch has no word for: one node each in an exported graph, their meaning in torch."""

from __future__ import annotations

import torch
from torch import Tensor


def levels(t: Tensor) -> Tensor:
    """0..1 -> uint8, 0..255, rounded; what lies outside is clamped."""
    return _Quantized.apply(t)


def upsample_window(t: Tensor, window, size) -> Tensor:
    """Nodes [C,B,G,G] over the crop, corners on corners -> [C,B,h,w]: the pixels (x0, x1, y0, y1) of a crop of side
    `size`, bilinear."""
    x0, x1, y0, y1 = (torch.as_tensor(bound) for bound in window)
    shares = torch.stack([y0, x0, y1 - 1, x1 - 1]).float() / (size - 1)
    shape = torch.stack([torch.as_tensor(t.shape[0]), torch.as_tensor(t.shape[1]), y1 - y0, x1 - x0])
    return _Window.apply(t, torch.cat([torch.zeros(2), shares[:2], torch.ones(2), shares[2:]]), shape)


class _Quantized(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t: Tensor) -> Tensor:
        return (t * 255).round().clamp(0, 255).to(torch.uint8)

    @staticmethod
    def symbolic(g, t):
        scale = g.op("Constant", value_t=torch.tensor(1 / 255))
        zero = g.op("Constant", value_t=torch.tensor(0, dtype=torch.uint8))
        return g.op("QuantizeLinear", t, scale, zero)


class _Window(torch.autograd.Function):
    """region [8]: where along each axis the window starts and ends, shares of the way from the first node to the
    last; shape [4]: of what comes out."""

    @staticmethod
    def forward(ctx, t: Tensor, region: Tensor, shape: Tensor) -> Tensor:
        for axis in (2, 3):
            last, count = t.shape[axis] - 1, int(shape[axis])
            start, end = region[axis] * last, region[axis + 4] * last
            at = start + torch.arange(count) * (end - start) / (count - 1)
            low = at.floor().long().clamp(0, last - 1)
            share = (at - low).view(-1, *[1] * (3 - axis))
            under, over = t.index_select(axis, low), t.index_select(axis, low + 1)
            t = under + share * (over - under)
        return t

    @staticmethod
    def symbolic(g, t, region, shape):
        no_scales = g.op("Constant", value_t=torch.tensor([], dtype=torch.float32))
        way = {"mode_s": "linear", "coordinate_transformation_mode_s": "tf_crop_and_resize"}
        return g.op("Resize", t, region, no_scales, shape, **way)
