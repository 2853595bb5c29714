"""One photo and one set of curves through several packs: frames of each, a contact sheet and a movie side by side.

OUT/<pack>/000001.png ...   what each pack makes of the face, in one size and window
OUT/sheet.png               the moments that differ most, one a row, one pack a column
OUT/movie.mp4               all packs at once
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from .attributes import IS_ANGLE, NAMES, target
from .clip import STILL_RATE, ClipJob, clip_track, description, read_job_table
from .errors import OutputError, PackError
from .faces import Crop, Face, FaceReader, Photo, cut, face_crop, read_photo
from .frames import MovieWriter, output_error, write_image
from .pack import Pack, find_pack, list_packs
from .render import VERSION, Existing, render_vectors
from .session import Generator, Source, turned
from .side_by_side import Grid, sheet

SHEET, MOVIE = "sheet.png", "movie.mp4"
CELL = 384  # pixels a side of a pack's picture
SHOWN = 256  # of it on the sheet
MOMENTS = 8  # rows of the sheet
FULL_ANGLE = 0.6  # radians that count like a whole unit
NOTED, MOST_NOTED = 0.1, 6  # smallest value of a curve that a row names, and how many it names


@dataclass(frozen=True)
class Comparison:
    """What became of it. frames: of each pack; written, skipped: of all packs; cancelled: without sheet and movie."""

    folder: Path
    packs: tuple[str, ...]
    frames: int
    written: int
    skipped: int
    cancelled: bool
    notes: tuple[str, ...]
    seconds: float


def compare_clip(
    job: ClipJob,
    packs: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """What `render_clip` would make of a job, for several packs; job.output is a folder. packs: ids or folders, all
    that are here where none is named. Raises ZygomaError, as far as possible before the output is touched."""
    track = clip_track(replace(job, output=Path(job.output) / MOVIE), read_job_table(job))
    photo = read_photo(job.photo)
    face = FaceReader().face(photo, job.photo_face)
    problems: list[str] = []
    chosen = [find_pack(name) for name in packs] or list_packs(problems=problems)
    comparison = compare(
        photo,
        face,
        [Generator(pack, job.device) for pack in chosen],
        Path(job.output),
        curves=track.values,
        targets=lambda source: target(source.vector, track.values, job.own_expression, job.own_pose),
        fps=track.rate or job.fps or STILL_RATE,
        existing=job.existing,
        job=description(job),
        progress=progress,
    )
    notes = [*(f"Left out: {problem}" for problem in problems), *(f"Photo: {note}." for note in photo.notes)]
    if face.warning:
        notes.append(f"Face: {face.warning}")
    return replace(comparison, notes=(*notes, *track.report, *comparison.notes))


def compare(
    photo: Photo,
    face: Face,
    generators: Sequence[Generator],
    folder: Path,
    *,
    curves: np.ndarray,
    targets: Callable[[Source], np.ndarray],
    source_vector: np.ndarray | None = None,
    fps: float = STILL_RATE,
    existing: Existing = "skip",
    job: dict | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Comparison:
    """Renders, then puts together.

    curves float32 [F,A]: what the sheet's rows are chosen and named by; targets(source) float32 [F,A]: what a pack is
    asked for; source_vector: the photo's own, where every pack is to take the same. existing, job, cancelled: as of
    `render_vectors`, which keeps the frames that are there already. progress(done, total) counts frames of all packs,
    then those of the movie. Raises ZygomaError.
    """
    started = time.perf_counter()
    packs = tuple(generator.pack.id for generator in generators)
    _check_packs(packs)
    _check_folder(folder, packs, existing)
    window = face_window(face)
    photo = replace(photo, pixels=cut(photo.pixels, window), alpha=None)
    face = _moved(face, window)
    sources = [generator.encode(photo, face, source_vector=source_vector) for generator in generators]

    count, total = len(curves), len(curves) * (len(packs) + 1)
    written, skipped, notes = 0, 0, []
    for number, (generator, source) in enumerate(zip(generators, sources, strict=True)):
        asked = targets(source)
        report = render_vectors(
            source,
            asked,
            generator,
            folder / generator.pack.id,
            fps=fps,
            existing=existing,
            job=job,
            progress=progress and (lambda done, _, before=number * count: progress(before + done, total)),
            cancelled=cancelled,
        )
        written, skipped = written + report.written, skipped + report.skipped
        if beyond := generator.pack.out_of_range(turned(asked, source.crop.angle)):
            notes.append(f"Beyond what the pack {generator.pack.id} covers: {', '.join(beyond)}.")
        if unused := generator.pack.unused(asked - source.vector):
            notes.append(f"The pack {generator.pack.id} does nothing with {', '.join(unused)}.")
        if report.cancelled:
            break
    whole = written + skipped == count * len(packs)
    if whole:
        titles = [f"Photo: {photo.path.name}", *_titles([generator.pack for generator in generators])]
        cells = _Cells(photo.pixels, [folder / pack for pack in packs])
        texts = {"Software": f"Zygoma {VERSION}", "Description": f"Synthetic face animation, packs {', '.join(packs)}"}
        write_image(folder / SHEET, _sheet(titles, cells, curves), texts=texts, profile=photo.profile)
        grid = Grid(titles, CELL)
        with MovieWriter(folder / MOVIE, fps, texts) as movie:
            for frame in range(count):
                movie.write(grid.frame(cells.at(frame)))
                if progress:
                    progress(count * len(packs) + frame + 1, total)
    seconds = time.perf_counter() - started
    return Comparison(folder, packs, count, written, skipped, not whole, tuple(notes), seconds)


def _check_packs(packs: Sequence[str]) -> None:
    if not packs:
        raise PackError("There is no pack to compare: name some by --packs.")
    if twice := next((pack for pack in packs if packs.count(pack) > 1), None):
        raise PackError(f"The pack {twice} is named twice; each is compared once.")


def _check_folder(folder: Path, packs: Sequence[str], existing: Existing) -> None:
    """Pictures that are no comparison's are not written over. Raises OutputError."""
    try:
        if folder.is_file():
            raise OutputError(f"{folder}: a file is in the way of the folder; choose another place.")
        if existing == "overwrite" or any((folder / pack).is_dir() for pack in packs):
            return
        if there := next((folder / name for name in (SHEET, MOVIE) if (folder / name).exists()), None):
            raise OutputError(f"{there} is there already, and not of these packs: choose another folder, or overwrite.")
    except OSError as problem:
        raise output_error(folder, problem) from problem


