"""A tiny real generator pack, made on the spot, whose pictures say exactly which vector they were made from.

64 px, system "probe". A grid of 5 x 4 blocks in the crop's middle holds one attribute each: red and green are the value
in 16 bits (-2 to 2), blue is full. Around it stands the crop itself, where alpha is 0 unless `whole`. A pack is given
the head's angles as its crop shows them; reading turns them back.

    pack = build_probe(tmp_path / "probe")
    values = read_crop(generator.crop_frame(source, target), source.crop)  # float64 [A], right to PRECISION
    values = read_frame(generator.frame(source, target), source.crop)      # the same from a frame of the photo's size
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from addon.core.attributes import ANGLES, AT_POSE, NAMES
from addon.core.faces.pose import angles, rotation

SIDE = 64
BLOCK = 8
COLUMNS, ROWS = 5, 5
LEFT, TOP = (SIDE - COLUMNS * BLOCK) // 2, (SIDE - ROWS * BLOCK) // 2
STEPS = 2**14  # a unit of the value
PRECISION = 2 / STEPS  # half a step, and what turning angles back makes of it
OPSET = 17
NOTHING: Mapping[str, Sequence[int]] = MappingProxyType({})


def build_probe(
    folder: Path,
    *,
    names: Sequence[str] = NAMES,
    source: np.ndarray | None = None,
    whole: bool = False,
    at_rest: str = "photo",
    fails_above: float | None = None,
    metadata: Sequence[str] | None = None,
    asks: Mapping[str, Sequence[int]] | None = None,
    expressed: bool = False,
) -> Path:
    """Write the pack into `folder` (made where absent) and return it.

    names: the order of its vector; source: float32 [A], what its encoder claims to be the source vector (without it the
    face's readings are taken); whole: alpha 255 everywhere; fails_above: the graph fails where AU26 passes this value;
    metadata: names to write into the animator graph, by default `names`; asks: what its encoder asks for besides the
    image, by name, with the shape; the state holds it as it came, as `kept_` and the name; expressed: the animator
    takes `told`, which express.onnx gives for a vector, and driver.onnx for a picture: its mean in every place.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save(encoder(source, asks or {}), folder / "encoder.onnx")
    told = "told" if expressed else "attributes"
    save(animator(names, whole, fails_above, metadata, asks or {}, told), folder / "animator.onnx")
    if expressed:
        save(express(len(names)), folder / "express.onnx")
        save(driver(len(names)), folder / "driver.onnx")
    write_toml(folder, names=names, at_rest=at_rest)
    return folder


def write_toml(folder: Path, *, names: Sequence[str] = NAMES, at_rest: str = "photo", **changes: str) -> None:
    """pack.toml for the files that are there; `changes` replace top-level values (as TOML text)."""
    top = {
        "format": "1",
        "id": json.dumps(folder.name),
        "title": '"Probe"',
        "version": '"1.0"',
        "system": '"probe"',
        "licence": '"CC0-1.0"',
        "at_rest": json.dumps(at_rest),
        **changes,
    }
    lines = [f"{key} = {value}" for key, value in top.items()]
    lines += ["", "[crop]", "side = 2.25", "shift = 0.04", f"sizes = [{SIDE}, {SIDE}]", "", "[attributes]"]
    lines += [f"{name} = {[-0.6, 0.6] if name in ANGLES else [0.0, 1.0]}" for name in names]
    lines += ["", "[files]"]
    for file in sorted(folder.glob("*.onnx")):
        lines.append(f'"{file.name}" = "{hashlib.sha256(file.read_bytes()).hexdigest()}"')
    (folder / "pack.toml").write_text("\n".join(lines) + "\n", "utf-8")


def read_crop(image: np.ndarray, crop) -> np.ndarray:
    """float64 [A] in the order of NAMES, from a generated crop uint8 [64,64,3]."""
    centres = block_centres().astype(int)
    return _decoded(image[centres[:, 1], centres[:, 0]], crop)


def read_frame(frame: np.ndarray, crop) -> np.ndarray:
    """float64 [A] from a frame uint8 [H,W,3] that the crop was pasted into, where a block spans some photo pixels."""
    matrix = crop.to_photo
    places = np.rint(block_centres() @ matrix[:, :2].T + matrix[:, 2]).astype(int)
    return _decoded(frame[places[:, 1], places[:, 0]], crop)


def as_cropped(vector: np.ndarray, crop) -> np.ndarray:
    """A photo's vector [A] with the head's angles as the crop shows them, which is what a pack is given."""
    turned = np.array(vector)
    turned[AT_POSE] = angles(rotation((0, 0, crop.angle)) @ rotation(turned[AT_POSE]))
    return turned


def block_centres() -> np.ndarray:
    """float64 [A,2]: x, y in crop pixels."""
    index = np.arange(COLUMNS * ROWS)
    x = LEFT + (index % COLUMNS + 0.5) * BLOCK
    y = TOP + (index // COLUMNS + 0.5) * BLOCK
    return np.stack([x, y], axis=1)


def _decoded(colours: np.ndarray, crop) -> np.ndarray:
    code = colours[:, 0].astype(np.float64) * 256 + colours[:, 1]
    values = code / STEPS - 2
    values[AT_POSE] = angles(rotation((0, 0, -crop.angle)) @ rotation(values[AT_POSE]))
    return values


def encoder(source: np.ndarray | None = None, asks: Mapping[str, Sequence[int]] = NOTHING) -> onnx.ModelProto:
    """image float32 [1,3,64,64] -> `face`, the same image; what else it asks for -> the same as `kept_`..."""
    nodes = [helper.make_node("Identity", ["image"], ["face"])]
    outputs = [helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    weights = []
    if source is not None:
        weights.append(numpy_helper.from_array(np.asarray(source, np.float32)[None], "claimed"))
        nodes.append(helper.make_node("Identity", ["claimed"], ["source_attributes"]))
        outputs.append(helper.make_tensor_value_info("source_attributes", TensorProto.FLOAT, [1, len(NAMES)]))
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    for name, shape in asks.items():
        nodes.append(helper.make_node("Identity", [name], [f"kept_{name}"]))
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        outputs.append(helper.make_tensor_value_info(f"kept_{name}", TensorProto.FLOAT, shape))
    return model(helper.make_graph(nodes, "encoder", inputs, outputs, weights))


def animator(
    names: Sequence[str] = NAMES,
    whole: bool = False,
    fails_above: float | None = None,
    metadata: Sequence[str] | None = None,
    asks: Mapping[str, Sequence[int]] = NOTHING,
    told: str = "attributes",
) -> onnx.ModelProto:
    """`face`, attributes [B,A] (or as they are `told`) -> image, alpha, synthetic: the face with blocks drawn on it."""
    place = np.full((SIDE, SIDE), 0, np.int64)  # which column of the vector a pixel shows
    inside = np.zeros((SIDE, SIDE), bool)
    for i, name in enumerate(NAMES):
        if name not in names:
            continue
        x, y = LEFT + i % COLUMNS * BLOCK, TOP + i // COLUMNS * BLOCK
        place[y : y + BLOCK, x : x + BLOCK] = list(names).index(name)
        inside[y : y + BLOCK, x : x + BLOCK] = True
    shown = np.ones((SIDE, SIDE), bool) if whole else inside
    weights = {
        "place": place.ravel(),
        "inside": inside[None, :, :, None],
        "mask": np.where(shown, 255, 0).astype(np.uint8)[None],
        "offset": np.array(2.0),
        "steps": np.array(float(STEPS)),
        "largest": np.array(65535.0),
        "zero": np.array(0.0),
        "byte": np.array(256.0),
        "blue": np.array(255.0),
        "half": np.array(0.5, np.float32),
        "grey": np.array(127.5, np.float32),
        "square": np.array([-1, SIDE, SIDE, 1], np.int64),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "sides": np.array([SIDE, SIDE], np.int64),
    }
    nodes = [
        helper.make_node("Cast", [told], ["exact"], to=TensorProto.DOUBLE),
        helper.make_node("Gather", ["exact", "place"], ["values"], axis=1),  # [B, S*S]
        helper.make_node("Add", ["values", "offset"], ["raised"]),
        helper.make_node("Mul", ["raised", "steps"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        helper.make_node("Clip", ["rounded", "zero", "largest"], ["code"]),
        helper.make_node("Div", ["code", "byte"], ["share"]),
        helper.make_node("Floor", ["share"], ["high"]),
        helper.make_node("Mul", ["high", "byte"], ["upper"]),
        helper.make_node("Sub", ["code", "upper"], ["low"]),
        helper.make_node("Mul", ["high", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "blue"], ["full"]),
        *(helper.make_node("Reshape", [name, "square"], [f"{name}_plane"]) for name in ("high", "low", "full")),
        helper.make_node("Concat", ["high_plane", "low_plane", "full_plane"], ["colours"], axis=3),
        helper.make_node("Cast", ["colours"], ["blocks"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["face"], ["upright"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["upright", "grey"], ["spread"]),
        helper.make_node("Add", ["spread", "grey"], ["bytes"]),
        helper.make_node("Add", ["bytes", "half"], ["above"]),
        helper.make_node("Floor", ["above"], ["photo"]),
        helper.make_node("Where", ["inside", "blocks", "photo"], ["drawn"]),
        helper.make_node("Cast", ["drawn"], ["image"], to=TensorProto.UINT8),
        # alpha and synthetic [B,S,S]: the same for every vector of the batch
        helper.make_node("Shape", [told], ["shape"]),
        helper.make_node("Slice", ["shape", "first", "second"], ["batch"]),
        helper.make_node("Concat", ["batch", "sides"], ["masks"], axis=0),
        helper.make_node("Expand", ["mask", "masks"], ["alpha"]),
        helper.make_node("Identity", ["alpha"], ["synthetic"]),
    ]
    if fails_above is not None:
        # a row number that the batch does not have: the graph itself fails, as a broken network would
        weights["limit"] = np.array(fails_above, np.float32)
        weights["jaw"] = np.array([list(names).index("AU26")], np.int64)
        weights["far"] = np.array(1_000_000, np.int64)
        nodes[0:1] = [
            helper.make_node("Gather", ["attributes", "jaw"], ["opening"], axis=1),
            helper.make_node("Greater", ["opening", "limit"], ["open"]),
            helper.make_node("Cast", ["open"], ["flags"], to=TensorProto.INT64),
            helper.make_node("ReduceMax", ["flags"], ["flag"], keepdims=0),
            helper.make_node("Mul", ["flag", "far"], ["row"]),
            helper.make_node("Gather", ["attributes", "row"], ["probed"], axis=0),
            helper.make_node("Mul", ["probed", "null"], ["nil"]),
            helper.make_node("Add", ["attributes", "nil"], ["checked"]),
            helper.make_node("Cast", ["checked"], ["exact"], to=TensorProto.DOUBLE),
        ]
        weights["null"] = np.array(0, np.float32)
    inputs = [
        helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 3, SIDE, SIDE]),
        helper.make_tensor_value_info(told, TensorProto.FLOAT, ["B", len(names)]),
        *(helper.make_tensor_value_info(f"kept_{name}", TensorProto.FLOAT, shape) for name, shape in asks.items()),
    ]
    outputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", SIDE, SIDE, 3])]
    outputs += [helper.make_tensor_value_info(n, TensorProto.UINT8, ["B", SIDE, SIDE]) for n in ("alpha", "synthetic")]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    made = model(helper.make_graph(nodes, "animator", inputs, outputs, tensors))
    helper.set_model_props(made, {"attributes": ",".join(metadata or names)})
    return made


def express(width: int) -> onnx.ModelProto:
    """attributes [B,A] -> `told`, the same."""
    nodes = [helper.make_node("Identity", ["attributes"], ["told"])]
    given = helper.make_tensor_value_info("attributes", TensorProto.FLOAT, ["B", width])
    made = helper.make_tensor_value_info("told", TensorProto.FLOAT, ["B", width])
    return model(helper.make_graph(nodes, "express", [given], [made]))


def driver(width: int) -> onnx.ModelProto:
    """image [1,3,64,64] -> `told` [1,A]: its mean."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Expand", ["mean", "shape"], ["told"]),
    ]
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    made = helper.make_tensor_value_info("told", TensorProto.FLOAT, [1, width])
    shape = numpy_helper.from_array(np.array([1, width], np.int64), "shape")
    return model(helper.make_graph(nodes, "driver", [given], [made], [shape]))


def model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def save(made: onnx.ModelProto, path: Path) -> None:
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())
