"""Vectors to files: generate, paste and write as one pipeline. Used by the command line and by Blender alike."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
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
    if suffix not in SUFFIXES:
        raise OutputError(f"Frames cannot be written as {suffix}: use one of {', '.join(SUFFIXES)}.")
    names = [f"{n:06d}{suffix}" for n in (numbers if numbers is not None else range(1, len(targets) + 1))]
    assert len(names) == len(targets) == len(set(names)), "one number for each vector"
    movie = output.suffix.lower() == MOVIE
    identity = _identity(source, generator, crop)
    if movie:
        identity = hashlib.sha256(f"{identity} {fps:.6g}".encode() + targets.tobytes()).hexdigest()
    texts = {
        "Software": f"Zygoma {VERSION}",
        "Description": f"Synthetic face animation, pack {generator.pack.id} {generator.pack.version}, job {identity}",
    }
    if movie:
        make_folder(output.parent)
        todo = _movie_todo(output, len(targets), identity, existing)
    else:
        make_folder(output)
        pack = {"pack": generator.pack.id, "pack_version": generator.pack.version, "photo": source.photo.sha256}
        todo = _frames_todo(output, names, targets, identity, existing, {**pack, **(job or {})})
    pipeline = _Pipeline(source, generator, crop, texts)
    started = time.perf_counter()
    skipped = len(targets) - len(todo)
    written = 0
    waiting: deque[Future] = deque()
    writer = MovieWriter(output, fps, texts) if movie and todo else None

    def take() -> None:
        nonlocal written
        for frame in waiting.popleft().result():
            if writer:
                writer.write(frame)
            written += 1
        if progress:
            progress(skipped + written, len(targets))

    if progress:
        progress(skipped, len(targets))
    batch = generator.batch(source)
    stopped = False
    try:
        with writer or nullcontext(), ThreadPoolExecutor(WORKERS, "zygoma") as pool:
            try:
                for first in range(0, len(todo), batch):
                    if cancelled and cancelled():
                        stopped = True
                        break
                    places = todo[first : first + batch]
                    paths = None if writer else [output / names[i] for i in places]
                    waiting.append(pool.submit(pipeline.run, targets[places], paths))
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
        written = 0
    seconds = {**pipeline.seconds, "whole": time.perf_counter() - started}
    return ClipReport(output, len(targets), written, skipped, stopped, (), seconds)


class _GivenUp(Exception):
    """Ends a movie that was cancelled, so that nothing of it stays."""


class _Pipeline:
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

    def finish(self, image: np.ndarray | None, alpha: np.ndarray | None, path: Path | None) -> np.ndarray:
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


def _identity(source: Source, generator: Generator, crop: bool) -> str:
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


def _movie_todo(output: Path, count: int, identity: str, existing: Existing) -> list[int]:
    try:
        if output.is_dir():
            raise OutputError(f"{output}: a folder of this name is in the way; choose another name.")
        if not output.exists() or existing == "overwrite":
            return list(range(count))
        if existing == "skip" and identity.encode() in output.read_bytes():
            return []
    except OSError as problem:
        raise output_error(output, problem) from problem
    raise OutputError(f"{output} is there already and is not this clip: choose another name, or overwrite it.")


def _frames_todo(output: Path, names: list[str], targets, identity: str, existing: Existing, job: dict) -> list[int]:
    """Which frames to render; zygoma.json is brought up to date before the first.

    It tells by a hash of its vector what each frame shows, so that a frame is skipped only where it is the same, and
    a longer clip goes on where a shorter one ended. Frames that are to be replaced go first: whatever ends this run,
    zygoma.json stays right.
    """
    hashes = {name: hashlib.sha256(v.tobytes()).hexdigest()[:16] for name, v in zip(names, targets, strict=True)}
    try:
        present = {path.name for path in output.iterdir() if path.suffix.lower() in SUFFIXES}
        before = read_manifest(output)
        known: dict[str, str] = before.get("frames", {})
        same_job = before.get("job") == identity
        if present and existing == "fail":
            raise OutputError(f"{output} holds images already: choose another folder, or skip or overwrite them.")
        if present and existing == "skip":
            other = not same_job or any(known.get(name) != hashes[name] for name in present & set(names))
            beside = present - set(names)
            if other or (beside and _recording(before) != _recording(job)):
                raise OutputError(
                    f"{output} holds images that are not frames of this clip: choose another folder, or overwrite them."
                )
        kept = {name: sha for name, sha in known.items() if same_job and name in present and name not in hashes}
        if existing == "overwrite":
            for name in present & (set(names) | set(known) - set(kept)):
                (output / name).unlink()
            present = set()
    except OSError as problem:
        raise output_error(output, problem) from problem
    manifest = {"zygoma": VERSION, "job": identity, **job, "frames": {**kept, **hashes}}
    write_bytes(output / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    return [i for i, name in enumerate(names) if name not in present]


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
