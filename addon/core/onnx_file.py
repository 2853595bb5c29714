"""What an ONNX file holds, read from its bytes alone: whether it stays inside itself and asks for standard operators.

ONNX Runtime would look for external data wherever the file says, and load what operators are registered; so both are
refused before it sees the file. This walks the protocol buffer (onnx.proto3) by field number and skips the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .errors import PackError

STANDARD = {b"", b"ai.onnx"}
EXTERNAL = 1  # TensorProto.DataLocation
DEEPEST = 32  # graphs inside graphs (If, Loop)

# message -> field number -> the message in it
INSIDE = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "opset": {},
    "tensor": {},
}
DOMAIN = {"node": 7, "opset": 1}
TENSOR_LOCATION, TENSOR_EXTERNAL = 14, 13


def check_graph(data: bytes, path: Path) -> None:
    """Raises PackError where the file is no ONNX model, keeps weights elsewhere or needs operators of its own."""
    try:
        kinds = _walk(memoryview(data), "model", path, 0)
    except (IndexError, ValueError) as problem:
        raise PackError(f"{path}: this is no ONNX model, or one cut short; get the pack again.") from problem
    if "graph" not in kinds:
        raise PackError(f"{path}: this is no ONNX model; get the pack again.")


def _walk(message: memoryview, kind: str, path: Path, depth: int) -> set[str]:
    """Checks one message and those inside it; the kinds of those directly inside."""
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    seen = set()
    for number, value in _fields(message):
        if kind == "tensor" and (number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value == EXTERNAL)):
            raise PackError(f"{path}: keeps weights outside the file, which a pack must not; export it in one piece.")
        if isinstance(value, int):
            continue
        if DOMAIN.get(kind) == number and bytes(value) not in STANDARD:
            domain = bytes(value).decode("utf-8", "replace")[:60]
            raise PackError(f"{path}: needs operators of its own ({domain}), which a pack must not; use standard ones.")
        inner = INSIDE[kind].get(number)
        if inner:
            seen.add(inner)
            _walk(value, inner, path, depth + 1)
    return seen


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, number or bytes) of one protocol buffer message. Raises IndexError or ValueError when broken."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("cut short")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
