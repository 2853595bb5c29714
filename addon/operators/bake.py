"""Bake: a rig as a sequence of files that needs no Zygoma, and back."""

from __future__ import annotations

import bpy

from .. import bake, clip_render, rig, sample
from ..core.errors import ZygomaError
from .clip_render import FrameRange, go


def why_not(context, baked: bool | None = None) -> str | None:
    """Why the active rig cannot be baked (or, `baked`, has no bake to clear); None where it can."""
    if reason := rig.why_no_rig(context):
        return reason
    ob = rig.active(context)
    if ob.library is not None:
        return rig.why_not_editable(ob)
    if baked and not sample.is_baked(ob):
        return f"{ob.name} is not baked"
    return None


class ZYGOMA_OT_bake(FrameRange, bpy.types.Operator):
    """Write the active rig's face over the frame range as images and show these, so that it renders without Zygoma"""

    bl_idname = "zygoma.bake"
    bl_label = "Bake to Images"
    bl_options = {"REGISTER", "UNDO"}

    directory: bpy.props.StringProperty(
        name="Folder", description="Where the images go, in a folder named like the rig", subtype="DIR_PATH"
    )
    fields = ("directory", "frame_start", "frame_end")

    @classmethod
    def poll(cls, context):
        if reason := why_not(context):
            cls.poll_message_set(reason)
            return False
        return True

    def invoke(self, context, _event):
        self.offer_scene_range(context)
        if not self.directory and bpy.data.filepath:
            self.directory = "//zygoma_baked"
        return context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Bake")

    def execute(self, context):
        ob = rig.active(context)
        try:
            frames = self.frames(context)
            output = clip_render.output_folder(ob, self.directory)
            numbers = bake.file_numbers(frames)
            work = clip_render.prepare(context, {ob: output}, frames, numbers=numbers)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        work.existing = "overwrite"
        uid = ob.session_uid

        def finish(done: clip_render.Work) -> None:
            baked = next((ob for ob in rig.rigs() if ob.session_uid == uid), None)
            if baked is None:
                raise ZygomaError(f"The rig was deleted while it was baked; its images are in {output}.")
            bake.switch(baked, done.clips[0], frames.start)

        return go(self, context, work, finish)


class ZYGOMA_OT_bake_clear(bpy.types.Operator):
    """Show generated pictures again in place of the baked images, which stay where they are"""

    bl_idname = "zygoma.bake_clear"
    bl_label = "Clear Bake"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if reason := why_not(context, baked=True):
            cls.poll_message_set(reason)
            return False
        return True

    def execute(self, context):
        try:
            bake.clear(rig.active(context))
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class ZYGOMA_OT_frames_write(bpy.types.Operator):
    """Have renders write the active rig's generated images, one file a frame; nothing chosen ends that"""

    bl_idname = "zygoma.frames_write"
    bl_label = "Write Generated Images"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Files", description="Such as //face_####.png: #### becomes the frame's number", subtype="FILE_PATH"
    )

    @classmethod
    def poll(cls, context):
        if reason := why_not(context):
            cls.poll_message_set(reason)
            return False
        return True

    def invoke(self, context, _event):
        self.filepath = self.filepath or rig.active(context).get(sample.FRAMES, "") or "//zygoma_frames/face_####.png"
        return context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Apply")

    def execute(self, context):
        rig.active(context)[sample.FRAMES] = self.filepath
        return {"FINISHED"}


CLASSES = (ZYGOMA_OT_bake, ZYGOMA_OT_bake_clear, ZYGOMA_OT_frames_write)
