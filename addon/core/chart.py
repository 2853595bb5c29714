"""Pictures for `inspect`: a table's curves, a photo with what was found in it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .attributes import ATTRIBUTES, IS_ANGLE, NAMES
from .faces import Crop, Face
from .track import AttributeTrack

BACKGROUND, INK, FAINT, FAILED = (250, 250, 248), (40, 40, 44), (214, 214, 210), (246, 214, 208)
CURVE = {"Head": (90, 98, 140), "Brows": (186, 96, 36), "Eyes": (30, 122, 134), "Nose": (120, 120, 60)}
MOUTH = (176, 44, 84)
WIDTH, ROW, LEFT, TOP, BOTTOM = 1100, 44, 150, 34, 26


def curves(track: AttributeTrack, title: str) -> Image.Image:
    """One row an attribute over time, units from 0 to 1, angles symmetric; failed and missing rows shaded. A still is
    level lines."""
    height = TOP + ROW * len(NAMES) + BOTTOM
    image = Image.new("RGB", (WIDTH, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(15), ImageFont.load_default(11)
    draw.text((10, 8), title, INK, font)
    start, length = float(track.times[0]), max(track.duration, 1e-6)
    x = LEFT + (track.times - start) / length * (WIDTH - LEFT - 16)
    still = len(track) == 1
    if still:
        x = np.array([LEFT, WIDTH - 16])
    else:
        bottom, step = TOP + ROW * len(NAMES), track.step / length * (WIDTH - LEFT - 16)
        for i in np.flatnonzero(~track.valid):
            draw.rectangle([x[i] - step / 2, TOP, x[i] + step / 2, bottom], fill=FAILED)
        for i in np.flatnonzero(track.gaps()):
            draw.rectangle([x[i] + step / 2, TOP, x[i + 1] - step / 2, bottom], fill=FAILED)
    stretches = [np.arange(2)] if still else np.split(np.arange(len(track)), np.flatnonzero(track.gaps()) + 1)
    for row, attribute in enumerate(ATTRIBUTES):
        base = TOP + ROW * (row + 1) - 6
        span = ROW - 12
        values = track.values[:, row].astype(np.float64)
        if IS_ANGLE[row]:
            limit = max(0.35, float(np.abs(values).max()))
            values = values / limit / 2 + 0.5
            draw.line([LEFT, base - span / 2, WIDTH - 16, base - span / 2], FAINT)
            scale = f"+-{np.degrees(limit):.0f} deg"
        else:
            scale = f"{track.values[:, row].max():.2f} at most"
        draw.line([LEFT, base, WIDTH - 16, base], FAINT)
        present = attribute.key in track.present
        draw.text((10, base - span), attribute.key, INK if present else (160, 160, 160), font)
        draw.text((10, base - span + 17), scale if present else "not in the table", (120, 120, 120), small)
        if not present:
            continue
        y = np.broadcast_to(base - np.clip(values, 0, 1) * span, x.shape)
        colour = CURVE.get(attribute.region, MOUTH)
        for rows in stretches:
            draw.line(list(zip(x[rows].tolist(), y[rows].tolist(), strict=True)), colour, 2)
    for share in np.linspace(0, 1, 6) if not still else ():
        at = LEFT + share * (WIDTH - LEFT - 16)
        draw.text((at - 14, height - BOTTOM + 6), f"{start + share * length:.1f} s", (120, 120, 120), small)
    return image


def faces_on(pixels: np.ndarray, faces: list[Face], crops: list[Crop], size: int = 1280) -> Image.Image:
    """The photo, at most `size` pixels a side, with each face's number, box, landmarks and crop."""
    image = Image.fromarray(pixels)
    shrink = min(1.0, size / max(image.size))
    image = image.resize([max(1, round(side * shrink)) for side in image.size], Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(14, image.width // 50))
    for number, (face, crop) in enumerate(zip(faces, crops, strict=True), 1):
        for x, y in (face.landmarks[:, :2] + 0.5) * shrink:
            draw.ellipse([x - 1, y - 1, x + 1, y + 1], fill=(120, 255, 160))
        x0, y0, x1, y1 = (value * shrink for value in face.box)
        draw.rectangle([x0, y0, x1, y1], outline=(255, 214, 64), width=2)
        draw.text((x0 + 4, y0 + 2), str(number), (255, 214, 64), font)
        end = crop.size - 0.5
        corners = np.array([[-0.5, -0.5], [end, -0.5], [end, end], [-0.5, end], [-0.5, -0.5]])
        square = (corners @ crop.to_photo[:, :2].T + crop.to_photo[:, 2] + 0.5) * shrink
        draw.line([tuple(corner) for corner in square.tolist()], (90, 200, 255), 2)
    return image
