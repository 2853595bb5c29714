"""The default generator's animator: rest is the photo, sliders move the picture smoothly and the way FACS says, as the
project's own face reader sees it."""

from dataclasses import replace

import numpy as np
import pytest
from portraits import portrait_path

from addon.core.attributes import AT_UNITS, INDEX, NAMES, target, vector
from addon.core.faces import FaceReader, cut, read_photo, unit_readings
from addon.core.mesh.layout import IRISES, LOWER_BROWS, LOWER_LIDS
from addon.core.pack import find_pack
from addon.core.session import OUTPUTS, Generator

PAINTINGS = ("mona_lisa", "raphael")
SMILING = ("114", "186")  # as seen by eye
DEEP_SET, LAUGHING = ("026", "092", "204"), ("074", "102", "156")  # eyes under low brows; lower teeth to be seen
MASCARA = ("034", "140")
READER = 0.01  # eye distances by which landmarks of nearly the same picture wander
MOUTH = {"AU25": 1, "AU26": 1}


@pytest.fixture(scope="module")
def generator():
    return Generator(find_pack("zygoma-base"), "cpu")


@pytest.fixture(scope="module")
def reader():
    return FaceReader()


@pytest.fixture(scope="module")
def encoded(generator, reader):
    """A painting's source by name and crop side; encoded once."""
    known = {}

    def of(name, size=256):
        if (name, size) not in known:
            photo = read_photo(portrait_path(name))
            known[name, size] = generator.encode(photo, reader.face(photo), size)
        return known[name, size]

    return of


@pytest.fixture(params=PAINTINGS)
def source(encoded, request):
    return encoded(request.param)


@pytest.fixture(params=PAINTINGS)
def large(encoded, request):
    return encoded(request.param, 512)


@pytest.fixture(scope="module")
def seen(generator, reader):
    """The face that the reader finds in the whole picture under the properties."""

    def face(source, properties, own_expression=1.0):
        (found,) = reader.faces(generator.frame(source, asked(source, properties, own_expression)))
        return found

    return face


def asked(source, properties, own_expression=1.0):
    return target(source.vector, vector(properties), own_expression)


def measure(face, source):
    """In the photo's eye distances, the eye line level; heights grow downwards from the eyes' corners."""
    points = face.landmarks[:, :2] / source.face.eye_distance
    right, left = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
    cos, sin = (left - right) / np.linalg.norm(left - right)
    x, y = np.array([[cos, sin], [-sin, cos]]) @ (points - (left + right) / 2).T
    return {
        "lips": y[14] - y[13],
        "lids": (y[145] - y[159] + y[374] - y[386]) / 2,
        "mouth's width": x[291] - x[61],
        "mouth's corners": y[[61, 291]].mean(),
        "inner brows": y[[107, 66, 336, 296]].mean(),
        "outer brows": y[[63, 70, 293, 300]].mean(),
        "chin": y[152],
    }


def psnr(image, other):
    return 10 * np.log10(255**2 / max(np.mean((image.astype(float) - other) ** 2), 1e-9))


def test_rest_is_the_photo(generator, source):
    """Bit for bit, and through the graph as well."""
    assert (generator.frame(source, asked(source, {})) == source.photo.pixels).all()
    frames = generator.animate(source, source.vector[None])
    assert (frames.image[0] == cut(source.photo.pixels, source.crop)).all()
    assert frames.alpha.max() == 0 and frames.synthetic.max() == 0


def test_no_slider_pops_nor_is_dead(generator, source):
    rest = cut(source.photo.pixels, source.crop)
    nudged, full = (generator.animate(source, target(source.vector, np.eye(len(NAMES)) * w)) for w in (0.001, 0.5))
    for i, name in enumerate(NAMES):
        assert psnr(nudged.image[i], rest) >= 50, name
        assert psnr(generator.paste(source, nudged.image[i], nudged.alpha[i]), source.photo.pixels) >= 50, name
        moved = np.abs(full.image[i].astype(int) - rest).max(2)
        assert (moved > 20).sum() > 10, name
        assert (full.alpha[i][moved > 24] > 150).all(), name  # all of it reaches the photo


