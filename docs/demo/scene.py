"""The main job in Blender, from photo and table to frames and a movie: `build.py demo` runs this in its own process.

    .venv/bin/python -m docs.demo.scene --out out/demo

It reads as a script that drives Zygoma would: two rigs, one acting a recorded table, one keyed by hand, rendered by
Blender's animation render and, beside it, by the fast path.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import radians
from pathlib import Path

import bpy
import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import addon
from addon import rig
from addon.core.attributes import NAMES
from addon.core.chart import curves
from addon.core.errors import ZygomaError
from addon.core.frames import MovieWriter
from addon.core.track import AttributeTrack

DOCS = Path(__file__).resolve().parents[1]
PIXEL = 1 / 1000  # Blender units
FRAMES = 100
RATE = 25


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photo", type=Path, default=DOCS / "portraits" / "mona_lisa.jpg")
    parser.add_argument("--table", type=Path, default=DOCS / "tables" / "talking_25fps.csv")
    parser.add_argument("--pack", default="zygoma-base")
    args = parser.parse_args()
    for folder in (args.out / "blender", args.out / "fast"):
        folder.mkdir(parents=True, exist_ok=True)
        for frame in folder.glob("[0-9]*.png"):
            frame.unlink()
    say = Steps(args.out / "blender.log")
    try:
        demo(args, say)
    except (ZygomaError, RuntimeError) as error:  # operators report a user's mistake as RuntimeError: "Error: ..."
        say.fail(str(error).strip().removeprefix("Error: "))
        return 1
    except Exception as error:
        traceback.print_exc()
        say.fail(f"The demo failed where it should not: {type(error).__name__}: {error}")
        return 1
    return 0


def demo(args: argparse.Namespace, say: Steps) -> None:
    out = args.out
    say(f"Blender {bpy.app.version_string}: a rig of {args.photo.name}, and the curves of {args.table.name}")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = RATE, 1, FRAMES
    actor = add_rig(args.photo, args.pack)
    bpy.ops.zygoma.table_import(filepath=str(args.table))

    say("A second rig, with a smile and a turn of the head keyed by hand")
    other = add_rig(DOCS / "portraits" / "raphael.jpg", args.pack)
    key_by_hand(other)
    frame_both(scene, actor, other)
    exact_pixels(scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"))

    size = f"{scene.render.resolution_x} x {scene.render.resolution_y}"
    say(f"Blender renders {FRAMES} frames of {size}; beside it the fast path renders those of {actor.name}")
    scene.render.filepath = str(out / "blender" / "####")
    say.progress_of(scene)
    with fast_path(actor, out) as fast:
        bpy.ops.render.render(animation=True)
        if fast.wait():
            raise RuntimeError(f"The fast path failed; what it printed: {out / 'fast.log'}")
    frames = images(out / "blender")
    same = equal_frames(images(out / "fast"), frames, rig.picture(actor).size)

    say("Movie, contact sheet, picture of the curves")
    with MovieWriter(out / "demo.mp4", RATE) as movie:
        for frame in frames:
            movie.write(frame)
    contact_sheet(frames, every=8, columns=4, width=1600).save(out / "contact_sheet.jpg", quality=90)
    draw_curves(scene, {"recorded": actor, "by hand": other}, out)
    say.end(out, same)


def add_rig(photo: Path, pack: str) -> bpy.types.Object:
    bpy.ops.zygoma.rig_add(filepath=str(photo), pack=pack)
    return bpy.context.object


def key_by_hand(ob: bpy.types.Object) -> None:
    """A smile that comes and stays, a head that turns away and back, one blink."""
    keys = {
        "AU12": {1: 0, 20: 0, 40: 0.8, 80: 0.8, 100: 0.2},
        "AU06": {1: 0, 24: 0, 42: 0.6, 80: 0.6, 100: 0.1},
        "AU25": {1: 0, 30: 0, 44: 0.25, 70: 0.25, 80: 0},
        "AU45": {1: 0, 12: 0, 15: 1, 16: 1, 20: 0, 58: 0, 61: 1, 62: 1, 66: 0},
        "pose_yaw": {1: 0, 10: 0, 35: radians(14), 60: radians(-10), 90: 0},
        "pose_roll": {1: 0, 35: radians(-4), 60: radians(3), 90: 0},
    }
    for name, values in keys.items():
        for frame, value in values.items():
            ob[name] = float(value)
            ob.keyframe_insert(f'["{name}"]', frame=frame)


def frame_both(scene: bpy.types.Scene, left: bpy.types.Object, right: bpy.types.Object) -> None:
    """Side by side before an orthographic camera, one pixel of the render for one pixel of the photos."""
    sizes = [tuple(rig.picture(ob).size) for ob in (left, right)]
    width, height = sum(size[0] for size in sizes), max(size[1] for size in sizes)
    edge = -width / 2
    for ob, (across, up) in zip((left, right), sizes, strict=True):
        scale = across * PIXEL / ob.dimensions.x
        ob.rotation_euler = (0, 0, 0)
        ob.scale = (ob.scale.x * scale, ob.scale.y * scale, ob.scale.z)
        ob.location = ((edge + across / 2) * PIXEL, (height - up) % 2 / 2 * PIXEL, 0)
        edge += across
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location.z = 1
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = max(width, height) * PIXEL
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = width, height


def exact_pixels(scene: bpy.types.Scene) -> None:
    """Settings under which a render shows the generated picture unchanged, and quickly."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = scene.cycles.use_auto_tile = False
    scene.cycles.max_bounces = 0
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 1
    scene.render.dither_intensity = 0
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
    scene.render.image_settings.compression = 5


