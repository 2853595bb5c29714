"""Blender before and after Zygoma is the same; what cannot be done says why; the panels draw in every state."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
import stage as staging
from conftest import ROOT

import addon
from addon import curves, material, panels, preferences, registration, rig, sample, shading, upkeep
from addon.core.attributes import ATTRIBUTES
from addon.properties import KEYS

OPERATORS = [cls for cls in registration.CLASSES if issubclass(cls, bpy.types.Operator)]
ON_RIGS = [cls for cls in OPERATORS if "INTERNAL" not in getattr(cls, "bl_options", ()) and "_add" not in cls.bl_idname]
ON_RIGS.remove(addon.colour.ZYGOMA_OT_colour_standard)
ON_RIGS.remove(addon.shading.ZYGOMA_OT_shading_texture)
KINDS = (bpy.types.Operator, bpy.types.Panel, bpy.types.PropertyGroup, bpy.types.AddonPreferences, bpy.types.Menu)


def is_ours(function):
    return function.__module__.startswith("addon")


def footprint():
    """All that an add-on may leave in Blender."""
    configs = bpy.context.window_manager.keyconfigs
    maps = configs.addon.keymaps if configs.addon else ()
    handlers = {
        name: list(one) for name in dir(bpy.app.handlers) if isinstance(one := getattr(bpy.app.handlers, name), list)
    }
    menus = {
        name: [one for one in getattr(getattr(bpy.types, name).draw, "_draw_funcs", ()) if is_ours(one)]
        for name, _ in addon.menus.ENTRIES
    }
    return {
        "types": {name for name in dir(bpy.types) if "zygoma" in name.lower()},
        "classes": {
            cls for kind in KINDS for cls in kind.__subclasses__() if cls.is_registered and "ZYGOMA" in cls.__name__
        },
        "operators": set(dir(bpy.ops.zygoma)),
        "handlers": {name: [one for one in found if is_ours(one)] for name, found in handlers.items()},
        "menus": menus,
        "properties": {
            f"{kind.__name__}.{name}"
            for kind in (
                bpy.types.WindowManager,
                bpy.types.Scene,
                bpy.types.Object,
                bpy.types.Material,
                bpy.types.Image,
            )
            for name in {one.identifier for one in kind.bl_rna.properties}
            if "zygoma" in name
        },
        "keymaps": sum("zygoma" in item.idname for one in maps for item in one.keymap_items),
        "timer": bpy.app.timers.is_registered(addon.preview._pulse),
        "command": registration._command is not None,
    }


@pytest.fixture
def registered():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    return staging.build(tmp_path)


def test_twice_on_and_off_leaves_nothing_behind():
    before = footprint()
    assert not before["types"] and not any(before["handlers"].values()) and not any(before["menus"].values())
    during = []
    for _ in range(2):
        addon.register()
        during.append(footprint())
        addon.unregister()
        after = footprint()
        assert after == before
    assert during[0]["types"] == during[1]["types"] >= {cls.__name__ for cls in OPERATORS}
    for name in (
        "load_post",
        "undo_post",
        "redo_post",
        "save_pre",
        "frame_change_post",
        "render_init",
        "render_cancel",
    ):
        assert len(during[1]["handlers"][name]) == 1, name
    assert [len(entries) for entries in during[1]["menus"].values()] == [1, 1] and during[1]["command"]


HIDING = next(name for name in ("bpy_restrict_state", "_bpy_restrict_state") if importlib.util.find_spec(name))


@pytest.fixture
def restricted(monkeypatch):
    """Hides the file as Blender does while it enables an add-on: in bpy as a module that does not happen by itself."""
    hiding = importlib.import_module(HIDING)
    monkeypatch.setattr(hiding, "_bpy", bpy)
    return hiding.RestrictBlend()


def test_blender_hides_the_file_from_an_add_on_that_it_enables(stage, restricted):
    before = footprint()
    ob = stage.rig()
    twin = ob.copy()
    stage.scene.collection.objects.link(twin)
    assert material.material_of(ob) == material.material_of(twin)
    with restricted:
        assert not hasattr(bpy.data, "objects")
        addon.register()
    assert footprint()["command"] and bpy.app.timers.is_registered(upkeep.on_load)
    bpy.context.view_layer.update()
    assert material.material_of(ob) != material.material_of(twin), "copied before Zygoma was enabled"
    addon.unregister()
    assert footprint() == before and not bpy.app.timers.is_registered(upkeep.on_load)


def test_folders_of_packs_beside_the_file_wait_until_the_file_is_seen(stage, restricted, monkeypatch):
    bpy.ops.wm.save_as_mainfile(filepath=str(stage.folder / "scene.blend"))
    addon.register()
    monkeypatch.setattr(preferences, "__package__", "addon")
    entry = bpy.context.preferences.addons.new()
    entry.module = "addon"
    try:
        for path in ("//packs", "/somewhere"):
            entry.preferences.pack_folders.add()["path"] = path
        with restricted:
            preferences.take_over()
        assert preferences.settings().pack_folders == (Path("/somewhere"),)
        upkeep.on_load()
        assert preferences.settings().pack_folders == (stage.folder / "packs", Path("/somewhere"))
    finally:
        bpy.context.preferences.addons.remove(entry)
        addon.unregister()


@pytest.mark.parametrize("fails", ["first class", "last class", "first part", "last part", "command", "the file"])
@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "hidden"])
def test_what_fails_half_way_leaves_nothing_registered(stage, restricted, monkeypatch, fails, hidden):
    class Broken(bpy.types.Operator):
        bl_idname = "no dot in it"
        bl_label = ""

    def trouble(*_):
        raise RuntimeError("the reason")

    before = footprint()
    classes, parts = registration.CLASSES, registration.PARTS
    if fails == "first class":
        monkeypatch.setattr(registration, "CLASSES", (Broken, *classes))
    elif fails == "last class":
        monkeypatch.setattr(registration, "CLASSES", (*classes, Broken))
    elif fails == "first part":
        monkeypatch.setattr(parts[0], "register", trouble)
    elif fails == "last part":
        monkeypatch.setattr(parts[-1], "register", trouble)
    elif fails == "command":
        monkeypatch.setattr(registration.cli, "main", "not callable")
    else:
        monkeypatch.setattr(upkeep, "look_at_file", trouble)
    with pytest.raises((RuntimeError, TypeError, ValueError)), restricted if hidden else contextlib.nullcontext():
        addon.register()
    assert footprint() == before
    monkeypatch.undo()
    addon.register()
    addon.unregister()
    assert footprint() == before


COMMAND = """
import os, sys
sys.path.insert(0, sys.argv[1])
import addon_utils, bpy, importlib
importlib.import_module(sys.argv[2])._bpy = bpy  # the file is hidden while an add-on is enabled, as in Blender itself
for _ in range(2):
    module = addon_utils.enable("addon", default_set=True)
    assert module is not None and hasattr(bpy.types, "ZYGOMA_OT_rig_add")
    preferences = bpy.context.preferences.addons["addon"].preferences
    preferences.device = "CPU"
    from addon.preferences import settings
    assert settings().device == "CPU"
    addon_utils.disable("addon", default_set=True)
    assert not hasattr(bpy.types, "ZYGOMA_OT_rig_add")
    assert "addon" not in bpy.context.preferences.addons
