"""A photo and a table become frames: which frames, under which names, made from which vectors, and what stays of a run
that ended early."""

import os
import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from clips import HEIGHT, RememberingReader, pixels_of, random_rows, write_photo, write_table
from probe_pack import PRECISION, SIDE, as_cropped, build_probe, read_frame
from test_frames import small_disk

from addon.core.attributes import ANGLES, INDEX, IS_ANGLE, NAMES, vector
from addon.core.clip import ClipJob, render_clip
from addon.core.errors import FaceError, OutputError, TableError
from addon.core.faces import face_crop, read_photo
from addon.core.pack import read_pack
from addon.core.session import GenerateError, Generator
from addon.core.tables import GAINS

OWN = vector({"pose_pitch": 0.1, "pose_yaw": -0.2, "gaze_yaw": 0.15, "AU04": 0.5, "AU12": 0.6, "AU25": 0.25})
ROWS = random_rows(6)


@pytest.fixture(scope="module")
def place(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("clips")
    photo = read_photo(write_photo(folder / "photo.png"))
    write_photo(folder / "pair.png", "mona_lisa", "raphael")
    write_table(folder / "six.csv", ROWS)
    write_table(folder / "many.csv", random_rows(160, seed=3))  # more than go through the generator at once
    build_probe(folder / "probe", source=as_cropped(OWN, face_crop(reader.face(photo).landmarks)))
    return folder


@pytest.fixture(scope="module")
def reader():
    return RememberingReader()


@pytest.fixture(scope="module")
def generator(place):
    return Generator(read_pack(place / "probe"), "cpu")


@pytest.fixture(scope="module")
def source(place, generator, reader):
    photo = read_photo(place / "photo.png")
    return generator.encode(photo, reader.face(photo))


@pytest.fixture
def render(place, generator, reader, tmp_path):
    """Renders photo.png and six.csv with the probe into tmp_path/out; returns the report."""

    def run(table="six.csv", photo="photo.png", out="out", made_by=None, progress=None, cancelled=None, **options):
        job = ClipJob(place / photo, place / table, tmp_path / out, str(place / "probe"), **options)
        return render_clip(job, made_by or generator, reader, progress, cancelled)

    return run


def properties(rows, gains=GAINS):
    """float64 [F,20]: points / 5 * gain, angles in radians, by a few lines of their own."""
    values = np.array([[row.get(name, 0.0) for name in NAMES] for row in rows])
    factor = [1.0 if name in ANGLES else gains.get(name, 1.0) / 5 for name in NAMES]
    return np.where(IS_ANGLE, values, np.clip(values * factor, 0, 1))


def asked_for(props, own_expression=1.0, own_pose=1.0, source=OWN):
    own = np.where(IS_ANGLE, own_pose, own_expression) * source
    return np.where(IS_ANGLE, own + props, np.clip(own + props, 0, 1))


def seen(folder, source):
    """float64 [F,20]: the vectors that the frames of a folder show, in the order of their names."""
    files = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    return np.array([read_frame(pixels_of(folder / name), source.crop) for name in files])


def names(folder):
    return sorted(os.listdir(folder))


def states(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.glob("*.png")}


# Which frames


def test_one_frame_a_row_of_the_photos_size_named_by_row(render, tmp_path, source):
    report = render()
    assert (report.total, report.written, report.skipped, report.complete) == (6, 6, 0, True)
    assert names(tmp_path / "out") == [f"{i:06d}.png" for i in range(1, 7)] + ["zygoma.json"]
    photo = source.photo.pixels
    assert all(pixels_of(path).shape == photo.shape for path in (tmp_path / "out").glob("*.png"))
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(properties(ROWS)), atol=2 * PRECISION)


def test_start_and_end_count_rows_from_one(render, tmp_path, source):
    render(start=3, end=5)
    assert names(tmp_path / "out")[:-1] == ["000003.png", "000004.png", "000005.png"]
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(properties(ROWS))[2:5], atol=2 * PRECISION)
    for start, end in ((7, None), (4, 3)):
        with pytest.raises(TableError, match="has rows 1 to 6"):
            render(start=start, end=end, out="none")
    assert names(tmp_path) == ["out"]


