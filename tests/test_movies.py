"""Movies to tables: paintings act known vectors, are filmed, and are read back; and what else people call a movie."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from conftest import ROOT
from movies import FPS, acted, ffmpeg, vectors, write
from PIL import Image

from addon.cli import main
from addon.core.attributes import INDEX, NAMES, UNITS
from addon.core.errors import MovieError, OutputError
from addon.core.faces import FaceReader
from addon.core.faces.expression import BLENDSHAPES
from addon.core.faces.pose import rotation
from addon.core.movies import TrackJob, track_movie
from addon.core.movies.follow import RECORD
from addon.core.movies.footage import Footage
from addon.core.movies.table import HEADER, lines, rows
from addon.core.movies.units import solve
from addon.core.tables import read_table, to_track

COUNT = 60
COLUMNS = {"pose_pitch": "pose_Rx", "pose_yaw": "pose_Ry", "pose_roll": "pose_Rz"}
NUMBERS = [name for name in HEADER if name != "scale"]


@pytest.fixture(scope="module")
def reader():
    return FaceReader()


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder with raphael.mp4 and mona_lisa.mp4, COUNT frames each, and their frames by name."""
    folder = tmp_path_factory.mktemp("films")
    frames = {name: acted(name, vectors(COUNT)) for name in ("raphael", "mona_lisa")}
    for name, images in frames.items():
        write(folder / f"{name}.mp4", images)
    return folder, frames


@pytest.fixture
def film(films, tmp_path):
    """A copy of raphael.mp4 in a folder of its own."""
    return shutil.copy(films[0] / "raphael.mp4", tmp_path / "film.mp4")


def rows_of(path):
    """The file's numbers by column, float64 [R], read by a few lines of csv."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    assert all(row["scale"] == "zygoma" and None not in row.values() for row in rows)
    return {name: np.array([float(row[name]) for row in rows]) for name in NUMBERS}


def tracked(movie, table, reader, **options):
    report = track_movie(TrackJob(movie, table, **options), reader)
    return report, rows_of(table)


# What it reads


@pytest.mark.parametrize("name", ["raphael", "mona_lisa"])
def test_what_was_acted_is_read_back(films, tmp_path, reader, name):
    report, read = tracked(films[0] / f"{name}.mp4", tmp_path / "t.csv", reader)
    assert (report.frames, report.faces, report.stopped) == (COUNT, {0: COUNT}, False)
    assert "Without a reading, so written as 0: AU14, AU20." in report.notes
    assert os.listdir(tmp_path) == ["t.csv"]
    values = vectors(COUNT)
    least = {"pose_pitch": 0.6, "pose_yaw": 0.9, "pose_roll": 0.9, "AU12": 0.8, "AU26": 0.8, "AU45": 0.8}
    least |= {"AU01": 0.75} if name == "raphael" else {}  # the Mona Lisa has hardly any brows
    for key, wanted in least.items():
        column = read[COLUMNS.get(key, f"{key}_r")]
        assert np.corrcoef(column, values[:, INDEX[key]])[0, 1] > wanted, key
        assert column.max() <= 5 and (key in COLUMNS or column.min() >= 0)
    assert read["AU45_r"][29] > 3.5 and read["AU45_r"][20] < 1, "blinks stay sharp"
    np.testing.assert_allclose(read["timestamp"], np.arange(COUNT) / FPS, atol=0.001)
    assert (read["success"] == 1).all() and (read["confidence"] > 0.9).all()
    for unit in ("AU12", "AU26", "AU45"):
        assert np.array_equal(read[f"{unit}_c"] == 1, np.rint(read[f"{unit}_r"] * 1000) > 1000)


def test_a_nose_wrinkles_and_lips_tighten_where_it_is_acted(tmp_path, reader):
    """Units that no blendshape answers to, each for a second between rests; they stay apart from each other."""
    values, parts = np.zeros((110, len(NAMES)), np.float32), {"AU09": 10, "AU10": 45, "AU23": 80}
    for unit, start in parts.items():
        values[start : start + 25, INDEX[unit]] = np.hanning(25)
    _, read = tracked(write(tmp_path / "f.mp4", acted("raphael", values)), tmp_path / "t.csv", reader)
    for unit, least in {"AU09": 0.8, "AU10": 0.8, "AU23": 0.7}.items():
        column = read[f"{unit}_r"]
        assert np.corrcoef(column, values[:, INDEX[unit]])[0, 1] > least, unit
        assert column.max() > 2 * max(column[s : s + 25].max() for other, s in parts.items() if other != unit), unit
    assert not read["AU14_r"].any() and not read["AU20_r"].any()


def test_a_jaw_drops_no_further_than_the_lips_part():
    """Three seconds: at rest, jaw and lips open, jaw behind shut lips (puffed cheeks, an s before an m)."""
    records = np.zeros(75, RECORD)
    records["time"], records["lip_gap"] = np.arange(75) / 25, 0.02
    jaw = BLENDSHAPES.index("jawOpen")
    records["blendshapes"][25:, jaw], records["chin_drop"][25:] = 0.25, 0.25
    records["lip_gap"][25:50] = 0.3
    units, own_rest = solve(records)
    assert own_rest and units["AU26"][30:45].min() > 0.5 and units["AU25"][30:45].min() > 0.3
    assert units["AU26"][:20].max() == 0 and units["AU26"][55:].max() == 0


def test_the_importer_takes_it_as_it_is(film, tmp_path, reader):
    _, read = tracked(film, tmp_path / "t.csv", reader)
    table = read_table(tmp_path / "t.csv")
    assert table.own and table.format == "Zygoma track" and table.rate == FPS and table.valid.all()
    track = to_track(table, subtract_neutral=True)
    for unit in ("AU01", "AU12", "AU18", "AU45"):
        np.testing.assert_allclose(track.values[:, INDEX[unit]], read[f"{unit}_r"] / 5, atol=1e-4)
    assert {"AU16", "AU18", "AU22", "gaze_pitch", "gaze_yaw"} <= track.present
    look = np.median(table.gaze, axis=0)
    assert np.abs(look).max() < 0.8


def test_the_importer_gives_back_the_turn_that_the_landmarks_show(tmp_path):
    """The table is in the camera's frame, as OpenFace's are; a face at the picture's edge is not turned by that."""
    records = np.zeros(3, RECORD)
    records["time"], records["frame"], records["size"], records["eyes"] = [0, 1, 2], [1, 2, 3], (640, 480), 60
    records["confidence"], records["middle"] = 1, [(320, 240), (560, 240), (90, 60)]
    poses = np.array([(0.1, -0.2, 0.05), (0.0, 0.0, 0.0), (-0.15, 0.3, -0.1)])
    records["turn"] = [rotation(pose) for pose in poses]
    written = rows(records, {unit: np.zeros(3) for unit in UNITS})
    assert abs(written.place[1, 6]) > 0.3  # at the right edge: yaw in the camera's frame
    path = tmp_path / "t.csv"
    path.write_bytes(b"".join(lines([written], np.zeros(0, RECORD))))
    np.testing.assert_allclose(read_table(path).pose, poses, atol=2e-3)


