"""Which skin shows where a head turns: a displacement undone, nearest skin first, and the edges at which what shows
jumps.

Nearer skin slides over what lies on the side that it moves to: along rows for a turn's share of yaw, along columns for
that of pitch. So what is hidden is what a row's places, kept in order from the other side on, leave no room for; and a
displacement is undone exactly, first along rows, then along columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

HIDES = 63  # nodes: as many of them hide behind one
EDGE_BLUR, EDGE_GOES_ON = 2, 20  # nodes to both sides: an edge is smoothed, and goes on beyond its ends
BEYOND = 9.0  # crop units: outside every crop
SOFTENED = 4  # pixels of a line that an edge crosses, so that flat ones are soft, too


@dataclass(frozen=True)
class Edge:
    """Where nearer skin ends, one place on each line: where [B,G] in crop units; sign [B,1], 1 where the nearer lies
    at larger coordinates, -1 at smaller; jump [B,2,G], (x, y) of what shows from the farther to the nearer side."""

    where: Tensor
    sign: Tensor
    jump: Tensor


@dataclass(frozen=True)
class Edges:
    """Those on rows, which jump along x alone, and those on columns."""

    rows: tuple[Edge, ...]
    columns: tuple[Edge, ...]

    def of(self, part: int, parts: int) -> Edges:
        """The edges of one part of a batch of so many equal ones."""
        some = lambda t: t.chunk(parts)[part]  # noqa: E731
        both = ((Edge(*map(some, (e.where, e.sign, e.jump))) for e in edges) for edges in (self.rows, self.columns))
        return Edges(*map(tuple, both))

    def on(self, lines) -> Edges:
        """The edges on so many lines."""
        every = (*self.rows, *self.columns)
        numbers = torch.cat([t for edge in every for t in (edge.where[:, None], edge.jump)], 1)
        longer = F.interpolate(numbers, size=lines, mode="linear", align_corners=True).split(3, 1)
        found = [Edge(t[:, 0], edge.sign, t[:, 1:]) for edge, t in zip(every, longer, strict=True)]
        return Edges(tuple(found[: len(self.rows)]), tuple(found[len(self.rows) :]))

    def jumps(self, line: Tensor) -> Tensor:
        """The jumps along x and y up to each point of a grid whose rows and columns lie at `line` [G]: [2,B,G,G]."""
        x = y = 0
        for edge in self.rows:
            x = x + torch.where(_nearer(edge, line, 1), edge.jump[:, 0, :, None], 0.0)
        for edge in self.columns:
            nearer = _nearer(edge, line, 2)
            x = x + torch.where(nearer, edge.jump[:, 0, None], 0.0)
            y = y + torch.where(nearer, edge.jump[:, 1, None], 0.0)
        return torch.stack([x, y])


def _nearer(edge: Edge, line: Tensor, axis: int) -> Tensor:
    """Which points at `line` [G] of the edge's lines show the nearer side: bool [B,L,G], or [B,G,L] where the lines
    lie along the axis 2."""
    along, across = (line, (..., None)) if axis == 1 else (line[:, None], (slice(None), None))
    return edge.sign[:, :, None] * along > (edge.sign * edge.where)[across]


def mix(under: Tensor, over: Tensor, share: Tensor) -> Tensor:
    return under + share * (over - under)


def undone(displacement: Tensor, turn: Tensor, nodes: Tensor, nose: Tensor) -> tuple[Tensor, Edges]:
    """Where every node's picture comes from: u with u + D(u) = node, the nearest where there are several.

    D [N,2,G,G], turn [N,3,3], nodes [1,2,G,G], nose [1,1,G,G] (1 on it) -> u [N,2,G,G] and its edges: of the nose and
    of everything else along rows, one along columns.
    """
    x, y = (nodes + displacement).unbind(1)  # [N,G,G]
    line = nodes[0, 0, 0]
    to_left, up = (torch.where(turn[:, axis, 2] > 0, 1.0, -1.0).view(-1, 1) for axis in (0, 1))

    u, _, (y,), (where, jump, _, height) = _nearest(x, line, None, (y,), to_left, nose[:, 0])
    where, jump, height = (t.transpose(1, 2) for t in (where, jump, height))  # [N,2,G]
    carried = [t.expand_as(x) for t in jump.split(1, 1)]
    v, u, jumps, (low, down, across, _) = _nearest(y.transpose(1, 2), line, u.transpose(1, 2), carried, up, None)

    at = _at_nodes(_rising(height), torch.ones_like(to_left)[..., None])  # rows of the photo -> of the picture
    where, jump = _taken(where, at), _taken(jump, at)
    level = torch.zeros_like(jump[:, 0])
    rows = tuple(Edge(where[:, k], to_left, torch.stack([jump[:, k], level], 1)) for k in range(2))
    column = Edge(low[..., 0], up, torch.cat([across, down], 2).transpose(1, 2))

    nearer = _nearer(column, line, 1)  # [N,x,y], as u and v are
    u, v = u + torch.where(nearer, across, 0.0), v + torch.where(nearer, down, 0.0)
    for edge, jump in zip(rows, jumps, strict=True):
        u = u + torch.where(_nearer(edge, line, 2), jump, 0.0)
    return torch.stack([u, v], 1).transpose(2, 3), Edges(rows, (column,))


def _nearest(place: Tensor, line: Tensor, smooth: Tensor | None, carried, sign: Tensor, kind: Tensor | None):
    """Undoes one coordinate: places [N,R,G] of a row's nodes, which lay at `line` [G] -> what is to be seen at them.

    sign [N,1]: 1 where nearer skin moves to lower places, -1 where to higher ones. Returns the coordinate and the
    `smooth` value [N,R,G], both without the jumps across the largest gap, the `carried` ones as they are, and of the
    gap: where its edge lies, the jumps of the coordinate and of the smooth value (None without one), and the first
    carried value at the edge, [N,R,K] each. K is 1, or 2 where a kind [1,R,G] of 0 and 1 is given: the largest gap
    behind nodes of that kind, then the largest one behind others.
    """
    sign = sign[:, :, None]
    g = place.shape[-1]
    node = torch.arange(g, dtype=torch.float32)
    turned = partial(_turned, sign=sign, g=g)
    number = turned(node)  # [N,1,G]
    place = sign * place.gather(2, number.long().expand_as(place))
    least = -_largest_ahead(-place)
    front = g - 1 - _largest_ahead(torch.where(place <= least, g - 1 - node, 0.0))
    hidden = front - node  # how many nodes before what hides them
    kinds = (hidden,)
    if kind is not None:
        of_kind = hidden * kind.expand_as(hidden).gather(2, turned(front).long())
        kinds = (of_kind, hidden - of_kind)

    first = torch.cat([hidden.argmax(2, keepdim=True) for hidden in kinds], 2)
    any_hidden = torch.cat([hidden.amax(2, keepdim=True) for hidden in kinds], 2) > 0
    last = (first - 1).clamp(min=0)  # before it
    edge, stop = least.gather(2, first), front.gather(2, first)
    before, after = place.gather(2, last), place.gather(2, first)
    share = ((edge - before) / (after - before).clamp(min=1e-6)).clamp(0, 1)
    first = first.float()
    at_last, at_first, at_stop = (turned(t) for t in (last.float(), first, stop))

    step = 2 / (g - 1)
    start = mix(at_last, at_first, share) * step - 1
    jump = torch.where(any_hidden, at_stop * step - 1 - start, 0.0)
    level = line
    for here, whole in zip(start.split(1, 2), jump.split(1, 2), strict=True):  # across a gap it changes evenly
        level = level - torch.maximum(torch.minimum(line - here, whole.clamp(min=0)), whole.clamp(max=0))
    smooth_jump = None
    if smooth is not None:
        here = mix(smooth.gather(2, at_last.long()), smooth.gather(2, at_first.long()), share)
        smooth_jump = torch.where(any_hidden, smooth.gather(2, at_stop.long()) - here, 0.0)
        smooth = torch.where(number < first, smooth, torch.where(number < stop, here, smooth - smooth_jump))

    edge, stop = _smooth_edge(edge, stop, jump.abs())
    at = _at_nodes(least, sign)
    values = [None if value is None else _taken(value, at) for value in (level, smooth, *carried)]
    return values[0], values[1], values[2:], (sign * edge, jump, smooth_jump, _between(carried[0], turned(stop)))


def _turned(number: Tensor, sign: Tensor, g: int) -> Tensor:
    """Numbers of a row's nodes, counted from the other end where the sign is -1; and back."""
    return sign * number + (1 - sign) * ((g - 1) / 2)