def test_resampled_frames_lie_on_straight_lines(render, tmp_path, source):
    render(fps=50.0)
    assert names(tmp_path / "out")[:-1] == [f"{i:06d}.png" for i in range(1, 12)]
    rows = properties(ROWS)
    between = np.empty((11, len(NAMES)))
    between[::2], between[1::2] = rows, (rows[1:] + rows[:-1]) / 2
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(between), atol=2 * PRECISION)


def test_rate_makes_a_clock(render, place, tmp_path, source):
    text = (place / "six.csv").read_text().splitlines()
    cut = [", ".join(line.split(", ")[:2] + line.split(", ")[3:]) for line in text]  # without `timestamp`
    (place / "noclock.csv").write_text("\n".join(cut) + "\n")
    with pytest.raises(TableError, match=r"say how many rows a second it has: it has no timestamp column"):
        render("noclock.csv")
    assert not names(tmp_path)
    render("noclock.csv", rate=10.0, fps=20.0)
    assert len(seen(tmp_path / "out", source)) == 11
    np.testing.assert_allclose(seen(tmp_path / "out", source)[::2], asked_for(properties(ROWS)), atol=2 * PRECISION)


def test_failed_rows_are_bridged(render, place, tmp_path, source):
    write_table(place / "failed.csv", ROWS, success=[1, 1, 0, 1, 1, 1])
    report = render("failed.csv")
    rows = properties(ROWS)
    rows[2] = (rows[1] + rows[3]) / 2
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(rows), atol=2 * PRECISION)
    assert any("Bridged by straight lines: 1 stretch" in note for note in report.notes)


def test_other_formats_and_a_photo_with_alpha(render, place, tmp_path):
    alpha = np.tile(np.arange(HEIGHT) % 256, (read_photo(place / "photo.png").pixels.shape[1], 1)).T.astype(np.uint8)
    write_photo(place / "alpha.png", alpha=alpha)
    render(photo="alpha.png", end=1)
    assert (pixels_of(tmp_path / "out" / "000001.png")[..., 3] == alpha).all()
    render(out="tif", suffix=".tif", end=1)
    render(out="jpg", suffix=".jpg", end=1)
    whole = pixels_of(tmp_path / "out" / "000001.png")[..., :3]
    assert (pixels_of(tmp_path / "tif" / "000001.tif") == whole).all()
    assert np.abs(pixels_of(tmp_path / "jpg" / "000001.jpg").astype(int) - whole).mean() < 3


# Movies


@pytest.mark.parametrize(("options", "count", "fps"), [({}, 6, 25), ({"fps": 50.0}, 11, 50), ({"start": 5}, 2, 25)])
def test_movie(render, tmp_path, options, count, fps, source):
    report = render(out="deep/clip.mp4", **options)
    assert report.written == count and names(tmp_path / "deep") == ["clip.mp4"]
    movie = iio.imread(tmp_path / "deep" / "clip.mp4", plugin="FFMPEG")
    height, width = source.photo.pixels.shape[:2]
    assert movie.shape == (count, height + height % 2, width + width % 2, 3)
    assert iio.immeta(tmp_path / "deep" / "clip.mp4", plugin="FFMPEG")["fps"] == pytest.approx(fps)
    # frames in the table's order: high bytes of AU12, as far as a movie keeps them
    render(out="frames", **options)
    files = sorted((tmp_path / "frames").glob("*.png"))
    for frame, path in zip(movie, files, strict=True):
        assert np.abs(frame[:height, :width].astype(int) - pixels_of(path)).mean() < 6


def test_missing_rows_take_their_time_in_a_movie(render, place, tmp_path):
    write_table(place / "gap.csv", ROWS, timestamp=[0, 0.04, 0.08, 0.4, 0.44, 0.48], frame=[1, 2, 3, 11, 12, 13])
    assert render("gap.csv", out="gap.mp4").written == 13
    assert render("gap.csv", out="gap").written == 6


