"""The rigid face behind MediaPipe's head pose: 468 vertices and how much each counts, out of the bundle's protobuf."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

VERTICES, STRIDE = 468, 5  # x, y, z, u, v


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, value) of one protobuf message: an integer, the raw 4 or 8 bytes, or a nested message's bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 2: None, 5: 4}[kind]
        size = varint() if size is None else size
        yield key >> 3, message[at : at + size]
        at += size


def floats(values: list) -> np.ndarray:
    """Repeated floats, packed or one by one."""
    return np.frombuffer(b"".join(values), "<f4")


def read_canonical_face(message: bytes) -> tuple[np.ndarray, np.ndarray]:
    """GeometryPipelineMetadata -> points float32 [468,3] in cm (x to the image's right, y up, z towards the camera) and
    their Procrustes weights float32 [468], 0 for points that move with the expression."""
    top = list(fields(message))
    mesh = next(value for number, value in top if number == 1)
    vertices = floats([value for number, value in fields(mesh) if number == 3]).reshape(VERTICES, STRIDE)
    weights = np.zeros(VERTICES, np.float32)
    for number, basis in top:
        if number != 2:
            continue
        entry = dict(fields(basis))
        weights[entry[1]] = struct.unpack("<f", entry[2])[0]
    return vertices[:, :3].astype(np.float32), weights
