"""Expressions carried over and ways between two, on untrained networks: who is shown with whose expression."""

import pytest
import torch
from faces import canonical
from test_aipgan import FULL as AIPGAN
from test_eggan import FULL as EGGAN

from addon.core.attributes import COMMON
from models import checkpoint, transfer
from models.networks.aipgan import Aipgan
from models.networks.eggan import Eggan
from models.subjects import Subject


def subject(seed: int, **values) -> Subject:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    vector = torch.tensor([[float(values.get(name, 0)) for name in COMMON]])
    return Subject(f"person {seed}", image, vector, canonical(64))


ONE, OTHER = subject(1, AU12=0.5), subject(2, AU26=0.9, pose_yaw=0.2)
ENDS = torch.tensor([0.0, 1.0])


@pytest.fixture(params=[(Eggan, EGGAN), (Aipgan, AIPGAN)], ids=["eggan", "aipgan"])
def networks(request):
    torch.manual_seed(0)
    kind, config = request.param
    return kind(config).eval().requires_grad_(False)


@pytest.mark.parametrize("vectors", [False, True])
def test_a_way_ends_where_the_transfer_is(networks, vectors):
    way = transfer.interpolated(networks, ONE, OTHER, ENDS, vectors)
    moved = transfer.transferred(networks, ONE, OTHER, vectors)
    stayed = transfer.transferred(networks, ONE, ONE, vectors)
    torch.testing.assert_close(way.own[1:], moved.own, atol=1e-5, rtol=0)
    torch.testing.assert_close(way.own[:1], stayed.own, atol=1e-5, rtol=0)
    assert (moved.own - stayed.own).abs().max() > 1e-4


def test_a_driver_s_face_does_not_come_along(networks):
    """By vectors another face of the same vector drives alike; by AIP-GAN's pictures it need not."""
    twin = Subject("twin", OTHER.image.flip(0, 2), OTHER.vector, OTHER.points + 1)
    one, two = (transfer.transferred(networks, ONE, driver, True).own for driver in (OTHER, twin))
    torch.testing.assert_close(one, two)
    if isinstance(networks, Aipgan):
        one, two = (transfer.transferred(networks, ONE, driver).own for driver in (OTHER, twin))
        assert (one - two).abs().max() > 1e-5


def test_between_two_people_the_expression_stays(networks):
    way = transfer.between(networks, ONE, OTHER, ENDS)
    same = transfer.transferred(networks, ONE, ONE, True)
    torch.testing.assert_close(way.own[:1], same.own, atol=1e-5, rtol=0)
    theirs = transfer.transferred(networks, OTHER, ONE, True)
    torch.testing.assert_close(way.own[1:], theirs.own, atol=1e-5, rtol=0)


def test_sheets_hold_all_sources_and_drivers(networks):
    rows = transfer.transfer_sheet(networks, [ONE, OTHER], [OTHER], True, False)
    assert [len(row) for row in rows] == [2, 2, 2]
    assert rows[0][1][0] == "person 2"
    assert [len(row) for row in transfer.interpolation_sheet(networks, [ONE], [OTHER, ONE], True, True)] == [9, 9]
    assert [len(row) for row in transfer.between_sheet(networks, [ONE, OTHER, ONE])] == [9, 9]


def test_bad_input_gets_one_line(tmp_path, capsys):
    arguments = [str(tmp_path / "no.safetensors"), str(tmp_path / "sheet.png"), "--source", "photo.jpg"]
    assert transfer.main(["transfer", *arguments]) == 1
    assert "there is no checkpoint" in capsys.readouterr().err
    facts = {"system": "stargan", "step": 0}
    checkpoint.save(tmp_path / "no.safetensors", facts, torch.nn.Linear(1, 1), {}, {})
    assert transfer.main(["transfer", *arguments]) == 1
    assert "stargan" in capsys.readouterr().err
