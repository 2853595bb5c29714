"""What a pack's graphs cost: parameters, floating-point operations and time a frame."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from addon.core.pack import ANIMATOR, DRIVER, ENCODER, EXPRESS
from addon.core.session import Generator, Source

FRAMES = 12  # timed, after as many that are not


@dataclass(frozen=True)
class Cost:
    """parameters: of all graphs; gflops: of one frame by a vector, a multiplication and an addition counted as two;
    encode_gflops: of the encoder, once a source, nan where encoding is no graph; ms: a frame's median, by the clock of
    `device`."""

    parameters: int
    gflops: float
    encode_gflops: float
    ms: float
    device: str


def cost(generator: Generator, source: Source, targets: np.ndarray) -> Cost:
    """Of one pack on one source, animated to targets float32 [F,25]."""
    pack = generator.pack
    width = len(pack.attributes)
    asked = {"attributes": np.zeros((1, width), np.float32)}
    parameters = sum(weights(pack.read(name)) for name in (ENCODER, ANIMATOR, EXPRESS, DRIVER) if name in pack.files)
    flops, encode = 0.0, float("nan")
    if EXPRESS in pack.files:
        express = pack.read(EXPRESS)
        flops, asked = operations(express, asked), outputs(express, asked)
    flops += operations(pack.read(ANIMATOR), dict(source.state) | asked)
    if ENCODER in pack.files:
        encoder = pack.read(ENCODER)
        size = source.crop.size
        known = {"image": (1, 3, size, size), "landmarks": (1, 478, 3), "source_vector": (1, width)}
        wanted = [i.name for i in onnx.load_from_string(encoder).graph.input]
        encode = operations(encoder, {name: np.zeros(known[name], np.float32) for name in wanted}) / 1e9
    return Cost(parameters, flops / 1e9, encode, _milliseconds(generator, source, targets), generator.device)


def _milliseconds(generator: Generator, source: Source, targets: np.ndarray) -> float:
    spent = []
    for i in range(2 * FRAMES):
        began = time.perf_counter()
        generator.animate(source, targets[i % len(targets)][None])
        spent.append(time.perf_counter() - began)
    return float(np.median(spent[FRAMES:])) * 1e3


def weights(graph: bytes) -> int:
    """Numbers with more than one dimension or more than one element that are stored in a graph: what was learnt, and
    the tables of a graph that learnt nothing."""
    model = onnx.load_from_string(graph)
    stored = [tuple(t.dims) for t in model.graph.initializer if t.data_type != onnx.TensorProto.INT64]
    stored += [
        tuple(a.t.dims)
        for node in model.graph.node
        if node.op_type == "Constant"
        for a in node.attribute
        if a.name == "value" and a.t.data_type != onnx.TensorProto.INT64
    ]
    return int(sum(np.prod(dims, dtype=np.int64) for dims in stored))


def outputs(graph: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a graph gives, by name."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def operations(graph: bytes, inputs: dict[str, np.ndarray]) -> float:
    """Floating-point operations of one run: convolutions, matrix products and bilinear sampling (8 a value), which are
    nearly all of it; a multiplication and an addition count two. The graph is run once, and its nodes' shapes are those
    that they had."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # nodes stay as they are
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "nodes")
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [e["args"] for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
    return float(
        sum(_operations(n["op_name"], _shapes(n["input_type_shape"]), _shapes(n["output_type_shape"])) for n in nodes)
    )


def _shapes(said: list[dict[str, list[int]]]) -> list[list[int]]:
    return [list(next(iter(one.values()))) if one else [] for one in said]


def _operations(kind: str, inputs: list[list[int]], outputs: list[list[int]]) -> float:
    size = float(np.prod(outputs[0]))
    if kind == "Conv":
        return 2 * size * float(np.prod(inputs[1][1:]))  # weights [O, I / group, h, w]
    if kind == "ConvTranspose":
        return 2 * float(np.prod(inputs[0])) * float(np.prod(inputs[1][1:]))  # weights [I, O / group, h, w]
    if kind == "MatMul":
        return 2 * size * inputs[0][-1]
    if kind == "Gemm":  # of A [M,K] or, transposed, [K,M]
        return 2 * float(np.prod(inputs[0])) * outputs[0][1]
    return 8 * size if kind == "GridSample" else 0.0
