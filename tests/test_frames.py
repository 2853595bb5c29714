"""Files appear whole or not at all, hold the pixels exactly, and say where they come from."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from addon.core.errors import OutputError
from addon.core.faces import read_photo
from addon.core.frames import MovieWriter, make_folder, write_bytes, write_image
from addon.core.png import encode_png

TEXTS = {"Software": "Zygoma 1.2", "Description": "Synthetic face animation, pack probe 1.0, job abc"}


def picture(height=48, width=64, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.arange(height), np.arange(width))[..., None] * [1, 2, 3, 4][:channels]
    return (smooth + rng.integers(0, 9, (height, width, channels))).astype(np.uint8)


@contextlib.contextmanager
def small_disk(folder: Path, options: str):
    """A real file system of its own, full or read-only: needs the right to mount."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([3, 4]))))
@settings(max_examples=60, deadline=None)
def test_png_holds_every_pixel(pixels):
    import io

    read = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
    assert (read == pixels).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_lossless_formats(tmp_path, suffix):
    path, pixels = tmp_path / f"a{suffix}", picture()
    write_image(path, pixels, texts=TEXTS)
    assert (np.asarray(Image.open(path)) == pixels).all()
    alpha = picture(channels=1)[..., 0]
    write_image(path, pixels, alpha=alpha, texts=TEXTS)
    read = np.asarray(Image.open(path))
    assert (read[..., :3] == pixels).all() and (read[..., 3] == alpha).all()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_formats(tmp_path, suffix):
    pixels = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    write_image(tmp_path / f"a{suffix}", pixels, alpha=np.full((40, 60), 255, np.uint8))
    read = np.asarray(Image.open(tmp_path / f"a{suffix}").convert("RGB"))
    assert read.shape == pixels.shape and np.abs(read.astype(int) - pixels).max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_says_what_it_is(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_image(path, picture(), texts=TEXTS)
    image = Image.open(path)
    if suffix == ".png":
        assert image.text == TEXTS  # type: ignore[attr-defined]
    else:
        exif = image.getexif()
        assert exif[0x0131] == TEXTS["Software"] and exif[0x010E] == TEXTS["Description"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_keeps_the_colour_profile(tmp_path, suffix):
    photo = read_photo(Path(__file__).parents[1] / "docs" / "portraits" / "mona_lisa.jpg")
    assert photo.profile
    write_image(tmp_path / f"a{suffix}", picture(), profile=photo.profile)
    assert Image.open(tmp_path / f"a{suffix}").info["icc_profile"] == photo.profile


def test_replaces_at_once_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, picture(seed=1))
    write_image(path, picture(seed=2))
    assert (np.asarray(Image.open(path)) == picture(seed=2)).all()
    assert os.listdir(tmp_path) == ["a.png"]


def test_many_threads_in_one_folder(tmp_path):
    def work(k):
        for i in range(10):
            write_image(tmp_path / f"{k}-{i}.png", picture(seed=i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(os.listdir(tmp_path)) == 40
    assert all((np.asarray(Image.open(tmp_path / f"2-{i}.png")) == picture(seed=i)).all() for i in range(10))


def test_unknown_suffix(tmp_path):
    for name in ("a.gif", "a.exe", "a"):
        with pytest.raises(OutputError, match="cannot be written as"):
            write_image(tmp_path / name, picture())
    assert not os.listdir(tmp_path)


def test_vanished_folder(tmp_path):
    with pytest.raises(OutputError, match="removed in the meantime"):
        write_image(tmp_path / "gone" / "a.png", picture())
    assert not os.listdir(tmp_path)


def test_name_too_long(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        write_image(tmp_path / ("x" * 300 + ".png"), picture())
    with pytest.raises(OutputError, match="too long"):
        make_folder(tmp_path / ("x" * 300))
    assert not os.listdir(tmp_path)


def test_something_in_the_way(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="in the way"):
        write_image(tmp_path / "a.png", picture())
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/frames"):
        with pytest.raises(OutputError, match="a file is in the way"):
            make_folder(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine" and sorted(os.listdir(tmp_path)) == ["a.png", "file"]


def test_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        write_image(disk / "a.png", picture())
        with pytest.raises(OutputError, match="disk is full"):
            write_bytes(disk / "b.png", b"x" * 200_000)
        with pytest.raises(OutputError, match="disk is full"):
            write_bytes(disk / "a.png", b"x" * 200_000)
        assert os.listdir(disk) == ["a.png"]
        assert (np.asarray(Image.open(disk / "a.png")) == picture()).all()
        with pytest.raises(OutputError, match="disk is full"), MovieWriter(disk / "m.mp4", 25) as movie:
            for i in range(60):
                movie.write(np.random.default_rng(i).integers(0, 255, (240, 320, 3)).astype(np.uint8))
        assert os.listdir(disk) == ["a.png"]


def test_read_only_folder(tmp_path):
    with small_disk(tmp_path / "disk", "size=64k,ro") as disk:
        for attempt in (
            lambda: write_image(disk / "a.png", picture()),
            lambda: make_folder(disk),
            lambda: make_folder(disk / "new"),
        ):
            with pytest.raises(OutputError, match="read-only"):
                attempt()
        with pytest.raises(OutputError, match="read-only"), MovieWriter(disk / "m.mp4", 25) as movie:
            for _ in range(3):
                movie.write(picture())


# Movies


def shades(count, height=120, width=160):
    """Flat colours, another each frame."""
    colours = np.random.default_rng(4).integers(30, 226, (count, 3)).astype(np.uint8)
    return [np.broadcast_to(colour, (height, width, 3)) for colour in colours]


@pytest.mark.parametrize("size", [(120, 160), (121, 161)])
def test_movie_holds_frames_colours_and_rate(tmp_path, size):
    frames = shades(12, *size)
    with MovieWriter(tmp_path / "a.mp4", 30000 / 1001, TEXTS) as movie:
        for frame in frames:
            movie.write(frame)
    read = iio.imread(tmp_path / "a.mp4", plugin="FFMPEG")
    assert read.shape == (12, size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
    assert iio.immeta(tmp_path / "a.mp4", plugin="FFMPEG")["fps"] == pytest.approx(29.97, abs=0.01)
    for frame, seen in zip(frames, read, strict=True):
        assert np.abs(seen.mean((0, 1)) - frame[0, 0]).max() < 4
    assert TEXTS["Description"].encode() in (tmp_path / "a.mp4").read_bytes()
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_movie_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"an older movie")
    with pytest.raises(RuntimeError), MovieWriter(tmp_path / "a.mp4", 25) as movie:
        for frame in shades(3):
            movie.write(frame)
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.mp4"] and (tmp_path / "a.mp4").read_bytes() == b"an older movie"


def test_movie_of_nothing_or_of_two_sizes(tmp_path):
    with pytest.raises(OutputError, match="at least one frame"), MovieWriter(tmp_path / "a.mp4", 25):
        pass
    with pytest.raises(OutputError, match="one size"), MovieWriter(tmp_path / "a.mp4", 25) as movie:
        movie.write(picture(48, 64))
        movie.write(picture(64, 48))
    assert not os.listdir(tmp_path)


def test_movie_into_a_vanished_folder(tmp_path):
    with (
        pytest.raises(OutputError, match="removed in the meantime"),
        MovieWriter(tmp_path / "gone" / "a.mp4", 25) as movie,
    ):
        for frame in shades(3):
            movie.write(frame)


FILMED = """
import sys
from pathlib import Path
import numpy as np
from addon.core.errors import OutputError
from addon.core.frames import MovieWriter
import imageio_ffmpeg
assert Path(imageio_ffmpeg.__file__).is_relative_to(sys.argv[1])
try:
    with MovieWriter(Path(sys.argv[1]) / "a.mp4", 25) as movie:
        movie.write(np.zeros((64, 64, 3), np.uint8))
except OutputError as problem:
    print(problem)
"""


@pytest.mark.parametrize("there", [True, False], ids=["not executable", "none"])
def test_ffmpeg_unpacked_by_blender_is_not_executable(tmp_path, there):
    import imageio_ffmpeg

    packaged = Path(imageio_ffmpeg.__file__).parent
    shutil.copytree(packaged, tmp_path / "imageio_ffmpeg")
    for program in (tmp_path / "imageio_ffmpeg" / "binaries").glob("ffmpeg-*"):
        program.chmod(0o644)
        if not there:
            program.unlink()
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", FILMED, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path), "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.mp4").exists() == there
    assert ("movies need ffmpeg" in done.stdout) != there
