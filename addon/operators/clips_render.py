"""Render Clips: every rig, or the selected ones, each into a folder of its own."""

from __future__ import annotations

import bpy

from .. import clip_render, rig
from ..core.errors import ZygomaError
from .clip_render import EXISTING, FrameRange, go


def chosen_rigs(context, only_selected: bool) -> list[bpy.types.Object]:
    scene = set(context.scene.objects)
    return [ob for ob in rig.rigs() if ob in scene and (not only_selected or ob.select_get())]


class ZYGOMA_OT_clips_render(FrameRange, bpy.types.Operator):
    """Render the faces of all rigs of the scene, or of the selected ones; one that fails is reported and passed over"""

    bl_idname = "zygoma.clips_render"
    bl_label = "Render Clips"
    bl_options = {"REGISTER"}

    directory: bpy.props.StringProperty(
        name="Folder", description="Each rig gets a folder of its own in here", subtype="DIR_PATH", default="//zygoma"
    )
    only_selected: bpy.props.BoolProperty(name="Only Selected", description="Leave out rigs that are not selected")
    existing: bpy.props.EnumProperty(name="Existing Frames", items=EXISTING, default="skip")
    crop: bpy.props.BoolProperty(name="Crop Only", description="Write the faces' crops alone, not the whole photos")
    fields = ("directory", "only_selected", "frame_start", "frame_end", "existing", "crop")

    @classmethod
    def poll(cls, context):
        if not chosen_rigs(context, only_selected=False):
            cls.poll_message_set("The scene has no face rig: Add > Image > Face from Photo makes one")
            return False
        return True

    def invoke(self, context, _event):
        self.offer_scene_range(context)
        if self.directory.startswith("//") and not bpy.data.filepath:
            self.directory = bpy.app.tempdir
        return context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Render")

    def execute(self, context):
        rigs = chosen_rigs(context, self.only_selected)
        if not rigs:
            self.report({"ERROR"}, "No face rig is selected: select some, or render all of them.")
            return {"CANCELLED"}
        try:
            outputs = {ob: clip_render.output_folder(ob, self.directory) for ob in rigs}
            work = clip_render.prepare(context, outputs, self.frames(context))
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        work.existing, work.crop = self.existing, self.crop
        return go(self, context, work)


CLASSES = (ZYGOMA_OT_clips_render,)
