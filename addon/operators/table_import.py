"""A table of Action Units -> F-curves of the active rig."""

from pathlib import Path

import bpy
import numpy as np
from bpy_extras.io_utils import ImportHelper

from .. import curves, properties, rig
from ..core.attributes import ATTRIBUTES, NAMES
from ..core.errors import ZygomaError
from ..core.tables import GAINS
from ..motion import Choices, Motion, from_table

PLACES = [
    ("IN_PLACE", "In Its Place", "The table's values are the face's; the photo's own goes"),
    ("ON_TOP", "On Top of It", "The photo's own stays; the driver's neutral is taken off the table first"),
]


def disabled_reason(context) -> str | None:
    if reason := rig.why_no_rig(context):
        return reason
    ob = rig.active(context)
    return rig.why_not_editable(ob) or curves.why_not(ob)


class MotionOptions:
    """What becomes of a recording on a rig, however it was read: the options of both imports."""

    face: bpy.props.IntProperty(
        name="Face in Table", description="Its number (face_id); -1 takes the face with most rows", default=-1, min=-1
    )
    start_frame: bpy.props.FloatProperty(
        name="Start Frame", description="Scene frame of the recording's first row", default=1
    )
    columns: bpy.props.EnumProperty(
        name="Columns",
        description="What to take from the table",
        items=[(a.key, a.title if a.is_angle else a.key, a.description, 1 << i) for i, a in enumerate(ATTRIBUTES)],
        options={"ENUM_FLAG"},
        default=set(NAMES),
    )
    expression: bpy.props.EnumProperty(name="Expression", items=PLACES, default="IN_PLACE")
    pose: bpy.props.EnumProperty(name="Pose and Gaze", items=PLACES, default="ON_TOP")
    scale: bpy.props.FloatProperty(name="Scale", description="Times all Action Units", default=1, min=0, soft_max=4)
    bridge: bpy.props.FloatProperty(
        name="Bridge Gaps", description="Failed and missing rows up to this long become straight lines",
        default=0.5, min=0, subtype="TIME_ABSOLUTE",
    )  # fmt: skip
    beyond: bpy.props.EnumProperty(
        name="Longer Gaps",
        items=[
            ("hold", "Hold", "The last expression stays"),
            ("rest", "Rest", "All sliders go to 0"),
            ("fail", "Refuse", "Import nothing"),
        ],
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing", description="Width of a Gaussian over time, without lag; 0 for none",
        default=0, min=0, soft_max=1, subtype="TIME_ABSOLUTE",
    )  # fmt: skip
    tolerance: bpy.props.FloatProperty(
        name="Key Tolerance",
        description="Leave out keys as long as the curve stays this close to every row; 0 keeps a key a row",
        default=0,
        min=0,
        soft_max=0.1,
        precision=4,
    )
    existing: bpy.props.EnumProperty(
        name="Existing Action",
        description="What becomes of the action that the rig has already; it is never lost",
        items=[
            ("MERGE", "Merge", "Its other curves are copied into the new action; it is kept itself, too"),
            ("REPLACE", "Replace", "The new action starts empty; the old one is kept in the file"),
            ("NLA", "Push Down", "It becomes an NLA strip below the new action"),
        ],
    )
    still: bpy.props.EnumProperty(
        name="Single Row",
        description="What a table of one row is: a pose for the current frame",
        items=[("KEYS", "Keys", "Key the current frame"), ("VALUES", "Values", "Set the sliders only")],
    )
    set_range: bpy.props.BoolProperty(name="Set Scene Range", description="The scene's frames become the recording's")

    @classmethod
    def poll(cls, context):
        if reason := disabled_reason(context):
            cls.poll_message_set(reason)
            return False
        return True

    def invoke(self, context, event):
        if not self.properties.is_property_set("start_frame"):
            self.start_frame = context.scene.frame_start
        return super().invoke(context, event)


def draw_options(operator, recording: tuple[str, ...], note: str, strength: tuple[str, ...]) -> None:
    """The options of an import in boxes; recording (with a note below) and strength: the names of its own."""
    layout = operator.layout
    layout.use_property_split = True
    layout.use_property_decorate = False
    for title, names, below in (
        ("Recording", recording, note),
        ("Into the Scene", ("start_frame", "set_range", "existing", "still"), ""),
        ("With the Photo's Own", ("expression", "pose"), ""),
        ("Clean Up", ("bridge", "beyond", "smoothing", "tolerance"), ""),
        ("Strength", strength, ""),
    ):
        box = layout.box()
        box.label(text=title)
        for name in names:
            box.prop(operator, name)
        if below:
            box.label(text=below)


def draw_columns(operator) -> None:
    box = operator.layout.box()
    box.label(text="Columns")
    grid = box.grid_flow(row_major=True, columns=4, align=True)
    grid.use_property_split = False
    for name in NAMES:
        grid.prop_enum(operator, "columns", name)