def test_two_people_keep_their_numbers(films, tmp_path, reader):
    """The first is hidden for half a second, comes back, and is still the first."""
    raphael, mona_lisa = films[1]["raphael"], films[1]["mona_lisa"]
    frames = [np.hstack([a, b]) for a, b in zip(raphael, mona_lisa, strict=True)]
    for frame in frames[25:38]:
        frame[:, :256] = 128
    report, read = tracked(write(tmp_path / "two.mp4", frames), tmp_path / "t.csv", reader)
    assert set(report.faces) == {0, 1} and report.faces[1 if report.faces[0] == COUNT else 0] >= COUNT - 18
    left = {face: read["pose_Tx"][read["face_id"] == face] < 0 for face in (0, 1)}
    assert all(side.all() or not side.any() for side in left.values()) and left[0].any() != left[1].any()
    assert (np.diff(read["frame"]) >= 0).all()
    assert read_table(tmp_path / "t.csv").format == "Zygoma track, several faces"
    one, _ = tracked(tmp_path / "two.mp4", tmp_path / "one.csv", reader, faces=1, end=0.5)
    assert len(one.faces) == 1 and one.frames == 13


def test_frames_without_a_face_are_failed_rows(films, tmp_path, reader):
    empty = [np.full((256, 256, 3), 90, np.uint8)] * 40
    frames = [*empty, *films[1]["raphael"][:8], *empty]
    report, read = tracked(write(tmp_path / "rare.mp4", frames), tmp_path / "t.csv", reader)
    assert len(read["frame"]) == len(frames) and report.faces == {0: int(read["success"].sum())}
    assert set(read["frame"][read["success"] == 1]) <= set(range(41, 49)) and report.faces[0] >= 5
    assert any(line.startswith("No face in 8") for line in report.notes)
    assert any("too short to show" in line for line in report.notes)
    assert read_table(tmp_path / "t.csv").valid.sum() == report.faces[0]


