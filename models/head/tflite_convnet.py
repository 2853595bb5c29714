"""TFLite convolutional networks on pictures -> ONNX.

Activations are kept NCHW from the start, so transposes stay only at the input and before reshapes that flatten
(H, W, C). Every graph takes `image` uint8 [N,H,W,3] RGB, any N, and scales it inside to the model's range.
"""

from __future__ import annotations

import math

import numpy as np
import tflite
from onnx import TensorProto

from .onnx_graph import OnnxGraph
from .tflite_file import Operator, TfliteFile

NCHW_AXIS = {1: 2, 2: 3, 3: 1, 0: 0}  # NHWC axis -> NCHW axis


class ConvNet(OnnxGraph):
    """`name[t]` is the ONNX name of TFLite tensor t once it is converted."""

    def __init__(self, data: bytes, low: float, high: float):
        super().__init__()
        self.file = TfliteFile(data)
        self.name: dict[int, str] = {}
        self.padded: dict[int, tuple[str, list[int]]] = {}  # results of a PAD that the next convolution takes over
        source = self.file.inputs[0]
        self.height, self.width = self.file.shape(source)[1:3]
        x = self.op("Transpose", [self.op("Cast", ["image"], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])
        x = self.op("Mul", [x, self.const((high - low) / 255)])
        self.name[source] = self.op("Add", [x, self.const(low)]) if low else x
        for operator in self.file.operators:
            if operator.kind not in CONVERSIONS:
                raise NotImplementedError(f"TFLite operator {operator.kind}")
            self.name[operator.outputs[0]] = CONVERSIONS[operator.kind](self, operator)

    def picture_input(self) -> dict[str, tuple[int, list]]:
        return {"image": (TensorProto.UINT8, ["N", self.height, self.width, 3])}

    def flat(self, tensor: int, *shape: int) -> str:
        return self.op("Reshape", [self.name[tensor], self.ints(-1, *shape)])

    def operand(self, tensor: int, rank: int = 4) -> str:
        """Name of an element-wise operator's operand; constants are turned to NCHW."""
        if tensor in self.name:
            return self.name[tensor]
        value = self.file.constant(tensor)
        if rank == 4 and value.ndim == 4:
            value = value.transpose(0, 3, 1, 2)
        elif rank == 4 and value.ndim == 3:
            value = value.transpose(2, 0, 1)
        elif rank == 4 and value.ndim == 1 and value.size > 1:
            value = value[:, None, None]
        return self.const(value)

    def activate(self, x: str, function: int) -> str:
        if function == tflite.ActivationFunctionType.NONE:
            return x
        if function == tflite.ActivationFunctionType.RELU:
            return self.op("Relu", [x])
        if function == tflite.ActivationFunctionType.RELU6:
            return self.op("Clip", [x, self.const(0), self.const(6)])
        raise NotImplementedError(f"activation {function}")

    def window(self, tensor: int, kernel, strides, dilations, padding: int) -> tuple[str, list[int]]:
        """(input name, ONNX pads) for SAME or VALID. SAME is asymmetric: the odd row goes to the bottom and right."""
        name, pads = self.padded.get(tensor) or (self.name[tensor], [0, 0, 0, 0])
        pads = list(pads)
        if padding == tflite.Padding.SAME:
            for axis in range(2):
                size, step = self.file.shape(tensor)[1 + axis], strides[axis]
                reach = (kernel[axis] - 1) * dilations[axis] + 1
                total = max((math.ceil(size / step) - 1) * step + reach - size, 0)
                pads[axis] += total // 2
                pads[2 + axis] += total - total // 2
        return name, pads


def convolution(net: ConvNet, op: Operator) -> str:
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    o = op.options
    weights = net.file.constant(op.inputs[1])  # [O,h,w,I]; depthwise [1,h,w,O]
    weights = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    kernel, strides = weights.shape[2:], (o.StrideH(), o.StrideW())
    dilations = (o.DilationHFactor(), o.DilationWFactor())
    x, pads = net.window(op.inputs[0], kernel, strides, dilations, o.Padding())
    inputs = [x, net.const(weights)]
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        inputs.append(net.const(net.file.constant(op.inputs[2])))
    y = net.op(
        "Conv",
        inputs,
        kernel_shape=list(kernel),
        strides=list(strides),
        dilations=list(dilations),
        pads=pads,
        group=net.file.shape(op.inputs[0])[3] if depthwise else 1,
    )
    return net.activate(y, o.FusedActivationFunction())


def transposed_convolution(net: ConvNet, op: Operator) -> str:
    """MediaPipe's Convolution2DTransposeBias; its options are three int32: padding, stride h, stride w."""
    _, stride_h, stride_w = (int(v) for v in np.frombuffer(op.custom, np.int32)[:3])
    weights = net.file.constant(op.inputs[1]).transpose(3, 0, 1, 2)  # [O,h,w,I] -> [I,O,h,w]
    if weights.shape[2:] != (stride_h, stride_w):
        raise NotImplementedError("transposed convolution whose kernel is not its stride")
    inputs = [net.name[op.inputs[0]], net.const(weights), net.const(net.file.constant(op.inputs[2]))]
    return net.op("ConvTranspose", inputs, kernel_shape=list(weights.shape[2:]), strides=[stride_h, stride_w])


def pool(net: ConvNet, op: Operator) -> str:
    o = op.options
    kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
    kernel, strides = (o.FilterHeight(), o.FilterWidth()), (o.StrideH(), o.StrideW())
    if kind == "AveragePool" and list(kernel) == net.file.shape(op.inputs[0])[1:3]:
        y = net.op("GlobalAveragePool", [net.name[op.inputs[0]]])
    else:
        x, pads = net.window(op.inputs[0], kernel, strides, (1, 1), o.Padding())
        y = net.op(kind, [x], kernel_shape=list(kernel), strides=list(strides), pads=pads)
    return net.activate(y, o.FusedActivationFunction())


def pad(net: ConvNet, op: Operator) -> str:
    amounts = net.file.constant(op.inputs[1])  # [[n,n],[h,h],[w,w],[c,c]]
    x = net.name[op.inputs[0]]
    only_sides = not amounts[[0, 3]].any()
    if only_sides and net.file.readers(op.outputs[0]) <= {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        net.padded[op.outputs[0]] = (x, [int(v) for v in (*amounts[1:3, 0], *amounts[1:3, 1])])
        return x
    return net.op("Pad", [x, net.const(amounts[[0, 3, 1, 2]].T.ravel(), np.int64)])


def elementwise(net: ConvNet, op: Operator) -> str:
    rank = len(net.file.shape(op.outputs[0]))
    kind = {"ADD": "Add", "MUL": "Mul"}[op.kind]
    y = net.op(kind, [net.operand(t, rank) for t in op.inputs])
    return net.activate(y, op.options.FusedActivationFunction() if op.options else 0)


def concatenation(net: ConvNet, op: Operator) -> str:
    rank = len(net.file.shape(op.outputs[0]))
    axis = op.options.Axis() % rank
    return net.op("Concat", [net.name[t] for t in op.inputs], axis=NCHW_AXIS[axis] if rank == 4 else axis)


def resize(net: ConvNet, op: Operator) -> str:
    (height, width), (out_height, out_width) = net.file.shape(op.inputs[0])[1:3], net.file.shape(op.outputs[0])[1:3]
    o = op.options
    mode = "align_corners" if o.AlignCorners() else "half_pixel" if o.HalfPixelCenters() else "asymmetric"
    scales = net.const([1, 1, out_height / height, out_width / width])
    x = net.name[op.inputs[0]]
    return net.op("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode=mode)


def depth_to_space(net: ConvNet, op: Operator) -> str:
    return net.op("DepthToSpace", [net.name[op.inputs[0]]], blocksize=op.options.BlockSize(), mode="DCR")


def reshape(net: ConvNet, op: Operator) -> str:
    x, before, after = net.name[op.inputs[0]], net.file.shape(op.inputs[0]), net.file.shape(op.outputs[0])
    if len(before) == 4 and before[1] * before[2] > 1:
        x = net.op("Transpose", [x], perm=[0, 2, 3, 1])
    if len(after) == 4:
        if after[1] * after[2] != 1:
            raise NotImplementedError(f"reshape to {after}")
        after = [after[0], after[3], 1, 1]
    return net.op("Reshape", [x, net.ints(-1, *after[1:])])


def prelu(net: ConvNet, op: Operator) -> str:
    return net.op("PRelu", [net.name[op.inputs[0]], net.operand(op.inputs[1])])


def unary(kind: str):
    return lambda net, op: net.op(kind, [net.name[op.inputs[0]]])


def whole_slice(net: ConvNet, op: Operator) -> str:
    if net.file.shape(op.inputs[0]) != net.file.shape(op.outputs[0]):
        raise NotImplementedError("a slice of a part")
    return net.name[op.inputs[0]]


CONVERSIONS = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": convolution,
    "Convolution2DTransposeBias": transposed_convolution,
    "MAX_POOL_2D": pool,
    "AVERAGE_POOL_2D": pool,
    "PAD": pad,
    "ADD": elementwise,
    "MUL": elementwise,
    "CONCATENATION": concatenation,
    "RESIZE_BILINEAR": resize,
    "DEPTH_TO_SPACE": depth_to_space,
    "RESHAPE": reshape,
    "STRIDED_SLICE": whole_slice,
    "PRELU": prelu,
    "RELU": unary("Relu"),
    "LOGISTIC": unary("Sigmoid"),
    "HARD_SWISH": unary("HardSwish"),
}
