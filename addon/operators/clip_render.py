"""Render Clip: one rig's face as files, with no render of the scene."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import bpy

from .. import clip_render, rig
from ..core.errors import ZygomaError

EXISTING = (
    ("skip", "Skip", "Keep frames that this very clip wrote before; refuse a folder that holds another's"),
    ("overwrite", "Overwrite", "Replace what is there"),
    ("fail", "Fail", "Refuse a folder that holds images"),
)


class FrameRange:
    """The frames to render, where no others are named the scene's own."""

    frame_start: bpy.props.IntProperty(name="Start", description="First frame")
    frame_end: bpy.props.IntProperty(name="End", description="Last frame")

    def frames(self, context) -> range:
        """Raises ZygomaError for a range that ends before it starts."""
        scene = context.scene
        start = self.frame_start if self.properties.is_property_set("frame_start") else scene.frame_start
        end = self.frame_end if self.properties.is_property_set("frame_end") else scene.frame_end
        if end < start:
            raise ZygomaError(f"The range ends at frame {end}, before its start at {start}.")
        return range(start, end + 1)

    def offer_scene_range(self, context) -> None:
        """In a dialog the user sees numbers, not their absence."""
        for name in ("frame_start", "frame_end"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(context.scene, name))


class Running:
    """The work that goes on beside the window, one at a time."""

    work: Any = None
    finish: Callable[[Any], None] | None = None
    clean: Callable[[], None] | None = None


class ZYGOMA_OT_clip_progress(bpy.types.Operator):
    """Do the work that was prepared, off the main thread; Esc cancels"""

    bl_idname = "zygoma.clip_progress"
    bl_label = "Render Clips"
    bl_options = {"INTERNAL"}

    def invoke(self, context, _event):
        work = Running.work
        self.thread = threading.Thread(target=work.run, name="Zygoma clips")
        self.thread.start()
        manager = context.window_manager
        manager.progress_begin(0, work.total)
        self.timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        work = Running.work
        if event.type == "ESC" and event.value == "PRESS":
            work.cancelled.set()
        if event.type == "TIMER":
            context.window_manager.progress_update(work.done)
            context.workspace.status_text_set(f"Zygoma: frame {work.done} of {work.total} (Esc cancels)")
            if not self.thread.is_alive():
                return self.end(context)
        return {"PASS_THROUGH"} if event.type == "TIMER" else {"RUNNING_MODAL"}

    def end(self, context):
        manager = context.window_manager
        manager.event_timer_remove(self.timer)
        manager.progress_end()
        context.workspace.status_text_set(None)
        work, Running.work = Running.work, None
        return conclude(self, work, Running.finish, Running.clean)

    def cancel(self, context):
        """The window closes or another file is opened."""
        Running.work.cancelled.set()
        self.thread.join()
        self.end(context)


def go(operator, context, work, finish=None, clean=None) -> set[str]:
    """Does the work (a clip_render.Work, or what has its members): beside the window where the operator was invoked
    there, else at once.

    finish(work) is called on the main thread after the last frame of work that was not cancelled, clean() at the end in
    any case.
    """
    if Running.work is not None:
        operator.report({"ERROR"}, "Other frames are on their way: wait for them, or cancel them with Esc.")
        if clean:
            clean()
        return {"CANCELLED"}
    if operator.options.is_invoke and not bpy.app.background:
        Running.work, Running.finish, Running.clean = work, finish, clean
        bpy.ops.zygoma.clip_progress("INVOKE_DEFAULT")
        return {"FINISHED"}
    manager = context.window_manager
    manager.progress_begin(0, work.total)
    try:
        work.run(lambda done, total: manager.progress_update(done))
    finally:
        manager.progress_end()
    return conclude(operator, work, finish, clean)


def conclude(operator, work, finish, clean=None) -> set[str]:
    """Reports, and hands finished work over."""
    try:
        if finish and work.reports and not work.cancelled.is_set():
            finish(work)
    except ZygomaError as problem:
        operator.report({"ERROR"}, str(problem))
        return {"CANCELLED"}
    finally:
        if clean:
            clean()
    level = "ERROR" if work.failed else "WARNING" if work.cancelled.is_set() else "INFO"
    operator.report({level}, work.summary())
    return {"FINISHED"} if work.reports and not work.cancelled.is_set() else {"CANCELLED"}


class ZYGOMA_OT_clip_render(FrameRange, bpy.types.Operator):
    """Render the active rig's face over the frame range to a folder of images or a movie, without the scene"""

    bl_idname = "zygoma.clip_render"
    bl_label = "Render Clip"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(
        name="Output", description="A folder for images, or a movie that ends in .mp4", subtype="FILE_PATH"
    )
    existing: bpy.props.EnumProperty(name="Existing Frames", items=EXISTING, default="skip")
    crop: bpy.props.BoolProperty(name="Crop Only", description="Write the face's crop alone, not the whole photo")

    @classmethod
    def poll(cls, context):
        if reason := rig.why_no_rig(context):
            cls.poll_message_set(reason)
            return False
        return True

    def invoke(self, context, _event):
        self.offer_scene_range(context)
        if not self.filepath:
            beside = "//zygoma" if bpy.data.filepath else bpy.app.tempdir
            self.filepath = str(clip_render.output_folder(rig.active(context), beside))
        return context.window_manager.invoke_props_dialog(self, width=500)

    def execute(self, context):
        ob = rig.active(context)
        try:
            output = clip_render.output_path(self.filepath)
            work = clip_render.prepare(context, {ob: output}, self.frames(context))
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        work.existing, work.crop = self.existing, self.crop
        return go(self, context, work)


CLASSES = (ZYGOMA_OT_clip_progress, ZYGOMA_OT_clip_render)
