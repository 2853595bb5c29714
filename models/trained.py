"""What a training left, read back: a run's checkpoint with its networks, or the weights that a pack holds."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from addon.core.pack import read_pack

from . import checkpoint as checkpoints
from .checkpoint import CheckpointError
from .graph import UNUSED, metadata, read_graph, weights
from .presets import PRESETS
from .spent import Spent, spent_by

LEFT_OUT = "left_out"  # a graph's metadata: weights of the same networks that only training needs


@dataclass(frozen=True)
class Trained:
    """A checkpoint's system, its networks with the weights to export, and what its folder says of the run."""

    checkpoint: checkpoints.Checkpoint
    module: ModuleType  # of models.networks
    networks: nn.ModuleDict
    config: dict[str, Any]  # config.json, {} where it is absent
    unfit: dict[str, str]  # weights that could not be put into the networks, and why

    @property
    def system(self) -> str:
        return self.checkpoint.facts["system"]

    @property
    def size(self) -> int:
        return self.checkpoint.facts["training"]["size"]

    @property
    def side(self) -> float:
        return self.checkpoint.facts["training"]["side"]

    @property
    def spent(self) -> Spent:
        return spent_by(self.checkpoint, self.config)


def load_trained(path: Path) -> Trained:
    """Raises CheckpointError where the file is no checkpoint of a system that this Zygoma has, or its weights do not
    fit."""
    kept = checkpoints.load(path)
    system = kept.facts.get("system")
    if system not in PRESETS:
        raise CheckpointError(f"{path}: its system is {system}; this Zygoma has {', '.join(PRESETS)}.")
    preset = next(iter(PRESETS[system].values()))
    config = checkpoints.run_config(path.parent)
    network = _network_config(type(preset.network), kept.facts["network"], path)
    told = {field.name for field in dataclasses.fields(preset.weights)} & set(kept.facts["weights"])
    losses = dataclasses.replace(preset.weights, **{name: _tuples(kept.facts["weights"][name]) for name in told})
    objective = preset.objective(network, losses, kept.facts["training"]["size"], config.get("people", 2))
    module = importlib.import_module(f".networks.{system}", __package__)
    return Trained(kept, module, objective.networks.eval(), config, _filled(objective.networks, kept))


def _filled(networks: nn.Module, kept: checkpoints.Checkpoint) -> dict[str, str]:
    """Puts in the averaged weights, where there are any. Returns what does not fit, with the reason: it may be a part
    that no graph needs, such as a critic that tells as many people apart as it was trained on."""
    found = kept.group(checkpoints.AVERAGED) or kept.group(checkpoints.NETWORKS)
    unfit = {}
    for name, tensor in networks.state_dict().items():
        theirs = tuple(found[name].shape) if name in found else "absent"
        if theirs == tuple(tensor.shape):
            tensor.copy_(found[name])
        else:
            unfit[name] = f"{theirs} there and {tuple(tensor.shape)} in this architecture"
    return unfit


def _network_config(kind: type, said: Mapping[str, Any], path: Path) -> Any:
    """The architecture that a checkpoint names; what is newer than it has its default, which changes nothing."""
    known = {field.name for field in dataclasses.fields(kind)}
    if strange := sorted(set(said) - known):
        raise CheckpointError(
            f"{path}: its {kind.__name__} has {', '.join(strange)}, which this version's has not: export it by the "
            "version that trained it."
        )
    return kind(**{name: _tuples(value) for name, value in said.items()})


def _tuples(value: Any) -> Any:
    """JSON has lists for tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def weights_of_pack(folder: Path, networks: nn.Module) -> dict[str, Tensor]:
    """The weights that a pack holds of these networks, by their names in them, to train on from.

    What only training needs (critics, classifiers) is in no pack. Raises PackError for a folder that is no pack,
    CheckpointError, naming both sides, where the pack was made by another architecture.
    """
    pack = read_pack(folder)
    held: dict[str, Tensor] = {}
    left_out: set[str] = set()
    for name in pack.files:
        if name.endswith(".onnx"):
            model = read_graph(pack.path(name))
            held |= weights(model)
            left_out |= set(json.loads(metadata(model).get(LEFT_OUT, "[]")))
    if not held:
        raise CheckpointError(f"{folder}: a pack of {pack.system} that holds no weights to train on from.")
    wanted, heads = networks.state_dict(), {name.split(".")[0] for name in held}
    for name in [*wanted, *held]:
        theirs = tuple(held[name].shape) if name in held else "absent"
        ours = tuple(wanted[name].shape) if name in wanted else "absent"
        training_only = name not in held and (
            name in left_out or name.endswith(UNUSED) or name.split(".")[0] not in heads
        )
        if theirs != ours and not training_only:
            raise CheckpointError(
                f"{folder}: {name} is {theirs} there and {ours} in this architecture: take the preset that the pack "
                f"was trained with ({pack.training.data if pack.training else 'unknown'})."
            )
    return held
