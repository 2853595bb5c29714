"""Draws docs/limits.jpg: what the default generator does less well, on the shipped portraits, and its own mask.

.venv/bin/python -m docs.demo.limits
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from addon.core import attributes
from addon.core.faces import FaceReader, cut, read_photo
from addon.core.pack import find_pack
from addon.core.session import Generator

DOCS = Path(__file__).resolve().parents[1]
CELL = 300
SHOWN = (
    ("the photo", {}),
    ("mouth wide open", {"AU25": 1, "AU26": 1}),
    ("eyes shut", {"AU45": 1}),
    ("turned away, .5", {"pose_yaw": 0.5}),
    ("turned away, -.5", {"pose_yaw": -0.5}),
    ("synthetic, turned -.5", {"pose_yaw": -0.5}),
)


def main() -> None:
    generator, reader = Generator(find_pack("zygoma-base")), FaceReader()
    sheet = Image.new("RGB", (CELL * len(SHOWN), CELL * 2), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for row, name in enumerate(("mona_lisa.jpg", "raphael.jpg")):
        photo = read_photo(DOCS / "portraits" / name)
        source = generator.encode(photo, reader.face(photo))
        for column, (title, change) in enumerate(SHOWN):
            target = attributes.target(source.vector, attributes.vector(change))
            pixels = cut(generator.frame(source, target), source.crop)
            if title.startswith("synthetic"):
                mask = generator.animate(source, target[None]).synthetic[0][..., None] / 255
                pixels = (pixels * (1 - 0.7 * mask) + np.array([230, 30, 90]) * 0.7 * mask).astype(np.uint8)
            picture = Image.fromarray(pixels).resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * CELL, row * CELL))
            draw.text((column * CELL + 8, row * CELL + 6), title, "white", font, stroke_width=2, stroke_fill="black")
    sheet.save(DOCS / "limits.jpg", quality=88)


if __name__ == "__main__":
    main()
