"""Frames to files. A file appears under its final name only when it is whole."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import OutputError
from .png import encode_png

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
MOVIE = ".mp4"
QUALITY = 95  # of JPEG and WebP
CRF = "16"  # of H.264: visually the same as the frames
EXIF_DESCRIPTION, EXIF_SOFTWARE = 0x010E, 0x0131


def write_image(
    path: Path,
    pixels: np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    texts: Mapping[str, str] | None = None,
    profile: bytes | None = None,
) -> None:
    """Write uint8 [H,W,3] RGB as PNG, JPEG, WebP or TIFF, by the path's suffix; the folder must be there.

    alpha uint8 [H,W] is kept where the format has it; texts: 'Software', 'Description' and others, where it has them;
    profile: the ICC profile of pixels that are not sRGB. Raises OutputError; what was there before stays then.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"{path}: frames cannot be written as {suffix or 'a file without suffix'}; use .png.")
    if alpha is not None and suffix not in (".jpg", ".jpeg"):
        pixels = np.dstack([pixels, alpha])
    encode = encode_png if suffix == ".png" else _ENCODERS[suffix]
    write_bytes(path, encode(pixels, texts or {}, profile))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    write_chunks(path, (data,))


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file piece by piece, and whole or not at all. Raises OutputError."""
    path = Path(path)
    part = path.parent / _part_name(path.suffix)
    try:
        with open(part, "xb") as file:
            for chunk in chunks:
                file.write(chunk)
        os.replace(part, path)
    except OSError as problem:
        raise output_error(path, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder for frames, parents included, and find out now whether it can be written to. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".zygoma-"):
            pass
    except OSError as problem:
        raise output_error(folder, problem) from problem


def output_error(path: Path, problem: OSError) -> OutputError:
    """What went wrong with writing `path`, in the user's words."""
    name = path if len(str(path)) < 300 else f"{str(path)[:120]}..."
    reasons = {
        errno.ENOSPC: "the disk is full; make room and run it again",
        errno.EDQUOT: "the disk quota is used up; make room and run it again",
        errno.ENOENT: "the folder is not there, or was removed in the meantime",
        errno.EACCES: "permission denied; choose a folder that you may write to",
        errno.EPERM: "permission denied; choose a folder that you may write to",
        errno.EROFS: "the place is read-only; choose a folder that you may write to",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.ENOTDIR: "a file is in the way of the folder; choose another place",
        errno.EEXIST: "a file is in the way of the folder; choose another place",
        errno.EISDIR: "a folder of this name is in the way; choose another name",
        errno.EFBIG: "the file would be larger than is allowed here",
    }
    reason = reasons.get(problem.errno or 0, problem.strerror or str(problem))
    return OutputError(f"{name}: cannot be written: {reason}.")


def _part_name(suffix: str) -> str:
    """A name beside the final one: unique to this thread, never counted as a frame."""
    return f".zygoma-{os.getpid()}-{threading.get_ident()}{suffix}.part"


def _by_pillow(kind: str, **options):
    """An encoder like encode_png, with the texts in EXIF."""

    def encode(pixels: np.ndarray, texts: Mapping[str, str], profile: bytes | None) -> bytes:
        exif = Image.Exif()
        exif[EXIF_SOFTWARE] = texts.get("Software", "Zygoma")
        exif[EXIF_DESCRIPTION] = "; ".join(text for key, text in texts.items() if key != "Software")
        out = io.BytesIO()
        image = Image.fromarray(np.ascontiguousarray(pixels))
        image.save(out, kind, exif=exif, icc_profile=profile, **options)
        return out.getvalue()

    return encode


_JPEG = _by_pillow("JPEG", quality=QUALITY, subsampling=0)
_TIFF = _by_pillow("TIFF", compression="tiff_lzw")
_ENCODERS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _by_pillow("WEBP", quality=QUALITY, method=2),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}


def ffmpeg_program() -> str:
    """imageio-ffmpeg's own program, else one on the PATH. Raises RuntimeError where there is none."""
    import imageio_ffmpeg

    for program in (Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*"):
        if not os.access(program, os.X_OK):  # Blender drops the bit where it unpacks an extension's wheels
            with contextlib.suppress(OSError):
                program.chmod(program.stat().st_mode | 0o111)
    return imageio_ffmpeg.get_ffmpeg_exe()


class MovieWriter:
    """An H.264 movie (.mp4, BT.709) of frames uint8 [H,W,3], all of one size; odd sides get one more row or column.

    Use it in `with`: at the end the movie takes its final name; where the block fails, nothing is left of it.
    """

    def __init__(self, path: Path, fps: float, texts: Mapping[str, str] | None = None):
        self.path, self.fps, self.texts = Path(path), fps, dict(texts or {})
        self._part = self.path.parent / _part_name(MOVIE)
        self._process: subprocess.Popen | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the writer)
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> MovieWriter:
        return self

    def __exit__(self, kind, value, trace) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._log.close()
            with contextlib.suppress(OSError):
                self._part.unlink()

    def write(self, frame: np.ndarray) -> None:
        """Append a frame. Raises OutputError."""
        frame = np.pad(frame, [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)], mode="edge")
        if self._process is None:
            self._shape = frame.shape
            self._process = self._start(frame.shape[1], frame.shape[0])
        elif frame.shape != self._shape:
            raise OutputError(f"{self.path}: frames of one movie must have one size.")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as problem:
            raise self._failure() from problem

    def _start(self, width: int, height: int) -> subprocess.Popen:
        command = [self._ffmpeg(), "-y", "-loglevel", "error", "-nostdin"]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{self.fps:.6g}"]
        command += ["-i", "-", "-an", "-c:v", "libx264", "-preset", "fast", "-crf", CRF, "-pix_fmt", "yuv420p"]
        command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"]
        command += ["-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart"]
        for key, text in self.texts.items():
            command += ["-metadata", f"{'comment' if key == 'Description' else key.lower()}={text}"]
        command += ["-f", "mp4", str(self._part)]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is for us, who tell it how to end
            )
        except OSError as problem:
            raise OutputError(f"{self.path}: ffmpeg cannot be started ({problem.strerror}); reinstall it.") from problem

    def _ffmpeg(self) -> str:
        try:
            return ffmpeg_program()
        except RuntimeError as problem:
            raise OutputError(
                f"{self.path}: movies need ffmpeg, and there is none that runs; install it, or write images."
            ) from problem

    def _finish(self) -> None:
        if self._process is None:
            raise OutputError(f"{self.path}: a movie needs at least one frame.")
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as problem:
            raise self._failure() from problem
        if self._process.wait():
            raise self._failure()
        try:
            os.replace(self._part, self.path)
        except OSError as problem:
            raise output_error(self.path, problem) from problem

    def _failure(self) -> OutputError:
        """ffmpeg's last words; the causes that a user can mend are told by name."""
        if self._process is not None:
            self._process.wait()
        self._log.seek(0)
        said = self._log.read().decode("utf-8", "replace").strip()
        for words, number in (
            ("No space left", errno.ENOSPC),
            ("No such file", errno.ENOENT),
            ("Permission denied", errno.EACCES),
            ("Read-only", errno.EROFS),
        ):
            if words in said:
                return output_error(self.path, OSError(number, words))
        last = said.splitlines()[-1] if said else "it said nothing"
        return OutputError(f"{self.path}: the movie cannot be written (ffmpeg: {last}).")
