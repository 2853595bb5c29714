"""The judges: what they see, what they compute, and that they refuse what does not fit."""

import hashlib
import tomllib

import numpy as np
import pytest
from portraits import portrait_path

torch = pytest.importorskip("torch")

from addon.core.attributes import UNITS  # noqa: E402
from addon.core.errors import PackError  # noqa: E402
from addon.core.faces import FaceReader, cut, face_crop, read_photo  # noqa: E402
from addon.core.faces.changes import SIDE, close_region, read_changes  # noqa: E402
from addon.core.faces.models import FOLDER, FaceModels  # noqa: E402
from addon.core.faces.picture import Picture  # noqa: E402
from addon.core.faces.pose import rotation  # noqa: E402
from models.head.face_models import list_models  # noqa: E402
from models.judge import estimator, identity, weights_file  # noqa: E402
from models.judge.reading import WEIGHTS  # noqa: E402
from models.judge.second_look import SecondLook  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return identity.IdentityNet(identity.IdentityConfig(width=0.25, embedding=32)).eval()


def head_points(size: float, angle: float = 0.0) -> np.ndarray:
    """Landmarks [478,3] that hold a face: eyes, forehead and chin where a face has them, turned in the picture."""
    points = np.zeros((478, 3), np.float32)
    for index, (x, y) in {
        33: (-0.65, 0),
        133: (-0.35, 0),
        362: (0.35, 0),
        263: (0.65, 0),
        10: (0, -0.6),
        152: (0, 1.1),
    }.items():
        points[index, :2] = x, y
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    points[:, :2] = points[:, :2] @ turn * size / 4 + [0.52 * size, 0.45 * size]
    return points


def test_max_feature_map_keeps_the_larger_of_two():
    mfm = identity.MaxFeatureMap(torch.nn.Identity())
    x = torch.tensor([[1.0, -5.0, 0.5, -2.0]])
    assert mfm(x).tolist() == [[1.0, -2.0]]


def test_lightcnn_9_has_the_papers_size():
    paper = identity.IdentityNet()
    weights = sorted(p.numel() for p in paper.parameters() if p.dim() > 1)
    table = [96 * 25, 96 * 48, 192 * 48 * 9, 192 * 96, 384 * 96 * 9, 384 * 192, 256 * 192 * 9, 256 * 128, 256 * 128 * 9]
    assert weights == sorted([*table, 512 * 8 * 8 * 128])  # table 2 of the paper, conv1 to conv5 and fc1
    embedding, maps = paper(torch.rand(1, 1, 128, 128))
    assert embedding.shape == (1, 256)
    assert [tuple(m.shape[1:]) for m in maps] == [(48, 128, 128), (96, 64, 64), (192, 32, 32), (128, 16, 16)]


def test_an_embedding_has_length_one_and_can_be_descended(net):
    image = torch.rand(2, 3, 64, 64, requires_grad=True)
    embedding = net.embed(image)
    assert embedding.norm(dim=1).tolist() == pytest.approx([1, 1])
    embedding[0, 0].backward()
    assert image.grad[0].abs().sum() > 0
    assert image.grad[1].abs().sum() == 0
    assert len(net.features(image)) == 4


@pytest.mark.parametrize("angle", [0.0, 0.4])
@pytest.mark.parametrize("size", [128, 400])
def test_the_face_is_cut_out_as_the_product_cuts_it(angle, size):
    y, x = np.mgrid[:size, :size] / size
    picture = np.stack([127 + 120 * np.sin(9 * x + 2 * y), 127 + 120 * np.cos(7 * y), 255 * x * y], -1).astype(np.uint8)
    points = head_points(size, angle)
    crop = face_crop(points, identity.INPUT, identity.SIDE, identity.SHIFT)
    expected = cut(picture, crop) @ np.array(identity.GREY) / 255
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    ours = identity.face(image, torch.from_numpy(points)[None])[0, 0].numpy()
    assert np.abs(ours - expected)[4:-4, 4:-4].max() < 0.03


