"""Dense labels of a view: what each pixel shows, how far it is, and where the reference view's pixels go.

Files beside the pictures, all PNG: `.parts.png` uint8, Segment; `.matte.png` uint8, the person's share of a pixel;
`.depth.png` uint16, tenths of a millimetre along the optical axis, LEVEL between the eyes at rest, 0 where nobody is;
`.flow.png` uint16 RGB on the reference view's pixels: motion to the right and down into this view in 1/64 pixel, LEVEL
for none, and Seen.
"""

from __future__ import annotations

from enum import IntEnum

import cv2
import moderngl
import numpy as np

from .camera import Camera
from .head import IRIS, Posed
from .person import Person
from .rasteriser import Rasteriser, set_uniforms, source

LEVEL = 32768
DEPTH_STEP, FLOW_STEP = 1e-4, 1 / 64
SAME_DEPTH = 0.006  # metres: what lies farther behind what a view shows is hidden there


class Segment(IntEnum):
    BACKGROUND = 0
    SKIN = 1
    LIPS = 2
    MOUTH = 3  # its lining
    SCLERA = 4
    IRIS = 5
    TEETH = 6
    GUM = 7
    TONGUE = 8
    HAIR = 9
    BROWS = 10
    LASHES = 11
    BEARD = 12
    GLASSES = 13
    HEADWEAR = 14
    CLOTHES = 15
    JEWELLERY = 16


# What people wear, by Part.kind; lenses are looked through.
WORN = {
    "clothes": Segment.CLOTHES,
    "headwear": Segment.HEADWEAR,
    "glasses": Segment.GLASSES,
    "jewellery": Segment.JEWELLERY,
}
HEAD = ("SKIN", "LIPS", "MOUTH", "SCLERA", "IRIS", "TEETH", "GUM", "TONGUE")  # in the shader's order


class Seen(IntEnum):
    """Of a pixel of the reference view."""

    BACKGROUND = 0
    HIDDEN = 1  # something else is in front of it in this view, or it is outside
    SHOWN = 2


