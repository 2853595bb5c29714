"""Synthetic people: the same bytes from the same seed, labels that say what the picture shows, files that survive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile

import cv2
import numpy as np
import pytest
from conftest import ROOT

from addon.core.attributes import COMMON, INDEX, NAMES, UNITS, vector
from addon.core.faces.topology import IRIS_LEFT, IRIS_RIGHT, eye_distance, eye_middles
from models.people import plan
from models.people.head import HeadError, load_head
from models.people.labels import Seen, Segment, read_depth, read_flow
from models.people.plan import Kind
from models.people.rasteriser import RenderError
from models.people.render import Dataset, Studio, render
from models.people.shard import DatasetError, check_shard, decode, read_images, read_labels, shard_files

SIZE = 192


@pytest.fixture(scope="session")
def head():
    try:
        return load_head()
    except HeadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def studio(head):
    try:
        return Studio(Dataset(seed=5, people=4, views=6, size=SIZE, dense=True), None)
    except RenderError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shots(studio):
    """Two people: files by name, labels."""
    return [studio.shoot(number) for number in (0, 1)]


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# What is shown


def test_first_views_are_neutral_and_reference_and_units_are_dealt_evenly():
    views, people = 30, 40
    vectors = np.array([plan.plan(3, number, views) for number in range(people)])
    kinds = np.array(plan.kinds(views))
    assert list(kinds[:2]) == [Kind.NEUTRAL, Kind.REFERENCE] and set(kinds) == set(Kind)
    assert not vectors[:, 0].any()
    singles = vectors[:, kinds == Kind.SINGLE] != vectors[:, 1:2]
    assert (singles.sum(-1) == 1).all(), "a SINGLE view differs from the reference in one unit alone"
    dealt = singles.sum((0, 1))[[INDEX[unit] for unit in UNITS]]
    assert dealt.min() >= dealt.max() - 1 > 0
    assert not singles[..., [INDEX[n] for n in NAMES if n not in UNITS]].any()


def test_shared_vectors_are_everybodys_and_all_else_is_ones_own():
    kinds = np.array(plan.kinds(20))
    a, b = (plan.plan(3, number, 20) for number in (0, 1))
    shared = kinds == Kind.SHARED
    assert shared.sum() >= 2 and (a[shared] == b[shared]).all()
    assert (np.abs(a[~shared][1:] - b[~shared][1:]).max(1) > 0).all()
    assert (a[shared] != plan.plan(4, 0, 20)[shared]).any(), "another seed shares other vectors"


def test_vectors_stay_in_range_and_every_attribute_is_used():
    vectors = np.concatenate([plan.plan(1, number, 20) for number in range(60)])
    units = vectors[:, [INDEX[unit] for unit in UNITS]]
    assert units.min() >= 0 and units.max() <= 1
    assert (np.abs(vectors) > 0.1).mean(0).min() > 0.02


@pytest.mark.parametrize(
    ("values", "point", "axis", "direction"),
    [
        ({"AU01": 1}, 107, 1, -1),
        ({"AU02": 1}, 105, 1, -1),
        ({"AU04": 1}, 107, 1, 1),
        ({"AU05": 1}, 159, 1, -1),
        ({"AU06": 1}, 50, 1, -1),
        ({"AU07": 1}, 145, 1, -1),
        ({"AU09": 1}, 98, 1, -1),
        ({"AU10": 1}, 37, 1, -1),
        ({"AU12": 1}, 61, 1, -1),
        ({"AU14": 1}, 61, 0, -1),
        ({"AU15": 1}, 61, 1, 1),
        ({"AU16": 1}, 17, 1, 1),
        ({"AU17": 1}, 17, 1, -1),
        ({"AU18": 1}, 61, 0, 1),
        ({"AU20": 1}, 61, 0, -1),
        ({"AU22": 1}, 61, 0, 1),
        ({"AU23": 1}, 0, 1, 1),
        ({"AU25": 1}, 14, 1, 1),
        ({"AU26": 1}, 152, 1, 1),
        ({"AU45": 1}, 159, 1, 1),
        ({"gaze_pitch": 0.3}, IRIS_RIGHT, 1, 1),
        ({"gaze_yaw": 0.3}, IRIS_LEFT, 0, -1),
        ({"pose_pitch": 0.3}, 4, 1, 1),
        ({"pose_yaw": 0.3}, 4, 0, -1),
        ({"pose_roll": 0.3}, 10, 0, 1),
    ],
)
def test_each_attribute_moves_its_own_point_the_right_way(studio, values, point, axis, direction):
    for number in (0, 2):
        sitting = studio.seat(number, vector())
        rest, moved = (
            sitting.camera.landmarks(sitting.person.body.show(vector(shown)).landmarks) for shown in ({}, values)
        )
        travel = (moved - rest)[point, axis] * direction / eye_distance(rest)
        assert travel > 0.012, f"{values} moves point {point} by {travel:.3f} eye distances"


def test_turned_heads_read_as_they_are_labelled(studio):
    """HeadPose, which reads photographs, agrees with the labels on how far a head has turned."""
    from addon.core.faces.reader import FaceReader

    read = FaceReader(threads=1).head_pose
    sitting = studio.seat(1, vector())
    asked = np.array([0.15, -0.35, 0.2])
    shown = vector(dict(zip(NAMES[:3], asked, strict=True)))
    rest, turned = (read(sitting.camera.landmarks(sitting.person.body.show(v).landmarks)) for v in (vector(), shown))
    assert np.abs(rest).max() < 0.12
    assert np.abs(turned - rest - asked).max() < 0.05


def test_a_turned_head_stays_in_the_crop(studio):
    sitting = studio.seat(0, vector())
    shown = sitting.person.body.show(vector({"pose_yaw": 0.8, "pose_pitch": -0.3, "pose_roll": 0.3}))
    points = sitting.camera.landmarks(shown.landmarks)[:, :2]
    assert points.min() > 0.05 * SIZE and points.max() < 0.95 * SIZE


# What the labels say


def test_the_reference_views_eyes_are_level_and_in_the_same_place(shots):
    for _, labels in shots:
        right, left = eye_middles(labels["landmarks"][Kind.REFERENCE])
        across = (left - right)[:2]
        assert abs(np.arctan2(across[1], across[0])) < 0.01
        assert np.abs((left + right)[:2] / 2 / SIZE - [0.5, 0.44]).max() < 0.06


def test_irises_are_dark_where_their_landmarks_are(studio):
    """Eyes are darker at the pupil than beside the iris: the landmark lies where the picture has it."""
    for number in (0, 1, 2):
        gaze = vector({"gaze_yaw": 0.15, "AU05": 0.6})
        sitting = studio.seat(number, gaze)
        person = sitting.person
        drawn, _ = studio.draw(sitting, person.body.show(gaze), gaze)
        points = sitting.camera.landmarks(person.body.show(gaze).landmarks)
        grey = drawn.mean(-1).astype(np.float32)
        for iris in (IRIS_RIGHT, IRIS_LEFT):
            centre, edge = points[iris, :2], points[iris + 1, :2]
            beyond = centre + 1.35 * (edge - centre)
            middle, white = (cv2.getRectSubPix(grey, (1, 1), tuple(map(float, p)))[0, 0] for p in (centre, beyond))
            assert middle < 0.75 * white, f"person {number}: {middle:.2f} in the iris, {white:.2f} beside it"


def test_flow_leads_the_references_landmarks_to_the_views(shots):
    for images, labels in shots:
        person, reference = labels["person"][0], labels["landmarks"][Kind.REFERENCE]
        for view in range(2, 6):
            flow, seen = read_flow(images[f"{person:06d}_{view:02d}.flow.png"])
            at = np.round(reference[:468, :2]).astype(int)
            shown = seen[at[:, 1], at[:, 0]] == Seen.SHOWN
            assert shown.sum() > 150
            moved = reference[:468, :2] + flow[at[:, 1], at[:, 0]]
            away = np.linalg.norm(moved - labels["landmarks"][view][:468, :2], axis=1)[shown]
            assert np.median(away) < 0.5 and np.quantile(away, 0.8) < 2.0


def test_segments_and_depth_fit_the_landmarks(shots):
    for images, labels in shots:
        name = f"{labels['person'][0]:06d}_00"
        segments = cv2.imdecode(np.frombuffer(images[f"{name}.parts.png"], np.uint8), cv2.IMREAD_UNCHANGED)
        matte = cv2.imdecode(np.frombuffer(images[f"{name}.matte.png"], np.uint8), cv2.IMREAD_UNCHANGED)
        depth = read_depth(images[f"{name}.depth.png"])
        at = np.round(labels["landmarks"][0][:, :2]).astype(int)
        here = segments[at[:, 1], at[:, 0]]
        assert (here[:468] == Segment.BACKGROUND).mean() < 0.03, "the outline's points may lie half a pixel outside"
        assert here[[12, 15, 468]].tolist() == [Segment.LIPS, Segment.LIPS, Segment.IRIS]
        assert (matte[segments > 0] > 200).mean() > 0.9 and (matte[segments == 0] < 60).mean() > 0.9
        nose, cheek = depth[at[4, 1], at[4, 0]], depth[at[234, 1], at[234, 0]]
        assert 0.03 < cheek - nose < 0.16, "metres from the nose's tip back to beside the ear"


def test_the_projects_own_reader_finds_the_landmarks_where_they_are_said_to_be(shots):
    from addon.core.faces.picture import Picture
    from addon.core.faces.reader import FaceReader

    reader = FaceReader(threads=1)
    away = []
    for images, labels in shots:
        for view in (0, 1):
            picture = decode(images[f"{labels['person'][0]:06d}_{view:02d}.webp"])
            trusted, _ = reader._search(Picture(picture))
            assert trusted, "the reader finds the face"
            true = labels["landmarks"][view]
            away.append(np.linalg.norm((trusted[0].points - true)[:, :2], axis=1) / eye_distance(true))
    assert np.median(away) < 0.045


# Files


def small(**changes) -> Dataset:
    return Dataset(**{"seed": 2, "people": 3, "views": 2, "size": 64, "people_a_shard": 1} | changes)


def test_any_number_of_workers_gives_the_same_bytes(studio, tmp_path):
    for workers in (1, 2):
        render(small(), tmp_path / str(workers), workers, resume=False)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    labels = read_labels(tmp_path / "1")
    assert labels["person"].tolist() == [0, 0, 1, 1, 2, 2] and labels["attributes"].shape == (6, len(NAMES))
    images = read_images(tmp_path / "1", labels, [4, 1])
    assert images.shape == (2, 64, 64, 3) and images.std() > 20
    assert (read_images(tmp_path / "1", labels)[[4, 1]] == images).all()


def test_damaged_and_missing_shards_are_named_and_rendered_again(studio, tmp_path, capsys):
    render(small(), tmp_path, 1, resume=False)
    whole = files(tmp_path)
    shard_files(tmp_path, 0)[1].unlink()
    pictures = shard_files(tmp_path, 1)[0]
    content = bytearray(pictures.read_bytes())
    content[400] ^= 255
    pictures.write_bytes(content)
    with pytest.raises(DatasetError, match="shard_00001"):
        check_shard(tmp_path, 1, 2)
    with pytest.raises(DatasetError, match="--resume"):
        render(small(), tmp_path, 1, resume=False)
    capsys.readouterr()
    render(small(), tmp_path, 1, resume=True)
    said = "".join(capsys.readouterr())
    assert "shard_00001" in said and "shard_00002" not in said
    assert files(tmp_path) == whole


def test_a_killed_render_goes_on_where_it_stopped(studio, tmp_path):
    render(small(), tmp_path / "whole", 1, resume=False)
    folder = tmp_path / "killed"
    code = (
        "from pathlib import Path; from models.people.render import *;"
        f"render(Dataset(seed=2, people=3, views=2, size=64, people_a_shard=1), Path({str(folder)!r}), 1, False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not shard_files(folder, 0)[1].exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert shard_files(folder, 0)[1].exists()
    render(small(), folder, 1, resume=True)
    kept = {name: content for name, content in files(folder).items() if not name.endswith(".part")}
    assert kept == files(tmp_path / "whole")


def test_another_dataset_in_the_folder_is_refused(studio, tmp_path):
    render(small(people=1, views=1), tmp_path, 1, resume=False)
    with pytest.raises(DatasetError, match="another dataset"):
        render(small(people=1, views=2), tmp_path, 1, resume=True)
    render(small(people=2, views=1), tmp_path, 1, resume=True)
    assert len(read_labels(tmp_path)["person"]) == 2


def test_damaged_pictures_are_told_apart_from_whole_ones(studio, tmp_path):
    render(small(people=1), tmp_path, 1, resume=False)
    check_shard(tmp_path, 0, 2)
    with zipfile.ZipFile(shard_files(tmp_path, 0)[0], "w") as archive:
        archive.writestr("000000_00.webp", b"")
    with pytest.raises(DatasetError, match="000000_01"):
        check_shard(tmp_path, 0, 2)


# The command line


def run(*args: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "models.people", *args],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_egl_the_message_names_the_packages(head, tmp_path):
    arguments = ("render", "--people", "1", "--views", "1", "--size", "64", "--workers", "1")
    done = run(*arguments, "--out", str(tmp_path / "a"), __EGL_VENDOR_LIBRARY_DIRS=str(tmp_path))
    assert done.returncode == 1 and "libegl1" in done.stderr and "Traceback" not in done.stderr


def test_wrong_sizes_and_heads_are_told_in_one_line(tmp_path):
    out = ("--people", "1", "--views", "1", "--out", str(tmp_path / "a"), "--workers", "1")
    done = run("render", *out, "--size", "4")
    assert done.returncode == 1 and "--size 4" in done.stderr and len(done.stderr.splitlines()) == 1
    done = run("render", *out, "--size", "64", "--head", str(tmp_path / "none.npz"))
    assert done.returncode == 1 and "none.npz" in done.stderr and "Traceback" not in done.stderr


def test_rendering_loads_neither_torch_nor_anny():
    code = "import sys, models.people.render, models.people.sheet; print({'torch', 'anny', 'bpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_the_papers_twenty_come_first():
    assert NAMES[: len(COMMON)] == COMMON
