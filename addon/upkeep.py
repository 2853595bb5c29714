"""All handlers of loading, saving, undoing and editing: rigs keep pictures of their own, saved files show the photo."""

from __future__ import annotations

import sys

import bpy
from bpy.app.handlers import persistent

from . import hook, material, preferences, preview, properties, rig, sample
from .core.errors import ZygomaError

_objects = 0  # how many the file held when copies were last looked for


def separate() -> None:
    """Gives each rig that was copied, appended or overridden a material and picture of its own."""
    global _objects
    _objects = len(bpy.data.objects)
    rigs = [ob for ob in rig.rigs() if ob.library is None]
    for i, ob in enumerate(rigs):
        if not sample.is_baked(ob):
            material.make_single(ob, rigs[:i])


def look_at_file() -> None:
    """When Zygoma is enabled while a file with rigs is open.

    Blender hides the file from an add-on that it enables, and shows it at the next timer. In background no timer runs:
    there the first update of the depsgraph gives rigs their own pictures.
    """
    global _objects
    _objects = 0
    if hasattr(bpy.data, "objects"):
        on_load()
    else:
        bpy.app.timers.register(on_load, first_interval=0)


@persistent
def on_load(*_):
    """session_uids are new, and a file may have been put together by a script without Zygoma."""
    preferences.take_over()  # folders of packs may stand beside the file
    separate()
    preview.refresh()


@persistent
def on_undo(*_):
    """Undo brings back data-blocks, but not pixels: pictures show the photo, which the preview replaces."""
    separate()
    preview.refresh()


@persistent
def on_save(filepath="", *_):
    """The file must open sensibly without Zygoma, so it keeps the photo, not the last frame, and no pixels twice."""
    for ob in rig.rigs():
        if ob.library is not None:
            continue
        if ob.override_library is None:  # what an override knows of the photo is the library's
            rig.store_relative(ob, str(filepath or bpy.data.filepath))
        own = material.material_of(ob)
        for block in (ob, own, own and own[material.PICTURE]):
            properties.forget_copies(block)
        if sample.is_baked(ob):
            continue
        try:
            rig.show_photo(ob)
        except ZygomaError as problem:
            print(f"Zygoma: {problem}", file=sys.stderr)


@persistent
def on_saved(*_):
    """Back from the photo to the faces of the moment."""
    preview.refresh()


@persistent
def on_depsgraph_update(_scene, _depsgraph):
    """Shift-D, appending and overriding raise the number of objects; nothing else needs a look."""
    if len(bpy.data.objects) != _objects and not hook.is_rendering():
        separate()


HANDLERS = (
    ("load_post", on_load),
    ("undo_post", on_undo),
    ("redo_post", on_undo),
    ("save_pre", on_save),
    ("save_post", on_saved),
    ("depsgraph_update_post", on_depsgraph_update),
)


def register() -> None:
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """What no longer follows its sliders shows the photo, not the last face."""
    for name, handler in HANDLERS:
        if handler in getattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(handler)
    if bpy.app.timers.is_registered(on_load):
        bpy.app.timers.unregister(on_load)
    if not hasattr(bpy.data, "objects"):  # taken back before Zygoma ever saw the file
        return
    for ob in rig.rigs():
        image = material.picture_of(ob)
        if image is not None and ob.library is None and not sample.is_baked(ob):
            material.to_packed(image)
