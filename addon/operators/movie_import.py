"""A movie of a face -> F-curves of the active rig: followed beside the window, then imported like any table."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import rig
from ..core.errors import ZygomaError
from ..core.movies import TrackJob
from ..movie_track import MovieWork
from .clip_render import go
from .table_import import MotionOptions, draw_columns, draw_options

TAKEN_OVER = tuple(MotionOptions.__annotations__)  # the options that the import of the table has, too


class ZYGOMA_OT_movie_import(MotionOptions, bpy.types.Operator, ImportHelper):
    """Read a filmed face (a movie, a folder of pictures or one picture) as a new action of the active face rig"""

    bl_idname = "zygoma.movie_import"
    bl_label = "Import Movie of a Face"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(
        default="*.mp4;*.mov;*.mkv;*.webm;*.avi;*.m4v;*.mpg;*.mpeg;*.wmv;*.gif;*.png;*.jpg;*.jpeg;*.webp;*.tif;*.tiff",
        options={"HIDDEN"},
    )
    table: bpy.props.StringProperty(
        name="Keep Table", description="Where the table of Action Units stays (.csv); empty keeps none",
        subtype="FILE_PATH",
    )  # fmt: skip
    overwrite: bpy.props.BoolProperty(name="Overwrite", description="Replace a table that is there")
    begin: bpy.props.FloatProperty(
        name="From", description="Seconds of the movie", default=0, min=0, subtype="TIME_ABSOLUTE"
    )
    end: bpy.props.FloatProperty(
        name="To", description="Seconds of the movie; 0 is its end", default=0, min=0, subtype="TIME_ABSOLUTE"
    )
    faces: bpy.props.IntProperty(
        name="Most Faces", description="How many faces are followed at a time, the largest first", default=8, min=1
    )
    rate: bpy.props.FloatProperty(
        name="Frames a Second", description="Of a folder of pictures (0: 25), or in place of a movie's own clock",
        default=0, min=0, max=1000,
    )  # fmt: skip

    def draw(self, _context):
        names = ("begin", "end", "faces", "face", "rate", "table", "overwrite")
        draw_options(self, names, "-1: most rows; 0: to the end, the movie's clock", ("scale",))
        draw_columns(self)

    def execute(self, context):
        movie = Path(bpy.path.abspath(self.filepath))
        if not movie.name:  # a folder, as the file dialog names it
            movie = movie.parent
        folder = None
        if self.table:
            table = Path(bpy.path.abspath(self.table))
        else:
            folder = Path(tempfile.mkdtemp(prefix="zygoma-", dir=bpy.app.tempdir or None))
            table = folder / f"{movie.stem}.csv"
        job = TrackJob(movie, table, self.begin, self.end or None, self.faces, self.rate or None, self.overwrite)
        work = MovieWork(job, kept=folder is None)
        options = {name: getattr(self, name) for name in TAKEN_OVER}
        name = rig.active(context).name

        def finish(_work: MovieWork) -> None:
            _import(name, table, movie, folder is None, options)

        def clean() -> None:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

        return go(self, context, work, finish, clean)


def _import(name: str, table: Path, movie: Path, kept: bool, options: dict) -> None:
    """The table onto the rig, whatever is active by now. Raises ZygomaError."""
    ob = bpy.data.objects.get(name)
    if ob is None or not rig.is_rig(ob):
        where = f"; import {table}" if kept else ""
        raise ZygomaError(f"The rig {name} is gone, so the movie has nowhere to go{where}.")
    before = ob.animation_data and ob.animation_data.action
    try:
        with bpy.context.temp_override(object=ob, active_object=ob, selected_objects=[ob]):
            bpy.ops.zygoma.table_import("EXEC_DEFAULT", filepath=str(table), **options)
    except RuntimeError as problem:  # the import's own words
        raise ZygomaError(str(problem).strip().removeprefix("Error: ")) from problem
    action = ob.animation_data and ob.animation_data.action
    if action is not None and action != before and rig.GROUP in action:
        action[rig.GROUP]["movie"] = str(movie)
        if not kept:
            action[rig.GROUP]["table"] = ""


CLASSES = (ZYGOMA_OT_movie_import,)
