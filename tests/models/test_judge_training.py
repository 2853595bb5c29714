"""Training the judges: what they are shown, exact resume, and what bad input gets."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import drawn_people  # noqa: E402

from addon.core.attributes import AT_UNITS, INDEX, NAMES, UNITS  # noqa: E402
from addon.core.errors import ZygomaError  # noqa: E402
from addon.core.faces import FaceReader  # noqa: E402
from addon.core.faces.landmarks import fit_regions, region_of  # noqa: E402
from addon.core.faces.picture import Picture  # noqa: E402
from addon.core.mesh.fit import rotation  # noqa: E402
from models.judge import augment, estimator, identity, train_estimator, train_identity  # noqa: E402
from models.judge.__main__ import main  # noqa: E402
from models.judge.features import FeatureReader  # noqa: E402
from models.judge.views import DatasetError, read_views  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawn_people.write(tmp_path_factory.mktemp("people") / "set", people=4, views=4)


@pytest.fixture(scope="module")
def views(folder):
    return read_views(folder)


@pytest.fixture(scope="module")
def reader():
    return FeatureReader()


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


def test_features_look_where_the_face_is(views, reader):
    region = region_of(views.landmarks[0])
    seen = reader.regions([Picture(views.picture(0))], [region])
    assert [m.shape[1:] for m in (seen.maps_16, seen.maps_8)] == [(128, 16, 16), (128, 8, 8)]
    (expected, *_), _ = fit_regions(reader.reader.models, Picture(views.picture(0)), [region])
    assert seen.landmarks[0] == pytest.approx(expected, abs=1e-3)
    assert seen.turn[0] == pytest.approx(reader.reader.head_pose.turn(expected), abs=1e-4)
    assert seen.points[0].mean(0) == pytest.approx(0, abs=1e-5)
    assert seen.presence[0] > 0.5


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
        return moved, augment.covered(rng, augment.photographed(rng, augment.reshaped(rng, picture, moved, 64)))

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


def test_a_change_counts_between_pictures_of_one_person_alone():
    true = torch.rand(6, 25)
    read = {name: true for name in estimator.BRANCHES}
    spread = torch.full((25,), 0.2)
    whose = torch.rand(3, 25).repeat_interleave(2, 0)
    assert float(train_estimator.losses_of(read | {"change": true + whose}, true, spread, 0.5)) == pytest.approx(
        float(train_estimator.losses_of(read | {"change": true}, true, spread, 0.5)), abs=1e-4
    )
    assert float(train_estimator.losses_of(read | {"change": true.flip(0)}, true, spread, 0.5)) > 0.5
    known = np.array([[0.2, 0.9] + 18 * [0.0]])
    before, now = np.zeros((1, 25)), np.full((1, 25), 0.3)
    assert estimator.changed(before, now, known)[0, :3].tolist() == pytest.approx([0.5, 1.0, 0.3])


def test_two_pictures_of_a_person_have_one_shape_and_one_camera(views):
    reader = FeatureReader()
    seen = train_estimator.drawn(views, reader, replace(train_estimator.PRESETS["smoke"], faces=8), 0)
    chosen = train_estimator.pairs(views, 4, np.random.default_rng([0, 0]))
    assert len(seen) == 8 and np.array_equal(views.person[chosen[::2]], views.person[chosen[1::2]])
    assert (chosen[::2] != chosen[1::2]).all()
    units = slice(0, len(UNITS))
    assert seen.wanted[:, units].numpy() == pytest.approx(views.attributes[chosen][:, AT_UNITS], abs=1e-6)
    crops = [
        train_estimator.altered(views, 0, np.random.default_rng(face), np.random.default_rng(5))[0]
        for face in (1, 1, 2)
    ]
    assert np.array_equal(crops[0], crops[1]) and not np.array_equal(crops[0], crops[2])


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
        if len(calls) == (2 if judge == "estimator" else 5):  # within the second round
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


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path, folder, capsys):
    words = ["train", "identity", "--out", str(tmp_path / "run"), "--data"]
    assert main([*words, str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path) in said
    assert main([*words, str(folder), "--preset", "huge"]) == 1
    assert "no preset huge" in (said := capsys.readouterr().err) and "smoke" in said
