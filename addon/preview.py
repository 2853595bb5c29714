"""The face in the viewport follows the sliders: generated off the main thread, stale wishes dropped."""

from __future__ import annotations

import sys
import threading
import traceback
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.app.handlers import persistent

from . import hook, rig, sample, sources
from .core.errors import ZygomaError

BUSY, IDLE = 0.02, 0.25  # seconds between looks at what has been generated


@dataclass(frozen=True, eq=False)
class _Wish:
    uid: int  # the rig's session_uid: objects must not be kept across undo
    data: rig.RigData
    target: np.ndarray
    key: tuple


@dataclass(frozen=True, eq=False)
class _Answer:
    wish: _Wish
    pixels: np.ndarray | None
    problem: str | None


_changed = threading.Condition()
_wishes: dict[int, _Wish] = {}  # the newest wish of each rig
_answers: dict[int, _Answer] = {}
_asked: dict[int, tuple] = {}  # what was last asked for each rig
_problems: dict[int, str] = {}
_worker: threading.Thread | None = None
_suspended = False
_message: str | None = None


def request(depsgraph) -> None:
    """Asks for each rig of the depsgraph whose vector, photo or pack is not what was asked for last. Never waits."""
    if _suspended or bpy.app.background:
        return
    for evaluated in sample.evaluated_rigs(depsgraph):
        uid = evaluated.original.session_uid
        if sample.is_baked(evaluated):
            continue
        try:
            asked = sample.sample(evaluated)
        except ZygomaError as problem:
            _problems[uid] = str(problem)
            continue
        key = (sources.key(asked.data), str(asked.data.photo_path), asked.target.tobytes())
        if _asked.get(uid) == key:
            continue
        _asked[uid] = key
        with _changed:
            _wishes[uid] = _Wish(uid, asked.data, asked.target, key)
            _changed.notify()
        _start_worker()


def refresh() -> None:
    """Asks for every rig anew: after loading, saving and undo its picture no longer shows what was asked for last."""
    _asked.clear()
    if not bpy.app.background and bpy.context.view_layer:
        request(bpy.context.evaluated_depsgraph_get())


def problem(ob) -> str | None:
    """Why the rig's picture could not be generated, in one sentence, or None."""
    return _problems.get(ob.session_uid)


def suspend() -> None:
    """A render writes the same pictures: no preview until `resume`."""
    global _suspended
    _suspended = True
    with _changed:
        _wishes.clear()
        _answers.clear()


def resume(message: str | None = None) -> None:
    """May be called by the render's thread; the message is shown by the main one."""
    global _suspended, _message
    _asked.clear()
    _message = message
    _suspended = False


@persistent
def on_depsgraph_update(scene, depsgraph):
    """A slider's drag re-evaluates its object; playback and scrubbing come through the frame change."""
    if not hook.is_rendering():
        request(depsgraph)


def _start_worker() -> None:
    global _worker
    if _worker is None or not _worker.is_alive():
        _worker = threading.Thread(target=_work, name="Zygoma preview", daemon=True)
        _worker.start()


def _work() -> None:
    """The worker's loop; nothing in here touches bpy."""
    while True:
        with _changed:
            if not _wishes and not _changed.wait_for(lambda: bool(_wishes), timeout=30):
                return
            wish = _wishes.pop(next(iter(_wishes)))
        try:
            answer = _Answer(wish, sources.frame(wish.data, wish.target), None)
        except ZygomaError as trouble:
            answer = _Answer(wish, None, str(trouble))
        except Exception as trouble:
            traceback.print_exc()
            answer = _Answer(wish, None, f"{type(trouble).__name__}: {trouble}")
        with _changed:
            _answers[wish.uid] = answer


def _pulse() -> float:
    """On the main thread: shows what has been generated, and says what a render off it could not say."""
    global _message
    if hook.is_rendering():
        if not bpy.app.is_job_running("RENDER"):
            hook.finish()  # a render that ended without telling
        return IDLE
    if _message:
        message, _message = _message, None
        _popup(message)
    with _changed:
        answers = dict(_answers)
        _answers.clear()
        waiting = bool(_wishes)
    if not _suspended:
        for answer in answers.values():
            _show(answer)
    return BUSY if waiting or answers or (_worker and _worker.is_alive() and _asked) else IDLE


def _show(answer: _Answer) -> None:
    uid = answer.wish.uid
    ob = next((ob for ob in bpy.data.objects if ob.session_uid == uid), None)
    if ob is None or not rig.is_rig(ob) or sample.is_baked(ob):
        return
    if answer.pixels is not None:
        _problems.pop(uid, None)
        rig.show(ob, answer.pixels)
    elif _problems.get(uid) != answer.problem:
        _problems[uid] = answer.problem or ""
        rig.show_photo(ob)
        print(f"Zygoma: {ob.name}: {answer.problem}", file=sys.stderr)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "IMAGE_EDITOR"}:
                area.tag_redraw()


def _popup(message: str) -> None:
    def draw(menu, _context):
        menu.layout.label(text=message)

    bpy.context.window_manager.popup_menu(draw, title="Zygoma stopped the render", icon="ERROR")


def register() -> None:
    bpy.app.handlers.depsgraph_update_post.append(on_depsgraph_update)
    if not bpy.app.background:
        bpy.app.timers.register(_pulse, first_interval=IDLE, persistent=True)


def unregister() -> None:
    suspend()
    if on_depsgraph_update in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.remove(on_depsgraph_update)
    if bpy.app.timers.is_registered(_pulse):
        bpy.app.timers.unregister(_pulse)
    for kept in (_asked, _problems):
        kept.clear()