def test_the_containers_own_clock_counts(film, tmp_path, reader):
    """Variable frame rate: 20 frames at 25 a second, then 10 a second."""
    uneven = "setpts='if(lt(N,20),N/25,20/25+(N-20)/10)/TB'"
    ffmpeg("-i", film, "-vf", uneven, "-fps_mode", "vfr", "-enc_time_base", "1/1000", tmp_path / "vfr.mp4")
    _, read = tracked(tmp_path / "vfr.mp4", tmp_path / "t.csv", reader, end=3.0)
    wanted = np.r_[np.arange(20) / 25, 0.8 + np.arange(len(read["timestamp"]) - 20) / 10]
    np.testing.assert_allclose(read["timestamp"], wanted, atol=0.002)


def test_a_phones_rotation_is_applied(film, tmp_path, reader):
    ffmpeg("-i", film, "-vf", "transpose=1", "-crf", "12", tmp_path / "lying.mp4")
    ffmpeg("-display_rotation", "90", "-i", tmp_path / "lying.mp4", "-c", "copy", tmp_path / "phone.mp4")
    _, upright = tracked(film, tmp_path / "a.csv", reader, end=0.5)
    _, phone = tracked(tmp_path / "phone.mp4", tmp_path / "b.csv", reader, end=0.5)
    np.testing.assert_allclose(phone["pose_Rz"], upright["pose_Rz"], atol=0.05)
    _, lying = tracked(tmp_path / "lying.mp4", tmp_path / "c.csv", reader, end=0.2)
    assert np.abs(lying["pose_Rz"] - upright["pose_Rz"][:6]).min() > 1, "the test's movie does lie on its side"


def test_4k(films, tmp_path, reader):
    frames = []
    for image in films[1]["raphael"][:6]:
        frame = np.full((2160, 3840, 3), 90, np.uint8)
        frame[200:1800, 1500:3100] = cv2.resize(image, (1600, 1600), interpolation=cv2.INTER_CUBIC)
        frames.append(frame)
    report, read = tracked(write(tmp_path / "4k.mp4", frames), tmp_path / "t.csv", reader)
    assert report.faces == {0: 6} and (read["pose_Tx"] > 0).all()


def test_pictures_of_a_folder_and_one_picture(films, tmp_path, reader):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(films[1]["raphael"][:12]):
        Image.fromarray(image).save(folder / f"{i + 1}.png")
    (folder / "13.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a picture either")
    report, read = tracked(folder, tmp_path / "t.csv", reader, rate=10)
    assert read["frame"].tolist() == list(range(1, 13))
    np.testing.assert_allclose(read["timestamp"], np.arange(12) / 10)
    assert any(line.startswith("Left out:") and "13.png" in line for line in report.notes)
    _, still = tracked(folder / "1.png", tmp_path / "s.csv", reader)
    assert len(still["frame"]) == 1 and read_table(tmp_path / "s.csv").is_still
    assert still["pose_Rz"][0] == pytest.approx(read["pose_Rz"][0], abs=0.1)


def test_a_cut_is_another_scene(films, tmp_path, reader):
    """Another person at another place right after a cut is another face."""
    first = [np.pad(image, [(0, 0), (0, 256), (0, 0)], constant_values=250) for image in films[1]["raphael"][:15]]
    second = [np.pad(image, [(0, 0), (256, 0), (0, 0)], constant_values=5) for image in films[1]["mona_lisa"][:15]]
    report, read = tracked(write(tmp_path / "cut.mp4", first + second), tmp_path / "t.csv", reader)
    assert report.faces == {0: 15, 1: 15}
    assert read["face_id"].tolist() == [0] * 15 + [1] * 15


# Broken off and gone on with


def test_a_run_goes_on_where_it_was_stopped(film, tmp_path, reader):
    _, whole = tracked(film, tmp_path / "whole.csv", reader)
    calls = []
    job = TrackJob(film, tmp_path / "t.csv")
    report = track_movie(job, reader, cancelled=lambda: calls.append(1) or len(calls) == 25)
    assert report.stopped and report.frames == 25
    part = rows_of(tmp_path / "t.csv")
    assert part["frame"].tolist() == list(range(1, 26))
    assert (tmp_path / "t.csv.journal").is_file()
    with open(tmp_path / "t.csv.journal", "ab") as file:
        file.write(b"torn")
    report = track_movie(job, reader)
    assert (report.frames, report.resumed, report.stopped) == (COUNT, 24, False)
    again = rows_of(tmp_path / "t.csv")
    for name in (*COLUMNS.values(), "AU01_r", "AU12_r", "AU26_r", "AU45_r"):
        np.testing.assert_allclose(again[name], whole[name], atol=0.02, err_msg=name)
    assert not (tmp_path / "t.csv.journal").exists()


