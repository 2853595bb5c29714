"""Faces in renders: every rendered frame shows that frame's vector, or says why it cannot.

Background renders call the handlers on the main thread, those started from the window on the render job's.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from . import material, preview, rig, sample, sources
from .card import error_card
from .core.errors import ZygomaError
from .core.frames import make_folder, write_image

NOWHERE = "/dev/null/" if os.name == "posix" else "NUL:/"  # no file can be written below it, and no folder made


@dataclass
class _Pass:
    """One scene's render; scene strips render whole scenes inside a frame of another's."""

    scene: bpy.types.Scene
    in_frame: bool = False


@dataclass
class _Render:
    """From the outermost scene's render_init to its complete or cancel."""

    passes: list[_Pass] = field(default_factory=list)
    shown: set[tuple[int, int]] = field(default_factory=set)  # (scene, rig) done in the frame that is being rendered
    settings: list[tuple] = field(default_factory=list)  # (owner, attribute, the user's value)
    stopped: str | None = None

    def set(self, owner, attribute: str, value) -> None:
        if not any(known[:2] == (owner, attribute) for known in self.settings):
            self.settings.append((owner, attribute, getattr(owner, attribute)))
        setattr(owner, attribute, value)

    def restore(self) -> None:
        for owner, attribute, value in reversed(self.settings):
            with contextlib.suppress(ReferenceError):
                setattr(owner, attribute, value)


_render: _Render | None = None
_failures: list[str] = []  # of background renders, for the exit status


def is_rendering() -> bool:
    return _render is not None


def finish() -> None:
    """Ends the render's bookkeeping: the user's settings come back, the preview resumes."""
    global _render
    ended, _render = _render, None
    if ended:
        ended.restore()
        preview.resume(ended.stopped)


@persistent
def on_render_init(scene, _=None):
    """Before Blender copies the render settings: take back what would freeze or race the pictures."""
    global _render
    if _render and not _render.passes[-1].in_frame:
        finish()  # a render that broke off without saying so: a strip's scene starts only inside a frame
    if _render:
        _render.passes.append(_Pass(scene))
        return
    _render = _Render([_Pass(scene)])
    preview.suspend()
    for other in bpy.data.scenes:  # strips and compositor trees render other scenes than this one
        _render.set(other.render, "use_persistent_data", False)  # Cycles would show the first frame for ever
        _render.set(other.render, "use_lock_interface", True)  # the window draws from the same pictures
    for ob in bpy.data.objects:
        if rig.is_rig(ob) and not sample.is_baked(ob):
            rig.picture(ob)  # its own before any frame is evaluated: making data-blocks in mid-frame is unsafe


@persistent
def on_render_pre(scene, _=None):
    """A new frame: each rig is to be generated once more. The depsgraph has not moved yet, so not here."""
    if _render:
        _render.passes[-1].in_frame = True
        _render.shown.clear()


@persistent
def on_render_post(scene, _=None):
    """The frame is done; a render_init from here on is another render, not a strip's."""
    if _render:
        _render.passes[-1].in_frame = False


@persistent
def on_frame_change(scene, depsgraph):
    """The only call that holds this frame's evaluated values: per view layer and blur position."""
    if depsgraph.mode == "RENDER":
        if _render:
            _show_rigs(scene, depsgraph)
    elif _render is None and not bpy.app.background:
        if _may_come_late():
            preview.request(depsgraph)
        else:
            preview.show_now(depsgraph)


def _may_come_late() -> bool:
    """Whether the frame is only passed by: in playback, scrubbing, and jobs off the main thread (bakes, exports).

    Nothing tells a playblast from a step to the next frame, so whatever else changes the frame waits for the faces.
    """
    if threading.current_thread() is not threading.main_thread():
        return True
    screens = [window.screen for window in bpy.context.window_manager.windows]
    return any(screen.is_animation_playing or screen.is_scrubbing for screen in screens)


@persistent
def on_render_complete(scene, _=None):
    """The render, or that of a strip's scene, has come to its end."""
    if _render:
        _render.passes.pop()
        if not _render.passes:
            finish()


@persistent
def on_render_cancel(scene, _=None):
    """Esc, or the stop that a failing generator asked for: the settings changed for it must come back, too."""
    on_render_complete(scene)


