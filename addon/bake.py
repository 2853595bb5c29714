"""A rig as a sequence of image files: the scene renders anywhere, with no Zygoma and no handlers."""

from __future__ import annotations

import bpy

from . import material, rig, sample, sources
from .clip_render import Clip
from .core.errors import ZygomaError


def file_numbers(frames: range) -> range:
    """What the files of these frames are numbered: as the frames, except where these start below 1."""
    return frames if frames.start >= 1 else range(1, len(frames) + 1)


def switch(ob: bpy.types.Object, clip: Clip, start: int) -> None:
    """The rig shows the clip's files, the first at frame `start`, holding the ends. Raises ZygomaError."""
    node = rig.image_node(ob)
    first = clip.output / f"{clip.numbers[0]:06d}.png"
    if not first.is_file():
        raise ZygomaError(f"{first}: the bake's first frame is not there.")
    sequence = bpy.data.images.load(str(first))
    sequence.name = f"{ob.name} baked"
    sequence.source = "SEQUENCE"
    sequence.colorspace_settings.name = "sRGB"
    sequence.alpha_mode = "CHANNEL_PACKED"
    if bpy.data.filepath:
        sequence.filepath = bpy.path.relpath(str(first))
    _drop(node.image, rig.picture(ob))
    node.image = sequence
    user = node.image_user
    user.frame_start, user.frame_duration = start, len(clip.numbers)
    user.frame_offset = clip.numbers[0] - 1  # the file shown is frame - frame_start + 1 + frame_offset
    user.use_cyclic, user.use_auto_refresh = False, True
    material.material_of(ob)[sample.BAKED] = str(clip.output)
    ob.update_tag()


def clear(ob: bpy.types.Object) -> None:
    """The rig shows generated pictures again; the baked files stay. Raises ZygomaError."""
    picture = rig.picture(ob)
    node = rig.image_node(ob)
    _drop(node.image, picture)
    node.image = picture
    del material.material_of(ob)[sample.BAKED]
    show_now(ob)


def show_now(ob: bpy.types.Object) -> None:
    """The face of the current frame, at once. Raises ZygomaError."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    for evaluated in sample.evaluated_rigs(depsgraph):
        if evaluated.original == ob:
            asked = sample.sample(evaluated)
            rig.show(ob, sources.frame(asked.data, asked.target))


def _drop(image: bpy.types.Image | None, picture: bpy.types.Image) -> None:
    """Removes an older bake's image that nothing else shows."""
    if image is not None and image != picture and image.users <= 1:
        bpy.data.images.remove(image)
