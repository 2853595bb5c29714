"""What is filmed, frame by frame and by its own clock: a movie, a folder of pictures, one picture."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import re
import subprocess
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import MovieError, PhotoError
from ..faces import read_photo
from ..frames import ffmpeg_program

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".jp2")
PICTURE_RATE = 25.0  # pictures a second, where nobody says another rate
TOLERANCE = 1e-4  # seconds around the first and the last frame that are asked for
AHEAD = 3  # frames decoded before they are asked for
CUT_OFF = 0.95  # of the frames that a movie's header promises: fewer are said to the user
LARGEST_SIDE = 16_384  # pixels; what says more is damaged

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its complaints about damaged files go past every message


@dataclass(frozen=True, eq=False)
class Frame:
    """number from 1; time: seconds by the movie's own clock; pixels uint8 [H,W,3] RGB, upright."""

    number: int
    time: float
    pixels: np.ndarray


class Footage:
    """Frames one after the other, decoded ahead of the reader in a thread of its own.

    is_still: one picture. rate: frames a second, nominally. count: how many frames there are, as far as known.
    """

    def __init__(self, path: Path, rate: float | None = None):
        """rate: of pictures, or in place of a movie's clock. Raises MovieError: missing, no movie, no picture in it."""
        self.path = Path(path)
        self.notes: list[str] = []
        try:
            self.pictures = _pictures(self.path)
        except OSError as problem:
            raise MovieError(f"{self.path}: cannot be read ({problem.strerror}); check its permissions.") from problem
        self.is_still = self.pictures is not None and self.path.is_file()
        self._asked = rate
        if self.pictures is not None:
            self.rate, self.count = rate or PICTURE_RATE, len(self.pictures)
        else:
            capture = _open(self.path)
            with contextlib.closing(_Releasing(capture)):
                own = capture.get(cv2.CAP_PROP_FPS)
                self.rate = rate or (own if 0.1 <= own <= 1000 else PICTURE_RATE)
                self.count = max(0, int(min(capture.get(cv2.CAP_PROP_FRAME_COUNT), 1e9)))

    @property
    def fingerprint(self) -> str:
        """Tells whether these are the same files as at another time, by their names, sizes and dates."""
        digest = hashlib.sha256()
        for path in self.pictures or [self.path]:
            state = path.stat()
            digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def numbers(self, start: float = 0.0, end: float | None = None) -> range:
        """About which frames there are from `start` to `end` seconds, by the nominal rate."""
        last = self.count if end is None else min(self.count, round(end * self.rate) + 1)
        return range(round(start * self.rate) + 1, last + 1)

    def frames(self, after: int = 0, start: float = 0.0, end: float | None = None) -> Iterator[Frame]:
        """The frames behind number `after`, from `start` to `end` seconds. Raises MovieError, also midway."""
        source = self._from_pictures(after) if self.pictures is not None else self._from_movie(after, start)
        with contextlib.closing(_ahead(source)) as frames:
            for frame in frames:
                if end is not None and frame.time > end + TOLERANCE:
                    return
                if frame.time >= start - TOLERANCE:
                    yield frame

    def _from_pictures(self, after: int) -> Iterator[Frame]:
        assert self.pictures is not None
        for number, path in enumerate(self.pictures, 1):
            if number <= after:
                continue
            try:
                pixels = read_photo(path).pixels
            except PhotoError as problem:
                if self.is_still:
                    raise MovieError(str(problem)) from problem
                self.notes.append(f"Left out: {problem}")
                continue
            yield Frame(number, (number - 1) / self.rate, pixels)

    def _from_movie(self, after: int, start: float) -> Iterator[Frame]:
        capture = _open(self.path)
        with contextlib.closing(_Releasing(capture)):
            number, time, timeless = 0, -1.0, 0
            while capture.grab():
                number += 1
                stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if self._asked or not time < stamp < 1e7:  # raw streams have no clock
                    timeless += not self._asked
                    stamp = (number - 1) / self.rate if self._asked or time < 0 else time + 1 / self.rate
                time = stamp
                if number <= after or time < start - TOLERANCE:
                    continue
                got, pixels = capture.retrieve()
                if not got or pixels is None:
                    continue
                yield Frame(number, time, _rgb(pixels))
        if number == 0:
            raise MovieError(f"{self.path}: not one frame can be decoded; the file is damaged or cut off.")
        if number < CUT_OFF * self.count:
            self.notes.append(f"The file ends after {number:,} of {self.count:,} frames: it is cut off or damaged.")
        if timeless > 1:
            self.notes.append(f"{timeless:,} frames have no time of their own: placed at {self.rate:.4g} a second.")


class _Releasing:
    """contextlib.closing for a capture."""

    def __init__(self, capture: cv2.VideoCapture):
        self.capture = capture

    def close(self) -> None:
        self.capture.release()


def _rgb(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _pictures(path: Path) -> list[Path] | None:
    """The pictures of a folder in natural order, one picture alone, or None for a movie."""
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file() and p.name[0] != "."]
        if not found:
            raise MovieError(f"{path}: this folder holds no pictures ({', '.join(PICTURES)}).")
        return sorted(found, key=_natural)
    if not path.is_file():
        raise MovieError(f"{path}: there is no such file or folder; check the movie's path.")
    return [path] if path.suffix.lower() in PICTURES else None


def _natural(path: Path) -> list:
    """frame_2 before frame_10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", path.name) if part]


def _open(path: Path) -> cv2.VideoCapture:
    """Raises MovieError with the reason."""
    absolute = str(path.absolute())  # a name such as `concat:a` must not be taken for a protocol
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)  # the reason is found below
    try:
        capture = cv2.VideoCapture(absolute, cv2.CAP_FFMPEG)
    finally:
        cv2.setLogLevel(level)
    width, height = (capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if capture.isOpened() and 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # phones film on their side and say so
        return capture
    capture.release()
    raise MovieError(f"{path}: {_why_not(absolute)}.")


def _why_not(path: str) -> str:
    """What ffmpeg says of a file that cannot be opened."""
    with open(path, "rb") as file:
        start = file.read(8)
    if not start:
        return "the file is empty; get an intact copy"
    try:
        command = [ffmpeg_program(), "-hide_banner", "-nostdin", "-i", path]
        said = subprocess.run(command, capture_output=True, timeout=30).stderr.decode("utf-8", "replace")
    except (OSError, RuntimeError, subprocess.TimeoutExpired):
        return "no movie that can be read; use MP4, MOV, MKV, WebM or AVI"
    if "moov atom not found" in said and start[4:] == b"ftyp":
        return "the movie is cut off: its index at the end is missing; get an intact copy"
    if "Audio:" in said and "Video:" not in said:
        return "there is sound in it but no picture; choose a movie"
    if "Video:" in said:
        return "the movie's pictures cannot be decoded; convert it to H.264 (MP4)"
    return "no movie that can be read; use MP4, MOV, MKV, WebM or AVI"


def _ahead(frames: Iterator[Frame]) -> Generator[Frame, None, None]:
    """The same frames, decoded in a thread while the reader works; what the thread raises is raised here."""
    ready: queue.Queue = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(item) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                return ready.put(item, timeout=0.1)

    def work() -> None:
        try:
            for frame in frames:
                put(frame)
                if stop.is_set():
                    return
            put(None)
        except BaseException as problem:
            put(problem)

    thread = threading.Thread(target=work, name="Zygoma movie", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