class Surveyor:
    """Draws where a person's visible points are in another view."""

    def __init__(self, rasteriser: Rasteriser):
        self.context, self.size = rasteriser.context, rasteriser.size
        self.rasteriser = rasteriser
        self.program = self.context.program(vertex_shader=source("survey.vert"), fragment_shader=source("survey.frag"))
        size = (self.size, self.size)
        self.target = self.context.framebuffer(
            [self.context.texture(size, 4, dtype="f4")], self.context.depth_renderbuffer(size)
        )

    def survey(self, person: Person, here: Posed, there: Posed, camera: Camera) -> np.ndarray:
        """float32 [S,S,4] on the pixels of `here`: motion to the right and down into `there` (pixels), distance along
        the optical axis there (metres), Segment."""
        self._start(camera)
        self._draw_body(*(np.concatenate([posed.vertices, posed.teeth[0]]) for posed in (here, there)))
        for part in person.parts:
            if not part.glass:
                two = [part.on(posed)[0] for posed in (here, there)]
                self._draw(*two, part.triangles, 3, WORN[part.kind], moderngl.TRIANGLES)
        self.context.line_width = 1.0
        self.program["nearer"].value = 0.0002
        for locks in person.locks:
            two = [locks.on(posed).reshape(-1, 3) for posed in (here, there)]
            self._draw(*two, locks.strands.lines, 3, Segment[locks.name.upper()], moderngl.LINES)
        return self._read()

    def places(self, posed: Posed, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """Which point of the average head (Head.rest) each pixel shows, float32 [S,S,3] metres, and its Segment uint8
        [S,S]; of skin, eyes and mouth alone."""
        head = posed.body.head
        self._start(camera)
        self._draw_body(
            np.concatenate([posed.vertices, posed.teeth[0]]), np.concatenate([head.rest, head.teeth]).astype(np.float32)
        )
        found = self._read()
        rows, columns = np.mgrid[: self.size, : self.size]
        pixels = np.stack([columns + found[..., 0], rows + found[..., 1]], -1)
        return camera.unproject(pixels, found[..., 2]), found[..., 3].astype(np.uint8)

    def _start(self, camera: Camera) -> None:
        program = self.program
        self.target.use()
        self.target.clear()
        program["parts"].write(np.array([Segment[name] for name in HEAD], "i4").tobytes())
        set_uniforms(program, {"clip": camera.clip().T, "iris_angle": IRIS})
        program["size"].value, program["nearer"].value = float(self.size), 0.0

    def _draw_body(self, here: np.ndarray, there: np.ndarray) -> None:
        self.context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        for kind, index in enumerate(self.rasteriser.indices.values()):
            self._draw(here, there, index, kind, Segment.SKIN, moderngl.TRIANGLES, self.rasteriser.fixed)
        self.context.enable_only(moderngl.DEPTH_TEST)

    def _read(self) -> np.ndarray:
        found = np.frombuffer(self.target.read(components=4, dtype="f4"), np.float32)
        return found.reshape(self.size, self.size, 4)[::-1]

    def _draw(self, here, there, index, kind: int, segment: Segment, mode, fixed=None) -> None:
        program = self.program
        program["kind"].value, program["part"].value = kind, int(segment)
        buffers = [
            self.context.buffer(np.ascontiguousarray(x, dtype).tobytes())
            for x, dtype in ((here, "f4"), (there, "f4"), (index, "i4"))
        ]
        content = [(buffers[0], "3f", "position"), (buffers[1], "3f", "there")]
        if fixed is not None:
            content.append((fixed, "3f 2f", "rest", "mask"))
        array = self.context.vertex_array(program, content, buffers[2])
        array.render(mode)
        for thing in (array, *buffers):
            thing.release()


def dense_labels(
    surveyor: Surveyor, person: Person, reference: Posed, posed: Posed, camera: Camera, matte: np.ndarray
) -> dict[str, bytes]:
    """Encoded files of a view by the end of their names. matte float [S,S] 0..1."""
    still = surveyor.survey(person, posed, posed, camera)
    moved = surveyor.survey(person, reference, posed, camera)
    parts = still[..., 3].astype(np.uint8)
    depth = np.where(parts > 0, LEVEL + (still[..., 2] - camera.distance) / DEPTH_STEP, 0)
    return {
        ".parts.png": _png(parts),
        ".matte.png": _png(np.round(matte * 255).astype(np.uint8)),
        ".depth.png": _png(np.round(depth).clip(0, 65535).astype(np.uint16)),
        ".flow.png": _png(_packed(moved, seen(moved, still))),
    }  # fmt: skip


def seen(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Seen of each pixel of the reference view, uint8 [S,S]. moved: its survey into a view; still: the view's own."""
    size = len(moved)
    rows, columns = np.mgrid[:size, :size]
    column, row = np.round(columns + moved[..., 0]).astype(int), np.round(rows + moved[..., 1]).astype(int)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    column, row = np.clip(column, 0, size - 1), np.clip(row, 0, size - 1)
    there = still[row, column]
    shown = inside & (there[..., 3] > 0) & (moved[..., 2] < there[..., 2] + SAME_DEPTH)
    return np.where(moved[..., 3] == 0, Seen.BACKGROUND, np.where(shown, Seen.SHOWN, Seen.HIDDEN)).astype(np.uint8)


def read_flow(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A flow file -> motion float32 [S,S,2] in pixels (right, down), and Seen uint8 [S,S]."""
    planes = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    return (planes[..., :2].astype(np.float32) - LEVEL) * FLOW_STEP, planes[..., 2].astype(np.uint8)


def read_depth(content: bytes) -> np.ndarray:
    """A depth file -> float32 [S,S], metres behind the eyes at rest; NaN where nobody is."""
    depth = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED).astype(np.float32)
    return np.where(depth > 0, (depth - LEVEL) * DEPTH_STEP, np.nan)


def _packed(moved: np.ndarray, shown: np.ndarray) -> np.ndarray:
    motion = np.round(LEVEL + moved[..., :2] / FLOW_STEP).clip(0, 65535).astype(np.uint16)
    motion[shown == Seen.BACKGROUND] = LEVEL
    return np.concatenate([motion, shown[..., None].astype(np.uint16)], -1)


def _png(picture: np.ndarray) -> bytes:
    if picture.ndim == 3:
        picture = picture[..., ::-1]
    return cv2.imencode(".png", picture)[1].tobytes()
