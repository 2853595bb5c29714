"""Keys on a rig's action: what was there stays, wherever a version of Blender keeps its curves."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
import stage as staging

import addon
from addon import curves, rig
from addon.core.errors import ZygomaError


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    return staging.build(tmp_path)


def keys(**curves):
    """Each property's (frame, value) points as what `write` takes."""
    return {
        key: tuple(np.array(column, float) for column in zip(*points, strict=True)) for key, points in curves.items()
    }


def at(ob, frame, key):
    """The property as the whole animation system evaluates it."""
    whole = int(np.floor(frame))
    bpy.context.scene.frame_set(whole, subframe=frame - whole)
    return ob.evaluated_get(bpy.context.evaluated_depsgraph_get())[key]


def points(ob, key):
    return [tuple(point.co) for point in curves.curve(ob, key).keyframe_points]


def keyed(ob):
    return {curve.data_path[2:-2] for curve in curves.curves(ob)}


def test_keys_lie_between_frames_and_join_in_straight_lines(stage):
    ob = stage.rig()
    action = curves.write(ob, keys(AU12=[(1.25, 0.0), (3.75, 0.5), (7.5, 0.25)], pose_yaw=[(2, -0.5)]), "Talk")
    assert action.name == "Talk" and ob.animation_data.action == action and action.users == 1
    assert points(ob, "AU12") == [(1.25, 0.0), (3.75, 0.5), (7.5, 0.25)]
    assert at(ob, 2.5, "AU12") == pytest.approx(0.25) and at(ob, 5.625, "AU12") == pytest.approx(0.375)
    assert at(ob, 0, "AU12") == 0 and at(ob, 90, "AU12") == 0.25 and at(ob, 5, "pose_yaw") == -0.5
    assert {curve.group.name for curve in curves.curves(ob)} == {"Zygoma"}


def test_curves_are_clamped_to_the_limits_of_their_properties(stage):
    ob = stage.rig()
    curves.write(ob, keys(AU12=[(1, -3), (5, 3)], own_pose=[(1, -1), (5, 2)], pose_roll=[(1, 9)]), "Wild")
    assert (at(ob, 1, "AU12"), at(ob, 5, "AU12")) == (-1, 1)
    assert (at(ob, 1, "own_pose"), at(ob, 5, "own_pose")) == (0, 1)
    assert at(ob, 1, "pose_roll") == pytest.approx(np.pi / 2)


def test_merging_replaces_what_is_named_and_keeps_the_rest(stage):
    ob = stage.rig()
    ob.location.x = 2
    ob.keyframe_insert("location", index=0, frame=3)
    staging.key(ob, "AU12", (1, 0.0), (9, 0.5))
    staging.key(ob, "AU26", (1, 0.25), (9, 0.75))
    curves.curve(ob, "AU26").modifiers.new("NOISE")
    old = ob.animation_data.action
    new = curves.write(ob, keys(AU12=[(1, 1.0)], AU45=[(2, 0.5)]), "New", "MERGE")
    assert new != old and old.use_fake_user and not new.use_fake_user
    paths = {curve.data_path for curve in curves.curves(ob)}
    assert paths == {"location", '["AU12"]', '["AU26"]', '["AU45"]'}
    assert points(ob, "AU12") == [(1, 1.0)]
    assert [modifier.type for modifier in curves.curve(ob, "AU26").modifiers] == ["NOISE"]
    ob.animation_data.action = old
    assert points(ob, "AU12") == [(1, 0.0), (9, 0.5)] and len(curves.curves(ob)) == 3