def test_without_landmarks_the_middle_of_the_crop_is_seen():
    image = torch.full((1, 3, 180, 180), -1.0)
    image[..., 20:160, 20:160] = 1  # 1.4 of 1.8 face heights
    assert identity.face(image, side=1.8).min() > 0.99
    assert identity.face(image).min() < 0.01


def test_weights_come_back(net, tmp_path):
    identity.save(net, tmp_path / "identity.safetensors")
    again = identity.load(tmp_path / "identity.safetensors")
    image = torch.rand(1, 3, 128, 128) * 2 - 1
    assert torch.allclose(again.embed(image), net.embed(image), atol=2e-3)
    assert not any(p.requires_grad for p in again.parameters())


def test_weights_of_another_judge_or_version_are_refused(net, tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(PackError, match="no weights"):
        identity.load(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(PackError, match="cannot be read"):
        identity.load(path)
    weights_file.save(path, "estimator", {}, {"x": torch.zeros(1)})
    with pytest.raises(PackError, match="estimator, format 1, where identity"):
        identity.load(path)
    weights_file.save(path, "identity", {"depth": 3}, {"x": torch.zeros(1)})
    with pytest.raises(PackError, match="another version"):
        identity.load(path)
    config = {"width": 0.25, "embedding": 32, "dropout": 0.5}
    weights_file.save(path, "identity", config, {"x": torch.zeros(1)})
    with pytest.raises(PackError, match="another network"):
        identity.load(path)


def test_the_exported_estimator_reads_as_torch_does_and_is_small(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    net = estimator.Estimator()
    for layer in (net.landmarks, net.second_look.moves, net.read_alone, net.read_change):
        torch.nn.init.normal_(layer.weight, std=0.05)  # they begin at nothing
    net.layout.copy_(torch.rand(478, 3) - 0.5)
    pictures = torch.rand(6, 3, 128, 128) * 2 - 1
    net.train()(pictures)  # norms that have seen something
    net.eval()
    path = tmp_path / "estimator.onnx"
    estimator.export(net, path)
    assert path.stat().st_size < 8e6
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    read = session.run(None, {"pictures": pictures[:3].numpy()})
    for ours, expected in zip(read, net(pictures[:3]), strict=True):
        assert ours == pytest.approx(expected.detach().numpy(), abs=3e-3)
        assert np.ptp(ours) > 0.1
    assert session.get_modelmeta().custom_metadata_map["outputs"].split(",")[0] == "AU01"


def test_the_tracker_reads_by_the_shipped_estimator():
    """The face models' graph is made from the judge's weights, and reads what the judge does of a painting."""
    weights = WEIGHTS / "estimator.safetensors"
    listed = tomllib.loads((FOLDER / "face.toml").read_text())["files"]["changes.onnx"]
    assert listed["source_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    reader, photo = FaceReader(threads=1), read_photo(portrait_path("mona_lisa"))
    points = reader.face(photo).landmarks[None]
    picture = Picture(photo.pixels)
    crop = picture.crop(close_region(points[0]), SIDE)[None]
    found = estimator.find(estimator.load(weights), crop, np.zeros(1))["change"][:, : len(UNITS)]
    assert read_changes(reader.models, picture, points) == pytest.approx(found, abs=5e-3)
    assert np.ptp(found) > 0.1


def test_a_second_look_sees_what_lies_at_landmarks():
    """Maps that hold their own places: what is sampled at a landmark is where it is believed to be."""
    look = SecondLook(2, 1, kept=11, hidden=8)
    places = (torch.arange(64) + 0.5) / 64 - 0.5
    fine = torch.stack([places.expand(64, 64), places[:, None].expand(64, 64)]).expand(2, 2, 64, 64)
    coarse = ((torch.arange(32) + 0.5) / 32 - 0.5).expand(2, 1, 32, 32)
    points = torch.rand(2, 478, 3) * 0.8 - 0.4
    look.own.data.copy_(torch.eye(11).expand_as(look.own))
    seen = []
    look.normed.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].view(2, -1, 11)))
    moved, _ = look.train()([fine, coarse], points)
    assert torch.equal(moved, points), "before it has learnt anything, a look moves nothing"
    believed = points[:, look.at, :2]
    around = (believed[:, :, None] + look.taps).flatten(2)
    assert torch.allclose(seen[0], torch.cat([around, believed[..., :1]], 2), atol=1e-5)


def test_readings_do_not_move_landmarks():
    net = estimator.Estimator(estimator.EstimatorConfig(widths=(4, 4, 6, 8), hidden=16, maps=(2, 4), kept=2, near=8))
    torch.nn.init.normal_(net.read_alone.weight)
    alone, _ = net(torch.rand(4, 3, 128, 128))
    alone.square().sum().backward()
    assert net.second_look.own.grad is None and net.landmarks.weight.grad is None
    assert net.stages[0][0].weight.grad.abs().max() > 0


def test_a_mirror_image_is_read_alike():
    torch.manual_seed(0)
    net = estimator.Estimator(estimator.EstimatorConfig(widths=(4, 4, 6, 8), hidden=16, maps=(2, 4), kept=2, near=8))
    for layer in (net.read_alone, net.read_change):
        torch.nn.init.normal_(layer.weight)
    net.layout.copy_(torch.rand(478, 3) - 0.5)
    crops = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), np.uint8)
    read, mirrored = (estimator.find(net.eval(), some, np.zeros(3)) for some in (crops, crops[:, :, ::-1]))
    sideways = np.array([-1 if name == "gaze_yaw" else 1 for name in estimator.OUTPUTS[:22]])
    for name in ("alone", "change"):
        assert read[name][:, :22] == pytest.approx(mirrored[name][:, :22] * sideways, abs=1e-5)
        assert np.ptp(read[name][:, 21]) > 0.01