@contextmanager
def fast_path(ob: bpy.types.Object, out: Path) -> Iterator[subprocess.Popen]:
    """A second process that renders the rig's clip from the saved file; it ends with the block, however that ends."""
    command = [sys.executable, "-m", "docs.demo.fast_path", str(out / "demo.blend"), ob.name, str(out / "fast")]
    with (out / "fast.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()


def images(folder: Path) -> list[np.ndarray]:
    """The folder's frames uint8 [H,W,3] in order."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(iio.imread, sorted(folder.glob("[0-9]*.png"))))


def equal_frames(fast: list[np.ndarray], blender: list[np.ndarray], size: tuple[int, int]) -> int:
    """How many frames of the fast path Blender's own render shows exactly, pixel for pixel."""
    across, up = size
    top = (blender[0].shape[0] - up + 1) // 2
    return sum(np.array_equal(a, b[top : top + up, :across]) for a, b in zip(fast, blender, strict=True))


def contact_sheet(frames: list[np.ndarray], every: int, columns: int, width: int) -> Image.Image:
    """Every so many frames uint8 [H,W,3], numbered from 1, in rows; the sheet `width` pixels wide."""
    gap = 6
    cell = (width - gap) // columns - gap
    cell_height = round(cell * frames[0].shape[0] / frames[0].shape[1])
    shown = range(every // 2, len(frames), every)
    sheet = Image.new("RGB", (width, -(-len(shown) // columns) * (cell_height + gap) + gap), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, i in enumerate(shown):
        x, y = gap + place % columns * (cell + gap), gap + place // columns * (cell_height + gap)
        picture = Image.fromarray(frames[i]).resize((cell, cell_height), Image.Resampling.LANCZOS, reducing_gap=2)
        sheet.paste(picture, (x, y))
        draw.text((x + 6, y + 4), str(i + 1), "white", font, stroke_width=2, stroke_fill="black")
    return sheet


def draw_curves(scene: bpy.types.Scene, rigs: dict[str, bpy.types.Object], out: Path) -> None:
    values = {what: np.zeros((FRAMES, len(NAMES)), np.float32) for what in rigs}
    for i in range(FRAMES):
        scene.frame_set(i + 1)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        for what, ob in rigs.items():
            evaluated = ob.evaluated_get(depsgraph)
            values[what][i] = [evaluated[name] for name in NAMES]
    times = np.arange(FRAMES) / RATE
    for what, ob in rigs.items():
        track = AttributeTrack(times, values[what], np.ones(FRAMES, bool), rate=RATE)
        curves(track, f"{ob.name}: {what}").save(out / f"curves_{what.replace(' ', '_')}.png")


class Steps:
    """Progress on the terminal; all that Blender itself prints goes into a log file."""

    def __init__(self, log: Path) -> None:
        self.terminal = os.fdopen(os.dup(1), "w")
        self.log = log
        self.start = time.monotonic()
        sys.stdout.flush()
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)

    def __call__(self, what: str) -> None:
        self.write(f"{time.monotonic() - self.start:5.1f} s  {what}\n")

    def write(self, text: str) -> None:
        self.terminal.write(text)
        self.terminal.flush()

    def progress_of(self, scene: bpy.types.Scene) -> None:
        def written(scene: bpy.types.Scene, *_: object) -> None:
            done = scene.frame_current
            if self.terminal.isatty():
                self.write(f"\r         {done} of {scene.frame_end} frames" + ("\n" if done == scene.frame_end else ""))
            elif done % 25 == 0:
                self.write(f"         {done} of {scene.frame_end} frames\n")

        bpy.app.handlers.render_write.append(written)

    def fail(self, reason: str) -> None:
        self.write(f"\n{reason}\nWhat Blender printed: {self.log}\n")

    def end(self, out: Path, same: int) -> None:
        self(f"Done. {same} of {FRAMES} frames of the fast path equal Blender's, pixel for pixel.")
        self.write(f"\nLook at {out}:\n")
        for name, what in {
            "demo.mp4": "the movie",
            "contact_sheet.jpg": "every eighth frame",
            "curves_recorded.png, curves_by_hand.png": "what drives the two faces",
            "blender/0001.png ...": "frames from Blender's own animation render",
            "fast/000001.png ...": "the first face's frames from the fast path",
            "demo.blend": "the scene, for Blender with Zygoma installed",
        }.items():
            self.write(f"  {name:40} {what}\n")


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # bpy as a module may hang when the interpreter ends after a render
