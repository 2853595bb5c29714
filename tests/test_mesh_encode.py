"""The default generator's encode: the state it promises, the same for the same face, and what it reads off a photo."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from portraits import portrait_path

from addon.core.attributes import AT_GAZE, AT_POSE, AT_UNITS, INDEX, NAMES, UNITS, target, vector
from addon.core.errors import FaceError
from addon.core.faces import FaceReader, cut, read_photo
from addon.core.faces.topology import MIRROR
from addon.core.mesh import encode, load_basis
from addon.core.mesh.glasses import find_glasses
from addon.core.mesh.layout import (
    GRID,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    IRISES,
    LOWER_LIDS,
    STATE,
    UPPER_LIDS,
    eye_distance,
)
from addon.core.pack import BASIS, find_pack
from addon.core.session import Generator

PAINTINGS = ("mona_lisa", "raphael")
SMILING, NEUTRAL = ("010", "038", "114"), ("000", "052", "204")  # as seen by eye
SOME_PEOPLE = ("026", "120", "176")  # half turned away, laughing, behind sunglasses
WITH_GLASSES, WITHOUT_GLASSES = ("008", "194", "242"), ("000", "052", "164", "250")  # the last two have creases there
READ_AGAIN = 0.06  # the reader's landmarks of a mirrored or turned photo differ: a unit may read so much else
PARTED = 0.25  # of AU25, at least, from a mouth that counts as open
SHAPES = {
    "photo": (1, 3, "S", "S"),
    "above": (1, 11, "S", "S"),
    "below": (1, 7, "S", "S"),
    "crease_map": (1, 1, "S", "S"),
    "inner": (1, 5, "S", "S"),
    "jaw": (1, 6, "S", "S"),
    "surface": (1, 4, GRID, GRID),
    **dict.fromkeys(("motion_above", "motion_below"), (len(UNITS) + 2, 3, GRID, GRID)),
    **dict.fromkeys(("creases", "shading"), (len(UNITS), GRID, GRID)),
    **dict.fromkeys(("eyes", "side"), (1, 1, GRID, GRID)),
    "windows": (3, 2, 2),
    "scale": (1,),
    "offset": (2,),
    **dict.fromkeys(("pivot", "cavity", "tint"), (3,)),
    "jaw_travel": (len(UNITS), 3),
    **dict.fromkeys(("source_rotation", "crop_turn"), (3, 3)),
    "source": (len(NAMES),),
}


@pytest.fixture(scope="module")
def generator():
    return Generator(find_pack("zygoma-base"), "cpu")


@pytest.fixture(scope="module")
def reader():
    return FaceReader()


@pytest.fixture(scope="module")
def read(reader):
    """A painting's photo and face, or a person's where a folder is given; read once."""
    known = {}

    def of(name, folder=None):
        if name not in known:
            photo = read_photo(folder / f"{name}.jpg" if folder else portrait_path(name))
            known[name] = photo, reader.face(photo)
        return known[name]

    return of


def check_state(source):
    size = source.crop.size
    assert set(source.state) == set(STATE) == set(SHAPES)
    for name, array in source.state.items():
        assert array.shape == tuple(size if n == "S" else n for n in SHAPES[name]), name
        assert array.dtype == np.float32 and array.flags.c_contiguous and np.isfinite(array).all(), name
    image = cut(source.photo.pixels, source.crop).transpose(2, 0, 1) / np.float32(255)
    for layer in ("photo", "above", "below"):
        np.testing.assert_allclose(source.state[layer][0, :3], image, atol=1e-6)
    for mask in (source.state["above"][0, 3], source.state["below"][0, 3]):
        assert mask.min() == 0 and mask.max() == 1
    for turn in ("source_rotation", "crop_turn"):
        np.testing.assert_allclose(source.state[turn] @ source.state[turn].T, np.eye(3), atol=1e-5)
    assert source.state["scale"] > 0
    taper = source.state["surface"][0, 2]
    assert taper.max() > 0.9 and max(np.abs(e).max() for e in (taper[0], taper[-1], taper[:, 0], taper[:, -1])) == 0
    np.testing.assert_array_equal(source.state["source"], source.vector)
    assert source.vector.shape == (len(NAMES),) and source.vector.dtype == np.float32
    assert (source.vector[AT_UNITS] >= 0).all() and (source.vector[AT_UNITS] <= 1).all()


@pytest.mark.parametrize(("name", "size"), [("mona_lisa", 256), ("raphael", 300)])
def test_state_of_the_paintings(generator, read, name, size):
    source = generator.encode(*read(name), size)
    assert source.crop.size == size and source.notes == ()
    check_state(source)


def test_state_of_people(generator, read, shared):
    for name in SOME_PEOPLE:
        check_state(generator.encode(*read(name, shared / "portraits" / "people"), 256))


def test_encodes_are_bit_equal(generator, read):
    photo, face = read("mona_lisa")
    first = generator.encode(photo, face, 256)
    second = Generator(generator.pack, "cpu").encode(read_photo(photo.path), FaceReader().face(photo), 256)
    for key in STATE:
        assert first.state[key].tobytes() == second.state[key].tobytes(), key


@pytest.mark.parametrize("name", PAINTINGS)
def test_vector_does_not_depend_on_the_crops_size(generator, read, name):
    small, large = (generator.encode(*read(name), size).vector for size in (256, 512))
    np.testing.assert_allclose(small, large, atol=1e-3)


@pytest.mark.parametrize("name", PAINTINGS)
def test_pose_is_the_trackers(generator, read, name):
    """Both sitters turn to the picture's left, heads bowed a little and tilted anticlockwise."""
    photo, face = read(name)
    pose = generator.encode(photo, face, 256).vector[AT_POSE]
    assert (np.sign(pose) == [1, 1, -1]).all() and (np.sign(face.pose) == [1, 1, -1]).all()
    np.testing.assert_allclose(pose, face.pose, atol=0.1)


