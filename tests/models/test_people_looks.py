"""What synthetic people look like: backgrounds, photographs, pigments, skin, eyes, clothes, glasses, hats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from addon.core.attributes import vector
from addon.core.faces.topology import MIRROR
from models.people import accessories, anthropometry, complexion, folds, headwear, skin_map, tracked
from models.people.background import KINDS, background
from models.people.eye_map import SIZE, paint_eye
from models.people.glasses import draw_glasses
from models.people.hair import draw_brows
from models.people.head import Body, HeadError, load_head
from models.people.person import draw_body, draw_person, draw_shape, draw_traits
from models.people.photograph import MEDIA, draw_look, photograph
from models.people.pigments import hair_colour, skin_colour


@pytest.fixture(scope="module")
def head():
    try:
        return load_head()
    except HeadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def body(head):
    rng = np.random.default_rng(4)
    return Body.of(head, draw_shape(rng, head, draw_traits(rng)))


@pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__)
def test_backgrounds_are_pictures_that_a_seed_repeats(draw):
    first, again = (draw(np.random.default_rng(7), 64) for _ in range(2))
    assert first.shape == (64, 64, 3) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    other = draw(np.random.default_rng(8), 64)
    assert np.abs(first - other).mean() > 0.01


def test_a_background_has_the_size_and_range_asked_for():
    for size in (48, 200):
        picture = background(np.random.default_rng(size), size)
        assert picture.shape == (size, size, 3) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1


def looks(medium: str):
    rng = np.random.default_rng(3)
    return next(look for look in iter(lambda: draw_look(rng), None) if look.medium == medium)


@pytest.mark.parametrize("medium", MEDIA)
def test_a_look_shows_each_view_alike_but_for_its_grain(medium):
    look = looks(medium)
    scene = background(np.random.default_rng(1), 64)
    one, again, other = (photograph(scene, look, np.random.default_rng(n)) for n in (1, 1, 2))
    assert one.shape == (64, 64, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() < 12  # grain alone


def test_black_and_white_is_grey_and_old_prints_are_one_hue():
    scene = np.random.default_rng(0).random((64, 64, 3), np.float32)
    grey = photograph(scene, replace(looks("monochrome"), tone=(1.0, 1.0, 1.0)), np.random.default_rng(0)).astype(int)
    assert np.ptp(grey, axis=-1).max() <= 2
    brown = replace(looks("old"), tone=(0.8, 1.0, 1.4))
    picture = photograph(scene, brown, np.random.default_rng(0)).astype(float).mean((0, 1))
    assert picture[0] > picture[1] > picture[2]


def test_exposure_brightens():
    scene = np.full((64, 64, 3), 0.4, np.float32)
    look = looks("digital")
    dark, light = (photograph(scene, replace(look, exposure=e), np.random.default_rng(0)).mean() for e in (-1, 1))
    assert light > dark + 40


def lightness(colour: np.ndarray) -> float:
    """CIE L* of linear RGB."""
    return 116 * np.cbrt(colour @ [0.2126, 0.7152, 0.0722]) - 16


def test_skin_covers_the_human_range():
    """Measured skin has L* of about 70 (very fair) to 30 (very dark), always with R > G > B."""
    shades = [skin_colour(melanin, 0.012) for melanin in (0.01, 0.05, 0.12, 0.25, 0.43)]
    light = [lightness(shade) for shade in shades]
    assert light == sorted(light, reverse=True)
    assert 66 < light[0] < 73 and 25 < light[-1] < 33
    assert all(r > g > b for r, g, b in shades)


def test_blood_reddens_and_lack_of_oxygen_blues():
    pale, flushed = skin_colour(0.03, 0.01), skin_colour(0.03, 0.05)
    assert flushed[0] / flushed[1] > 1.2 * pale[0] / pale[1]
    blue = skin_colour(0.03, 0.05, oxygen=0.2)
    assert blue[2] / blue[0] > flushed[2] / flushed[0]


def test_hair_goes_from_white_over_ginger_to_black():
    white, ginger, black = hair_colour(0, 0), hair_colour(0.18, 1.1), hair_colour(6, 0.2)
    assert white.min() > 0.9 and black.max() < 0.02
    assert ginger[0] > 2 * ginger[1] > 2 * ginger[2]
    assert hair_colour(6, 0.2, grey=1.0).min() > 0.5


def test_complexions_vary_and_follow_age():
    drawn = [complexion.draw(np.random.default_rng(n), 0.66, n % 2, [1, 1, 1]) for n in range(60)]
    melanin = np.array([c.melanin for c in drawn])
    assert melanin.max() / melanin.min() > 8
    assert sum(c.makeup.lipstick > 0 for c in drawn[1::2]) > 5 >= sum(c.makeup.lipstick > 0 for c in drawn[::2])
    young, old = (
        np.mean([complexion.draw(np.random.default_rng(n), age, 0, [0, 0, 1]).wrinkles for n in range(40)])
        for age in (0.5, 0.95)
    )
    assert old > young + 0.5


@pytest.fixture(scope="module")
def atlas(head):
    return skin_map.Atlas(head, 256)


def painted(atlas, **changes):
    rng = np.random.default_rng(2)
    own = complexion.draw(rng, 0.6, 1.0, [0, 0, 1])
    bare = replace(own, makeup=replace(own.makeup, **dict.fromkeys(("lipstick", "liner", "shadow", "blush"), 0.0)))
    makeup = changes.pop("makeup", {})
    skin = replace(bare, **changes, makeup=replace(bare.makeup, **makeup))
    return skin_map.paint(atlas, skin, draw_brows(np.random.default_rng(1), 1.0), None, None)


def test_lipstick_colours_the_lips_alone(atlas):
    without = painted(atlas).colour.astype(int)
    with_ = painted(atlas, makeup={"lipstick": 0.9, "lipstick_colour": (0.4, 0.01, 0.02)}).colour.astype(int)
    change = np.abs(with_ - without)[..., :3].sum(-1)
    assert change[atlas.lips > 0.8].mean() > 60
    assert change[atlas.lips < 0.05].max() == 0


def test_freckles_darken_the_face_and_age_carves_it(atlas):
    plain = painted(atlas, freckles=0.0, wrinkles=0.0)
    freckled = painted(atlas, freckles=1.2, wrinkles=0.0)
    darker = plain.colour[..., 1].astype(int) - freckled.colour[..., 1]
    assert darker.min() >= -1
    assert (darker[atlas.sun > 0.6] > 8).mean() > 0.02 > (darker[atlas.sun < 0.02] > 8).mean()
    old = painted(atlas, wrinkles=1.2)
    assert old.relief[..., 1].std() > 3 * plain.relief[..., 1].std()


def test_expression_folds_lie_where_units_throw_them(atlas):
    maps = painted(atlas)
    depth = {name: 128 - picture for name, picture in zip(folds.FOLDS, _channels(maps), strict=True)}
    middle = {name: (d > 20).nonzero()[0].mean() for name, d in depth.items()}
    height = {name: row / atlas.size * skin_map.TALL + skin_map.LOWEST for name, row in middle.items()}
    assert height["forehead"] > 0.03 > height["crow's feet"] > -0.02 > height["nasolabial"] > height["chin"] > -0.12
    thrown = dict(zip(folds.FOLDS, folds.thrown_folds(vector({"AU04": 1.0})), strict=True))
    assert thrown["glabella"] == 1 and thrown["forehead"] == 0


def _channels(maps):
    return [pictures[..., k].astype(int) for pictures in (maps.folds_a, maps.folds_b) for k in range(4)]


def test_an_eye_is_dark_in_its_middle_and_white_around():
    own = complexion.draw(np.random.default_rng(2), 0.6, 1.0, [0, 0, 1])
    picture = paint_eye(own, 0.3)[..., :3].astype(int)
    middle = SIZE // 2
    assert picture[middle, middle].max() < 40
    assert picture[middle, int(0.7 * SIZE)].mean() > picture[middle, int(0.59 * SIZE)].mean()
    assert picture[middle, int(0.7 * SIZE)].min() > 120


def test_glasses_stand_before_the_eyes_and_reach_the_ears(body):
    frame, lenses = draw_glasses(np.random.default_rng(3), body)
    front = (body.eye_centres[:, 1] - body.eye_radii).min()
    assert lenses.vertices[:, 1].max() < front
    for centre in body.eye_centres:
        assert (np.linalg.norm(lenses.vertices[:, [0, 2]] - centre[[0, 2]], axis=1) < 0.03).any()
    ear = body.fine[body.head.ears > 0.5]
    assert frame.vertices[:, 1].max() > np.median(ear[:, 1])


def test_matched_people_differ_by_what_stays_at_home_alone(head):
    number = next(
        n
        for n in range(40)
        if any(part.kind == "glasses" for part in draw_person(1, n, head).parts)
    )  # fmt: skip
    with_, without = draw_person(1, number, head), draw_person(1, number, head, without=("glasses",))
    assert with_.complexion == without.complexion
    np.testing.assert_array_equal(with_.body.fine, without.body.fine)
    rest = [part for part in with_.parts if part.kind not in ("glasses", "lenses")]
    assert len(rest) == len(without.parts) < len(with_.parts)
    for a, b in zip(rest, without.parts, strict=True):
        np.testing.assert_array_equal(a.vertices, b.vertices)


def test_hats_turn_with_the_skull_and_clothes_stay(body):
    skull = headwear.Skull(body)
    hat = headwear.beanie(np.random.default_rng(0), body, skull).parts[0]
    turned = body.show(vector({"pose_yaw": 0.5}))
    vertices, normals = hat.on(turned)
    np.testing.assert_allclose(vertices, turned.carried(hat.vertices), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    outfit = accessories.draw_outfit(np.random.default_rng(1), body, 0.0, without=("glasses", "headwear", "earrings"))
    for part in outfit.parts:
        low = part.vertices[:, 2] < -0.22
        moved = np.linalg.norm(part.on(turned)[0] - part.vertices, axis=1)
        assert moved[low].size == 0 or moved[low].max() < 0.01


def test_a_hat_presses_the_hair_below_it(body):
    hat = headwear.cap(np.random.default_rng(0), body, headwear.Skull(body))
    standing = np.array([[0.0, 0.08, 0.30], [0.0, 0.3, -0.2]])
    pressed = hat.tuck(standing)
    assert np.linalg.norm(pressed[0] - headwear.CENTRE) < 0.13 < np.linalg.norm(standing[0] - headwear.CENTRE)
    np.testing.assert_allclose(pressed[1], standing[1])


def test_heads_are_as_human_as_they_are_different(head):
    assert anthropometry.human(head.landmarks(head.rest))
    squeezed = head.rest * np.float32([0.6, 1, 1])
    assert not anthropometry.human(head.landmarks(squeezed))
    drawn = []
    for n in range(12):
        rng = np.random.default_rng(n)
        drawn.append(draw_body(rng, head, draw_traits(rng), np.random.default_rng([n, 1])))
    assert sum(anthropometry.human(head.landmarks(body.fine)) for body in drawn) >= 11
    measures = np.array([list(anthropometry.measured(head.landmarks(body.fine)).values()) for body in drawn])
    ratios = np.array([low > 0 for low, _ in anthropometry.RANGES.values()])  # others are shares about 0
    assert (measures.std(0) / measures.mean(0))[ratios].min() > 0.03 and measures.std(0)[~ratios].min() > 0.015


def test_teeth_stay_behind_closed_lips_and_chin(head):
    for n in range(6):
        rng = np.random.default_rng(n)
        body = draw_body(rng, head, draw_traits(rng), np.random.default_rng([n, 1]))
        posed = body.show(vector())
        teeth = posed.teeth[0][~head.teeth_upper]
        chin = posed.landmarks[[17, 18, 200]]  # below the lower lip
        for point in chin:
            near = np.hypot(teeth[:, 0] - point[0], teeth[:, 2] - point[2]) < 0.004
            assert not near.any() or teeth[near, 1].min() > point[1]


def test_brows_go_from_thin_to_bushy(atlas):
    drawn = [draw_brows(np.random.default_rng(n), n % 2) for n in range(80)]
    half = np.array([brows.half for brows in drawn])
    assert half.max() > 2.5 * half.min() and half[::2].mean() > half[1::2].mean()
    brows, own = drawn[0], complexion.draw(np.random.default_rng(2), 0.6, 1.0, [0, 0, 1])
    faint, dark = (skin_map.paint(atlas, own, replace(brows, shade=s), None, None).colour for s in (0.05, 0.7))
    along, across = brows.band(atlas.places.reshape(-1, 3))
    inside = ((along > 0.2) & (along < 0.6) & (np.abs(across) < 0.5)).reshape(atlas.size, atlas.size)
    inside &= atlas.places[..., 1] < 0
    assert faint[inside, 1].mean() > dark[inside, 1].mean() + 10


def test_lids_meet_whether_eyes_are_narrow_or_wide(head):
    openings = []
    for n in range(12):
        rng = np.random.default_rng(n)
        body = draw_body(rng, head, draw_traits(rng), np.random.default_rng([n, 1]))
        rest, shut = (body.show(vector(shown)).landmarks for shown in ({}, {"AU45": 1.0}))
        for upper, lower in ((159, 145), (386, 374)):
            openings.append([pose[upper, 2] - pose[lower, 2] for pose in (rest, shut)])
    rest, shut = np.array(openings).T
    assert rest.max() > 1.6 * rest.min()
    assert np.abs(shut).max() < 0.0030  # metres: lids meet, and do not pass each other


def test_a_trackers_points_lie_on_the_skin_beside_the_heads_own(head):
    for n in range(3):
        rng = np.random.default_rng(n)
        body = draw_body(rng, head, draw_traits(rng), np.random.default_rng([n, 1]))
        triangles, weights = body.tracked
        assert weights.min() >= 0 and np.allclose(weights.sum(1), 1)
        own, points = head.landmarks(body.fine), (weights[..., None] * body.fine[triangles]).sum(1)
        away = np.linalg.norm(points - own, axis=1)
        assert np.median(away) < 0.004 and away.max() < 0.03  # metres
        np.testing.assert_allclose(points[list(tracked.INNER_LIPS)], own[list(tracked.INNER_LIPS)], atol=1e-6)
        at, goal = tracked.seen(points), tracked.seen(own)
        inside = [4, 50, 280, 151, 199]  # tip of the nose, cheeks, forehead, chin: what faces the camera
        found = tracked.levelled((at - goal)[:, :2], goal)[inside]
        np.testing.assert_allclose(found, tracked.shift(tracked.shape(goal))[inside], atol=0.01)


def test_the_trackers_rule_is_found_in_what_it_did():
    rng = np.random.default_rng(3)
    usual, wide = rng.normal(0, 1, (2, 468, 2))
    mirror = MIRROR[:468]
    usual, wide = (values + values[mirror] * [-1, 1] for values in (usual, wide))
    amount = rng.normal(0, 1, (60, 1, 1))
    shapes = (usual + 0.1 * amount * wide).reshape(60, -1) + rng.normal(0, 0.005, (60, 936))
    rule = tracked.fit(shapes, 0.02 * usual + 0.01 * amount * wide)
    cheek, lid, lip = 50, 159, 13
    moved = rule["shift"].reshape(468, 2)
    away = np.median(0.02 * usual + 0.01 * amount * wide, axis=0)
    np.testing.assert_allclose(moved[cheek], away[cheek], atol=1e-4)
    assert not moved[lip].any()
    gains = rule["gains"].reshape(-1, 468, 2).astype(float)
    assert np.abs(gains[:, cheek]).max() > 0 and not gains[:, [lid, lip]].any()
    along = (shapes[7] - rule["mean"]) @ rule["axes"].astype(float).T
    expected = 0.01 * (amount[7, 0] - np.median(amount)) * wide[cheek] / (1 + tracked.DAMPING)
    np.testing.assert_allclose(along @ gains[:, cheek], expected, atol=0.002)