def test_replacing_starts_empty_and_loses_nothing_over_save_and_reopen(stage):
    ob = stage.rig()
    staging.key(ob, "AU26", (1, 0.25), (9, 0.75))
    ob.animation_data.action.name = "Old"
    curves.write(ob, keys(AU12=[(1, 1.0)]), "New", "REPLACE")
    assert keyed(ob) == {"AU12"}
    bpy.ops.wm.save_as_mainfile(filepath=str(stage.folder / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(stage.folder / "scene.blend"))
    ob = bpy.data.objects["Face"]
    assert keyed(ob) == {"AU12"}
    ob.animation_data.action = bpy.data.actions["Old"]
    assert points(ob, "AU26") == [(1, 0.25), (9, 0.75)]


def test_pushed_down_an_action_plays_on_below_at_its_own_frames(stage):
    ob = stage.rig()
    curves.write(ob, keys(AU12=[(1.5, 0.0), (4.25, 0.5)], AU26=[(2, 0.5)]), "One")
    before = [at(ob, frame, "AU12") for frame in (1, 2, 3, 4, 6)]
    curves.write(ob, keys(AU01=[(1.5, 0.25)], AU26=[(2, 1.0)]), "Two", "NLA")
    (track,) = ob.animation_data.nla_tracks
    (strip,) = track.strips
    assert strip.action.name == "One" and (strip.frame_start, strip.frame_end) == (1.5, 4.25)
    assert [at(ob, frame, "AU12") for frame in (1, 2, 3, 4, 6)] == pytest.approx(before, abs=1e-6)
    assert before[1] == pytest.approx(0.5 / 2.75 * 0.5)
    assert at(ob, 3, "AU01") == 0.25 and at(ob, 3, "AU26") == 1, "the new action is on top"
    curves.write(ob, keys(AU45=[(1, 0.25)]), "Three", "NLA")
    assert [[strip.action.name for strip in track.strips] for track in ob.animation_data.nla_tracks] == [
        ["One"],
        ["Two"],
    ]
    assert (at(ob, 3, "AU12"), at(ob, 3, "AU01"), at(ob, 3, "AU45")) == pytest.approx((before[2], 0.25, 0.25))


def test_a_weight_keyed_in_a_strip_blends_from_one(stage):
    ob = stage.rig()
    curves.write(ob, keys(own_pose=[(1, 0.0), (9, 0.0)]), "Away")
    curves.write(ob, keys(AU01=[(1, 0.0)]), "Top", "NLA")
    strip = ob.animation_data.nla_tracks[0].strips[0]
    strip.use_animated_influence, strip.influence = True, 0.25
    strip.keyframe_insert("influence", frame=1)
    assert at(ob, 3, "own_pose") == pytest.approx(0.75)


@pytest.mark.parametrize("existing", ["MERGE", "REPLACE", "NLA"])
def test_an_action_without_any_curve_is_no_obstacle(stage, existing):
    ob = stage.rig()
    ob.animation_data_create().action = bpy.data.actions.new("Empty")
    curves.write(ob, keys(AU12=[(1, 0.5)]), "New", existing)
    assert keyed(ob) == {"AU12"} and at(ob, 1, "AU12") == 0.5


@pytest.mark.parametrize("existing", ["MERGE", "REPLACE", "NLA"])
def test_another_rig_that_plays_the_same_action_is_left_alone(stage, existing):
    ob = stage.rig()
    staging.key(ob, "AU12", (1, 0.0), (9, 0.5))
    twin = ob.copy()
    bpy.context.scene.collection.objects.link(twin)
    shared = ob.animation_data.action
    curves.write(twin, keys(AU12=[(1, 1.0)]), "Own", existing)
    assert ob.animation_data.action == shared and points(ob, "AU12") == [(1, 0.0), (9, 0.5)]
    assert points(twin, "AU12") == [(1, 1.0)]
    assert (at(ob, 1, "AU12"), at(twin, 1, "AU12")) == (0, 1)


@pytest.mark.skipif(not hasattr(bpy.types, "ActionSlot"), reason="actions have slots from Blender 4.4")
def test_the_slots_of_others_in_one_action_are_left_alone(stage):
    one, two = stage.rig("One"), stage.rig("Two")
    staging.key(one, "AU12", (1, 0.0), (9, 0.5))
    action = one.animation_data.action
    two.animation_data_create().action = action
    two.animation_data.action_slot = action.slots.new(id_type="OBJECT", name="Two")
    curves.write(two, keys(AU26=[(1, 0.25)]), "Both")
    assert keyed(one) == {"AU12"} and keyed(two) == {"AU26"}
    assert [len(slot.users()) for slot in action.slots] == [1, 0]


@pytest.mark.parametrize("existing", ["MERGE", "REPLACE", "NLA"])
def test_a_linked_action_is_not_written_to(stage, existing):
    staging.key(stage.rig(), "AU12", (1, 0.0), (9, 0.5))
    bpy.data.objects["Face"].animation_data.action.name = "Acted"
    library = str(stage.folder / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    staging.build(stage.folder)
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.actions = ["Acted"]
    linked = wanted.actions[0]
    ob = stage.rig("Other")
    ob.animation_data_create().action = linked
    if hasattr(ob.animation_data, "action_slot"):
        ob.animation_data.action_slot = linked.slots[0]
    assert "make it local" in curves.why_no_keys(ob)
    bpy.context.view_layer.objects.active = ob
    with pytest.raises(RuntimeError, match="make it local"):
        bpy.ops.zygoma.key_all()
    new = curves.write(ob, keys(AU26=[(1, 0.25)]), "New", existing)
    assert new.library is None and curves.why_no_keys(ob) is None
    assert keyed(ob) == ({"AU12", "AU26"} if existing == "MERGE" else {"AU26"})
    assert at(ob, 5, "AU12") == pytest.approx(0 if existing == "REPLACE" else 0.25)


def test_tweak_mode_is_refused(stage):
    ob = stage.rig()
    curves.write(ob, keys(AU12=[(1, 0.0), (9, 0.5)]), "One")
    curves.write(ob, keys(AU01=[(1, 0.25)]), "Two", "NLA")
    track = ob.animation_data.nla_tracks[0]
    ob.animation_data.nla_tracks.active = track
    track.strips[0].select = True
    ob.animation_data.use_tweak_mode = True
    before = len(bpy.data.actions)
    with pytest.raises(ZygomaError, match=r"^Face has an NLA strip in tweak mode: leave"):
        curves.write(ob, keys(AU12=[(1, 1.0)]), "Three")
    assert len(bpy.data.actions) == before
    ob.animation_data.use_tweak_mode = False
    assert ob.animation_data.action.name == "Two"


def test_key_all_keys_every_slider_at_the_current_frame(stage):
    ob = stage.rig()
    bpy.context.view_layer.objects.active = ob
    ob["AU12"] = 0.5
    bpy.context.scene.frame_set(7)
    assert bpy.ops.zygoma.key_all() == {"FINISHED"}
    assert keyed(ob) == set(addon.properties.KEYS)
    assert points(ob, "AU12") == [(7, 0.5)] and points(ob, "own_pose") == [(7, 1.0)]
    assert rig.is_rig(ob)


def test_drivers_are_found_by_the_name_of_their_property(stage):
    ob = stage.rig()
    assert curves.driven(ob, {"AU12"}) == []
    ob.driver_add('["AU04"]').driver.expression = "frame / 16"
    ob.driver_add("location", 0)
    assert curves.driven(ob, {"AU12", "AU04"}) == ["AU04"] and curves.driven(ob, {"AU12"}) == []
    curves.write(ob, keys(AU04=[(1, 1.0)], AU12=[(1, 0.5)]), "Talk")
    assert (at(ob, 8, "AU04"), at(ob, 8, "AU12")) == pytest.approx((0.5, 0.5))
