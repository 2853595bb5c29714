"""The demo's contact sheet and its picture of the curves, drawn with Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, GREY, RULE = (250, 249, 246), (35, 35, 40), (130, 130, 135), (222, 220, 214)
COLOURS = {"Head": (80, 80, 90), "Brows": (150, 90, 30), "Eyes": (30, 100, 170), "Nose": (120, 60, 140)}
COLOURS |= {"Mouth": (180, 40, 60)}


def contact_sheet(frames: Sequence[tuple[int, np.ndarray]], columns: int, width: int) -> Image.Image:
    """Frames uint8 [H,W,3] with their numbers, in rows of `columns`, the sheet `width` pixels wide."""
    gap = 6
    height, across = frames[0][1].shape[:2]
    cell = (width - gap) // columns - gap
    cell_height = round(cell * height / across)
    rows = -(-len(frames) // columns)
    sheet = Image.new("RGB", (width, rows * (cell_height + gap) + gap), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for i, (number, pixels) in enumerate(frames):
        x, y = gap + i % columns * (cell + gap), gap + i // columns * (cell_height + gap)
        sheet.paste(Image.fromarray(pixels).resize((cell, cell_height), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 6, y + 4), str(number), PAPER, font, stroke_width=2, stroke_fill=INK)
    return sheet


def curves(title: str, lines: Mapping[str, np.ndarray], regions: Mapping[str, str], start: int) -> Image.Image:
    """One strip for each attribute that moves: values float [F] from frame `start` on, each strip over its own range.

    Units are drawn over 0..1, or further where they leave it; angles around 0, with degrees beside them.
    """
    moving = {name: values for name, values in lines.items() if np.ptp(values) > 1e-4}
    label, strip, width, top = 150, 40, 1100, 44
    right, bottom = width - 80, top + strip * len(moving)
    picture = Image.new("RGB", (width, bottom + 34), PAPER)
    draw, font, small = ImageDraw.Draw(picture), ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((12, 12), title, INK, ImageFont.load_default(18))
    frames = max((len(values) for values in moving.values()), default=1)

    def x_of(frame: float) -> float:
        return label + (right - label) * (frame - start) / max(frames - 1, 1)

    for frame in range(-(-start // 10) * 10, start + frames, 10):
        draw.line([(x_of(frame), top), (x_of(frame), bottom)], RULE)
        draw.text((x_of(frame), bottom + 8), str(frame), GREY, small, anchor="ma")
    for i, (name, values) in enumerate(moving.items()):
        angle = name.startswith("pose")
        low, high = (
            (-np.abs(values).max(), np.abs(values).max()) if angle else (min(0, values.min()), max(1, values.max()))
        )
        base = top + strip * (i + 1) - 5
        points = [
            (x_of(start + k), base - (strip - 10) * (value - low) / (high - low)) for k, value in enumerate(values)
        ]
        draw.line([(label, top + strip * (i + 1)), (right, top + strip * (i + 1))], RULE)
        draw.text((12, base - strip / 2 + 5), name, INK, font, anchor="lm")
        draw.line(points, COLOURS.get(regions.get(name, ""), INK), 2, joint="curve")
        words = f"±{np.degrees(high):.0f}°" if angle else f"{low:g} to {high:.2g}"
        draw.text((right + 10, base - strip / 2 + 5), words, GREY, small, anchor="lm")
    return picture
