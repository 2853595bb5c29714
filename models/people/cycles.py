"""Draws synthetic people with Blender's Cycles, as `rasteriser` does with OpenGL: the same people, light and camera,
with light that bounces, goes through skin and lies in hair.

Slower by an order of magnitude; for the test set and for fine-tuning. Runs where `bpy` is installed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import bpy
import cv2
import numpy as np

from . import cycles_materials as materials
from .camera import Camera
from .eye_map import paint_eye
from .eye_map import place as place_on_eye
from .folds import thrown_folds
from .head import EYES, SKIN, TONGUE, Head, Posed
from .light import Light
from .parts import Part
from .person import Locks, Person
from .skin_map import Atlas, paint, place

SAMPLES = 24
GAIN = 0.5  # of the film, so that highlights up to 2 are kept
THICKNESS = {"hair": 0.00022, "brows": 0.00013, "lashes": 0.00010, "beard": 0.00012}  # metres, half a strand
COPIES = {"hair": 3}  # strands for each of the rasteriser's wide ones
STRAY = 0.0012  # metres between copies of a strand
WHITE_HAIR = np.array([0.62, 0.60, 0.56])
GAUGE = 0.0011  # metres of a fold's height of 1, and of pores' relief, as in the rasteriser
PORES = 0.00012


class Cycles:
    """Draws one person after the other: `dress` prepares a person, `picture` draws a view. Blender's current file is
    replaced."""

    def __init__(self, head: Head, size: int, samples: int = SAMPLES, threads: int = 0):
        """size: of the pictures, pixels; threads: 0 for all cores."""
        self.head, self.size = head, size
        self.atlas = Atlas(head, int(np.clip(3 * size, 384, 1536)))
        self._folder = tempfile.TemporaryDirectory(prefix="zygoma-cycles-")
        self._file = Path(self._folder.name) / "view.png"
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self._set_up(samples, threads)
        self._add_camera_and_light()
        self._add_head()
        self.worn: list[tuple[Part, bpy.types.Object]] = []
        self.strands: list[tuple[Locks, bpy.types.Object, np.ndarray]] = []

    def _set_up(self, samples: int, threads: int) -> None:
        scene = self.scene
        render, cycles, image = scene.render, scene.cycles, scene.render.image_settings
        render.engine = "CYCLES"
        render.resolution_x = render.resolution_y = self.size
        render.resolution_percentage = 100
        render.film_transparent = True
        render.use_persistent_data = False  # it would keep the pictures of the person before
        render.threads_mode, render.threads = ("FIXED", threads) if threads else ("AUTO", 1)
        render.filepath = str(self._file)
        image.file_format, image.color_mode, image.color_depth, image.compression = "PNG", "RGBA", "16", 0
        scene.view_settings.view_transform = "Raw"  # linear values
        cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
        cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 5, 2, 2
        cycles.transparent_max_bounces = 12
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.blur_glossy, cycles.sample_clamp_indirect = 1.0, 4.0
        cycles.film_exposure = GAIN

    def _add_camera_and_light(self) -> None:
        self.camera = self._added("camera", bpy.data.cameras.new("camera"))
        self.camera.data.clip_start, self.camera.data.sensor_fit = 0.02, "HORIZONTAL"
        self.scene.camera = self.camera
        self.lamps = [self._added(name, bpy.data.lights.new(name, "SUN")) for name in ("key", "fill")]
        world = bpy.data.worlds.new("world")
        self.scene.world = world
        self.surroundings = materials.surroundings(world)

    def _added(self, name: str, data) -> bpy.types.Object:
        thing = bpy.data.objects.new(name, data)
        self.scene.collection.objects.link(thing)
        return thing

    def _add_head(self) -> None:
        head, size = self.head, self.atlas.size
        self.colour = bpy.data.images.new("skin", size, size, alpha=True)
        self.colour.alpha_mode = "CHANNEL_PACKED"
        self.relief = bpy.data.images.new("relief", size, size, float_buffer=True, is_data=True)
        self.eye = bpy.data.images.new("eye", 512, 512, alpha=True)
        shown = np.isin(head.quad_part, (SKIN, TONGUE, *EYES))
        quads, part = head.quads[shown], head.quad_part[shown]
        mesh = self._mesh("head", head.rest, quads)
        inside = np.clip((head.inside_mouth - 0.4) / 0.45, 0, 1) * (1 - np.clip((head.lips - 0.3) / 0.4, 0, 1))
        mesh.attributes.new("inside", "FLOAT", "POINT").data.foreach_set("value", inside.astype("f4"))
        mesh.uv_layers.new(name="chart").data.foreach_set("uv", self._chart(quads, part).astype("f4").ravel())
        self.skin = materials.skin(self.colour, self.relief)
        for material in (self.skin, materials.eye(self.eye), materials.moist("tongue")):
            mesh.materials.append(material)
        index = np.select([np.isin(part, EYES), part == TONGUE], [1, 2], 0)
        mesh.polygons.foreach_set("material_index", index.astype("i4"))
        self.body = self._added("head", mesh)

        teeth = self._mesh("teeth", head.teeth, head.teeth_quads)
        teeth.attributes.new("gum", "FLOAT", "POINT").data.foreach_set("value", head.teeth_gum.astype("f4"))
        teeth.materials.append(materials.teeth())
        self.teeth = self._added("teeth", teeth)

    def _chart(self, quads: np.ndarray, part: np.ndarray) -> np.ndarray:
        """uv float [f,4,2] of corners: on the skin's pictures, or the eye's."""
        head = self.head
        out = place(head.rest)[quads]
        across = out[..., 0]
        behind = np.ptp(across, axis=1) > 0.5  # around the back, where the chart begins and ends
        across[behind] += across[behind] < 0.5
        for eye in EYES:
            ball = head.rest[head.part == eye]
            centre = (ball.max(0) + ball.min(0)) / 2
            mine = part == eye
            out[mine] = place_on_eye((head.rest[quads[mine]] - centre).reshape(-1, 3)).reshape(-1, 4, 2)
        return out

    def _mesh(self, name: str, vertices: np.ndarray, faces: np.ndarray):
        mesh = bpy.data.meshes.new(name)
        corners = faces.shape[1]
        mesh.vertices.add(len(vertices))
        mesh.loops.add(faces.size)
        mesh.polygons.add(len(faces))
        mesh.vertices.foreach_set("co", vertices.astype("f4").ravel())
        mesh.loops.foreach_set("vertex_index", faces.astype("i4").ravel())
        mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, corners, dtype="i4"))
        mesh.update(calc_edges=True)
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
        return mesh

    def dress(self, person: Person) -> None:
        """Paints the person's skin and eyes, combs the hair, puts on what the person wears."""
        self.person = person
        own = person.complexion
        self.maps = paint(self.atlas, own, person.brows, person.hairstyle, person.beard, person.shaved)
        folds = np.concatenate([self.maps.folds_a, self.maps.folds_b], -1)
        self._folds = (folds.astype(np.float32) - 127.5) / 255
        _fill(self.eye, paint_eye(own, person.fleck).astype("f4") / 255)
        materials.set_mouth(own.teeth, person.uniforms()["gum"])
        for thing in (*[o for _, o in self.worn], *[o for _, o, _ in self.strands]):
            data = thing.data
            bpy.data.objects.remove(thing)
            (bpy.data.meshes if isinstance(data, bpy.types.Mesh) else bpy.data.hair_curves).remove(data)
        materials.forget()
        self.worn = [(part, self._wear(part)) for part in person.parts]
        self.strands = [self._grow(locks, number) for number, locks in enumerate(person.locks)]

    def _wear(self, part: Part) -> bpy.types.Object:
        mesh = self._mesh(part.kind, part.vertices, part.triangles)
        mesh.uv_layers.new(name="chart").data.foreach_set("uv", part.uv[part.triangles].astype("f4").ravel())
        height, width = part.picture.shape[:2]
        picture = bpy.data.images.new("picture", width, height, alpha=True)
        picture.alpha_mode = "CHANNEL_PACKED"
        _fill(picture, part.picture.astype("f4") / 255)
        mesh.materials.append(materials.worn(picture, part))
        return self._added(part.kind, mesh)

    def _grow(self, locks: Locks, number: int) -> tuple[Locks, bpy.types.Object, np.ndarray]:
        """The curves of one kind of hair, and how far each copy of a strand lies from it [S,1,3]."""
        rng = np.random.default_rng(number)
        copies = COPIES.get(locks.name, 1)
        s, k = locks.strands.offsets.shape[:2]
        stray = rng.normal(0, STRAY / np.sqrt(3), (s * copies, 1, 3)) * (np.arange(s * copies) >= s)[:, None, None]
        curves = bpy.data.hair_curves.new(locks.name)
        curves.add_curves([k] * (s * copies))
        along = np.linspace(0, 1, k)
        radius = THICKNESS[locks.name] * (1 - 0.7 * along**2)
        curves.points.foreach_set("radius", np.tile(radius, s * copies).astype("f4"))
        tint = np.array(locks.colour) + along[:, None] * (np.array(locks.tip_colour) - locks.colour)
        tint = np.tile(tint, (s * copies, 1, 1))  # [S,K,3]
        tint[rng.random(s * copies) < locks.grey] = WHITE_HAIR
        tint *= rng.uniform(0.75, 1.2, (s * copies, 1, 1))
        colour = np.concatenate([tint, np.ones_like(tint[..., :1])], -1)
        curves.attributes.new("tint", "FLOAT_COLOR", "POINT").data.foreach_set("color", colour.astype("f4").ravel())
        curves.materials.append(materials.hair())
        return locks, self._added(locks.name, curves), stray

    def picture(self, posed: Posed, attributes: np.ndarray, camera: Camera, light: Light) -> np.ndarray:
        """The person under a vector [25], float32 [S,S,4] RGB (sRGB, times alpha) and alpha, 0..1."""
        self._crease(attributes)
        _move(self.body.data, posed.vertices)
        _move(self.teeth.data, posed.teeth[0])
        for part, thing in self.worn:
            _move(thing.data, part.on(posed)[0])
        for locks, thing, stray in self.strands:
            points = locks.on(posed)
            along = np.linspace(0.3, 1, points.shape[1])[:, None]
            points = np.tile(points, (len(stray) // len(points), 1, 1)) + stray * along
            thing.data.points.foreach_set("position", points.astype("f4").ravel())
            thing.data.update_tag()
        self._aim(camera)
        self._light(light)
        with _silent():
            bpy.ops.render.render(write_still=True)
        return _shown(cv2.imread(str(self._file), cv2.IMREAD_UNCHANGED))

    def _crease(self, attributes: np.ndarray) -> None:
        """Lays the folds of an expression onto relief and colour."""
        strength = thrown_folds(attributes) * self.person.creasing
        relief = (self.maps.relief[..., :2].astype(np.float32) - 127.5) / 255
        folds = self._folds @ strength.astype(np.float32) + relief[..., 1]
        height = PORES * relief[..., 0] + GAUGE * folds
        _fill(self.relief, np.repeat(height[..., None], 4, -1))
        colour = self.maps.colour.astype(np.float32) / 255
        colour[..., :3] *= (1 + 0.16 * np.minimum(folds, 0))[..., None]  # in sRGB
        _fill(self.colour, colour)

    def _aim(self, camera: Camera) -> None:
        (a, b, x), (_, _, y) = camera.matrix
        data = self.camera.data
        data.sensor_width = 36.0
        data.lens = camera.focal / camera.size * data.sensor_width
        middle = camera.size / 2 - 0.5
        data.shift_x, data.shift_y = (middle - x) / camera.size, (y - middle) / camera.size
        roll = float(np.arctan2(-b, a))  # the picture's content turns clockwise by it, so the camera the other way
        c, s = np.cos(roll), np.sin(roll)
        matrix = np.eye(4)
        matrix[:3] = np.array([(c, 0, s), (-s, 0, c), (0, -1, 0), (0, -camera.distance, 0)]).T
        self.camera.matrix_world = matrix.T

    def _light(self, light: Light) -> None:
        towards = ((light.key, light.key_colour, 0.05 + 0.7 * light.softness), (light.fill, light.fill_colour, 0.6))
        for lamp, (direction, colour, angle) in zip(self.lamps, towards, strict=True):
            strength = max(float(np.max(colour)), 1e-6)
            lamp.data.energy, lamp.data.angle = np.pi * strength, angle
            lamp.data.color = np.asarray(colour, float) / strength
            lamp.matrix_world = _pointing(direction).T
        materials.set_surroundings(self.surroundings, light.ambient)


def _move(mesh, vertices: np.ndarray) -> None:
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, "f4").ravel())
    mesh.update()


