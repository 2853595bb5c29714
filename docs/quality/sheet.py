"""A contact sheet: one face with every unit at 0, .5 and 1, with its eyes aside, and turned."""

from __future__ import annotations

import io
from math import radians
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from addon.core.attributes import ATTRIBUTES, UNITS
from addon.core.faces.picture import transform

from .subject import Subject

CELL, GAP, HEAD = 150, 4, 20  # pixels: a picture, between groups, a line of words
COLUMNS = 9
MARGIN = 0.11  # of the face's height, around it
LARGEST = 300_000  # bytes
INK, PAPER = (40, 40, 44), (250, 250, 248)
TITLES = {attribute.key: attribute.title for attribute in ATTRIBUTES}
LOOKS = (("gaze_yaw", 20), ("gaze_yaw", -20), ("gaze_pitch", 15))
TURNED = (
    *(("pose_yaw", angle) for angle in (30, 15, -15, -30)),
    *(("pose_pitch", angle) for angle in (15, -15)),
    *(("pose_roll", angle) for angle in (15, -15)),
)


def sheet(subject: Subject, path: Path) -> None:
    """Writes a JPEG of at most LARGEST bytes. From the face whose own expression was taken away, on its own pose."""
    groups = [(f"{unit}  {TITLES[unit]}", [({unit: x}, f"{x:g}") for x in (0, 0.5, 1)]) for unit in UNITS]
    groups.append(("Gaze, degrees", [_angle(name, angle) for name, angle in LOOKS]))
    turned = [({}, "own pose"), *(_angle(name, angle) for name, angle in TURNED)]
    groups.append(("Head turned, degrees from its own pose", turned))
    crops = iter(subject.crops([subject.asked(values) for _, cells in groups for values, _ in cells]))
    rows = -(-sum(len(cells) for _, cells in groups) // COLUMNS)
    across = COLUMNS * CELL + (COLUMNS // 3 - 1) * GAP
    page = Image.new("RGB", (across, rows * (CELL + HEAD + GAP)), PAPER)
    draw, font, small = ImageDraw.Draw(page), ImageFont.load_default(14), ImageFont.load_default(13)
    region = _face(subject)
    place = 0
    for title, cells in groups:
        for i, (_, words) in enumerate(cells):
            row, column = divmod(place, COLUMNS)
            x, y = column * CELL + column // 3 * GAP, row * (CELL + HEAD + GAP)
            if not i:
                draw.text((x + 4, y + 1), title, INK, font)
            picture = Image.fromarray(next(crops)).resize((CELL, CELL), Image.Resampling.LANCZOS, region)
            page.paste(picture, (x, y + HEAD))
            draw.text((x + 5, y + HEAD + 2), words, "white", small, stroke_width=2, stroke_fill="black")
            place += 1
    path.write_bytes(_jpeg(page))


def sheet_steps() -> int:
    """Pictures that `sheet` makes."""
    return 3 * len(UNITS) + len(LOOKS) + 1 + len(TURNED)


def _angle(name: str, angle: int) -> tuple[dict[str, float], str]:
    return {name: radians(angle)}, f"{name.removeprefix('pose_').removeprefix('gaze_')} {angle:+d}"


def _face(subject: Subject) -> tuple[float, float, float, float]:
    """A square around the face, in the crop's pixels, within the crop."""
    crop = subject.source.crop
    points = transform(crop.matrix, subject.source.face.landmarks[:, :2])
    low, high = points.min(0), points.max(0)
    side = min(float((high - low).max()) * (1 + 2 * MARGIN), crop.size)
    left, top = np.clip((low + high - side) / 2, 0, crop.size - side)
    return float(left), float(top), float(left + side), float(top + side)


def _jpeg(page: Image.Image) -> bytes:
    """The best quality that stays within LARGEST."""
    for quality in range(90, 40, -4):
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()
