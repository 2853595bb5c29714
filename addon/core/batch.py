"""Many clips: a list in TOML, checked whole before the first frame, then rendered one after the other.

    [defaults]                      # anything that a clip may say
    pack = "zygoma-base"
    own_expression = 0

    [[clip]]
    photo = "mona_lisa.jpg"         # paths count from the list's folder
    table = "speech.csv"
    output = "frames/mona_lisa"     # a folder, or a movie NAME.mp4
    fps = 25

A clip may say: photo, table, output, pack, face, photo_face (from 1), start, end, rate, fps, size, crop,
own_expression, own_pose, absolute, as_is, gains (a table: AU12 = 2.0), divided, existing ("skip", "overwrite", "fail"),
format, device.
JOB.journal.jsonl beside the list tells what became of each clip, one line each time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .attributes import INDEX
from .clip import ClipJob, check_output, clip_track, read_job_table, render_clip
from .errors import OutputError, PackError, ZygomaError
from .faces import FaceReader, read_photo
from .frames import output_error
from .pack import Pack, find_pack
from .render import MANIFEST, ClipReport, frames_text, read_manifest
from .session import Generator

MOST_CLIPS = 10_000
LONGEST_NAME = 255  # bytes, on every common file system
MOST_LINES = 50  # of mistakes that are listed
LARGEST_GAIN = 100
KINDS: dict[str, type | tuple[type, ...]] = {
    "photo": str,
    "table": str,
    "output": str,
    "pack": str,
    "face": int,
    "photo_face": int,
    "start": int,
    "end": int,
    "rate": (int, float),
    "fps": (int, float),
    "size": int,
    "crop": bool,
    "own_expression": (int, float),
    "own_pose": (int, float),
    "absolute": bool,
    "as_is": bool,
    "gains": dict,
    "divided": bool,
    "existing": str,
    "format": str,
    "device": str,
}
CHOICES = {
    "existing": ("skip", "overwrite", "fail"),
    "format": ("png", "jpg", "webp", "tif"),
    "device": ("auto", "cpu", "cuda"),
}
LIMITS = {
    "own_expression": (0, 1),
    "own_pose": (0, 1),
    "start": (1, 1e9),
    "end": (1, 1e9),
    "photo_face": (1, 1e3),
    "rate": (0.01, 1e4),
    "fps": (0.01, 1e3),
    "size": (2, 1e5),
}


@dataclass(frozen=True)
class ClipResult:
    """One clip of a list: its report, or why it failed."""

    job: ClipJob
    report: ClipReport | None
    error: str


def read_jobs(path: Path) -> list[ClipJob]:
    """The clips of a list. Raises ZygomaError with the file, clip and key of every mistake, a line each."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as problem:
        raise ZygomaError(f"{path}: the list cannot be read ({problem.strerror}).") from problem
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as problem:
        raise ZygomaError(f"{path}: this is no readable TOML: {problem}.") from problem
    if unknown := sorted(set(data) - {"defaults", "clip"}):
        raise ZygomaError(f"{path}: {unknown[0]} is unknown: a list has [defaults] and [[clip]].")
    defaults, clips = data.get("defaults", {}), data.get("clip", [])
    if not isinstance(defaults, dict) or not isinstance(clips, list) or not all(isinstance(c, dict) for c in clips):
        raise ZygomaError(f"{path}: write one [defaults] and a [[clip]] for each clip.")
    if not 0 < len(clips) <= MOST_CLIPS:
        raise ZygomaError(f"{path}: has {len(clips)} clips; a list has 1 to {MOST_CLIPS:,}, each under [[clip]].")
    wrong = _mistakes(f"{path}, defaults", defaults)
    for number, clip in enumerate(clips, 1):
        wrong += _mistakes(f"{path}, clip {number}", clip)
        missing = [key for key in ("photo", "table", "output") if not clip.get(key, defaults.get(key))]
        wrong += [f"{path}, clip {number}: {key} is missing." for key in missing]
    _refuse(wrong)
    return [_job(path, {**defaults, **clip}) for clip in clips]


def _refuse(wrong: list[str]) -> None:
    """Raises ZygomaError where anything is wrong: the first lines, and how many more there are."""
    if wrong:
        more = [f"... and {len(wrong) - MOST_LINES:,} more"] if len(wrong) > MOST_LINES else []
        raise ZygomaError("\n".join(wrong[:MOST_LINES] + more))