def _largest_ahead(values: Tensor) -> Tensor:
    """[N,R,G] -> the largest value of each and the HIDES ones after it."""
    return F.max_pool1d(F.pad(values, (0, HIDES), value=-BEYOND), HIDES + 1, 1)


def _rising(values: Tensor) -> Tensor:
    """[N,R,G] -> the largest value up to each of a row."""
    g = values.shape[-1]
    return F.max_pool1d(F.pad(values, (g - 1, 0), value=-BEYOND), g, 1)


def _at_nodes(place: Tensor, sign: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Places [N,R,G] that never fall along a row -> for each node of it, the numbers of those that it lies between,
    and how far on. sign [N,1,1]: -1 where places are given from the row's other end on, with the other sign."""
    g = place.shape[-1]
    slot = (place * ((g - 1) / 2) + ((g + 1) / 2 - 1e-5)).clamp(0, g - 1).long()
    upper = torch.ones(g, g).triu()
    passed = torch.zeros_like(place).scatter_add(2, slot, torch.ones_like(place))
    index = (passed @ torch.where(sign > 0, upper, upper.flip(1)) - 1).clamp(0, g - 2)
    low, high = place.gather(2, index.long()), place.gather(2, index.long() + 1)
    node = torch.arange(g, dtype=torch.float32) * 2 / (g - 1) - 1
    share = ((sign * node - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
    return _turned(index, sign, g).long(), _turned(index + 1, sign, g).long(), share


def _taken(values: Tensor, at: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    one, other, share = at
    return mix(values.gather(2, one), values.gather(2, other), share)


def _between(values: Tensor, place: Tensor) -> Tensor:
    """Values [N,R,G] at some fractional nodes [N,R,K] of each row."""
    index = place.long().clamp(0, values.shape[-1] - 2)
    return _taken(values, (index, index + 1, place - index))


def _smooth_edge(edge: Tensor, stop: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Edges and where they stop [N,R,K] smoothed along the rows that have one [N,R,K], and going on beyond their
    ends."""

    def mean(t: Tensor, reach: int) -> Tensor:
        around = F.pad(t, (reach, reach), mode="replicate")
        return F.avg_pool1d(around, 2 * reach + 1, 1)

    every = torch.cat([edge * weight, stop * weight, weight], 2).transpose(1, 2)
    every = (mean(every, EDGE_BLUR) + 1e-3 * mean(every, EDGE_GOES_ON)).transpose(1, 2)
    edge, stop, weight = every.split(edge.shape[2], 2)
    return edge / (weight + 1e-9), stop / (weight + 1e-9)


def soften(picture: Tensor, edges: Edges) -> Tensor:
    """Antialiasing of a picture [C,B,S,S], edges on S lines: the pixels that an edge crosses show both of its sides."""
    size = picture.shape[-1]
    flat = picture.flatten(2)
    spots = torch.arange(SOFTENED) - SOFTENED // 2 + 1
    along = torch.tensor([0] * len(edges.rows) + [1] * len(edges.columns)).view(1, -1, 1, 1)  # 1: lines are columns
    every = (*edges.rows, *edges.columns)
    where, sign = (torch.stack([getattr(edge, name) for edge in every], 1) for name in ("where", "sign"))  # [B,E,S]
    most = torch.stack([edge.jump for edge in every], 1).abs().amax(2)

    where, sign = (where + 1) * ((size - 1) / 2), sign[..., None]  # pixels
    lean = F.pad((where[..., 1:] - where[..., :-1]).abs(), (0, 1)).clamp(1, SOFTENED - 1)[..., None]
    spot = where.floor().long()[..., None] + spots  # [B,E,S,n]
    side = sign * (spot - where[..., None])  # above 0 on the nearer one
    line, spot = torch.arange(size)[:, None], spot.clamp(0, size - 1)
    index = (line * (size + along * (1 - size)) + spot * (1 + along * (size - 1))).flatten(1).expand(len(flat), -1, -1)
    own = flat.gather(2, index).view(len(flat), *side.shape).float()
    middle = own[..., SOFTENED // 2 - 1 : SOFTENED // 2 + 1]  # on both sides of the edge
    middle = torch.where(sign > 0, middle, middle.flip(4))
    far, near = middle.split(1, 4)
    share = (0.5 + side / lean).clamp(0, 1)
    colour = torch.where(side > 0, mix(far, own, share), mix(own, near, share))
    colour = mix(own, colour, (most * size).clamp(0, 1)[..., None])
    return flat.scatter(2, index, (colour.flatten(2) + 0.5).to(picture.dtype)).view_as(picture)
