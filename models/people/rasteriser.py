"""Draws synthetic people with OpenGL through EGL: on a GPU where there is one, else on the processor (llvmpipe)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import moderngl
import numpy as np

from addon.core.errors import ZygomaError

from .camera import Camera
from .folds import thrown_folds
from .hair import Strands
from .head import EYES, IRIS, SKIN, TONGUE, Head, Posed
from .light import Light
from .parts import Part
from .person import Person
from .skin_map import Atlas, paint

SHADERS = Path(__file__).with_name("shaders")
FINER = 2  # samples a pixel along each axis
SHADOW_SIZE, SHADOW_CENTRE, SHADOW_REACH = 512, np.array([0, 0.06, -0.01]), 0.19  # metres
SKY_SIZE, SKY_DIRECTIONS, SKY_REACH, SKY_BIAS = 160, 24, 0.24, 0.003
NOISE_SIZE = 512
PICTURE = 8  # the texture unit of what a part looks like
# The lids' margins from the outer to the inner corner, upper and lower, right eye first.
LIDS = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
)
INNER_LIPS = (13, 14)
LIPS_WIDE_OPEN = 0.016  # metres between the lips that let all light in


class RenderError(ZygomaError):
    """No OpenGL to draw with."""


def create_context() -> moderngl.Context:
    """An OpenGL context without a window. Raises RenderError."""
    try:
        return moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:  # moderngl and its loader raise all kinds
        raise RenderError(
            f"no OpenGL context could be made through EGL ({error}); on Debian or Ubuntu install the packages "
            "libegl1 and libgl1-mesa-dri (no GPU is needed)."
        ) from None


def source(name: str) -> str:
    """A shader's text with its includes."""
    lines = (SHADERS / name).read_text("utf-8").splitlines()
    return "\n".join(source(line.split()[1]) if line.startswith("#include") else line for line in lines)


def noise_picture(size: int) -> np.ndarray:
    """Four independent noises of ever finer grain that tile, uint8 [size,size,4], 128 +- 64 mostly."""
    rng = np.random.default_rng(0)
    fx, fy = np.fft.rfftfreq(size) * size, np.fft.fftfreq(size)[:, None] * size
    frequency = np.hypot(fx, fy)
    out = []
    for low, high in ((2, 8), (6, 24), (20, 70), (60, 200)):
        band = np.exp(-((np.log2(np.maximum(frequency, 0.5)) - np.log2(np.sqrt(low * high))) ** 2))
        spectrum = np.fft.rfft2(rng.normal(size=(size, size))) * band
        plane = np.fft.irfft2(spectrum, s=(size, size))
        out.append(plane / plane.std())
    return np.clip(127.5 + 42 * np.stack(out, -1), 0, 255).astype(np.uint8)


