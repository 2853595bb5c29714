"""The tab Zygoma in the 3D viewport's sidebar."""

from pathlib import Path

import blf
import bpy

from . import colour, preview, properties, rig, sample, shading, sources
from .core import pack_page
from .core.attributes import ATTRIBUTES, NAMES, named
from .core.errors import ZygomaError
from .core.pack import Pack
from .core.session import turned
from .operators.bake import ZYGOMA_OT_bake, ZYGOMA_OT_bake_clear, ZYGOMA_OT_frames_write
from .operators.clip_render import ZYGOMA_OT_clip_render
from .operators.clips_render import ZYGOMA_OT_clips_render
from .operators.movie_import import ZYGOMA_OT_movie_import
from .operators.packs_compare import ZYGOMA_OT_packs_compare
from .operators.resets import REGIONS, ZYGOMA_OT_key_all, ZYGOMA_OT_reset
from .operators.rig_add import ZYGOMA_OT_rig_add
from .operators.source_edit import (
    ZYGOMA_OT_face_pick,
    ZYGOMA_OT_pack_pick,
    ZYGOMA_OT_photo_find,
    ZYGOMA_OT_source_edit,
    ZYGOMA_OT_source_read,
)
from .operators.table_import import ZYGOMA_OT_table_import
from .operators.table_import import disabled_reason as no_import

TITLES = {attribute.key: attribute.title for attribute in ATTRIBUTES}
MARGINS, ICON = 68, 20  # of a label in a box in the sidebar, in units of the interface's scale


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Zygoma"


class _RigPanel(_Panel):
    bl_parent_id = "ZYGOMA_PT_main"

    @classmethod
    def poll(cls, context):
        return rig.active(context) is not None


class ZYGOMA_PT_main(_Panel, bpy.types.Panel):
    bl_label = "Zygoma"
    bl_idname = "ZYGOMA_PT_main"

    def draw(self, context):
        layout = self.layout
        layout.operator(ZYGOMA_OT_rig_add.bl_idname, icon="USER")
        for change, cure in (
            (colour.problem(context.scene), colour.ZYGOMA_OT_colour_standard),
            (shading.problem(context.space_data), shading.ZYGOMA_OT_shading_texture),
        ):
            if change:
                box = layout.box()
                _wrapped(box, change, context, icon="ERROR")
                box.operator(cure.bl_idname)
        ob = rig.active(context)
        if ob is None:
            layout.label(text="Select a face rig", icon="INFO")
            return
        for reason in (preview.problem(ob), rig.why_not_editable(ob)):
            if reason:
                _wrapped(layout.box(), reason, context, icon="ERROR")


class ZYGOMA_PT_source(_RigPanel, bpy.types.Panel):
    bl_label = "Source"

    def draw(self, context):
        ob = rig.active(context)
        layout = self.layout
        try:
            data = rig.read(ob)
        except ZygomaError as problem:
            _wrapped(layout.box(), str(problem), context, icon="ERROR")
            return
        column = layout.column(align=True)
        column.label(text=f"Photo: {Path(data.photo_path).name}", icon="IMAGE_DATA")
        if not Path(data.photo_path).is_file():
            column.label(text="The photo is not where it was", icon="ERROR")
            column.operator(ZYGOMA_OT_photo_find.bl_idname, icon="VIEWZOOM")
        left, top, right, bottom = data.box
        column.label(text=f"Face: {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f} px")
        column.label(text=f"Pack: {data.pack_id}")
        column.label(text=f"Crop: {data.size} px" if data.size else "Crop: the face's own size")
        device = sources.device()
        where = f"{device[0]} ({device[1]})" if device else "known at the first picture"
        _wrapped(column, f"Device: {where}", context)
        column = layout.column(align=True)
        column.operator(ZYGOMA_OT_face_pick.bl_idname, icon="EYEDROPPER")
        column.operator(ZYGOMA_OT_source_edit.bl_idname, icon="GREASEPENCIL")
        column.operator(ZYGOMA_OT_source_read.bl_idname, icon="FILE_REFRESH")


class ZYGOMA_PT_source_vector(_RigPanel, bpy.types.Panel):
    bl_label = "Photo's Own"
    bl_parent_id = "ZYGOMA_PT_source"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        try:
            values = named(rig.read(rig.active(context)).source_vector)
        except ZygomaError:
            return
        grid = self.layout.grid_flow(columns=2, align=True)
        for attribute in ATTRIBUTES:
            value = values[attribute.key]
            text = f"{value * 57.29578:.1f}°" if attribute.is_angle else f"{value:.2f}"
            grid.label(text=f"{attribute.title if attribute.is_angle else attribute.key}  {text}")


class ZYGOMA_PT_pack(_RigPanel, bpy.types.Panel):
    bl_label = "Pack"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout = self.layout
        layout.operator(ZYGOMA_OT_pack_pick.bl_idname, icon="PRESET")
        try:
            pack = _pack(context)
        except ZygomaError as problem:
            _wrapped(layout.box(), str(problem), context, icon="ERROR")
            return
        column = layout.column(align=True)
        for heading, text in pack_page.summary(pack):
            if heading == "Link":
                column.operator("wm.url_open", text="Open Paper", icon="URL").url = text
            else:
                _wrapped(column, f"{heading}: {text}", context)
        if figures := pack_page.figures(pack):
            box = layout.box()
            box.label(text="Figures", icon="GRAPH")
            for name, value in figures:
                _wrapped(box, f"{name}: {value}", context)


