"""Finding and reading faces: on two paintings in every disguise a photo can wear, and on pictures without a face."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from portraits import SEEN, portrait

from addon.core.errors import FaceError
from addon.core.faces import FaceReader, Photo, read_photo
from addon.core.faces.landmarks import fit, region_of
from addon.core.faces.measures import gaze_in_head
from addon.core.faces.picture import Picture
from addon.core.faces.trust import GOOD, USABLE, check


@pytest.fixture(scope="module")
def reader():
    return FaceReader()


@pytest.fixture(scope="module")
def mona(reader):
    pixels = portrait("mona_lisa")
    (face,) = reader.faces(pixels)
    return pixels, face


def photo_of(pixels, name="photo.png"):
    return Photo(pixels, None, Path(name), "", ())


def turned(pixels, degrees):
    """The picture turned clockwise on a larger frame, and the matrix old -> new pixel."""
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return cv2.warpAffine(pixels, matrix, (side, side)), matrix


def turn_of(pose):
    """Rx(pitch) Ry(yaw) Rz(roll), [3,3]."""
    about = [cv2.Rodrigues(np.eye(3)[axis] * float(angle))[0] for axis, angle in enumerate(pose)]
    return about[0] @ about[1] @ about[2]


def off(face, landmarks, matrix):
    """Mean distance in % of the eye distance from landmarks carried over by the matrix."""
    wanted = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.linalg.norm(face.landmarks[:, :2] - wanted, axis=1).mean() / face.eye_distance * 100


@pytest.mark.parametrize("name", SEEN)
def test_landmarks_lie_where_a_person_sees_the_features(reader, name):
    (face,) = reader.faces(portrait(name))
    for index, place in SEEN[name].items():
        assert np.linalg.norm(face.landmarks[index, :2] - place) < 0.07 * face.eye_distance, index
    assert face.landmarks.shape == (478, 3) and face.landmarks.dtype == np.float32
    assert face.presence > 0.9 and face.spread < 2 and face.warning is None
    x0, y0, x1, y1 = face.box
    assert x0 < SEEN[name][468][0] < x1 and y0 < SEEN[name][61][1] < y1
    assert face.landmarks[4, 2] < face.landmarks[234, 2]  # the nose is nearer than the ear


@pytest.mark.parametrize("degrees", [30, 75, 90, 120, 180, 215, 270, 330])
def test_faces_are_found_at_any_angle(reader, mona, degrees):
    pixels, upright = mona
    picture, matrix = turned(pixels, degrees)
    (face,) = reader.faces(picture)
    assert off(face, upright.landmarks, matrix) < 1.5
    expected = turn_of([0, 0, np.deg2rad(degrees)]) @ turn_of(upright.pose)  # the picture turns after the head
    assert np.abs(turn_of(face.pose) - expected).max() < 0.04


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("grey", lambda p: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)),
        ("dark", lambda p: (p * 0.06).astype(np.uint8)),
        ("pale", lambda p: (200 + p * 0.2).astype(np.uint8)),
        ("noisy", lambda p: np.clip(p + np.random.default_rng(0).normal(0, 40, p.shape), 0, 255).astype(np.uint8)),
        ("green and blue swapped", lambda p: p[..., [0, 2, 1]]),
    ],
)
def test_odd_light_and_colour_do_not_move_the_landmarks(reader, mona, name, change):
    pixels, plain = mona
    (face,) = reader.faces(change(pixels))
    assert off(face, plain.landmarks, np.eye(2, 3)) < 4


@pytest.mark.parametrize("height", [228, 4000, 10_000])
def test_portraits_from_128_to_10000_pixels(reader, mona, height):
    pixels, plain = mona
    scale = height / pixels.shape[0]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(pixels, (round(pixels.shape[1] * scale), height), interpolation=way)
    assert min(picture.shape[:2]) >= 128
    (face,) = reader.faces(picture)
    matrix = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    assert off(face, plain.landmarks, matrix) < (4 if scale < 1 else 1)


def test_a_small_face_in_a_large_photo(reader, mona):
    pixels, plain = mona
    scale = 14 / plain.eye_distance
    canvas = np.full((3000, 4000, 3), (90, 110, 100), np.uint8)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[2000 : 2000 + small.shape[0], 2700 : 2700 + small.shape[1]] = small
    face = reader.face(photo_of(canvas))
    matrix = np.array([[scale, 0, 2700 + (scale - 1) / 2], [0, scale, 2000 + (scale - 1) / 2]])
    assert off(face, plain.landmarks, matrix) < 6
    assert "small" in face.warning


def test_a_face_of_a_few_pixels_is_refused(reader, mona):
    pixels, plain = mona
    scale = 7 / plain.eye_distance
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((300, 400, 3), 100, np.uint8)
    canvas[100 : 100 + small.shape[0], 150 : 150 + small.shape[1]] = small
    with pytest.raises(FaceError, match=r"small|no face|trusted"):
        reader.face(photo_of(canvas))


def test_several_faces_come_largest_first_and_can_be_chosen(reader):
    mona, raphael = portrait("mona_lisa"), portrait("raphael")
    small = cv2.resize(mona, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    height = raphael.shape[0]
    canvas = np.full((height, raphael.shape[1] + 2 * small.shape[1] + 200, 3), 120, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    canvas[:, small.shape[1] + 100 : small.shape[1] + 100 + raphael.shape[1]] = raphael
    smaller = cv2.resize(mona, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    canvas[-smaller.shape[0] :, -smaller.shape[1] :] = smaller
    faces = reader.faces(canvas)
    assert len(faces) == 3
    assert [round(f.eye_distance) for f in faces] == sorted([round(f.eye_distance) for f in faces], reverse=True)
    photo = photo_of(canvas, "group.png")
    left_to_right = [1, 0, 2]
    assert np.argsort([f.box[0] for f in faces]).tolist() == left_to_right
    assert reader.face(photo).box == pytest.approx(faces[0].box)
    assert reader.face(photo, index=2).box == pytest.approx(faces[2].box)
    x0, y0, x1, y1 = faces[1].box
    assert reader.face(photo, box=(x0 - 20, y0 + 10, x1 - 30, y1 + 40)).box == pytest.approx(faces[1].box)
    with pytest.raises(FaceError, match=r"group\.png has no face 4, it has 3 faces"):
        reader.face(photo, index=3)
    with pytest.raises(FaceError, match="has no face 0"):
        reader.face(photo, index=-1)
    with pytest.raises(FaceError, match="no face in the box"):
        reader.face(photo, box=(300, 900, 340, 950))


def test_pose_has_openfaces_signs(reader, mona):
    pixels, face = mona
    pitch, yaw, _ = face.pose
    assert face.pose.dtype == np.float32
    assert 0.15 < yaw < 0.5  # she faces the picture's left
    (mirrored,) = reader.faces(np.ascontiguousarray(pixels[:, ::-1]))
    assert mirrored.pose == pytest.approx([pitch, -yaw, -face.pose[2]], abs=0.05)
    (clockwise,) = reader.faces(turned(pixels, 20)[0])
    assert clockwise.pose[2] - face.pose[2] == pytest.approx(np.deg2rad(20), abs=0.1)


def test_pose_of_a_known_turn(reader):
    head = reader.head_pose
    points = np.zeros((478, 3))
    rng = np.random.default_rng(0)
    for _ in range(20):
        pitch, yaw, roll = rng.uniform(-0.9, 0.9, 3)
        points[head.rigid] = 9 * head.canonical @ turn_of([pitch, yaw, roll]).T + [300, 200, 0]
        assert head(points) == pytest.approx([pitch, yaw, roll], abs=1e-5)
    nose, ears = 4, (234, 454)
    still = reader.models.arrays("canonical_face.npz")["points"]
    assert still[nose, 2] > still[list(ears), 2].max() and still[10, 1] > still[152, 1]


@pytest.mark.parametrize("name", SEEN)
def test_gaze_is_read_in_the_head(reader, name):
    """Sitters of both paintings look at who looks at them, whichever way their heads are turned."""
    (face,) = reader.faces(portrait(name))
    pitch, yaw = gaze_in_head(face.landmarks, face.pose)
    look = turn_of(face.pose) @ [-np.tan(yaw), np.tan(pitch), -1]
    assert look / np.linalg.norm(look) == pytest.approx([0, 0, -1], abs=1e-6)
    aside = face.landmarks.copy()
    aside[468:478, 0] -= 0.08 * face.eye_distance  # irises, to the picture's left
    assert 0.2 < gaze_in_head(aside, face.pose)[1] - yaw < 0.8
    aside[468:478, 0] += 0.16 * face.eye_distance
    assert -0.8 < gaze_in_head(aside, face.pose)[1] - yaw < -0.1


def test_a_wrong_fit_is_noticed_where_presence_does_not(reader, mona):
    pixels, face = mona
    picture, region = Picture(pixels), region_of(face.landmarks)
    assert check(reader.models, picture, fit(reader.models, picture, region)).spread < GOOD
    for jitter in ((0, 0, 1, np.pi), (0, 0, 1, np.pi / 2), (0.6, 0.5, 1, 0), (0, 0, 4, 1.5)):
        wrong = check(reader.models, picture, fit(reader.models, picture, region.moved(*jitter)))
        assert not wrong.trusted and wrong.spread > USABLE


def test_a_face_that_all_but_holds_is_not_read_upside_down(reader):
    """A synthetic person whose upright fit is just not trusted; the picture turned round has one that would be."""
    picture = read_photo(Path(__file__).parent / "data" / "tilted_and_grainy.jpg").pixels
    assert all(abs(face.pose[2]) < 1 for face in reader.faces(picture))


def test_pictures_without_a_face(reader, mona):
    pixels, face = mona
    x0, y0, x1, y1 = (int(v) for v in face.box)
    hidden = pixels.copy()
    hidden[y0 - 20 : y1 + 20, x0 - 20 : x1 + 20] = 127
    noise = np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8)
    for picture in (hidden, noise, np.zeros((300, 300, 3), np.uint8), pixels[600:, :]):
        assert reader.faces(picture) == []
        with pytest.raises(FaceError, match=r"^x\.jpg: .*use a ") as refused:
            reader.face(photo_of(picture, "x.jpg"))
        assert "\n" not in str(refused.value)


def test_two_readings_agree_and_threads_do_not_mix_them_up(mona):
    pixels, face = mona
    other = portrait("raphael")
    reader = FaceReader(threads=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(reader.faces, [pixels, other] * 3))
    assert all(len(faces) == 1 for faces in found)
    for faces in found[::2]:
        assert np.abs(faces[0].landmarks - face.landmarks).max() < 0.01
    for faces in found[1::2]:
        assert np.array_equal(faces[0].landmarks, found[1][0].landmarks)


def test_the_matte_covers_the_person(reader, mona):
    pixels, face = mona
    matte = reader.matte(pixels)
    assert matte.shape == pixels.shape[:2] and matte.dtype == np.float32
    assert matte.min() >= 0 and matte.max() <= 1
    x0, y0, x1, y1 = (int(v) for v in face.box)
    assert matte[y0:y1, x0:x1].mean() > 0.95 and matte[500:600, 300:450].mean() > 0.95
    assert matte[:80].mean() < 0.05 and matte[:300, :150].mean() < 0.05


def test_people_are_found_once_each(reader, shared):
    for path in sorted((shared / "portraits" / "people").glob("*.jpg"))[::6]:
        faces = reader.faces(read_photo(path).pixels)
        assert len(faces) == 1, path.name
        assert faces[0].spread < GOOD and faces[0].eye_distance > 40, path.name