def test_eyes_that_look_at_the_camera_are_read_so_and_shut_ones_not_at_all(generator, read):
    photo, face = read("mona_lisa")
    pitch, yaw = generator.encode(photo, face, 256).vector[AT_GAZE]
    assert -0.3 < pitch < -0.05 and -0.4 < yaw < -0.15  # from a bowed head that is turned to the picture's left
    right, left = ({f"eyeBlink{side}": 0.9} for side in ("Right", "Left"))
    wink = generator.encode(photo, replace(face, blendshapes=face.blendshapes | left), 256).vector[AT_GAZE]
    np.testing.assert_allclose(wink, (pitch, yaw), atol=0.1)
    asleep = generator.encode(photo, replace(face, blendshapes=face.blendshapes | left | right), 256).vector[AT_GAZE]
    assert not asleep.any()


def test_a_turned_sitter_who_looks_at_the_camera_is_covered(generator):
    ranges = generator.pack.ranges
    for pose, gaze in (("pose_pitch", "gaze_pitch"), ("pose_yaw", "gaze_yaw")):
        assert ranges[gaze][0] <= ranges[pose][0] and ranges[pose][1] <= ranges[gaze][1]


def assert_same_units(ours, theirs):
    apart = dict(zip(UNITS, np.abs(ours[AT_UNITS] - theirs[AT_UNITS]), strict=True))
    assert apart.pop("AU25") <= PARTED + READ_AGAIN  # shut lips may cross the threshold from which they count as open
    assert apart.pop("AU26") <= 4 * READ_AGAIN  # a narrow gap tells little of the jaw
    assert max(apart.values()) <= READ_AGAIN, apart


@pytest.mark.parametrize("name", PAINTINGS)
def test_mirrored_photo_flips_yaw_and_roll(generator, reader, read, name):
    photo, face = read(name)
    source = generator.encode(photo, face, 256)
    mirrored = replace(photo, pixels=np.ascontiguousarray(photo.pixels[:, ::-1]))
    flip = np.float32([1, -1, -1])
    landmarks = (face.landmarks[MIRROR] * [-1, 1, 1] + [photo.pixels.shape[1] - 1, 0, 0]).astype(np.float32)
    exact = generator.encode(mirrored, replace(face, landmarks=landmarks, pose=face.pose * flip), 256)
    again = generator.encode(mirrored, reader.face(mirrored), 256)
    for other in (exact, again):
        np.testing.assert_allclose(other.vector[AT_POSE] * flip, source.vector[AT_POSE], atol=0.03)
        assert_same_units(other.vector, source.vector)


