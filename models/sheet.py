"""Sheets: labelled pictures in a grid, as one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from addon.core.errors import OutputError

LABEL = 16  # pixels above a picture

Cell = tuple[str, Tensor | None]  # a label and a picture [3,S,S] or [1,3,S,S] in -1..1


def sheet(rows: Sequence[Sequence[Cell]], size: int) -> Image.Image:
    """A grid of labelled pictures; None leaves a place empty."""
    columns = max(len(row) for row in rows)
    out = Image.new("RGB", (columns * size, len(rows) * (size + LABEL)), "white")
    draw = ImageDraw.Draw(out)
    for j, row in enumerate(rows):
        for i, (label, picture) in enumerate(row):
            draw.text((i * size + 2, j * (size + LABEL) + 2), label, fill="black")
            if picture is not None:
                pixels = ((picture.reshape(3, size, size) + 1) * 127.5).round().clamp(0, 255).byte()
                out.paste(Image.fromarray(pixels.permute(1, 2, 0).numpy()), (i * size, j * (size + LABEL) + LABEL))
    return out


def save(picture: Image.Image, path: Path) -> None:
    """Whole or not at all. Raises OutputError."""
    part = path.with_name(path.stem + ".part" + path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(part)
        os.replace(part, path)
    except (OSError, ValueError) as problem:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({problem}); choose another file, as .png or .jpg.") from problem
