"""Speeds of what a user waits for, each beside a reference timed in turn with it: `build.py bench` runs this.

    .venv/bin/python -m tests.bench [--json FILE]

Seconds differ from machine to machine and from hour to hour; ratios to a reference in the same run differ little. The
pipeline is held against the bare ONNX session with the same inputs, the session against a plain cv2.remap of its size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import onnxruntime as ort

from addon.core import attributes
from addon.core.clip import ClipJob, render_clip
from addon.core.faces import FaceReader, read_photo
from addon.core.pack import find_pack
from addon.core.session import Generator
from addon.core.tables import read_table, to_track

DOCS = Path(__file__).resolve().parents[1] / "docs"
PORTRAIT = DOCS / "portraits" / "mona_lisa.jpg"
TABLE = DOCS / "tables" / "talking_25fps.csv"
SIZES = (256, 512, 1024)
THREADS = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report = Report()
    generator = Generator(find_pack("zygoma-base"), threads=THREADS)
    report.say(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ONNX Runtime {ort.__version__}, "
               f"{generator.device} ({generator.device_reason}), {THREADS} threads")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        tables(report, Path(folder))
        session_ms = generation(report, generator)
        clip(report, generator, Path(folder), session_ms)
        report.add("peak memory without Blender", peak_memory(), "MB")
        blender(report, Path(folder))
        report.add("peak memory with Blender", peak_memory(), "MB")
    if args.json:
        args.json.write_text(json.dumps(report.figures, indent=1) + "\n", "utf-8")


class Report:
    def __init__(self) -> None:
        self.figures: dict[str, dict] = {}

    def say(self, line: str) -> None:
        print(line, flush=True)

    def add(self, what: str, value: float, unit: str, reference: float | None = None, to: str = "") -> None:
        self.figures[what] = {"value": round(value, 4), "unit": unit}
        words = f"{what:44} {value:10.1f} {unit}"
        if reference is not None:
            self.figures[what] |= {"reference": to, "ratio": round(value / reference, 3)}
            words += f"   {value / reference:6.2f} x {to}"
        self.say(words)


def in_turn(repeats: int, *calls: Callable[[], object]) -> list[float]:
    """Median milliseconds of each call; they take turns, so that a busy moment meets them all. One round warms up."""
    times: list[list[float]] = [[] for _ in calls]
    for i in range(repeats + 1):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            if i:
                taken.append((time.perf_counter() - start) * 1000)
    return [median(taken) for taken in times]


def tables(report: Report, folder: Path) -> None:
    long = long_table(folder / "long.csv", 10_000)
    read, fewer = in_turn(
        3,
        lambda: to_track(read_table(long), subtract_neutral=True),
        lambda: to_track(read_table(long), subtract_neutral=True).bridge(0.5).simplify(0.01),
    )
    report.add("table of 10,000 rows: read, gains, neutral", read, "ms")
    report.add("the same, its keys thinned out", fewer, "ms", read, "reading it")


def long_table(path: Path, rows: int) -> Path:
    """The shipped recording over and over, with a frame count and a clock that go on."""
    header, *lines = TABLE.read_text("utf-8").splitlines()
    out = [header]
    for i in range(rows):
        cells = lines[i % len(lines)].split(", ")
        out.append(", ".join([str(i + 1), cells[1], f"{i / 25:.3f}", *cells[3:]]))
    path.write_text("\n".join(out) + "\n", "utf-8")
    return path


def generation(report: Report, generator: Generator) -> dict[int, float]:
    """Faces, encode, animate. Returns the bare session's milliseconds a frame by crop size."""
    reader = FaceReader(threads=THREADS)
    photo = read_photo(PORTRAIT)
    (ms,) = in_turn(3, lambda: reader.face(photo))
    report.add(f"face: find and read, {photo.pixels.shape[1]} x {photo.pixels.shape[0]}", ms, "ms")
    face = reader.face(photo)
    session_ms = {}
    for size in SIZES:
        (ms,) = in_turn(1, lambda size=size: generator.encode(photo, face, size))
        report.add(f"encode once, crop {size}", ms, "ms")
    for size in SIZES:
        source = generator.encode(photo, face, size)
        target = attributes.target(source.vector, attributes.vector({"AU12": 0.6, "AU26": 0.5, "pose_yaw": 0.2}))
        bare = bare_session(generator)
        inputs = {i.name for i in bare.get_inputs()}
        feed = {**source.state, "attributes": attributes.reorder(target[None], generator.pack.attributes)}
        feed = {name: value for name, value in feed.items() if name in inputs}
        crop = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
        ys, xs = np.mgrid[:size, :size].astype(np.float32)
        xs += 3 * np.sin(ys / 20)
        remap, session, animate, frame = in_turn(
            10,
            lambda crop=crop, xs=xs, ys=ys: cv2.remap(crop, xs, ys, cv2.INTER_LINEAR),
            lambda bare=bare, feed=feed: bare.run(None, feed),
            lambda source=source, target=target: generator.animate(source, target[None]),
            lambda source=source, target=target: generator.frame(source, target),
        )
        session_ms[size] = session
        report.add(f"bare session, crop {size}", session, "ms", remap, f"cv2.remap {size}")
        report.add(f"animate, crop {size}", animate, "ms", session, "bare session")
        report.add(f"frame pasted into the photo, crop {size}", frame, "ms", session, "bare session")
    return session_ms