@persistent
def on_load_pre(*_):
    """Whatever was being rendered belongs to a file that is about to go."""
    finish()


def _show_rigs(scene, depsgraph) -> None:
    """Reads all rigs first, then generates their faces side by side: only what touches bpy goes one by one."""
    asked: dict[bpy.types.Object, sample.Sample | ZygomaError] = {}
    folders = {}
    for evaluated in sample.evaluated_rigs(depsgraph):
        ob = evaluated.original
        done = (scene.session_uid, ob.session_uid)
        if done in _render.shown or sample.is_baked(evaluated):
            continue  # motion blur's other positions: the picture is the whole frame's
        _render.shown.add(done)
        folders[ob] = evaluated.get(sample.FRAMES)
        try:
            asked[ob] = sample.sample(evaluated)
        except ZygomaError as problem:
            asked[ob] = problem
    with ThreadPoolExecutor(max(1, min(len(asked), os.cpu_count() or 1)), "zygoma") as pool:
        pictures = {
            ob: pool.submit(sources.frame, one.data, one.target)
            for ob, one in asked.items()
            if isinstance(one, sample.Sample)
        }
    for ob, one in asked.items():
        try:
            if isinstance(one, ZygomaError):
                raise one
            pixels = pictures[ob].result()
            _put(ob, pixels)
            if folders[ob]:
                _write(frame_path(ob, folders[ob], scene.frame_current), one.data, pixels)
        except ZygomaError as problem:
            _stop(scene, ob, str(problem))
        except Exception as problem:
            traceback.print_exc()
            _stop(scene, ob, f"{type(problem).__name__}: {problem}")


def _write(path: Path, data: rig.RigData, pixels) -> None:
    make_folder(path.parent)
    session, source = sources.source(data)
    write_image(path, pixels, texts=sources.texts(session), profile=source.photo.profile)


def frame_path(ob: bpy.types.Object, pattern: str, frame: int) -> Path:
    """The file of a whole frame: `####` in the pattern stands for its number, which else goes before the suffix."""
    path = bpy.path.abspath(pattern, library=ob.library)
    if "#" not in path:
        stem, suffix = os.path.splitext(path)
        path = f"{stem}_####{suffix or '.png'}"
    start = path.index("#")
    digits = len(path[start:]) - len(path[start:].lstrip("#"))
    sign = "-" if frame < 0 else ""
    return Path(f"{path[:start]}{sign}{abs(frame):0{digits}d}{path[start + digits :]}")


def _stop(scene, ob, reason: str) -> None:
    """Exceptions in handlers are only printed, so the frame is made unwritable: that stops a render."""
    _show_card(ob, reason)
    if _render.stopped:
        return
    _render.stopped = f"{ob.name}, frame {scene.frame_current}: {reason}"
    print(f"Zygoma stopped the render: {_render.stopped}", file=sys.stderr, flush=True)
    outer = _render.passes[0].scene
    if outer.render.is_movie_format:
        _render.set(outer, "camera", None)  # movies ignore the path; without a camera the next frame ends them
    else:
        words = "".join(" " if letter in '/\\#{}<>"\n' else letter for letter in _render.stopped)
        _render.set(outer.render, "filepath", f"{NOWHERE}Zygoma stopped: {words[:180]} ")
    if bpy.app.background:
        if not _failures:
            atexit.register(_leave_with_failure)
        _failures.append(_render.stopped)


def _show_card(ob, reason: str) -> None:
    width, height = rig.picture(ob).size
    _put(ob, error_card(width, height, reason))


def _put(ob, pixels) -> None:
    """Unlike `rig.show` tags nothing: a render reads the picture at each frame, and may run off the main thread."""
    material.write_pixels(rig.picture(ob), pixels)


def _leave_with_failure() -> None:
    """`blender -b -a` ends with 0 whatever its render did: a queue would take the frames for whole."""
    sys.stdout.flush()
    sys.stderr.flush()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(1)


_HANDLERS = {
    "render_init": on_render_init,
    "render_pre": on_render_pre,
    "render_post": on_render_post,
    "frame_change_post": on_frame_change,
    "render_complete": on_render_complete,
    "render_cancel": on_render_cancel,
    "load_pre": on_load_pre,
}


def register() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    finish()
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    sources.clear()
