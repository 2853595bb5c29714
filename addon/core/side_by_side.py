"""Captioned pictures side by side: the rows of a contact sheet, the frames of a movie of several packs."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND, INK, FAINT = (250, 250, 248), (40, 40, 44), (120, 120, 120)
GAP = 8
CAPTION, CAPTION_FONT = 26, 15  # height of a caption's strip, and of its letters, pixels
LABEL, LABEL_FONT, LINE = 150, 13, 18  # width of a row's label, its letters, its lines


def sheet(captions: Sequence[str], rows: Sequence[tuple[Sequence[str], Sequence[np.ndarray]]]) -> np.ndarray:
    """uint8 [H,W,3]: a column for each caption; a row is its label, in lines, and a picture uint8 [S,S,3] a column."""
    side = rows[0][1][0].shape[0]
    width = LABEL + len(captions) * (side + GAP) + GAP
    image = Image.new("RGB", (width, CAPTION + len(rows) * (side + GAP)), BACKGROUND)
    draw = ImageDraw.Draw(image)
    _captions(draw, captions, [(LABEL + i * (side + GAP), 0) for i in range(len(captions))], side)
    small = ImageFont.load_default(LABEL_FONT)
    for number, (label, pictures) in enumerate(rows):
        top = CAPTION + number * (side + GAP)
        for line, text in enumerate(label):
            draw.text((GAP, top + line * LINE), text, FAINT if line else INK, small)
        for column, picture in enumerate(pictures):
            image.paste(Image.fromarray(picture), (LABEL + column * (side + GAP), top))
    return np.asarray(image)


class Grid:
    """Frames of a movie that shows one picture a caption, captions below, as nearly square as whole rows allow."""

    def __init__(self, captions: Sequence[str], side: int):
        """side: of a picture, pixels."""
        columns = ceil(sqrt(len(captions)))
        rows = ceil(len(captions) / columns)
        size = (columns * (side + GAP) + GAP, rows * (side + CAPTION) + GAP)
        self.side = side
        self.places = [
            (GAP + i % columns * (side + GAP), GAP + i // columns * (side + CAPTION)) for i in range(len(captions))
        ]
        empty = Image.new("RGB", size, BACKGROUND)
        below = [(x, y + side) for x, y in self.places]
        _captions(ImageDraw.Draw(empty), captions, below, side)
        self.empty = np.asarray(empty)

    def frame(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 [H,W,3] of one picture uint8 [side,side,3] a caption."""
        out = self.empty.copy()
        for (x, y), picture in zip(self.places, pictures, strict=True):
            out[y : y + self.side, x : x + self.side] = picture
        return out


def _captions(
    draw: ImageDraw.ImageDraw, captions: Sequence[str], places: Sequence[tuple[int, int]], width: int
) -> None:
    font = ImageFont.load_default(CAPTION_FONT)
    for text, (x, y) in zip(captions, places, strict=True):
        draw.text((x, y + (CAPTION - CAPTION_FONT) // 2 - 2), _fitting(text, font, width), INK, font)


def _fitting(text: str, font, width: int) -> str:
    """The text, or its beginning and three dots."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."
