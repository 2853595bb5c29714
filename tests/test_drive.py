"""A photo driven by pictures: AIP-GAN's shipped pack, and a painting that acts as movie, folder and picture."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import imageio.v3 as iio
import numpy as np
import pytest
from clips import RememberingReader, pixels_of, write_photo, write_table
from conftest import ROOT
from movies import FPS, acted, ffmpeg, vectors, write
from PIL import Image
from test_cli import heed_ctrl_c, refuse, tree
from test_clip import names, states

from addon.cli import main
from addon.core.drive import DriveJob, drive_photo
from addon.core.errors import FaceError, MovieError, OutputError
from addon.core.faces import read_photo
from addon.core.movies.footage import Footage
from addon.core.pack import find_pack
from addon.core.session import Generator

COUNT = 8
EMPTY = np.full((256, 256, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def frames():
    """COUNT pictures of a face that acts: brows, smile and jaw, the head turning."""
    return acted("raphael", vectors(60)[4::7])


@pytest.fixture(scope="module")
def place(tmp_path_factory, frames):
    """photo.png, film.mp4 (the frames at FPS), the folder stills (three of them), other.mp4."""
    folder = tmp_path_factory.mktemp("drive")
    write_photo(folder / "photo.png")
    write(folder / "film.mp4", frames)
    write(folder / "other.mp4", frames[::-1])
    (folder / "stills").mkdir()
    for name, i in (("1", 0), ("2", 3), ("10", 6)):
        Image.fromarray(frames[i]).save(folder / "stills" / f"still_{name}.png")
    return folder


@pytest.fixture(scope="module")
def reader():
    return RememberingReader()


@pytest.fixture(scope="module")
def generator():
    return Generator(find_pack("aipgan"), "cpu")


@pytest.fixture(scope="module")
def source(place, generator, reader):
    photo = read_photo(place / "photo.png")
    return generator.encode(photo, reader.face(photo))


@pytest.fixture
def drive(place, generator, reader, tmp_path):
    """Drives photo.png into tmp_path/out; returns the report."""

    def run(driver="film.mp4", out="out", progress=None, cancelled=None, **options):
        job = DriveJob(place / "photo.png", place / driver, tmp_path / out, **options)
        return drive_photo(job, generator, reader, progress, cancelled)

    return run


def frame(folder, number):
    return pixels_of(folder / f"{number:06d}.png")


def apart(a, b):
    """Mean difference in grey levels."""
    return np.abs(a.astype(int) - b).mean()


def numbered(numbers):
    return [f"{number:06d}.png" for number in numbers]


# Which frames


def test_a_frame_a_frame_of_the_movie_by_its_number(drive, tmp_path, source):
    steps = []
    report = drive(progress=lambda *step: steps.append(step))
    assert (report.total, report.written, report.skipped, report.complete) == (COUNT, COUNT, 0, True)
    assert names(tmp_path / "out") == [*numbered(range(1, COUNT + 1)), "zygoma.json"]
    assert steps[0] == (0, COUNT) and steps[-1] == (COUNT, COUNT) and steps == sorted(steps)
    made = [frame(tmp_path / "out", number) for number in range(1, COUNT + 1)]
    photo = source.photo.pixels
    assert all(picture.shape == photo.shape for picture in made)
    assert all((a != b).any() for a, b in zip([photo, *made], made, strict=False)), "every frame shows another picture"
    x0, y0, x1, y1 = (int(value) for value in source.face.box)
    assert apart(made[0][y0:y1, x0:x1], photo[y0:y1, x0:x1]) > 3
    assert (made[0][:, : x0 // 2] == photo[:, : x0 // 2]).all(), "the photo stands around the face"


def test_start_and_end_are_seconds_of_the_movie(drive, tmp_path):
    report = drive(start=3 / FPS, end=5 / FPS)
    assert report.written == 3 and names(tmp_path / "out")[:-1] == numbered(range(4, 7))
    drive(out="slow", rate=10.0, end=0.1)
    assert names(tmp_path / "slow")[:-1] == numbered([1, 2])


def test_one_picture_as_the_generator_drives(drive, place, tmp_path, source, generator, reader):
    for i, name in enumerate(("still_1.png", "still_10.png")):
        assert drive(f"stills/{name}", out=f"{i}").written == 1
        picture = read_photo(place / "stills" / name)
        made = generator.drive(source, picture.pixels, reader.face(picture).landmarks)
        whole = generator.paste(source, made.image[0], made.alpha[0])
        assert (frame(tmp_path / f"{i}", 1) == whole).all()
        drive(f"stills/{name}", out=f"crop{i}", crop=True)
        assert (frame(tmp_path / f"crop{i}", 1) == made.image[0]).all()
    assert (frame(tmp_path / "0", 1) != frame(tmp_path / "1", 1)).any()
    with pytest.raises(FaceError, match="no face 2, it has one face"):
        drive("stills/still_1.png", out="none", face=1)


def test_pictures_of_a_folder_in_their_order(drive, tmp_path):
    drive("stills", crop=True)
    assert names(tmp_path / "out")[:-1] == numbered([1, 2, 3])
    for name in ("1", "2", "10"):
        drive(f"stills/still_{name}.png", out=name, crop=True)
    followed = [frame(tmp_path / "out", number) for number in (1, 2, 3)]
    alone = [frame(tmp_path / name, 1) for name in ("1", "2", "10")]
    differences = np.array([[apart(a, b) for b in alone] for a in followed])
    others = differences[~np.eye(3, dtype=bool)]
    assert differences.diagonal().max() < 0.5 * others.min()


def test_other_formats(drive, tmp_path):
    drive("stills/still_1.png", suffix=".webp")
    assert names(tmp_path / "out") == ["000001.webp", "zygoma.json"]
    drive("stills/still_1.png")
    assert names(tmp_path / "out") == ["000001.png", "000001.webp", "zygoma.json"]
    with pytest.raises(OutputError, match=r"cannot be written as \.exr"):
        drive("stills/still_1.png", out="exr", suffix=".exr")


# Frames without a face, and several faces


def test_without_a_face_the_last_expression_is_held(drive, place, tmp_path, frames, source):
    write(place / "gaps.mp4", [EMPTY, EMPTY, *frames[:3], *[EMPTY] * 3, *frames[5:7]])
    report = drive("gaps.mp4")
    assert report.written == 10
    assert "No face in 5 frames: the last expression is held, before the first one the photo stays as it is." in (
        report.notes
    )
    made = [frame(tmp_path / "out", number) for number in range(1, 11)]
    assert all((picture == source.photo.pixels).all() for picture in made[:2])
    assert all((picture == made[4]).all() for picture in made[5:8])
    assert (made[4] != made[3]).any() and (made[8] != made[7]).any() and (made[2] != made[1]).any()
    # the same where the run goes on within the gap
    for number in (6, 7):
        (tmp_path / "out" / f"{number:06d}.png").unlink()
    assert drive("gaps.mp4").written == 2
    assert (frame(tmp_path / "out", 7) == made[6]).all()


def test_two_people_in_turn_or_one_of_them(drive, place, tmp_path, frames, source):
    first = [np.pad(image, [(0, 0), (0, 256), (0, 0)], constant_values=250) for image in frames[:3]]
    second = acted("mona_lisa", vectors(60)[30:33])
    second = [np.pad(image, [(0, 0), (256, 0), (0, 0)], constant_values=5) for image in second]
    write(place / "cut.mp4", first + second)
    report = drive("cut.mp4")
    assert "2 faces drive it in turn (face 1: 3 frames, face 2: 3 frames); --face 1 keeps to one." in report.notes
    assert (frame(tmp_path / "out", 4) != frame(tmp_path / "out", 3)).any()
    report = drive("cut.mp4", out="one", face=0)
    assert any(note.startswith("No face 1 in 3 frames") for note in report.notes)
    held = [frame(tmp_path / "one", number) for number in (3, 4, 6)]
    assert (held[0] == held[1]).all() and (held[0] == held[2]).all()
    drive("cut.mp4", out="two", face=1)
    assert (frame(tmp_path / "two", 3) == source.photo.pixels).all()
    assert (frame(tmp_path / "two", 5) == frame(tmp_path / "out", 5)).all()
    with pytest.raises(MovieError, match=r"cut\.mp4: no face 3 comes into view"):
        drive("cut.mp4", out="three", face=2)
    assert names(tmp_path) == ["one", "out", "two"]


def test_no_face_at_all_leaves_nothing(drive, place, tmp_path):
    write(place / "empty.mp4", [EMPTY] * 4)
    with pytest.raises(MovieError, match="no face was found in any of 4 frames"):
        drive("empty.mp4")
    with pytest.raises(MovieError, match="no frame between the times"):
        drive(start=50)
    assert not names(tmp_path)


# Movies


def test_movie_of_the_drivers_rate_and_length(drive, place, tmp_path, frames, source):
    write(place / "thirty.mp4", frames, 30.0)
    report = drive("thirty.mp4", out="deep/a.mp4")
    assert report.written == COUNT and names(tmp_path / "deep") == ["a.mp4"]
    movie = iio.imread(tmp_path / "deep" / "a.mp4", plugin="FFMPEG")
    assert iio.immeta(tmp_path / "deep" / "a.mp4", plugin="FFMPEG")["fps"] == pytest.approx(30)
    drive("thirty.mp4")
    height, width = source.photo.pixels.shape[:2]
    for number, picture in enumerate(movie, 1):
        assert apart(picture[:height, :width], frame(tmp_path / "out", number)) < 3
    before = (tmp_path / "deep" / "a.mp4").stat().st_mtime_ns
    again = drive("thirty.mp4", out="deep/a.mp4")
    assert (again.written, again.skipped) == (0, COUNT)
    for options in ({"end": 0.1}, {"rate": 25.0}, {"crop": True}, {"driver": "film.mp4"}):
        with pytest.raises(OutputError, match="is not this clip"):
            drive(**{"driver": "thirty.mp4", "out": "deep/a.mp4", **options})
    assert (tmp_path / "deep" / "a.mp4").stat().st_mtime_ns == before


def test_an_uneven_clock_keeps_its_time(drive, place, tmp_path):
    """Half of the frames at 25 a second, then 5 a second: each is shown for as long as in the driver."""
    uneven = "setpts='if(lt(N,4),N/25,4/25+(N-4)/5)/TB'"
    ffmpeg("-i", place / "film.mp4", "-vf", uneven, "-fps_mode", "vfr", "-enc_time_base", "1/1000", place / "vfr.mp4")
    footage = Footage(place / "vfr.mp4")
    times = np.array([moment.time for moment in footage.frames()])
    assert np.ptp(np.diff(times)) > 0.1
    drive("vfr.mp4", crop=True)
    drive("vfr.mp4", out="a.mp4", crop=True)
    movie = iio.imread(tmp_path / "a.mp4", plugin="FFMPEG")
    places = np.rint((times - times[0]) * footage.rate)
    assert len(movie) == places[-1] + 1
    for now, picture in enumerate(movie):
        shown = np.flatnonzero(places <= now)[-1] + 1
        assert apart(picture, frame(tmp_path / "out", shown)) < 3


def test_cancelled_movie_leaves_nothing(drive, tmp_path):
    asked = []
    report = drive(out="a.mp4", cancelled=lambda: len(asked) == 3 or asked.append(1))
    assert report.cancelled and report.written == 0 and not names(tmp_path)


# Running again


def test_rerun_writes_none_and_a_longer_run_goes_on(drive, tmp_path):
    out = tmp_path / "out"
    drive(end=2 / FPS)
    before = states(out)
    again = drive(end=2 / FPS)
    assert (again.written, again.skipped, again.complete) == (0, 3, True) and states(out) == before
    whole = drive()
    assert (whole.written, whole.skipped) == (COUNT - 3, 3)
    assert all(states(out)[name] == state for name, state in before.items())
    one = (out / "000003.png").read_bytes()
    (out / "000003.png").unlink()
    assert (drive().written, (out / "000003.png").read_bytes()) == (1, one)
    assert (drive().written, drive(end=2 / FPS).written) == (0, 0)


def test_cancelled_run_keeps_whole_frames(drive, tmp_path):
    asked = []
    report = drive(cancelled=lambda: len(asked) == 4 or asked.append(1))
    assert report.cancelled and not report.complete and report.written == len(states(tmp_path / "out")) == 4
    before = states(tmp_path / "out")
    again = drive()
    assert (again.written, again.skipped) == (COUNT - 4, 4)
    assert all(states(tmp_path / "out")[name] == state for name, state in before.items())
    drive(out="at once")
    assert all((frame(tmp_path / "out", n) == frame(tmp_path / "at once", n)).all() for n in range(1, COUNT + 1))


def test_another_jobs_frames_are_refused_unless_overwritten(drive, place, tmp_path):
    drive(end=2 / FPS)
    before = tree(tmp_path)
    for options in ({"driver": "other.mp4"}, {"face": 0}, {"start": 0.04}, {"rate": 20.0}, {"crop": True}):
        with pytest.raises(OutputError, match="not frames of this clip"):
            drive(**options)
    assert tree(tmp_path) == before
    write_table(place / "three.csv", [{"AU12": 1.0}] * 3)
    render = ["render", place / "photo.png", place / "three.csv", tmp_path / "out", "--pack", "aipgan"]
    assert main([str(arg) for arg in render]) == 1
    assert tree(tmp_path) == before
    assert drive("other.mp4", end=0.04, existing="overwrite").written == 2
    assert names(tmp_path / "out") == [*numbered([1, 2]), "zygoma.json"]


def test_the_driver_itself_is_never_written_over(drive, place):
    before = tree(place / "stills")
    for driver, out in (("stills", "stills"), ("film.mp4", "film.mp4"), ("stills/still_1.png", "stills")):
        with pytest.raises(OutputError, match="this is where the driver is"):
            drive(driver, out=place / out, existing="overwrite")
    assert tree(place / "stills") == before


# The command


@pytest.fixture
def desk(place, tmp_path, monkeypatch):
    """The working directory, with copies of photo.png, film.mp4 and stills."""
    for name in ("photo.png", "film.mp4"):
        shutil.copy2(place / name, tmp_path / name)
    shutil.copytree(place / "stills", tmp_path / "stills")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command(desk, zygoma):
    status, out, _ = zygoma("drive", "photo.png", "film.mp4", "out", "--start", "0.04", "--end", "0.12", "--face", 1)
    assert status == 0 and re.fullmatch(r"out: 3 frames written, \d+\.\d s\.\n", out)
    assert names(desk / "out") == [*numbered([2, 3, 4]), "zygoma.json"]
    options = ("--rate", 5, "--crop", "--format", "jpg", "--device", "cpu", "--photo-face", 1, "--pack", "aipgan")
    assert zygoma("drive", "photo.png", "stills", "out", *options)[0] == 1
    assert zygoma("drive", "photo.png", "stills", "out", *options, "--overwrite")[0] == 0
    assert names(desk / "out") == ["000001.jpg", "000002.jpg", "000003.jpg", "zygoma.json"]
    assert pixels_of(desk / "out" / "000003.jpg").shape == (174, 174, 3)  # what the face has in the photo
    assert "usage: zygoma drive" in zygoma("drive", "--help")[1]


def test_what_is_refused_in_one_line(desk, zygoma):
    command = ("drive", "photo.png", "film.mp4", "out")
    words = r"zygoma-base has no driver\.onnx: .*choose a pack that has one, such as aipgan"
    refuse(zygoma, desk, (*command, "--pack", "zygoma-base"), words)
    refuse(zygoma, desk, ("drive", "photo.png", "none.mp4", "out"), "there is no such file or folder")
    refuse(zygoma, desk, ("drive", "photo.png", "photo.png", "out.avi"), r"movies are written as \.mp4")
    refuse(zygoma, desk, ("drive", "film.mp4", "film.mp4", "out"), "not an image")
    refuse(zygoma, desk, (*command[:3], "photo.png/out"), "a file is in the way")
    refuse(zygoma, desk, (*command, "--face", "0"), "--face: 0 is not a whole number from 1 on", status=2)
    refuse(zygoma, desk, command[:3], "required: OUT", status=2)


def test_ctrl_c_keeps_whole_frames_and_the_same_command_goes_on(desk, frames, zygoma):
    write(desk / "long.mp4", frames * 3)
    command = [sys.executable, "-m", "addon", "drive", desk / "photo.png", desk / "long.mp4", desk / "out"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    ) as process:
        while process.poll() is None and not (desk / "out" / "000001.png").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not said
    assert err == "zygoma: interrupted; finished frames are kept, and the same command goes on from there.\n"
    before = states(desk / "out")
    assert 1 <= len(before) < 3 * COUNT and len(before) + 1 == len(os.listdir(desk / "out"))
    assert all(pixels_of(desk / "out" / name).shape == pixels_of(desk / "photo.png").shape for name in before)
    status, out, _ = zygoma(*command[3:])
    assert status == 0 and f"out: {3 * COUNT - len(before)} frames written, {len(before)} there already" in out
    assert all(states(desk / "out")[name] == state for name, state in before.items())
