"""The face in the viewport follows the sliders: generated off the main thread, stale wishes dropped.

A frame that somebody may keep (a step, a script, a playblast) waits for its face; playback and scrubbing do not.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.app.handlers import persistent

from . import hook, rig, sample, sources
from .card import error_card
from .core.errors import ZygomaError

BUSY, IDLE = 0.02, 0.25  # seconds between looks at what has been generated


@dataclass(frozen=True)
class _Asked:
    """What a picture depends on; the photo's stamp, too, so that a photo that is put back is noticed."""

    source: tuple
    photo: str
    stamp: tuple[int, int] | None
    target: bytes


@dataclass(frozen=True, eq=False)
class _Wish:
    uid: int  # the rig's session_uid: objects must not be kept across undo
    data: rig.RigData
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class _Answer:
    wish: _Wish
    pixels: np.ndarray | None
    problem: str | None


_changed = threading.Condition()
_wishes: dict[int, _Wish] = {}  # the newest wish of each rig
_answers: dict[int, _Answer] = {}
_asked: dict[int, _Asked] = {}  # what was last asked for each rig
_settled: set[int] = set()  # rigs that show what was last asked: whatever the worker still has of them is older
_problems: dict[int, str] = {}
_worker: threading.Thread | None = None
_suspended = False
_message: str | None = None


def request(depsgraph) -> None:
    """Asks for each rig of the depsgraph whose vector, photo or pack is not what was asked for last. Never waits."""
    for uid, one in _news(depsgraph):
        _settled.discard(uid)
        with _changed:
            _wishes[uid] = _Wish(uid, one.data, one.target)
            _changed.notify()
        _start_worker()


def show_now(depsgraph) -> None:
    """Like `request`, but the pictures are there when it returns; an error card is where none can be. Main thread."""
    for uid, one in _news(depsgraph):
        _settled.add(uid)
        with _changed:
            _wishes.pop(uid, None)
        pixels, trouble = _generated(one.data, one.target)
        _put(one.rig, pixels, trouble, card=True)


def _news(depsgraph) -> list[tuple[int, sample.Sample]]:
    """By `session_uid`: the rigs that are to show something else than what was last asked for."""
    if _suspended:
        return []
    found = []
    for evaluated in sample.evaluated_rigs(depsgraph):
        uid = evaluated.original.session_uid
        if sample.is_baked(evaluated):
            continue
        try:
            one = sample.sample(evaluated)
        except ZygomaError as problem:
            _asked.pop(uid, None)
            _problems[uid] = str(problem)
            continue
        photo = one.data.photo_path
        asked = _Asked(sources.key(one.data), photo, _stamp(photo), one.target.tobytes())
        if _asked.get(uid) != asked:
            _asked[uid] = asked
            found.append((uid, one))
    return found


def _stamp(path: str) -> tuple[int, int] | None:
    """Tells a file from what was there before and after it; None where there is none."""
    try:
        now = os.stat(path)
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size


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


@contextlib.contextmanager
def paused():
    """While many frames are gone through whose faces nobody sees."""
    global _suspended
    before = _suspended
    suspend()
    try:
        yield
    finally:
        _suspended = before
        refresh()


def resume(message: str | None = None) -> None:
    """May be called by the render's thread; the message is shown by the main one."""
    global _suspended, _message
    _asked.clear()
    _message = message
    _suspended = False


@persistent
def on_depsgraph_update(scene, depsgraph):
    """A slider's drag re-evaluates its object; playback and scrubbing come through the frame change."""
    if not bpy.app.background and not hook.is_rendering():
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
        answer = _Answer(wish, *_generated(wish.data, wish.target))
        with _changed:
            _answers[wish.uid] = answer


def _generated(data: rig.RigData, target: np.ndarray) -> tuple[np.ndarray | None, str | None]:
    """The picture, or why there is none."""
    try:
        return sources.frame(data, target), None
    except ZygomaError as trouble:
        return None, str(trouble)
    except Exception as trouble:
        traceback.print_exc()
        return None, f"{type(trouble).__name__}: {trouble}"


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
        if any(uid in _asked and _stamp(_asked[uid].photo) != _asked[uid].stamp for uid in _problems):
            refresh()  # a photo that was missing is back
    return BUSY if waiting or answers or (_worker and _worker.is_alive() and _asked) else IDLE


def _show(answer: _Answer) -> None:
    uid = answer.wish.uid
    ob = next((ob for ob in bpy.data.objects if ob.session_uid == uid), None)
    if ob is None or uid in _settled or not rig.is_rig(ob) or sample.is_baked(ob):
        return
    _put(ob, answer.pixels, answer.problem)


def _put(ob: bpy.types.Object, pixels: np.ndarray | None, trouble: str | None, card: bool = False) -> None:
    """Shows the picture; where there is none the photo, or a card that says why."""
    uid = ob.session_uid
    try:
        if pixels is not None:
            rig.show(ob, pixels)
        elif card:
            rig.show(ob, error_card(*rig.picture(ob).size, trouble or ""))
        else:
            rig.show_photo(ob)
    except ZygomaError as problem:
        trouble = trouble or str(problem)
    if not trouble:
        _problems.pop(uid, None)
    elif _problems.get(uid) != trouble:
        _problems[uid] = trouble
        print(f"Zygoma: {ob.name}: {trouble}", file=sys.stderr)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "IMAGE_EDITOR"}:
                area.tag_redraw()


def _popup(message: str) -> None:
    def draw(menu, _context):
        menu.layout.label(text=message)

    bpy.context.window_manager.popup_menu(draw, title="Zygoma stopped the render", icon="ERROR")


def register() -> None:
    resume()  # disabling Zygoma suspended it
    bpy.app.handlers.depsgraph_update_post.append(on_depsgraph_update)
    if not bpy.app.background:
        bpy.app.timers.register(_pulse, first_interval=IDLE, persistent=True)


def unregister() -> None:
    suspend()
    if on_depsgraph_update in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.remove(on_depsgraph_update)
    if bpy.app.timers.is_registered(_pulse):
        bpy.app.timers.unregister(_pulse)
    for kept in (_asked, _problems, _settled):
        kept.clear()