class ZYGOMA_OT_table_import(MotionOptions, bpy.types.Operator, ImportHelper):
    """Import a table of Action Units (OpenFace CSV) as a new action of the active face rig"""

    bl_idname = "zygoma.table_import"
    bl_label = "Import Action Units"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(default="*.csv;*.tsv;*.txt", options={"HIDDEN"})
    rate: bpy.props.FloatProperty(
        name="Rows a Second", description="0 goes by the file's own clock", default=0, min=0, max=10_000
    )
    as_is: bpy.props.BoolProperty(
        name="Raw Intensities",
        description="A fifth of the table's intensities: no gains, and the driver's neutral is not taken off",
    )
    gains: bpy.props.FloatVectorProperty(
        name="Gains",
        description="By attribute: what intensity / 5 (OpenFace's points are compressed) or the angle is multiplied by",
        size=len(NAMES),
        default=[GAINS[name] for name in NAMES],
        soft_min=0,
        soft_max=10,
    )
    divided: bpy.props.EnumProperty(
        name="Intensities",
        items=[
            ("UNKNOWN", "As Read", "Take them as points, and say where they look divided by 5"),
            ("POINTS", "0 to 5", "OpenFace's points"),
            ("FIFTHS", "0 to 1", "Divided by 5 already"),
        ],
    )

    def draw(self, _context):
        draw_options(self, ("face", "rate", "divided"), "-1: most rows; 0: the file's clock", ("as_is", "scale"))
        box = self.layout.box()
        box.active = not self.as_is
        box.label(text="Gains")
        grid = box.grid_flow(row_major=True, columns=2, align=True)
        grid.use_property_split = False
        for i, attribute in enumerate(ATTRIBUTES):
            grid.prop(self, "gains", index=i, text=attribute.title if attribute.is_angle else attribute.key)
        draw_columns(self)

    def execute(self, context):
        ob = rig.active(context)
        try:
            motion = from_table(Path(bpy.path.abspath(self.filepath)), self._choices())
            rate = curves.scene_rate(context.scene)
            properties.complete(ob)
            if motion.still:
                _pose(ob, motion, context.scene, self.still == "KEYS")
            else:
                action = self._animate(ob, motion, rate)
                action[rig.GROUP] = self._settings(motion, rate)
        except ZygomaError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        if self.set_range and not motion.still:
            context.scene.frame_start = int(np.floor(self.start_frame))
            context.scene.frame_end = int(np.ceil(self.start_frame + motion.duration * rate - 1e-6))
        ob.update_tag()
        for line in motion.report:
            self.report({"INFO"}, line)
        driven = curves.driven(ob, motion.keys.keys() | motion.weights.keys())
        if driven:
            self.report({"WARNING"}, f"Driven, so their keys have no effect: {', '.join(driven)}")
        if motion.table.divided and self.divided == "UNKNOWN":
            self.report({"WARNING"}, "The intensities may be divided by 5 already: choose 0 to 1 where they are")
        return {"FINISHED"}

    def _choices(self) -> Choices:
        return Choices(
            face=None if self.face < 0 else self.face,
            rate=self.rate or None,
            divided={"UNKNOWN": None, "POINTS": False, "FIFTHS": True}[self.divided],
            columns=frozenset(self.columns),
            gains=dict(zip(NAMES, self.gains, strict=True)),
            as_is=self.as_is,
            scale=self.scale,
            expression=self.expression,
            pose=self.pose,
            bridge=self.bridge,
            beyond=self.beyond,
            smoothing=self.smoothing,
            tolerance=self.tolerance,
        )

    def _animate(self, ob: bpy.types.Object, motion: Motion, rate: float) -> bpy.types.Action:
        start = self.start_frame
        keys = {name: (start + times * rate, values) for name, (times, values) in motion.keys.items()}
        keys |= {name: (np.array([start]), np.array([weight])) for name, weight in motion.weights.items()}
        return curves.write(ob, keys, Path(self.filepath).stem, self.existing)

    def _settings(self, motion: Motion, rate: float) -> dict:
        """What the action was made from and how, to look up and to repeat."""
        choices = self._choices()
        return {
            "version": rig.VERSION,
            "table": str(motion.table.path),
            "face": motion.table.face,
            "rows": len(motion.table),
            "table_rate": float(motion.table.rate or 0),
            "scene_rate": float(rate),
            "start_frame": float(self.start_frame),
            "as_is": bool(self.as_is),
            "gains": {name: choices.gain(name, motion.table) for name in NAMES},
            "expression": self.expression,
            "pose": self.pose,
            "divided": self.divided,
            "bridge": float(self.bridge),
            "beyond": self.beyond,
            "smoothing": float(self.smoothing),
            "tolerance": float(self.tolerance),
            "report": "\n".join(motion.report),
        }


def _pose(ob: bpy.types.Object, motion: Motion, scene: bpy.types.Scene, keyed: bool) -> None:
    """One row onto the sliders, keyed at the current frame where asked. Raises ZygomaError where it cannot be."""
    if keyed and (reason := curves.why_no_keys(ob)):
        raise ZygomaError(f"{reason}, or set the values only.")
    values = {name: float(row[0]) for name, (_, row) in motion.keys.items()} | motion.weights
    for name, value in values.items():
        ob[name] = value
        if keyed:
            ob.keyframe_insert(properties.data_path(name), frame=scene.frame_current, group=curves.GROUP)


CLASSES = (ZYGOMA_OT_table_import,)
