"""Where Zygoma stands in Blender's own menus."""

from __future__ import annotations

import bpy

from .operators.movie_import import ZYGOMA_OT_movie_import
from .operators.rig_add import ZYGOMA_OT_rig_add
from .operators.table_import import ZYGOMA_OT_table_import


def draw_add(self, _context):
    self.layout.operator(ZYGOMA_OT_rig_add.bl_idname, text="Face from Photo", icon="USER")


def draw_import(self, _context):
    self.layout.operator(ZYGOMA_OT_table_import.bl_idname, text="Action Units for a Face Rig (.csv)")
    self.layout.operator(ZYGOMA_OT_movie_import.bl_idname, text="Movie of a Face for a Face Rig")


ENTRIES = (("VIEW3D_MT_image_add", draw_add), ("TOPBAR_MT_file_import", draw_import))


def register() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).remove(draw)