@pytest.mark.parametrize("name", ["AU12", "AU25", "AU26", "AU45", "pose_yaw"])
def test_neighbouring_values_give_neighbouring_pictures(generator, source, name):
    """Steps of 0.05: none takes more than a tenth of the travel, where an even one takes a twentieth."""
    low, high = (-0.5, 0.5) if name in NAMES[:3] else (0, 1)
    targets = np.repeat(source.vector[None], 21, axis=0)
    targets[:, INDEX[name]] = np.linspace(low, high, 21)
    steps = np.abs(np.diff(generator.animate(source, targets).image.astype(int), axis=0)).mean((1, 2, 3))
    assert steps.sum() > 0.2 and steps.max() < 0.1 * steps.sum()


@pytest.mark.parametrize(("name", "opened"), [("AU25", 0.1), ("AU26", 0.06)])
def test_lips_part_and_jaw_drops(seen, large, name, opened):
    steps = [measure(seen(large, {name: w}), large) for w in (0, 0.33, 0.67, 1)]
    gaps = [step["lips"] for step in steps]
    assert min(np.diff(gaps)) > -READER and gaps[-1] - gaps[0] > opened
    assert steps[-1]["chin"] - steps[0]["chin"] > 0.02


def test_blink_closes_the_eyes(seen, large):
    lids = [measure(seen(large, {"AU45": w}), large)["lids"] for w in (0, 0.33, 0.67, 1)]
    # Landmarks of lids that touch still lie apart.
    assert max(np.diff(lids)) < READER and lids[0] > 0.1 and lids[-1] < 0.3 * lids[0]


def test_shut_lids_are_skin_above_a_fine_line(generator, reader, shared):
    """No bar of eye pixels along the lid's edge, no fold nor brow drawn out over it."""
    for name in DEEP_SET:
        photo = read_photo(shared / "portraits" / "people" / f"{name}.jpg")
        source = generator.encode(photo, reader.face(photo), 512)
        points = source.crop.to_crop(source.face.landmarks)[:, :2]
        grey = generator.crop_frame(source, asked(source, {"AU45": 1})).mean(2)
        for lower, brow, (right, left) in zip(LOWER_LIDS, LOWER_BROWS, ((33, 133), (362, 263)), strict=True):
            wide = np.linalg.norm(points[right] - points[left])
            middle, above = points[list(lower[3:6])].mean(0), points[list(brow[1:4])].mean(0)
            (x, bottom), top = middle, above[1]
            columns = slice(int(x - 0.12 * wide), int(x + 0.12 * wide))
            cheek = np.median(grey[int(bottom + 0.25 * wide) : int(bottom + 0.4 * wide), columns])
            eye = np.median(grey[int(0.5 * (top + bottom)) : int(bottom + 0.1 * wide), columns], axis=1)
            lid = eye[: int(0.6 * len(eye))]
            skin = np.median(lid)
            assert skin > 0.45 * cheek and lid.min() > 0.75 * skin, name  # sockets are in shade, lids lean out of it
            assert (eye < 0.7 * skin).sum() < 0.13 * wide, name


def test_eyes_that_look_up_take_their_irises_along(generator, reader, shared):
    """White shows above the lower lid where the iris was, no arc of it."""
    for name in MASCARA:
        photo = read_photo(shared / "portraits" / "people" / f"{name}.jpg")
        source = generator.encode(photo, reader.face(photo), 512)
        points = source.crop.to_crop(source.face.landmarks)[:, :2]
        rest, up = (generator.crop_frame(source, asked(source, {"gaze_pitch": pitch})).mean(2) for pitch in (0, -0.35))
        for iris, lower in zip(IRISES, LOWER_LIDS, strict=True):
            x, y = round(points[iris[0], 0]), int(points[list(lower[3:6]), 1].mean()) - 1
            before, after = (np.median(picture[y, x - 3 : x + 4]) for picture in (rest, up))
            assert after > before + 20, name  # 0 to 4 where the lid's shadow kept the iris


def test_lower_teeth_that_a_photo_shows_fall_with_the_jaw(generator, reader, shared):
    """Between wide open lips stand two rows of teeth, not a third one that the head kept."""
    for name in LAUGHING:
        photo = read_photo(shared / "portraits" / "people" / f"{name}.jpg")
        source = generator.encode(photo, reader.face(photo), 512)
        wide = generator.crop_frame(source, asked(source, MOUTH))
        points = source.crop.to_crop(
            reader.face(replace(photo, pixels=generator.frame(source, asked(source, MOUTH)))).landmarks
        )
        (x, top), bottom = points[13, :2], points[14, 1]
        inside = wide[int(top) + 2 : int(bottom) - 2, int(x) - 5 : int(x) + 5].mean(1)
        pale = (inside.mean(1) > 0.55 * np.percentile(inside.mean(1), 95)) & (inside[:, 1] > 0.75 * inside[:, 0])
        rows = np.flatnonzero(np.diff(np.r_[0, pale.astype(int)]) == 1)
        assert 1 <= len(rows) <= 2, name