def bare_session(generator: Generator) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as the pipeline's
    provider = "CUDAExecutionProvider" if generator.device == "CUDA" else "CPUExecutionProvider"
    return ort.InferenceSession(generator.pack.read("animator.onnx"), options, providers=[provider])


def clip(report: Report, generator: Generator, folder: Path, session_ms: dict[int, float]) -> None:
    job = ClipJob(photo=PORTRAIT, table=TABLE, output=folder / "frames", size=512, existing="overwrite")
    start = time.perf_counter()
    render_clip(job, generator)
    ms = (time.perf_counter() - start) * 10  # 100 frames
    report.add("clip of 100 PNG frames, crop 512, a frame", ms, "ms", session_ms[512], "bare session")


def blender(report: Report, folder: Path) -> None:
    """What the hook adds to a render of Blender's, and a long table as F-curves."""
    import bpy

    import addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    try:
        scene = bpy.context.scene
        bpy.ops.zygoma.rig_add(filepath=str(PORTRAIT))
        ob = bpy.context.object
        start = time.perf_counter()
        bpy.ops.zygoma.table_import(filepath=str(long_table(folder / "long.csv", 10_000)))
        report.add("table of 10,000 rows as F-curves", (time.perf_counter() - start) * 1000, "ms")
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        camera.location.z = 3
        scene.collection.objects.link(camera)
        scene.camera = camera
        scene.render.engine = "CYCLES"
        scene.cycles.samples = 1
        scene.cycles.use_denoising = False
        scene.render.resolution_x = scene.render.resolution_y = 64
        scene.render.filepath = str(folder / "####")
        scene.frame_end = 30
        moving = rendered(scene)
        ob.animation_data_clear()
        still = rendered(scene)
        report.add("hook, every frame another: a frame", moving, "ms", still, "the same render of a still face")
    finally:
        addon.unregister()


def rendered(scene) -> float:
    """Milliseconds a frame of an animation render, the first render apart: it encodes and loads."""
    import bpy

    with quiet():
        bpy.ops.render.render(write_still=False)
        start = time.perf_counter()
        bpy.ops.render.render(animation=True)
    return (time.perf_counter() - start) * 1000 / scene.frame_end


class quiet:
    """Blender's own lines, kept off the terminal."""

    def __enter__(self) -> None:
        sys.stdout.flush()
        self.kept = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        os.dup2(self.kept, 1)


def peak_memory() -> float:
    """Megabytes: the most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy as a module may hang when the interpreter ends after a render
