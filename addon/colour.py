"""The view transform: a photo keeps its colours under Standard only; AgX and Filmic grade it like a scene of lights."""

import bpy


def problem(scene: bpy.types.Scene) -> str | None:
    """What the scene's colour management does to photos, None where they come out as they are."""
    if scene.display_settings.display_device != "sRGB":
        return None  # somebody who works for another display has chosen what to see
    view = scene.view_settings
    if view.view_transform != "Standard":
        return f"The view transform {view.view_transform} changes the photo's colours"
    if view.look != "None":
        return f"The look {view.look} changes the photo's colours"
    if view.exposure != 0 or view.gamma != 1 or view.use_curve_mapping:
        return "Exposure, gamma or curves change the photo's colours"
    return None


def make_standard(scene: bpy.types.Scene) -> None:
    """What shows photos as they are."""
    view = scene.view_settings
    view.view_transform = "Standard"
    view.look = "None"
    view.exposure, view.gamma = 0, 1
    view.use_curve_mapping = False


class ZYGOMA_OT_colour_standard(bpy.types.Operator):
    """Show and render photos in their own colours: view transform Standard, no look, no exposure, no curves"""

    bl_idname = "zygoma.colour_standard"
    bl_label = "Use Standard View Transform"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if problem(context.scene) is None:
            cls.poll_message_set("The scene shows photos in their own colours already")
            return False
        return True

    def execute(self, context):
        make_standard(context.scene)
        return {"FINISHED"}


CLASSES = (ZYGOMA_OT_colour_standard,)
