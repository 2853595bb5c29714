"""Standard ONNX operators that torch has no word for: a few nodes each in an exported graph, their meaning in torch.

A window is two int64 [2]: (row, column) of its first pixel, and of the one past its last.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function

END = 2**31 - 1


def levels(t: Tensor) -> Tensor:
    """0..1 -> uint8, 0..255, rounded; what lies outside is clamped."""
    return _Quantized.apply(t)


def cut(t: Tensor, window) -> Tensor:
    """The window of a picture [...,H,W]."""
    return _Cut.apply(t, *window)


def around(t: Tensor, window) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What lies around the window of a picture [C,B,H,W]: all rows above it, its own rows to the left and to the right
    of it, all rows below."""
    first, last = window
    y0, y1 = (corner * torch.tensor([1, 0]) for corner in window)  # (row, 0)
    x0, x1 = first - y0, last - y1  # (0, column)
    none, end, to_the_right = torch.tensor([0, 0]), torch.tensor([END, END]), torch.tensor([0, END])
    parts = (none, y0 + to_the_right), (y0, y1 + x0), (y0 + x1, y1 + to_the_right), (y1, end)
    return tuple(cut(t, part) for part in parts)


def framed(t: Tensor, frame) -> Tensor:
    """A window's picture with what lies around it."""
    top, left, right, bottom = frame
    return torch.cat([top, torch.cat([left, t, right], -1), bottom], -2)


def upsample_window(t: Tensor, window, size) -> Tensor:
    """Nodes [C,B,G,G] over the crop, corners on corners -> [C,B,h,w]: a window of a crop of side `size`, bilinear."""
    first, last = window
    region = torch.cat([torch.zeros(2), first / (size - 1), torch.ones(2), (last - 1) / (size - 1)])
    return _Window.apply(t, region, last - first)


def as_planes(t: Tensor, like: Tensor) -> Tensor:
    """Values [C,...] of the pixels of pictures [N,B,H,W], one after the other -> [C,B,H,W]."""
    return _Planes.apply(t, like)


class _Quantized(Function):
    @staticmethod
    def forward(ctx, t: Tensor) -> Tensor:
        return (t * 255).round().clamp(0, 255).to(torch.uint8)

    @staticmethod
    def symbolic(g, t):
        scale = g.op("Constant", value_t=torch.tensor(1 / 255))
        zero = g.op("Constant", value_t=torch.tensor(0, dtype=torch.uint8))
        return g.op("QuantizeLinear", t, scale, zero)


class _Cut(Function):
    @staticmethod
    def forward(ctx, t: Tensor, first: Tensor, last: Tensor) -> Tensor:
        (y0, x0), (y1, x1) = first.tolist(), last.tolist()
        return t[..., y0:y1, x0:x1].clone()

    @staticmethod
    def symbolic(g, t, first, last):
        return g.op("Slice", t, first, last, g.op("Constant", value_t=torch.tensor([-2, -1])))


class _Planes(Function):
    @staticmethod
    def forward(ctx, t: Tensor, like: Tensor) -> Tensor:
        return t.reshape(-1, *like.shape[1:])

    @staticmethod
    def symbolic(g, t, like):
        channels = g.op("Constant", value_t=torch.tensor([-1]))
        return g.op("Reshape", t, g.op("Concat", channels, g.op("Shape", like, start_i=1), axis_i=0))


class _Window(Function):
    """region [8]: where along each axis the window starts and ends, shares of the way from the first node to the
    last; extent [2]: its rows and columns."""

    @staticmethod
    def forward(ctx, t: Tensor, region: Tensor, extent: Tensor) -> Tensor:
        for axis, count in ((2, int(extent[0])), (3, int(extent[1]))):
            last = t.shape[axis] - 1
            start, end = region[axis] * last, region[axis + 4] * last
            at = start + torch.arange(count) * (end - start) / (count - 1)
            low = at.floor().long().clamp(0, last - 1)
            share = (at - low).view(-1, *[1] * (3 - axis))
            under, over = t.index_select(axis, low), t.index_select(axis, low + 1)
            t = under + share * (over - under)
        return t

    @staticmethod
    def symbolic(g, t, region, extent):
        no_scales = g.op("Constant", value_t=torch.tensor([], dtype=torch.float32))
        shape = g.op("Concat", g.op("Shape", t, end_i=2), extent, axis_i=0)
        way = {"mode_s": "linear", "coordinate_transformation_mode_s": "tf_crop_and_resize"}
        return g.op("Resize", t, region, no_scales, shape, **way)
