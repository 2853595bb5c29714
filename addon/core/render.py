"""Vectors, or pictures that drive, to files: generate, paste and write as one pipeline, for the command line and for
Blender."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from .errors import OutputError
from .frames import MOVIE, SUFFIXES, MovieWriter, make_folder, output_error, write_bytes, write_image
from .session import Generator, Source

VERSION = "0.1.0"
MANIFEST = "zygoma.json"
WORKERS = 2  # each takes a batch from vectors to files
Existing = Literal["skip", "overwrite", "fail"]
Task = Callable[[], list[np.ndarray]]  # makes frames, and writes them where they are files of their own


@dataclass(frozen=True)
class ClipReport:
    """What became of a clip. total frames were asked for; written ones are new, skipped ones were there before; notes:
    sentences for the user; seconds: by part (generate, paste, write, summed over threads; whole: by the clock)."""

    output: Path
    total: int
    written: int
    skipped: int
    cancelled: bool
    notes: tuple[str, ...]
    seconds: dict[str, float]

    @property
    def complete(self) -> bool:
        return self.written + self.skipped == self.total


def frames_text(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def render_vectors(
    source: Source,
    targets: np.ndarray,
    generator: Generator,
    output: Path,
    *,
    numbers: Sequence[int] | None = None,
    fps: float = 25.0,
    suffix: str = ".png",
    crop: bool = False,
    existing: Existing = "skip",
    job: dict | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClipReport:
    """Render targets float32 [F,A] (what reaches the generator, order of NAMES) to files.

    output: a folder, which gets one image a vector named by its number (000001.png; `numbers`, default 1..F), or a
    movie (.mp4) at `fps`. crop: the crop alone in place of the whole photo. existing: 'skip' keeps frames of the same
    job, told by zygoma.json beside them, and refuses a folder that holds another's; 'overwrite' replaces; 'fail'
    refuses any. job: more of what the job depends on, for zygoma.json. progress(done, total) is called from this
    thread; cancelled() is asked before each batch: frames written so far stay, a movie is given up.

    Raises OutputError, GenerateError. Files appear under their names only when whole.
    """
    output = Path(output)
    targets = np.asarray(targets, np.float32)
    total = len(targets)
    names = [frame_name(n, suffix) for n in (numbers if numbers is not None else range(1, total + 1))]
    assert len(names) == total == len(set(names)), "one number for each vector"
    movie = output.suffix.lower() == MOVIE
    identity = job_identity(source, generator, crop)
    if movie:
        identity = hashlib.sha256(f"{identity} {fps:.6g}".encode() + targets.tobytes()).hexdigest()
        make_folder(output.parent)
        todo = [] if movie_is_there(output, identity, existing) else list(range(total))
    else:
        make_folder(output)
        hashes = {name: hashlib.sha256(v.tobytes()).hexdigest()[:16] for name, v in zip(names, targets, strict=True)}
        missing = frames_todo(output, hashes, identity, existing, {**made_of(source, generator), **(job or {})})
        todo = [i for i, name in enumerate(names) if name in missing]
    texts = provenance(generator, identity)
    pipeline = Pipeline(source, generator, crop, texts)
    started = time.perf_counter()
    skipped = total - len(todo)
    batch = generator.batch(source)

    def tasks() -> Iterator[Task]:
        for first in range(0, len(todo), batch):
            places = todo[first : first + batch]
            yield partial(pipeline.run, targets[places], None if movie else [output / names[i] for i in places])

    if progress:
        progress(skipped, total)
    writer = MovieWriter(output, fps, texts) if movie and todo else None
    taken = progress and (lambda written: progress(skipped + written, total))
    written, stopped = run_tasks(tasks(), writer, taken, cancelled)
    seconds = {**pipeline.seconds, "whole": time.perf_counter() - started}
    return ClipReport(output, total, written, skipped, stopped, (), seconds)


def frame_name(number: int, suffix: str) -> str:
    """Raises OutputError where frames cannot be written as `suffix`."""
    if suffix not in SUFFIXES:
        raise OutputError(f"Frames cannot be written as {suffix}: use one of {', '.join(SUFFIXES)}.")
    return f"{number:06d}{suffix}"


def provenance(generator: Generator, identity: str) -> dict[str, str]:
    """Texts for the files."""
    pack = generator.pack
    return {
        "Software": f"Zygoma {VERSION}",
        "Description": f"Synthetic face animation, pack {pack.id} {pack.version}, job {identity}",
    }


def run_tasks(
    tasks: Iterator[Task],
    writer: MovieWriter | None,
    taken: Callable[[int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[int, bool]:
    """(frames made, whether it was cancelled). Tasks are drawn in this thread and run in others, a few at a time; their
    frames go to the movie, where there is one, in order. taken(frames made) is called from this thread; cancelled() is
    asked before each task: frames made so far stay, a movie is given up."""
    made, stopped = 0, False
    waiting: deque[Future[list[np.ndarray]]] = deque()

    def take() -> None:
        nonlocal made
        for frame in waiting.popleft().result():
            if writer:
                writer.write(frame)
            made += 1
        if taken:
            taken(made)

    try:
        with writer or nullcontext(), ThreadPoolExecutor(WORKERS, "zygoma") as pool:
            try:
                for task in tasks:
                    if cancelled and cancelled():
                        stopped = True
                        break
                    waiting.append(pool.submit(task))
                    while len(waiting) > WORKERS or (waiting and waiting[0].done()):
                        take()
                while waiting:
                    take()
                if stopped and writer:
                    raise _GivenUp
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise
    except _GivenUp:
        made = 0
    return made, stopped


class _GivenUp(Exception):
    """Ends a movie that was cancelled, so that nothing of it stays."""


class Pipeline:
    """The steps of a frame, timed; several threads run one each, and the generator's share of one is the files' of
    another."""

    def __init__(self, source: Source, generator: Generator, crop: bool, texts: dict[str, str]):
        self.source, self.generator, self.crop, self.texts = source, generator, crop, texts
        self.seconds = {"generate": 0.0, "paste": 0.0, "write": 0.0}
        self._lock = threading.Lock()

    def run(self, targets: np.ndarray, paths: list[Path] | None) -> list[np.ndarray]:
        """One batch, targets [B,A], from vectors to files; without paths the frames come back, else nothing."""
        started = time.perf_counter()
        moving = [i for i, target in enumerate(targets) if not self.generator.is_rest(self.source, target)]
        frames = self.generator.animate(self.source, targets[moving]) if moving else None
        self._add("generate", started)
        made: list[tuple[np.ndarray | None, np.ndarray | None]] = [(None, None)] * len(targets)
        if frames is not None:
            for i, image, alpha in zip(moving, frames.image, frames.alpha, strict=True):
                made[i] = image, alpha
        return [self.finish(*made[i], paths[i] if paths else None) for i in range(len(targets))]

    def drive(self, pixels: np.ndarray, landmarks: np.ndarray, path: Path | None) -> np.ndarray:
        """One frame by a picture, as of `Generator.drive`."""
        started = time.perf_counter()
        frames = self.generator.drive(self.source, pixels, landmarks)
        self._add("generate", started)
        return self.finish(frames.image[0], frames.alpha[0], path)

    def finish(self, image: np.ndarray | None, alpha: np.ndarray | None, path: Path | None) -> np.ndarray:
        """A generated crop and its alpha as a frame, uint8 [H,W,3]; without them the photo at rest."""
        started = time.perf_counter()
        if image is None or alpha is None:
            at_rest = self.generator.crop_frame if self.crop else self.generator.frame
            frame = at_rest(self.source, self.source.vector)
        elif self.crop:
            frame = image
        else:
            frame = self.generator.paste(self.source, image, alpha)
        self._add("paste", started)
        if path is not None:
            started = time.perf_counter()
            photo = self.source.photo
            see_through = None if self.crop else photo.alpha
            write_image(path, frame, alpha=see_through, texts=self.texts, profile=photo.profile)
            self._add("write", started)
        return frame

    def _add(self, step: str, started: float) -> None:
        with self._lock:
            self.seconds[step] += time.perf_counter() - started


# What is there already


def made_of(source: Source, generator: Generator) -> dict:
    """For zygoma.json: what every job has."""
    return {"pack": generator.pack.id, "pack_version": generator.pack.version, "photo": source.photo.sha256}


def job_identity(source: Source, generator: Generator, crop: bool) -> str:
    """SHA-256 of all that every frame depends on; each depends on its vector besides."""
    parts = {
        "photo": source.photo.sha256,
        "pack": generator.pack.digest,
        "size": source.crop.size,
        "matrix": np.round(source.crop.matrix, 6).tolist(),
        "source": source.vector.tolist(),
        "crop": crop,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def movie_is_there(output: Path, identity: str, existing: Existing) -> bool:
    """Whether this very movie is there and stays. Raises OutputError where something else is in the way."""
    try:
        if output.is_dir():
            raise OutputError(f"{output}: a folder of this name is in the way; choose another name.")
        if not output.exists() or existing == "overwrite":
            return False
        if existing == "skip" and identity.encode() in output.read_bytes():
            return True
    except OSError as problem:
        raise output_error(output, problem) from problem
    raise OutputError(f"{output} is there already and is not this clip: choose another name, or overwrite it.")


def frames_todo(output: Path, hashes: dict[str, str], identity: str, existing: Existing, job: dict) -> set[str]:
    """Which of the frames named in `hashes` to make; zygoma.json is brought up to date before the first.

    It tells by a hash what each frame shows, so that a frame is skipped only where it is the same, and a longer clip
    goes on where a shorter one ended. Frames that are to be replaced go first: whatever ends this run, zygoma.json
    stays right. Raises OutputError.
    """
    names = set(hashes)
    try:
        present = {path.name for path in output.iterdir() if path.suffix.lower() in SUFFIXES}
        before = read_manifest(output)
        known: dict[str, str] = before.get("frames", {})
        same_job = before.get("job") == identity
        if present and existing == "fail":
            raise OutputError(f"{output} holds images already: choose another folder, or skip or overwrite them.")
        if present and existing == "skip":
            other = not same_job or any(known.get(name) != hashes[name] for name in present & names)
            beside = present - names
            if other or (beside and _recording(before) != _recording(job)):
                raise OutputError(
                    f"{output} holds images that are not frames of this clip: choose another folder, or overwrite them."
                )
        kept = {name: sha for name, sha in known.items() if same_job and name in present and name not in hashes}
        if existing == "overwrite":
            for name in present & (names | set(known) - set(kept)):
                (output / name).unlink()
            present = set()
    except OSError as problem:
        raise output_error(output, problem) from problem
    manifest = {"zygoma": VERSION, "job": identity, **job, "frames": {**kept, **hashes}}
    write_bytes(output / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    return names - present


def _recording(said: dict) -> tuple:
    """What the rows of one clip have in common: the table and how it is taken."""
    options = said.get("options")
    taken = options.items() if isinstance(options, dict) else ()
    return said.get("table"), {key: value for key, value in taken if key not in ("start", "end")}


def read_manifest(output: Path) -> dict:
    """What zygoma.json in a folder of frames says; {} where there is none that can be read."""
    try:
        said = json.loads((output / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get("frames", {}), dict) else {}
