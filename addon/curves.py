"""Keys -> F-curves on an action of their own, whatever the version of Blender calls the place where curves live.

4.2 keeps them in the action; from 4.4 an action has slots, and 5.0 leaves only those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import bpy
import numpy as np

from .core.errors import ZygomaError
from .properties import KEYS, data_path

GROUP = "Zygoma"
LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value

Existing = Literal["MERGE", "REPLACE", "NLA"]


def scene_rate(scene: bpy.types.Scene) -> float:
    """Frames a second, 23.976 and the like included."""
    return scene.render.fps / scene.render.fps_base


def why_not(ob: bpy.types.Object) -> str | None:
    """Why no new action can be put on the object, None where one can."""
    if ob.animation_data and ob.animation_data.use_tweak_mode:
        return f"{ob.name} has an NLA strip in tweak mode: leave tweak mode first (Tab in the NLA editor)"
    return None


def why_no_keys(ob: bpy.types.Object) -> str | None:
    """Why no keys can go into the action that the object has, None where they can."""
    action = ob.animation_data.action if ob.animation_data else None
    if action is not None and action.library is not None:
        return f"{ob.name} plays the action {action.name}, linked from {action.library.name}: make it local first"
    return None


def write(
    ob: bpy.types.Object,
    keys: Mapping[str, tuple[np.ndarray, np.ndarray]],
    name: str,
    existing: Existing = "MERGE",
) -> bpy.types.Action:
    """Puts a new action on the object: for each custom property its keys (frames [K], values [K]), straight lines
    between them.

    existing: what becomes of an action that is there. MERGE copies it first and replaces only the curves that `keys`
    name; REPLACE starts empty; both keep the old action with a fake user. NLA pushes it down into a track of its own,
    below the new one. Raises ZygomaError in the NLA's tweak mode.
    """
    if reason := why_not(ob):
        raise ZygomaError(f"{reason}.")
    animation = ob.animation_data or ob.animation_data_create()
    old = animation.action
    slot = getattr(animation, "action_slot", None)
    if old is not None and existing == "NLA":
        _push_down(animation, old, slot)
    elif old is not None and old.library is None:
        old.use_fake_user = True
    if old is not None and existing == "MERGE":
        action = old.copy()
        action.name = name
        identifier = slot.identifier if slot else None
        animation.action = action
        if identifier:
            animation.action_slot = action.slots[identifier]
        replaced = {data_path(key) for key in keys}
        for curve in [curve for curve in curves(ob) if curve.data_path in replaced]:
            _bag(ob).fcurves.remove(curve)
    else:
        animation.action = bpy.data.actions.new(name)
        if hasattr(animation, "action_slot"):
            animation.action_slot = animation.action.slots.new(id_type="OBJECT", name=ob.name)
    action = animation.action
    action.use_fake_user = False
    bag = _bag(ob)
    group = bag.groups.get(GROUP) or bag.groups.new(GROUP)
    for key, (frames, values) in keys.items():
        curve = bag.fcurves.new(data_path(key))
        curve.group = group
        _fill(curve, frames, values)
    return action


def curves(ob: bpy.types.Object) -> list[bpy.types.FCurve]:
    """All of the object's action, as far as they are this object's."""
    animation = ob.animation_data
    if animation is None or animation.action is None:
        return []
    return list(_bag(ob).fcurves)


def curve(ob: bpy.types.Object, key: str) -> bpy.types.FCurve | None:
    return next((curve for curve in curves(ob) if curve.data_path == data_path(key)), None)


def driven(ob: bpy.types.Object, keys: Collection[str]) -> list[str]:
    """Those of the custom properties that have a driver, which wins over keys."""
    animation = ob.animation_data
    paths = {driver.data_path for driver in animation.drivers} if animation else set()
    return [key for key in KEYS if key in keys and data_path(key) in paths]


def _bag(ob: bpy.types.Object):
    """What holds `fcurves` and `groups` for the object: its slot's channelbag, in 4.2 the action itself."""
    animation = ob.animation_data
    action = animation.action
    if not hasattr(action, "slots"):
        return action
    slot = animation.action_slot
    if slot is None:
        slot = animation.action_slot = action.slots.new(id_type="OBJECT", name=ob.name)
    layer = action.layers[0] if action.layers else action.layers.new(GROUP)
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def _fill(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()


def _push_down(animation: bpy.types.AnimData, action: bpy.types.Action, slot) -> None:
    """The action as a strip where its keys are, so that it goes on playing below what is keyed on top."""
    start = action.frame_range[0]
    animation.action = None
    track = animation.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(start), action)
    if slot is not None:
        strip.action_slot = slot
    strip.frame_start_ui = start  # moves the strip; `new` takes whole frames only
