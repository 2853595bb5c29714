"""One small batch for objectives, and what a few steps of one phase on it make of each term."""

import torch
import torch.nn.functional as F
from faces import canonical
from torch import Tensor

from addon.core.attributes import COMMON
from models.batch import Batch
from models.losses.objective import Objective


def batch(size: int = 64, people: int = 4) -> Batch:
    """Smooth pictures of `people`, one each; the target's lower half is brighter, its points 1 pixel to the right."""
    generator = torch.Generator().manual_seed(3)

    def smooth() -> Tensor:
        coarse = torch.rand(people, 3, 8, 8, generator=generator) * 1.6 - 0.8
        return F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=True)

    image = smooth()
    target = image.clone()
    target[:, :, size // 2 :] += 0.2
    source, wanted = torch.zeros(people, len(COMMON)), torch.zeros(people, len(COMMON))
    source[:, COMMON.index("AU12")] = 0.3
    wanted[:, COMMON.index("AU26")] = torch.linspace(0.4, 1, people)
    wanted[:, COMMON.index("pose_yaw")] = 0.1
    points = canonical(size).expand(people, -1, -1)
    moved = points + torch.tensor([1.0, 0.0, 0.0])
    return Batch(image, source, points, target, wanted, moved, smooth(), smooth(), torch.arange(people), points, points)


def falls(objective: Objective, phase: str, step: int, steps: int = 20, rate: float = 1e-3) -> dict[str, bool]:
    """Which terms of `phase` are lower after some of its steps on one batch, by name."""
    pairs = batch(objective.networks.config.size)
    groups = objective.parameters(phase)
    optimiser = torch.optim.Adam([{"params": g["params"], "lr": rate * g["scale"]} for g in groups])
    assert phase in objective.phases(step)

    def terms() -> dict[str, Tensor]:
        torch.manual_seed(0)  # the same draws each time
        return objective.terms(phase, pairs, 1.0)

    before = {name: float(value.detach()) for name, value in terms().items()}
    for _ in range(steps):
        optimiser.zero_grad()
        sum(terms().values()).backward()
        optimiser.step()
    return {name: float(value.detach()) < before[name] for name, value in terms().items()}
