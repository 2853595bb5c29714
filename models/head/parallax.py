"""Which skin shows where a head turns: a displacement undone, nearest skin first, and the edges at which what shows
jumps.

Nearer skin slides over what lies on the side that it moves to: along rows for a turn's share of yaw, along columns for
that of pitch. So what is hidden is what a row's places, kept in order from the other side on, leave no room for; and a
displacement is undone exactly, first along rows, then along columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

REACHES = (1, 2, 4, 8, 16, 32)  # nodes: doubled, so that up to 63 of them hide behind one
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

    def of(self, some: slice) -> Edge:
        """The edges of some of a batch."""
        return Edge(self.where[some], self.sign[some], self.jump[some])

    def on(self, lines) -> Edge:
        """The edge on so many lines."""
        longer = lambda t: F.interpolate(t, size=lines, mode="linear", align_corners=True)  # noqa: E731
        return Edge(longer(self.where[:, None])[:, 0], self.sign, longer(self.jump))


@dataclass(frozen=True)
class Edges:
    """Those on rows and those on columns."""

    rows: tuple[Edge, ...]
    columns: tuple[Edge, ...]

    def of(self, some: slice) -> Edges:
        return Edges(*(tuple(edge.of(some) for edge in edges) for edges in (self.rows, self.columns)))

    def on(self, lines) -> Edges:
        return Edges(*(tuple(edge.on(lines) for edge in edges) for edges in (self.rows, self.columns)))

    def jumps(self, line: Tensor) -> Tensor:
        """The jumps up to each point of a grid whose rows and columns lie at `line` [G]: [B,2,G,G]."""
        total = 0
        for edges, turned in ((self.rows, False), (self.columns, True)):
            for edge in edges:
                nearer = edge.sign[:, :, None] * line > (edge.sign * edge.where)[:, :, None]  # [B,lines,G]
                jump = torch.where(nearer[:, None], edge.jump[..., None], 0.0)
                total = total + (jump.transpose(2, 3) if turned else jump)
        return total


def mix(under: Tensor, over: Tensor, share: Tensor) -> Tensor:
    return under + share * (over - under)


def undone(displacement: Tensor, turn: Tensor, nodes: Tensor, nose: Tensor) -> tuple[Tensor, Edges]:
    """Where every node's picture comes from: u with u + D(u) = node, the nearest where there are several.

    D [N,2,G,G], turn [N,3,3], nodes [1,2,G,G], nose [1,1,G,G] (1 on it) -> u [N,2,G,G] and its edges: of the nose and
    of everything else along rows, one along columns.
    """
    x, y = (nodes + displacement).unbind(1)  # [N,G,G]
    column, row = (t.expand_as(x) for t in nodes.unbind(1))
    to_left, up = (torch.where(turn[:, axis, 2] > 0, 1.0, -1.0).view(-1, 1) for axis in (0, 1))

    u, y, found = _nearest(x, (column,), (y,), to_left, (nose[:, 0].expand_as(x), 1 - nose[:, 0].expand_as(x)))
    turned = [t.transpose(1, 2) for t in (*y, row, *u, *(jump.expand_as(x) for _, (jump,), _ in found))]
    (v, u), jumps, below = _nearest(turned[0], turned[1:3], turned[3:], up, (torch.ones_like(x),))

    rows = []
    for where, (jump,), height in found:  # from rows of the photo to rows of the picture
        at = _at_nodes(_rising(height.transpose(1, 2)))
        where, jump = (_taken(t.transpose(1, 2), at)[:, 0] for t in (where, jump))
        rows.append(Edge(where, to_left, torch.stack([jump, torch.zeros_like(jump)], 1)))
    ((where, (down, across), _),) = below
    edges = Edges(tuple(rows), (Edge(where[..., 0], up, torch.stack([across, down], 1)[..., 0]),))

    line = nodes[0, 0, 0]
    u, v, jumps = u.transpose(1, 2), v.transpose(1, 2), [t.transpose(1, 2) for t in jumps]
    u = torch.stack([u, v], 1) + Edges((), edges.columns).jumps(line)
    for edge, jump in zip(edges.rows, jumps, strict=True):
        nearer = edge.sign[..., None] * line > (edge.sign * edge.where)[..., None]
        u = u + torch.stack([torch.where(nearer, jump, 0.0), torch.zeros_like(jump)], 1)
    return u, edges


def _nearest(place: Tensor, smooth, carried, sign: Tensor, kinds):
    """Undoes one coordinate: places [N,R,G] of a row's nodes -> what is to be seen at them.

    sign [N,1]: 1 where nearer skin moves to lower places, -1 where to higher ones. `smooth` values [N,R,G], the first
    of them the nodes' own coordinate, come back without the jumps across the largest gap of each of the `kinds` (its
    nodes' weights [N,R,G]); `carried` ones as they are. Third of all, for each kind: where its edge lies [N,R,1], the
    jumps of the smooth values, and the first carried value at the edge.
    """
    sign = sign[:, :, None]
    g = place.shape[-1]
    either = lambda t: torch.where(sign > 0, t, t.flip(2))  # noqa: E731  both cases as the first, and back
    place, smooth, carried = either(sign * place), [either(t) for t in smooth], [either(t) for t in carried]
    node = torch.arange(g, dtype=torch.float32).expand_as(place)
    least, front = place, node
    for reach in REACHES:
        ahead = F.pad(least[..., reach:], (0, reach), value=BEYOND)
        front = torch.where(ahead < least, F.pad(front[..., reach:], (0, reach)), front)
        least = torch.minimum(least, ahead)
    behind = front - node  # how many nodes before what hides them
    kind_of_front = front.long()

    edges, level, taken_out = [], list(smooth), [0] * len(smooth)
    for kind in kinds:
        hidden = behind * either(kind).gather(2, kind_of_front)
        first = hidden.argmax(2, keepdim=True)
        any_hidden = hidden.gather(2, first) > 0
        last = (first - 1).clamp(min=0)  # before it
        edge, stop = least.gather(2, first), front.gather(2, first)
        before, after = place.gather(2, last), place.gather(2, first)
        share = ((edge - before) / (after - before).clamp(min=1e-6)).clamp(0, 1)
        nearer, gone = any_hidden & (node >= stop), any_hidden & (node >= first) & (node < stop)
        jumps = []
        for i, value in enumerate(smooth):
            start = mix(value.gather(2, last), value.gather(2, first), share)
            jump = torch.where(any_hidden, value.gather(2, stop.long()) - start, 0.0)
            level[i] = torch.where(gone, start, level[i])
            taken_out[i] = taken_out[i] + torch.where(nearer, jump, 0.0)
            jumps.append(jump)
        edge, stop = _smooth_edge(torch.cat([edge, stop], 2), jumps[0].abs()).split(1, 2)
        edges.append((sign * edge, jumps, _between(carried[0], stop)))

    at = _at_nodes(least)
    smooth = [either(_taken(value - out, at)) for value, out in zip(level, taken_out, strict=True)]
    return smooth, [either(_taken(value, at)) for value in carried], edges


def _at_nodes(place: Tensor) -> tuple[Tensor, Tensor]:
    """Places [N,R,G] that never fall along a row -> for each node of it, which of them it lies behind, how far on."""
    g = place.shape[-1]
    slot = torch.ceil((place + 1) * ((g - 1) / 2) - 1e-5).clamp(0, g - 1).long()
    passed = torch.zeros_like(place).scatter_add(2, slot, torch.ones_like(place)).cumsum(2)
    index = (passed.long() - 1).clamp(0, g - 2)
    low, high = place.gather(2, index), place.gather(2, index + 1)
    node = torch.arange(g, dtype=torch.float32) * 2 / (g - 1) - 1
    return index, ((node - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def _taken(values: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
    index, share = at
    return mix(values.gather(2, index), values.gather(2, index + 1), share)


def _between(values: Tensor, place: Tensor) -> Tensor:
    """Values [N,R,G] at one fractional node [N,R,1] of each row."""
    index = place.long().clamp(0, values.shape[-1] - 2)
    return _taken(values, (index, place - index))


def _rising(values: Tensor) -> Tensor:
    """[N,R,G] -> the largest value up to each of a row."""
    for reach in (*REACHES, 2 * REACHES[-1]):
        values = torch.maximum(values, F.pad(values[..., :-reach], (reach, 0), value=-BEYOND))
    return values


def _smooth_edge(edge: Tensor, weight: Tensor) -> Tensor:
    """An edge [N,R,C] smoothed along the rows that have one [N,R,1], and going on beyond its ends."""

    def mean(t: Tensor, reach: int) -> Tensor:
        around = F.pad(t.transpose(1, 2), (reach, reach), mode="replicate")
        return F.avg_pool1d(around, 2 * reach + 1, 1).transpose(1, 2)

    both = torch.cat([edge * weight, weight], 2)
    both = mean(both, EDGE_BLUR) + 1e-3 * mean(both, EDGE_GOES_ON)
    return both[..., :-1] / (both[..., -1:] + 1e-9)


def soften(picture: Tensor, edges: Edges) -> Tensor:
    """Antialiasing of a picture [C,B,S,S], edges on S lines: the pixels that an edge crosses show both of its sides."""
    size = picture.shape[-1]
    spots = torch.arange(SOFTENED) - SOFTENED // 2 + 1
    line = torch.arange(size)
    flat = picture.flatten(2)

    def pixels(index: Tensor) -> Tensor:
        return flat.gather(2, index.flatten(1).expand(len(flat), -1, -1)).view(len(flat), *index.shape).float()

    indices, colours = [], []
    for edges_of_kind, lines_apart, along in ((edges.rows, size, 1), (edges.columns, 1, size)):
        for edge in edges_of_kind:
            where = (edge.where + 1) * ((size - 1) / 2)  # [B,S] pixels
            lean = F.pad((where[:, 1:] - where[:, :-1]).abs(), (0, 1)).clamp(1, SOFTENED - 1)
            spot = where.floor().long()[..., None] + spots  # [B,S,n]
            side = edge.sign[..., None] * (spot - where[..., None])  # above 0 on the nearer one
            index = line[:, None] * lines_apart + spot.clamp(0, size - 1) * along
            own = pixels(index)
            middle = own[..., SOFTENED // 2 - 1 : SOFTENED // 2 + 1]  # on both sides of the edge
            middle = torch.where(edge.sign[..., None] > 0, middle, middle.flip(3))
            far, near = middle.split(1, 3)
            share = (0.5 + side / lean[..., None]).clamp(0, 1)
            crossed = (edge.jump.abs().amax(1) * size).clamp(0, 1)[..., None]  # [B,S,1]
            colour = torch.where(side > 0, mix(far, own, share), mix(own, near, share))
            colours.append(mix(own, colour, crossed).flatten(2))
            indices.append(index.flatten(1))
    index, colour = torch.cat(indices, 1), torch.cat(colours, 2)
    colour = (colour + 0.5).to(picture.dtype)
    return flat.scatter(2, index.expand(len(flat), -1, -1), colour).view_as(picture)
