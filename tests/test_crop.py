"""Cutting the face out and pasting it back: geometry by known points, the photo untouched wherever it should be."""

import numpy as np
import pytest
from portraits import SEEN, portrait

from addon.core.faces import Crop, Paster, cut, face_crop, paste


def made_up_face(eye_distance=60.0, centre=(300.0, 260.0), degrees=0.0, height=1.9):
    """Landmarks [478,3] of which only those that a crop reads are real: eye corners, forehead, chin."""
    points = np.zeros((478, 3), np.float32)
    e = eye_distance
    for index, (x, y) in {
        33: (-0.75, 0),
        133: (-0.25, 0),
        362: (0.25, 0),
        263: (0.75, 0),
        10: (0, -0.6 * height / 1.9),
        152: (0, 1.3 * height / 1.9),
    }.items():
        points[index, :2] = x * e, y * e
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points[:, :2] = points[:, :2] @ rotation.T + centre
    points[:, 2] = 5
    return points


def smooth_picture(height=500, width=640):
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 23 + k) * np.cos(y / 31 - k) for k in range(3)]
    return np.stack(waves, axis=-1).round().astype(np.uint8)


def noise_picture(height=500, width=640, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
def test_the_crop_stands_upright_at_the_faces_own_size(degrees):
    points = made_up_face(degrees=degrees)
    crop = face_crop(points)
    assert crop.size == 256 and crop.size % 2 == 0  # 2.25 * 1.9 * 60 = 256.5
    inside = crop.to_crop(points)
    middle = (inside[10] + inside[152])[:2] / 2
    height = inside[152, 1] - inside[10, 1]
    assert inside[152, 0] == pytest.approx(inside[10, 0], abs=1e-3)
    assert inside[263, 1] == pytest.approx(inside[33, 1], abs=1e-3) and inside[263, 0] > inside[33, 0]
    assert height == pytest.approx(256 / 2.25, rel=1e-3)
    assert middle == pytest.approx([127.5, 127.5 + 0.04 * height], abs=0.01)
    assert inside[33, 2] == pytest.approx(5 * crop.scale)


def test_sizes_asked_for_and_limits():
    assert face_crop(made_up_face(), size=512).size == 512
    assert face_crop(made_up_face(eye_distance=10)).size == 256
    assert face_crop(made_up_face(eye_distance=900)).size == 2048
    assert face_crop(made_up_face(eye_distance=100)).size == 428
    low = face_crop(made_up_face(eye_distance=100, height=0.8))  # foreshortened: 1.62 eye distances stand in
    assert low.size == round(2.25 * 162 / 2) * 2


def test_an_untuned_crop_is_a_slice():
    picture = noise_picture()
    crop = Crop(np.array([[1.0, 0, -40], [0, 1.0, -30]]), 300)
    assert np.array_equal(cut(picture, crop), picture[30:330, 40:340])


def test_a_turned_crop_shows_what_lies_there():
    picture = smooth_picture()
    crop = face_crop(made_up_face(degrees=25), size=256)
    image = cut(picture, crop)
    for x, y in ((20, 30), (128, 128), (240, 17), (60, 200)):
        u, v = crop.to_photo @ [x, y, 1]
        wave = [128 + 100 * np.sin(u / 23 + k) * np.cos(v / 31 - k) for k in range(3)]
        assert np.abs(image[y, x] - wave).max() < 2


def test_shrinking_averages_instead_of_skipping():
    picture = noise_picture(1200, 1200)
    image = cut(picture, Crop(np.array([[0.2, 0, 0], [0, 0.2, 0]]), 240)).astype(float)
    assert image[20:-20, 20:-20].std() < 25  # skipped pixels would keep the noise's 74


def test_beyond_the_border_the_photos_edge_goes_on_ever_softer():
    picture = noise_picture()
    image = cut(picture, Crop(np.array([[1.0, 0, 50], [0, 1.0, 60]]), 300)).astype(float)
    height, width = min(picture.shape[0], 240), min(picture.shape[1], 250)
    assert np.array_equal(image[60:, 50:][:height, :width], picture[:height, :width])
    above = image[:60, 50:]
    assert np.abs(above[-1] - picture[0, :250]).mean() < 0.2 * picture[0, :250].std()
    assert above[10].std() < 0.3 * above[-1].std()
    assert above[10].mean() == pytest.approx(picture[0, :250].mean(), abs=10)


@pytest.mark.parametrize("degrees", [0, 12, -60])
@pytest.mark.parametrize("size", [180, 256, 400])
def test_what_was_cut_and_not_changed_pastes_back_bit_for_bit(degrees, size):
    picture = noise_picture()
    crop = face_crop(made_up_face(degrees=degrees), size=size, limits=(64, 2048))
    pasted = paste(picture, crop, cut(picture, crop), np.full((size, size), 255, np.uint8))
    assert np.array_equal(pasted, picture)


def test_alpha_zero_leaves_the_photo_and_the_input_is_not_changed():
    picture = noise_picture()
    before = picture.copy()
    crop = face_crop(made_up_face(degrees=20))
    alpha = np.zeros((256, 256), np.uint8)
    assert np.array_equal(paste(picture, crop, np.full((256, 256, 3), 9, np.uint8), alpha), picture)
    alpha[100:150, 90:170] = 255
    pasted = paste(picture, crop, np.full((256, 256, 3), 9, np.uint8), alpha)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    place = np.stack([x, y], -1) @ crop.matrix[:, :2].T + crop.matrix[:, 2]
    outside = (np.abs(place - [129.5, 124.5]) > [41.1, 26.1]).any(-1)
    inside = (np.abs(place - [129.5, 124.5]) < [37, 22]).all(-1)
    assert np.array_equal(pasted[outside], picture[outside]) and inside.sum() > 1500
    assert np.all(pasted[inside] == 9)
    assert np.array_equal(picture, before)


def test_the_blend_is_as_wide_as_the_alpha_makes_it():
    picture = np.full((300, 300, 3), 50, np.uint8)
    crop = Crop(np.array([[1.0, 0, -20], [0, 1.0, -20]]), 256)
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    pasted = paste(picture, crop, np.full((256, 256, 3), 250, np.uint8), alpha)
    wanted = 50 + 200 * np.arange(256) / 255
    assert np.abs(pasted[150, 20:276, 0] - wanted).max() <= 1


def test_a_changed_image_arrives_and_a_slight_change_is_no_jump():
    picture = smooth_picture()
    crop = face_crop(made_up_face(degrees=10), size=256)
    image, alpha = cut(picture, crop), np.full((256, 256), 255, np.uint8)
    alpha[:4] = alpha[-4:] = 0
    alpha[:, :4] = alpha[:, -4:] = 0
    paster = Paster(picture, crop)
    x, y = crop.to_photo @ [128, 128, 1]
    at = (round(y), round(x))
    for change in (1, 2, 4, 6, 8, 12, 60):
        moved = paster(np.clip(image.astype(int) + change, 0, 255).astype(np.uint8), alpha)
        assert np.abs(moved[at].astype(int) - picture[at] - change).max() <= 2


def test_crops_that_reach_over_the_border_or_lie_outside():
    picture = noise_picture(200, 200)
    alpha = np.full((256, 256), 255, np.uint8)
    over = Crop(np.array([[1.0, 0, 100], [0, 1.0, 100]]), 256)
    pasted = paste(picture, over, np.full((256, 256, 3), 77, np.uint8), alpha)
    assert np.all(pasted[:155, :155] == 77) and np.array_equal(pasted[157:], picture[157:])
    away = Crop(np.array([[1.0, 0, 5000], [0, 1.0, 0]]), 256)
    assert np.array_equal(paste(picture, away, np.zeros((256, 256, 3), np.uint8), alpha), picture)


@pytest.mark.parametrize("name", SEEN)
def test_a_face_in_a_painting_keeps_its_detail_at_half_size(name):
    picture = portrait(name)
    points = made_up_face(eye_distance=85, centre=SEEN[name][468])
    crop = face_crop(points, size=182, limits=(64, 2048))
    assert crop.scale == pytest.approx(0.5, abs=0.01)
    image, alpha = cut(picture, crop), np.full((182, 182), 255, np.uint8)
    assert np.array_equal(paste(picture, crop, image, alpha), picture)