class Rasteriser:
    """Draws one person after the other: `dress` prepares a person, `picture` draws a view."""

    def __init__(self, head: Head, size: int):
        """size: of the pictures, pixels. Raises RenderError where there is no OpenGL."""
        self.head, self.size = head, size
        self.context = context = create_context()
        fine = size * FINER
        self.target = context.framebuffer([context.texture((fine, fine), 4)], context.depth_renderbuffer((fine, fine)))
        self.programs = {
            name: context.program(vertex_shader=source(vertex), fragment_shader=source(f"{name}.frag"))
            for name, vertex in (
                *((name, "body.vert") for name in ("skin", "eye", "mouth")),
                *(("hair", "hair.vert"), ("part", "part.vert"), ("shadow", "shadow.vert")),
            )
        }
        self._upload_head()
        self.atlas = Atlas(head, int(np.clip(3 * size, 384, 1536)))
        self.maps = [context.texture((self.atlas.size, self.atlas.size), 4) for _ in range(4)]
        self.strand_buffers: list[StrandBuffer] = []
        self.part_buffers: list[PartBuffer] = []

    def _upload_head(self) -> None:
        head, context = self.head, self.context
        fine, teeth = len(head.part), len(head.teeth)
        rest = np.concatenate([head.rest, head.teeth]).astype(np.float32)
        mask = np.zeros((fine + teeth, 2), np.float32)
        mask[:fine, 0], mask[:fine, 1] = head.lips, head.inside_mouth
        mask[fine:, 0] = head.teeth_gum
        mask[:fine][head.part == TONGUE] = 0, 1
        for left, eye in enumerate(EYES):
            ball = rest[:fine][head.part == eye]
            centre = (ball.max(0) + ball.min(0)) / 2
            rest[:fine][head.part == eye] = (ball - centre) / np.linalg.norm(ball - centre, axis=1, keepdims=True)
            mask[:fine][head.part == eye] = left, 0
        self.fixed = context.buffer(np.concatenate([rest, mask], 1).astype("f4").tobytes())
        self.moving = context.buffer(reserve=(fine + teeth) * 24, dynamic=True)
        self.sky = context.buffer(np.ones(fine + teeth, "f4").tobytes(), dynamic=True)
        teeth_quads = head.teeth_quads + fine
        part = head.triangle_part
        indices = {
            "skin": head.triangles[part == SKIN],
            "eye": head.triangles[np.isin(part, EYES)],
            "mouth": np.concatenate(
                [head.triangles[part == TONGUE], teeth_quads[:, [0, 1, 2]], teeth_quads[:, [0, 2, 3]]]
            ),
        }
        # What lies in front comes first and hides the rest before that is shaded.
        indices = {name: index[np.argsort(rest[index, 1].mean(1), kind="stable")] for name, index in indices.items()}
        self.indices = indices
        self.arrays = {name: self._array(self.programs[name], index) for name, index in indices.items()}
        coarse = head.quads.reshape(-1, 4, 4)[:, :, 0]
        coarse = coarse[np.isin(head.quad_part[::4], (SKIN, *EYES))]
        coarse = np.concatenate([coarse[:, [0, 1, 2]], coarse[:, [0, 2, 3]]])
        index = context.buffer(coarse.astype("i4").tobytes())
        self.shadow_array = context.vertex_array(
            self.programs["shadow"], [(self.moving, "3f 12x", "position")], index, skip_errors=True
        )
        self.shadows = [context.depth_texture((SHADOW_SIZE, SHADOW_SIZE)) for _ in range(2)]
        for shadow in self.shadows:
            shadow.compare_func, shadow.repeat_x, shadow.repeat_y = "<=", False, False
        self.shadow_targets = [context.framebuffer(depth_attachment=shadow) for shadow in self.shadows]
        self.sky_map = context.depth_texture((SKY_SIZE, SKY_SIZE))
        self.sky_target = context.framebuffer(depth_attachment=self.sky_map)
        self.noise = context.texture((NOISE_SIZE, NOISE_SIZE), 4, noise_picture(NOISE_SIZE).tobytes())
        self.noise.build_mipmaps()

    def _array(self, program, triangles: np.ndarray):
        content = [
            (self.fixed, "3f 2f", "rest", "mask"),
            (self.moving, "3f 3f", "position", "normal"),
            (self.sky, "1f", "open"),
        ]
        index = self.context.buffer(np.ascontiguousarray(triangles, "i4").tobytes())
        return self.context.vertex_array(program, content, index, skip_errors=True)

    def dress(self, person: Person) -> None:
        """Paints the person's skin, measures what is open to the sky, and combs the hair."""
        self.person = person
        self._paint(person)
        resting = person.body.fine
        self._move(resting, self.head.normals(resting), np.zeros_like(self.head.teeth), np.zeros_like(self.head.teeth))
        for buffer in (*self.strand_buffers, *self.part_buffers):
            buffer.release()
        self.part_buffers = [PartBuffer(self, part) for part in person.parts]
        head, *parts = self._open_sky(resting)
        self.sky.write(np.concatenate([head, np.ones(len(self.head.teeth))]).astype("f4").tobytes())
        for buffer, open_ in zip(self.part_buffers, parts, strict=True):
            buffer.sky.write(open_.astype("f4").tobytes())
        self.strand_buffers = [StrandBuffer(self, locks.strands, locks) for locks in person.locks]
        for buffer in self.strand_buffers:
            buffer.write(resting)

    def _paint(self, person: Person) -> None:
        maps = paint(self.atlas, person.complexion, person.brows, person.hairstyle, person.beard, person.shaved)
        for texture, picture in zip(self.maps, (maps.colour, maps.relief, maps.folds_a, maps.folds_b), strict=True):
            texture.write(picture.tobytes())
            texture.build_mipmaps()
            texture.repeat_x = texture.repeat_y = False

    def _move(self, vertices, normals, teeth, teeth_normals) -> None:
        skin = np.concatenate([vertices, normals], 1)
        mouth = np.concatenate([teeth, teeth_normals], 1)
        self.moving.write(np.concatenate([skin, mouth]).astype("f4").tobytes())

    def _open_sky(self, vertices: np.ndarray) -> list[np.ndarray]:
        """How much of the sky the vertices of the head [n1,3] see, weighted by the cosine; and those of each part, from
        its outer and its inner side [n,2]."""
        head = self.head
        coarse = len(head.vertices)
        worn = [buffer.part for buffer in self.part_buffers]
        both = [(part.vertices, side * part.resting_normals) for part in worn for side in (1, -1)]
        points = np.concatenate([vertices[:coarse], *[points for points, _ in both]])
        normals = np.concatenate([head.normals(vertices)[:coarse], *[normals for _, normals in both]])
        i = np.arange(SKY_DIRECTIONS) + 0.5
        turn, height = np.pi * (1 + 5**0.5) * i, 1 - 2 * i / SKY_DIRECTIONS
        flat = np.sqrt(1 - height**2)
        seen, all_ = np.zeros(len(points)), np.full(len(points), 1e-6)
        for direction in np.stack([np.cos(turn) * flat, np.sin(turn) * flat, height], 1):
            matrix = orthographic(direction, SKY_REACH)
            self._draw_shadow(self.sky_target, matrix)
            depth = np.frombuffer(self.sky_map.read(), np.float32).reshape(SKY_SIZE, SKY_SIZE)
            q = (points + normals * SKY_BIAS) @ matrix[:3, :3].T + matrix[:3, 3]
            column, row = np.clip(((q[:, :2] * 0.5 + 0.5) * SKY_SIZE).astype(int), 0, SKY_SIZE - 1).T
            weight = np.maximum(normals @ direction, 0)
            seen += weight * (q[:, 2] * 0.5 + 0.5 - 0.5 * SKY_BIAS / SKY_REACH <= depth[row, column])
            all_ += weight
        open_ = (seen / all_).astype(np.float32)
        ends = np.cumsum([coarse, *[2 * len(part.vertices) for part in worn]])[:-1]
        skin, *parts = np.split(open_, ends)
        parts = [sides.reshape(2, -1).T for sides in parts]
        return [np.clip(head.subdivide @ skin, 0, 1), *parts]

    def _draw_shadow(self, target, matrix: np.ndarray) -> None:
        target.use()
        target.clear(depth=1.0)
        self.context.enable_only(moderngl.DEPTH_TEST)
        self.programs["shadow"]["clip"].write(matrix.T.astype("f4").tobytes())
        self.shadow_array.render()
        for buffer in self.part_buffers:
            if not buffer.part.glass:
                buffer.shadow.render()

    def picture(self, posed: Posed, attributes: np.ndarray, camera: Camera, light: Light) -> np.ndarray:
        """The person under a vector [25], float32 [S,S,4] RGB (sRGB, times alpha) and alpha, 0..1."""
        context, person = self.context, self.person
        self._move(posed.vertices, posed.normals, *posed.teeth)
        for buffer in self.part_buffers:
            buffer.write(*buffer.part.on(posed))
        lit = light_uniforms(light, camera)
        for target, direction, name in zip(
            self.shadow_targets, (light.key, light.fill), ("to_key", "to_fill"), strict=True
        ):
            matrix = orthographic(direction, SHADOW_REACH)
            self._draw_shadow(target, matrix)
            lit[name] = (HALF @ matrix).T
        clip = camera.clip().T
        self.target.use()
        self.target.clear(0, 0, 0, 0)
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        textures = (self.noise, *self.shadows, *self.maps)
        names = ("noise_map", "key_shadow", "fill_shadow", "colour_map", "relief_map", "folds_map_a", "folds_map_b")
        for unit, texture in enumerate(textures):
            texture.use(unit)
        samplers = {name: unit for unit, name in enumerate(names)}
        expression = self._expression(posed, attributes)
        for name, array in self.arrays.items():
            set_uniforms(self.programs[name], lit | samplers | expression | person.uniforms() | {"clip": clip})
            array.render()
        self._draw_parts(lit | samplers | {"clip": clip}, glass=False)
        self._draw_hair(posed, lit | {"clip": clip})
        self._draw_parts(lit | samplers | {"clip": clip}, glass=True)
        pixels = np.frombuffer(self.target.read(components=4), np.uint8)
        pixels = pixels.reshape(self.size * FINER, self.size * FINER, 4)[::-1].astype(np.float32) / 255
        return cv2.resize(pixels, (self.size, self.size), interpolation=cv2.INTER_AREA)

    def _expression(self, posed: Posed, attributes: np.ndarray) -> dict:
        folds = thrown_folds(attributes) * self.person.creasing
        body = posed.body
        landmarks = body.head.landmarks(posed.vertices)
        landmarks = (landmarks - posed.skull[:, 3]) @ posed.skull[:, :3]  # in the resting skull
        lids = {"lid_top": [], "lid_bottom": []}
        for margins, centre, radius in zip(LIDS, body.eye_centres, body.eye_radii, strict=True):
            for name, margin in zip(lids, margins, strict=True):
                at = (landmarks[list(margin)] - centre) / radius
                lids[name].append(np.polyfit(at[:, 0], at[:, 2], 2)[::-1])
        gap = np.linalg.norm(landmarks[INNER_LIPS[0]] - landmarks[INNER_LIPS[1]])
        return {
            "folds_a": folds[:4],
            "folds_b": folds[4:],
            "gaze": posed.gaze.T,
            "axis": posed.skull[:, :3] @ posed.gaze @ [0, -1, 0],
            "mouth_open": 0.25 + 0.75 * np.clip((gap - 0.004) / LIPS_WIDE_OPEN, 0, 1),
            "iris_angle": IRIS,
            **{name: np.array(values) for name, values in lids.items()},
        }

    def _draw_hair(self, posed: Posed, uniforms: dict) -> None:
        context = self.context
        context.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        context.blend_func = (
            moderngl.SRC_ALPHA,
            moderngl.ONE_MINUS_SRC_ALPHA,
            moderngl.ONE,
            moderngl.ONE_MINUS_SRC_ALPHA,
        )
        program = self.programs["hair"]
        skull = np.eye(4)
        skull[:3] = posed.skull
        for buffer in self.strand_buffers:
            locks = buffer.locks
            if not locks.rigid:
                buffer.write(posed.vertices)
            uniforms |= {
                "skull": (skull if locks.rigid else np.eye(4)).T,
                "hair": locks.colour,
                "tip_colour": locks.tip_colour,
                "grey": locks.grey,
                "tips": locks.tips,
                "roots": locks.roots,
                "strength": locks.strength,
                "nearer": 0.0002,
            }
            set_uniforms(program, uniforms)
            self.target.depth_mask = locks.strength >= 1
            context.line_width = locks.width * self.size * FINER / 512
            buffer.array.render(moderngl.LINES)
        self.target.depth_mask = True

    def _draw_parts(self, uniforms: dict, glass: bool) -> None:
        context = self.context
        context.enable_only(moderngl.DEPTH_TEST | (moderngl.BLEND if glass else moderngl.NOTHING))
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        program = self.programs["part"]
        set_uniforms(program, uniforms | {"picture": PICTURE})
        self.target.depth_mask = not glass
        for buffer in self.part_buffers:
            if buffer.part.glass == glass:
                buffer.texture.use(PICTURE)
                set_uniforms(
                    program, {"rough": buffer.part.roughness, "metal": buffer.part.metal * 1.0, "glass": glass * 1.0}
                )
                buffer.array.render()
        self.target.depth_mask = True

    @cached_property
    def device(self) -> str:
        """What draws."""
        return str(self.context.info["GL_RENDERER"])


