"""The generators' shared parts, on numbers: where places lie, what is painted, which way a turn moves the face."""

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from faces import canonical
from torch import nn

from addon.core.attributes import COMMON
from addon.core.faces.topology import MIRROR, NOSE_TIP
from models.networks.blocks import (
    ACTS_AT,
    HEAD_CENTRE,
    MAPS,
    PAINTED,
    PLACES,
    UNITS,
    FlowHead,
    Residual,
    constant_planes,
    enlarged,
    painted,
    place_maps,
    rigid_flow,
    turned,
    warp,
)

SIZE = 128


def vector(**values) -> torch.Tensor:
    return torch.tensor([[float(values.get(name, 0)) for name in COMMON]])


def peak(plane: torch.Tensor) -> tuple[int, int]:
    """x and y of a plane's largest value."""
    y, x = divmod(int(plane.flatten().argmax()), plane.shape[-1])
    return x, y


def test_places_lie_where_the_landmarks_are():
    points = canonical(SIZE)
    maps = place_maps(points, SIZE)
    assert maps.shape == (1, MAPS, SIZE, SIZE) and maps[:, : len(PLACES)].amin() >= 0
    for name, indices in PLACES.items():
        blob = maps[0, list(PLACES).index(name)]
        assert 0.97 < blob.max() <= 1
        distances = (points[0, list(indices), :2] - torch.tensor(peak(blob))).abs().amax(1)
        assert distances.min() <= 0.5, name


def test_coarse_maps_are_the_fine_ones_seen_from_afar():
    points = canonical(SIZE)
    coarse, fine = place_maps(points, SIZE, 4), F.avg_pool2d(place_maps(points, SIZE), 4)
    assert (coarse - fine).abs().max() < 0.1
    assert torch.allclose(coarse[:, -2:], fine[:, -2:], atol=1e-6)


def test_a_mirrored_face_has_mirrored_maps():
    points = canonical(SIZE, (0.1, 0.3, 0.0))
    mirrored = points[:, MIRROR].clone()
    mirrored[..., 0] = SIZE - 1 - mirrored[..., 0]
    swap = {"right": "left", "left": "right"}
    names = list(PLACES)
    order = [names.index(n if (s := n.split("_")[-1]) not in swap else n.replace(s, swap[s])) for n in names]
    maps = place_maps(points, SIZE)[:, order].flip(3)
    assert torch.allclose(place_maps(mirrored, SIZE)[:, : len(names)], maps, atol=1e-5)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_painted_where_it_acts_and_nowhere_else(unit):
    maps = place_maps(canonical(SIZE), SIZE, 2)
    planes = painted(vector(**{unit: 0.5}), maps)
    assert planes.shape == (1, PAINTED, 64, 64)
    own = 9 + UNITS.index(unit)
    assert planes[:, [i for i in range(PAINTED) if i != own]].abs().max() == 0
    here = [
        i
        for i, n in enumerate(PLACES)
        if any(n.removesuffix("_right").removesuffix("_left") == p for p in ACTS_AT[unit])
    ]
    assert here and torch.equal(planes[0, own], 0.5 * maps[0, here].amax(0))


def test_angles_are_painted_as_planes_and_times_the_coordinates():
    maps = place_maps(canonical(SIZE), SIZE, 2)
    planes = painted(vector(pose_roll=-0.25), maps)[0]
    assert torch.equal(planes[2], torch.full((64, 64), -0.5))
    assert torch.equal(planes[5], -0.5 * maps[0, -2]) and torch.equal(planes[8], -0.5 * maps[0, -1])
    assert planes[[0, 1, 3, 4, 6, 7, *range(9, PAINTED)]].abs().max() == 0


def test_constant_planes():
    planes = constant_planes(torch.tensor([[0.25, 1.0]]), 3)
    assert torch.equal(planes, torch.stack([torch.full((3, 3), 0.25), torch.ones(3, 3)])[None])


def test_warp_fetches_from_where_the_flow_says():
    image = torch.rand(1, 3, 8, 8)
    assert torch.allclose(warp(image, torch.zeros(1, 2, 8, 8)), image, atol=1e-6)
    right = torch.zeros(1, 2, 8, 8)
    right[:, 0] = 2 / 8  # one pixel to the right
    moved = warp(image, right)
    assert torch.allclose(moved[..., :-1], image[..., 1:], atol=1e-5)
    assert torch.allclose(moved[..., -1], image[..., -1], atol=1e-5)  # beyond the border its edge goes on
    bordered = F.grid_sample(
        image,
        F.affine_grid(torch.eye(2, 3)[None], [1, 3, 8, 8], align_corners=False) + 0.3,
        padding_mode="border",
        align_corners=False,
    )
    assert torch.allclose(warp(image, torch.full((1, 2, 8, 8), 0.3)), bordered, atol=1e-5)


def test_a_coarse_flow_keeps_its_places_when_enlarged():
    line = (2 * torch.arange(8) + 1) / 8 - 1
    coarse = torch.stack([line.expand(8, 8), line[:, None].expand(8, 8)])[None]
    fine = (2 * torch.arange(32) + 1) / 32 - 1
    assert torch.allclose(enlarged(coarse, 32)[0, 0, 0, 2:-2], fine[2:-2], atol=1e-6)


def test_film_and_norm_are_options():
    x, values = torch.randn(2, 4, 5, 5), torch.randn(2, 20)
    for norm in ("instance", "batch", "none"):
        assert Residual(4, norm)(x).shape == x.shape
    film = Residual(4, "instance", 20)
    assert not torch.allclose(film(x, values), film(x, 0 * values))
    with pytest.raises(ValueError, match="layer"):
        Residual(4, "layer")


