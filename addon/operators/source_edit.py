"""Which face of the photo a rig animates, what that face shows by itself, and by which pack."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import preview, rig, sources
from ..core.attributes import AT_GAZE, AT_POSE, AT_UNITS, ATTRIBUTES, GAZE, POSE, UNITS
from ..core.errors import FaceError, ZygomaError
from ..core.faces import Face, FaceReader, Photo, read_photo
from ..core.pack import DEFAULT
from ..preferences import settings
from .rig_add import PHOTOS, pack_names

HALF_TURN = 1.5708
PARTS = {"pose": AT_POSE, "expression": AT_UNITS, "gaze": AT_GAZE}  # of the vector, by the dialog's properties


def disabled_reason(context) -> str | None:
    if reason := rig.why_no_rig(context):
        return reason
    ob = rig.active(context)
    if ob.library is not None or ob.override_library is not None:
        return f"{ob.name} is linked: its source is changed in the file that it comes from"
    return None


class _OnRig:
    @classmethod
    def poll(cls, context):
        if reason := disabled_reason(context):
            cls.poll_message_set(reason)
            return False
        return True


def _photo(data: rig.RigData) -> Photo:
    photo = read_photo(data.photo_path)
    if photo.sha256 != data.photo_sha256:
        raise ZygomaError(f"{photo.path}: the photo has changed since the rig was made; put the old one back.")
    return photo


def _reader() -> FaceReader:
    return FaceReader(threads=settings().threads)


class ZYGOMA_OT_source_edit(_OnRig, bpy.types.Operator):
    """Correct what the photo's face shows by itself; the photo is then encoded anew"""

    bl_idname = "zygoma.source_edit"
    bl_label = "Edit Source Vector"
    bl_options = {"REGISTER", "UNDO"}

    expression: bpy.props.FloatVectorProperty(
        name="Expression", description="The photo's own Action Units, 0 to 1", size=len(UNITS), min=0, max=1
    )
    pose: bpy.props.FloatVectorProperty(
        name="Pose",
        description="The head's own pitch, yaw and roll in the photo",
        size=len(POSE),
        min=-HALF_TURN,
        max=HALF_TURN,
        subtype="EULER",
    )
    gaze: bpy.props.FloatVectorProperty(
        name="Gaze",
        description="Where the eyes look in the photo, in the head: pitch and yaw",
        size=len(GAZE),
        min=-HALF_TURN,
        max=HALF_TURN,
        unit="ROTATION",
    )

    def invoke(self, context, _event):
        try:
            vector = rig.read(rig.active(context)).source_vector
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        for name, place in PARTS.items():
            setattr(self, name, vector[place])
        return context.window_manager.invoke_props_dialog(self, width=400, confirm_text="Apply")

    def draw(self, _context):
        column = self.layout.column()
        column.use_property_split = True
        for name, place in PARTS.items():
            for i, attribute in enumerate(ATTRIBUTES[place]):
                text = attribute.title if attribute.is_angle else f"{attribute.key} {attribute.title}"
                column.prop(self, name, index=i, text=text, slider=not attribute.is_angle)

    def execute(self, context):
        ob = rig.active(context)
        try:
            data = rig.read(ob)
            vector = data.source_vector.copy()
            for name, place in PARTS.items():
                if self.properties.is_property_set(name):
                    vector[place] = getattr(self, name)
            rig.set_source(ob, data.box, vector)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        ob.update_tag()
        preview.refresh()
        return {"FINISHED"}