def test_movie_of_one_row(render, tmp_path):
    assert render(out="one.mp4", start=2, end=2).written == 1
    assert len(iio.imread(tmp_path / "one.mp4", plugin="FFMPEG")) == 1


def test_finished_movie_is_kept_and_another_refused(render, tmp_path):
    render(out="a.mp4")
    before = (tmp_path / "a.mp4").stat().st_mtime_ns
    report = render(out="a.mp4")
    assert (report.written, report.skipped) == (0, 6) and (tmp_path / "a.mp4").stat().st_mtime_ns == before
    for options in ({"end": 5}, {"fps": 30.0}, {"own_pose": 0.0}, {"crop": True}):
        with pytest.raises(OutputError, match="is not this clip"):
            render(out="a.mp4", **options)
    assert (tmp_path / "a.mp4").stat().st_mtime_ns == before
    assert render(out="a.mp4", end=5, existing="overwrite").written == 5


def test_cancelled_movie_leaves_nothing(render, tmp_path):
    asked = []
    report = render("many.csv", out="a.mp4", cancelled=lambda: bool(asked) or asked.append(1))
    assert report.cancelled and report.written == 0 and not names(tmp_path)


# Which vectors


@pytest.mark.parametrize(("own_expression", "own_pose"), [(1, 1), (0, 1), (1, 0), (0, 0), (0.25, 0.5)])
def test_weights_say_how_much_of_the_photos_own_stays(render, tmp_path, source, own_expression, own_pose):
    render(own_expression=own_expression, own_pose=own_pose)
    expected = asked_for(properties(ROWS), own_expression, own_pose)
    np.testing.assert_allclose(seen(tmp_path / "out", source), expected, atol=2 * PRECISION)


def test_as_is_other_gains_and_divided(render, place, tmp_path, source):
    render(as_is=True)
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(properties(ROWS, {})), atol=2 * PRECISION)
    render(out="gains", gains={"AU12": 1.5, "pose_yaw": 2.0})
    expected = properties(ROWS, {**GAINS, "AU12": 1.5})
    expected[:, INDEX["pose_yaw"]] *= 2
    np.testing.assert_allclose(seen(tmp_path / "gains", source), asked_for(expected), atol=2 * PRECISION)
    fifths = [{k: v / (1 if k.startswith("pose") else 5) for k, v in row.items()} for row in ROWS]
    write_table(place / "fifths.csv", fifths)
    render("fifths.csv", out="fifths", divided=True)
    np.testing.assert_allclose(seen(tmp_path / "fifths", source), asked_for(properties(ROWS)), atol=0.002)


def test_drivers_neutral_is_subtracted_where_the_photos_own_stays(render, place, tmp_path, source):
    rows = [{"AU01": 0.4 + 0.6 * (i >= 45), "pose_yaw": 0.1 + 0.2 * (i >= 45)} for i in range(60)]
    write_table(place / "long.csv", rows)
    absolute = properties(rows)
    less = absolute - properties([{"AU01": 0.4, "pose_yaw": 0.1}])
    for i, (own_expression, own_pose, expected) in enumerate(
        (
            (1, 1, less),
            (0, 0, absolute),
            (0, 1, np.where(IS_ANGLE, less, absolute)),
            (0.5, 0, np.where(IS_ANGLE, absolute, less)),
        )
    ):
        render("long.csv", out=f"{i}", own_expression=own_expression, own_pose=own_pose, start=46, end=48)
        wanted = asked_for(expected[45:48], own_expression, own_pose)
        np.testing.assert_allclose(seen(tmp_path / f"{i}", source), wanted, atol=2 * PRECISION)
    render("long.csv", out="as_is", as_is=True, start=46, end=48)
    wanted = asked_for(properties(rows, {})[45:48])
    np.testing.assert_allclose(seen(tmp_path / "as_is", source), wanted, atol=2 * PRECISION)