def _mistakes(where: str, said: dict) -> list[str]:
    """A line for each key that is wrong."""
    wrong = []
    for key, value in said.items():
        try:
            _check_value(where, key, value)
        except ZygomaError as problem:
            wrong.append(str(problem))
    return wrong


def _job(path: Path, said: dict) -> ClipJob:
    options = dict(said)
    for key in ("photo", "table", "output"):
        options[key] = path.parent / options[key]
    pack = options.get("pack", "")
    if "/" in pack or "\\" in pack or (pack and (path.parent / pack / "pack.toml").is_file()):
        options["pack"] = str(path.parent / pack)
    if options.pop("absolute", False):
        options["own_expression"] = options["own_pose"] = 0.0
    if "photo_face" in options:
        options["photo_face"] -= 1
    if "format" in options:
        options["suffix"] = f".{options.pop('format')}"
    return ClipJob(**options)


def _check_value(where: str, key: str, value: Any) -> None:
    if key not in KINDS:
        raise ZygomaError(f"{where}: {key} is unknown; a clip may say {', '.join(KINDS)}.")
    kinds = KINDS[key]
    if not _is_a(value, kinds):
        words = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}
        what = "a number" if isinstance(kinds, tuple) else words[kinds]
        raise ZygomaError(f"{where}: {key} is {str(value)[:40]!r}, and must be {what}.")
    if kinds is str and "\0" in value:
        raise ZygomaError(f"{where}: {key} holds a zero byte, which no path or name can.")
    if key in CHOICES and value not in CHOICES[key]:
        raise ZygomaError(f"{where}: {key} is {value[:40]!r}, and can be {', '.join(CHOICES[key])}.")
    if key in LIMITS and not LIMITS[key][0] <= value <= LIMITS[key][1]:
        raise ZygomaError(f"{where}: {key} is {value}, and must lie between {LIMITS[key][0]:g} and {LIMITS[key][1]:g}.")
    if key == "gains":
        for name, gain in value.items():
            number = isinstance(gain, int | float) and not isinstance(gain, bool) and abs(gain) <= LARGEST_GAIN
            if name not in INDEX or not number:
                raise ZygomaError(
                    f"{where}: gains: {name[:40]} must be an attribute with a number, such as AU12 = 2.0."
                )


def _is_a(value: Any, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool))


def check_jobs(path: Path, jobs: Sequence[ClipJob]) -> None:
    """Everything that can be known before the first frame: packs and devices, photos and faces, tables, outputs.

    Raises ZygomaError with all that is wrong, a line each.
    """
    wrong: list[str] = []
    outputs: dict[Path, int] = {}
    packs: dict[tuple[str, str], Pack] = {}
    faces: set[tuple[Path, int | None]] = set()
    reader = FaceReader()
    for number, job in enumerate(jobs, 1):
        try:
            check_output(job.output)
            _check_distinct(job, number, outputs)
            _check_writable(job)
            key = (job.pack, job.device)
            if key not in packs:
                packs[key] = Generator(find_pack(job.pack), job.device).pack
            _check_size(packs[key], job.size)
            if (job.photo, job.photo_face) not in faces:
                reader.face(read_photo(job.photo), job.photo_face)
                faces.add((job.photo, job.photo_face))
            clip_track(job, read_job_table(job))
        except ZygomaError as problem:
            wrong.append(f"{path}, clip {number}: {problem}")
    _refuse(wrong)


def _check_size(pack: Pack, size: int | None) -> None:
    low, high = pack.sizes
    if size is not None and (size % 2 or not low <= size <= high):
        raise PackError(f"The pack {pack.id} makes crops of even sides from {low} to {high}, not of {size} pixels.")


def _check_distinct(job: ClipJob, number: int, outputs: dict[Path, int]) -> None:
    place = Path(job.output).resolve()
    if place in outputs:
        raise OutputError(f"{job.output} is the output of clip {outputs[place]} already; give each its own.")
    outputs[place] = number
    if place in (Path(job.photo).resolve(), Path(job.table).resolve()):
        raise OutputError(f"{job.output} is the clip's own photo or table; choose another output.")


def _check_writable(job: ClipJob) -> None:
    """Nothing is made here: the nearest folder that exists must take files."""
    place = Path(job.output)
    folder = place.parent if job.is_movie else place
    try:
        if job.is_movie and place.is_dir():
            raise OutputError(f"{place}: a folder of this name is in the way; choose another name.")
        if any(len(os.fsencode(part)) > LONGEST_NAME for part in place.parts):
            raise OSError(errno.ENAMETOOLONG, "")
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise OSError(errno.ENOTDIR, "")
    except OSError as problem:
        raise output_error(place, problem) from problem
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: files cannot be written there; choose a folder that you may write to.")