def test_photo_turned_in_its_plane_turns_the_pose(generator, reader, read):
    """Pose is told in the photo's frame, whatever way the crop stands in it."""
    photo, face = read("mona_lisa")
    source = generator.encode(photo, face, 256)
    height, width = photo.pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -20, 0.9)
    turned = replace(photo, pixels=cv2.warpAffine(photo.pixels, matrix, (width, height)))
    other = generator.encode(turned, reader.face(turned), 256)

    def matrix_of(pose):
        about = [cv2.Rodrigues(np.eye(3)[axis] * float(angle))[0] for axis, angle in enumerate(pose)]
        return about[0] @ about[1] @ about[2]

    expected = matrix_of([0, 0, np.deg2rad(20)]) @ matrix_of(source.vector[AT_POSE])
    np.testing.assert_allclose(matrix_of(other.vector[AT_POSE]), expected, atol=0.04)
    assert_same_units(other.vector, source.vector)


def test_smiles_are_told_from_neutral_faces(generator, read, shared):
    def smile(name):
        return generator.encode(*read(name, shared / "portraits" / "people"), 256).vector[INDEX["AU12"]]

    smiles, rests = [smile(name) for name in SMILING], [smile(name) for name in NEUTRAL]
    assert min(smiles) > 0.7 and max(rests) < 0.2


def test_prescribed_source_vector_is_taken_as_it_is(generator, read):
    photo, face = read("raphael")
    own = generator.encode(photo, face, 256).vector
    asked = vector({"pose_pitch": 0.05, "pose_yaw": 0.3, "pose_roll": -0.1, "AU12": 0.4, "AU45": 0.3, "AU06": 1})
    source = generator.encode(photo, face, 256, source_vector=asked)
    np.testing.assert_array_equal(source.vector, asked)
    check_state(source)
    assert generator.is_rest(source, asked) and not generator.is_rest(source, own)
    assert (generator.animate(source, asked[None]).image[0] == cut(photo.pixels, source.crop)).all()
    assert (generator.animate(source, own[None]).image[0] != cut(photo.pixels, source.crop)).any()


NO_FACES = {
    "shuffled": lambda points: np.random.default_rng(7).permutation(points),
    "scattered": lambda points: np.random.default_rng(7).uniform(100, 500, points.shape),
    "shaken": lambda points: points + np.random.default_rng(7).normal(0, 15, points.shape),
    "one point": lambda points: np.repeat(points.mean(0, keepdims=True), len(points), axis=0),
    "an upright line": lambda points: points * [0, 1, 0],
    "NaN": lambda points: np.full_like(points, np.nan),
    "one NaN": lambda points: np.where(np.arange(len(points))[:, None] == 100, np.nan, points),
    "infinite": lambda points: np.where(np.arange(len(points))[:, None] == 100, np.inf, points),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", NO_FACES)
def test_landmarks_that_form_no_face_are_refused(generator, read, kind):
    photo, face = read("mona_lisa")
    landmarks = NO_FACES[kind](face.landmarks).astype(np.float32)
    with pytest.raises(FaceError, match="choose another face or photo") as caught:
        generator.encode(photo, replace(face, landmarks=landmarks), 256)
    assert "\n" not in str(caught.value)


def test_mouth_the_wrong_way_round_is_refused(generator, read):
    photo, face = read("raphael")
    crop = generator.encode(photo, face, 256).crop
    landmarks = crop.to_crop(face.landmarks)
    inside_out = landmarks * [-1, 1, 1] + [crop.size - 1, 0, 0]  # mirrored, left and right not exchanged
    basis = load_basis(generator.pack.path(BASIS))
    with pytest.raises(FaceError, match="does not fit this face"):
        encode(cut(photo.pixels, crop), inside_out, face.blendshapes, basis, pose=face.pose)
    encode(cut(photo.pixels, crop), landmarks, face.blendshapes, basis, pose=face.pose)


def test_eye_of_no_width_is_refused(generator, read):
    photo, face = read("raphael")
    landmarks = face.landmarks.copy()
    eye = [*UPPER_LIDS[1], *LOWER_LIDS[1]]
    landmarks[eye] = landmarks[eye].mean(0)
    with pytest.raises(FaceError, match="does not fit this face"):
        generator.encode(photo, replace(face, landmarks=landmarks), 256)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("light", "crossed"), [(0, 0), (1, 0), (1, 3), (255, 3)])