def test_mouth_corners_and_brows_move_as_facs_says(seen, large):
    rest = measure(large.face, large)

    def change(unit):
        now = measure(seen(large, {unit: 1}), large)
        return {what: now[what] - rest[what] for what in rest}  # + down, + wider

    smile, frown = change("AU12"), change("AU15")
    assert smile["mouth's width"] > 0.08 and smile["mouth's corners"] < -0.07
    assert frown["mouth's corners"] > 0.03
    inner, outer, lowered = change("AU01"), change("AU02"), change("AU04")
    assert inner["inner brows"] < -0.025 and inner["inner brows"] < inner["outer brows"] - READER
    assert outer["outer brows"] < -0.015 and outer["outer brows"] < outer["inner brows"] - READER
    assert lowered["inner brows"] > 0.025 and lowered["outer brows"] > 0


def test_eyes_look_where_they_are_asked_to(seen, large):
    """As the landmarks of the irises tell, against the corners of their eyes; upper lids follow eyes that look down."""

    def look(properties):
        face = seen(large, properties)
        points = face.landmarks[:, :2] / face.eye_distance
        irises, corners = points[[468, 473]].mean(0), points[[33, 133, 362, 263]].mean(0)
        return irises - corners, measure(face, large)["lids"]

    (left, _), (right, _) = look({"gaze_yaw": 0.4}), look({"gaze_yaw": -0.4})
    assert left[0] < right[0] - 0.03 and abs(left[1] - right[1]) < 0.03
    (down, low), (up, high) = look({"gaze_pitch": 0.3}), look({"gaze_pitch": -0.3})
    assert down[1] > up[1] + 0.004 and low < high - 0.025  # the lids hide most of how far irises fall


@pytest.mark.parametrize("axis", range(3), ids=NAMES[:3])
def test_head_turns_as_far_as_asked(seen, large, axis):
    """+ pitch down, + yaw to the picture's left, + roll clockwise; the other angles stay, nearly."""

    def by_eye(points):
        """What anyone sees of the angles: the nose below the eyes, left of their middle, the tilt of their line."""
        right, left = points[[33, 133], :2].mean(0), points[[362, 263], :2].mean(0)
        nose = points[4, :2] - (right + left) / 2
        return nose[1], -nose[0], np.arctan2(*(left - right)[::-1])

    for angle in (-0.3, 0.15, 0.3):
        face = seen(large, {NAMES[axis]: angle})
        turned = face.pose - large.face.pose
        assert 0.75 < turned[axis] / angle < 1.35  # more where the sitter looks aside already
        assert np.abs(np.delete(turned, axis)).max() < 0.3 * abs(angle)
        assert (by_eye(face.landmarks)[axis] - by_eye(large.face.landmarks)[axis]) * angle > 0


@pytest.mark.parametrize("properties", [MOUTH, {"pose_yaw": 0.4}, {"pose_pitch": -0.3, "pose_roll": 0.3}, {"AU45": 1}])
def test_nothing_happens_at_the_crops_border_nor_outside(generator, source, properties):
    vectors = asked(source, properties)[None]
    frames = generator.animate(source, vectors)
    photo, crop = source.photo.pixels, source.crop
    moved = np.abs(frames.image[0].astype(int) - cut(photo, crop)).max(2)
    assert moved.max() > 30
    border = np.ones(moved.shape, bool)
    border[1:-1, 1:-1] = False
    assert frames.alpha[0][border].max() == 0 and moved[border].max() == 0
    if not any(name in NAMES[:3] for name in properties):
        assert frames.alpha[0][[2, -3]].max() <= 8 and frames.alpha[0][:, [2, -3]].max() <= 8
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    places = crop.to_crop(np.stack([x.ravel(), y.ravel()], 1)).reshape(*x.shape, 2)
    outside = ((places < 0) | (places > crop.size - 1)).any(-1)
    assert outside.any()
    frame = generator.frame(source, vectors[0])
    assert (frame[outside] == photo[outside]).all() and (frame != photo).any()


