"""Add > Image > Face from Photo."""

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import colour, rig, sources
from ..core.errors import PhotoError, ZygomaError
from ..core.faces import FaceReader, read_photo
from ..core.pack import DEFAULT, list_packs
from ..preferences import settings

PHOTOS = "*.jpg;*.jpeg;*.png;*.tif;*.tiff;*.webp;*.bmp"


def pack_names(_self=None, _context=None, edit_text="") -> list[str]:
    """What the pack field offers; a broken pack is left out here and explained when it is asked for by name."""
    return [pack.id for pack in list_packs(settings().pack_folders, problems=[]) if edit_text in pack.id]


class ZYGOMA_OT_rig_add(bpy.types.Operator, ImportHelper):
    """Add a photo of a face as a plane that Action Units animate"""

    bl_idname = "zygoma.rig_add"
    bl_label = "Face from Photo"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(default=PHOTOS, options={"HIDDEN"})
    pack: bpy.props.StringProperty(
        name="Pack", description="The generator: a pack's id or its folder", default=DEFAULT, search=pack_names
    )
    face: bpy.props.IntProperty(
        name="Face", description="Which face of the photo, by size: 1 is the largest", default=1, min=1
    )
    size: bpy.props.IntProperty(
        name="Crop Size",
        description="Side in pixels of what is generated; 0 takes what the face has in the photo",
        default=0,
        min=0,
        max=4096,
        subtype="PIXEL",
    )

    def execute(self, context):
        try:
            if not self.filepath:
                raise PhotoError("No photo was chosen: give the path of an image file.")
            if reason := rig.why_no_room(context):
                raise ZygomaError(f"{reason}.")
            photo = read_photo(bpy.path.abspath(self.filepath))
            face = FaceReader(threads=settings().threads).face(photo, index=self.face - 1)
            source = sources.encode(photo, face, self.pack, self.size or None)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")  # else what was edited would stay in its mode, out of reach
        ob = rig.create(context, photo, face, source.vector, self.pack, self.size or None)
        for other in context.selected_objects:
            other.select_set(False)
        ob.select_set(True)
        context.view_layer.objects.active = ob
        for note in (*photo.notes, *source.notes):
            self.report({"INFO"}, f"{photo.path.name}: {note}")
        if face.warning:
            self.report({"WARNING"}, f"{photo.path.name}: {face.warning}")
        if change := colour.problem(context.scene):
            self.report({"WARNING"}, f"{change}: zygoma.colour_standard (in the Zygoma tab) sets Standard")
        return {"FINISHED"}


CLASSES = (ZYGOMA_OT_rig_add,)
