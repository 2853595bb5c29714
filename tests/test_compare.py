"""Several packs on one photo and one table: each is asked for the same curves, and all stand side by side."""

import os
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from clips import pixels_of, random_rows, write_photo, write_table
from PIL import Image
from probe_pack import PRECISION, build_probe, read_frame

from addon.cli import main
from addon.core import compare as comparing
from addon.core.attributes import NAMES, target, vector
from addon.core.clip import ClipJob, clip_track, read_job_table
from addon.core.compare import CELL, SHOWN, compare, compare_clip, face_window, in_words, moments
from addon.core.errors import OutputError, PackError
from addon.core.faces import FaceReader, cut, read_photo
from addon.core.pack import read_pack
from addon.core.session import Generator
from addon.core.side_by_side import CAPTION, GAP, LABEL, Grid, sheet

OTHER = NAMES[::-1]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """photo.png, six.csv, the packs first and second, and a comparison of both in out."""
    folder = tmp_path_factory.mktemp("compare")
    write_photo(folder / "photo.png")
    write_table(folder / "six.csv", random_rows(6))
    build_probe(folder / "first")
    build_probe(folder / "second", names=OTHER, at_rest="generated")
    job = ClipJob(folder / "photo.png", folder / "six.csv", folder / "out", device="cpu")
    steps = []
    report = compare_clip(job, packs(folder), lambda *step: steps.append(step))
    return folder, job, report, steps


def packs(folder):
    return [str(folder / "first"), str(folder / "second")]


@pytest.fixture(scope="module")
def window(made):
    """The face as all packs see it: photo, face."""
    photo = read_photo(made[0] / "photo.png")
    face = FaceReader().face(photo)
    crop = face_window(face)
    return replace(photo, pixels=cut(photo.pixels, crop), alpha=None), comparing._moved(face, crop)


def test_every_pack_is_asked_for_the_same_curves(made, window):
    folder, job, report, steps = made
    assert (report.packs, report.frames, report.written, report.skipped) == (("first", "second"), 6, 12, 0)
    assert not report.cancelled
    assert steps[-1] == (18, 18) and [done for done, _ in steps] == sorted(done for done, _ in steps)
    track = clip_track(replace(job, output=folder / "x.mp4"), read_job_table(job))
    for pack in report.packs:
        generator = Generator(read_pack(folder / pack), "cpu")
        source = generator.encode(*window)
        asked = target(source.vector, track.values)
        for number in range(6):
            frame = pixels_of(folder / "out" / pack / f"{number + 1:06d}.png")
            assert frame.shape == (CELL, CELL, 3)
            np.testing.assert_allclose(read_frame(frame, source.crop), asked[number], atol=2 * PRECISION)


def test_sheet_and_movie_hold_the_photo_and_every_pack(made, window):
    folder = made[0]
    shown = pixels_of(folder / "out" / "sheet.png")
    assert shown.shape == (CAPTION + 6 * (SHOWN + GAP), LABEL + 3 * (SHOWN + GAP) + GAP, 3)
    small = np.asarray(Image.fromarray(window[0].pixels).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS))
    second = Image.open(folder / "out" / "second" / "000004.png").resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    top = CAPTION + 3 * (SHOWN + GAP)  # six frames, all of them moments
    assert (shown[CAPTION : CAPTION + SHOWN, LABEL : LABEL + SHOWN] == small).all()
    assert (shown[top : top + SHOWN, LABEL + 2 * (SHOWN + GAP) :][:, :SHOWN] == np.asarray(second)).all()
    assert (shown[top : top + SHOWN, :LABEL] != 250).any(), "rows have labels"
    frames = iio.imread(folder / "out" / "movie.mp4")
    assert len(frames) == 6 and frames.shape[1:] == (2 * (CELL + CAPTION) + GAP, 2 * (CELL + GAP) + GAP, 3)
    photo = frames[2, GAP : GAP + CELL, GAP : GAP + CELL].astype(int)
    assert np.abs(photo - window[0].pixels).mean() < 3
    first = pixels_of(folder / "out" / "first" / "000003.png").astype(int)
    assert np.abs(frames[2, GAP : GAP + CELL, 2 * GAP + CELL :][:, :CELL] - first).mean() < 4


