"""MediaPipe's Blendshape v2 (an MLP-Mixer on 146 of the 478 landmarks) -> ONNX, made to take any number of faces.

Tensors keep TFLite's order; its 1x1 convolutions over the last axis become MatMul. The original is written for one
face: what it fixes at 1 along the first axis is left free here.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .onnx_graph import OnnxGraph
from .tflite_file import Operator, TfliteFile

# kLandmarksSubsetIdxs of mediapipe/tasks/cc/vision/face_landmarker/face_blendshapes_graph.cc
SUBSET = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80),
    *(81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153),
    *(154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249),
    *(251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314),
    *(317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473),
    *(474, 475, 476, 477),
)
BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
UNARY = {"SQRT": "Sqrt", "NEG": "Neg", "LOGISTIC": "Sigmoid"}


class Mixer(OnnxGraph):
    """Input `landmarks` float32 [N,478,3], pixels at any scale (z is not read); `result` names the output, [N,52]."""

    def __init__(self, data: bytes):
        super().__init__()
        self.file = TfliteFile(data)
        picked = self.op("Gather", ["landmarks", self.const(SUBSET, np.int64)], axis=1)
        self.name = {self.file.inputs[0]: self.slice(picked, 0, 2, 2)}
        count = self.slice(self.op("Shape", ["landmarks"]), 0, 1, 0)
        self.one_a_face = self.op("Concat", [count, self.ints(1, 1, 1)], axis=0)
        for operator in self.file.operators:
            self.name[operator.outputs[0]] = self.convert(operator)
        self.result = self.name[self.file.outputs[0]]

    def faces_input(self) -> dict[str, tuple[int, list]]:
        return {"landmarks": (TensorProto.FLOAT, ["N", 478, 3])}

    def operand(self, tensor: int) -> str:
        return self.name[tensor] if tensor in self.name else self.const(self.file.constant(tensor))

    def convert(self, op: Operator) -> str:
        x = self.operand(op.inputs[0])
        if op.kind in BINARY:
            y = self.op(BINARY[op.kind], [x, self.operand(op.inputs[1])])
            return self.activate(y, op.options.FusedActivationFunction() if op.options else 0)
        if op.kind in UNARY:
            return self.op(UNARY[op.kind], [x])
        if op.kind == "RSQRT":
            return self.op("Reciprocal", [self.op("Sqrt", [x])])
        if op.kind == "SQUARED_DIFFERENCE":
            difference = self.op("Sub", [x, self.operand(op.inputs[1])])
            return self.op("Mul", [difference, difference])
        if op.kind in ("MEAN", "SUM"):
            axes = [int(v) for v in np.ravel(self.file.constant(op.inputs[1]))]
            keep = int(op.options.KeepDims())
            if op.kind == "MEAN":
                return self.op("ReduceMean", [x], axes=axes, keepdims=keep)
            return self.op("ReduceSum", [x, self.ints(*axes)], keepdims=keep)
        if op.kind == "TRANSPOSE":
            return self.op("Transpose", [x], perm=[int(v) for v in self.file.constant(op.inputs[1])])
        if op.kind == "RESHAPE":
            return self.op("Reshape", [x, self.ints(-1, *self.file.shape(op.outputs[0])[1:])])
        if op.kind == "CONCATENATION":  # the class token, one a face, before the tokens
            inputs = [self.name.get(t) or self.op("Expand", [self.operand(t), self.one_a_face]) for t in op.inputs]
            return self.op("Concat", inputs, axis=op.options.Axis())
        if op.kind == "STRIDED_SLICE":
            return self.strided_slice(op, x)
        if op.kind == "CONV_2D":
            return self.dense(op, x)
        raise NotImplementedError(f"TFLite operator {op.kind}")

    def activate(self, x: str, function: int) -> str:
        return self.op("Relu", [x]) if function == 1 else x

    def dense(self, op: Operator, x: str) -> str:
        weights = self.file.constant(op.inputs[1])  # [O,1,1,I]
        if weights.shape[1:3] != (1, 1):
            raise NotImplementedError("a convolution wider than 1x1")
        y = self.op("MatMul", [x, self.const(weights[:, 0, 0].T)])
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            y = self.op("Add", [y, self.const(self.file.constant(op.inputs[2]))])
        return self.activate(y, op.options.FusedActivationFunction())

    def strided_slice(self, op: Operator, x: str) -> str:
        begin, end, step = (np.ravel(self.file.constant(t)).astype(np.int64) for t in op.inputs[1:4])
        size = self.file.shape(op.inputs[0])
        for axis in range(1, len(size)):
            first = 0 if op.options.BeginMask() >> axis & 1 else int(begin[axis])
            last = size[axis] if op.options.EndMask() >> axis & 1 else int(end[axis])
            if step[axis] != 1 or op.options.ShrinkAxisMask() >> axis & 1:
                raise NotImplementedError("a slice with steps, or one that drops an axis")
            if (first, last) != (0, size[axis]):
                x = self.slice(x, first, last, axis)
        return x
