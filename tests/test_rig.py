"""A rig is added with all that it needs or not at all, edited, and mended where something is lost."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
import stage as staging
from conftest import ROOT
from PIL import Image
from portraits import portrait_path

import addon
from addon import material, rig
from addon.core.attributes import ANGLES, AT_GAZE, AT_POSE, AT_UNITS, ATTRIBUTES, NAMES, UNITS, named
from addon.core.errors import ZygomaError
from addon.core.faces import read_photo
from addon.properties import KEYS

WEIGHTS = {"own_expression", "own_pose"}
BLOCKS = ("objects", "meshes", "materials", "images", "actions")


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    return staging.build(tmp_path)


def add(stage, **options):
    bpy.ops.zygoma.rig_add(**{"filepath": str(stage.photo), "pack": str(stage.pack), **options})
    return bpy.context.object


def counts():
    return {kind: len(getattr(bpy.data, kind)) for kind in BLOCKS}


def photo_of(stage):
    return read_photo(stage.photo).pixels


def shown(ob):
    return material.read_pixels(rig.picture(ob))


def paint(ob, value):
    """What a generated frame would leave in the rig's picture."""
    width, height = rig.picture(ob).size
    rig.show(ob, np.full((height, width, 3), value, np.uint8))


def save(path):
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def in_collection(*obs):
    own = bpy.data.collections.new("Faces")
    bpy.context.scene.collection.children.link(own)
    for ob in obs:
        for collection in list(ob.users_collection):
            collection.objects.unlink(ob)
        own.objects.link(ob)


@pytest.mark.parametrize("name", ["mona_lisa", "raphael"])
def test_a_portrait_becomes_a_plane_that_shows_it(stage, name):
    path = portrait_path(name)
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert bpy.ops.zygoma.rig_add(filepath=str(path)) == {"FINISHED"}
    ob = bpy.context.object
    photo = read_photo(path)
    height, width = photo.pixels.shape[:2]
    assert rig.is_rig(ob) and ob.select_get() and ob.name == name
    assert ob.dimensions.x == pytest.approx(width / height) and ob.dimensions.y == pytest.approx(1)
    bpy.context.view_layer.update()
    assert tuple(ob.location) == (1, 2, 3)
    up = ob.matrix_world.to_3x3() @ staging.texture_axes(ob.data)[1]
    assert tuple(up) == pytest.approx((0, 0, 1), abs=1e-6)
    image = rig.picture(ob)
    assert np.array_equal(material.read_pixels(image), photo.pixels)
    assert image.packed_file.size == path.stat().st_size
    assert image.filepath == "" and not image.is_dirty and image.colorspace_settings.name == "sRGB"
    own = ob.material_slots[0].material
    assert ob.material_slots[0].link == "OBJECT"
    surface = next(node for node in own.node_tree.nodes if node.type == "OUTPUT_MATERIAL").inputs["Surface"]
    emission = surface.links[0].from_node
    assert emission.type == "EMISSION" and emission.inputs["Strength"].default_value == 1
    texture = emission.inputs["Color"].links[0].from_node
    assert texture.image == image and own.node_tree.nodes.active == texture
    stored = rig.read(ob)
    assert stored.photo_path == str(path) and stored.photo_sha256 == photo.sha256 and stored.pack_id == "zygoma-base"
    left, top, right, bottom = stored.box
    assert 0 < left < right < width and 0 < top < bottom < height
    assert np.abs(stored.source_vector).max() > 0.05, "a portrait has an expression of its own"


def test_properties_have_ranges_units_descriptions_and_can_be_overridden(stage):
    ob = add(stage)
    assert {key for key in ob.keys() if key != rig.GROUP} == {*NAMES, *WEIGHTS} == set(KEYS)  # noqa: SIM118
    for attribute in ATTRIBUTES:
        shape = ob.id_properties_ui(attribute.key).as_dict()
        assert ob[attribute.key] == 0.0 and isinstance(ob[attribute.key], float) and shape["default"] == 0
        limits = [shape[which] for which in ("soft_min", "soft_max", "min", "max")]
        half = math.pi / 2
        assert limits == pytest.approx([-0.6, 0.6, -half, half] if attribute.key in ANGLES else [0, 1, -1, 1])
        assert shape["subtype"] == ("ANGLE" if attribute.key in ANGLES else "NONE")
        assert attribute.title in shape["description"] and attribute.description in shape["description"]
    for key in WEIGHTS:
        shape = ob.id_properties_ui(key).as_dict()
        assert (ob[key], shape["default"], shape["min"], shape["max"]) == (1.0, 1.0, 0.0, 1.0)
        assert "photo" in shape["description"]
    assert all(ob.is_property_overridable_library(f'["{key}"]') for key in KEYS)


