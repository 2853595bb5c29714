"""A photo takes the expression of another face, picture by picture: a movie, a folder of pictures or one picture."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Yielding
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from .clip import check_output, photo_notes
from .errors import MovieError, OutputError
from .faces import FaceReader, read_photo
from .faces.topology import eye_distance
from .frames import MOVIE, MovieWriter, make_folder
from .movies.follow import Follower
from .movies.footage import Footage
from .movies.tracking import why_no_face
from .pack import find_pack
from .render import (
    ClipReport,
    Existing,
    Pipeline,
    Task,
    frame_name,
    frames_text,
    frames_todo,
    job_identity,
    made_of,
    movie_is_there,
    provenance,
    read_manifest,
    run_tasks,
)
from .session import Generator

DEFAULT = "aipgan"
WHOLE = "whole"  # in zygoma.json: the format and `end` of a run that made all there is


@dataclass(frozen=True)
class DriveJob:
    """All that a driven clip depends on.

    driver: a movie, a folder of pictures or one picture; output: a folder or a movie (.mp4); face: the driver's, 0 is
    the first to come into view, the largest first (None: whoever has driven most so far, else the largest in view);
    photo_face: the photo's, 0 is the largest; start, end: seconds; rate: pictures a second of a folder, or in place of
    a movie's own clock; crop: write the crop alone.
    """

    photo: Path
    driver: Path
    output: Path
    pack: str = DEFAULT
    face: int | None = None
    photo_face: int | None = None
    start: float = 0.0
    end: float | None = None
    rate: float | None = None
    crop: bool = False
    existing: Existing = "skip"
    suffix: str = ".png"
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame of the driver. pixels uint8 [H,W,3], landmarks float32 [478,3]: what drives it, which is this frame or,
    where it shows no face, the last that did; None before the first."""

    number: int
    time: float
    pixels: np.ndarray | None
    landmarks: np.ndarray | None