def test_ctrl_c_leaves_a_whole_table(films, tmp_path):
    """As a user does it: exit status 130, whole rows, one line, and the same command goes on."""
    frames = films[1]["raphael"]
    write(tmp_path / "long.mp4", [*frames, *frames[::-1], *frames])
    command = [sys.executable, "-m", "addon", "track", tmp_path / "long.mp4", tmp_path / "t.csv"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # fmt: skip
    journal, deadline = tmp_path / "t.csv.journal", time.monotonic() + 60
    while not (journal.exists() and journal.stat().st_size > 20_000) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and "Traceback" not in err
    said = re.search(r"^zygoma: interrupted; .*t\.csv holds the first (\d+) frames, and the same", err, re.MULTILINE)
    assert said, err
    assert len(rows_of(tmp_path / "t.csv")["frame"]) == int(said[1])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r".*t\.csv: 180 frames, face 0: 180 rows; \d+ frames/s\.\n", done.stdout)
    assert sorted(os.listdir(tmp_path)) == ["long.mp4", "t.csv"]


def test_another_movie_is_not_gone_on_with(films, film, tmp_path, reader):
    job = TrackJob(film, tmp_path / "t.csv")
    track_movie(job, reader, cancelled=lambda: True)
    shutil.copy(films[0] / "mona_lisa.mp4", film)
    with pytest.raises(OutputError, match=r"t\.csv: is there already"):
        track_movie(job, reader)
    report = track_movie(TrackJob(film, tmp_path / "t.csv", overwrite=True), reader)
    assert (report.resumed, report.frames) == (0, COUNT)


# What is refused


def sound(path):
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)


def cut_short(film, path, share, faststart):
    ffmpeg("-i", film, "-c", "copy", *(("-movflags", "+faststart") if faststart else ()), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


BAD = {
    "nothing.mp4": (lambda p, _: None, "there is no such file or folder"),
    "empty.mp4": (lambda p, _: p.write_bytes(b""), "the file is empty"),
    "text.mp4": (lambda p, _: p.write_text("no movie\n" * 99), "no movie that can be read"),
    "sound.m4a": (lambda p, _: sound(p), "sound in it but no picture"),
    "cut.mp4": (lambda p, film: cut_short(film, p, 0.7, False), "cut off: its index at the end is missing"),
    "folder": (lambda p, _: p.mkdir(), "holds no pictures"),
    "broken.png": (lambda p, _: p.write_bytes(b"\x89PNG"), "not an image"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_movie_is_one_line(film, tmp_path, capfd, name):
    make, words = BAD[name]
    make(tmp_path / name, film)
    before = sorted(os.listdir(tmp_path))
    assert main(["track", str(tmp_path / name), str(tmp_path / "t.csv")]) == 1
    said = capfd.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and re.search(words, said.err), said.err
    assert sorted(os.listdir(tmp_path)) == before


def test_a_movie_whose_end_is_missing_is_read_as_far_as_it_goes(film, tmp_path, reader):
    cut_short(film, tmp_path / "cut.mp4", 0.5, True)
    report, read = tracked(tmp_path / "cut.mp4", tmp_path / "t.csv", reader)
    assert 10 < len(read["frame"]) < COUNT
    assert any("it is cut off or damaged" in line for line in report.notes)


def test_no_face_at_all_leaves_nothing(tmp_path, reader):
    noise = np.random.default_rng(0).integers(0, 255, (20, 128, 128, 3), np.uint8)
    movie = write(tmp_path / "noise.mp4", list(noise))
    with pytest.raises(MovieError, match=r"no face was found in any of 20 frames"):
        track_movie(TrackJob(movie, tmp_path / "t.csv"), reader)
    with pytest.raises(MovieError, match="no frame between the times"):
        track_movie(TrackJob(movie, tmp_path / "t.csv", start=50), reader)
    assert os.listdir(tmp_path) == ["noise.mp4"]


def test_tables_that_cannot_be_written(film, tmp_path, reader):
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    for name, words in (("there.csv", "is there already"), ("folder.csv", "a folder of this"), ("t.txt", "end it in")):
        with pytest.raises(OutputError, match=words):
            track_movie(TrackJob(film, tmp_path / name), reader)
    with pytest.raises(OutputError, match="a file is in the way"):
        track_movie(TrackJob(film, tmp_path / "there.csv" / "t.csv"), reader)
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_memory_stays_flat(film):
    """Frames are decoded a few ahead, never all."""
    footage = Footage(film)
    taken = []
    for frame in footage.frames():
        taken.append(frame.number)
        if len(taken) == 5:
            break
    assert taken == [1, 2, 3, 4, 5] and footage.count == COUNT and footage.rate == FPS
