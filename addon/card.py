"""The picture that stands where a face could not be generated, so that nobody takes an old frame for a new one."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GROUND, INK = (120, 0, 30), (255, 255, 255)


def error_card(width: int, height: int, reason: str) -> np.ndarray:
    """uint8 [H,W,3]: the reason in white on dark red, as large as the picture lets it be."""
    image = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(10, min(width, height) // 18))
    margin = max(2, width // 20)
    lines: list[str] = []
    for word in f"Zygoma: {reason}".split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width - 2 * margin:
            lines[-1] = longer
        else:
            lines.append(word)
    draw.multiline_text((margin, margin), "\n".join(lines), fill=INK, font=font)
    return np.asarray(image)
