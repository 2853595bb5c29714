"""What the training loop asks of a system: its networks, its phases, and the named terms that each phase minimises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from ..batch import Batch


class Generated(NamedTuple):
    """image float32 [B,3,S,S] in -1..1; mask float32 [B,1,S,S] where the system has one: 1 is the photo's own pixel."""

    image: Tensor
    mask: Tensor | None = None


class Objective(Protocol):
    """One system's objective. A step runs its phases in order, each with an optimiser of its own."""

    networks: nn.ModuleDict  # what a checkpoint holds, by the paper's names

    def phases(self, step: int) -> Sequence[str]:
        """The phases of this step (counted from 0), in order: ("critic",), or ("critic", "generator")."""
        ...

    def parameters(self, phase: str) -> list[dict]:
        """The optimiser's parameter groups of a phase: {"params": [...], "scale": factor of the learning rate}."""
        ...

    def terms(self, phase: str, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Scalars that the phase minimises, weighted, named as in the paper; progress 0..1 of the whole training. None
        at all: the phase rests in this step."""
        ...

    def generate(self, batch: Batch) -> Generated:
        """batch.image, animated to batch.wanted; `batch.target` is what it should be."""
        ...
