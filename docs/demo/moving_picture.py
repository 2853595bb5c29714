"""Makes docs/demo.webp, the README's moving picture, of the frames that `build.py demo` left in out/demo.

.venv/bin/python -m docs.demo.moving_picture
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parents[1]
FRAMES = DOCS.parent / "out" / "demo" / "blender"
TOP, BOTTOM = 60, 608  # of the demo's frame: the two faces
WIDTH = 760
EVERY, RATE = 2, 25


def main() -> None:
    pictures = []
    for path in sorted(FRAMES.glob("[0-9][0-9][0-9][0-9].png"))[::EVERY]:
        frame = Image.open(path).convert("RGB")
        part = frame.crop((0, TOP, frame.width, BOTTOM))
        pictures.append(part.resize((WIDTH, round(WIDTH * part.height / part.width)), Image.Resampling.LANCZOS))
    first, *rest = pictures
    out = DOCS / "demo.webp"
    first.save(out, save_all=True, append_images=rest, duration=1000 * EVERY // RATE, loop=0, quality=72, method=6)
    print(f"{out}: {len(pictures)} frames, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
