"""Compact bilinear pooling: the outer product of features at each place, sketched to few numbers.

Fukui et al.: Multimodal compact bilinear pooling for visual question answering and visual grounding, EMNLP 2016.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 1e-4  # keeps roots differentiable at 0


class CompactBilinear(nn.Module):
    """Compact bilinear pooling of two or three inputs at each place (Fukui et al. 2016): each is count-sketched to d
    numbers; the sketch of their outer product is the circular convolution of the sketches, a product of their Fourier
    transforms; then signed roots and unit length, here of mean square 1.

    Sketch and transform are linear and fixed, so each input's is one 1x1 convolution by a matrix that no training
    changes, drawn from a fixed seed.
    """

    def __init__(self, inputs: tuple[int, ...], d: int):
        super().__init__()
        rng = np.random.default_rng(20)
        k, n = np.arange(d // 2 + 1), np.arange(d)
        turn = 2 * pi * np.outer(n, k) / d  # [d,d/2+1]
        for i, channels in enumerate(inputs):
            places, signs = rng.integers(d, size=channels), rng.choice([-1.0, 1.0], channels)
            sketch = np.zeros((channels, d))
            sketch[np.arange(channels), places] = signs
            spectrum = np.concatenate([sketch @ np.cos(turn), -sketch @ np.sin(turn)], 1).T  # [d+2,channels]
            self.register_buffer(f"spectrum_{i}", torch.tensor(spectrum, dtype=torch.float32)[:, :, None, None], False)
        twice = np.where((k == 0) | (2 * k == d), 1.0, 2.0)
        back = np.concatenate([twice * np.cos(turn), -twice * np.sin(turn)], 1) / d  # [d,d+2]
        self.register_buffer("back", torch.tensor(back, dtype=torch.float32)[:, :, None, None], False)
        self.count = len(inputs)

    def pooled(self, *inputs: Tensor) -> Tensor:
        """The sketch of the outer product of features [B or 1,C_i,h,w] at each place -> [B,d,h,w]."""
        real, imaginary = F.conv2d(inputs[0], self.spectrum_0).chunk(2, 1)
        for i in range(1, self.count):
            a, b = F.conv2d(inputs[i], getattr(self, f"spectrum_{i}")).chunk(2, 1)
            real, imaginary = real * a - imaginary * b, real * b + imaginary * a
        return F.conv2d(torch.cat([real, imaginary], 1), self.back)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.pooled(*(x.float() for x in inputs))
        x = x.sign() * ((x.abs() + LEAST).sqrt() - LEAST**0.5)
        return x * (x.square().mean(1, keepdim=True) + LEAST).rsqrt()
