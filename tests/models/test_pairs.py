"""Pairs of drawn people: which views meet, what a mirror does, who is held out, what does not fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_people import write

from addon.core.attributes import COMMON
from addon.core.faces.topology import MIRROR
from models import pairs as pairs_module
from models.pairs import HELD_OUT, Pairs, Photographer, blurred, photographed, read_views
from models.people.plan import Kind
from models.people.shard import DatasetError, read_images, read_labels
from models.presets import Stage, Training

SIZE = 64
PLAIN = Training(size=SIZE, side=1.8, batch=16, photographic=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("people"), people=14, views=10, size=SIZE)


@pytest.fixture(scope="module")
def views(folder):
    """Labels of people, pictures of noise: a picture tells its row."""
    drawn = read_views([folder], SIZE, 1.8)
    noise = torch.randint(256, drawn.images.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return replace(drawn, images=noise)


def test_views_are_the_folders_own(folder):
    labels, views = read_labels(folder), read_views([folder], SIZE, 1.8)
    assert views.images.shape == (140, 3, SIZE, SIZE) and views.images.dtype == torch.uint8
    assert np.array_equal(views.images.permute(0, 2, 3, 1).numpy(), read_images(folder, labels))
    assert torch.equal(views.points, torch.from_numpy(labels["landmarks"]))
    assert torch.equal(views.vectors, torch.from_numpy(labels["attributes"][:, : len(COMMON)]))


def test_a_smaller_side_cuts_the_middle_out(folder):
    views = read_views([folder], SIZE, 1.8)
    close = read_views([folder], SIZE, 0.9)
    middle = torch.nn.functional.interpolate(views.images[:1, :, 16:48, 16:48].float(), scale_factor=2, mode="bicubic")
    assert (close.images[:1].float() - middle).abs()[..., 4:-4, 4:-4].mean() < 1
    assert torch.allclose(close.points - 31.5, 2 * (views.points - 31.5) + torch.tensor([0, 0, 31.5]), atol=1e-3)


def test_a_wider_side_than_rendered_is_refused(folder):
    with pytest.raises(DatasetError, match="face heights wide, and 2 are asked for"):
        read_views([folder], SIZE, 2.0)


def test_people_of_two_folders_are_different_people(folder, views):
    both = read_views([folder, folder], SIZE, 1.8)
    assert len(np.unique(both.people)) == 28 and np.array_equal(both.people[140:], views.people + 14)
    assert not set(both.views[140:]) & set(both.views[:140])


def test_no_folder_and_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match="--data"):
        read_views([], SIZE, 1.8)
    with pytest.raises(DatasetError, match=str(tmp_path)):
        read_views([tmp_path], SIZE, 1.8)


def test_what_does_not_fit_says_what_would(folder, monkeypatch):
    each = 3 * SIZE * SIZE + 478 * 12
    monkeypatch.setattr(pairs_module, "free_memory", lambda: int(100 * each / pairs_module.FREE_SHARE) + 1)
    with pytest.raises(DatasetError, match=r"140 pictures of 64 pixels .* 100 of them would fit"):
        read_views([folder], SIZE, 1.8)


def test_nobody_is_both_trained_on_and_held_out(views):
    pairs = Pairs(views, PLAIN)

    def people(group):
        return {int(views.people[row]) for person in group for rows in person.values() for row in rows}

    assert people(pairs.held_out) == {HELD_OUT - 1} and len(people(pairs.trained)) == pairs.people == 13
    assert not people(pairs.trained) & people(pairs.held_out)


def test_views_whose_lips_part_come_as_often_as_asked(views):
    lips = [COMMON.index(unit) for unit in ("AU25", "AU26")]

    def share(opened):
        pairs = Pairs(views, replace(PLAIN, opened=opened))
        batches = [pairs.batch(step, 0.0) for step in range(20)]
        parted = [torch.maximum(b.source[:, lips].amax(1), b.wanted[:, lips].amax(1)) > 0.3 for b in batches]
        return float(torch.cat(parted).float().mean())

    assert share(1.0) < share(5.0) <= share(50.0)


def test_few_people_are_too_few(tmp_path):
    with pytest.raises(DatasetError, match="too few"):
        Pairs(read_views([write(tmp_path, people=2, views=4, size=SIZE)], SIZE, 1.8), PLAIN)


def found_rows(views, images: torch.Tensor) -> list[int]:
    """The rows whose pictures these [B,3,S,S] are, mirrored or not."""
    bytes_ = ((images + 1) * 127.5).round().to(torch.uint8)
    out = []
    for image in bytes_:
        same = (views.images == image).flatten(1).all(1) | (views.images == image.flip(-1)).flatten(1).all(1)
        out.append(int(torch.nonzero(same)[0, 0]))
    return out


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.COMBINATION, Kind.POSE, Kind.SHARED])
def test_a_stage_leads_where_it_says(views, kind):
    only = {name: 0.0 for name in ("single", "combination", "pose", "both", "shared")} | {kind.name.lower(): 1.0}
    pairs = Pairs(views, replace(PLAIN, stages=(Stage(**only),)))
    ends = set()
    for step in range(3):
        batch = pairs.batch(step, 0.0)
        for rows in zip(found_rows(views, batch.image), found_rows(views, batch.target), strict=True):
            assert views.people[rows[0]] == views.people[rows[1]]
            kinds = {Kind(int(views.kinds[row])) for row in rows}
            assert kinds & {kind} or len(kinds) == 1
            ends.add(Kind(int(views.kinds[rows[1]])))
    assert kind in ends
    if kind == Kind.SINGLE:
        assert Kind.REFERENCE in ends  # some pairs lead back


def test_stages_follow_progress(views):
    stages = (Stage(0.5, combination=0, pose=0, both=0, shared=0), Stage(single=0))
    pairs = Pairs(views, replace(PLAIN, stages=stages))
    changed = lambda b: (b.wanted - b.source).abs().gt(1e-6).sum(1)  # noqa: E731
    assert all(changed(pairs.batch(step, 0.49)).max() <= 1 for step in range(4))
    assert max(changed(pairs.batch(step, 0.5)).max() for step in range(4)) > 1


def test_batches_agree_with_the_labels_and_mirrors_turn_round(views):
    pairs = Pairs(views, PLAIN)
    mirrored = 0
    for step in range(4):
        batch = pairs.batch(step, 0.9)
        for i, row in enumerate(found_rows(views, batch.target)):
            plain = torch.equal(((batch.target[i] + 1) * 127.5).round().byte(), views.images[row])
            sign = torch.ones(20)
            points = views.points[row]
            if not plain:
                mirrored += 1
                sign[[1, 2]] = -1
                points = points[MIRROR] * torch.tensor([-1, 1, 1]) + torch.tensor([SIZE - 1, 0, 0])
            assert torch.equal(batch.wanted[i], views.vectors[row] * sign)
            assert torch.allclose(batch.target_points[i], points)
    assert 16 < mirrored < 48


def test_source_landmarks_are_a_trackers_but_stay_near(views):
    pairs = Pairs(views, replace(PLAIN, batch=32))
    batch = pairs.batch(0, 0.9)
    checked = 0
    for i, row in enumerate(found_rows(views, batch.image)):
        if torch.equal(((batch.image[i] + 1) * 127.5).round().byte(), views.images[row]):
            checked += 1
            assert 0 < (batch.points[i] - views.points[row])[:, :2].abs().mean() < 0.03 * SIZE
            assert torch.equal(batch.exact_points[i], views.points[row])
    assert checked > 8


def test_a_step_is_the_same_whenever_it_is_asked_for(views):
    training = replace(PLAIN, photographic=True, pictures=("neutral", "driver"))
    one, other = Pairs(views, training), Pairs(views, training)
    other.batch(6, 0.9)
    for a, b in zip(vars(one.batch(7, 0.9)).values(), vars(other.batch(7, 0.9)).values(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.batch(7, 0.9).image, one.batch(8, 0.9).image)


def test_processes_share_a_batch(views):
    pairs = Pairs(views, PLAIN)
    whole, parts = pairs.batch(3, 0.9), [pairs.batch(3, 0.9, rank, 2) for rank in range(2)]
    for name in ("image", "source", "points", "target", "wanted", "target_points", "person"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]))


def test_neutral_and_driver(views):
    pairs = Pairs(views, replace(PLAIN, pictures=("neutral", "driver"), stages=(Stage(0, 0, 0, 0, 0, 1),)))
    batch = pairs.batch(0, 0.9)
    people = [int(views.people[row]) for row in found_rows(views, batch.target)]
    for i, (row, neutral) in enumerate(
        zip(found_rows(views, batch.driver), found_rows(views, batch.neutral), strict=True)
    ):
        assert views.people[row] != people[i] and views.people[neutral] == people[i]
        assert torch.allclose(views.vectors[row][[0, *range(3, 20)]], batch.wanted[i][[0, *range(3, 20)]])
        assert views.kinds[neutral] == Kind.NEUTRAL
        mirrored = views.points[neutral][MIRROR] * torch.tensor([-1, 1, 1]) + torch.tensor([SIZE - 1, 0, 0])
        found = batch.neutral_points[i]
        assert torch.allclose(found, views.points[neutral]) or torch.allclose(found, mirrored)
    without = Pairs(views, PLAIN).batch(0, 0.9)
    assert without.neutral.numel() == without.driver.numel() == 0


def test_a_photographer_treats_both_pictures_alike():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 1, 3, 16, 16).expand(2, 2, -1, -1, -1).contiguous()
    one = torch.ones(2)
    by = Photographer(one * 0.9, one, torch.ones(2, 3), one, torch.tensor([0.0, 1.0]), one * 0.02)
    out = photographed(images, by, generator)
    assert torch.equal(out[:, 0], out[:, 1]) and not torch.equal(out[0], out[1])
    grey = Photographer(one, one, torch.ones(2, 3), 0 * one, 0 * one, 0 * one)
    out = photographed(images, grey, generator)
    assert torch.allclose(out, images.mean(2, keepdim=True).expand_as(out), atol=1e-3)
    none = Photographer(one, one, torch.ones(2, 3), one, 0 * one, 0 * one)
    assert torch.allclose(photographed(images, none, generator), images.clamp(min=1e-3), atol=1e-5)


def test_blur_is_a_gaussian():
    image = torch.zeros(1, 1, 3, 15, 15)
    image[..., 7, 7] = 1
    soft = blurred(image, torch.tensor([1.5]))
    line = torch.exp(-0.5 * (torch.arange(-7, 8) / 1.5) ** 2)
    line = line * (torch.arange(-7, 8).abs() <= 5)
    line = line / line.sum()
    assert torch.allclose(soft[0, 0, 1], line[:, None] * line, atol=1e-6)


def test_trials_start_from_the_reference_and_name_the_change(views):
    pairs = Pairs(views, PLAIN)
    trials = pairs.trials()
    assert {change for _, _, change in trials} >= {"combination", "pose"}
    for start, end, change in trials:
        assert views.kinds[start] == Kind.REFERENCE and views.people[start] == views.people[end] == HELD_OUT - 1
        if change in COMMON:
            assert abs(views.vectors[end] - views.vectors[start])[COMMON.index(change)] > 0.1
    batch = pairs.plain([t[0] for t in trials], [t[1] for t in trials])
    assert torch.equal(batch.target_points, views.points[[t[1] for t in trials]])
