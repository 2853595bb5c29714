"""A judge's weights on disk: float16 safetensors with its kind and configuration, refused where they do not fit."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from addon.core.errors import PackError

FORMAT = 1
C = TypeVar("C")


def save(path: Path, kind: str, config: dict, state: dict[str, Tensor]) -> None:
    """Writes `path` whole or not at all. Floating-point tensors are stored as float16."""
    tensors = {
        name: value.detach().cpu().to(torch.float16 if value.is_floating_point() else value.dtype).contiguous()
        for name, value in state.items()
    }
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, part, {"format": str(FORMAT), "judge": kind, "config": json.dumps(config)})
    os.replace(part, path)


def load(path: Path, kind: str) -> tuple[dict, dict[str, Tensor]]:
    """(configuration, tensors as float32) of a judge of this kind. Raises PackError."""
    try:
        with safe_open(path, "pt") as file:
            said = file.metadata() or {}
            if said.get("judge") != kind or said.get("format") != str(FORMAT):
                what = f"{said.get('judge', 'something else')}, format {said.get('format', '?')}"
                raise PackError(f"{path}: this holds {what}, where {kind}, format {FORMAT} is needed; train it anew.")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            config = json.loads(said["config"])
    except FileNotFoundError as problem:
        raise PackError(
            f"{path}: there are no weights of the {kind} judge; train it with python -m models.judge train {kind}."
        ) from problem
    except (OSError, SafetensorError, KeyError, ValueError) as problem:
        raise PackError(f"{path}: the weights cannot be read ({problem}); train the {kind} judge anew.") from problem
    return config, {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def config(kind: type[C], said: dict, path: Path) -> C:
    """The dataclass `kind` of what a file says. Raises PackError where it names other fields."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if set(said) != known:
        odd = ", ".join(sorted(set(said) ^ known))
        raise PackError(f"{path}: made by another version of this judge ({odd}); train it anew.")
    return kind(**said)


def fill(net: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Loads the tensors and freezes the network for judging. Raises PackError where they do not fit."""
    try:
        net.load_state_dict(state)
    except RuntimeError as problem:
        raise PackError(f"{path}: these weights are of another network; train the judge anew.") from problem
    net.eval().requires_grad_(False)
