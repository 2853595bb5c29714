"""A window of the crop at full resolution, so that work near an eye costs what an eye costs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Patch:
    """Rows and columns of a crop of side `size`, with the crop units of its pixels: x [1,w], y [h,1]."""

    size: int
    rows: slice
    columns: slice

    @classmethod
    def around(cls, size: int, x0: float, x1: float, y0: float, y1: float) -> Patch:
        """The pixels within the given crop units, at least one."""

        def pixels(a: float, b: float) -> slice:
            lo = int(np.clip(np.floor((a + 1) * (size - 1) / 2), 0, size - 1))
            return slice(lo, int(np.clip(np.ceil((b + 1) * (size - 1) / 2), lo, size - 1)) + 1)

        return cls(size, pixels(y0, y1), pixels(x0, x1))

    @property
    def x(self) -> np.ndarray:
        return (np.arange(self.columns.start, self.columns.stop, dtype=np.float32) * 2 / (self.size - 1) - 1)[None]

    @property
    def y(self) -> np.ndarray:
        return (np.arange(self.rows.start, self.rows.stop, dtype=np.float32) * 2 / (self.size - 1) - 1)[:, None]

    def of(self, picture: np.ndarray) -> np.ndarray:
        """The view of a [S,S,...] array."""
        return picture[self.rows, self.columns]

    def over(self, line: np.ndarray) -> np.ndarray:
        """A line of heights over x, [S] -> [1,w]."""
        return line[None, self.columns].astype(np.float32)

    def sample(self, picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bilinear samples of a whole [S,S] or [S,S,3] float32 array at crop units that broadcast to the patch."""
        return sampled(picture, x, y)


def sampled(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear samples of a whole [S,S] or [S,S,3] float32 array at crop units that broadcast; its border goes on
    outside."""
    to_pixel = (len(picture) - 1) / 2
    at = [((v + 1) * to_pixel).astype(np.float32) for v in np.broadcast_arrays(x, y)]
    return cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
