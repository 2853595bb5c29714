"""The custom properties that a rig is animated by: the attribute vector and how much of the photo's own stays.

They are plain custom properties, so that keyframes, drivers and values outlive Zygoma.
"""

from __future__ import annotations

import bpy

from .core.attributes import ATTRIBUTES, NAMES, Attribute

WEIGHTS = {
    "own_expression": "How much of the photo's own expression stays under the Action Units: 1 all of it, 0 none",
    "own_pose": "How much of the photo's own head pose and gaze stays under the angles: 1 all of it, 0 none",
}
KEYS: tuple[str, ...] = (*NAMES, *WEIGHTS)


def data_path(key: str) -> str:
    """What an F-curve or driver on the rig calls the property."""
    return f'["{key}"]'


def rest(key: str) -> float:
    """The value at which the property leaves the photo as it is."""
    return 1.0 if key in WEIGHTS else 0.0


def define(ob: bpy.types.Object) -> None:
    """Gives the object the properties it lacks, and all of them their limits, units and descriptions."""
    for key in KEYS:
        value = ob.get(key)
        if not isinstance(value, float):
            ob.pop(key, None)  # else its type would stay
            ob[key] = float(value) if isinstance(value, int) else rest(key)
        # UI default: what a strip of the NLA with an influence below 1 blends from
        ob.id_properties_ui(key).update(default=rest(key), **_ranges(key))
        ob.property_overridable_library_set(data_path(key), True)


def complete(ob: bpy.types.Object) -> None:
    """Gives a rig back what somebody deleted of its properties, so that it can be keyed and shown."""
    if ob.override_library is None and not all(isinstance(ob.get(key), float) for key in KEYS):
        define(ob)


def forget_copies(block: bpy.types.ID | None) -> None:
    """Blender 5 copies the custom properties of a file from before it to a place for add-ons' own; 4.5 reads that copy
    back in place of the properties, and what was edited in between would be lost."""
    get = getattr(block, "bl_system_properties_get", None)
    copies = get() if get else None
    for key in list(copies.keys()) if copies else ():
        if key in KEYS or key.startswith("zygoma"):
            del copies[key]


def _ranges(key: str) -> dict:
    if key in WEIGHTS:
        limits = {"min": 0.0, "max": 1.0, "soft_min": 0.0, "soft_max": 1.0}
        return {**limits, "step": 1.0, "precision": 3, "description": WEIGHTS[key]}
    attribute = BY_KEY[key]
    kind = {"subtype": "ANGLE", "step": 10.0, "precision": 1} if attribute.is_angle else {"step": 1.0, "precision": 3}
    low, high = attribute.hard
    soft_low, soft_high = attribute.soft
    limits = {"min": low, "max": high, "soft_min": soft_low, "soft_max": soft_high}
    return {**limits, **kind, "description": f"{attribute.title}. {attribute.description}"}


BY_KEY: dict[str, Attribute] = {attribute.key: attribute for attribute in ATTRIBUTES}
