"""The animator as a torch module: what hides what, what units leave to each other, and that the shipped graph is it."""

import numpy as np
import pytest
import torch

from addon.core.attributes import NAMES, UNITS
from addon.core.mesh.layout import GRID, STATE
from addon.core.pack import ANIMATOR, find_pack
from addon.core.session import OUTPUTS, Generator
from models.head.animator import JAW_TAKES, LIPS_LEAVE, Animator, changes, grid, sample
from models.head.export import random_state
from models.head.parallax import Edge, Edges, soften, undone


def test_lips_that_part_over_a_dropped_jaw_leave_it_to_the_jaw():
    """And only there, beyond what the photo shows: a smile that is taken away goes as it was fitted."""
    lips, jaw = (UNITS.index(unit) for unit in ("AU25", "AU26"))
    own, *asked = torch.zeros(5, len(UNITS))
    own[[lips, jaw]] = 0.5
    for played, (parted, dropped) in zip(asked, ((1, 1), (1, 0), (0, 1), (0, 0)), strict=True):
        played[[lips, jaw]] = torch.tensor([parted, dropped], dtype=torch.float)
    change = changes(torch.stack([*asked, own]))[:, [lips, jaw]].tolist()
    assert change[0] == pytest.approx([0.5 - LIPS_LEAVE * 0.5, 0.5 + JAW_TAKES * 0.5])
    assert change[1:] == [[0.5, -0.5], [-0.5, 0.5], [-0.5, -0.5]]


def test_what_turns_away_hides_behind_what_is_nearer():
    nodes, step = grid(GRID), 2 / (GRID - 1)
    line = nodes[0, 0, 0]
    moved = torch.zeros(1, 2, GRID, GRID)
    moved[:, 0, :, 10:20] = -6 * step  # nearer skin slides to the left, over six nodes, and leaves a gap
    turn = torch.zeros(1, 3, 3)
    for mirrored in (False, True):
        displacement = moved if not mirrored else torch.stack([-moved[:, 0], moved[:, 1]], 1).flip(3)
        turn[0, 0, 2] = -1.0 if mirrored else 1.0
        came_from, edges = undone(displacement, turn, nodes, torch.zeros(1, 1, GRID, GRID))
        row = came_from[0, 0, 16] if not mirrored else -came_from[0, 0, 16].flip(0)
        torch.testing.assert_close(row[:3], line[:3])  # what lies farther stays to be seen up to the edge
        torch.testing.assert_close(row[5:13], line[11:19])  # and past it what is nearer
        edge = edges.rows[1]  # not the nose
        where, jump = (t[0, ..., 16].item() for t in (edge.where, edge.jump[:, 0]))
        assert line[3] < (-where if mirrored else where) < line[5]
        assert 5 * step < (-jump if mirrored else jump) < 7 * step


def test_a_smooth_motion_is_undone_exactly():
    nodes = grid(GRID)
    x, y = nodes.unbind(1)
    waves = torch.stack([torch.sin(3 * y) * torch.cos(2 * x), torch.cos(3 * x + y)], 1)
    moved = 0.08 * waves * ((1 - x**2) * (1 - y**2))[:, None]
    turn = torch.eye(3)[None]
    came_from, _ = undone(moved, turn, nodes, torch.zeros(1, 1, GRID, GRID))
    off = came_from + sample(moved, came_from) - nodes
    assert off.abs().max() < 0.05 * 2 / (GRID - 1)


def test_edges_are_softened_and_nothing_else():
    size = 32
    where = torch.linspace(-0.2, 0.1, size)[None]
    line = torch.linspace(-1, 1, size)
    picture = torch.where(line[None] > where[0][:, None], 200, 100).to(torch.uint8).expand(3, 1, size, size).clone()
    for jump in (0.3, 0.0):
        edge = Edge(where, torch.ones(1, 1), torch.full((1, 2, size), jump))
        soft = soften(picture, Edges((edge,), ()))
        between = (soft > 100) & (soft < 200)
        if jump == 0:
            assert (soft == picture).all()
            continue
        assert between.any(3).float().mean() > 0.5
        away = (line[None] - where[0][:, None]).abs() > 3 * 2 / (size - 1)
        assert (soft == picture)[:, 0, away].all()


def test_shipped_graph_is_the_torch_module():
    session = Generator(find_pack("zygoma-base"), "cpu")._session(ANIMATOR, ["CPUExecutionProvider"])
    rng = np.random.default_rng(4)
    for size, count in ((256, 1), (320, 2)):
        state = random_state(size, seed=size)
        state["source"] = rng.uniform(0, 0.3, len(NAMES)).astype(np.float32)
        attributes = rng.uniform(-0.1, 0.5, (count, len(NAMES))).astype(np.float32)
        with torch.no_grad():
            expected = Animator()(*(torch.from_numpy(state[name]) for name in STATE), torch.from_numpy(attributes))
        found = session.run(list(OUTPUTS), {**state, "attributes": attributes})
        for name, ours, theirs in zip(OUTPUTS, found, expected, strict=True):
            apart = np.abs(ours.astype(int) - theirs.numpy().astype(int))
            assert ours.shape == tuple(theirs.shape) and ours.std() > 1 and apart.mean() < 0.01, name