class StrandBuffer:
    """The strands of one kind on the card."""

    def __init__(self, rasteriser: Rasteriser, strands: Strands, locks):
        self.head, self.strands, self.locks = rasteriser.head, strands, locks
        context = rasteriser.context
        s, k = strands.offsets.shape[:2]
        self.moving = context.buffer(reserve=s * k * 24, dynamic=True)
        along = np.broadcast_to(np.linspace(0, 1, k, dtype="f4")[None], (s, k))
        number = np.broadcast_to((np.arange(s, dtype="f4") * 0.61803 % 1)[:, None], (s, k))
        self.fixed = context.buffer(np.stack([along, number], -1).astype("f4").tobytes())
        self.index = context.buffer(strands.lines.astype("i4").tobytes())
        content = [(self.moving, "3f 3f", "position", "tangent"), (self.fixed, "2f", "along")]
        self.array = context.vertex_array(rasteriser.programs["hair"], content, self.index, skip_errors=True)

    def write(self, vertices: np.ndarray) -> None:
        points = self.strands.on(self.head, vertices)
        tangents = np.empty_like(points)
        tangents[:, :-1] = points[:, 1:] - points[:, :-1]
        tangents[:, -1] = tangents[:, -2]
        self.moving.write(np.concatenate([points, tangents], -1).astype("f4").tobytes())

    def release(self) -> None:
        for thing in (self.array, self.index, self.fixed, self.moving):
            thing.release()