def _fill(image, pixels: np.ndarray) -> None:
    """pixels float [h,w,4], row 0 the lowest."""
    image.pixels.foreach_set(np.ascontiguousarray(pixels, "f4").ravel())
    image.update()


def _pointing(towards: np.ndarray) -> np.ndarray:
    """The matrix [4,4] of a lamp that shines from `towards`."""
    z = np.asarray(towards, float) / np.linalg.norm(towards)
    x = np.cross([0, 0, 1.0] if abs(z[2]) < 0.95 else [0, 1.0, 0], z)
    x /= np.linalg.norm(x)
    out = np.eye(4)
    out[:3, 0], out[:3, 1], out[:3, 2] = x, np.cross(z, x), z
    return out


def _shown(pixels: np.ndarray) -> np.ndarray:
    """Linear uint16 [S,S,4] BGRA, straight alpha -> float32 [S,S,4] sRGB RGB times alpha, alpha."""
    x = pixels.astype(np.float32) / 65535
    light = x[..., 2::-1] / GAIN
    srgb = np.clip(light / (1 + 0.12 * light), 0, 1) ** np.float32(1 / 2.2)
    return np.concatenate([srgb * x[..., 3:], x[..., 3:]], -1)


@contextmanager
def _silent():
    """Keeps what Blender prints from the terminal."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
