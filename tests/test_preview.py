"""The viewport's face: what is asked for arrives, what is older does not, and what failed comes back."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest
import stage as staging

import addon
from addon import clip_render, material, preview, rig


@pytest.fixture(autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    return staging.build(tmp_path)


def depsgraph():
    return bpy.context.evaluated_depsgraph_get()


def shown(ob):
    return material.read_pixels(rig.picture(ob))


def wait(until, seconds=20.0):
    """Lets the preview's timer run, which no background Blender does, until something holds."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never happened"
        preview._pulse()
        time.sleep(0.01)


def idle():
    """Whether the worker has nothing left to do or to hand over."""
    return not preview._wishes and not preview._answers


@pytest.mark.parametrize("rounds", [1, 2], ids=["enabled", "enabled again"])
def test_a_slider_is_followed(stage, rounds):
    for _ in range(rounds - 1):
        addon.unregister()
        addon.register()
    ob = stage.rig()
    ob["AU12"] = 0.5
    ob.update_tag()
    preview.request(depsgraph())
    wanted = stage.still(ob, AU12=0.5)
    assert not np.array_equal(shown(ob), wanted)
    wait(lambda: np.array_equal(shown(ob), wanted))


def test_a_frame_that_waits_for_its_face_shows_it_at_once(stage):
    ob, other = stage.rig(), stage.rig("Other")
    staging.talk(ob)
    for frame in (2, 7, 3):
        stage.scene.frame_set(frame)
        preview.show_now(depsgraph())
        assert np.array_equal(shown(ob), stage.curves(ob, frame))
    assert np.array_equal(shown(other), stage.still(other))


def test_what_the_worker_still_has_does_not_replace_a_face_shown_at_once(stage):
    ob = stage.rig()
    staging.talk(ob)
    stage.scene.frame_set(2)
    preview.request(depsgraph())
    while preview._wishes:
        time.sleep(0.001)  # until the worker has taken it
    stage.scene.frame_set(5)
    preview.show_now(depsgraph())
    while not preview._answers:
        time.sleep(0.001)
    wait(idle)
    assert np.array_equal(shown(ob), stage.curves(ob, 5))
    stage.scene.frame_set(6)
    preview.request(depsgraph())
    wait(lambda: np.array_equal(shown(ob), stage.curves(ob, 6)))


def test_a_frame_without_a_face_shows_why(stage):
    ob = stage.rig()
    staging.talk(ob)
    stage.photo.unlink()
    stage.scene.frame_set(3)
    preview.show_now(depsgraph())
    assert "Find Photo" in preview.problem(ob)
    card = shown(ob)
    assert (card[0, 0] == (120, 0, 30)).all()


def test_a_photo_put_back_is_noticed(stage):
    ob = stage.rig()
    ob["AU12"] = 0.5
    ob.update_tag()
    hidden = stage.photo.rename(stage.folder / "hidden.png")
    preview.request(depsgraph())
    wait(lambda: preview.problem(ob))
    assert np.array_equal(shown(ob), staging.read_photo(hidden).pixels)
    hidden.rename(stage.photo)
    preview._pulse()
    preview.request(depsgraph())  # what the timer asks for where there is a window
    wait(lambda: not preview.problem(ob))
    assert np.array_equal(shown(ob), stage.still(ob, AU12=0.5))


def test_sampling_a_range_generates_no_faces_for_the_viewport(stage):
    ob = stage.rig()
    staging.talk(ob)
    stage.scene.frame_set(1)
    seen = []

    def look(_scene, depsgraph):
        preview.show_now(depsgraph)  # what a frame change does where there is a window
        seen.append(shown(ob))

    before = shown(ob)
    bpy.app.handlers.frame_change_post.append(look)
    try:
        clip_render.prepare(bpy.context, {ob: stage.folder / "out"}, range(2, 6))
    finally:
        bpy.app.handlers.frame_change_post.remove(look)
    assert len(seen) == 5 and all(np.array_equal(one, before) for one in seen)
    preview.show_now(depsgraph())
    assert np.array_equal(shown(ob), stage.curves(ob, 1))


def test_a_script_in_background_that_goes_through_frames_generates_nothing(stage):
    ob = stage.rig()
    staging.talk(ob)
    before = shown(ob)
    for frame in range(1, 9):
        stage.scene.frame_set(frame)
    assert idle() and np.array_equal(shown(ob), before)


def test_viewports_are_told_of_a_new_face(stage):
    ob = stage.rig()
    bpy.context.view_layer.update()
    told = []

    def look(_scene, depsgraph):
        told.extend(update.id.original for update in depsgraph.updates)

    bpy.app.handlers.depsgraph_update_post.append(look)
    try:
        for change in (lambda: rig.show(ob, np.full_like(shown(ob), 9)), lambda: rig.show_photo(ob)):
            told.clear()
            change()
            bpy.context.view_layer.update()
            assert rig.picture(ob) in told
    finally:
        bpy.app.handlers.depsgraph_update_post.remove(look)
