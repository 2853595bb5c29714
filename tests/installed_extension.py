"""Run by test_extension.py inside a bpy that has nothing but NumPy beside it: installs the zip and uses what it brings.

Arguments: the zip, a portrait, a table, the folder for frames. BLENDER_USER_RESOURCES is a new, empty folder. The last
line printed is JSON.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import bpy  # isort: skip (makes the next one importable)
import addon_utils

package, portrait, table, out = sys.argv[1:5]
user = Path(os.environ["BLENDER_USER_RESOURCES"]).resolve()

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True, overwrite=True)
name = "bl_ext.user_default.zygoma"
enabled = addon_utils.enable(name, default_set=True)
found = {"blender": bpy.app.version_string, "enabled": enabled is not None, "wheels": {}}

for wheel in ("onnxruntime", "scipy", "cv2", "imageio", "imageio_ffmpeg", "PIL", "tqdm", "threadpoolctl"):
    origin = Path(importlib.import_module(wheel).__file__).resolve()
    found["wheels"][wheel] = origin.is_relative_to(user)

scene = bpy.context.scene
found["rig_add"] = sorted(bpy.ops.zygoma.rig_add(filepath=portrait))
rig = bpy.context.object
found["properties"] = [key for key in rig.keys() if key.startswith(("AU", "pose_", "gaze_", "own_"))]  # noqa: SIM118
found["table_import"] = sorted(bpy.ops.zygoma.table_import(filepath=table))
animated = rig.animation_data.action if rig.animation_data else None
found["action"] = animated.name if animated else None

camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
camera.data.type = "ORTHO"
camera.data.ortho_scale = max(rig.dimensions)
scene.collection.objects.link(camera)
normal = rig.matrix_world.to_3x3() @ rig.data.polygons[0].normal
camera.matrix_world = normal.to_track_quat("Z", "Y").to_matrix().to_4x4()
camera.location = rig.matrix_world.translation + normal * 5
scene.camera = camera
scene.render.engine = "CYCLES"
scene.cycles.samples = 1
scene.cycles.use_denoising = False
scene.render.resolution_x = scene.render.resolution_y = 160
scene.render.image_settings.file_format = "PNG"
scene.render.filepath = str(Path(out) / "####")
scene.frame_start, scene.frame_end, scene.frame_step = 1, 15, 7
bpy.ops.render.render(animation=True)

addon_utils.disable(name, default_set=True)
found["disabled"] = not hasattr(bpy.types, "ZYGOMA_OT_rig_add")
print("\n" + json.dumps(found), flush=True)
os._exit(0)