def test_reset_takes_sliders_back_to_the_photo(stage):
    ob = add(stage)
    for key in KEYS:
        ob[key] = 0.5
    bpy.ops.zygoma.reset(what="EYES")
    assert {key for key in KEYS if ob[key] == 0} == {a.key for a in ATTRIBUTES if a.region == "Eyes"}
    bpy.ops.zygoma.reset(what="WEIGHTS")
    assert ob["own_expression"] == ob["own_pose"] == 1 and ob["AU12"] == 0.5
    bpy.ops.zygoma.reset(what="ALL")
    assert [ob[key] for key in KEYS] == [0.0] * len(NAMES) + [1.0] * 2


def test_deleted_properties_come_back_before_they_are_needed(stage):
    ob = add(stage)
    for again in (bpy.ops.zygoma.reset, bpy.ops.zygoma.key_all, table):
        for key in ("AU12", "own_pose"):
            del ob[key]
        ob.pop("AU26")
        ob["AU26"] = 1
        assert again() == {"FINISHED"}
        assert isinstance(ob["AU12"], float) and isinstance(ob["AU26"], float) and isinstance(ob["own_pose"], float)
        assert ob.id_properties_ui("AU12").as_dict()["min"] == -1


def table():
    return bpy.ops.zygoma.table_import(filepath=str(ROOT / "docs" / "tables" / "talking_25fps.csv"))


def test_adding_leaves_the_mode_that_another_object_is_edited_in(stage):
    first = add(stage)
    bpy.ops.object.mode_set(mode="EDIT")
    second = add(stage)
    assert first.mode == second.mode == bpy.context.mode == "OBJECT" and bpy.context.object == second != first


def no_face(folder):
    path = folder / "sky.png"
    Image.new("RGB", (256, 256), (90, 140, 220)).save(path)
    return {"filepath": str(path)}


def cut_short(folder):
    path = folder / "cut.jpg"
    path.write_bytes(portrait_path("raphael").read_bytes()[:20_000])
    return {"filepath": str(path)}


def no_image(folder):
    path = folder / "notes.jpg"
    path.write_text("no picture at all")
    return {"filepath": str(path)}


def too_small(folder):
    path = folder / "small.png"
    Image.new("RGB", (40, 40)).save(path)
    return {"filepath": str(path)}