print("ended well", flush=True)
"""


def test_blender_ends_by_itself_after_enabling_and_disabling(tmp_path):
    """A command or handler that stays registered would hang or crash the interpreter at its end."""
    script = tmp_path / "enable.py"
    script.write_text("import bpy\n" + COMMAND)
    done = subprocess.run(
        [sys.executable, str(script), str(ROOT), HIDING], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout.strip().endswith("ended well"), done.stdout + done.stderr
    if bpy.app.version >= (4, 5):  # 4.2 as a module crashes at its end after any property with an update callback
        assert done.returncode == 0, done.stderr


def test_rigs_outlive_disabling_and_work_again_when_enabled(stage):
    addon.register()
    ob = stage.rig()
    staging.talk(ob)
    photo = material.read_pixels(rig.picture(ob))
    rig.show(ob, np.full_like(photo, 90))
    addon.unregister()
    assert np.array_equal(material.read_pixels(rig.picture(ob)), photo), "what follows no slider shows the photo"
    bpy.context.scene.frame_set(3)
    assert ob["AU12"] == pytest.approx(0.175), "plain curves go on"
    twin = ob.copy()
    bpy.context.scene.collection.objects.link(twin)
    bpy.context.view_layer.update()
    bpy.ops.wm.save_as_mainfile(filepath=str(stage.folder / "scene.blend"))
    addon.register()
    assert rig.picture(ob) != rig.picture(twin), "copied while Zygoma was off"
    staging.camera(stage.scene, ob)
    stage.scene.frame_end = 2
    twin.hide_render = True
    frames = staging.render(stage, "out")
    staging.check(frames, {frame: stage.curves(ob, frame) for frame in (1, 2)})
    addon.unregister()


def call(cls):
    group, name = cls.bl_idname.split(".")
    return getattr(getattr(bpy.ops, group), name)


@pytest.mark.parametrize("cls", ON_RIGS, ids=lambda cls: cls.bl_idname)
def test_an_operator_without_a_rig_says_why_it_is_disabled(registered, stage, cls):
    assert not call(cls).poll()
    with pytest.raises(RuntimeError, match=r"poll\(\) .*[Aa]dd > Image > Face from Photo"):
        call(cls)()


def test_adding_a_rig_is_never_disabled(registered, stage):
    assert bpy.ops.zygoma.rig_add.poll() and len(ON_RIGS) >= 12


class Layout:
    """Takes what a panel draws as a UILayout does, and checks what Blender would: operators and properties exist."""

    def __init__(self, lines):
        self.lines = lines

    def __getattr__(self, name):
        if name in ("column", "row", "box", "grid_flow", "split", "column_flow"):
            return lambda **_: Layout(self.lines)
        raise AttributeError(name)

    def __setattr__(self, name, value):
        assert name == "lines" or name in bpy.types.UILayout.bl_rna.properties, name
        super().__setattr__(name, value)

    def label(self, text="", icon="NONE"):
        self._icon(icon)
        self.lines.append(text)

    def separator(self, **_):
        pass

    def progress(self, text="", factor=0.0, type="RING"):
        kinds = bpy.types.UILayout.bl_rna.functions["progress"].parameters["type"].enum_items
        assert type in kinds and 0 <= factor <= 1
        self.lines.append(text)

    def operator(self, idname, text="", icon="NONE", **_):
        self._icon(icon)
        group, name = idname.split(".")
        kind = getattr(getattr(bpy.ops, group), name).get_rna_type()
        self.lines.append(text or kind.name)
        return Options(kind)

    def prop(self, data, path, text=None, icon="NONE", **_):
        self._icon(icon)
        if path.startswith("["):
            data.path_resolve(path)
        else:
            assert path in data.bl_rna.properties, path
        self.lines += [path] if text is None else [path, text]

    def prop_enum(self, data, path, value):
        assert value in data.bl_rna.properties[path].enum_items, value
        self.lines.append(path)

    def _icon(self, icon):
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items, icon


class Options:
    def __init__(self, kind):
        object.__setattr__(self, "kind", kind)

    def __setattr__(self, name, value):
        known = self.kind.properties[name]
        assert known.type != "ENUM" or value in known.enum_items, value


def drawn():
    """What the whole tab says, line by line."""
    lines = []
    context = Context()
    for cls in panels.CLASSES:
        if not hasattr(cls, "poll") or cls.poll(context):
            panel = Panel()
            panel.layout = Layout(lines)
            cls.draw(panel, context)
    return lines


class Panel:
    layout = None


class Context:
    """Blender's own context, with the region that only a window has."""

    class region:
        width = 280

    def __getattr__(self, name):
        return getattr(bpy.context, name)


