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
from .errors import OutputError, ZygomaError
from .faces import FaceReader, read_photo
from .pack import Pack, find_pack
from .render import ClipReport, read_manifest
from .session import Generator

MOST_CLIPS = 10_000
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
    "fps": (0.01, 1e4),
    "size": (2, 1e5),
}


@dataclass(frozen=True)
class ClipResult:
    """One clip of a list: its report, or why it failed."""

    job: ClipJob
    report: ClipReport | None
    error: str


def read_jobs(path: Path) -> list[ClipJob]:
    """The clips of a list. Raises ZygomaError with the file, the clip's number and the key."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8"))
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
    return [_job(path, i, {**defaults, **clip}) for i, clip in enumerate(clips, 1)]


def _job(path: Path, number: int, said: dict) -> ClipJob:
    where = f"{path}, clip {number}"
    for key, value in said.items():
        _check_value(where, key, value)
    for key in ("photo", "table", "output"):
        if not said.get(key):
            raise ZygomaError(f"{where}: {key} is missing.")
    options = dict(said)
    for key in ("photo", "table", "output"):
        options[key] = path.parent / options[key]
    if "pack" in options and (path.parent / options["pack"] / "pack.toml").is_file():
        options["pack"] = str(path.parent / options["pack"])
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
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        words = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}
        what = "a number" if isinstance(kinds, tuple) else words[kinds]
        raise ZygomaError(f"{where}: {key} is {str(value)[:40]!r}, and must be {what}.")
    if key in CHOICES and value not in CHOICES[key]:
        raise ZygomaError(f"{where}: {key} is {value[:40]!r}, and can be {', '.join(CHOICES[key])}.")
    if key in LIMITS and not LIMITS[key][0] <= value <= LIMITS[key][1]:
        raise ZygomaError(f"{where}: {key} is {value}, and must lie between {LIMITS[key][0]:g} and {LIMITS[key][1]:g}.")
    if key == "gains":
        for name, gain in value.items():
            if name not in INDEX or not isinstance(gain, int | float) or isinstance(gain, bool):
                raise ZygomaError(f"{where}: gains: {name[:40]} must be an attribute with a number.")


def check_jobs(path: Path, jobs: Sequence[ClipJob]) -> None:
    """Everything that can be known before the first frame: packs, photos, tables, outputs.

    Raises ZygomaError with all that is wrong, a line each.
    """
    wrong: list[str] = []
    outputs: dict[Path, int] = {}
    packs: dict[str, Pack] = {}
    photos: set[Path] = set()
    for number, job in enumerate(jobs, 1):
        try:
            check_output(job)
            _check_distinct(job, number, outputs)
            _check_writable(job)
            if job.pack not in packs:
                packs[job.pack] = find_pack(job.pack)
            low, high = packs[job.pack].sizes
            if job.size is not None and not low <= job.size <= high:
                raise ZygomaError(f"the pack {job.pack} makes crops from {low} to {high} pixels, not {job.size}.")
            if job.photo not in photos:
                photos.add(job.photo)
                read_photo(job.photo)
            clip_track(job, read_job_table(job))
        except ZygomaError as problem:
            wrong.append(f"{path}, clip {number}: {problem}")
    if wrong:
        raise ZygomaError("\nzygoma: ".join(wrong))


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
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: a file is in the way of the folder; choose another place.")
    if len(os.fsencode(place.name)) > 255:
        raise OutputError(f"{place.name[:80]}...: the name is too long; choose a shorter one.")
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: permission denied; choose a folder that you may write to.")


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
            if job.existing == "skip" and digest in finished and (count := _whole(job)):
                report = ClipReport(Path(job.output), count, 0, count, False, (), {"whole": 0.0})
                say(f"{name}: finished before, {count} frames.")
            else:
                key = (job.pack, job.device)
                if key not in generators:
                    generators[key] = Generator(pack, job.device)
                with bar(name) as progress:
                    report = render_clip(job, generators[key], reader, progress)
                kept = f", {report.skipped} there already" if report.skipped else ""
                say(f"{name}: {report.written} frames written{kept}, {report.seconds['whole']:.1f} s.")
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
    line = {
        "clip": number,
        "output": str(result.job.output),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(started)),
        "status": "failed" if result.error else "done",
        "error": result.error,
        "written": report.written if report else 0,
        "skipped": report.skipped if report else 0,
        "seconds": round(time.time() - started, 2),
        "digest": digest,
    }
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _finished(journal: Path) -> set[str]:
    """Digests of the clips that the journal calls done. A line cut short tells nothing."""
    done = set()
    try:
        lines = journal.read_text("utf-8", "replace").splitlines()
    except OSError:
        return done
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("status") == "done" and said.get("digest"):
            done.add(said["digest"])
    return done


def _digest(job: ClipJob, pack: Pack) -> str:
    """SHA-256 of everything that a clip's frames depend on."""
    parts = {key: str(value) for key, value in asdict(job).items() if key not in ("existing", "device")}
    for key in ("photo", "table"):
        try:
            parts[f"{key}_sha256"] = hashlib.sha256(Path(getattr(job, key)).read_bytes()).hexdigest()
        except OSError as problem:
            raise ZygomaError(f"{getattr(job, key)}: cannot be read ({problem.strerror}).") from problem
    parts["pack"] = pack.digest
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _whole(job: ClipJob) -> int:
    """How many frames a finished clip's output still has; 0 where any is gone."""
    output = Path(job.output)
    if job.is_movie:
        return int(output.is_file())
    names = read_manifest(output).get("frames", {})
    return len(names) if names and all((output / name).is_file() for name in names) else 0