class ZYGOMA_PT_pack_ranges(_RigPanel, bpy.types.Panel):
    bl_label = "Ranges"
    bl_parent_id = "ZYGOMA_PT_pack"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        try:
            pack = _pack(context)
        except ZygomaError:
            return
        column = self.layout.column(align=True)
        for name, covered in pack_page.ranges(pack):
            row = column.split(factor=0.45)
            row.label(text=TITLES.get(name, name))
            row.label(text=covered)


class ZYGOMA_PT_sliders(_RigPanel, bpy.types.Panel):
    bl_label = "Sliders"

    def draw(self, context):
        ob = rig.active(context)
        layout = self.layout
        if sample.is_baked(ob):
            _wrapped(layout.box(), "Baked: the sliders do nothing until Clear Bake", context, icon="INFO")
        else:
            _coverage(layout, ob, context)
        column = layout.column(align=True)
        for key in properties.WEIGHTS:
            if key in ob:
                title = key.replace("_", " ").title()
                column.prop(ob, properties.data_path(key), text=title, slider=True)
        row = layout.row(align=True)
        row.operator(ZYGOMA_OT_reset.bl_idname, text="Reset All", icon="LOOP_BACK").what = "ALL"
        row.operator(ZYGOMA_OT_key_all.bl_idname, text="Key All", icon="KEYINGSET")
        lacking = _lacking(context)
        for region in REGIONS:
            box = layout.box()
            row = box.row()
            row.label(text=region)
            row.operator(ZYGOMA_OT_reset.bl_idname, text="", icon="LOOP_BACK", emboss=False).what = region.upper()
            column = box.column(align=True)
            for attribute in ATTRIBUTES:
                if attribute.region == region and attribute.key in ob:
                    number = "" if attribute.is_angle else f"{int(attribute.key[2:])} "
                    path = properties.data_path(attribute.key)
                    row = column.row(align=True)
                    row.active = attribute.key not in lacking
                    row.prop(ob, path, text=f"{number}{attribute.title}", slider=True)


class ZYGOMA_PT_motion(_RigPanel, bpy.types.Panel):
    bl_label = "Motion"

    def draw(self, context):
        self.layout.operator(ZYGOMA_OT_table_import.bl_idname, icon="IMPORT")
        self.layout.operator(ZYGOMA_OT_movie_import.bl_idname, icon="FILE_MOVIE")
        if reason := no_import(context):
            _wrapped(self.layout.box(), reason, context, icon="INFO")


class ZYGOMA_PT_output(_RigPanel, bpy.types.Panel):
    bl_label = "Output"

    def draw(self, context):
        layout = self.layout
        for cls in (
            ZYGOMA_OT_clip_render,
            ZYGOMA_OT_clips_render,
            ZYGOMA_OT_packs_compare,
            ZYGOMA_OT_bake,
            ZYGOMA_OT_bake_clear,
            ZYGOMA_OT_frames_write,
        ):
            layout.operator(cls.bl_idname)
        ob = rig.active(context)
        if ob.get(sample.FRAMES):
            layout.label(text=f"Frames: {ob[sample.FRAMES]}")


def _pack(context) -> Pack:
    """The active rig's. Raises ZygomaError."""
    return sources.pack(rig.read(rig.active(context)).pack_id)


def _lacking(context) -> set[str]:
    """Attributes that the active rig's pack does nothing with."""
    try:
        return set(NAMES) - set(_pack(context).ranges)
    except ZygomaError:
        return set()


def _coverage(layout, ob, context) -> None:
    """How far the rig's vector goes in what its pack covers, and what leaves that."""
    try:
        pack, asked = _pack(context), sample.sample(ob)
    except ZygomaError:
        return  # Source and Pack tell
    target = turned(asked.target, sources.crop_angle(asked.data))
    name, share = pack.reach(target)
    farthest = f", {TITLES[name]}" if share > 0 else ""
    layout.progress(text=f"Range: {min(share, 9.99):.0%}{farthest}", factor=min(share, 1.0), type="BAR")
    if beyond := [TITLES[name] for name in pack.out_of_range(target)]:
        box = layout.box()
        box.alert = True
        text = f"Beyond what {pack.title} covers, so expect distortion: {', '.join(beyond)}"
        _wrapped(box, text, context, icon="ERROR")
    if unused := [TITLES[name] for name in pack.unused(asked.target - asked.data.source_vector)]:
        _wrapped(layout.box(), f"{pack.title} does nothing with {', '.join(unused)}", context, icon="INFO")


def _wrapped(layout, text: str, context, icon: str = "NONE") -> None:
    """A sentence in lines that fit the sidebar, the icon before the first."""
    preferences = context.preferences
    scale = preferences.system.ui_scale
    room = context.region.width - (MARGINS + (ICON if icon != "NONE" else 0)) * scale
    column = layout.column(align=True)
    for line in lines(text, preferences.ui_styles[0].widget.points * scale, room):
        column.label(text=line, icon=icon)
        icon = "NONE" if icon == "NONE" else "BLANK1"


def lines(text: str, size: float, room: float) -> list[str]:
    """The words in lines no wider than `room` pixels, in Blender's own font at this size; a word is never cut."""
    blf.size(0, size)
    found: list[str] = []
    for word in text.split():
        longer = f"{found[-1]} {word}" if found else word
        if found and blf.dimensions(0, longer)[0] <= room:
            found[-1] = longer
        else:
            found.append(word)
    return found


CLASSES = (
    ZYGOMA_PT_main,
    ZYGOMA_PT_source,
    ZYGOMA_PT_source_vector,
    ZYGOMA_PT_pack,
    ZYGOMA_PT_pack_ranges,
    ZYGOMA_PT_sliders,
    ZYGOMA_PT_motion,
    ZYGOMA_PT_output,
)
