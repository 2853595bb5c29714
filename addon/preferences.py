"""What the user chose for all files: the device, its threads, where more packs are."""

from dataclasses import dataclass
from pathlib import Path

import bpy


@dataclass(frozen=True)
class Settings:
    """device: 'auto', 'CPU' or 'CUDA'; threads: of one run on the CPU, None for the generator's own choice."""

    device: str = "auto"
    threads: int | None = None
    pack_folders: tuple[Path, ...] = ()


_settings = Settings()


def settings() -> Settings:
    """A snapshot that any thread may read; defaults where Zygoma runs without preferences."""
    return _settings


def take_over() -> None:
    """Makes the preferences the settings. On the main thread.

    While Blender enables Zygoma it hides the file: folders beside it ("//") are known when the file is looked at.
    """
    global _settings
    entry = bpy.context.preferences.addons.get(__package__)
    if entry is None or entry.preferences is None:
        _settings = Settings()
        return
    chosen = entry.preferences
    paths = [folder.path for folder in chosen.pack_folders if folder.path]
    if not hasattr(bpy.data, "filepath"):
        paths = [path for path in paths if not path.startswith("//")]
    folders = tuple(Path(bpy.path.abspath(path)) for path in paths)
    _settings = Settings(chosen.device, chosen.threads or None, folders)


def changed(_self=None, _context=None) -> None:
    """Loaded generators are let go: the next picture comes from what was chosen."""
    from . import preview, sources

    before = _settings
    take_over()
    if _settings != before:
        sources.clear()
        preview.refresh()


class ZYGOMA_PG_pack_folder(bpy.types.PropertyGroup):
    path: bpy.props.StringProperty(
        name="Folder", description="A folder with generator packs in it", subtype="DIR_PATH", update=changed
    )


class ZYGOMA_OT_pack_folder_add(bpy.types.Operator):
    """Add a folder in which to look for generator packs"""

    bl_idname = "zygoma.pack_folder_add"
    bl_label = "Add Folder of Packs"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        context.preferences.addons[__package__].preferences.pack_folders.add()
        return {"FINISHED"}


class ZYGOMA_OT_pack_folder_remove(bpy.types.Operator):
    """No longer look for generator packs in this folder"""

    bl_idname = "zygoma.pack_folder_remove"
    bl_label = "Remove Folder of Packs"
    bl_options = {"INTERNAL"}

    index: bpy.props.IntProperty(min=0)

    def execute(self, context):
        context.preferences.addons[__package__].preferences.pack_folders.remove(self.index)
        changed()
        return {"FINISHED"}


class ZYGOMA_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__ or "addon"

    device: bpy.props.EnumProperty(
        name="Device",
        description="What generators run on",
        items=[
            ("auto", "Automatic", "CUDA where it works, else the CPU"),
            ("CUDA", "CUDA", "An NVIDIA graphics card"),
            ("CPU", "CPU", "The processor"),
        ],
        update=changed,
    )
    threads: bpy.props.IntProperty(
        name="Threads", description="Of one generator on the CPU; 0 chooses", min=0, max=256, update=changed
    )
    pack_folders: bpy.props.CollectionProperty(type=ZYGOMA_PG_pack_folder)

    def draw(self, _context):
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "device")
        layout.prop(self, "threads")
        box = layout.box()
        box.label(text="More Generator Packs")
        for index, folder in enumerate(self.pack_folders):
            row = box.row()
            row.prop(folder, "path", text="")
            row.operator(ZYGOMA_OT_pack_folder_remove.bl_idname, text="", icon="X").index = index
        box.operator(ZYGOMA_OT_pack_folder_add.bl_idname, icon="ADD")


CLASSES = (ZYGOMA_PG_pack_folder, ZYGOMA_OT_pack_folder_add, ZYGOMA_OT_pack_folder_remove, ZYGOMA_AP_preferences)


def register() -> None:
    take_over()


def unregister() -> None:
    global _settings
    _settings = Settings()
