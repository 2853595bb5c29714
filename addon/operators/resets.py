"""Back to the photo: the sliders of a rig to their rest."""

import bpy

from .. import curves, properties, rig
from ..core.attributes import ATTRIBUTES
from ..properties import KEYS

REGIONS = tuple(dict.fromkeys(attribute.region for attribute in ATTRIBUTES))


def disabled_reason(context) -> str | None:
    if reason := rig.why_no_rig(context):
        return reason
    return rig.why_not_editable(rig.active(context))


class ZYGOMA_OT_reset(bpy.types.Operator):
    """Put the rig's sliders back to rest, where they leave the photo as it is; keys stay, and win at the next frame"""

    bl_idname = "zygoma.reset"
    bl_label = "Reset"
    bl_options = {"REGISTER", "UNDO"}

    what: bpy.props.EnumProperty(
        name="What",
        items=[
            ("ALL", "All", "Every slider and both weights"),
            *[(region.upper(), region, f"The sliders of the region {region}") for region in REGIONS],
            ("WEIGHTS", "Photo's Own", "How much of the photo's own expression, pose and gaze stays"),
        ],
    )

    @classmethod
    def poll(cls, context):
        if reason := disabled_reason(context):
            cls.poll_message_set(reason)
            return False
        return True

    def execute(self, context):
        ob = rig.active(context)
        properties.complete(ob)
        regions = {attribute.key: attribute.region.upper() for attribute in ATTRIBUTES}
        for key in KEYS:
            if self.what in ("ALL", regions.get(key, "WEIGHTS")):
                ob[key] = properties.rest(key)
        ob.update_tag()
        return {"FINISHED"}


class ZYGOMA_OT_key_all(bpy.types.Operator):
    """Insert a key for every slider and both weights at the current frame"""

    bl_idname = "zygoma.key_all"
    bl_label = "Key All Sliders"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if reason := disabled_reason(context) or curves.why_no_keys(rig.active(context)):
            cls.poll_message_set(reason)
            return False
        return True

    def execute(self, context):
        ob = rig.active(context)
        properties.complete(ob)
        for key in KEYS:
            ob.keyframe_insert(properties.data_path(key), group=curves.GROUP)
        return {"FINISHED"}


CLASSES = (ZYGOMA_OT_reset, ZYGOMA_OT_key_all)