def test_synthetic_marks_what_the_photo_does_not_hold(generator, source):
    """Teeth and cavity of a shut mouth, lids that no eye showed; not where pixels merely move."""
    points = source.crop.to_crop(source.face.landmarks)
    targets = np.stack([asked(source, properties) for properties in ({"AU12": 0.5}, MOUTH, {"AU45": 1})])
    smile, opened, blink = generator.animate(source, targets).synthetic

    def box(low, high):
        place = np.zeros(opened.shape, bool)
        (x0, y0), (x1, y1) = np.asarray(low, int), np.asarray(high, int)
        place[y0 : y1 + 1, x0 : x1 + 1] = True
        return place

    mouth = box([points[61, 0], points[4, 1]], [points[291, 0], points[152, 1]])
    assert (opened > 128).sum() > 100 and (opened > 128)[mouth].sum() > 0.8 * (opened > 128).sum()
    eyes = box([points[33, 0], points[[105, 334], 1].min()], [points[263, 0], points[4, 1]])
    assert (blink > 64).sum() > 50 and (blink > 64)[eyes].sum() > 0.9 * (blink > 64).sum()
    assert (smile > 128).sum() < 0.1 * (opened > 128).sum()


def test_lower_teeth_that_fall_are_the_photos_and_the_place_they_left_is_made_up(generator, reader, shared):
    for name in LAUGHING:
        photo = read_photo(shared / "portraits" / "people" / f"{name}.jpg")
        source = generator.encode(photo, reader.face(photo), 512)
        dropped = target(source.vector, vector({"AU26": 0.4}))
        made_up = generator.animate(source, dropped[None]).synthetic[0] > 128
        fell = source.state["jaw"][0, 5] > 0.5
        points = source.crop.to_crop(source.face.landmarks)
        x, reach = points[13, 0], 0.2 * (points[291, 0] - points[61, 0])
        fell &= np.abs(np.arange(len(fell)) - x) < reach
        assert fell.sum() > 50, name
        change = (dropped - source.vector)[AT_UNITS]
        down = source.state["scale"][0] * (change @ source.state["jaw_travel"])[1] * (made_up.shape[0] - 1) / 2
        rows = round(float(down))
        assert rows > 4, name
        left, now = fell & ~np.roll(fell, rows, axis=0), np.roll(fell, rows, axis=0)
        assert made_up[left].mean() > 0.7 and made_up[now].mean() < 0.2, name


def test_a_batch_is_its_frames_one_by_one(generator, source, monkeypatch):
    targets = np.stack([asked(source, MOUTH), asked(source, {"pose_yaw": -0.2, "AU45": 0.6})])
    monkeypatch.setattr(Generator, "batch", lambda self, source: 2)
    together = generator.animate(source, targets)
    monkeypatch.undo()
    for i in range(2):
        alone = generator.animate(source, targets[i : i + 1])
        for output in OUTPUTS:  # sums of a batch may be rounded in another order, which tells where skin all but folds
            off = np.abs(getattr(together, output)[i].astype(int) - getattr(alone, output)[0])
            assert off.mean() < 0.02 and (off > 1).mean() < 2e-3, output


def test_sizes_show_the_same_face(encoded, seen):
    gaps = []
    for size in (256, 300, 512):
        source = encoded("raphael", size)
        assert source.crop.size == size
        gaps.append(measure(seen(source, {"AU25": 1}), source)["lips"])
    assert min(gaps) > 0.1 and max(gaps) - min(gaps) < 0.04


def test_smile_goes_with_the_own_expression(generator, reader, seen, shared):
    for name in SMILING:
        photo = read_photo(shared / "portraits" / "people" / f"{name}.jpg")
        source = generator.encode(photo, reader.face(photo), 384)
        faces = [seen(source, {}, own) for own in (1, 0.5, 0)]
        widths = [measure(face, source)["mouth's width"] for face in faces]
        assert widths[0] - widths[1] > 0.05 and widths[1] - widths[2] > 0.05, name
        smiles, parted = ([unit_readings(face.blendshapes)[unit] for face in faces] for unit in ("AU12", "AU25"))
        assert smiles[2] < smiles[0] - 0.1 and parted[2] < 0.5 * parted[0], name
