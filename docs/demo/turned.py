"""Draws docs/turned.jpg: sitters who are turned away look at the camera, and past it.

.venv/bin/python -m docs.demo.turned PHOTO...

The photos of docs/turned.jpg are 000012_05, 000015_05 and 000022_05 of `models.people render --people 40 --views 20
--size 256 --seed 3`, as they lie in its shard.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from addon.core.attributes import INDEX
from addon.core.faces import FaceReader, read_photo
from addon.core.pack import find_pack
from addon.core.session import Generator

DOCS = Path(__file__).resolve().parents[1]
CELL = 256
YAW = INDEX["pose_yaw"]
SHOWN = (
    ("the photo", 1.0, {}),
    ("at the camera", 0.0, {}),
    ("past it", -0.5, {}),
    ("", 0.0, {"AU12": 0.8, "AU25": 0.5}),
)


def main(photos: list[str]) -> None:
    generator, reader = Generator(find_pack("zygoma-base")), FaceReader()
    sheet = Image.new("RGB", (CELL * len(SHOWN), CELL * len(photos)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, name in enumerate(photos):
        photo = read_photo(Path(name))
        source = generator.encode(photo, reader.face(photo))
        for column, (title, share, units) in enumerate(SHOWN):
            target = source.vector.copy()
            target[YAW] *= np.float32(share)
            for unit, value in units.items():
                target[INDEX[unit]] = value
            picture = Image.fromarray(generator.frame(source, target)).resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * CELL, row * CELL))
            draw.text((column * CELL + 8, row * CELL + 6), title, "white", font, stroke_width=2, stroke_fill="black")
    sheet.save(DOCS / "turned.jpg", quality=88)


if __name__ == "__main__":
    main(sys.argv[1:])