def test_the_estimators_turn_is_the_products():
    """Rigid landmarks of a turned head, with noise that lids and lips could make."""
    net = estimator.Estimator(estimator.EstimatorConfig(widths=(4, 4, 6, 8), hidden=16, maps=(2, 4), kept=2, near=8))
    pose = FaceReader(threads=1).head_pose
    rng = np.random.default_rng(0)
    for angles in ((0, 0, 0), (0.3, -0.5, 0.2), (-0.4, 0.6, -0.3)):
        points = np.zeros((478, 3))
        points[pose.rigid] = pose.canonical @ rotation(angles).T / 30
        points += rng.normal(0, 0.01, points.shape)
        found = net.turn(torch.from_numpy(points)[None].float())[0].numpy()
        assert found == pytest.approx(pose.turn(points), abs=1e-4)
        assert np.arccos(np.clip((np.trace(found.T @ rotation(angles)) - 1) / 2, -1, 1)) < 0.1


def test_a_crops_own_angle_is_given_back():
    """A face that is upright in a crop is as turned in the picture as its crop."""
    turn = rotation((0.2, -0.1, 0.0))[None]
    there = estimator.in_picture(turn, np.array([0.4]))
    assert there[0] == pytest.approx(rotation((0, 0, 0.4)) @ turn[0], abs=1e-6)
    assert estimator.in_picture(turn, np.zeros(1)) == pytest.approx(turn)


def test_the_list_of_face_models_keeps_what_others_wrote(tmp_path):
    for name, said in (("a.onnx", {"source": "x"}), ("b.onnx", {"licence": "CC0", "source": "y"})):
        (tmp_path / name).write_bytes(name.encode())
        list_models(tmp_path, {name: said})
    models = FaceModels(tmp_path)
    assert models.read("a.onnx") == b"a.onnx" and models.read("b.onnx") == b"b.onnx"
    listed = tomllib.loads((tmp_path / "face.toml").read_text())["files"]
    assert listed["a.onnx"]["source"] == "x" and listed["b.onnx"]["licence"] == "CC0"
