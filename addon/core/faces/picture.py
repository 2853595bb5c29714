"""Turned square crops of a picture, shrunk without skipping pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import cv2
import numpy as np


@dataclass(frozen=True)
class Region:
    """A square of a picture: centre and side in pixels, `angle` in radians, clockwise as seen in the picture."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def moved(self, right=0.0, down=0.0, scale=1.0, turn=0.0) -> Region:
        """right and down in sides of the region, along the picture's axes."""
        return Region(self.x + right * self.side, self.y + down * self.side, self.side * scale, self.angle + turn)

    def to_picture(self, size: int) -> np.ndarray:
        """float64 [2,3]: pixel of a crop `size` wide -> pixel of the picture (pixel centres at whole numbers)."""
        step = self.side / size
        c, s, middle = cos(self.angle) * step, sin(self.angle) * step, (size - 1) / 2
        return np.array([[c, -s, self.x - (c - s) * middle], [s, c, self.y - (s + c) * middle]])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [...,2] through an affine matrix [2,3]."""
    return points @ matrix[:, :2].T + matrix[:, 2]


class Picture:
    """uint8 [H,W,3] and its halvings, made when first needed: warpAffine alone would skip pixels when it shrinks."""

    def __init__(self, pixels: np.ndarray):
        self.levels = [np.ascontiguousarray(pixels)]
        self.height, self.width = pixels.shape[:2]

    def level(self, number: int) -> np.ndarray:
        while len(self.levels) <= number:
            last = self.levels[-1]
            height, width = last.shape[0] // 2, last.shape[1] // 2
            self.levels.append(
                cv2.resize(last[: height * 2, : width * 2], (width, height), interpolation=cv2.INTER_AREA)
            )
        return self.levels[number]

    def crop(self, region: Region, size: int, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """uint8 [size,size,3], bilinear."""
        matrix = region.to_picture(size)
        number = 0
        while region.side / size > 2 ** (number + 1) and min(self.height, self.width) >> (number + 1) > 0:
            number += 1
        if number:
            shrink = 2**number
            matrix = matrix / shrink
            matrix[:, 2] += 0.5 / shrink - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(self.level(number), matrix, (size, size), flags=flags, borderMode=border)
