"""What may happen to a picture without changing whose face it shows and what the face does.

One generator of random numbers draws everything, so a seed gives the same picture again.
"""

from __future__ import annotations

import cv2
import numpy as np

from addon.core.faces.picture import Region

SHIFT, SCALE, TURN = 0.03, 0.05, 0.04  # of a crop, against what landmarks would choose: sides, factor, radians
STRETCH, WARP = 0.04, 0.012  # of a face: of its width and height, and of its parts in sides of the crop
WARP_STEPS = 2
WARP_KNOTS = 4  # a side: no finer than the nose, so that what a muscle does stays as it is


def jittered(rng: np.random.Generator, region: Region) -> Region:
    """A region as another look at the same face would choose it."""
    right, down = rng.uniform(-SHIFT, SHIFT, 2)
    return region.moved(right, down, float(np.exp(rng.uniform(-SCALE, SCALE))), rng.uniform(-TURN, TURN))


def reshaped(
    rng: np.random.Generator, picture: np.ndarray, region: Region, size: int, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 [size,size,3]: a region of a picture, its face a little wider or longer, its features a little elsewhere;
    where its landmarks, float [K,2+] in the picture, lie in it).

    Faces differ more than the heads of the synthetic people do. An estimator that has seen one expression on many
    shapes of one head takes less of a shape for an expression.
    """
    middle = (size - 1) / 2
    line = np.arange(size) - middle
    stretch = 1 + rng.normal(0, STRETCH, 2)
    knots = rng.normal(0, WARP * size, (WARP_KNOTS, WARP_KNOTS, 2)).astype(np.float32)
    field = cv2.resize(knots, (size, size), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(line * stretch[0] + middle, line * stretch[1] + middle)
    from_crop = region.to_picture(size)
    (a, b, tx), (c, d, ty) = from_crop
    x, y = x + field[..., 0], y + field[..., 1]
    sources = ((a * x + b * y + tx).astype(np.float32), (c * x + d * y + ty).astype(np.float32))
    crop = cv2.remap(picture, *sources, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    plain = (points[:, :2] - from_crop[:, 2]) @ np.linalg.inv(from_crop[:, :2]).T
    there = (plain - middle) / stretch + middle
    for _ in range(WARP_STEPS):  # the field says where a crop's pixel comes from, not where a landmark goes
        x, y = there.astype(np.float32).T[:, None]
        away = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        there = (plain - away - middle) / stretch + middle
    return crop, there


def photographed(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """uint8 [S,S,3]: under another light, through another camera, kept as another file."""
    x = picture.astype(np.float32) / 255
    size = len(picture)
    if rng.random() < 0.5:  # light from one side
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
        line = np.linspace(-1, 1, size, dtype=np.float32)
        slope = np.float32(np.cos(angle)) * line[None, :] + np.float32(np.sin(angle)) * line[:, None]
        x = x * (1 + np.float32(strength) * slope)[..., None]
    grey = x.mean(-1, keepdims=True)
    x = grey + (x - grey) * np.float32(rng.choice([0.0, rng.uniform(0.4, 1.5)], p=[0.15, 0.85]))
    x = x * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    x = (x - 0.5) * np.float32(np.exp(rng.normal(0, 0.2))) + np.float32(0.5 + rng.normal(0, 0.07))
    x = np.clip(x, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.4:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 2.2) * size / 256)
    if rng.random() < 0.2:
        small = max(24, round(size * rng.uniform(0.25, 0.7)))
        x = cv2.resize(cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(0, 0.05), x.shape).astype(np.float32)
    x = (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
    return jpeg(x, int(rng.integers(40, 96))) if rng.random() < 0.5 else x


def covered(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """uint8 [S,S,3]: now and then a patch of one colour, as a hand, a strand or a microphone covers a face."""
    if rng.random() < 0.8:
        return picture
    size = len(picture)
    width, height = (rng.uniform(0.1, 0.3, 2) * size).astype(int)
    left, top = int(rng.uniform(0, size - width)), int(rng.uniform(0, size - height))
    out = picture.copy()
    out[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return out


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """uint8 [S,S,3], as a JPEG file of this quality gives it back."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
