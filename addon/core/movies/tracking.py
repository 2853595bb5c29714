"""A movie in, a table of Action Units out: followed, kept in a journal on the way, written whole at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MovieError, OutputError
from ..faces import FaceReader
from ..faces.expression import BLENDSHAPES
from ..faces.measures import chin_drop, in_head_frame, iris_offsets, lip_gap
from ..frames import make_folder, write_chunks
from .follow import MOST_FACES, RECORD, Follower
from .footage import Footage, Frame
from .journal import Journal
from .table import Rows, lines, rows
from .units import REST_NEEDED, UNREAD, solve, solve_still

VERSION = 2  # of what the journal holds
FEWEST_ROWS = 3  # a face seen in fewer frames of a movie is a mistake


@dataclass(frozen=True)
class TrackJob:
    """movie: a movie, a folder of pictures or one picture; start, end: seconds; faces: how many are followed at a time,
    the largest first; rate: pictures a second of a folder, or in place of a movie's own clock; overwrite: a table that
    is there."""

    movie: Path
    table: Path
    start: float = 0.0
    end: float | None = None
    faces: int = MOST_FACES
    rate: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class TrackReport:
    """frames were read (`resumed` of them by an earlier run), faces: rows by number; stopped: before the end, so the
    same job goes on from there; notes: sentences for the user; seconds: by the clock."""

    table: Path
    frames: int
    resumed: int
    faces: dict[int, int]
    stopped: bool
    notes: tuple[str, ...]
    seconds: float


def track_movie(
    job: TrackJob,
    reader: FaceReader | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrackReport:
    """Follow the faces of a movie. reader: a ready one; progress(frames, of about how many).

    Where `cancelled` says so, or at Ctrl-C, the table of what was read so far is written and the report says that it
    was stopped. Raises ZygomaError: no movie, not a face in it, a table that is there, a place that cannot be written.
    """
    began = time.monotonic()
    footage = Footage(job.movie, job.rate)
    reader = reader or FaceReader()
    table, subject = Path(job.table), _subject(job, footage, reader)
    _check_table(table, job, subject)
    if footage.is_still:
        return _still(footage, table, reader, began)
    with Journal(table, subject) as journal:
        stopped = False
        done = resumed = 0
        try:
            known = journal.records()
            done = resumed = _counted(known)
            follower = Follower(reader, job.faces)
            follower.resume(known)
            after = int(known["frame"][-1]) if len(known) else 0
            total = len(footage.numbers(job.start, job.end))
            for frame in footage.frames(after, job.start, job.end):
                journal.append(follower(frame))
                done += 1
                if progress:
                    progress(done, max(total, done))
                if cancelled and cancelled():
                    stopped = True
                    break
        except KeyboardInterrupt:
            stopped = True
        records = journal.records()
        faces, notes = _people(records)
        if faces:
            write_chunks(table, lines(faces, records[records["face"] < 0]))
        if not stopped:
            journal.remove()
            if not faces:
                raise MovieError(why_no_face(job.movie, done))
    notes = (*footage.notes, *notes)
    counts = {face.face: len(face.frames) for face in faces}
    return TrackReport(table, done, resumed, counts, stopped, notes, time.monotonic() - began)


def _check_table(table: Path, job: TrackJob, subject: dict) -> None:
    """Before a frame is read. Raises OutputError."""
    if table.suffix.lower() != ".csv":
        raise OutputError(f"{table}: a table cannot be written under this name; end it in .csv.")
    if table.is_dir():
        raise OutputError(f"{table}: a folder of this name is in the way; choose another name.")
    if table.exists() and not job.overwrite and not Journal.is_there(table, subject):
        raise OutputError(f"{table}: is there already; choose another name, or overwrite it.")
    make_folder(table.parent)


def _subject(job: TrackJob, footage: Footage, reader: FaceReader) -> dict:
    """What the journal's records are of: a run on anything else begins anew."""
    return {
        "what": "Zygoma follows a movie",
        "version": VERSION,
        "record": RECORD.itemsize,
        "models": reader.models.digests,
        "movie": footage.fingerprint,
        "options": [job.start, job.end, job.faces, job.rate],
    }


def _counted(records: np.ndarray) -> int:
    return int((np.diff(records["frame"]) > 0).sum()) + 1 if len(records) else 0


def _people(records: np.ndarray) -> tuple[list[Rows], list[str]]:
    """Each face's rows, the one with most rows as 0, and what is to be said."""
    found, counts = np.unique(records["face"][records["face"] >= 0], return_counts=True)
    order = sorted(zip(-counts, found, strict=True))
    kept = [number for count, number in order if -count >= min(FEWEST_ROWS, len(records))]
    faces, unrested = [], []
    for number in sorted(kept):
        own = np.array(records[records["face"] == number])
        units, rested = solve(own)
        faces.append(rows(own, units))
        if not rested:
            unrested.append(str(number))
    notes = [_without_reading(UNREAD)] if faces else []
    if unrested:
        who = "The recording" if len(faces) == 1 else f"Face {', '.join(unrested)}"
        notes.append(f"{who} is too short to show a face at rest: read by everybody's usual rest, like a photo.")
        notes.append(f"Without the person's own rest, so written as 0 there: {', '.join(REST_NEEDED)}.")
    if len(kept) < len(found):
        notes.append(f"Left out: {len(found) - len(kept)} faces that were seen in fewer than {FEWEST_ROWS} frames.")
    blank = int((records["face"] < 0).sum())
    if faces and blank:
        notes.append(f"No face in {'1 frame' if blank == 1 else f'{blank:,} frames'}: these rows count as failed.")
    return faces, notes


def why_no_face(movie: Path, frames: int) -> str:
    if not frames:
        return f"{movie}: there is no frame between the times that were asked for; check start and end."
    return f"{movie}: no face was found in any of {frames:,} frames; use a movie that shows a face from the front."


def _still(footage: Footage, table: Path, reader: FaceReader, began: float) -> TrackReport:
    """One picture: its faces, largest first, read as carefully as a photo."""
    frame: Frame = next(iter(footage.frames()))
    faces = []
    for number, face in enumerate(reader.faces(frame.pixels)):
        record = np.zeros(1, RECORD)
        turn = reader.head_pose.turn(face.landmarks)
        head = in_head_frame(face.landmarks, turn)
        record["frame"], record["face"], record["size"] = 1, number, frame.pixels.shape[1::-1]
        record["confidence"], record["turn"], record["eyes"] = face.presence, turn, face.eye_distance
        record["middle"] = face.landmarks[:468, :2].mean(0)
        record["lip_gap"], record["chin_drop"], record["irises"] = lip_gap(head), chin_drop(head), iris_offsets(head)
        record["blendshapes"] = [face.blendshapes[name] for name in BLENDSHAPES]
        units = {unit: np.array([value]) for unit, value in solve_still(face.blendshapes).items()}
        faces.append(rows(record, units))
    if not faces:
        raise MovieError(f"{footage.path}: no face was found; use a picture that shows a face from the front.")
    write_chunks(table, lines(faces, np.zeros(0, RECORD)))
    notes = (_without_reading((*REST_NEEDED, *UNREAD)),)
    return TrackReport(table, 1, 0, {face.face: 1 for face in faces}, False, notes, time.monotonic() - began)


def _without_reading(units: tuple[str, ...]) -> str:
    return f"Without a reading, so written as 0: {', '.join(units)}."