BAD = {
    "no face": (no_face, "sky.png.*face"),
    "missing": (lambda folder: {"filepath": str(folder / "none.jpg")}, "none.jpg: there is no such file"),
    "nothing chosen": (lambda _: {"filepath": ""}, "No photo was chosen"),
    "a folder": (lambda folder: {"filepath": str(folder)}, "this is a folder"),
    "cut short": (cut_short, "cut.jpg.*(damaged|cut short)"),
    "no image": (no_image, "notes.jpg: not an image"),
    "40 pixels": (too_small, "small.png: 40 x 40 pixels"),
    "no such face": (lambda _: {"face": 3}, "no face 3, it has one face, the largest is 1"),
    "no such pack": (lambda _: {"pack": "nobody"}, "no pack nobody"),
    "a size that the pack cannot make": (lambda _: {"size": 100}, "100 pixels"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_added_is_one_line_and_leaves_nothing(stage, case):
    make, words = BAD[case]
    before = counts()
    with pytest.raises(RuntimeError, match=f"(?s)^Error: .*{words}") as problem:
        add(stage, **make(stage.folder))
    assert len(str(problem.value).strip().splitlines()) == 1 and "Traceback" not in str(problem.value)
    assert counts() == before and sum(before.values()) == 0


def test_a_linked_collection_takes_no_rig_and_says_so(stage):
    in_collection(add(stage))
    save(stage.folder / "library.blend")
    staging.build(stage.folder)
    with bpy.data.libraries.load(str(stage.folder / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["Faces"]
    bpy.context.scene.collection.children.link(wanted.collections[0])
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Faces"]
    before = counts()
    with pytest.raises(RuntimeError, match="collection Faces is linked") as problem:
        add(stage)
    assert "Traceback" not in str(problem.value) and counts() == before


def test_the_view_transform_is_told_and_helped(stage):
    view = bpy.context.scene.view_settings
    add(stage)
    with pytest.raises(RuntimeError, match="already"):
        bpy.ops.zygoma.colour_standard()
    for change in ({"view_transform": "AgX"}, {"exposure": 0.5}, {"gamma": 1.2}, {"use_curve_mapping": True}):
        for name, value in change.items():
            setattr(view, name, value)
        assert addon.colour.problem(bpy.context.scene)
        bpy.ops.zygoma.colour_standard()
        assert addon.colour.problem(bpy.context.scene) is None
    assert (view.view_transform, view.look, view.exposure, view.gamma) == ("Standard", "None", 0, 1)


def test_a_photo_that_is_gone_is_told_and_can_be_found_again(stage):
    ob = add(stage)
    paint(ob, 70)
    stage.photo.rename(stage.folder / "elsewhere.png")
    with pytest.raises(ZygomaError, match=r"photo\.png.*not there"):
        addon.sources.frame(rig.read(ob), rig.read(ob).source_vector)
    with pytest.raises(RuntimeError, match=r"photo\.png: there is no such file"):
        bpy.ops.zygoma.source_read()
    rig.show_photo(ob)
    assert np.array_equal(shown(ob), read_photo(stage.folder / "elsewhere.png").pixels)
    with pytest.raises(RuntimeError, match="not the photo that"):
        bpy.ops.zygoma.photo_find(filepath=str(portrait_path("raphael")))
    bpy.ops.zygoma.photo_find(filepath=str(stage.folder / "elsewhere.png"))
    assert rig.read(ob).photo_path == str(stage.folder / "elsewhere.png")


def test_a_rig_without_its_picture_gets_it_back(stage):
    ob = add(stage)
    bpy.data.images.remove(rig.picture(ob))
    assert np.array_equal(shown(ob), photo_of(stage))
    bpy.data.materials.remove(material.material_of(ob))
    assert np.array_equal(shown(ob), photo_of(stage))
    ob.data.materials.clear()
    assert np.array_equal(shown(ob), photo_of(stage))


def test_the_source_is_edited_read_again_and_another_face_picked(stage):
    wide = stage.folder / "pair.png"
    face = Image.open(stage.photo)
    canvas = Image.new("RGB", (330, 180), (60, 60, 60))
    canvas.paste(face, (0, 0))
    canvas.paste(face.resize((125, 150)), (190, 15))
    canvas.save(wide)
    ob = add(stage, filepath=str(wide))
    first = rig.read(ob)
    bpy.ops.zygoma.source_edit(expression=[0.5] * len(UNITS), gaze=(0.1, -0.2))
    edited = rig.read(ob).source_vector
    assert edited[AT_UNITS].tolist() == [0.5] * len(UNITS)
    assert edited[AT_POSE].tolist() == first.source_vector[AT_POSE].tolist()
    assert edited[AT_GAZE] == pytest.approx([0.1, -0.2])
    bpy.ops.zygoma.source_read()
    assert named(rig.read(ob).source_vector) == pytest.approx(named(first.source_vector), abs=0.02)
    bpy.ops.zygoma.face_pick(face=2)
    assert rig.read(ob).box[0] > 190 > first.box[0]
    bpy.ops.zygoma.face_pick(box=first.box)
    assert rig.read(ob).box == pytest.approx(first.box, abs=3)
    bpy.ops.zygoma.face_pick(face=2, by="SIZE", box=first.box)
    assert rig.read(ob).box[0] > 190, "a box that the dialog hides does not count"
    bpy.ops.zygoma.face_pick(face=2, by="BOX", box=first.box)
    assert rig.read(ob).box == pytest.approx(first.box, abs=3)
    for wrong, words in (
        ({"face": 3}, "no face 3"),
        ({"box": (9, 9, 5, 5)}, "box is empty"),
        ({"by": "BOX"}, "box is empty"),
    ):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.zygoma.face_pick(**wrong)
    assert rig.read(ob).box == pytest.approx(first.box, abs=3)


@pytest.mark.parametrize(
    "damage",
    [
        lambda group: group.update({"version": 99}),
        lambda group: group.pop("source"),
        lambda group: group.update({"box": [1.0, 2.0]}),
        lambda group: group.update({"box": [float("nan")] * 4}),
    ],
)
def test_damaged_or_newer_data_are_one_sentence(stage, damage):
    ob = add(stage)
    damage(ob[rig.GROUP])
    with pytest.raises(ZygomaError, match=f"^{ob.name}: .*(newer Zygoma|damaged)"):
        rig.read(ob)
    with pytest.raises(RuntimeError, match=r"newer Zygoma|damaged"):
        bpy.ops.zygoma.source_read()
