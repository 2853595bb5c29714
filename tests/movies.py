"""Test movies, made by the product from the two paintings and by ffmpeg: what they show is known frame by frame."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from portraits import portrait_path

from addon.core.attributes import INDEX, NAMES, target
from addon.core.faces import FaceReader, cut, read_photo
from addon.core.frames import MovieWriter
from addon.core.pack import find_pack
from addon.core.session import Generator

FPS = 25.0


def vectors(count: int = 60) -> np.ndarray:
    """float32 [count,A]: the head turns all the while; brows, smile and jaw act one after the other; blinks last four
    frames."""
    time = np.arange(count) / FPS
    out = np.zeros((count, len(NAMES)), np.float32)
    for i, (name, size) in enumerate((("pose_pitch", 0.12), ("pose_yaw", 0.15), ("pose_roll", 0.12))):
        out[:, INDEX[name]] = size * np.sin(2 * np.pi * time * (0.7 + 0.2 * i))
    third = count // 3
    for i, name in enumerate(("AU01", "AU12", "AU26")):
        out[i * third + 2 : (i + 1) * third - 2, INDEX[name]] = np.hanning(third - 2)[1:-1]
    for start in (4, 27, 51):
        out[start : start + 4, INDEX["AU45"]] = (0.6, 1, 1, 0.5)
    return out


_made: dict = {}


def face(name: str):
    """(generator, source) of a painting, its crop 256 pixels wide."""
    if "generator" not in _made:
        _made["generator"], _made["reader"] = Generator(find_pack("zygoma-base"), "cpu"), FaceReader()
    if name not in _made:
        photo = read_photo(portrait_path(name))
        generator = _made["generator"]
        _made[name] = generator.encode(photo, _made["reader"].face(photo), 256)
    return _made["generator"], _made[name]


def acted(name: str, values: np.ndarray) -> list[np.ndarray]:
    """uint8 [256,256,3] a vector: the painting's crop that acts them in place of its own expression."""
    generator, source = face(name)
    targets = target(source.vector, values, 0.0, 0.0)
    still = cut(source.photo.pixels, source.crop)
    frames = []
    for start in range(0, len(targets), 16):
        made = generator.animate(source, targets[start : start + 16])
        for image, alpha in zip(made.image, made.alpha, strict=True):
            share = alpha[..., None].astype(np.float32) / 255
            frames.append(np.round(image * share + still * (1 - share)).astype(np.uint8))
    return frames


def write(path: Path, frames: list[np.ndarray], fps: float = FPS) -> Path:
    with MovieWriter(path, fps) as movie:
        for frame in frames:
            movie.write(frame)
    return path


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=120)
