"""Clips of rigs without a render: the scene is sampled once, then photo, pack and vectors are the whole job."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
from tqdm import tqdm

from . import preview, rig, sample, sources
from .core.errors import ZygomaError
from .core.render import ClipReport, Existing, render_vectors


@dataclass(frozen=True, eq=False)
class Clip:
    """One rig's targets float32 [F,A], the number of each file, and where they go: a folder, or a movie (.mp4)."""

    name: str
    data: rig.RigData
    targets: np.ndarray
    numbers: tuple[int, ...]
    output: Path
    fps: float


@dataclass
class Work:
    """Clips on their way to files. `run` touches no Blender data, so it may have a thread of its own."""

    clips: list[Clip]
    existing: Existing = "skip"
    crop: bool = False
    failed: dict[str, str] = field(default_factory=dict)  # rig -> reason
    reports: dict[str, ClipReport] = field(default_factory=dict)
    done: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        return max(1, sum(len(clip.numbers) for clip in self.clips))

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Renders clip by clip; one that fails is noted and passed over. progress(frames done, frames in all)."""
        before = 0
        for clip in self.clips:
            if self.cancelled.is_set():
                return
            with tqdm(total=len(clip.numbers), desc=clip.name, unit="frame", file=sys.stderr) as bar:

                def step(done: int, _total: int, before=before, bar=bar) -> None:
                    self.done = before + done
                    bar.update(done - bar.n)
                    if progress:
                        progress(self.done, self.total)

                try:
                    self.reports[clip.name] = render(clip, self.existing, self.crop, step, self.cancelled.is_set)
                except ZygomaError as problem:
                    self.failed[clip.name] = str(problem)
                except Exception as problem:
                    traceback.print_exc()
                    self.failed[clip.name] = f"{type(problem).__name__}: {problem}"
            before += len(clip.numbers)
            self.done = before

    def summary(self) -> str:
        """What became of the clips, in one line."""
        if self.failed:
            reasons = ", ".join(f"{name}: {reason}" for name, reason in self.failed.items())
            return f"{len(self.failed)} of {len(self.failed) + len(self.reports)} clips failed: {reasons}"
        written = sum(report.written for report in self.reports.values())
        skipped = sum(report.skipped for report in self.reports.values())
        places = ", ".join(str(report.output) for report in self.reports.values())
        stopped = "Cancelled: " if self.cancelled.is_set() else ""
        kept = f", {skipped} were there already" if skipped else ""
        return f"{stopped}{written} frames written{kept}: {places}"


def prepare(
    context: bpy.types.Context,
    outputs: dict[bpy.types.Object, Path],
    frames: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
    numbers: Sequence[int] | None = None,
) -> Work:
    """Samples the scene over the frames. A rig that cannot be sampled is among the work's `failed`.

    numbers: what the files are numbered, by default like the frames.
    """
    work = Work([])
    fps = context.scene.render.fps / context.scene.render.fps_base
    with preview.paused():
        sampled = sample.over_range(context, list(outputs), frames, progress)
    for ob, output in outputs.items():
        targets = sampled[ob.session_uid]
        try:
            if isinstance(targets, ZygomaError):
                raise targets
            work.clips.append(Clip(ob.name, rig.read(ob), targets, tuple(numbers or frames), output, fps))
        except ZygomaError as problem:
            work.failed[ob.name] = str(problem)
    return work


def render(
    clip: Clip,
    existing: Existing = "skip",
    crop: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClipReport:
    """Renders one clip in the calling thread. Raises ZygomaError."""
    session, source = sources.source(clip.data)
    return render_vectors(
        source,
        clip.targets,
        session,
        clip.output,
        numbers=clip.numbers,
        fps=clip.fps,
        crop=crop,
        existing=existing,
        progress=progress,
        cancelled=cancelled,
    )


def output_folder(ob: bpy.types.Object, parent: str) -> Path:
    """A folder for the rig's frames, named like it. parent: a folder, '//' for beside the .blend.

    Raises ZygomaError for '//' in a file that was never saved.
    """
    return output_path(parent) / bpy.path.clean_name(ob.name)


def output_path(path: str) -> Path:
    """Absolute. Raises ZygomaError for a path beside a .blend that was never saved, and for none."""
    if not path:
        raise ZygomaError("No output was chosen: name a folder, or a movie that ends in .mp4.")
    if path.startswith("//") and not bpy.data.filepath:
        raise ZygomaError(f"{path}: stands beside the .blend file, which was never saved; save it, or choose a folder.")
    return Path(bpy.path.abspath(path)).absolute()
