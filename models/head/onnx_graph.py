"""Builds one ONNX graph node by node: standard operators of opset 17, float16 weights where that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
SMALLEST_HALF = 16  # elements; below this a Cast costs more bytes than it saves


class OnnxGraph:
    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def op(self, kind: str, inputs: Sequence[str], **attributes) -> str:
        """Adds a node with one output and returns that output's name."""
        number = len(self.nodes)
        output = f"{kind.lower()}_{number}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], f"n{number}", **attributes))
        return output

    def const(self, value, dtype: type = np.float32) -> str:
        """The name of a constant; equal constants are stored once."""
        array = np.ascontiguousarray(np.asarray(value, dtype))
        for name, other in self.constants.items():
            if other.dtype == array.dtype and other.shape == array.shape and (other == array).all():
                return name
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def ints(self, *values: int) -> str:
        return self.const(values, np.int64)

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        return self.op("Slice", [x, self.ints(start), self.ints(end), self.ints(axis)])

    def save(
        self,
        path: Path,
        inputs: Mapping[str, tuple[int, list]],
        outputs: Mapping[str, tuple[str, list]],
        note: str,
    ) -> None:
        """Writes the part that the outputs need. inputs: name -> (TensorProto type, shape); outputs: name -> (inner
        name, shape), float32. Raises onnx.checker.ValidationError for a graph that does not fit together."""
        named = [helper.make_node("Identity", [inner], [name], f"out_{name}") for name, (inner, _) in outputs.items()]
        needed, kept = set(outputs), []
        for node in reversed(self.nodes + named):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        stored, casts = [], []
        for name, array in self.constants.items():
            if name not in needed:
                continue
            half = array.astype(np.float16) if array.dtype == np.float32 and array.size >= SMALLEST_HALF else None
            if half is not None and np.array_equal(half.astype(np.float32), array):
                stored.append(numpy_helper.from_array(half, name + "_half"))
                casts.append(helper.make_node("Cast", [name + "_half"], [name], f"widen_{name}", to=TensorProto.FLOAT))
            else:
                stored.append(numpy_helper.from_array(array, name))
        graph = helper.make_graph(
            casts + kept[::-1],
            path.stem,
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, (_, shape) in outputs.items()],
            stored,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="zygoma", doc_string=note)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))