def test_rows_at_rest_are_the_photo_bit_for_bit(render, place, tmp_path, source):
    write_table(place / "rest.csv", [{}, {"AU12": 1.0}, {}])
    render("rest.csv")
    photo = source.photo.pixels
    frames = [pixels_of(tmp_path / "out" / f"00000{i}.png") for i in (1, 2, 3)]
    assert (frames[0] == photo).all() and (frames[2] == photo).all() and (frames[1] != photo).any()
    render("rest.csv", out="absolute", own_expression=0.0, own_pose=0.0)
    assert (pixels_of(tmp_path / "absolute" / "000001.png") != photo).any()


def test_crop_alone(render, tmp_path):
    render(crop=True)
    assert {pixels_of(path).shape for path in (tmp_path / "out").glob("*.png")} == {(SIDE, SIDE, 3)}


def test_faces_of_the_table_and_of_the_photo(render, place, tmp_path, generator, reader):
    write_table(place / "two.csv", ROWS, face_id=[0, 1, 0, 1, 0, 1], timestamp=[0, 0, 0.04, 0.04, 0.08, 0.08])
    photo = read_photo(place / "pair.png")
    for photo_face in (0, 1):
        source = generator.encode(photo, reader.face(photo, photo_face))
        render("two.csv", "pair.png", out=f"{photo_face}", face=1, photo_face=photo_face)
        expected = asked_for(properties(ROWS[1::2]), source=source.vector)
        np.testing.assert_allclose(seen(tmp_path / f"{photo_face}", source), expected, atol=2 * PRECISION)
        other = reader.face(photo, 1 - photo_face)
        x0, y0, x1, y1 = (round(v) for v in other.box)
        frame = pixels_of(tmp_path / f"{photo_face}" / "000001.png")
        assert (frame[y0:y1, x0:x1] == photo.pixels[y0:y1, x0:x1]).all()
    with pytest.raises(TableError, match="has no face 2: it has 0"):
        render("two.csv", face=2, out="none")
    with pytest.raises(FaceError, match="no face 3, it has 2 faces"):
        render("two.csv", "pair.png", photo_face=2, out="none")
    assert names(tmp_path) == ["0", "1"]


# Running again


def test_rerun_skips_and_a_broken_run_goes_on(render, tmp_path):
    render()
    out = tmp_path / "out"
    before, whole = states(out), {path.name: path.read_bytes() for path in out.glob("*.png")}
    report = render()
    assert (report.written, report.skipped) == (0, 6) and states(out) == before
    (out / "000002.png").unlink()
    (out / "000005.png").unlink()
    report = render()
    assert (report.written, report.skipped) == (2, 4)
    assert {path.name: path.read_bytes() for path in out.glob("*.png")} == whole
    assert all(states(out)[name] == before[name] for name in before if name not in ("000002.png", "000005.png"))


def test_a_longer_clip_goes_on_from_a_shorter(render, tmp_path, source):
    render(end=2)
    assert render(start=2, end=4).skipped == 1
    report = render()
    assert (report.written, report.skipped) == (2, 4)
    np.testing.assert_allclose(seen(tmp_path / "out", source), asked_for(properties(ROWS)), atol=2 * PRECISION)


def test_cancelled_run_keeps_whole_frames(render, tmp_path):
    asked = []
    report = render("many.csv", cancelled=lambda: bool(asked) or asked.append(1))
    assert report.cancelled and 0 < report.written < 160
    assert len(states(tmp_path / "out")) == report.written
    again = render("many.csv", end=report.written + 1)
    assert (again.written, again.skipped) == (1, report.written)