def test_the_tab_without_a_rig(registered, stage):
    lines = drawn()
    assert "Select a face rig" in lines and "Face from Photo" in lines


def test_the_tab_of_a_rig(registered, stage):
    ob = stage.rig()
    bpy.context.view_layer.objects.active = ob
    lines = drawn()
    said = "\n".join(lines)
    for words in (
        "Photo: photo.png",
        "Face: ",
        "Pack: ",
        "Device: ",
        "Import Action Units",
        "Own Expression",
        "Own Pose",
    ):
        assert words in said, words
    assert {a.region for a in ATTRIBUTES} <= set(lines)
    assert all(any(line.endswith(attribute.title) for line in lines) for attribute in ATTRIBUTES)
    assert "not where it was" not in said
    stage.photo.unlink()
    assert "The photo is not where it was" in drawn()
    bpy.context.scene.view_settings.view_transform = "AgX"
    assert "AgX changes the photo's colours" in " ".join(drawn())


def test_the_tab_offers_what_users_may_call_each_once(registered, stage):
    bpy.context.view_layer.objects.active = stage.rig()
    lines = drawn()
    for label in ("Render Clip", "Render Clips", "Bake to Images", "Clear Bake", "Write Generated Images"):
        assert lines.count(label) == 1, label


@pytest.mark.parametrize("size", [11, 22])
def test_sentences_fit_the_sidebar(size):
    import blf  # part of bpy

    for text in ("The view transform AgX changes the photo's colours " * 3, "Unbreakable" * 9, "iiii " * 50):
        found = panels.lines(text, size, 200)
        assert " ".join(found) == text.strip()
        blf.size(0, size)
        assert all(blf.dimensions(0, line)[0] <= 200 for line in found if " " in line)
        assert all(blf.dimensions(0, f"{a} {b.split()[0]}")[0] > 200 for a, b in itertools.pairwise(found))


