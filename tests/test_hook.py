"""Blender's own renders against the fast path, pixel for pixel."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
import stage as staging
from stage import beside, camera, check, key, render, talk

import addon
from addon import rig, sample


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    return staging.build(tmp_path)


def acted(stage, ob, frames=range(1, 6)):
    return {frame: stage.curves(ob, frame) for frame in frames}


def test_keyframes(stage):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    check(render(stage, "out"), acted(stage, ob))


def test_at_rest_the_render_is_the_photo(stage):
    ob = stage.rig()
    camera(stage.scene, ob)
    stage.scene.frame_end = 1
    photo = staging.read_photo(stage.photo).pixels
    assert np.array_equal(render(stage, "out")[1], photo)


def test_drivers(stage):
    ob = stage.rig()
    other = bpy.data.objects.new("Other", None)
    stage.scene.collection.objects.link(other)
    for frame, value in ((1, 0.0), (5, 2.0)):
        other.location.x = value
        other.keyframe_insert("location", index=0, frame=frame)
    curve = staging.fcurves(other)[0]
    driver = ob.driver_add('["AU04"]').driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id = other
    variable.targets[0].transform_type = "LOC_X"
    ob.driver_add('["AU45"]').driver.expression = "frame / 16"
    camera(stage.scene, ob)
    expected = {f: stage.still(ob, AU04=min(curve.evaluate(f), 1.0), AU45=f / 16) for f in range(1, 5)}
    stage.scene.frame_end = 4
    check(render(stage, "out"), expected)


def test_nla(stage):
    """Two strips over each other; a weight whose rest is 1 blends from 1."""
    ob = stage.rig()
    key(ob, "AU12", (1, 0.0), (9, 0.5))
    key(ob, "own_pose", (1, 0.0), (9, 0.0))
    first = ob.animation_data.action
    track = ob.animation_data.nla_tracks.new()
    strip = track.strips.new("low", 1, first)
    strip.use_animated_influence, strip.influence = True, 0.25
    strip.keyframe_insert("influence", frame=1)
    ob.animation_data.action = None
    ob["AU12"], ob["own_pose"] = 0.0, 1.0
    key(ob, "AU01", (1, 0.0), (9, 0.5))
    second = ob.animation_data.action
    ob.animation_data.action = None
    ob.animation_data.nla_tracks.new().strips.new("high", 1, second)
    camera(stage.scene, ob)
    # influence .25 of a curve from 0 to .5 over eight frames; .75 of the photo's own pose stays
    expected = {
        f: stage.still(ob, AU12=0.25 * 0.5 * (f - 1) / 8, AU01=0.5 * (f - 1) / 8, own_pose=0.75) for f in range(1, 6)
    }
    check(render(stage, "out"), expected)


def test_persistent_data(stage):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    stage.scene.render.use_persistent_data = True
    check(render(stage, "out"), acted(stage, ob))
    assert stage.scene.render.use_persistent_data is True


@pytest.mark.parametrize("position", ["START", "CENTER"])
def test_motion_blur_shows_whole_frames(stage, position):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    scene = stage.scene
    scene.render.use_motion_blur = True
    for owner in (scene.render, scene.cycles):  # its place before and after 4.2
        if hasattr(owner, "motion_blur_position"):
            owner.motion_blur_position = position
    check(render(stage, "out"), acted(stage, ob))


def test_frame_step(stage):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    stage.scene.frame_end, stage.scene.frame_step = 9, 3
    check(render(stage, "out"), acted(stage, ob, (1, 4, 7)))


def test_a_view_layer_without_the_rig_comes_first(stage):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    scene = stage.scene
    own = bpy.data.collections.new("Faces")
    scene.collection.children.link(own)
    for collection in list(ob.users_collection):
        collection.objects.unlink(ob)
    own.objects.link(ob)
    second = scene.view_layers.new("With the face")
    scene.view_layers[0].layer_collection.children["Faces"].exclude = True
    show_layer(scene, second.name)
    check(render(stage, "out"), acted(stage, ob))


def show_layer(scene, layer):
    """The composited image is this view layer's."""
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("Layer", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        out = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        out = tree.nodes.new("CompositorNodeComposite")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.layer = layer
    tree.links.new(layers.outputs["Image"], out.inputs[0])


def test_a_scene_strip_in_the_sequencer(stage):
    """The strip starts at frame 3 of the outer scene, so frames 3 to 5 show the face's own 1 to 3."""
    ob = stage.rig()
    talk(ob)
    inner = stage.scene
    camera(inner, ob)
    inner.render.use_persistent_data = True
    outer = bpy.data.scenes.new("Outer")
    staging.prepare(outer, *ob_size(ob))
    outer.frame_start = 3
    editor = outer.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strips.new_scene("Face", inner, 1, 3)
    expected = {frame + 2: image for frame, image in acted(stage, ob, range(1, 4)).items()}
    check(render(stage, "out", outer), expected)
    assert inner.render.use_persistent_data is True
    assert not addon.hook.is_rendering()


def ob_size(ob):
    return tuple(rig.picture(ob).size)


def test_a_collection_instance(stage):
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    own = bpy.data.collections.new("Faces")
    for collection in list(ob.users_collection):
        collection.objects.unlink(ob)
    own.objects.link(ob)
    empty = bpy.data.objects.new("Instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", own
    stage.scene.collection.objects.link(empty)
    assert ob.name not in stage.scene.objects
    check(render(stage, "out"), acted(stage, ob))


def test_a_duplicate_with_its_own_action(stage):
    ob = stage.rig()
    talk(ob)
    twin = ob.copy()
    stage.scene.collection.objects.link(twin)
    twin.animation_data.action = ob.animation_data.action.copy()
    for curve in staging.fcurves(twin):
        for point in curve.keyframe_points:
            point.co.y *= 0.5
    beside(ob, twin)
    camera(stage.scene, ob, twin)
    expected = {f: np.hstack([stage.curves(ob, f), stage.curves(twin, f)]) for f in range(1, 6)}
    check(render(stage, "out"), expected)
    assert rig.picture(ob) != rig.picture(twin)


def test_two_overrides_of_one_linked_rig(stage):
    ob = stage.rig()
    own = bpy.data.collections.new("Faces")
    for collection in list(ob.users_collection):
        collection.objects.unlink(ob)
    own.objects.link(ob)
    stage.scene.collection.children.link(own)
    library = stage.folder / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True)
    staging.prepare(stage.scene)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.collections = ["Faces"]
    overrides = []
    for _ in range(2):
        made = wanted.collections[0].override_hierarchy_create(
            stage.scene, bpy.context.view_layer, do_fully_editable=True
        )
        overrides.append(next(o for o in made.all_objects if rig.is_rig(o)))
    left, right = overrides
    assert left.override_library and right.override_library and left != right
    talk(left)
    talk(right, turn=-0.5)
    beside(left, right)
    bpy.context.view_layer.update()
    camera(stage.scene, left, right)
    expected = {f: np.hstack([stage.curves(left, f), stage.curves(right, f)]) for f in range(1, 6)}
    check(render(stage, "out"), expected)


def test_properties_written_by_python_are_cast_and_clamped(stage):
    ob = stage.rig()
    ob["AU12"], ob["AU45"], ob["pose_yaw"], ob["own_pose"] = 1, 7.0, -9.0, 3
    ob["AU01"], ob["AU02"] = float("nan"), -0.5
    bpy.context.view_layer.update()
    evaluated = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    named = staging.attributes.named(sample.sample(evaluated).target)
    assert named["AU12"] == 1 and named["AU45"] == 1 and named["AU01"] == 0 and named["AU02"] == 0
    assert named["pose_yaw"] == pytest.approx(0.0625 - np.pi / 2)
    assert named["pose_pitch"] == pytest.approx(-0.03125)


def test_the_photo_survives_render_save_all_and_reopening(stage):
    before = staging.sha256(stage.photo)
    ob = stage.rig()
    talk(ob)
    camera(stage.scene, ob)
    stage.scene.frame_end = 2
    render(stage, "out")
    file = str(stage.folder / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    if bpy.ops.image.save_all_modified.poll():
        bpy.ops.image.save_all_modified()
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=file)
    assert staging.sha256(stage.photo) == before
    stage.scene.render.filepath = ""
    check(render(stage, "again"), acted(stage, bpy.data.objects["Face"], (1, 2)))
    assert staging.sha256(stage.photo) == before


def test_generated_images_are_written_on_request(stage):
    ob = stage.rig()
    talk(ob)
    ob[sample.FRAMES] = str(stage.folder / "faces" / "face_####.png")
    camera(stage.scene, ob)
    stage.scene.render.use_motion_blur = True
    render(stage, "out")
    check(stage.files("faces"), acted(stage, ob))