def drive_photo(
    job: DriveJob,
    generator: Generator | None = None,
    reader: FaceReader | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClipReport:
    """Drive a photo by pictures. generator, reader: ready ones; progress(frames, of about how many).

    A folder gets an image a frame, named by the driver's frame number; a movie has the driver's rate, and frames of an
    uneven clock are held or left out so that it lasts as long. `existing` and `cancelled` are as of `render_vectors`.
    Raises ZygomaError: a pack that no picture drives, a driver without a face, a place that holds something else;
    before the output is touched, all but what only writing shows.
    """
    output = Path(job.output)
    check_output(output)
    footage = Footage(job.driver, job.rate)
    _keep_apart(footage, output)
    photo = read_photo(job.photo)
    generator = generator or Generator(find_pack(job.pack), job.device)
    generator.driver()
    reader = reader or FaceReader()
    source = generator.encode(photo, reader.face(photo, job.photo_face))
    movie = output.suffix.lower() == MOVIE

    began = time.perf_counter()
    options = {name: getattr(job, name) for name in ("face", "photo_face", "start", "end", "rate")}
    told = {"what": "synthetic face animation", "driver": footage.fingerprint, "options": options}
    told = {**made_of(source, generator), **told}
    depends = [job_identity(source, generator, job.crop), told["driver"], job.face, job.start, job.rate]
    identity = hashlib.sha256(repr([*depends, job.end] if movie else depends).encode()).hexdigest()
    expected = 1 if footage.is_still else len(footage.numbers(job.start, job.end))
    if movie:
        there = expected if movie_is_there(output, identity, job.existing) else 0
    else:
        there = _made_before(output, identity, job)
    if there:
        seconds = {"whole": time.perf_counter() - began}
        return ClipReport(output, there, 0, there, False, tuple(photo_notes(source)), seconds)

    seen: Counter[int | None] = Counter()
    with closing(_moments(footage, job, reader, seen)) as moments:
        first = _until_a_face(moments, job)
        make_folder(output.parent if movie else output)
        texts = provenance(generator, identity)
        pipeline = Pipeline(source, generator, job.crop, texts)
        folder = None if movie else _Folder(job, identity, told, first[0].number, expected)
        skipped = 0

        def tasks() -> Iterator[Task]:
            nonlocal skipped
            shown = chain(first, moments)
            for moment, times in _by_clock(shown, footage.rate) if movie else ((moment, 1) for moment in shown):
                path = folder.path(moment.number) if folder else None
                if folder and path is None:
                    skipped += 1
                    yield list  # no frame
                else:
                    yield partial(_drawn, pipeline, moment, path, times)

        def taken(written: int) -> None:
            if progress:
                progress(written + skipped, max(expected, written + skipped))

        taken(0)
        writer = MovieWriter(output, footage.rate, texts) if movie else None
        written, stopped = run_tasks(tasks(), writer, taken, cancelled)
    if folder and not stopped:
        folder.close()
    total = max(expected, written + skipped + 1) if stopped else written + skipped
    notes = (*photo_notes(source), *footage.notes, *_notes(job, seen))
    seconds = {**pipeline.seconds, "whole": time.perf_counter() - began}
    return ClipReport(output, total, written, skipped, stopped, notes, seconds)


def _keep_apart(footage: Footage, output: Path) -> None:
    """Frames that replace the driver's would be lost. Raises OutputError."""
    driver = footage.pictures[0].parent if footage.pictures else footage.path
    if os.path.exists(output) and os.path.samefile(output, driver):
        raise OutputError(f"{output}: this is where the driver is; choose another place for what it drives.")


def _drawn(pipeline: Pipeline, moment: Moment, path: Path | None, times: int) -> list[np.ndarray]:
    if moment.pixels is None or moment.landmarks is None:
        return [pipeline.finish(None, None, path)] * times
    return [pipeline.drive(moment.pixels, moment.landmarks, path)] * times


# The driver


def _moments(footage: Footage, job: DriveJob, reader: FaceReader, seen: Counter) -> Yielding[Moment, None, None]:
    """The driver's frames in order. seen: counts of frames by the face that drives them, None where it is missing."""
    if footage.is_still:
        picture = read_photo(footage.path)
        seen[job.face or 0] += 1
        yield Moment(1, 0.0, picture.pixels, reader.face(picture, job.face).landmarks)
        return
    follower = Follower(reader, patience=0.0, expressions=False)
    pixels = landmarks = None
    for frame in footage.frames(0, job.start, job.end):
        follower(frame)
        face = _driving(follower.points, job.face, seen)
        if face is not None:
            pixels, landmarks = frame.pixels, follower.points[face]
        seen[face] += 1
        yield Moment(frame.number, frame.time, pixels, landmarks)


def _driving(points: dict[int, np.ndarray], wished: int | None, seen: Counter) -> int | None:
    if wished is not None:
        return wished if wished in points else None
    return max(points, key=lambda face: (seen[face], eye_distance(points[face])), default=None)


def _until_a_face(moments: Iterator[Moment], job: DriveJob) -> list[Moment]:
    """The moments up to the first that shows the face. Raises MovieError where there is none."""
    first = []
    for moment in moments:
        first.append(moment)
        if moment.pixels is not None:
            return first
    if job.face and first:
        raise MovieError(f"{job.driver}: no face {job.face + 1} comes into view; choose a lower number.")
    raise MovieError(why_no_face(job.driver, len(first)))


def _by_clock(moments: Iterable[Moment], rate: float) -> Iterator[tuple[Moment, int]]:
    """Each moment that a movie of `rate` frames a second shows, and for how many frames."""
    before, began, filled = None, 0.0, 0
    for moment in moments:
        if before is None:
            began = moment.time
        else:
            place = round((moment.time - began) * rate)
            if place > filled:
                yield before, place - filled
                filled = place
        before = moment
    if before is not None:
        yield before, 1


def _notes(job: DriveJob, seen: Counter) -> list[str]:
    notes = []
    if blank := seen[None]:
        who = "No face" if job.face is None else f"No face {job.face + 1}"
        held = "the last expression is held, before the first one the photo stays as it is"
        notes.append(f"{who} in {frames_text(blank)}: {held}.")
    faces = {face + 1: count for face, count in seen.items() if face is not None}
    if len(faces) > 1:
        turns = ", ".join(f"face {face}: {frames_text(count)}" for face, count in sorted(faces.items()))
        notes.append(f"{len(faces)} faces drive it in turn ({turns}); --face 1 keeps to one.")
    return notes


# What is there already


def _made_before(output: Path, identity: str, job: DriveJob) -> int:
    """How many frames are there, where a run of the same job made all; else 0."""
    said = read_manifest(output)
    same = said.get("job") == identity and said.get(WHOLE) == [job.suffix, job.end]
    frames = [name for name in said.get("frames", {}) if name.endswith(job.suffix)]
    whole = same and job.existing == "skip" and all((output / name).is_file() for name in frames)
    return len(frames) if whole else 0


class _Folder:
    """Which frames are missing. How many there will be is known at the end alone, so zygoma.json lists as many as the
    driver promises, more where it holds more, and at last those that are there."""

    def __init__(self, job: DriveJob, identity: str, told: dict, first: int, expected: int):
        self.output, self.job, self.identity, self.told, self.first = Path(job.output), job, identity, told, first
        self.made: list[str] = []
        self._list(first + max(1, expected) - 1, job.existing)

    def path(self, number: int) -> Path | None:
        """Where a frame belongs; None where it is there already."""
        if number > self.last:
            self._list(2 * number, "skip")
        name = frame_name(number, self.job.suffix)
        self.made.append(name)
        return self.output / name if name in self.todo else None

    def close(self) -> None:
        """All are made."""
        told = {**self.told, WHOLE: [self.job.suffix, self.job.end]}
        frames_todo(self.output, self._hashes(self.made), self.identity, "skip", told)

    def _list(self, last: int, existing: Existing) -> None:
        self.last = last
        names = [frame_name(number, self.job.suffix) for number in range(self.first, last + 1)]
        self.todo = frames_todo(self.output, self._hashes(names), self.identity, existing, self.told)

    def _hashes(self, names: Iterable[str]) -> dict[str, str]:
        return dict.fromkeys(names, self.identity[:16])  # a job and a number tell what a frame shows
