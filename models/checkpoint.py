"""A training on disk: networks, averaged weights and optimisers in one safetensors file, its facts in the header.

A file appears whole or not at all, so a disk that fills, or a machine that stops, leaves the one before. Random states
need no room: every step seeds its own from its number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from addon.core.errors import OutputError, ZygomaError

VERSION = 1
LAST, BEST = "last.safetensors", "best.safetensors"
CONFIG = "config.json"  # beside them: what the run was
BEFORE = "before"  # in it: what the weights that the run began with had been trained for
HEADER = "zygoma"
NETWORKS, AVERAGED, OPTIMISERS = "networks", "averaged", "optimisers"  # groups of tensors


class CheckpointError(ZygomaError):
    """A checkpoint that is missing, damaged, or of another system, version or architecture."""


@dataclass(frozen=True)
class Checkpoint:
    """facts: system, preset, step, samples and the configurations, as plain data; tensors by "group/name"."""

    path: Path
    facts: dict[str, Any]
    tensors: dict[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of one group, by their names in it."""
        prefix = name + "/"
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def save(
    path: Path,
    facts: Mapping[str, Any],
    networks: nn.Module,
    averaged: Mapping[str, Tensor],
    optimisers: Mapping[str, torch.optim.Optimizer],
) -> None:
    """Writes a checkpoint, whole or not at all. Raises OutputError where it cannot be written; what was at `path`
    before is then still there."""
    tensors = {f"{NETWORKS}/{name}": value for name, value in networks.state_dict().items()}
    tensors |= {f"{AVERAGED}/{name}": value for name, value in averaged.items()}
    groups = {}
    for phase, optimiser in optimisers.items():
        state = optimiser.state_dict()
        groups[phase] = state["param_groups"]
        for index, values in state["state"].items():
            for name, value in values.items():
                tensors[f"{OPTIMISERS}/{phase}/{index}/{name}"] = torch.as_tensor(value)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    header = {"version": VERSION, **facts, "param_groups": groups}

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, {HEADER: json.dumps(header)})
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        kept = "the one before is still there" if path.exists() else "there was none before"
        raise OutputError(f"{path}: the checkpoint cannot be written ({error}); {kept}.") from error


def load(path: Path) -> Checkpoint:
    """Raises CheckpointError where the file is missing, damaged or of another version."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no checkpoint.")
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()[HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dictionary
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: this is no whole checkpoint of Zygoma ({error}).") from error
    if facts["version"] != VERSION:
        raise CheckpointError(f"{path}: version {facts['version']} of checkpoints; this Zygoma reads {VERSION}.")
    return Checkpoint(path, facts, tensors)


def must_match(checkpoint: Checkpoint, **wanted: Any) -> None:
    """Raises CheckpointError, naming both sides, where a fact of the checkpoint is not the wanted one."""
    for name, value in wanted.items():
        value, found = json.loads(json.dumps(value)), checkpoint.facts.get(name)
        if found == value:
            continue
        if isinstance(value, dict) and isinstance(found, dict):
            keys = [key for key in {**found, **value} if found.get(key) != value.get(key)]
            found = ", ".join(f"{key} {found.get(key)}" for key in keys)
            value = ", ".join(f"{key} {value.get(key)}" for key in keys)
        raise CheckpointError(
            f"{checkpoint.path}: its {name} is {found}, this run's is {value}: take the same preset, or begin in "
            "another folder."
        )


def restore(
    checkpoint: Checkpoint,
    networks: nn.Module,
    averaged: dict[str, Tensor],
    optimisers: Mapping[str, torch.optim.Optimizer],
) -> None:
    """Puts all states back in place, so that training goes on as if it had not stopped."""
    load_weights(checkpoint, networks, NETWORKS)
    for name, value in checkpoint.group(AVERAGED).items():
        averaged[name].copy_(value)
    for phase, optimiser in optimisers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.group(f"{OPTIMISERS}/{phase}").items():
            index, name = key.split("/")
            state.setdefault(int(index), {})[name] = value
        groups = checkpoint.facts["param_groups"][phase]
        optimiser.load_state_dict({"state": state, "param_groups": groups})


def load_weights(checkpoint: Checkpoint, networks: nn.Module, group: str = AVERAGED) -> None:
    """The weights of a group into networks: the averaged ones, which are what is judged and exported, where there are
    any. Raises CheckpointError, naming what does not fit."""
    found, wanted = checkpoint.group(group) or checkpoint.group(NETWORKS), networks.state_dict()
    for name in [*wanted, *found]:
        theirs = tuple(found[name].shape) if name in found else "absent"
        ours = tuple(wanted[name].shape) if name in wanted else "absent"
        if theirs != ours:
            raise CheckpointError(
                f"{checkpoint.path}: {name} is {theirs} there and {ours} in this architecture: take the preset that it "
                "was trained with."
            )
    networks.load_state_dict(found)


def run_config(run: Path) -> dict[str, Any]:
    """config.json of a run's folder, {} where it is absent."""
    try:
        said = json.loads((run / CONFIG).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