@pytest.mark.parametrize(
    "other",
    [
        {"photo": "pair.png"},
        {"own_expression": 0.5},
        {"as_is": True},
        {"crop": True},
        {"start": 3, "as_is": True},  # no frame of the same name
    ],
)
def test_folder_of_another_clip_is_refused(render, tmp_path, other):
    render(end=2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(OutputError, match="not frames of this clip"):
        render(**other)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    with pytest.raises(OutputError, match="holds images already"):
        render(end=2, existing="fail")


def test_folder_of_somebody_elses_pictures_is_refused(render, place, tmp_path):
    (tmp_path / "out").mkdir()
    shutil.copy(place / "photo.png", tmp_path / "out" / "holiday.png")
    with pytest.raises(OutputError, match="not frames of this clip"):
        render()
    assert names(tmp_path / "out") == ["holiday.png"]
    report = render(existing="overwrite")
    assert report.written == 6
    assert (tmp_path / "out" / "holiday.png").read_bytes() == (place / "photo.png").read_bytes()


def test_overwriting_replaces_every_frame(render, tmp_path, source):
    render()
    assert render(existing="overwrite", own_pose=0.0).written == 6
    expected = asked_for(properties(ROWS), own_pose=0)
    np.testing.assert_allclose(seen(tmp_path / "out", source), expected, atol=2 * PRECISION)


# What can go wrong in the middle


def test_failing_graph_ends_the_clip_with_whole_files_only(render, place, tmp_path):
    rows = [{"AU12": 0.1 * i, "AU26": 4.0 if i == 4 else 0.0} for i in range(6)]
    write_table(place / "wide.csv", rows)
    build_probe(tmp_path / "failing", source=OWN, fails_above=0.9)
    failing = Generator(read_pack(tmp_path / "failing"), "cpu")
    with pytest.raises(GenerateError, match="failed while generating"):
        render("wide.csv", made_by=failing)
    assert not [name for name in names(tmp_path / "out") if "part" in name]
    with pytest.raises(GenerateError):
        render("wide.csv", out="wide.mp4", made_by=failing)
    assert "wide.mp4" not in names(tmp_path)


def test_disk_full_in_mid_render_and_room_made(place, tmp_path, generator, reader):
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        job = ClipJob(place / "photo.png", place / "many.csv", disk / "out", str(place / "probe"))
        filler = disk / "filler"
        filler.write_bytes(bytes(1_200_000))
        with pytest.raises(OutputError, match=r"\.png: cannot be written: the disk is full"):
            render_clip(job, generator, reader)
        files = names(disk / "out")
        assert 1 < len(files) < 161 and all(name.endswith((".png", "zygoma.json")) for name in files)
        for path in (disk / "out").glob("*.png"):
            assert pixels_of(path).shape == read_photo(job.photo).pixels.shape
        filler.unlink()
        again = render_clip(replace(job, end=4), generator, reader)
        assert again.complete and again.skipped > 0


def test_folder_vanishing_in_mid_render(render, tmp_path):
    def vanish(done, total):
        if done:
            shutil.rmtree(tmp_path / "out", ignore_errors=True)

    with pytest.raises(OutputError, match=r"000\d\d\d\.png: cannot be written: the folder is not there"):
        render("many.csv", progress=vanish)
    assert not (tmp_path / "out").exists()

    def vanish_too(done, total):
        shutil.rmtree(tmp_path / "movies", ignore_errors=True)

    with pytest.raises(OutputError, match="the folder is not there"):
        render("six.csv", out="movies/a.mp4", progress=vanish_too)
    assert "movies" not in names(tmp_path)


# The default generator


def test_zygoma_base_moves_the_face_and_nothing_else(place, tmp_path, reader):
    write_table(place / "rest.csv", [{}, {"AU12": 2.0, "AU25": 1.5}, {}])
    job = ClipJob(place / "photo.png", place / "rest.csv", tmp_path / "out", size=256)
    report = render_clip(job, reader=reader)
    photo = read_photo(place / "photo.png").pixels
    frames = [pixels_of(tmp_path / "out" / f"00000{i}.png").astype(int) for i in (1, 2, 3)]
    assert report.written == 3 and (frames[0] == photo).all() and (frames[2] == photo).all()
    x0, y0, x1, y1 = (round(v) for v in reader.face(read_photo(place / "photo.png")).box)
    moved = np.abs(frames[1] - photo)
    assert moved[y0:y1, x0:x1].mean() > 1 and moved[: y0 // 3].max() == 0
    crop = render_clip(replace(job, output=tmp_path / "crop", crop=True), reader=reader)
    assert crop.written == 3 and pixels_of(tmp_path / "crop" / "000002.png").shape == (256, 256, 3)
