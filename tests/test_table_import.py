"""Importing a table: its values and times become curves as the user chose, and what cannot be is one line.

What is expected is read from the file by a few lines of csv here, never by the product's reader.
"""

from __future__ import annotations

import csv

import bpy
import numpy as np
import pytest
import stage as staging
from conftest import ROOT

import addon
from addon import curves
from addon.core.attributes import COMMON
from addon.core.attributes import POSE as ANGLES
from addon.core.faces.pose import angles, line_of_sight, rotation
from addon.core.tables import GAINS

OPENFACE_UNITS = COMMON[len(ANGLES) :]

SHIPPED = ROOT / "docs" / "tables" / "talking_25fps.csv"
POSE = dict(zip(ANGLES, ("pose_Rx", "pose_Ry", "pose_Rz"), strict=True))


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    made = staging.build(tmp_path)
    bpy.context.view_layer.objects.active = made.rig()
    return made


@pytest.fixture
def said(capfd):
    """What Blender reported since the last call."""
    return lambda: capfd.readouterr().out


def columns(path, face=None):
    """The file's numbers by column, of one face: float64 [R]; the head's turn as a picture shows it, against the line
    of sight where the file says where the head stands."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    if face is not None:
        rows = [row for row in rows if int(row["face_id"]) == face]
    out = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name and name[-2:] != "_c"}
    if "pose_Tz" in out:
        places, turns = (np.stack([out[f"pose_{kind}{axis}"] for axis in "xyz"], 1) for kind in "TR")
        seen = [sight.T @ rotation(turn) for sight, turn in zip(line_of_sight(places), turns, strict=True)]
        out |= dict(zip(POSE.values(), np.array([angles(turn) for turn in seen]).T, strict=True))
    return out


def load(path=SHIPPED, **options):
    ob = bpy.context.object
    assert bpy.ops.zygoma.table_import(filepath=str(path), **options) == {"FINISHED"}
    return ob


def points(ob, key):
    """(frames, values) of the keys."""
    curve = curves.curve(ob, key)
    flat = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", flat)
    return flat[::2].astype(float), flat[1::2].astype(float)


def keyed(ob):
    return {curve.data_path[2:-2] for curve in curves.curves(ob)}


def unit(read, key, gain=None):
    return np.clip(read[f"{key}_r"] / 5 * (GAINS[key] if gain is None else gain), 0, 1)


def set_rate(fps, base=1.0):
    render = bpy.context.scene.render
    render.fps, render.fps_base = fps, base


def write(path, times, success=None, **units):
    """A small OpenFace table; units are points by row."""
    success = np.ones(len(times), int) if success is None else success
    lines = [", ".join(["frame", "timestamp", "confidence", "success", *(f"{name}_r" for name in units)])]
    for i, (time, good) in enumerate(zip(times, success, strict=True)):
        cells = [f"{units[name][i]:.2f}" for name in units]
        lines.append(", ".join([str(i + 1), f"{time:.3f}", "0.98" if good else "0.10", str(int(good)), *cells]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def add_columns(path, **values):
    """The table with further columns, named as OpenFace names them."""
    head, *rows = path.read_text("utf-8").splitlines()
    cells = [", ".join(f"{value:.6f}" for value in row) for row in zip(*values.values(), strict=True)]
    lines = [f"{row}, {more}" for row, more in zip([head, *rows], [", ".join(values), *cells], strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("scene", [(24, 1.0), (25, 1.0), (30, 1.001), (60, 1.0)])
def test_values_and_frames_are_the_files_own(stage, scene):
    set_rate(*scene)
    rate = scene[0] / scene[1]
    ob, read = load(), columns(SHIPPED)
    for key in OPENFACE_UNITS:
        frames, values = points(ob, key)
        assert frames == pytest.approx(1 + (read["timestamp"] - read["timestamp"][0]) * rate, abs=0.001 * rate)
        assert values == pytest.approx(unit(read, key), abs=1e-6)
    for key, column in POSE.items():
        assert points(ob, key)[1] == pytest.approx(read[column] - np.median(read[column]), abs=1e-6)
    assert points(ob, "own_expression") == ([1.0], [0.0]) and points(ob, "own_pose") == ([1.0], [1.0])
    assert max(np.ptp(points(ob, key)[1]) for key in OPENFACE_UNITS) > 0.5, "the table acts"


@pytest.mark.parametrize(
    ("name", "pose"),
    [
        ("of2_full_25fps_icface00116.csv", True),
        ("of2_aus_30fps_clip10.csv", False),
        ("of1_full_idinteraction.csv", True),
        ("pandas_clean_25fps_au01_demo.csv", True),
        ("pandas_clean_30fps_au01_headtest.csv", True),
    ],
)
def test_recordings_of_openface_and_pandas(stage, shared, name, pose):
    path = shared / "openface" / name
    divided = name.startswith("pandas")
    ob = load(path, pose="IN_PLACE", divided="FIFTHS" if divided else "POINTS")
    read = columns(path)
    failed = (read["success"] < 0.5) | (read["confidence"] < 0.7)
    near = np.convolve(failed, np.ones(3), "same") > 0  # beside failed rows the program bridges, too
    assert near.mean() < 0.5
    frames = 1 + (read["timestamp"] - read["timestamp"][0]) * 24
    for key in (*OPENFACE_UNITS, *(ANGLES if pose else ())):
        where, values = points(ob, key)
        nearest = np.abs(where - frames[:, None]).argmin(1)
        assert np.abs(where[nearest] - frames).max() < 0.03, "milliseconds are what the file rounds to"
        expected = read[POSE[key]] if key in POSE else unit(read, key, GAINS[key] * (5 if divided else 1))
        assert values[nearest][~near] == pytest.approx(expected[~near], abs=1e-5), key


def test_a_start_frame_between_two_and_the_scenes_range(stage):
    set_rate(25)
    scene = bpy.context.scene
    ob = load(start_frame=100.5)
    assert points(ob, "AU12")[0] == pytest.approx(100.5 + np.arange(100), abs=1e-3)
    assert (scene.frame_start, scene.frame_end) == (1, 5)
    load(start_frame=100.5, set_range=True)
    assert (scene.frame_start, scene.frame_end) == (100, 200)


def test_each_face_of_a_video_by_its_number(stage, shared, said):
    path = shared / "openface" / "of2_vidmulti_aus_24fps_clip1.csv"
    moved = {}
    for face in (0, 1):
        ob = load(path, face=face, bridge=0.0, start_frame=1)
        read = columns(path, face)
        good = (read["success"] > 0.5) & (read["confidence"] >= 0.7)
        good &= np.convolve(~good, np.ones(3), "same") == 0
        frames = 1 + (read["timestamp"] - read["timestamp"][0]) * 24
        where, values = points(ob, "AU25")
        assert np.interp(frames, where, values)[good] == pytest.approx(unit(read, "AU25")[good], abs=0.02)
        moved[face] = values
        assert f"face {face}" in (words := said()) and f"first at {read['timestamp'][0]:.2f} s" in words
    assert len(moved[0]) != len(moved[1])
    ob = load(path)
    assert ob.animation_data.action[addon.rig.GROUP]["face"] == 0, "the one with most rows"
    with pytest.raises(RuntimeError, match=r"has no face 7: it has 0 .*, 1"):
        load(path, face=7)


def test_columns_that_are_not_wanted_stay_as_they_are(stage, said):
    ob = bpy.context.object
    ob["AU26"], ob["own_expression"] = 0.5, 0.75
    load(columns={"AU12", "AU45"})
    assert keyed(ob) == {"AU12", "AU45", "own_expression"}
    assert ob["AU26"] == 0.5 and "Left out, as asked: pose_pitch" in said()
    ob.animation_data.action = None
    ob["own_expression"] = 0.75
    load(columns={"pose_yaw"}, pose="IN_PLACE")
    assert keyed(ob) == {"pose_yaw", "own_pose"}
    assert points(ob, "own_pose")[1] == [0] and ob["own_expression"] == 0.75
    ob.animation_data.action = None
    ob["own_pose"] = 1.0
    times = np.arange(100) / 25
    level = dict.fromkeys((*POSE.values(), "gaze_angle_y"), 0 * times)
    looks = write(stage.folder / "looks.csv", times, AU12=np.ones(100))
    add_columns(looks, gaze_angle_x=np.sin(times) / 5, **level)
    load(looks, columns={"gaze_yaw"}, pose="IN_PLACE")
    assert keyed(ob) == {"gaze_yaw", "own_pose"}, "the photo's own gaze goes with its pose"
    assert points(ob, "own_pose")[1] == [0] and ob["own_expression"] == 0.75


def test_gains_scale_and_as_it_is(stage):
    read = columns(SHIPPED)
    gains = [GAINS[key] for key in addon.core.attributes.NAMES]
    gains[addon.core.attributes.INDEX["AU12"]] = 1.25
    gains[addon.core.attributes.INDEX["pose_yaw"]] = 0.5
    ob = load(gains=gains, scale=0.5, pose="IN_PLACE")
    assert points(ob, "AU12")[1] == pytest.approx(unit(read, "AU12", 0.625), abs=1e-6)
    assert points(ob, "AU26")[1] == pytest.approx(unit(read, "AU26", GAINS["AU26"] / 2), abs=1e-6)
    assert points(ob, "pose_yaw")[1] == pytest.approx(read["pose_Ry"] / 2, abs=1e-6)
    kept = ob.animation_data.action[addon.rig.GROUP]
    assert kept["gains"]["AU12"] == pytest.approx(0.625) and kept["gains"]["pose_yaw"] == pytest.approx(0.5)
    ob = load(gains=gains, as_is=True, expression="ON_TOP", pose="ON_TOP")
    for key in OPENFACE_UNITS:
        assert points(ob, key)[1] == pytest.approx(unit(read, key, 1), abs=1e-6)
    assert points(ob, "pose_pitch")[1] == pytest.approx(read["pose_Rx"], abs=1e-6)
    kept = ob.animation_data.action[addon.rig.GROUP]
    assert kept["as_is"] and set(kept["gains"].values()) == {1.0}


@pytest.mark.parametrize("expression", ["IN_PLACE", "ON_TOP"])
@pytest.mark.parametrize("pose", ["IN_PLACE", "ON_TOP"])
def test_in_place_of_the_photos_own_or_on_top_of_it(stage, expression, pose):
    times = np.arange(100) / 25
    smile = 1 + np.sin(times) ** 2
    path = write(stage.folder / "smile.csv", times, AU12=smile, AU45=np.r_[np.zeros(50), np.ones(50)])
    add_columns(path, pose_Ry=0.125 + 0.0625 * np.cos(times))
    ob, read = load(path, expression=expression, pose=pose), columns(path)
    weights = {"IN_PLACE": 0.0, "ON_TOP": 1.0}
    assert points(ob, "own_expression")[1] == [weights[expression]] and points(ob, "own_pose")[1] == [weights[pose]]
    rest = {"IN_PLACE": 0.0, "ON_TOP": np.quantile(read["AU12_r"] / 5 * GAINS["AU12"], 0.05)}[expression]
    expected = np.clip(read["AU12_r"] / 5 * GAINS["AU12"] - rest, 0, 1)
    assert points(ob, "AU12")[1] == pytest.approx(expected, abs=1e-5)
    middle = {"IN_PLACE": 0.0, "ON_TOP": np.median(read["pose_Ry"])}[pose]
    assert points(ob, "pose_yaw")[1] == pytest.approx(read["pose_Ry"] - middle, abs=1e-6)
    bpy.context.scene.frame_set(40)
    shown = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert (shown["own_expression"], shown["own_pose"]) == (weights[expression], weights[pose])


def gap(stage, first, last, count=100):
    """A smile that rises evenly while the face is lost from row `first` up to `last`; rows from 0."""
    good = np.ones(count, int)
    good[first:last] = 0
    smile = np.where(good, np.linspace(0, 1, count), 0)
    return write(stage.folder / "gap.csv", np.arange(count) / 25, good, AU12=smile)


def test_a_short_gap_becomes_a_straight_line(stage, said):
    set_rate(25)
    ob = load(gap(stage, 40, 48), bridge=0.5, start_frame=0)
    frames, values = points(ob, "AU12")
    assert frames == pytest.approx(np.arange(100), abs=1e-3)
    assert values == pytest.approx(np.linspace(0, 0.2, 100) * GAINS["AU12"], abs=0.003)
    words = said()
    assert "8 rows failed" in words and "Bridged by straight lines: 1 stretch" in words


@pytest.mark.parametrize("beyond", ["hold", "rest"])
def test_a_longer_gap_is_left_as_the_user_chose(stage, said, beyond):
    set_rate(25)
    ob = load(gap(stage, 30, 80), bridge=0.5, beyond=beyond, start_frame=0)
    curve, before = curves.curve(ob, "AU12"), 29 / 99 / 5 * GAINS["AU12"]
    middle = [curve.evaluate(frame) for frame in range(45, 65)]
    assert middle == pytest.approx([before if beyond == "hold" else 0] * 20, abs=0.003)
    assert curve.evaluate(80) == pytest.approx(80 / 99 / 5 * GAINS["AU12"], abs=0.003)
    assert np.abs(np.diff([curve.evaluate(frame) for frame in range(100)])).max() < 0.05, "it eases in and out"
    assert "Longer than 0.5 s" in said()


def test_a_longer_gap_may_be_refused(stage):
    with pytest.raises(RuntimeError, match=r"gap\.csv: no face for 2\.00 s"):
        load(gap(stage, 30, 80), beyond="fail")
    assert bpy.context.object.animation_data is None


def test_smoothing_is_a_gaussian_without_lag(stage):
    set_rate(25)
    jaw = np.zeros(101)
    jaw[50] = 2.5
    path = write(stage.folder / "jaw.csv", np.arange(101) / 25, AU26=jaw)
    values = points(load(path, smoothing=0.2, gains=[1] * len(addon.core.attributes.NAMES), start_frame=0), "AU26")[1]
    sigma = 0.2 * 25 / 2.3548
    bell = np.exp(-0.5 * ((np.arange(101) - 50) / sigma) ** 2)
    assert values == pytest.approx(0.5 * bell / bell.sum(), abs=2e-4)
    assert values.argmax() == 50 and values == pytest.approx(values[::-1], abs=1e-6)


@pytest.mark.parametrize("tolerance", [0.005, 0.05])
def test_fewer_keys_stay_within_the_tolerance_of_every_row(stage, tolerance):
    full = load()
    rows = {key: points(full, key) for key in keyed(full)}
    ob = load(tolerance=tolerance, existing="REPLACE")
    counts = {}
    for key, (frames, values) in rows.items():
        curve = curves.curve(ob, key)
        counts[key] = len(curve.keyframe_points)
        found = np.array([curve.evaluate(frame) for frame in frames])
        assert np.abs(found - values).max() <= tolerance + 1e-4, key
    assert sum(counts.values()) < 0.5 * sum(len(frames) for frames, _ in rows.values())


@pytest.mark.parametrize("existing", ["MERGE", "REPLACE", "NLA"])
def test_the_action_that_is_there(stage, existing):
    ob = bpy.context.object
    ob.location.x = 3
    ob.keyframe_insert("location", index=0, frame=2)
    staging.key(ob, "AU12", (1, 0.125), (9, 0.5))
    old = ob.animation_data.action
    load(existing=existing)
    new = ob.animation_data.action
    assert new != old and new.name == "talking_25fps" and points(ob, "AU12")[1].size == 100
    assert ("location" in {c.data_path for c in curves.curves(ob)}) == (existing == "MERGE")
    assert len(ob.animation_data.nla_tracks) == (existing == "NLA")
    assert old.use_fake_user or existing == "NLA"
    ob.animation_data.action = old
    assert points(ob, "AU12")[1].tolist() == [0.125, 0.5]


def test_the_action_keeps_what_it_was_made_from(stage):
    set_rate(30, 1.001)
    kept = load(start_frame=5, bridge=0.25, tolerance=0.01, pose="IN_PLACE").animation_data.action[addon.rig.GROUP]
    assert kept["table"] == str(SHIPPED) and (kept["face"], kept["rows"], kept["table_rate"]) == (0, 100, 25)
    assert dict(kept["gains"]) == pytest.approx(GAINS) and kept["scene_rate"] == pytest.approx(29.97, abs=0.001)
    assert (kept["start_frame"], kept["bridge"], kept["pose"], kept["version"]) == (5, 0.25, "IN_PLACE", 1)
    assert kept["tolerance"] == pytest.approx(0.01) and "100 rows" in kept["report"]


@pytest.mark.parametrize("still", ["KEYS", "VALUES"])
def test_one_row_is_a_pose_for_the_current_frame(stage, still):
    path = write(stage.folder / "one.csv", [0], AU12=[1.0], AU45=[4.0])
    ob = bpy.context.object
    ob["AU26"] = 0.25
    bpy.context.scene.frame_set(17)
    load(path, still=still)
    values = {"AU12": 0.2 * GAINS["AU12"], "AU45": 1.0, "own_expression": 0.0, "AU26": 0.25, "own_pose": 1.0}
    assert {key: ob[key] for key in values} == pytest.approx(values)
    if still == "VALUES":
        assert ob.animation_data is None
        return
    assert keyed(ob) == {"AU12", "AU45", "own_expression"}
    assert points(ob, "AU12") == ([17], [pytest.approx(0.2 * GAINS["AU12"])])
    bpy.context.scene.frame_set(20)
    load(write(stage.folder / "two.csv", [0], AU12=[0.0]))
    assert points(ob, "AU12")[0].tolist() == [17, 20], "pose by pose on one action"


def test_a_picture_of_openface_is_a_pose(stage, shared):
    path = shared / "openface" / "of2_img_aus_moodgan_face.csv"
    ob, read = load(path), columns(path)
    for key in OPENFACE_UNITS:
        assert ob[key] == pytest.approx(unit(read, key)[0], abs=1e-6)


def test_a_table_without_a_clock_asks_for_a_rate(stage):
    set_rate(25)
    path = stage.folder / "no_clock.csv"
    path.write_text("AU12_r,AU26_r,AU12_c\n" + "".join(f"{i / 100},{0.5},1.0\n" for i in range(1, 101)))
    with pytest.raises(RuntimeError, match=r"no_clock\.csv has no usable clock.*no timestamp column"):
        load(path)
    assert bpy.context.object.animation_data is None
    frames, values = points(load(path, rate=50, start_frame=10, gains=[1] * len(addon.core.attributes.NAMES)), "AU12")
    assert frames == pytest.approx(10 + np.arange(100) / 2) and values == pytest.approx(np.arange(1, 101) / 500)


def test_a_counter_called_timestamp_asks_for_a_rate(stage):
    path = write(stage.folder / "counter.csv", np.arange(50) / 1000, AU12=np.linspace(0, 5, 50))
    with pytest.raises(RuntimeError, match=r"step by 0\.001 s.*1,000 rows a second"):
        load(path)


def test_ten_thousand_rows_are_one_step_of_undo(stage):
    times = np.arange(10_000) / 30
    acted = {f"AU{number}": 2 + 2 * np.sin(times * (3 + i)) for i, number in enumerate(("01", "12", "26", "45"))}
    path = write(stage.folder / "long.csv", times, **acted)
    set_rate(60)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.zygoma.table_import("EXEC_DEFAULT", True, filepath=str(path), start_frame=1) == {"FINISHED"}
    ob, read = bpy.context.object, columns(path)
    frames, values = points(ob, "AU26")
    assert frames == pytest.approx(1 + np.arange(10_000) * 2, abs=0.01)
    assert values == pytest.approx(unit(read, "AU26"), abs=1e-6)
    bpy.ops.ed.undo()
    ob = bpy.data.objects["Face"]
    assert ob.animation_data is None or ob.animation_data.action is None
    assert not bpy.data.actions and ob["own_expression"] == 1
    bpy.ops.ed.redo()
    assert len(points(bpy.data.objects["Face"], "AU26")[0]) == 10_000


def test_drivers_and_strips_are_left_alone_and_a_driven_slider_is_told(stage, said):
    ob = bpy.context.object
    ob.driver_add('["AU04"]').driver.expression = "frame / 16"
    staging.key(ob, "AU15", (1, 0.25), (9, 0.25))
    below = ob.animation_data.action
    ob.animation_data.action = None
    ob.animation_data.nla_tracks.new().strips.new("below", 1, below)
    load(columns={"AU04", "AU12"})
    assert "Driven, so their keys have no effect: AU04" in said()
    assert [driver.data_path for driver in ob.animation_data.drivers] == ['["AU04"]']
    assert [strip.action for track in ob.animation_data.nla_tracks for strip in track.strips] == [below]
    bpy.context.scene.frame_set(8)
    shown = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert (shown["AU04"], shown["AU15"]) == pytest.approx((0.5, 0.25))


def test_tweak_mode_is_refused_with_its_reason(stage):
    ob = load()
    curves.write(ob, {"AU12": (np.array([1.0]), np.array([0.5]))}, "Top", "NLA")
    track = ob.animation_data.nla_tracks[0]
    ob.animation_data.nla_tracks.active = track
    track.strips[0].select = True
    ob.animation_data.use_tweak_mode = True
    with pytest.raises(RuntimeError, match="tweak mode"):
        load()


def test_a_linked_rig_is_refused_with_its_reason(stage):
    library = str(stage.folder / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    staging.build(stage.folder)
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.objects = ["Face"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    bpy.context.view_layer.objects.active = wanted.objects[0]
    with pytest.raises(RuntimeError, match=r"Face is linked from library\.blend: make a library override"):
        load()


def test_suspected_fifths_are_said_and_decided_by_the_user(stage, said):
    path = stage.folder / "calm.csv"
    rows = "".join(f"{i},{i / 25},{0.002 * (i % 50) + 0.002:.3f}\n" for i in range(100))
    path.write_text("frame,timestamp,AU12_r\n" + rows)
    points_first = points(load(path), "AU12")[1]
    assert "divided by 5 already: choose 0 to 1" in said()
    assert points(load(path, divided="FIFTHS"), "AU12")[1] == pytest.approx(points_first * 5, abs=1e-6)
    assert "choose 0 to 1" not in said()


def cut_bytes(folder):
    (folder / "t.csv").write_bytes(bytes(range(256)) * 50)


BAD = {
    "missing": (lambda _: None, "t.csv"),
    "empty": (lambda f: (f / "t.csv").write_text(""), "t.csv.*empty"),
    "binary": (cut_bytes, "t.csv"),
    "header only": (lambda f: (f / "t.csv").write_text("frame,timestamp,AU12_r\n"), "t.csv.*row"),
    "presences only": (lambda f: (f / "t.csv").write_text("frame,timestamp,AU12_c\n1,0.0,1\n2,0.04,1\n"), "presence"),
    "something else": (lambda f: (f / "t.csv").write_text("name,age\nAda,36\n"), "t.csv"),
    "every row failed": (lambda f: write(f / "t.csv", [0, 0.04], [0, 0], AU12=[0, 0]), "no row that can be trusted"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_one_line_and_changes_nothing(stage, case):
    make, words = BAD[case]
    make(stage.folder)
    ob = bpy.context.object
    staging.key(ob, "AU12", (1, 0.125), (9, 0.5))
    before = ob.animation_data.action
    with pytest.raises(RuntimeError, match=f"(?s)^Error: .*{words}") as problem:
        load(stage.folder / "t.csv")
    assert len(str(problem.value).strip().splitlines()) == 1 and "Traceback" not in str(problem.value)
    assert ob.animation_data.action == before and list(bpy.data.actions) == [before]
    assert points(ob, "AU12")[1].tolist() == [0.125, 0.5] and ob["own_expression"] == 1


@pytest.mark.parametrize("name", ["livelink_face_jmtech.csv", "of22_pose_only_trailing_space.csv"])
def test_other_programs_tables_are_named(stage, shared, name):
    with pytest.raises(RuntimeError, match=f"^Error: {name} ") as problem:
        load(shared / "openface" / name)
    assert len(str(problem.value).strip().splitlines()) == 1
