"""Render Clip on a saved file, in a process of its own: the demo runs it beside Blender's animation render.

.venv/bin/python -m docs.demo.fast_path out/demo/demo.blend mona_lisa out/demo/fast
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import bpy

import addon


def main() -> int:
    blend, name, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    os.nice(10)  # it takes what the render beside it leaves of the cores
    try:
        addon.register()
        bpy.ops.wm.open_mainfile(filepath=str(blend))
        for ob in bpy.context.view_layer.objects:
            ob.select_set(ob.name == name)
        bpy.context.view_layer.objects.active = bpy.data.objects[name]
        bpy.ops.zygoma.clip_render(filepath=str(folder), existing="overwrite")
    except Exception:  # whatever it is, the demo waits for an end, and reads why in the log
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # bpy as a module may hang when the interpreter ends after a render