def test_the_same_again_goes_on(made):
    folder, job, *_ = made
    (folder / "out" / "second" / "000002.png").unlink()
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").glob("*/*.png")}
    report = compare_clip(job, packs(folder))
    assert (report.written, report.skipped) == (1, 11)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_another_comparison_is_not_mixed_in(made, tmp_path):
    folder, job, *_ = made
    with pytest.raises(OutputError, match="not frames of this clip"):
        compare_clip(replace(job, own_expression=0.0), packs(folder))
    for name in ("sheet.png", "movie.mp4"):
        (tmp_path / name).write_bytes(b"mine")
        with pytest.raises(OutputError, match=f"{name} is there already"):
            compare_clip(replace(job, output=tmp_path), packs(folder))
        assert (tmp_path / name).read_bytes() == b"mine" and os.listdir(tmp_path) == [name]
        (tmp_path / name).unlink()
    with pytest.raises(OutputError, match="a file is in the way"):
        compare_clip(replace(job, output=folder / "six.csv"), packs(folder))


def test_packs_that_cannot_be_compared(made, tmp_path):
    folder, job, *_ = made
    with pytest.raises(PackError, match="first is named twice"):
        compare_clip(replace(job, output=tmp_path / "a"), [*packs(folder), str(folder / "first")])
    with pytest.raises(PackError, match="There is no pack third"):
        compare_clip(replace(job, output=tmp_path / "a"), ["third"])
    assert not (tmp_path / "a").exists()


def test_cancelled_and_one_vector_for_all(made, tmp_path):
    """Blender's way in: sampled targets, the rig's own source vector, Esc."""
    folder = made[0]
    photo = read_photo(folder / "photo.png")
    face = FaceReader().face(photo)
    generators = [Generator(read_pack(pack), "cpu") for pack in packs(folder)]
    own = vector({"AU12": 0.5, "pose_yaw": 0.1})
    targets = np.repeat(own[None], 4, 0)
    targets[:, 10] = np.linspace(0.1, 0.4, 4)
    asked = []

    def given(source):
        asked.append(source.vector)
        return targets

    def options(**more):
        return {"curves": targets - own, "targets": given, "source_vector": own, **more}

    stopped = compare(photo, face, generators, tmp_path / "out", **options(cancelled=lambda: True))
    assert stopped.cancelled and stopped.written == 0 and not (tmp_path / "out" / "sheet.png").exists()
    report = compare(photo, face, generators, tmp_path / "out", **options())
    assert not report.cancelled and report.written == 8 and (tmp_path / "out" / "movie.mp4").is_file()
    assert all((one == own).all() for one in asked)


def test_window_is_upright_and_holds_the_crop(window):
    photo = read_photo(write_photo_turned(window))
    face = FaceReader().face(photo)
    crop = face_window(face)
    assert crop.matrix[0, 1] == crop.matrix[1, 0] == 0 and crop.size == CELL
    points = crop.to_crop(face.landmarks)[:, :2]
    assert (points > 0).all() and (points < CELL).all()
    assert 0.25 * CELL < np.ptp(points[:, 1]) < 0.6 * CELL


def write_photo_turned(window):
    path = window[0].path.with_name("turned.png")
    Image.fromarray(window[0].pixels).rotate(30, expand=True).save(path)
    return path


def test_moments_are_far_apart_and_in_order():
    curves = np.zeros((9, len(NAMES)), np.float32)
    curves[2] = vector({"AU12": 1.0})
    curves[3] = vector({"AU12": 0.95})
    curves[5] = vector({"AU26": 0.8})
    curves[7] = vector({"pose_yaw": 0.6, "AU01": 0.5})
    assert moments(curves, 1) == [7]
    assert moments(curves, 3) == [2, 5, 7]
    assert moments(curves, 20) == [2, 3, 5, 7], "rest is the photo, which stands beside every row"
    assert moments(np.zeros((5, len(NAMES)), np.float32)) == [0]


def test_values_in_words():
    assert in_words(vector()) == ["at rest"] == in_words(vector({"AU12": 0.05}))
    said = in_words(vector({"AU12": 0.5, "pose_yaw": -0.35, "AU45": 1.0, "gaze_pitch": 0.2}))
    assert said == ["AU45 1.00", "yaw -20 deg", "AU12 0.50", "gaze_pitch +11 deg"]


def test_captions_that_are_too_long_are_cut():
    picture = np.full((64, 64, 3), 9, np.uint8)
    shown = sheet(["A name that never ends " * 5, "B"], [(["x"], [picture, picture])])
    gap = shown[:CAPTION, LABEL + 64 : LABEL + 64 + GAP]
    assert (gap == shown[-1, 0]).all(), "the first caption stays above its own column"
    grid = Grid(["one", "two", "three", "four", "five"], 64)
    assert grid.frame([picture] * 5).shape == (2 * (64 + CAPTION) + GAP, 3 * (64 + GAP) + GAP, 3)


def test_command(made, capfd, monkeypatch):
    folder = made[0]
    monkeypatch.chdir(folder)
    command = ["compare", "photo.png", "six.csv", "cli", "--device", "cpu"]
    assert main([*command, "--packs", "./first,./second", "--end", "2"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("cli: sheet.png and movie.mp4 of first, second; 4 frames written, ")
    assert main([*command, "--packs", "./first,"]) == 2
    assert "with commas between" in capfd.readouterr().err
    assert main([*command, "--packs", "./none"]) == 1
    said = capfd.readouterr()
    assert said.err.startswith("zygoma: ") and said.err.count("\n") == 1
