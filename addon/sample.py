"""What the scene asks of each face: the only place that reads attributes from a scene, casts and clamps them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from . import material, rig
from .core import attributes
from .core.errors import ZygomaError

FRAMES = "zygoma_frames"  # the rig's wish to have its generated images written during renders: a path, "" for none
BAKED = "zygoma_baked"  # on the rig's material: the folder of the sequence that it shows in place of its picture


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
    """Whether the rig shows a sequence of files, which no handler needs to touch."""
    own = material.material_of(ob.original)
    return own is not None and bool(own.get(BAKED))


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
    frames: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, np.ndarray | ZygomaError]:
    """By the rigs' `session_uid`: targets float32 [F,A] over the frames, or why there are none.

    Goes through the scene once and leaves it at its own frame. progress(done, total) counts frames.
    """
    scene = context.scene
    wanted = {ob.session_uid: ob for ob in rigs}
    found: dict[int, np.ndarray | ZygomaError] = {
        uid: np.zeros((len(frames), len(attributes.NAMES)), np.float32) for uid in wanted
    }
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        for i, number in enumerate(frames):
            scene.frame_set(number)
            depsgraph = context.evaluated_depsgraph_get()
            present = {ob.original.session_uid: ob for ob in evaluated_rigs(depsgraph)}
            for uid, ob in wanted.items():
                targets = found[uid]
                if isinstance(targets, ZygomaError):
                    continue
                try:
                    if uid not in present:
                        layer = context.view_layer.name
                        raise ZygomaError(
                            f"{ob.name}: not in view layer {layer} at frame {number}, so its curves are not evaluated; "
                            "show it in the viewport."
                        )
                    targets[i] = sample(present[uid]).target
                except ZygomaError as problem:
                    found[uid] = problem
            if progress:
                progress(i + 1, len(frames))
    finally:
        scene.frame_set(frame, subframe=subframe)
    return found
