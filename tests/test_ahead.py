"""A turned sitter who looks ahead: the far side comes from the near one, without a pop on the way."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import ROOT

from addon.core.ahead import TURNED, YAW, joined, shares
from addon.core.attributes import NAMES
from addon.core.faces import FaceReader, read_photo
from addon.core.mesh.far_side import Looking, aligned, completed, lacks_a_side, pixels
from addon.core.pack import find_pack
from addon.core.session import Generator

SIDE = 256
WALL, SKIN = np.array([60, 90, 160]), np.array([210, 170, 150])


@pytest.fixture(scope="module")
def reader():
    return FaceReader(threads=1)


@pytest.fixture(scope="module")
def generator():
    return Generator(find_pack("zygoma-base"), "cpu")


def vectors(yaws):
    found = np.zeros((len(yaws), len(NAMES)), np.float32)
    found[:, YAW] = yaws
    return found


def test_who_is_not_turned_has_one_state():
    assert not shares(vectors([0.9 * TURNED])[0], vectors([-0.5, 0, 0.5]), 0.0).any()
    assert not shares(vectors([0.45])[0], vectors([0]), 1.0).any()  # a photo on its side


@pytest.mark.parametrize("own", [0.45, -0.45])
def test_the_second_state_takes_over_on_the_way(own):
    share = shares(vectors([own])[0], vectors(own * np.array([1.4, 1.0, 0.75, 0.5, 0.35, 0.15, 0.0, -1.0])), 0.1)
    assert (share[:3] == 0).all() and (share[5:] == 1).all()
    assert 0 < share[3] < share[4] < 1


def drawn_head(reader, cut: float) -> Looking:
    """An oval on a wall that looks ahead; what lies right of the middle by more than `cut` half widths is gone."""
    stored = reader.models.arrays("canonical_face.npz")["points"] * [1, -1, -1]
    points = np.concatenate([stored, np.repeat(stored[[33, 362]], 5, 0)])[:, :2]
    points = (points - points[:468].mean(0)) * (0.5 * SIDE / np.ptp(points[:, 1])) + SIDE / 2
    y, x = np.mgrid[:SIDE, :SIDE]
    half = 0.56 * np.ptp(points[:, 0])
    across, down = (x - SIDE / 2) / half, (y - SIDE / 2) / (0.34 * SIDE)
    head = ((across**2 + down**2 < 1) & (across < cut)).astype(np.float32)
    shaded = SKIN * (1 - 0.1 * np.abs(across[..., None]))
    image = WALL + head[..., None] * (shaded - WALL)
    return Looking(image.astype(np.uint8), points, cv2.GaussianBlur(head, (0, 0), 1.5))


def test_a_missing_side_is_the_other_one_mirrored(reader):
    whole, photo = drawn_head(reader, 2.0), drawn_head(reader, 0.45)
    dim = replace(whole, image=(whole.image * 0.85).astype(np.uint8))  # another light, which is matched
    image, share = completed(photo, photo.matte, photo.matte, dim, to_right=True)
    gone = np.abs(whole.image.astype(int) - photo.image).max(2) > 20
    assert gone.sum() > 1000
    left = np.abs(image.astype(int) - whole.image).mean(2)
    face = gone & (np.mgrid[:SIDE, :SIDE][0] < photo.points[152, 1])
    assert np.median(left[face]) < 12 and np.median(np.abs(whole.image.astype(int) - photo.image).mean(2)[face]) > 60
    assert share[:, : SIDE // 2].max() == 0 and (image[:, : SIDE // 2] == photo.image[:, : SIDE // 2]).all()
    other = [replace(one, image=one.image[:, ::-1], matte=one.matte[:, ::-1].copy()) for one in (photo, dim)]
    flipped, _ = completed(other[0], other[0].matte, other[0].matte, other[1], to_right=False)
    assert np.abs(flipped[:, ::-1].astype(int) - image).mean() < 1


def test_nothing_is_made_up_where_nothing_is_missing(reader):
    whole, part = drawn_head(reader, 2.0), drawn_head(reader, 0.45)
    assert not lacks_a_side(whole, whole.matte, to_right=True)
    assert lacks_a_side(part, part.matte, to_right=True)
    assert not lacks_a_side(part, part.matte, to_right=False)
    assert lacks_a_side(whole, part.matte, to_right=True)  # hair where the cheek should be: the person goes on
    narrow = drawn_head(reader, 0.75).matte
    assert not lacks_a_side(whole, narrow, to_right=True)  # hair that makes a cheek a little narrower


def test_pictures_meet_where_they_show_the_same(reader):
    """A head that the second state shows twelve pixels further right is shown once, in between."""
    head = drawn_head(reader, 2.0)
    moved = np.roll(head.image, 12, 1)
    away = aligned(head.points, head.points + np.array([12, 0]), SIDE) - pixels(SIDE)
    assert np.abs(away - [12, 0]).max() < 0.01
    opaque, none = np.full((SIDE, SIDE), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)

    class Second:
        alpha, synthetic, away = none, none, np.float32([12, 0]) + np.zeros((SIDE, SIDE, 2), np.float32)

    made = joined([head.image, opaque, opaque], [moved, opaque, opaque], Second, 0.5, 0.5)
    assert np.abs(made[0].astype(int) - np.roll(head.image, 6, 1))[:, 20:-20].max() <= 2
    assert [part.shape[:2] for part in made] == [(SIDE, SIDE)] * 3 and (made[1] == 255).all()


@pytest.mark.parametrize("name", ["mona_lisa", "raphael"])
def test_hair_and_veils_go_on_where_the_skin_ends(name, reader, generator):
    """Both sitters are turned, and neither lacks anything: all frames are the photo's own state's."""
    photo = read_photo(ROOT / "docs" / "portraits" / f"{name}.jpg")
    source = generator.encode(photo, reader.face(photo), size=256)
    assert abs(source.vector[YAW]) > TURNED
    ahead = source.vector.copy()
    ahead[YAW] = 0
    frame = generator.animate(source, ahead[None])
    plain = generator._animate(source, {"attributes": generator._for_graphs(ahead[None], source.crop)})
    assert (frame.image == plain[0]).all() and (frame.alpha == plain[1]).all()


def turned_sitter(name: str, request):
    """A Photo: of people who do not exist, or a made-up one, whom docs/turned.jpg shows."""
    if name != "made up":
        return read_photo(request.getfixturevalue("shared") / "portraits" / "people" / f"{name}.jpg")
    sheet = read_photo(ROOT / "docs" / "turned.jpg")
    return replace(sheet, pixels=np.ascontiguousarray(sheet.pixels[256:512, :256]))


@pytest.mark.parametrize("name", ["made up", "026", "040"])
def test_a_turned_sitter_looks_ahead_and_to_the_other_side(name, reader, generator, request):
    photo = turned_sitter(name, request)
    source = generator.encode(photo, reader.face(photo), size=256)
    own = source.vector[YAW]
    targets = np.repeat(source.vector[None], 25, 0)
    targets[:, YAW] = np.linspace(own, -0.6 * own, 25)
    frames = generator.animate(source, targets)
    read = np.array([reader.face(replace(photo, pixels=image)).pose[1] for image in frames.image]) * np.sign(own)
    assert (np.diff(read) < 0.03).all()  # readers tremble, but the head never turns back
    assert abs(read[np.abs(targets[:, YAW]).argmin()]) < 0.06 and read[-1] < -0.2
    steps = np.abs(np.diff(frames.image.astype(np.float32), axis=0)).mean((1, 2, 3))
    assert steps.max() < 3 * steps.mean()
    rim = [frames.alpha[:, 0], frames.alpha[:, -1], frames.alpha[:, :, 0], frames.alpha[:, :, -1]]
    assert max(part.max() for part in rim) == 0  # pasted without a seam
    some = [3, 9, 12, 20]  # together as alone
    assert (generator.animate(source, targets[some]).image == frames.image[some]).all()
    middle = np.abs(targets[:, YAW]).argmin()
    asks = {"attributes": generator._for_graphs(targets[middle : middle + 1], source.crop)}
    without = generator._animate(source, asks)[0][0]
    assert reader.matte(frames.image[middle]).sum() - reader.matte(without).sum() > 200  # pixels: the cheek is there