def test_a_viewport_in_solid_shading_offers_to_show_textures(registered, stage):
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    space = area.spaces.active
    with bpy.context.temp_override(window=window, area=area):
        space.shading.type, space.shading.color_type = "SOLID", "MATERIAL"
        assert any("Solid shading" in line for line in drawn()) and "Show Textures" in drawn()
        bpy.ops.zygoma.shading_texture()
        assert space.shading.color_type == "TEXTURE"
        assert "Show Textures" not in drawn() and not bpy.ops.zygoma.shading_texture.poll()
    assert shading.problem(None) is None


def test_the_tab_of_a_damaged_rig(registered, stage):
    ob = stage.rig()
    bpy.context.view_layer.objects.active = ob
    for key in KEYS[::2]:
        del ob[key]
    del ob[rig.GROUP]["source"]
    assert "damaged" in " ".join(drawn())


def test_the_tab_of_a_linked_rig_and_of_a_baked_one(registered, stage):
    stage.rig()
    library = str(stage.folder / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    staging.build(stage.folder)
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.objects = ["Face"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    said = " ".join(drawn())
    assert "Face is linked from library.blend: make a library override" in said
    own = stage.rig("Own")
    bpy.context.view_layer.objects.active = own
    bpy.context.view_layer.update()
    curves.write(own, {"AU12": (np.array([1.0, 3.0]), np.array([0.0, 0.5]))}, "Talk")
    stage.scene.frame_end = 3
    assert bpy.ops.zygoma.bake(directory=str(stage.folder / "baked")) == {"FINISHED"}
    assert sample.is_baked(own)
    assert "Baked: the sliders do nothing until Clear Bake" in " ".join(drawn())


@pytest.mark.parametrize("name", ["table_import", "movie_import"])
def test_the_import_dialogs_show_each_of_their_options(registered, stage, name):
    class Dialog:
        layout = Layout([])
        as_is = False
        bl_rna = getattr(bpy.ops.zygoma, name).get_rna_type()

    getattr(bpy.types, f"ZYGOMA_OT_{name}").draw(Dialog(), bpy.context)
    of_the_file_browser = {"rna_type", "filepath", "filter_glob"}
    assert set(Dialog.bl_rna.properties.keys()) - of_the_file_browser <= set(Dialog.layout.lines)
