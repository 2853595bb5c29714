"""Measures how well a generator does what it is asked, by the project's own face reader: `build.py quality` runs this.

    .venv/bin/python -m docs.quality.measure [--photos FOLDER | --photo FILE] [--table CSV] [--pack PACK] [--out FOLDER]

On what the repository ships it writes docs/quality.md and the pictures in docs/quality; with photos, a table or a pack
of your own the same goes to out/quality. No figure depends on the machine's speed or name.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from addon.core.attributes import ANGLES, NAMES, UNITS
from addon.core.errors import ZygomaError
from addon.core.faces import FaceReader
from addon.core.frames import SUFFIXES
from addon.core.pack import DEFAULT, find_pack
from addon.core.session import Generator

from .acting import act, recorded
from .mouth_and_lids import openings, smile_left
from .pixels import STEPS, at_rest, largest_jump, made_up, touched
from .report import Measured, report
from .response import angle_figures, asked_steps, ramps, unit_figures
from .sheet import sheet, sheet_steps
from .subject import Subject, smaller, subject

DOCS = Path(__file__).resolve().parents[1]
PORTRAITS = DOCS / "portraits"
TABLE = DOCS / "tables" / "talking_25fps.csv"
OWN = DOCS.parent / "out" / "quality"
MOST_WORKERS = 4
A_PHOTO = asked_steps() + sheet_steps() + 1 + len(NAMES) * (STEPS + 2) + len(NAMES) + 1 + 1  # pictures


def main() -> int:
    parser = argparse.ArgumentParser()
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--photos", type=Path)
    chosen.add_argument("--photo", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--pack", default=DEFAULT)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    is_shipped = not (args.photos or args.photo or args.table) and args.pack == DEFAULT
    out = args.out or (DOCS if is_shipped else OWN)
    photos = [args.photo] if args.photo else pictures(args.photos or PORTRAITS)
    try:
        measure(photos, args.table or TABLE, args.pack, out)
    except ZygomaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def pictures(folder: Path) -> list[Path]:
    """The folder's pictures by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def measure(photos: list[Path], table: Path, pack: str, out: Path) -> None:
    """Writes OUT/quality.md and, for each photo, OUT/quality/<its name>.jpg. The first photo that can be measured acts
    the table. Raises ZygomaError: no photo can be measured, the table or the pack cannot be read."""
    generator = Generator(find_pack(pack), "CPU", threads=1)  # one thread each, and pictures side by side, is faster
    reader = FaceReader(threads=1)
    sliders = recorded(table)
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    (out / "quality").mkdir(parents=True, exist_ok=True)
    measured, refused, acted = [], {}, None
    with tqdm(total=len(photos) * A_PHOTO + len(sliders), unit="picture", disable=None, file=sys.stderr) as bar:
        for photo in photos:
            bar.set_description(photo.stem)
            try:
                one = subject(photo, generator, reader, bar.update, workers=workers)
            except ZygomaError as error:
                refused[photo.name] = str(error).replace(str(photo), photo.name)
                bar.update(A_PHOTO)
                continue
            sheet(one, out / "quality" / f"{photo.stem}.jpg")
            measured.append(figures(one))
            acted = acted or act(one, sliders)
    if not measured:
        raise ZygomaError("\n".join(["There is no photo that can be measured.", *refused.values()]))
    text = report(measured, acted, refused, generator.pack.id, table.name)
    (out / "quality.md").write_text(text, "utf-8")
    print(f"{out / 'quality.md'} is written.")


def figures(one: Subject) -> Measured:
    """All figures of one photo."""
    read = ramps(one)
    return Measured(
        name=one.name,
        units={unit: unit_figures(unit, read[unit]) for unit in UNITS},
        angles={angle: angle_figures(angle, read[angle]) for angle in ANGLES},
        openings=openings(read),
        smile=smile_left(one),
        rest=at_rest(one),
        touched=touched(one),
        jumps=largest_jump(smaller(one)),
        made_up=made_up(one),
        lost=sum(reading is None for ramp in read.values() for reading in ramp),
    )


if __name__ == "__main__":
    sys.exit(main())
