"""Reads a TFLite model: operators in order, constants as plain float32 arrays (float16 widened, sparse made dense)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
KINDS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "ADD": tflite.AddOptions,
    "SUB": tflite.SubOptions,
    "MUL": tflite.MulOptions,
    "DIV": tflite.DivOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
    "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
    "MEAN": tflite.ReducerOptions,
    "SUM": tflite.ReducerOptions,
    "STRIDED_SLICE": tflite.StridedSliceOptions,
}
SPARSE_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


@dataclass(frozen=True)
class Operator:
    """One operator: tensor numbers, the schema's options table or None, a custom operator's raw options."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: Any
    custom: bytes


class TfliteFile:
    """The first subgraph of a TFLite model. Tensors are named by number, as in the file."""

    def __init__(self, data: bytes):
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants: dict[int, np.ndarray] = {}
        self.inputs = [int(t) for t in self.graph.InputsAsNumpy()]
        self.outputs = [int(t) for t in self.graph.OutputsAsNumpy()]
        self.operators = [op for op in self._read_operators() if not self._folds_away(op)]

    def shape(self, tensor: int) -> list[int]:
        table = self.graph.Tensors(tensor)
        return [int(v) for v in table.ShapeAsNumpy()] if table.ShapeLength() else []

    def name(self, tensor: int) -> str:
        return self.graph.Tensors(tensor).Name().decode()

    def value(self, tensor: int) -> np.ndarray | None:
        """The tensor's constant, or None where it is computed."""
        if tensor not in self.constants:
            table = self.graph.Tensors(tensor)
            buffer = self.model.Buffers(table.Buffer())
            if not buffer.DataLength():
                return None
            data = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[table.Type()])
            data = densify(table, data) if table.Sparsity() else data.reshape(self.shape(tensor))
            self.constants[tensor] = data.astype(np.float32) if data.dtype == np.float16 else data
        return self.constants[tensor]

    def constant(self, tensor: int) -> np.ndarray:
        """Raises ValueError where the tensor is computed."""
        value = self.value(tensor)
        if value is None:
            raise ValueError(f"tensor {tensor} ({self.name(tensor)}) is no constant")
        return value

    def readers(self, tensor: int) -> set[str]:
        """Kinds of the operators that take the tensor."""
        return {op.kind for op in self.operators if tensor in op.inputs}

    def _read_operators(self):
        kinds = []
        for i in range(self.model.OperatorCodesLength()):
            code = self.model.OperatorCodes(i)
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            is_custom = number == tflite.BuiltinOperator.CUSTOM
            kinds.append(code.CustomCode().decode() if is_custom else KINDS[number])
        for i in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(i)
            kind = kinds[op.OpcodeIndex()]
            table, options = op.BuiltinOptions(), None
            if table is not None and kind in OPTIONS:
                options = OPTIONS[kind]()
                options.Init(table.Bytes, table.Pos)
            custom = op.CustomOptionsAsNumpy().tobytes() if op.CustomOptionsLength() else b""
            inputs = [int(t) for t in op.InputsAsNumpy()]
            yield Operator(kind, inputs, [int(t) for t in op.OutputsAsNumpy()], options, custom)

    def _folds_away(self, op: Operator) -> bool:
        """DEQUANTIZE and DENSIFY of a constant: `value` has done that already."""
        if op.kind not in ("DEQUANTIZE", "DENSIFY"):
            return False
        value = self.value(op.inputs[0])
        if value is None:
            return False
        self.constants[op.outputs[0]] = value
        return True


def densify(tensor, values: np.ndarray) -> np.ndarray:
    """A sparse tensor's stored values -> its dense array; any traversal order, dense or CSR levels, blocks too."""
    sparsity, shape = tensor.Sparsity(), tensor.ShapeAsNumpy()
    order = list(sparsity.TraversalOrderAsNumpy())
    blocks = list(sparsity.BlockMapAsNumpy()) if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]

    def index_array(kind, table):
        vector = SPARSE_VECTORS[kind]()
        vector.Init(table.Bytes, table.Pos)
        return vector.ValuesAsNumpy()

    compressed = [
        (
            index_array(level.ArraySegmentsType(), level.ArraySegments()),
            index_array(level.ArrayIndicesType(), level.ArrayIndices()),
        )
        if level.Format() == tflite.DimensionType.SPARSE_CSR
        else None
        for level in levels
    ]
    block_size = [levels[order.index(len(shape) + b)].DenseSize() for b in range(len(blocks))]
    dense = np.zeros(shape, values.dtype)
    written = 0

    def walk(level: int, parent: int, at: list[int]) -> None:
        nonlocal written
        if level == len(order):
            index = list(at[: len(shape)])
            for b, dim in enumerate(blocks):
                index[dim] = index[dim] * block_size[b] + at[len(shape) + b]
            dense[tuple(index)] = values[parent]
            written += 1
            return
        rows = compressed[level]
        if rows is None:
            size = levels[level].DenseSize()
            for i in range(size):
                at[order[level]] = i
                walk(level + 1, parent * size + i, at)
        else:
            segments, indices = rows
            for k in range(int(segments[parent]), int(segments[parent + 1])):
                at[order[level]] = int(indices[k])
                walk(level + 1, k, at)

    walk(0, 0, [0] * len(order))
    if written != len(values):
        raise ValueError(f"sparse tensor: {written} of {len(values)} values placed")
    return dense
