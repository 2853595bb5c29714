"""Importing a movie: its table is the command line's, its curves are the table's, what fails changes nothing."""

from __future__ import annotations

import shutil

import bpy
import numpy as np
import pytest
import stage as staging
from movies import FPS, acted, vectors, write
from test_table_import import keyed, points

import addon
from addon.core.attributes import NAMES
from addon.core.movies import TrackJob, track_movie
from addon.core.tables import read_table

COUNT = 55


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write(tmp_path_factory.mktemp("film") / "talk.mp4", acted("raphael", vectors(60))[:COUNT])


@pytest.fixture
def stage(tmp_path):
    made = staging.build(tmp_path)
    bpy.context.view_layer.objects.active = made.rig()
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 25, 1.0
    return made


def load(path, **options):
    assert bpy.ops.zygoma.movie_import(filepath=str(path), **options) == {"FINISHED"}
    return bpy.context.object


def test_curves_are_those_of_the_table_that_is_kept(stage, film):
    table = stage.folder / "kept.csv"
    ob = load(film, table=str(table), start_frame=10)
    track_movie(TrackJob(film, stage.folder / "again.csv"))
    assert table.read_bytes() == (stage.folder / "again.csv").read_bytes()
    read = np.genfromtxt(table, delimiter=",", names=True, encoding="utf-8", dtype=None, autostrip=True)
    for unit in ("AU01", "AU12", "AU18", "AU45"):
        frames, values = points(ob, unit)
        assert frames == pytest.approx(10 + np.arange(COUNT), abs=0.01)
        assert values == pytest.approx(read[f"{unit}_r"] / 5, abs=1e-4)
    yaw = points(ob, "pose_yaw")[1]
    seen = read_table(table).pose[:, 1]  # against the line of sight, not in the camera's frame
    assert yaw == pytest.approx(seen - np.median(seen), abs=1e-4)
    assert keyed(ob) >= {*NAMES, "own_expression", "own_pose"}
    kept = ob.animation_data.action[addon.rig.GROUP]
    assert (kept["movie"], kept["table"], kept["rows"]) == (str(film), str(table), COUNT)
    assert set(dict(kept["gains"]).values()) == {1.0} and "gains of 1" in kept["report"]
    assert ob.animation_data.action.name == "kept"


def test_without_a_place_no_table_stays(stage, film, capfd):
    before = set(stage.folder.iterdir())
    ob = load(film, begin=0.2, end=0.6, columns={"AU12", "AU45"}, existing="NLA", scale=0.5, set_range=True)
    assert set(stage.folder.iterdir()) == before
    action = ob.animation_data.action
    assert action.name == "talk" and action[addon.rig.GROUP]["table"] == ""
    assert keyed(ob) == {"AU12", "AU45", "own_expression"}
    assert len(points(ob, "AU12")[0]) == round(0.4 * FPS) + 1
    assert "11 frames read, 1 face" in capfd.readouterr().out


def test_one_picture_is_a_pose(stage, film):
    ob = bpy.context.object
    bpy.context.scene.frame_set(7)
    load(stage.photo)
    assert points(ob, "AU12")[0].tolist() == [7]


def test_what_fails_is_one_line_and_changes_nothing(stage, film):
    ob = bpy.context.object
    staging.key(ob, "AU12", (1, 0.125), (9, 0.5))
    before = ob.animation_data.action
    (stage.folder / "there.csv").write_text("mine")
    (stage.folder / "text.mp4").write_text("no movie")
    for path, options, words in (
        (stage.folder / "none.mp4", {}, "there is no such file"),
        (stage.folder / "text.mp4", {}, "no movie that can be read"),
        (film, {"table": str(stage.folder / "there.csv")}, "is there already"),
        (film, {"face": 3, "end": 0.3}, "has no face 3|without a number|no face 3"),
    ):
        with pytest.raises(RuntimeError, match=words) as problem:
            load(path, **options)
        assert len(str(problem.value).strip().splitlines()) == 1 and "Traceback" not in str(problem.value)
    assert ob.animation_data.action == before and list(bpy.data.actions) == [before]
    assert (stage.folder / "there.csv").read_text() == "mine"


def test_a_cancelled_import_keeps_what_was_read_and_goes_on(stage, film):
    """The work as Esc leaves it, then the same import once more."""
    from addon.movie_track import MovieWork

    table = stage.folder / "kept.csv"
    movie = shutil.copy(film, stage.folder / "film.mp4")
    work = MovieWork(TrackJob(movie, table), kept=True)
    work.run(lambda done, _total: work.cancelled.set() if done >= 20 else None)
    assert work.cancelled.is_set() and "goes on from there" in work.summary() and (work.done, work.total) == (20, COUNT)
    assert len(table.read_text().splitlines()) == 21
    ob = load(movie, table=str(table))
    assert len(points(ob, "AU12")[0]) == COUNT and sorted(p.name for p in stage.folder.glob("kept*")) == ["kept.csv"]


def test_one_step_of_undo(stage, film):
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.zygoma.movie_import("EXEC_DEFAULT", True, filepath=str(film), end=0.3) == {"FINISHED"}
    assert bpy.context.object.animation_data.action
    bpy.ops.ed.undo()
    ob = bpy.data.objects["Face"]
    assert ob.animation_data is None or ob.animation_data.action is None
