"""What the scene asks of each face: the only place that reads attributes from a scene, casts and clamps them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from . import rig
from .core import attributes
from .core.errors import ZygomaError

FRAMES = "zygoma_frames"  # the rig's wish to have its generated images written during renders: a path, "" for none
BAKED = "baked"  # in the rig's group: the first file of the sequence that it shows in place of generated images


@dataclass(frozen=True, eq=False)
class Sample:
    """One rig at one moment: the original object, what it animates, and the vector float32 [A] for its generator."""

    rig: bpy.types.Object
    data: rig.RigData
    target: np.ndarray


def evaluated_rigs(depsgraph: bpy.types.Depsgraph) -> Iterator[bpy.types.Object]:
    """The evaluated rigs of a view layer, each once: those instanced by collections and library overrides included.

    What the layer excludes is left out: its `evaluated_get` would hand back the original with stale values.
    """
    for datablock in depsgraph.ids:
        if isinstance(datablock, bpy.types.Object) and datablock.is_evaluated and rig.is_rig(datablock):
            yield datablock


def is_baked(ob: bpy.types.Object) -> bool:
    return bool(ob["zygoma"].get(BAKED, ""))


def sample(evaluated: bpy.types.Object) -> Sample:
    """Reads one evaluated rig. Raises ZygomaError where what it stores cannot be read."""
    data = rig.read(evaluated)
    target = attributes.target(
        data.source_vector,
        np.array([_value(evaluated, name, 0.0, low, high) for name, (low, high) in _LIMITS], np.float32),
        _value(evaluated, "own_expression", 1.0, 0.0, 1.0),
        _value(evaluated, "own_pose", 1.0, 0.0, 1.0),
    )
    return Sample(evaluated.original, data, target)


_LIMITS = [(name, attribute.hard) for name, attribute in zip(attributes.NAMES, attributes.ATTRIBUTES, strict=True)]


def _value(ob: bpy.types.Object, name: str, rest: float, low: float, high: float) -> float:
    """Writes from Python make ints of properties and ignore their limits; what is no number counts as rest."""
    value = ob.get(name, rest)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return rest
    return min(max(float(value), low), high)


def over_range(
    context: bpy.types.Context,
    rigs: list[bpy.types.Object],
    frames: range,
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, np.ndarray]:
    """Every rig's targets over the frames, by `session_uid`: float32 [F,A] each. Leaves the scene at its own frame.

    Raises ZygomaError for a rig that the view layer does not evaluate.
    """
    scene = context.scene
    wanted = {ob.session_uid: ob for ob in rigs}
    targets = {uid: np.zeros((len(frames), len(attributes.NAMES)), np.float32) for uid in wanted}
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        for i, number in enumerate(frames):
            scene.frame_set(number)
            seen = set()
            for evaluated in evaluated_rigs(context.evaluated_depsgraph_get()):
                uid = evaluated.original.session_uid
                if uid in wanted:
                    targets[uid][i] = sample(evaluated).target
                    seen.add(uid)
            for uid in wanted.keys() - seen:
                raise ZygomaError(
                    f"{wanted[uid].name}: not part of view layer {context.view_layer.name!r} at frame {number}, "
                    "so its curves are not evaluated; show it in the viewport."
                )
            if progress:
                progress(i + 1, len(frames))
    finally:
        scene.frame_set(frame, subframe=subframe)
    return targets