class PartBuffer:
    """One thing that a person wears on the card."""

    def __init__(self, rasteriser: Rasteriser, part: Part):
        self.part = part
        context, n = rasteriser.context, len(part.vertices)
        self.moving = context.buffer(reserve=n * 24, dynamic=True)
        self.write(part.vertices, part.resting_normals)
        self.fixed = context.buffer(part.uv.astype("f4").tobytes())
        self.sky = context.buffer(reserve=n * 8, dynamic=True)
        self.index = context.buffer(part.triangles.astype("i4").tobytes())
        height, width = part.picture.shape[:2]
        self.texture = context.texture((width, height), 4, np.ascontiguousarray(part.picture).tobytes())
        self.texture.build_mipmaps()
        programs = rasteriser.programs
        content = [(self.moving, "3f 3f", "position", "normal"), (self.fixed, "2f", "uv"), (self.sky, "2f", "open")]
        self.array = context.vertex_array(programs["part"], content, self.index, skip_errors=True)
        content = [(self.moving, "3f 12x", "position")]
        self.shadow = context.vertex_array(programs["shadow"], content, self.index, skip_errors=True)

    def write(self, vertices: np.ndarray, normals: np.ndarray) -> None:
        self.moving.write(np.concatenate([vertices, normals], 1).astype("f4").tobytes())

    def release(self) -> None:
        for thing in (self.array, self.shadow, self.texture, self.index, self.sky, self.fixed, self.moving):
            thing.release()


