"""A second look: landmarks are found roughly from the whole face, then exactly from what is seen at each.

What an Action Unit moves is a few hundredths of an eye distance, and a network that has made one vector of a whole face
is off by more. Features are sampled where it believes landmarks to be (shape-indexed, as in supervised descent), and
those of all landmarks together say how far the belief is off.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.faces.topology import POINTS
from addon.core.mesh.layout import (
    BROWS,
    FACE_OVAL,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    IRISES,
    LIPS,
    LOWER_BROWS,
    LOWER_LIDS,
    UPPER_LIDS,
)

OUTLINES = (*BROWS, *LOWER_BROWS, *UPPER_LIDS, *LOWER_LIDS, *IRISES, INNER_UPPER_LIP, INNER_LOWER_LIP, LIPS, FACE_OVAL)
THINNED = 4  # one in so many of the landmarks that lie on no outline is looked at
REACH = 0.0235  # sides of the crop, across and down, between a landmark and where else is looked: 3 of 128 pixels
TAPS = ((0.0, 0.0), (-REACH, -REACH), (REACH, -REACH), (-REACH, REACH), (REACH, REACH))
STEP = 0.02  # sides of the crop that a landmark moves where its output is 1


def looked_at() -> list[int]:
    """The landmarks at which the second look looks."""
    outlined = {i for line in OUTLINES for i in line}
    return sorted(outlined | set([i for i in range(POINTS) if i not in outlined][::THINNED]))


class SecondLook(nn.Module):
    """fine, coarse: channels of the two maps that are looked at; kept: values that are kept of what is seen at each
    landmark, by weights of its own; hidden: of all of them together."""

    def __init__(self, fine: int, coarse: int, kept: int, hidden: int):
        super().__init__()
        at, seen = looked_at(), len(TAPS) * fine + coarse
        self.own = nn.Parameter(torch.randn(len(at), seen, kept) / seen**0.5)
        self.normed = nn.BatchNorm1d(len(at) * kept)
        self.together = nn.Linear(len(at) * kept, hidden, bias=False)
        self.normed_together = nn.BatchNorm1d(hidden)
        self.moves = nn.Linear(hidden, POINTS * 3)
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.bias)
        self.register_buffer("at", torch.tensor(at), persistent=False)
        self.register_buffer("taps", torch.tensor(TAPS), persistent=False)

    def forward(self, maps: Sequence[Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
        """maps: the fine one [B,C,H,W] and the coarse one; points [B,478,3] in sides of the crop from its middle, as
        they are believed to lie -> as they lie, and what all that was seen says, [B,hidden]."""
        fine, coarse = maps
        here = 2 * points[:, self.at, None, :2]  # [B,K,1,2], -1..1 from edge to edge
        around = F.grid_sample(fine, here + 2 * self.taps, align_corners=False)
        seen = torch.cat(
            [
                around.permute(2, 0, 3, 1).flatten(2),
                F.grid_sample(coarse, here, align_corners=False)[..., 0].permute(2, 0, 1),
            ],
            2,
        )  # [K,B,.]
        own = torch.bmm(seen, self.own).transpose(0, 1).flatten(1)
        hidden = F.relu(self.normed_together(self.together(F.relu(self.normed(own)))))
        return points + STEP * self.moves(hidden).view_as(points), hidden
