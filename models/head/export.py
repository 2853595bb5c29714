"""Writes zygoma-base's pack: the animator graph, checked against torch, and pack.toml with every file's hash.

python -m models.head.export
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from addon.core.attributes import ATTRIBUTES, GAZE, NAMES, UNITS
from addon.core.mesh.layout import GRID, STATE

from .animator import export as export_animator

PACK = Path(__file__).parents[2] / "addon" / "packs" / "zygoma-base"
RANGES = {"pose_pitch": (-0.5, 0.5), "pose_yaw": (-0.6, 0.6), "pose_roll": (-0.6, 0.6)}
RANGES |= dict.fromkeys(GAZE, (-0.6, 0.6))  # who looks at the camera from a turned head looks as far aside
SIZES = (256, 2048)
HEADER = """format = 1
id = "zygoma-base"
title = "Zygoma Base"
version = "0.1.0"
system = "zygoma-base"
licence = "GPL-3.0-or-later; head derived from CC0 data"
at_rest = "photo"

[training]
data = "nothing: the photo's own pixels are moved through a fitted head"

[crop]
side = 2.25
shift = 0.04
sizes = [{0}, {1}]
"""


def random_state(size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A state of the right shapes whose motion is small and smooth enough to be inverted, for checks of the graph."""
    rng = np.random.default_rng(seed)
    units = len(UNITS)

    def noise(*shape):
        return rng.random(shape, np.float32)

    def waves(*lead):
        x = np.linspace(0, np.pi, GRID, dtype=np.float32)
        return (noise(*lead, 1, 1) - 0.5) * np.sin(x) * np.sin(x)[:, None]

    state = {
        "photo": noise(1, 3, size, size),
        "above": noise(1, 11, size, size),
        "below": noise(1, 7, size, size),
        "crease_map": noise(1, 1, size, size),
        "inner": noise(1, 5, size, size),
        "jaw": noise(1, 6, size, size),
        "surface": np.concatenate([waves(1, 2), np.abs(waves(1, 2))], 1),
        "motion_above": 0.1 * waves(units + 2, 3),
        "motion_below": 0.1 * waves(units + 2, 3),
        "creases": np.abs(waves(units)),
        "shading": 0.2 * waves(units),
        "eyes": np.abs(waves(1, 1)),
        "side": np.abs(waves(1, 1)),
        "windows": np.array([[[30, 30], [95, 96]], [[50, 40], [60, 90]], [[75, 50], [90, 80]]]),
        "scale": np.array([0.6]),
        "offset": np.array([0.02, -0.05]),
        "pivot": np.array([0.0, 0.35, 0.75]),
        "cavity": noise(3),
        "tint": noise(3),
        "jaw_travel": 0.1 * noise(units, 3),
        "source_rotation": np.eye(3),
        "crop_turn": np.eye(3),
        "source": np.zeros(len(NAMES)),
    }
    return {name: np.ascontiguousarray(state[name], np.float32) for name in STATE}


def export_zygoma_base(folder: Path) -> None:
    """Exports animator.onnx into `folder`, which holds head.npz; raises AssertionError where ONNX Runtime disagrees
    with torch.
    """
    graph = folder / "animator.onnx"
    example = {name: torch.from_numpy(v) for name, v in random_state(256).items()}
    net = export_animator(graph, example)
    model = onnx.load(graph)
    share_constants(model.graph)
    model.doc_string = "zygoma-base: the photo's own pixels through a fitted head"
    onnx.helper.set_model_props(model, {"attributes": ",".join(NAMES)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, graph)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    for size, batch in ((256, 1), (320, 3)):
        state = random_state(size, seed=size)
        attributes = np.random.default_rng(size).random((batch, len(NAMES)), np.float32) * 0.5
        with torch.no_grad():
            expected = net(*(torch.from_numpy(state[name]) for name in STATE), torch.from_numpy(attributes))
        for name, ours, theirs in zip(
            ("image", "alpha", "synthetic"),
            session.run(None, {**state, "attributes": attributes}),
            expected,
            strict=True,
        ):
            off = np.abs(ours.astype(int) - theirs.numpy().astype(int))
            print(f"{name} {size} px x {batch}: mean difference {off.mean():.5f}, largest {off.max()} of 255")
            assert off.mean() < 0.01, f"{name}: ONNX Runtime disagrees with torch"
    write_pack_toml(folder)


def share_constants(graph: onnx.GraphProto) -> None:
    """Each constant once, in place: tracing writes one for each of its uses."""
    first: dict[bytes, str] = {}
    names, kept = {}, []
    for node in graph.node:
        if node.op_type == "Constant":
            names[node.output[0]] = first.setdefault(node.attribute[0].SerializeToString(), node.output[0])
            if names[node.output[0]] != node.output[0]:
                continue
        node.input[:] = [names.get(name, name) for name in node.input]
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def write_pack_toml(folder: Path) -> None:
    """pack.toml with the hashes of the files as they are."""
    lines = [HEADER.format(*SIZES), "[attributes]"]
    for attribute in ATTRIBUTES:
        low, high = RANGES.get(attribute.key, (0.0, 1.0))
        lines.append(f"{attribute.key} = [{low}, {high}]")
    lines += ["", "[files]"]
    for name in ("animator.onnx", "head.npz"):
        lines.append(f'"{name}" = "{hashlib.sha256((folder / name).read_bytes()).hexdigest()}"')
    (folder / "pack.toml").write_text("\n".join(lines) + "\n")


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    export_zygoma_base(PACK)


if __name__ == "__main__":
    main()