def test_shut_eyes_and_lips_open_in_any_light(generator, read, light, crossed):
    """Landmarks of what is shut touch or cross; black and white photos have nothing to divide by."""
    photo, face = read("mona_lisa")
    landmarks = face.landmarks.copy()
    for above, below in zip((*UPPER_LIDS, INNER_UPPER_LIP), (*LOWER_LIDS, INNER_LOWER_LIP), strict=True):
        landmarks[list(above[1:-1]), 1] = landmarks[list(below[1:-1]), 1] + crossed
    lit = replace(photo, pixels=(photo.pixels.astype(int) * light).clip(0, 255).astype(np.uint8))
    source = generator.encode(lit, replace(face, landmarks=landmarks), 256)
    check_state(source)
    opened = generator.animate(source, target(source.vector, vector({"AU05": 1, "AU25": 1, "AU26": 1}))[None])
    lips = source.crop.to_crop(landmarks)[[78, 308], :2]
    (x0, x1), y = lips[:, 0].astype(int), int(lips[:, 1].mean())
    assert opened.synthetic[0, y : y + (x1 - x0) // 2, x0:x1].max() == 255


def teeth_of(layer):
    """Where teeth show in a layer [1,4+,S,S]: bright as no gum and no tongue is, bool [S,S]; and their mean RGB."""
    rgb, alpha = layer[0, :3], layer[0, 3]
    pale = rgb[1] / np.maximum(rgb[0], 0.01)
    bright = rgb.mean(0) * alpha
    mask = (bright > 0.6 * np.percentile(bright[pale > 0.75], 99)) & (pale > 0.75)
    return mask, rgb[:, mask].mean(1)


@pytest.mark.parametrize("name", PAINTINGS)
def test_teeth_stand_in_the_mouth(generator, read, name):
    """Within its width, as seen by the light on them, and the upper ones above the lower, which both cross the lips."""
    photo, face = read(name)
    source = generator.encode(photo, face, 512)
    points = source.crop.to_crop(face.landmarks)
    (left, right), seam = points[[61, 291], 0], points[[13, 14], 1].mean()
    eyes = np.linalg.norm(points[[33, 133], :2].mean(0) - points[[362, 263], :2].mean(0))
    window = np.zeros((512, 512), bool)
    window[int(seam - 0.3 * eyes) : int(seam + 0.5 * eyes), int(left) : int(right)] = True
    hidden = source.state["inner"][:, :4] * window * (1 - source.state["inner"][:, 4:])
    upper, lower = (np.argwhere(teeth_of(layer)[0]) for layer in (hidden, source.state["jaw"]))
    assert min(np.ptp(upper[:, 1]), np.ptp(lower[:, 1])) > 0.5 * (right - left)
    assert lower[:, 1].min() > left - 0.15 * eyes and lower[:, 1].max() < right + 0.15 * eyes
    assert upper[:, 0].mean() < lower[:, 0].mean() - 0.03 * eyes
    assert seam < upper[:, 0].max() < seam + 0.15 * eyes and upper[:, 0].min() < seam


def test_teeth_are_lit_and_tinted_as_the_photo_is(generator, read):
    photo, face = read("mona_lisa")
    _, plain = teeth_of(generator.encode(photo, face, 256).state["jaw"])
    warm = replace(photo, pixels=(photo.pixels * np.array([0.6, 0.5, 0.35])).astype(np.uint8))
    _, tinted = teeth_of(generator.encode(warm, face, 256).state["jaw"])
    assert 0.35 < tinted.mean() / plain.mean() < 0.65
    assert tinted[0] / tinted[2] > 1.3 * plain[0] / plain[2]


def test_light_from_one_side_falls_on_the_teeth(generator, read, shared):
    photo, face = read("204", shared / "portraits" / "people")
    across = np.linspace(0.4, 1, photo.pixels.shape[1])[:, None]
    means = []
    for light in (across, across[::-1]):
        lit = replace(photo, pixels=(photo.pixels * light).astype(np.uint8))
        jaw = generator.encode(lit, face, 256).state["jaw"][0]
        mask, _ = teeth_of(jaw[None])
        middle = np.argwhere(mask)[:, 1].mean()
        columns = np.arange(256) < middle
        bright = jaw[:3].mean(0)
        means.append(bright[mask & columns].mean() / bright[mask & ~columns].mean())
    assert means[0] < 0.97 * means[1]


def test_teeth_that_the_photo_shows_are_kept(generator, read, shared):
    """Upper teeth hang from the head: a falling jaw leaves them as they are, clear of the lips' shadows."""
    for name in SMILING:
        photo, face = read(name, shared / "portraits" / "people")
        source = generator.encode(photo, face, 512)
        points = source.crop.to_crop(face.landmarks)
        (x, top), bottom = points[13, :2], points[14, 1]
        rows = slice(int(top + 0.55 * (bottom - top)), int(top + 0.7 * (bottom - top)))
        columns = slice(int(x - 10), int(x + 10))
        fallen = source.vector.copy()
        fallen[INDEX["AU26"]] = 1
        frame = generator.animate(source, fallen[None]).image[0]
        own = cut(photo.pixels, source.crop)
        assert np.abs(frame[rows, columns].astype(int) - own[rows, columns]).mean() < 1, name
        assert (frame != own).any()


def test_dark_rims_of_the_teeth_a_photo_shows_go_with_the_lips(generator, read, shared):
    """Gum and shadow at the lips' edges would stay behind on teeth that the lips uncover."""
    for name in SMILING:
        source = generator.encode(*read(name, shared / "portraits" / "people"), 512)
        state, points = source.state, source.crop.to_crop(read(name)[1].landmarks)
        photo, behind, shows = state["photo"][0], state["inner"][0, :3], state["inner"][0, 4] > 0
        shadow = state["below"][0, 4:7] * state["above"][0, 4:7]
        np.testing.assert_allclose((behind * shadow)[:, shows], photo[:, shows], atol=1e-5)
        (x, top), bottom = points[13, :2], points[14, 1]
        y, columns = np.arange(512)[:, None], np.abs(np.arange(512) - x) < 15
        rim = shows & columns & (y > top) & (y < top + 0.15 * (bottom - top))
        assert behind[:, rim].mean() > 1.1 * photo[:, rim].mean(), name


def test_every_eighth_of_the_people_is_encoded(generator, read, shared):
    folder = shared / "portraits" / "people"
    names = sorted(path.stem for path in folder.glob("*.jpg"))[::8]
    assert len(names) == 17
    for name in names:
        photo, face = read(name, folder)
        source = generator.encode(photo, face, 256)
        check_state(source)
        np.testing.assert_allclose(source.vector[AT_POSE], face.pose, atol=0.2, err_msg=name)
        assert source.notes == (), name


@pytest.mark.parametrize("name", PAINTINGS)
def test_no_skin_folds_under_a_chin_that_a_wide_open_mouth_pushes_down(generator, read, name):
    photo, face = read(name)
    source = generator.encode(photo, face, 256)
    state, points = source.state, source.crop.to_crop(face.landmarks)[:, :2] / 255 * (GRID - 1)
    moves = state["motion_above"][[UNITS.index(u) for u in ("AU25", "AU26")], 1].sum(0)
    moves = moves * state["scale"] * state["surface"][0, 2] * (GRID - 1) / 2  # nodes
    under_lip = moves[int(points[17, 1]) + 1 :, round(points[152, 0])]
    assert under_lip[0] > 5 and np.diff(under_lip).min() > -0.95
    assert under_lip[int(points[152, 1] - points[17, 1])] > 0.2 * under_lip[0]


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_raised_lid_shows_white_beside_a_round_iris(generator, read, name):
    """Where the lid lay, left of the iris and a little above its middle: both sitters' eyes show their whites there."""
    photo, face = read(name)
    source = generator.encode(photo, face, 512)
    rest, wide = (
        generator.crop_frame(source, target(source.vector, vector({"AU05": raised}))).astype(float).mean(2)
        for raised in (0, 1)
    )
    points = source.crop.to_crop(face.landmarks)[:, :2]
    for iris in IRISES:
        centre = points[iris[0]]
        radius = np.linalg.norm(points[list(iris[1:])] - centre, axis=1).mean()
        x, y = np.rint(centre + 1.25 * radius * np.array([-np.cos(np.pi / 6), -np.sin(np.pi / 6)])).astype(int)
        before, after = (picture[y - 1 : y + 2, x - 1 : x + 2].mean() for picture in (rest, wide))
        x, y = np.rint(centre).astype(int)
        assert after > before + 15 and after > 1.4 * wide[y + 2 : y + 5, x - 1 : x + 2].mean()


def test_a_face_without_folds_of_its_own_gets_soft_ones(generator, read, shared):
    def deepest(name):
        """Of what is drawn beside the mouth's corners."""
        source = generator.encode(*read(name, shared / "portraits" / "people"), 512)
        points = source.crop.to_crop(source.face.landmarks)
        rows = slice(int(points[2, 1]), int(points[61, 1]))
        return -source.state["crease_map"][0, 0, rows, int(points[234, 0]) : int(points[454, 0])].min()

    child, girl, men = deepest("092"), deepest("054"), [deepest(name) for name in ("056", "072", "106")]
    assert min(child, girl) > 0.04 and 1.25 * max(child, girl) < min(men)


def test_light_on_skin_follows_the_units_and_stays_small(generator, read):
    source = generator.encode(*read("mona_lisa"), 256)
    shading = source.state["shading"]
    assert 0.02 < np.abs(shading[UNITS.index("AU12")]).max() < 0.2
    assert np.abs(shading[UNITS.index("AU45")]).max() == 0  # lids have shadows of their own
    outside = np.ones((GRID, GRID), bool)
    x, y = np.rint(source.crop.to_crop(source.face.landmarks)[:, :2].T / 255 * (GRID - 1)).astype(int)
    outside[y.min() - 2 : y.max() + 3, x.min() - 2 : x.max() + 3] = False
    assert np.abs(shading[:, outside]).max() == 0


def test_a_sealed_mouth_leaves_the_eyes_alone(generator, read, shared):
    """The seal of parted lips moves lips, not what lies above and below in their columns."""
    source = generator.encode(*read("114", shared / "portraits" / "people"), 256)
    points = source.crop.to_crop(source.face.landmarks)[:, :2] / 255 * (GRID - 1)
    seals = [source.state[name][-2, 1] for name in ("motion_above", "motion_below")]
    lips, eyes = int(points[13, 1]), int(points[[133, 362], 1].max())
    assert max(np.abs(seal[lips - 4 : lips + 12]).max() for seal in seals) > 0.1
    assert max(np.abs(seal[: eyes + 3]).max() for seal in seals) == 0


def test_a_broad_smile_goes_as_it_is_taken_away(generator, reader, read, shared):
    """The broadest smiles have more than a full AU12: mouths end as wide as they are without one, corners come down."""
    for name in SMILING:
        photo, face = read(name, shared / "portraits" / "people")
        source = generator.encode(photo, face, 512)
        calm = reader.face(replace(photo, pixels=generator.frame(source, target(source.vector, vector({}), 0.0))))
        smile = np.mean([calm.blendshapes[f"mouthSmile{side}"] for side in ("Left", "Right")])
        wide = np.linalg.norm(calm.landmarks[61, :2] - calm.landmarks[291, :2]) / face.eye_distance
        assert smile < 0.3 and 0.7 < wide < 0.95, name


def test_lips_that_are_sealed_meet_and_do_not_cover_each_other(generator, reader, read, shared):
    """Upper and lower lip are as thick as the smiling photo has them, and nothing of its teeth shows."""
    for name in ("002", "010", "234"):
        photo, face = read(name, shared / "portraits" / "people")
        source = generator.encode(photo, face, 512)
        closed = generator.frame(source, target(source.vector, vector({}), 0.0))
        after = reader.face(replace(photo, pixels=closed)).landmarks[:, :2]

        def wide(points, a, b, unit=face.eye_distance):
            return np.linalg.norm(points[a] - points[b]) / unit

        assert wide(face.landmarks[:, :2], 13, 14) > 0.05 and wide(after, 13, 14) < 0.02
        for lip in ((0, 13), (14, 17)):
            assert wide(after, *lip) > 0.85 * wide(face.landmarks[:, :2], *lip), (name, lip)
        points = source.crop.to_crop(after)
        seam = cut(closed, source.crop)[int(points[13, 1]) - 3 : int(points[14, 1]) + 4, int(points[13, 0])]
        lips = cut(photo.pixels, source.crop)
        inside = source.crop.to_crop(face.landmarks[[13, 14], :2]).mean(0).astype(int)
        assert seam.min(-1).max() < lips[inside[1], inside[0]].min()  # teeth are the brightest of it


def test_glasses_are_found_and_stay_stiff(generator, read, shared):
    folder = shared / "portraits" / "people"

    def glasses(name):
        photo, face = read(name, folder)
        source = generator.encode(photo, face, 512)
        points = source.crop.to_crop(face.landmarks)[:, :2] * 2 / 511 - 1
        image = cut(photo.pixels, source.crop)
        return source, find_glasses(image, points, eye_distance(points))

    for name in WITHOUT_GLASSES:
        assert glasses(name)[1] is None, name
    for name in WITH_GLASSES:
        source, found = glasses(name)
        assert found is not None and not found.dark, name
        for line in (found.bridge, *found.rims):
            column, row = np.rint((line + 1) / 2 * (GRID - 1)).astype(int).T
            for motion in ("motion_above", "motion_below"):
                under = np.abs(source.state[motion][UNITS.index("AU04")][:, row, column]).max()
                assert under < 0.1 * np.abs(source.state[motion][UNITS.index("AU04")]).max(), name
