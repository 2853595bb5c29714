"""Expression: the blendshape head's readings and the stated map to Action Units; and the models' files themselves."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from portraits import portrait

from addon.core.attributes import UNITS
from addon.core.errors import PackError
from addon.core.faces import FaceReader, read_photo, unit_readings
from addon.core.faces.expression import BLENDSHAPES, READINGS, UNREAD
from addon.core.faces.models import FOLDER
from addon.core.faces.pose import angles


@pytest.fixture(scope="module")
def reader():
    return FaceReader()


def test_every_unit_is_read_or_named_as_unread():
    assert set(READINGS) | set(UNREAD) == set(UNITS) and not set(READINGS) & set(UNREAD)
    assert len(set(BLENDSHAPES)) == 52
    for unit, reading in READINGS.items():
        assert set(reading.blendshapes) <= set(BLENDSHAPES) and 0 <= reading.rest < reading.full <= 1, unit


def test_the_map_to_units():
    rest = dict.fromkeys(BLENDSHAPES, 0.0)
    assert unit_readings(rest) == dict.fromkeys(READINGS, 0.0)
    smile = unit_readings({**rest, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.2})
    assert smile["AU12"] == pytest.approx(0.5)
    assert {unit for unit, value in smile.items() if value} == {"AU12"}
    assert unit_readings({**rest, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9})["AU12"] == 1
    blink = unit_readings({**rest, "eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.8})
    assert blink["AU45"] == pytest.approx(1.0)
    full = unit_readings(dict.fromkeys(BLENDSHAPES, 1.0))
    assert full == dict.fromkeys(READINGS, 1.0)
    with pytest.raises(KeyError):
        unit_readings({"mouthSmileLeft": 1.0})


def test_a_calm_painting_reads_calm(reader):
    (face,) = reader.faces(portrait("mona_lisa"))
    assert set(face.blendshapes) == set(BLENDSHAPES) and all(0 <= v <= 1 for v in face.blendshapes.values())
    assert 0.25 < (face.blendshapes["eyeSquintLeft"] + face.blendshapes["eyeSquintRight"]) / 2 < 0.6
    assert face.blendshapes["mouthSmileLeft"] < 0.1 and face.blendshapes["jawOpen"] < 0.1
    units = unit_readings(face.blendshapes)
    assert units["AU12"] < 0.1 and units["AU25"] < 0.1 and units["AU26"] < 0.1 and units["AU45"] < 0.2


def test_the_original_reads_the_same(reader):
    """The data: what MediaPipe 0.10.14's own Face Landmarker gives for this painting."""
    original = np.load(Path(__file__).parent / "data" / "mediapipe_mona_lisa.npz")
    landmarks, blendshapes = original["landmarks"], original["blendshapes"]
    (ours,) = reader.models.run("blendshapes.onnx", landmarks=landmarks[None])
    assert ours[0] == pytest.approx(blendshapes, abs=1e-5)
    (face,) = reader.faces(portrait("mona_lisa"))
    apart = np.linalg.norm(face.landmarks[:, :2] - landmarks[:, :2], axis=1) / face.eye_distance
    assert apart.mean() < 0.035  # the crops differ, and the original has no half-pixel correction
    differences = np.abs([face.blendshapes[n] - v for n, v in zip(BLENDSHAPES, blendshapes, strict=True)])
    assert differences.max() < 0.25 and differences.mean() < 0.04  # what another crop of the same face may change
    flip = np.diag([1, -1, -1])
    pose = angles(flip @ original["transform"][:3, :3] @ flip)
    assert face.pose == pytest.approx(pose, abs=0.12)


def test_left_and_right_are_the_persons(reader):
    pixels = portrait("raphael")  # she looks to her right, and her right brow is the higher one
    (face,) = reader.faces(pixels)
    (mirrored,) = reader.faces(np.ascontiguousarray(pixels[:, ::-1]))
    assert face.blendshapes["eyeLookInRight"] + face.blendshapes["eyeLookOutLeft"] > 1
    assert mirrored.blendshapes["eyeLookInLeft"] + mirrored.blendshapes["eyeLookOutRight"] > 1
    swapped = {name.replace("Left", "#").replace("Right", "Left").replace("#", "Right"): name for name in BLENDSHAPES}
    apart = [abs(face.blendshapes[name] - mirrored.blendshapes[other]) for name, other in swapped.items()]
    assert np.mean(apart) < 0.06


def test_smiles_and_open_mouths_of_people(reader, shared):
    people = shared / "portraits" / "people"
    readings = {}
    for number in ("014", "052"):
        (face,) = reader.faces(read_photo(people / f"{number}.jpg").pixels)
        readings[number] = unit_readings(face.blendshapes)
    assert readings["014"]["AU12"] > 0.9 and readings["014"]["AU25"] > 0.4
    assert readings["052"]["AU12"] < 0.1 and readings["052"]["AU25"] < 0.1


def test_a_batch_reads_as_one_by_one(reader):
    (face,) = reader.faces(portrait("mona_lisa"))
    rng = np.random.default_rng(0)
    points = (face.landmarks + rng.normal(0, 2, (6, 478, 3))).astype(np.float32)
    (together,) = reader.models.run("blendshapes.onnx", landmarks=points)
    one_by_one = [reader.models.run("blendshapes.onnx", landmarks=p[None])[0][0] for p in points]
    assert together.shape == (6, 52) and together == pytest.approx(np.array(one_by_one), abs=1e-4)
    assert together.std(0).max() > 0.01


@pytest.mark.parametrize("name", ["face_landmarks.onnx", "face_short.onnx", "canonical_face.npz"])
def test_altered_models_are_refused(tmp_path, name):
    folder = tmp_path / "face"
    shutil.copytree(FOLDER, folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(PackError, match=name):
        FaceReader(folder).faces(portrait("mona_lisa"))


def test_missing_models_are_refused(tmp_path):
    with pytest.raises(PackError, match=r"face\.toml"):
        FaceReader(tmp_path)
    folder = tmp_path / "face"
    shutil.copytree(FOLDER, folder)
    (folder / "blendshapes.onnx").unlink()
    with pytest.raises(PackError, match=r"blendshapes\.onnx.*missing"):
        FaceReader(folder).faces(portrait("mona_lisa"))
    (folder / "face.toml").write_text("files = 3")
    with pytest.raises(PackError, match="reinstall"):
        FaceReader(folder)


def test_graphs_use_standard_operators_only():
    onnx = pytest.importorskip("onnx")
    for path in sorted(FOLDER.glob("*.onnx")):
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=True)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
        assert not any(init.external_data for init in model.graph.initializer)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 14_000_000
    assert "Apache License" in (FOLDER / "LICENSE").read_text()
