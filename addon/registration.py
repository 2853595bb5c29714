"""What Blender is told, in order; unregistering goes back in reverse and leaves nothing behind."""

from __future__ import annotations

import bpy

from . import cli, colour, hook, menus, panels, preferences, preview, shading, upkeep
from .operators import (
    bake,
    clip_render,
    clips_render,
    movie_import,
    packs_compare,
    resets,
    rig_add,
    source_edit,
    table_import,
)

MODULES = (
    preferences,
    colour,
    shading,
    rig_add,
    source_edit,
    resets,
    table_import,
    movie_import,
    bake,
    clip_render,
    clips_render,
    packs_compare,
    panels,
)
CLASSES = tuple(cls for module in MODULES for cls in module.CLASSES)
PARTS = (preferences, menus, upkeep, hook, preview)  # what registers more than classes

_command = None


def register() -> None:
    """All or nothing: Blender calls no `unregister` where this raises."""
    global _command
    try:
        for cls in CLASSES:
            bpy.utils.register_class(cls)
        for part in PARTS:
            part.register()
        _command = bpy.utils.register_cli_command("zygoma", cli.main)
        upkeep.look_at_file()
    except BaseException:
        unregister()
        raise


def unregister() -> None:
    """Takes back what is registered, be it all or the beginning."""
    global _command
    if _command is not None:
        bpy.utils.unregister_cli_command(_command)
        _command = None
    for part in reversed(PARTS):
        part.unregister()
    for cls in reversed(CLASSES):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
