"""Training the judges: what they are shown, exact resume, and what bad input gets."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import drawn_people  # noqa: E402

from addon.core.attributes import AT_UNITS, INDEX, NAMES, UNITS  # noqa: E402
from addon.core.errors import ZygomaError  # noqa: E402
from addon.core.faces import FaceReader  # noqa: E402
from addon.core.faces.changes import SIDE, close_region  # noqa: E402
from addon.core.faces.landmarks import region_of  # noqa: E402
from addon.core.faces.picture import Picture, transform  # noqa: E402
from addon.core.mesh import layout  # noqa: E402
from addon.core.mesh.fit import rotation  # noqa: E402
from models.judge import augment, estimator, identity, train_estimator, train_identity  # noqa: E402
from models.judge.__main__ import main  # noqa: E402
from models.judge.crops import look  # noqa: E402
from models.judge.views import DatasetError, read_views  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawn_people.write(tmp_path_factory.mktemp("people") / "set", people=4, views=4)


@pytest.fixture(scope="module")
def views(folder):
    return read_views(folder)


def test_views_are_split_by_person(views):
    first, last = views.split(0.1)
    assert first.people.tolist() == [0, 1]
    assert last.people.tolist() == [2, 3]
    assert len(first) == 8
    assert last.picture(0).shape == (96, 96, 3)
    assert np.array_equal(last.picture(1), views.picture(9))
    with pytest.raises(DatasetError, match="2 people are too few"):
        last.split(0.1)


def test_shuffled_labels_are_the_same_ones_elsewhere(views):
    shuffled = views.with_shuffled_labels(1)
    assert not np.array_equal(shuffled.attributes, views.attributes)
    assert np.array_equal(np.sort(shuffled.attributes, 0), np.sort(views.attributes, 0))


def test_a_look_finds_the_face_again(views):
    """From a place that is off; the crop follows the landmarks."""
    reader = FaceReader(threads=1)
    region = region_of(views.landmarks[0])
    seen = look(reader, [Picture(views.picture(0))] * 2, [region, region.moved(0.05, -0.04, 1.1)])
    assert seen.crops.shape == (2, SIDE, SIDE, 3) and (seen.presence > 0.5).all()
    size = np.ptp(views.landmarks[0][:, 0])
    assert np.abs(seen.landmarks[0] - seen.landmarks[1])[:, :2].max() < 0.05 * size
    expected = Picture(views.picture(0)).crop(close_region(seen.landmarks[0]), SIDE)
    assert np.array_equal(seen.crops[0], expected)


def test_landmarks_follow_what_is_done_to_a_picture(views):
    """A dot at each of some landmarks is found where the altered ones lie, mirrored and warped or not."""
    picture = np.zeros((192, 192, 3), np.uint8)
    points = views.landmarks[0] * 2
    marked = (33, 263, 61, 291, 152)
    for i in marked:
        cv2.circle(picture, points[i, :2].round().astype(int).tolist(), 3, (255, 255, 255), -1, cv2.LINE_AA)
    one = SimpleNamespace(picture=lambda _: picture, landmarks=points[None])
    sides = set()
    for seed in range(6):
        plainly = np.random.default_rng(seed), np.random.default_rng(seed + 50)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(augment, "photographed", lambda _, crop: crop)
            patch.setattr(augment, "covered", lambda _, crop: crop)
            crop, _, there, mirrored = train_estimator.altered(one, 0, *plainly)
        sides.add(mirrored)
        rows, columns = np.mgrid[:SIDE, :SIDE]
        for i in marked:
            x, y = there[i, :2] * SIDE + (SIDE - 1) / 2
            near = ((columns - x) ** 2 + (rows - y) ** 2 < 36) * crop[..., 0].astype(float)
            middle = np.array([(near * columns).sum(), (near * rows).sum()]) / near.sum()
            assert np.hypot(*(middle - [x, y])) < 0.8, (seed, i)
    assert sides == {True, False}


def test_landmarks_in_a_crop_are_those_of_the_picture(views):
    points = views.landmarks[1]
    region = close_region(points).moved(turn=0.3)
    there = train_estimator.in_crop(points, region)
    back = there[:, :2] * SIDE + (SIDE - 1) / 2
    assert transform(region.to_picture(SIDE), back) == pytest.approx(points[:, :2], abs=1e-3)
    assert there[:, 2] * region.side == pytest.approx(points[:, 2], abs=1e-3)
    assert train_estimator.landmark_error(there[None], there[None]) == 0
    eyes = float(train_estimator.eye_distances(torch.from_numpy(there[None])))
    assert train_estimator.landmark_error(there[None] + [0.03 * eyes, 0.04 * eyes, 9], there[None]) == pytest.approx(
        0.05, abs=1e-5
    )


def test_what_is_wanted_comes_back_as_attributes():
    rng = np.random.default_rng(0)
    attributes = rng.uniform(0, 1, (5, len(NAMES))).astype(np.float32)
    attributes[:, :3] = rng.uniform(-0.5, 0.5, (5, 3))
    turn = np.stack([rotation(pose + 0.1) for pose in attributes[:, :3]]).astype(np.float32)
    wanted = estimator.wanted(attributes, turn)
    assert np.abs(wanted[:, -3:]).max() < 0.3
    assert estimator.attributes(wanted, turn) == pytest.approx(attributes, abs=1e-5)
    beyond = wanted.copy()
    beyond[0, 0], beyond[1, 0] = -0.4, 1.7
    assert estimator.attributes(beyond, turn)[:2, INDEX["AU01"]].tolist() == [0, 1]


def test_a_mirrored_face_has_mirrored_labels(views):
    points = views.landmarks[3]
    mirrored = train_estimator.mirror(points, 96)
    assert mirrored[33, 0] == pytest.approx(95 - points[263, 0])
    assert mirrored[4, 0] == pytest.approx(95 - points[4, 0])
    pose = FaceReader(threads=1).head_pose
    assert pose(mirrored) == pytest.approx(pose(points) * [1, -1, -1], abs=1e-3)


def test_alterations_follow_from_the_seed_and_keep_to_their_bounds(views):
    picture, region = views.picture(0), region_of(views.landmarks[0])

    def altered(seed):
        rng = np.random.default_rng(seed)
        moved = augment.jittered(rng, region)
        crop, _ = augment.reshaped(rng, picture, moved, 64, views.landmarks[0])
        return moved, augment.covered(rng, augment.photographed(rng, crop))

    assert np.array_equal(altered(3)[1], altered(3)[1])
    assert not np.array_equal(altered(3)[1], altered(4)[1])
    for seed in range(20):
        moved, crop = altered(seed)
        assert crop.shape == (64, 64, 3)
        assert abs(moved.x - region.x) <= augment.SHIFT * region.side
        assert abs(np.log(moved.side / region.side)) <= augment.SCALE + 1e-9


def test_the_loss_is_zero_for_the_truth_and_counts_in_spreads():
    true = torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    spread = torch.tensor([1.0, 2.0])
    assert float(train_estimator.loss(true, true, spread, 0.5)) == pytest.approx(0, abs=1e-3)
    off = float(train_estimator.loss(true + spread, true, spread, 0.0))
    assert off == pytest.approx(1)
    constant = float(train_estimator.loss(true.mean(0).expand(3, 2), true, spread, 1.0))
    assert constant == pytest.approx(2 / 3 + 1, abs=1e-3)  # variance in spreads, and no concord at all


def test_a_change_counts_between_pictures_of_one_person_alone(views):
    training = replace(train_estimator.PRESETS["smoke"], batch=6)
    faces = train_estimator.drawn(views, training, 0)
    turn = torch.from_numpy(np.stack([rotation(pose) for pose in faces.attributes[:, :3]])).float()
    true = torch.from_numpy(estimator.wanted(faces.attributes, estimator.in_picture(turn.numpy(), faces.angle)))
    spread, told = torch.full((25,), 0.2), torch.zeros(478 * 3, 20)
    points = torch.from_numpy(faces.landmarks)
    right = {"alone": true, "change": true, "first": points, "points": points, "turn": turn}

    def loss(**found):
        return float(train_estimator.losses_of(right | found, faces, spread, told, training))

    whose = torch.rand(3, 25).repeat_interleave(2, 0)
    assert loss(change=true + whose) == pytest.approx(loss(), abs=1e-4)
    assert loss(change=true + torch.rand(6, 25)) > loss() + 0.5
    assert loss(alone=true + whose) > loss() + 0.5
    moved = loss(first=points + 0.01) - loss()
    assert moved > 0.6 and loss(points=points + 0.01) - loss() == pytest.approx(moved, rel=0.3)
    one = torch.zeros(6, 1, 1).index_fill(0, torch.tensor([0]), 0.06)
    assert loss(points=points + one) - loss() > 1.5 * moved, "off in one of a person's pictures counts as a change, too"
    known = np.array([[0.2, 0.9] + 18 * [0.0]])
    before, now = np.zeros((1, 25)), np.full((1, 25), 0.3)
    assert estimator.changed(before, now, known)[0, :3].tolist() == pytest.approx([0.5, 1.0, 0.3])


def test_landmarks_tell_of_units():
    """Faces whose brows rise by AU01 and whose chins by AU26 drop, each in a pose of its own."""
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.3, (200, 3))
    faces = np.stack([drawn_people.canonical(pose, 100) for pose in poses])
    down = np.stack([rotation(pose)[:, 1] for pose in poses])
    units = np.zeros((200, len(NAMES)), np.float32)
    units[:, [INDEX["AU01"], INDEX["AU26"]]] = rng.random((200, 2))
    moved = {"AU01": (list(layout.BROWS[0]), -2.0), "AU26": ([layout.CHIN], 4.0)}
    for unit, (where, pixels) in moved.items():
        faces[:, where] += pixels * units[:, INDEX[unit], None, None] * down[:, None]
    told = train_estimator.telling(SimpleNamespace(landmarks=faces, attributes=units)).numpy()
    raised, dropped = np.zeros((2, 478, 3))
    raised[list(layout.BROWS[0]), 1], dropped[layout.CHIN, 1] = -2 / 25, 4 / 25
    at = [UNITS.index(unit) for unit in moved]
    spread = units[:, AT_UNITS].std(0)[at]
    assert raised.ravel() @ told[:, at] * spread == pytest.approx([1, 0], abs=0.15)
    assert dropped.ravel() @ told[:, at] * spread == pytest.approx([0, 1], abs=0.15)


def test_two_pictures_of_a_person_have_one_shape_and_one_camera(views):
    faces = train_estimator.drawn(views, replace(train_estimator.PRESETS["smoke"], batch=8), 0)
    chosen = train_estimator.pairs(views, 4, np.random.default_rng([0, 0]))
    assert len(faces) == 8 and np.array_equal(views.person[chosen[::2]], views.person[chosen[1::2]])
    assert (chosen[::2] != chosen[1::2]).all()
    assert faces.attributes[:, AT_UNITS] == pytest.approx(views.attributes[chosen][:, AT_UNITS], abs=1e-6)
    crops = [
        train_estimator.altered(views, 0, np.random.default_rng(face), np.random.default_rng(5))[0]
        for face in (1, 1, 2)
    ]
    assert np.array_equal(crops[0], crops[1]) and not np.array_equal(crops[0], crops[2])


def test_readings_are_widened_until_they_spread_as_the_truth_does(views):
    """By no more than WIDEST, about the true mean; who reads nothing at all stays so."""
    torch.manual_seed(0)
    faces = train_estimator.plain(views)
    net = estimator.Estimator(train_estimator.PRESETS["smoke"].network, torch.from_numpy(faces.landmarks.mean(0)))
    at = UNITS.index("AU14")  # of the units that some face here shows
    for layer in (net.read_alone, net.read_change):
        torch.nn.init.normal_(layer.weight[:at], std=0.1)

    def read():
        return estimator.find(net.eval(), faces.crops, faces.angle)["alone"][:, : len(UNITS)]

    before, true = read(), faces.attributes[:, AT_UNITS]
    train_estimator.even(net, views)
    after = read()
    assert after.mean(0) == pytest.approx(true.mean(0), abs=1e-4)
    wanted = np.clip(true.std(0) / np.maximum(before.std(0), 1e-3), 1, train_estimator.WIDEST)[:at]
    assert after.std(0)[:at] == pytest.approx(wanted * before.std(0)[:at], rel=1e-3, abs=1e-5)
    assert wanted.max() > 1.01 and after.std(0)[at:].max() < 1e-6


def test_a_few_faces_can_be_learnt_by_heart(views):
    """Landmarks and readings alike, in bfloat16 as in float32."""
    faces = train_estimator.drawn(views, replace(train_estimator.PRESETS["smoke"], batch=8), 0)
    training = train_estimator.PRESETS["smoke"]
    spread, told = train_estimator.spread_of(views), train_estimator.telling(views)
    for precise in (True, False):
        torch.manual_seed(0)
        network = replace(training.network, widths=(8, 8, 12, 16), hidden=32, maps=(4, 8), near=32, dropout=0.0)
        net = estimator.Estimator(network, torch.from_numpy(faces.landmarks.mean(0)))
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        losses = []
        for _ in range(80):
            with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
                found = net.branches(estimator.tensor(faces.crops))
            loss = train_estimator.losses_of(found, faces, spread, told, training)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        assert found["alone"].dtype == torch.float32
        assert losses[-1] < 0.35 * losses[0]
        still = np.broadcast_to(faces.landmarks.mean(0), faces.landmarks.shape)
        off = train_estimator.landmark_error(found["points"].detach().numpy(), faces.landmarks)
        assert off < 0.35 * train_estimator.landmark_error(still, faces.landmarks)


def test_the_margin_must_be_won():
    head = train_identity.PeopleHead(3, 2, margin=0.5, scale=10)
    head.directions.data = torch.tensor([[1.0, 0], [0, 1], [-1, 0]])
    logits = 10 * torch.tensor([[1 - 0.5, 0, -1]])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0]))
    assert head(torch.tensor([[3.0, 0]]), torch.tensor([0])).item() == pytest.approx(expected.item())


def states(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("judge", ["estimator", "identity"])
def test_a_broken_run_ends_with_the_weights_of_an_unbroken_one(judge, views, tmp_path, monkeypatch):
    known, held_out = views.split(0.1)

    def run(folder, resume):
        if judge == "estimator":
            training = train_estimator.PRESETS["smoke"]
            return train_estimator.train_estimator(known, held_out, folder, training, {}, resume)
        return train_identity.train_identity(known, held_out, folder, train_identity.PRESETS["smoke"], {}, resume)

    whole = states(run(tmp_path / "whole", False))
    module = train_estimator if judge == "estimator" else train_identity
    drawn = module.drawn
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 5:  # within the second round
            raise KeyboardInterrupt
        return drawn(*args)

    monkeypatch.setattr(module, "drawn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", False)
    again = states(run(tmp_path / "broken", True))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    with pytest.raises(ZygomaError, match="holds a run already"):
        run(tmp_path / "broken", False)


def test_a_run_of_another_preset_is_not_gone_on_with(views, tmp_path):
    known, held_out = views.split(0.1)
    training = train_identity.PRESETS["smoke"]
    train_identity.train_identity(known, held_out, tmp_path, training, {}, False)
    with pytest.raises(ZygomaError, match="batch"):
        train_identity.train_identity(known, held_out, tmp_path, replace(training, batch=4), {}, True)


def test_training_tells_people_apart(views, tmp_path):
    known, held_out = views.split(0.1)
    training = replace(train_identity.PRESETS["smoke"], rounds=4, steps=10, margin=0.0, rate=5e-3)
    net = train_identity.train_identity(known, held_out, tmp_path, training, {}, False)
    embedded = train_identity.embeddings(net, train_identity.plain(known))
    same, different = train_identity.pairs(embedded, known.person)
    assert same.min() > different.max() + 0.1
    assert train_identity.verification(embedded, known.person)["auc"] == 1


def test_the_command_line_trains(folder, tmp_path, capsys):
    words = ["train", "identity", "--data", str(folder), "--out", str(tmp_path / "run"), "--preset", "smoke"]
    assert main(words) == 0
    assert identity.load(tmp_path / "run" / "identity.safetensors").config.width == 0.1
    assert main(words) == 1
    assert "holds a run already" in capsys.readouterr().err


def test_a_training_keeps_a_share_of_the_weights_it_began_with(folder, tmp_path, capsys):
    words = ["train", "estimator", "--data", str(folder), "--preset", "smoke", "--rounds", "1", "--out"]
    assert main([*words, str(tmp_path / "first")]) == 0
    began = tmp_path / "first" / "estimator.safetensors"
    ends = []
    for keep in ("0", "0.5"):
        again = ["--start", str(began), "--rate", "0.02", "--keep", keep]
        assert main([*words, str(tmp_path / f"kept {keep}"), *again]) == 0
        ends.append(estimator.load(tmp_path / f"kept {keep}" / "estimator.safetensors").state_dict())
    start = estimator.load(began).state_dict()
    name = "stages.0.0.weight"  # which the widening of readings leaves alone
    moved, half = (end[name] - start[name] for end in ends)
    assert moved.abs().max() > 0.01
    assert torch.allclose(half, moved / 2, atol=1e-3)  # kept as float16
    capsys.readouterr()
    assert main([*words, str(tmp_path / "none"), "--keep", "0.5"]) == 1
    assert "--start" in capsys.readouterr().err


def test_weights_of_another_network_are_no_start(folder, tmp_path, capsys):
    words = ["train", "estimator", "--data", str(folder), "--preset", "smoke", "--rounds", "1", "--out"]
    assert main([*words, str(tmp_path / "first")]) == 0
    weights = tmp_path / "first" / "estimator.safetensors"
    assert main([*words, str(tmp_path / "second"), "--start", str(weights)]) == 0
    shipped = tmp_path / "wider.safetensors"
    estimator.save(estimator.Estimator(), shipped)
    capsys.readouterr()
    assert main([*words, str(tmp_path / "third"), "--start", str(shipped)]) == 1
    assert "another network" in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert not (tmp_path / "third").exists()
    assert main(["train", "identity", "--data", str(folder), "--out", str(tmp_path / "id"), "--start", "x"]) == 1


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path, folder, capsys):
    words = ["train", "identity", "--out", str(tmp_path / "run"), "--data"]
    assert main([*words, str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path) in said
    assert main([*words, str(folder), "--preset", "huge"]) == 1
    assert "no preset huge" in (said := capsys.readouterr().err) and "smoke" in said