HALF = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])


def orthographic(direction: np.ndarray, reach: float) -> np.ndarray:
    """float64 [4,4]: space -> clip space of a lamp far away in `direction` that sees `reach` metres around the head."""
    d = np.asarray(direction, float) / np.linalg.norm(direction)
    a = np.cross(d, [0, 0, 1.0] if abs(d[2]) < 0.95 else [1.0, 0, 0])
    a /= np.linalg.norm(a)
    out = np.eye(4)
    out[0, :3], out[1, :3], out[2, :3] = a / reach, np.cross(d, a) / reach, -d / (2 * reach)
    out[:3, 3] = -out[:3, :3] @ SHADOW_CENTRE
    return out


def light_uniforms(light: Light, camera: Camera) -> dict:
    return {
        "camera": np.array([0, -camera.distance, 0]),
        "key": light.key,
        "key_colour": light.key_colour,
        "fill": light.fill,
        "fill_colour": light.fill_colour,
        "ambient": light.ambient,
        "softness": light.softness,
    }


def set_uniforms(program, values: dict) -> None:
    """Uniforms by name; those that a shader does not use are passed over."""
    for name, value in values.items():
        if name in program:
            uniform = program[name]
            if isinstance(value, int):
                uniform.value = value
            else:
                uniform.write(np.asarray(value, "f4").tobytes())
