"""Solid shading: a viewport in its default colours shows a grey plane in place of a photo."""

import bpy


def problem(space: bpy.types.Space | None) -> str | None:
    """Why the 3D viewport does not show the photo, None where it does, or where there is none."""
    if not isinstance(space, bpy.types.SpaceView3D):
        return None
    if space.shading.type == "SOLID" and space.shading.color_type != "TEXTURE":
        return "Solid shading shows the photo only with the colour Texture"
    return None


class ZYGOMA_OT_shading_texture(bpy.types.Operator):
    """Have this viewport's Solid shading show textures, and so the face"""

    bl_idname = "zygoma.shading_texture"
    bl_label = "Show Textures"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        if problem(context.space_data) is None:
            cls.poll_message_set("No 3D viewport here whose Solid shading hides photos")
            return False
        return True

    def execute(self, context):
        shading = context.space_data.shading
        shading.color_type, shading.light = "TEXTURE", "FLAT"  # lit by a studio, a photo looks dim
        return {"FINISHED"}


CLASSES = (ZYGOMA_OT_shading_texture,)
