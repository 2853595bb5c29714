"""Standard ONNX operators that torch has no word for: a few nodes each in an exported graph, their meaning in torch.

A window is int64 [2,2]: (row, column) of its first pixel and of the one past its last.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function

TO_THE_END = 2**31 - 1


def levels(t: Tensor) -> Tensor:
    """0..1 -> uint8, 0..255, rounded; what lies outside is clamped."""
    return _Quantized.apply(t)


def cut(t: Tensor, window: Tensor) -> Tensor:
    """The window of a picture [...,H,W]."""
    return _Cut.apply(t, window)


def around(t: Tensor, window: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What lies around the window of a picture [C,B,H,W]: all rows above it, its own rows to the left and to the right
    of it, all rows below."""
    (y0, x0), (y1, x1) = (corner.split(1) for corner in window.unbind(0))
    none, end = torch.zeros(1, dtype=torch.int64), torch.full((1,), TO_THE_END)
    corners = (none, none, y0, end), (y0, none, y1, x0), (y0, x1, y1, end), (y1, none, end, end)
    return tuple(cut(t, torch.cat(each).view(2, 2)) for each in corners)


def framed(t: Tensor, frame) -> Tensor:
    """A window's picture with what lies around it."""
    top, left, right, bottom = frame
    return torch.cat([top, torch.cat([left, t, right], -1), bottom], -2)


def upsample_window(t: Tensor, window: Tensor, size) -> Tensor:
    """Nodes [C,B,G,G] over the crop, corners on corners -> [C,B,h,w]: a window of a crop of side `size`, bilinear."""
    first, last = (window - torch.tensor([[0], [1]])).float().div(size - 1).unbind(0)
    shape = torch.cat([torch.stack([torch.as_tensor(n) for n in t.shape[:2]]), window[1] - window[0]])
    return _Window.apply(t, torch.cat([torch.zeros(2), first, torch.ones(2), last]), shape)


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
    def forward(ctx, t: Tensor, window: Tensor) -> Tensor:
        (y0, x0), (y1, x1) = window.tolist()
        return t[..., y0:y1, x0:x1].clone()

    @staticmethod
    def symbolic(g, t, window):
        corners = (g.op("Gather", window, g.op("Constant", value_t=torch.tensor(i)), axis_i=0) for i in range(2))
        return g.op("Slice", t, *corners, g.op("Constant", value_t=torch.tensor([-2, -1])))


class _Window(Function):
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
