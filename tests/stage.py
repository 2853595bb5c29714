"""A Blender scene in which one rendered pixel is one pixel of the photo, and what its frames must be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image
from portraits import portrait_path
from probe_pack import build_probe

from addon import rig, sources
from addon.core import attributes
from addon.core.faces import read_photo

SOURCE = attributes.vector({"AU12": 0.25, "AU25": 0.125, "pose_yaw": 0.0625, "pose_pitch": -0.03125})
FACE = (225, 190, 475, 490)  # of the Mona Lisa, photo pixels


@dataclass
class Stage:
    """A folder with a photo and a probe pack, and an empty scene that shows rigs pixel for pixel."""

    folder: Path
    photo: Path
    pack: Path

    @property
    def scene(self) -> bpy.types.Scene:
        return bpy.context.scene

    def rig(self, name: str = "Face", photo: Path | None = None) -> bpy.types.Object:
        """A rig on the stage's photo, its source vector known."""
        picture = read_photo(photo or self.photo)
        face = reader().face(picture)
        ob = rig.create(bpy.context, picture, face, SOURCE, str(self.pack))
        ob.name = name
        return ob

    def still(self, ob: bpy.types.Object, **properties: float) -> np.ndarray:
        """uint8 [H,W,3]: the fast path's picture of the rig under these properties and weights."""
        own = (properties.pop("own_expression", 1.0), properties.pop("own_pose", 1.0))
        data = rig.read(ob)
        session, source = sources.source(data)
        assert np.array_equal(source.vector, SOURCE)
        return session.frame(source, attributes.target(SOURCE, attributes.vector(properties), *own))

    def curves(self, ob: bpy.types.Object, frame: float, **others: float) -> np.ndarray:
        """The fast path's picture at a frame of the rig's action, read curve by curve."""
        values = {curve.data_path[2:-2]: curve.evaluate(frame) for curve in fcurves(ob)}
        return self.still(ob, **(values | others))

    def files(self, folder: str) -> dict[int, np.ndarray]:
        """What a render left in the folder: uint8 [H,W,3] by frame."""
        paths = sorted((self.folder / folder).glob("*.png"))
        return {int(path.stem[-4:]): np.asarray(Image.open(path).convert("RGB")) for path in paths}


_readers = []


def reader():
    from addon.core.faces import FaceReader

    if not _readers:
        _readers.append(FaceReader())
    return _readers[0]


def build(folder: Path, **pack: object) -> Stage:
    """Writes the photo and the pack and empties Blender."""
    photo = folder / "photo.png"
    Image.open(portrait_path("mona_lisa")).convert("RGB").crop(FACE).resize((150, 180)).save(photo)
    stage = Stage(folder, photo, build_probe(folder / "probe", **pack))
    bpy.ops.wm.read_homefile(use_empty=True)
    prepare(bpy.context.scene)
    return stage


def prepare(scene: bpy.types.Scene, width: int = 150, height: int = 180) -> None:
    """What a render needs to give the values of a texture back unchanged."""
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.dither_intensity = 0
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.compression = 0
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 1
    render.threads_mode, render.threads = "FIXED", 1
    scene.frame_start, scene.frame_end = 1, 5


def camera(scene: bpy.types.Scene, *rigs: bpy.types.Object) -> None:
    """An orthographic camera that sees exactly these planes, which must lie side by side; sets the resolution."""
    bpy.context.view_layer.update()
    corners = [ob.matrix_world @ Vector(corner) for ob in rigs for corner in ob.bound_box]
    plane = rigs[0].data
    right, up = texture_axes(plane)
    turn = Matrix((right, up, right.cross(up))).transposed()
    turn = rigs[0].matrix_world.to_3x3().normalized() @ turn
    flat = [turn.transposed() @ corner for corner in corners]
    low = Vector(map(min, zip(*flat, strict=True)))
    high = Vector(map(max, zip(*flat, strict=True)))
    data = bpy.data.cameras.new("Camera")
    data.type = "ORTHO"
    data.ortho_scale = max(high.x - low.x, high.y - low.y)
    ob = bpy.data.objects.new("Camera", data)
    ob.matrix_world = Matrix.Translation(turn @ ((low + high) / 2) + turn.col[2] * 2) @ turn.to_4x4()
    scene.collection.objects.link(ob)
    scene.camera = ob
    image = rig.picture(rigs[0])
    scene.render.resolution_y = image.size[1]
    scene.render.resolution_x = round(image.size[1] * (high.x - low.x) / (high.y - low.y))
    for one in rigs:
        for node in one.material_slots[0].material.node_tree.nodes:
            if node.type == "TEX_IMAGE":
                node.interpolation = "Closest"


def texture_axes(mesh: bpy.types.Mesh) -> tuple[Vector, Vector]:
    """Where the texture's right and up point in the mesh's own space."""
    uv = [tuple(loop.uv) for loop in mesh.uv_layers.active.data]
    at = {uv[i]: mesh.vertices[loop.vertex_index].co for i, loop in enumerate(mesh.loops)}
    return (at[1, 0] - at[0, 0]).normalized(), (at[0, 1] - at[0, 0]).normalized()


def beside(ob: bpy.types.Object, other: bpy.types.Object) -> None:
    """Puts `other` right of `ob`, edge to edge."""
    right, _ = texture_axes(ob.data)
    width = max(corner[i] for corner in ob.bound_box for i in range(3) if abs(right[i]) > 0.5) * 2
    bpy.context.view_layer.update()
    other.matrix_world = ob.matrix_world @ Matrix.Translation(right * width)


def key(ob: bpy.types.Object, name: str, *values: tuple[float, float]) -> None:
    """Straight lines through (frame, value)."""
    for frame, value in values:
        ob[name] = float(value)
        ob.keyframe_insert(f'["{name}"]', frame=frame)
    for curve in fcurves(ob):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def fcurves(ob: bpy.types.Object) -> list[bpy.types.FCurve]:
    """The curves of the object's action, layered or not."""
    animation = ob.animation_data
    if animation is None or animation.action is None:
        return []
    if hasattr(animation.action, "fcurves"):
        return list(animation.action.fcurves)
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    return list(bag.fcurves)


def talk(ob: bpy.types.Object, turn: float = 1.0) -> None:
    """A motion in which every frame differs from every other."""
    key(ob, "AU12", (1, 0.0), (9, 0.7))
    key(ob, "AU26", (1, 0.9), (9, 0.1))
    key(ob, "pose_yaw", (1, -0.4 * turn), (9, 0.4 * turn))
    key(ob, "own_expression", (1, 1.0), (9, 0.25))


def render(stage: Stage, folder: str, scene: bpy.types.Scene | None = None) -> dict[int, np.ndarray]:
    """Blender's own animation render into the folder, read back."""
    scene = scene or stage.scene
    scene.render.filepath = f"{stage.folder / folder}/"
    bpy.ops.render.render(animation=True, scene=scene.name)
    return stage.files(folder)


def check(frames: dict[int, np.ndarray], expected: dict[int, np.ndarray]) -> None:
    """Each frame is there, is exactly what it should be, and is like no other."""
    assert sorted(frames) == sorted(expected)
    wrong = {n: int((frames[n] != expected[n]).any(-1).sum()) for n in frames if not _same(frames[n], expected[n])}
    assert wrong == {}, f"pixels that differ, by frame: {wrong}"
    assert len({image.tobytes() for image in frames.values()}) == len(frames)


def _same(image: np.ndarray, other: np.ndarray) -> bool:
    return image.shape == other.shape and np.array_equal(image, other)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