class ZYGOMA_OT_source_read(_OnRig, bpy.types.Operator):
    """Read the photo's own expression, pose and gaze anew, which takes back what was edited"""

    bl_idname = "zygoma.source_read"
    bl_label = "Read Source Vector Again"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        ob = rig.active(context)
        try:
            data = rig.read(ob)
            photo = _photo(data)
            _take(ob, data, photo, _reader().face(photo, box=data.box))
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class ZYGOMA_OT_face_pick(_OnRig, bpy.types.Operator):
    """Animate another face of the photo, by number or by a box around it"""

    bl_idname = "zygoma.face_pick"
    bl_label = "Pick Face"
    bl_options = {"REGISTER", "UNDO"}

    by: bpy.props.EnumProperty(
        name="Pick By",
        items=[
            ("SIZE", "Size", "The largest face of the photo, the second largest, and so on"),
            ("BOX", "Box", "The face inside a box, in pixels of the photo"),
        ],
        options={"SKIP_SAVE"},
    )
    face: bpy.props.IntProperty(
        name="Face", description="Which face of the photo, by size: 1 is the largest", default=1, min=1
    )
    box: bpy.props.FloatVectorProperty(
        name="Box",
        description="Left, top, right and bottom in pixels of the photo, around the face",
        size=4,
        min=0,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context, _event):
        return context.window_manager.invoke_props_dialog(self, confirm_text="Pick")

    def draw(self, _context):
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(self, "by", expand=True)
        if self.by == "SIZE":
            layout.prop(self, "face", text="Face, 1 Is the Largest")
        else:
            column = layout.column(align=True)
            for i, edge in enumerate(("Left", "Top", "Right", "Bottom")):
                column.prop(self, "box", index=i, text=edge)

    def execute(self, context):
        ob = rig.active(context)
        try:
            data = rig.read(ob)
            photo = _photo(data)
            by_box = any(self.box) and not self.properties.is_property_set("by")  # a script that gives a box
            if by_box or self.by == "BOX":
                left, top, right, bottom = self.box
                if right <= left or bottom <= top:
                    raise FaceError("The box is empty: give left, top, right and bottom in pixels of the photo.")
                face = _reader().face(photo, box=(left, top, right, bottom))
            else:
                face = _reader().face(photo, index=self.face - 1)
            _take(ob, data, photo, face)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        if face.warning:
            self.report({"WARNING"}, f"{photo.path.name}: {face.warning}")
        return {"FINISHED"}


class ZYGOMA_OT_photo_find(_OnRig, bpy.types.Operator, ImportHelper):
    """Say where the rig's photo is now, after it was moved or renamed"""

    bl_idname = "zygoma.photo_find"
    bl_label = "Find Photo"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(default=PHOTOS, options={"HIDDEN"})

    def execute(self, context):
        ob = rig.active(context)
        try:
            data = rig.read(ob)
            photo = read_photo(bpy.path.abspath(self.filepath))
            if photo.sha256 != data.photo_sha256:
                raise ZygomaError(
                    f"{photo.path} is not the photo that {ob.name} was made from; add it as a rig instead."
                )
            rig.set_photo(ob, Path(photo.path), photo.sha256)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        preview.refresh()
        return {"FINISHED"}


class ZYGOMA_OT_pack_pick(_OnRig, bpy.types.Operator):
    """Animate the rig by another generator pack; its curves and its source vector stay"""

    bl_idname = "zygoma.pack_pick"
    bl_label = "Change Pack"
    bl_options = {"REGISTER", "UNDO"}

    pack: bpy.props.StringProperty(
        name="Pack", description="The generator: a pack's id or its folder", default=DEFAULT, search=pack_names
    )

    def invoke(self, context, _event):
        try:
            self.pack = rig.read(rig.active(context)).pack_id
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self, confirm_text="Change")

    def execute(self, context):
        ob = rig.active(context)
        try:
            data = rig.read(ob)
            low, high = sources.generator(self.pack).pack.sizes
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        rig.set_pack(ob, self.pack, data.size if data.size and low <= data.size <= high else None)
        ob.update_tag()
        preview.refresh()
        return {"FINISHED"}


def _take(ob: bpy.types.Object, data: rig.RigData, photo: Photo, face: Face) -> None:
    """Encodes the face and stores what it shows by itself."""
    source = sources.encode(photo, face, data.pack_id, data.size)
    rig.set_source(ob, face.box, source.vector)
    ob.update_tag()
    preview.refresh()


CLASSES = (
    ZYGOMA_OT_source_edit,
    ZYGOMA_OT_source_read,
    ZYGOMA_OT_face_pick,
    ZYGOMA_OT_photo_find,
    ZYGOMA_OT_pack_pick,
)
