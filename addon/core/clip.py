"""One clip: a photo, a table, a pack and an output, as plain data; rendered without Blender."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .attributes import IS_ANGLE, NAMES, target
from .errors import OutputError, TableError
from .faces import FaceReader, Photo, read_photo
from .frames import MOVIE, SUFFIXES
from .pack import DEFAULT, find_pack
from .render import ClipReport, Existing, render_vectors
from .session import Generator, Source, turned
from .tables import Table, read_table, stated_gains, to_track
from .track import SHORTEST_WITH_NEUTRAL, AttributeTrack

__all__ = ["ClipJob", "ClipReport", "clip_track", "render_clip", "render_vectors"]

BRIDGED = 0.5  # seconds of failed or missing rows that become straight lines; in longer ones the face holds still
STILL_RATE = 25.0  # frames a second of a movie made from a table of one row


@dataclass(frozen=True)
class ClipJob:
    """All that a clip depends on.

    face: the table's (None: the one with most rows); photo_face: the photo's, 0 is the largest; start, end: table rows
    from 1, both included; rate: rows a second of a table without a clock; fps: resample to this; size: side of the
    generator's crop in pixels; crop: write the crop alone; own_expression, own_pose 0..1: how much of the photo's own
    stays; as_is: the table's intensity / 5, without gains, without subtracting the driver's neutral; gains: by
    attribute in place of the stated ones; divided: the table's intensities were divided by 5 already.
    """

    photo: Path
    table: Path
    output: Path
    pack: str = DEFAULT
    face: int | None = None
    photo_face: int | None = None
    start: int = 1
    end: int | None = None
    rate: float | None = None
    fps: float | None = None
    size: int | None = None
    crop: bool = False
    own_expression: float = 1.0
    own_pose: float = 1.0
    as_is: bool = False
    gains: Mapping[str, float] | None = None
    divided: bool | None = None
    existing: Existing = "skip"
    suffix: str = ".png"
    device: str = "auto"

    @property
    def is_movie(self) -> bool:
        return Path(self.output).suffix.lower() == MOVIE


def render_clip(
    job: ClipJob,
    generator: Generator | None = None,
    reader: FaceReader | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClipReport:
    """Render a clip. generator, reader: ready ones, where several clips share them. Raises ZygomaError.

    Everything is read and checked before the output is touched.
    """
    check_output(job.output)
    track = clip_track(job, read_job_table(job))
    photo = read_photo(job.photo)
    if generator is None:
        generator = Generator(find_pack(job.pack), job.device)
    source = encode_photo(job, photo, generator, reader or FaceReader())
    targets = target(source.vector, track.values, job.own_expression, job.own_pose)
    report = render_vectors(
        source,
        targets,
        generator,
        Path(job.output),
        numbers=frame_numbers(track, job),
        fps=track.rate or job.fps or STILL_RATE,
        suffix=job.suffix,
        crop=job.crop,
        existing=job.existing,
        job=description(job),
        progress=progress,
        cancelled=cancelled,
    )
    notes = [*photo_notes(source), *source.notes, *track.report]
    if beyond := generator.pack.out_of_range(turned(targets, source.crop.angle)):
        notes.append(f"Beyond what the pack {generator.pack.id} covers, so expect distortion: {', '.join(beyond)}.")
    if unused := generator.pack.unused(targets - source.vector):
        notes.append(f"The pack {generator.pack.id} does nothing with {', '.join(unused)}.")
    return replace(report, notes=(*notes, *report.notes))


def check_output(output: Path) -> None:
    """What can be said of a place by its name. Raises OutputError."""
    suffix = Path(output).suffix.lower()
    if suffix in (".mov", ".avi", ".mkv", ".webm", ".gif", ".m4v"):
        raise OutputError(f"{output}: movies are written as .mp4; any other name is a folder for the frames.")
    if suffix in (*SUFFIXES, ".exr"):
        raise OutputError(f"{output}: frames go to a folder: leave {suffix} out, and choose their format apart.")


def read_job_table(job: ClipJob) -> Table:
    """The job's face of its table. Raises TableError."""
    return read_table(job.table, face=job.face, rate=job.rate, divided=job.divided)


def clip_track(job: ClipJob, table: Table) -> AttributeTrack:
    """The properties of each frame, all rows bridged: one a table row, or at `fps` by the clock.

    The driver's own neutral is subtracted where the photo's own stays: the expression's by one weight, that of pose and
    gaze by the other.
    A movie without `fps` runs at the table's rate, by the clock, so that missing rows take their time.
    """
    gains = None if job.as_is else {**stated_gains(table), **(job.gains or {})}
    track = to_track(table, gains)
    stays = np.where(IS_ANGLE, job.own_pose > 0, job.own_expression > 0)
    if stays.any() and not job.as_is and track.duration >= SHORTEST_WITH_NEUTRAL:
        relative = to_track(table, gains, subtract_neutral=True)
        what = "The driver's neutral was subtracted"
        own = f"{what} from the {'pose and gaze' if stays[0] else 'expression'} only."
        report = [own if line.startswith(what) and not stays.all() else line for line in relative.report]
        track = replace(track, values=np.where(stays, relative.values, track.values), report=tuple(report))
    track = track.bridge(BRIDGED, "hold")
    fps = job.fps or (track.rate if job.is_movie else None)
    chosen = track.between(job.start, job.end)
    if fps is None or len(chosen) < 2:
        return chosen
    # rows that bridging made are frames, too, where the clock counts
    inside = (track.times >= chosen.times[0]) & (track.times <= chosen.times[-1])
    assert track.rows is not None
    whole = replace(
        track,
        times=track.times[inside],
        values=track.values[inside],
        valid=track.valid[inside],
        rows=track.rows[inside],
    )
    return whole.resample(fps)


def frame_numbers(track: AttributeTrack, job: ClipJob) -> list[int]:
    """A frame a table row is named by the row; resampled ones are counted from 1."""
    if job.fps is not None or job.is_movie or track.rows is None:
        return list(range(1, len(track) + 1))
    return [int(row) for row in track.rows]


def encode_photo(job: ClipJob, photo: Photo, generator: Generator, reader: FaceReader) -> Source:
    """Raises FaceError, PackError."""
    return generator.encode(photo, reader.face(photo, job.photo_face), job.size)


def photo_notes(source: Source) -> list[str]:
    """What to tell the user about the photo and its face."""
    notes = [f"Photo: {note}." for note in source.photo.notes]
    return [f"Face: {source.face.warning}", *notes] if source.face.warning else notes


def description(job: ClipJob) -> dict:
    """For zygoma.json: enough to render the clip again, and to tell whether its table is the same."""
    try:
        digest = hashlib.sha256(Path(job.table).read_bytes()).hexdigest()
    except OSError as problem:
        raise TableError(f"{job.table}: the table cannot be read ({problem.strerror}).") from problem
    return {
        "what": "synthetic face animation",
        "table": digest,
        "options": {
            "face": job.face,
            "photo_face": job.photo_face,
            "start": job.start,
            "end": job.end,
            "rate": job.rate,
            "fps": job.fps,
            "own_expression": job.own_expression,
            "own_pose": job.own_pose,
            "as_is": job.as_is,
            "gains": {name: job.gains[name] for name in NAMES if name in job.gains} if job.gains else None,
            "divided": job.divided,
        },
    }