def test_a_flow_head_is_quiet_at_first():
    flow = FlowHead(16)(torch.randn(1, 16, 32, 32))
    assert flow.shape == (1, 2, 32, 32) and 0 < flow.abs().max() < 0.002


def flow_at(flow: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """flow [1,2,S,S] at points [K,2], in pixels."""
    size = flow.shape[-1]
    return F.grid_sample(flow, ((2 * points + 1) / size - 1)[None, None], align_corners=False)[0, :, 0].T * size / 2


@pytest.mark.parametrize("source", [(0.0, 0.0, 0.0), (0.1, -0.2, 0.15)])
@pytest.mark.parametrize("turn", [(0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.3), (-0.2, 0.25, -0.2)])
def test_a_turned_head_is_fetched_from_where_it_was(source, turn):
    """Exact landmarks before and after a turn: the flow leads each back to its place, but for the Gaussians' width."""
    wanted = tuple(a + b for a, b in zip(source, turn, strict=True))
    before, after = canonical(SIZE, source, HEAD_CENTRE), canonical(SIZE, wanted, HEAD_CENTRE)
    coarse = rigid_flow(before, torch.tensor([source]), torch.tensor([wanted]), SIZE)
    assert coarse.shape == (1, 2, 32, 32)
    true = (before - after)[0, :468, :2]
    found = flow_at(enlarged(coarse, SIZE), after[0, :468, :2])
    assert (found - true).norm(dim=1).mean() < 0.15 * true.norm(dim=1).mean()


@pytest.mark.parametrize("source", [(0.0, 0.0, 0.0), (0.1, -0.2, 0.15)])
def test_turned_landmarks_are_those_of_the_turned_head(source):
    wanted = (-0.2, 0.3, 0.1)
    before, after = canonical(SIZE, source, HEAD_CENTRE), canonical(SIZE, wanted, HEAD_CENTRE)
    found = turned(before, torch.tensor([source]), torch.tensor([wanted]))
    assert torch.allclose(found, after, atol=1e-3)
    assert torch.allclose(turned(before, torch.tensor([source]), torch.tensor([source])), before, atol=1e-4)


@pytest.mark.parametrize(
    ("pose", "way"),
    [
        ((0.3, 0, 0), (0, 1)),  # down
        ((0, 0.3, 0), (-1, 0)),  # to the picture's left
    ],
)
def test_the_nose_goes_where_openfaces_signs_say(pose, way):
    after = canonical(SIZE, pose, HEAD_CENTRE)
    flow = enlarged(rigid_flow(canonical(SIZE), torch.zeros(1, 3), torch.tensor([pose]), SIZE), SIZE)
    nose = flow_at(flow, after[0, NOSE_TIP : NOSE_TIP + 1, :2])[0]
    assert torch.allclose(-nose / nose.norm(), torch.tensor(way, dtype=torch.float32), atol=0.05)
    assert 8 < nose.norm() < 13


def test_a_positive_roll_is_clockwise():
    after = canonical(SIZE, (0, 0, 0.3), HEAD_CENTRE)
    flow = enlarged(rigid_flow(canonical(SIZE), torch.zeros(1, 3), torch.tensor([[0, 0, 0.3]]), SIZE), SIZE)
    forehead, chin = flow_at(flow, after[0, [10, 152], :2])
    assert forehead[0] < -5 and chin[0] > 5  # the forehead came from the left, the chin from the right


def test_no_turn_no_flow_and_none_far_from_the_head():
    points, pose = canonical(SIZE, (0.1, 0.2, 0.1)), torch.tensor([[0.1, 0.2, 0.1]])
    assert rigid_flow(points, pose, pose, SIZE).abs().max() == 0
    flow = rigid_flow(points, pose, pose + 0.3, SIZE)
    assert flow.abs().max() > 0.1 and flow[..., [0, 0, -1, -1], [0, -1, 0, -1]].abs().max() < 1e-4


def test_autocast_does_not_round_the_turn():
    points, zero, pose = canonical(SIZE), torch.zeros(1, 3), torch.tensor([[0.1, 0.3, 0.1]])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = rigid_flow(points, zero, pose, SIZE)
    assert torch.equal(rounded, rigid_flow(points, zero, pose, SIZE))


class Parts(nn.Module):
    def forward(self, image, landmarks, source, attributes):
        flow = enlarged(rigid_flow(landmarks, source, attributes, SIZE), SIZE)
        maps = place_maps(landmarks, SIZE, 2)
        return warp(image.expand(attributes.shape[0], -1, -1, -1), flow), painted(attributes - source, maps)


@pytest.mark.parametrize("dynamo", [False, True])
def test_all_of_it_exports_as_standard_operators(tmp_path, dynamo):
    if dynamo:
        pytest.importorskip("onnxscript")
    image, points, source = torch.rand(1, 3, SIZE, SIZE), canonical(SIZE), vector(AU12=0.5)
    attributes = vector(pose_yaw=0.3, AU45=1).repeat(2, 1)
    net = Parts()
    torch.onnx.export(
        net,
        (image, points, source, attributes),
        str(tmp_path / "parts.onnx"),
        input_names=["image", "landmarks", "source", "attributes"],
        opset_version=18 if dynamo else 17,
        dynamo=dynamo,
        **({} if dynamo else {"dynamic_axes": {"attributes": {0: "batch"}}}),
    )
    session = onnxruntime.InferenceSession(str(tmp_path / "parts.onnx"), providers=["CPUExecutionProvider"])
    inputs = {"image": image, "landmarks": points, "source": source, "attributes": attributes}
    found = session.run(None, {k: v.numpy() for k, v in inputs.items()})
    for ours, theirs in zip(net(image, points, source, attributes), found, strict=True):
        assert np.abs(ours.numpy() - theirs).max() < 1e-4
