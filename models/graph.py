"""A torch module as an ONNX graph and back: its weights stand in the file as float16, under torch's own names."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 17  # GridSample from 16 on; CUDA's kernel of it is registered below 20
WEIGHTS = "weights"  # metadata: the initialiser that holds each weight, by the weight's name
UNUSED = "num_batches_tracked"  # the one kind of state that no graph needs


def export_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
    names: Mapping[int, str],
) -> onnx.ModelProto:
    """A module in evaluation mode as a graph that computes in float32.

    inputs: an example of each, in order; free: of inputs and outputs the axes of any length, with their names; names:
    what the module's tensors are called, by `id`.
    """
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own age, and of shapes that are traced as constants
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            data,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamic_axes={name: dict(axes) for name, axes in free.items()},
            dynamo=False,
            do_constant_folding=False,  # it renames what it folds
            training=torch.onnx.TrainingMode.PRESERVE,  # else batch norms melt into the weights before them
        )
    model = onnx.load_from_string(data.getvalue())
    own = {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if id(tensor) in names}
    _rename(model.graph, {name: names[id(tensor)] for name, tensor in own.items()})
    held = _held(model.graph, {names[id(tensor)]: tensor for tensor in own.values()})
    _halve(model.graph)
    _tidy(model.graph)
    helper.set_model_props(model, {WEIGHTS: json.dumps(held)})
    return model


def write_graph(model: onnx.ModelProto, path: Path, about: Mapping[str, str]) -> None:
    """about: more metadata."""
    helper.set_model_props(model, {**metadata(model), **about})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def read_graph(path: Path) -> onnx.ModelProto:
    return onnx.load(str(path), load_external_data=False)


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    """The weights of a graph that `export_graph` made, by their names, as float32."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    held = json.loads(metadata(model).get(WEIGHTS, "{}"))
    return {name: torch.from_numpy(numpy_helper.to_array(stored[at]).astype(np.float32)) for name, at in held.items()}


def _rename(graph: onnx.GraphProto, called: Mapping[str, str]) -> None:
    for tensor in graph.initializer:
        tensor.name = called.get(tensor.name, tensor.name)
    for node in graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
        node.output[:] = [called.get(name, name) for name in node.output]  # of a weight that equals another's


def _held(graph: onnx.GraphProto, wanted: Mapping[str, Tensor]) -> dict[str, str]:
    """Where each of the wanted weights is, but for those that no output needs: the exporter stores equal ones once."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    by_content = {(array.shape, array.tobytes()): name for name, array in stored.items()}
    held = {}
    for name, tensor in wanted.items():
        if name in stored:
            held[name] = name
        elif not name.endswith(UNUSED):
            array = tensor.detach().cpu().numpy()
            if same := by_content.get((array.shape, array.tobytes())):
                held[name] = same
    return held


def _halve(graph: onnx.GraphProto) -> None:
    """Matrices and kernels become float16, each with a Cast: ONNX Runtime widens them once, when it loads the graph."""
    wide: dict[str, str] = {}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            if np.isfinite(half).all():
                wide[tensor.name] = f"{tensor.name}.wide"
                tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    casts = [helper.make_node("Cast", [name], [output], to=TensorProto.FLOAT) for name, output in wide.items()]
    nodes = list(graph.node)
    for node in nodes:
        node.input[:] = [wide.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _tidy(graph: onnx.GraphProto) -> None:
    """Equal constants once, and short names for what flows between nodes: a tenth of a small pack."""
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return  # graphs inside nodes know outer values by name
    short: dict[str, str] = {}
    constants: dict[bytes, str] = {}
    kept = []
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        node.name = ""
        node.input[:] = [short.get(name, name) for name in node.input]
        if node.op_type == "Constant" and node.output[0] not in outputs:
            content = b"".join(attribute.SerializeToString() for attribute in node.attribute)
            if content in constants:
                short[node.output[0]] = constants[content]
                continue
            constants[content] = f"v{len(short)}"
        short |= {name: f"v{len(short) + i}" for i, name in enumerate(node.output) if name and name not in outputs}
        node.output[:] = [short.get(name, name) for name in node.output]
        kept.append(node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(nodes)