def _titles(packs: Sequence[Pack]) -> list[str]:
    """With the id where a title alone does not tell which."""
    titles = [pack.title for pack in packs]
    return [f"{p.title} ({p.id})" if titles.count(p.title) > 1 else p.title for p in packs]


def face_window(face: Face) -> Crop:
    """The square round a face that all packs are shown in: upright as the photo is, CELL pixels a side."""
    crop = face_crop(face.landmarks)
    side = crop.size / crop.scale * (abs(np.cos(crop.angle)) + abs(np.sin(crop.angle)))
    middle = crop.to_photo @ [(crop.size - 1) / 2, (crop.size - 1) / 2, 1]
    shift = (CELL - 1) / 2 - CELL / side * middle
    return Crop(np.array([[CELL / side, 0, shift[0]], [0, CELL / side, shift[1]]]), CELL)


def _moved(face: Face, window: Crop) -> Face:
    landmarks = window.to_crop(face.landmarks).astype(np.float32)
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    return replace(face, landmarks=landmarks, box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])))


class _Cells:
    """What stands side by side at a moment: the photo, then each pack's frame."""

    def __init__(self, photo: np.ndarray, folders: Sequence[Path]):
        self.photo, self.folders = photo, folders

    def at(self, frame: int) -> list[np.ndarray]:
        """uint8 [CELL,CELL,3] each; frames count from 0. Raises OutputError."""
        return [self.photo, *(_read(folder / f"{frame + 1:06d}.png") for folder in self.folders)]


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as problem:
        raise OutputError(f"{path}: the frame cannot be read again ({problem}); remove it, and run again.") from problem


def _sheet(titles: Sequence[str], cells: _Cells, curves: np.ndarray) -> np.ndarray:
    rows = []
    for moment in moments(curves):
        images = (Image.fromarray(picture) for picture in cells.at(moment))
        small = [np.asarray(image.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)) for image in images]
        rows.append(([f"Frame {moment + 1}", *in_words(curves[moment])], small))
    return sheet(titles, rows)


def moments(curves: np.ndarray, most: int = MOMENTS) -> list[int]:
    """Rows of curves [F,A] that differ most, in the order of time: the first that is found lies farthest from rest,
    each further one farthest from those before."""
    scaled = curves / _FULL
    distance = np.linalg.norm(scaled, axis=1)
    chosen: list[int] = []
    while len(chosen) < min(most, len(curves)):
        farthest = int(distance.argmax())
        if chosen and distance[farthest] == 0:
            break
        chosen.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[farthest], axis=1))
    return sorted(chosen)


def in_words(values: np.ndarray) -> list[str]:
    """The largest values of one row [A], a line each."""
    share = np.abs(values / _FULL)
    lines = []
    for i in np.argsort(-share, kind="stable")[:MOST_NOTED]:
        if share[i] >= NOTED:
            value = f"{np.degrees(values[i]):+.0f} deg" if IS_ANGLE[i] else f"{values[i]:.2f}"
            lines.append(f"{NAMES[i].removeprefix('pose_')} {value}")
    return lines or ["at rest"]


_FULL = np.where(IS_ANGLE, FULL_ANGLE, 1.0)