def run_jobs(
    path: Path,
    jobs: Sequence[ClipJob],
    bar: Callable[[str], AbstractContextManager[Callable[[int, int], None]]],
    say: Callable[[str], None],
) -> list[ClipResult]:
    """Render every clip; a failed one is reported and passed over. One face reader and one generator a pack serve all.

    bar(name) gives a progress function for a clip; say(line) tells of each clip's end.
    """
    reader = FaceReader()
    generators: dict[tuple[str, str], Generator] = {}
    journal = path.with_name(f"{path.stem}.journal.jsonl")
    finished = _finished(journal)
    results = []
    for number, job in enumerate(jobs, 1):
        name = f"{number}/{len(jobs)} {Path(job.output).name}"
        started = time.time()
        digest = ""
        try:
            pack = find_pack(job.pack)
            digest = _digest(job, pack)
            before = finished.get(digest)
            if job.existing == "skip" and before and before.output_sha256 == _output_sha256(job):
                count = before.frames
                report = ClipReport(Path(job.output), count, 0, count, False, (), {"whole": 0.0})
                say(f"{name}: finished before, {frames_text(count)}.")
            else:
                key = (job.pack, job.device)
                if key not in generators:
                    generators[key] = Generator(pack, job.device)
                with bar(name) as progress:
                    report = render_clip(job, generators[key], reader, progress)
                kept = f", {report.skipped} there already" if report.skipped else ""
                say(f"{name}: {frames_text(report.written)} written{kept}, {report.seconds['whole']:.1f} s.")
                for note in report.notes:
                    say(f"  {note}")
            result = ClipResult(job, report, "")
        except ZygomaError as problem:
            result = ClipResult(job, None, str(problem))
            say(f"{name}: failed: {problem}")
        results.append(result)
        try:
            _note(journal, number, result, digest, started)
        except OSError as problem:
            say(f"{journal}: the journal cannot be written ({problem.strerror}).")
    return results


def _note(journal: Path, number: int, result: ClipResult, digest: str, started: float) -> None:
    report = result.report
    line: dict[str, Any] = {
        "clip": number,
        "output": str(result.job.output),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(started)),
        "status": "failed" if result.error else "done",
        "error": result.error,
        "written": report.written if report else 0,
        "skipped": report.skipped if report else 0,
        "notes": report.notes if report else (),
        "seconds": round(time.time() - started, 2),
        "digest": digest,
        "output_sha256": _output_sha256(result.job) if report else "",
    }
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class _Finished:
    """What the journal says of a finished clip: how many frames, and which output they left."""

    frames: int
    output_sha256: str


def _finished(journal: Path) -> dict[str, _Finished]:
    """By digest, the clips that the journal calls done. A line cut short tells nothing."""
    done = {}
    try:
        lines = journal.read_text("utf-8", "replace").splitlines()
    except OSError:
        return done
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("status") == "done" and said.get("output_sha256"):
            with contextlib.suppress(KeyError, TypeError):
                done[said["digest"]] = _Finished(said["written"] + said["skipped"], said["output_sha256"])
    return done


def _digest(job: ClipJob, pack: Pack) -> str:
    """SHA-256 of everything that a clip's frames depend on."""
    left_out = ("photo", "table", "existing", "device")
    parts = {key: str(value) for key, value in asdict(job).items() if key not in left_out}
    parts["output"] = str(Path(job.output).resolve())
    for key in ("photo", "table"):
        try:
            parts[f"{key}_sha256"] = hashlib.sha256(Path(getattr(job, key)).read_bytes()).hexdigest()
        except OSError as problem:
            raise ZygomaError(f"{getattr(job, key)}: cannot be read ({problem.strerror}).") from problem
    parts["pack"] = pack.digest
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _output_sha256(job: ClipJob) -> str:
    """Of the movie, or of what zygoma.json says of all frames; '' where any of them is gone."""
    output = Path(job.output)
    try:
        if not job.is_movie:
            if not all((output / name).is_file() for name in read_manifest(output).get("frames", {})):
                return ""
            output = output / MANIFEST
        return hashlib.sha256(output.read_bytes()).hexdigest()
    except OSError:
        return ""
