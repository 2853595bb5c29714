"""What exact pairs allow beyond the papers: errors relative to the true change, and a flow that must hit the landmarks.

A unit changes a crop by .003 to .03 (mean, of -1..1), a turned head by ten times that: unweighted, turns own the
gradient and copying the photo is nearly free. Divided by the true change, every pair counts alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.blocks import turned
from ..networks.moved_photo import Drawn

LINEAR_FROM = 0.05  # the penalty is quadratic below this difference, so that noise and grain cost little
LEAST_CHANGE = 0.001  # added to the true change: a pair that hardly differs weighs no more than this allows
EDGES = 0.5  # weight of the error of the picture's gradients
LEAST_MOTION = 0.3  # pixels of a crop of 128, added to the true motion


def penalty(difference: Tensor) -> Tensor:
    """sqrt(d^2 + e^2) - e with e = LINEAR_FROM."""
    return (difference * difference + LINEAR_FROM**2).sqrt() - LINEAR_FROM


def edges(image: Tensor) -> Tensor:
    """[B,C,H,W] -> [B,2C,H-1,W-1]: differences to the left and to the upper neighbour."""
    across = image[..., 1:, 1:] - image[..., 1:, :-1]
    down = image[..., 1:, 1:] - image[..., :-1, 1:]
    return torch.cat([across, down], 1)


def relative_error(generated: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """[B]: each pair's error of picture and gradients over that of copying the source: 0 perfect, about 1.5 copied."""
    generated, source, target = generated.float(), source.float(), target.float()
    total = generated.new_zeros(len(generated))
    for weight, view in ((1.0, lambda image: image), (EDGES, edges)):
        error = penalty(view(generated) - view(target)).flatten(1).mean(1)
        copying = penalty(view(source) - view(target)).flatten(1).mean(1)
        total = total + weight * error / (copying + LEAST_CHANGE)
    return total


def changed_error(drawn: Tensor, given: Tensor, target: Tensor) -> Tensor:
    """The error of a drawn picture where the pair differs: weights |target - given|, their mean 1 in each sample."""
    weight = (target - given).abs().mean(1, keepdim=True)
    weight = weight / (weight.mean((1, 2, 3), keepdim=True) + LEAST_CHANGE)
    return (weight * (drawn - target).abs()).mean()


def pair_errors(drawn: Drawn, given: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Relative errors of a picture and, where pixels were moved into it, of those alone; means over the batch."""
    pictures = {"moved": drawn.moved, "pair": drawn.image}
    return {
        name: relative_error(picture, given, target).mean() for name, picture in pictures.items() if picture is not None
    }


def missed_points(
    flow: Tensor,
    source_points: Tensor,
    target_points: Tensor,
    expected: Tensor | None = None,
    least: float = LEAST_MOTION,
) -> Tensor:
    """[B]: how far the flow [B,2,S,S] at the target's landmarks is from leading to the source's, relative to the true
    motion: 0 exact, about 1 for no flow. Landmarks [B,478,2+] in pixels; the mesh's 468 count.

    expected: where a prior, such as the turn of a rigid head, has the target's landmarks; then the motion is what the
    prior lacks, and 1 is for the prior alone. least: pixels added to the motion; a blink's mean is .05."""
    size = flow.shape[-1]
    before, after = source_points[:, :468, :2], target_points[:, :468, :2]
    true = before - after  # [B,468,2]
    motion = true if expected is None else expected[:, :468, :2] - after
    at = ((2 * after + 1) / size - 1).unsqueeze(1)
    found = F.grid_sample(flow.float(), at, align_corners=False)[:, :, 0].transpose(1, 2) * (size / 2)
    return (found - true).abs().mean((1, 2)) / (motion.abs().mean((1, 2)) + least * size / 128)


def missed_beyond_turn(flow: Tensor, points: Tensor, target_points: Tensor, source: Tensor, wanted: Tensor) -> Tensor:
    """Mean of `missed_points` where the prior is a rigid head that turns from the vectors `source` to `wanted`."""
    return missed_points(flow, points, target_points, turned(points, source, wanted)).mean()
