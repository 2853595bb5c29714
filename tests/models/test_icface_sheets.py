"""What the ICface paper shows, on drawn people: vectors are mixed and edited as asked, sheets hold what they should."""

from pathlib import Path

import pytest
import torch
from conftest import ROOT
from drawn_people import write
from PIL import Image

from addon.core.attributes import COMMON, INDEX
from addon.core.faces import FaceReader
from models import icface
from models.checkpoint import save
from models.presets import find
from models.sheet import LABEL
from models.subjects import from_people, from_photos
from models.train import Run

SIZE = 64
PORTRAIT = ROOT / "docs" / "portraits" / "mona_lisa.jpg"


def untaught(folder: Path, system: str) -> Path:
    """A checkpoint of a system's smoke preset, as it starts."""
    torch.manual_seed(0)
    preset = find(system, "smoke")
    networks = preset.objective(preset.network, preset.weights, SIZE, 3).networks
    facts = Run(system, "smoke", preset, folder, torch.device("cpu")).facts()
    path = folder / "last.safetensors"
    save(path, {**facts, "step": 0}, networks, {}, {})
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("run"), "icface")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write(tmp_path_factory.mktemp("people"), people=5, views=8, size=96)


def sheet(checkpoint, tmp_path, command: str, *more) -> Image.Image:
    out = tmp_path / "sheet.png"
    assert icface.main([command, str(checkpoint), str(out), *map(str, more)]) == 0
    assert list(tmp_path.iterdir()) == [out]
    return Image.open(out)


def test_parts_of_a_vector_come_from_their_drivers():
    own, pose, mouth = (torch.full((1, 20), value) for value in (0.1, 0.2, 0.3))
    found = icface.mixed(own, {"pose": pose, "mouth": mouth})[0]
    expected = torch.full((20,), 0.1)
    expected[:3] = 0.2
    expected[[INDEX[f"AU{n}"] for n in (10, 12, 14, 15, 17, 20, 23, 25, 26)]] = 0.3
    assert torch.equal(found, expected)
    whole = icface.mixed(own, {"expression": mouth})[0]
    assert torch.equal(whole, torch.cat([own[0, :3], mouth[0, 3:]]))
    assert (own == torch.full((1, 20), 0.1)).all()


def test_edited_attributes_alone_change():
    own = torch.rand(1, 20)
    found = icface.edited(own, {"AU12": 0.9, "pose_roll": -0.2})
    assert found[0, INDEX["AU12"]].item() == pytest.approx(0.9) and found[0, 2].item() == pytest.approx(-0.2)
    rest = [i for i in range(20) if COMMON[i] not in ("AU12", "pose_roll")]
    assert torch.equal(found[:, rest], own[:, rest])


def test_what_is_read_of_people_and_of_photos(checkpoint, people):
    model = icface.load(checkpoint)
    views = from_people(people, model.size, model.side, 1)[0]
    assert len(views) == 8 and views[0].image.shape == (1, 3, SIZE, SIZE)

    face = from_photos([PORTRAIT], model.size, model.side, FaceReader(threads=1))[0]
    assert face.image.shape == (1, 3, SIZE, SIZE) and -1 <= face.image.min() < face.image.max() <= 1
    nose = face.points[0, 1]
    assert (nose[:2] - SIZE / 2).abs().max() < 0.15 * SIZE
    assert 0.1 < face.vector[0, 1] < 0.5 and (face.vector[0, 3:] >= 0).all()  # she faces the left


def test_sheets_of_people(checkpoint, people, tmp_path):
    size = SIZE + LABEL
    found = sheet(checkpoint, tmp_path, "reenact", "--people", people, "--count", 1, "--self")
    assert found.size == (5 * SIZE, 2 * size)
    found = sheet(checkpoint, tmp_path, "edit", "--people", people, "--count", 1, "--attributes", "AU12", "pose_yaw")
    assert found.size == (6 * SIZE, 2 * size)
    found = sheet(checkpoint, tmp_path, "views", "--people", people, "--count", 1)
    assert found.size == (5 * SIZE, 5 * size)


def test_sheets_of_photos(checkpoint, tmp_path):
    size = SIZE + LABEL
    found = sheet(checkpoint, tmp_path, "reenact", "--source", PORTRAIT, "--driver", PORTRAIT)
    assert found.size == (2 * SIZE, 2 * size)
    found = sheet(checkpoint, tmp_path, "mix", "--source", PORTRAIT, "--pose", PORTRAIT, "--mouth", PORTRAIT)
    assert found.size == (4 * SIZE, 2 * size)


def test_an_editing_sheet_shows_what_the_networks_draw(checkpoint, people):
    model = icface.load(checkpoint)
    source = from_people(people, model.size, model.side, 1)[0][0]
    rows = icface.edit_sheet(model, [source], ["AU26"])
    assert [label for label, _ in rows[0]][1:] == ["AU26 0", "AU26 0.25", "AU26 0.5", "AU26 0.75", "AU26 1"]
    vector = icface.edited(source.vector, {"AU26": 1.0})
    assert torch.allclose(rows[0][-1][1], icface.reenacted(model.networks, source, vector)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["reenact", "--source", str(PORTRAIT)], "--driver"),
        (["edit", "--source", str(PORTRAIT), "--attributes", "AU99"], "AU99"),
        (["mix", "--source", str(PORTRAIT)], "--pose"),
        (["views", "--source", "absent.jpg"], "absent.jpg"),
        (["views", "--people", "absent"], "absent"),
    ],
)
def test_what_does_not_work_is_said_in_a_line(checkpoint, tmp_path, capsys, more, said):
    assert icface.main([more[0], str(checkpoint), str(tmp_path / "a.png"), *more[1:]]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_another_systems_checkpoint_is_refused(tmp_path, capsys):
    other = untaught(tmp_path, "eggan")
    assert icface.main(["views", str(other), "a.png", "--source", str(PORTRAIT)]) == 1
    assert "eggan" in capsys.readouterr().err
