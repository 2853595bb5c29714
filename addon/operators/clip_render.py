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
    """The frames to render, where no others are named the scene's own; and the dialog that asks for them."""

    fields: tuple[str, ...]  # what the dialog shows, in this order
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

    def draw(self, _context):
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in self.fields:
            layout.prop(self, name)


class Running:
    """The work that goes on beside the window, one at a time."""

    work: Any = None
    thread: threading.Thread | None = None
    finish: Callable[[Any], None] | None = None
    clean: Callable[[], None] | None = None


class ZYGOMA_OT_clip_progress(bpy.types.Operator):
    """Do the work that was prepared, off the main thread; Esc cancels"""

    bl_idname = "zygoma.clip_progress"
    bl_label = "Render Clips"
    bl_options = {"INTERNAL"}

    title: bpy.props.StringProperty(description="What undo calls it", default=bl_label)

    def invoke(self, context, _event):
        work = Running.work
        if work is None or Running.thread is not None:
            self.report({"ERROR"}, "Nothing is ready to be rendered: use Render Clip, Render Clips or Bake to Images.")
            return {"CANCELLED"}
        Running.thread = threading.Thread(target=work.run, name="Zygoma clips")
        Running.thread.start()
        manager = context.window_manager
        manager.progress_begin(0, 1)  # what is left of a movie is known only roughly, and late
        self.timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        work = Running.work
        if event.type == "ESC" and event.value == "PRESS":
            work.cancelled.set()
        if event.type == "TIMER":
            context.window_manager.progress_update(work.done / work.total)
            context.workspace.status_text_set(f"Zygoma: frame {work.done} of {work.total} (Esc cancels)")
            if not Running.thread.is_alive():
                return self.end(context)
        return {"PASS_THROUGH"} if event.type == "TIMER" else {"RUNNING_MODAL"}

    def end(self, context):
        manager = context.window_manager
        manager.event_timer_remove(self.timer)
        manager.progress_end()
        context.workspace.status_text_set(None)
        work, finish, clean = Running.work, Running.finish, Running.clean
        Running.work = Running.thread = Running.finish = Running.clean = None
        done = conclude(self, work, finish, clean)
        if finish and done == {"FINISHED"}:  # the dialog's own step was taken before the file changed
            bpy.ops.ed.undo_push(message=self.title)
        return done

    def cancel(self, context):
        """The window closes or another file is opened."""
        Running.work.cancelled.set()
        Running.thread.join()
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
        bpy.ops.zygoma.clip_progress("INVOKE_DEFAULT", title=operator.bl_label)
        return {"FINISHED"}
    manager = context.window_manager
    manager.progress_begin(0, 1)
    try:
        work.run(lambda done, total: manager.progress_update(done / total))
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
    fields = ("filepath", "frame_start", "frame_end", "existing", "crop")

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
        return context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Render")

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
