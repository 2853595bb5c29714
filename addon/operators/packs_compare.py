"""Compare Packs: one rig's curves through several packs, side by side on a sheet and in a movie."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from .. import clip_render, rig, sources
from ..core.compare import MOVIE, SHEET, Comparison, compare
from ..core.errors import ZygomaError
from ..core.render import Existing
from .clip_render import EXISTING, FrameRange, go
from .rig_add import pack_names


@dataclass
class Work:
    """A comparison on its way; like clip_render.Work, `run` touches no Blender data."""

    clip: clip_render.Clip
    packs: tuple[str, ...]
    existing: Existing
    failed: dict[str, str] = field(default_factory=dict)
    reports: dict[str, Comparison] = field(default_factory=dict)
    done: int = 0
    total: int = 1
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """progress(frames done, frames in all)."""

        def step(done: int, total: int) -> None:
            self.done, self.total = done, total
            if progress:
                progress(done, total)

        clip = self.clip
        try:
            photo, face = sources.photo_and_face(clip.data)
            self.reports[clip.name] = compare(
                photo,
                face,
                [sources.generator(pack) for pack in self.packs],
                clip.output,
                curves=clip.targets - clip.data.source_vector,
                targets=lambda _source: clip.targets,
                source_vector=clip.data.source_vector,
                fps=clip.fps,
                existing=self.existing,
                progress=step,
                cancelled=self.cancelled.is_set,
            )
        except ZygomaError as problem:
            self.failed[clip.name] = str(problem)
        except Exception as problem:
            traceback.print_exc()
            self.failed[clip.name] = f"{type(problem).__name__}: {problem}"

    def summary(self) -> str:
        """What became of it, in one line."""
        if self.failed:
            return next(iter(self.failed.values()))
        made = next(iter(self.reports.values()))
        if made.cancelled:
            return f"Cancelled: {made.written} frames written, and kept: {made.folder}"
        notes = " ".join(("", *made.notes))
        return f"{SHEET} and {MOVIE} of {', '.join(made.packs)}: {made.folder}.{notes}"


class ZYGOMA_OT_packs_compare(FrameRange, bpy.types.Operator):
    """Render the active rig's face over the frame range by several packs: a contact sheet and a movie, side by side"""

    bl_idname = "zygoma.packs_compare"
    bl_label = "Compare Packs"
    bl_options = {"REGISTER"}

    directory: bpy.props.StringProperty(
        name="Folder", description="For the sheet, the movie and each pack's frames", subtype="DIR_PATH"
    )
    packs: bpy.props.StringProperty(
        name="Packs", description="Ids or folders of packs, with commas between them; empty for all that are here"
    )
    existing: bpy.props.EnumProperty(name="Existing Frames", items=EXISTING, default="skip")
    fields = ("directory", "packs", "frame_start", "frame_end", "existing")

    @classmethod
    def poll(cls, context):
        if reason := rig.why_no_rig(context):
            cls.poll_message_set(reason)
            return False
        return True

    def invoke(self, context, _event):
        self.offer_scene_range(context)
        if not self.directory:
            beside = "//compared" if bpy.data.filepath else str(Path(bpy.app.tempdir) / "compared")
            self.directory = str(clip_render.output_folder(rig.active(context), beside))
        return context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Compare")

    def execute(self, context):
        ob = rig.active(context)
        try:
            folder = clip_render.output_path(self.directory)
            names = [name.strip() for name in self.packs.split(",") if name.strip()] or pack_names()
            sampled = clip_render.prepare(context, {ob: folder}, self.frames(context))
            for problem in sampled.failed.values():
                raise ZygomaError(problem)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return go(self, context, Work(sampled.clips[0], tuple(names), self.existing))


CLASSES = (ZYGOMA_OT_packs_compare,)
