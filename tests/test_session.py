"""The generator: the vector arrives where it should, rest is the photo, state and failures are handled."""

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from probe_pack import PRECISION, SIDE, as_cropped, build_probe, read_crop, read_frame

from addon.core.attributes import AT_POSE, AT_UNITS, INDEX, NAMES
from addon.core.errors import PackError, ZygomaError
from addon.core.faces import FaceReader, cut, face_crop, read_photo
from addon.core.pack import find_pack, read_pack
from addon.core.session import GenerateError, Generator, turned

PORTRAIT = Path(__file__).parents[1] / "docs" / "portraits" / "mona_lisa.jpg"


@pytest.fixture(scope="module")
def photo():
    return read_photo(PORTRAIT)


@pytest.fixture(scope="module")
def face(photo):
    return FaceReader().face(photo)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return Generator(read_pack(build_probe(tmp_path_factory.mktemp("packs") / "probe")), "cpu")


@pytest.fixture(scope="module")
def source(probe, photo, face):
    return probe.encode(photo, face)


def vectors(count, seed=1):
    return np.random.default_rng(seed).uniform(-0.6, 1, (count, len(NAMES))).astype(np.float32)


def test_vector_arrives_in_order(probe, source):
    targets = vectors(70)
    frames = probe.animate(source, targets)
    assert frames.image.shape == (70, SIDE, SIDE, 3) and frames.image.dtype == np.uint8
    assert frames.alpha.shape == frames.synthetic.shape == (70, SIDE, SIDE)
    for image, target in zip(frames.image, targets, strict=True):
        np.testing.assert_allclose(read_crop(image, source.crop), target, atol=PRECISION)


def test_pack_in_another_order(tmp_path, photo, face):
    """The same vector gives the same picture, in whatever order a pack was trained, extra attributes resting."""
    order = ("gaze_left", *NAMES[::-1])
    generator = Generator(read_pack(build_probe(tmp_path / "other", names=order)), "cpu")
    source = generator.encode(photo, face)
    target = vectors(1)[0]
    values = read_crop(generator.crop_frame(source, target), source.crop)
    np.testing.assert_allclose(values, target, atol=PRECISION)


def test_frame_of_the_photos_size(probe, source, photo):
    target = vectors(1)[0]
    before = photo.pixels.copy()
    frame = probe.frame(source, target)
    np.testing.assert_allclose(read_frame(frame, source.crop), target, atol=PRECISION)
    outside = np.ones(frame.shape[:2], bool)
    corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]) @ source.crop.to_photo[:, :2].T
    low, high = (corners + source.crop.to_photo[:, 2]).min(0), (corners + source.crop.to_photo[:, 2]).max(0)
    outside[int(low[1]) - 1 : int(high[1]) + 2, int(low[0]) - 1 : int(high[0]) + 2] = False
    assert outside.mean() > 0.2
    assert (frame[outside] == photo.pixels[outside]).all()
    assert (photo.pixels == before).all()


def test_rest_is_the_photo_bit_for_bit(probe, source, photo):
    assert (probe.frame(source, source.vector) == photo.pixels).all()
    assert (probe.crop_frame(source, source.vector) == cut(photo.pixels, source.crop)).all()
    nudged = source.vector.copy()
    nudged[INDEX["AU26"]] += 0.001
    assert (probe.frame(source, nudged) != photo.pixels).any()


def test_pack_that_cannot_rest_shows_its_own_picture(tmp_path, photo, face):
    generator = Generator(read_pack(build_probe(tmp_path / "new", at_rest="generated")), "cpu")
    source = generator.encode(photo, face)
    np.testing.assert_allclose(
        read_frame(generator.frame(source, source.vector), source.crop), source.vector, atol=PRECISION
    )


def test_source_vector(tmp_path, photo, face, source):
    """By the pack's encoder, else the face reader's, and always the user's where given."""
    np.testing.assert_allclose(source.vector[:3], face.pose)
    assert source.vector[INDEX["AU04"]] > 0.05
    claimed = vectors(1, seed=5)[0]
    order = NAMES[::-1]
    made = build_probe(tmp_path / "claims", names=order, source=claimed[::-1])
    generator = Generator(read_pack(made), "cpu")
    encoded = generator.encode(photo, face)
    np.testing.assert_array_equal(encoded.vector[AT_UNITS], claimed[AT_UNITS])
    np.testing.assert_allclose(as_cropped(encoded.vector, encoded.crop), claimed, atol=1e-6)
    own = vectors(1, seed=6)[0]
    np.testing.assert_array_equal(generator.encode(photo, face, source_vector=own).vector, own)
    with pytest.raises(ZygomaError, match="25 finite numbers"):
        generator.encode(photo, face, source_vector=own[:5])
    with pytest.raises(ZygomaError, match="25 finite numbers"):
        generator.encode(photo, face, source_vector=own * np.nan)


BOTH = {"landmarks": [1, 478, 3], "source_vector": [1, len(NAMES)]}


def test_encoder_is_given_what_it_asks_for(tmp_path, photo, face):
    """In the crop's pixels and in the pack's order: the user's vector, else the reader's."""
    order = NAMES[::-1]
    generator = Generator(read_pack(build_probe(tmp_path / "asks", names=order, asks=BOTH)), "cpu")
    source = generator.encode(photo, face)
    points = source.state["kept_landmarks"][0]
    np.testing.assert_allclose(points, source.crop.to_crop(face.landmarks), atol=1e-4)
    assert abs(points[:, :2].mean() - SIDE / 2) < SIDE / 8
    for own in (None, vectors(1, seed=6)[0]):
        source = generator.encode(photo, face, source_vector=own)
        if own is not None:
            np.testing.assert_array_equal(source.vector, own)
        np.testing.assert_allclose(source.state["kept_source_vector"][0, ::-1], as_cropped(source.vector, source.crop))
    alone = {"source_vector": ["batch", len(NAMES)]}  # a size without a number fits whatever comes
    one = Generator(read_pack(build_probe(tmp_path / "one", asks=alone)), "cpu").encode(photo, face)
    assert set(one.state) == {"face", "kept_source_vector"}


def test_angles_are_those_that_the_crop_shows(tmp_path, photo, face):
    """A photo that hangs askew gives the graphs what the straight one gives: their crops look alike."""
    generator = Generator(read_pack(build_probe(tmp_path / "asks", asks=BOTH)), "cpu")
    height, width = photo.pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -40, 1)  # clockwise
    askew = replace(photo, pixels=cv2.warpAffine(photo.pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    straight, tilted = generator.encode(photo, face), generator.encode(askew, FaceReader().face(askew))
    assert np.degrees(tilted.vector[2] - straight.vector[2]) == pytest.approx(40, abs=3)
    given = [encoded.state["kept_source_vector"][0, AT_POSE] for encoded in (straight, tilted)]
    np.testing.assert_allclose(*given, atol=np.radians(3))
    covers = generator.pack.out_of_range
    assert covers(turned(tilted.vector, tilted.crop.angle)) == [] and covers(tilted.vector) == ["pose_roll"]
    level = tilted.vector.copy()
    level[AT_POSE] = 0  # upright in the photo: turned back in the crop
    frames = generator.animate(tilted, level[None])
    np.testing.assert_allclose(read_crop(frames.image[0], tilted.crop), level, atol=PRECISION)
    assert np.degrees(tilted.crop.angle) == pytest.approx(-40, abs=3)


@pytest.mark.parametrize(
    "asks, words",
    [
        ({"password": [1]}, "asks for 'password'; an encoder may ask for image, landmarks, source_vector"),
        ({"landmarks": [1, 468, 3]}, r"takes landmarks of the shape \[1, 468, 3\], and is given \[1, 478, 3\]"),
        ({"landmarks": [478, 3]}, "takes landmarks of the shape"),
        ({"source_vector": [1, 20]}, r"takes source_vector of the shape \[1, 20\], and is given \[1, 25\]"),
    ],
)
def test_encoder_that_asks_for_something_else(tmp_path, photo, face, asks, words):
    generator = Generator(read_pack(build_probe(tmp_path / "asks", asks=asks)), "cpu")
    for ask in (generator.load, lambda: generator.encode(photo, face)):
        with pytest.raises(PackError, match=words):
            ask()


def test_encoder_that_claims_no_vector(tmp_path, photo, face):
    made = build_probe(tmp_path / "claims", source=np.full(len(NAMES), np.nan))
    with pytest.raises(PackError, match="source_attributes must be one vector"):
        Generator(read_pack(made), "cpu").encode(photo, face)


def test_expression_between_vector_and_animator(tmp_path, photo, face):
    """A pack may tell the animator otherwise than by a vector, which a picture can do as well."""
    made = build_probe(tmp_path / "told", names=NAMES[::-1], expressed=True)
    generator = Generator(read_pack(made), "cpu")
    generator.load()
    source = generator.encode(photo, face)
    assert set(source.state) == {"face"}
    targets = vectors(5)
    for image, wanted in zip(generator.animate(source, targets).image, targets, strict=True):
        np.testing.assert_allclose(read_crop(image, source.crop), wanted, atol=PRECISION)

    other = read_photo(PORTRAIT.with_name("raphael.jpg"))
    driver = FaceReader().face(other)
    frames = generator.drive(source, other.pixels, driver.landmarks)
    assert frames.image.shape == (1, SIDE, SIDE, 3) and frames.alpha.shape == (1, SIDE, SIDE)
    crop = face_crop(driver.landmarks, SIDE)
    seen = cut(other.pixels, crop).mean() / 127.5 - 1  # what the probe's driver tells: its picture's mean, everywhere
    np.testing.assert_allclose(read_crop(frames.image[0], source.crop)[AT_UNITS], seen, atol=0.02)


def test_pack_that_no_picture_drives(probe, source, photo, face):
    with pytest.raises(PackError, match=r"probe has no driver.onnx: vectors drive it"):
        probe.drive(source, photo.pixels, face.landmarks)


@pytest.mark.parametrize("size", [62, 66, 65, 0, -2, 100_000])
def test_sizes_outside_the_packs(probe, photo, face, size):
    with pytest.raises(PackError, match=f"64 only: {size} pixels"):
        probe.encode(photo, face, size)


def test_failing_graph(tmp_path, photo, face):
    generator = Generator(read_pack(build_probe(tmp_path / "fails", fails_above=0.5)), "cpu")
    source = generator.encode(photo, face)
    target = np.zeros(len(NAMES), np.float32)
    assert generator.crop_frame(source, target).shape == (SIDE, SIDE, 3)
    target[INDEX["AU26"]] = 0.6
    with pytest.raises(GenerateError) as caught:
        generator.frame(source, target)
    assert "fails failed while generating" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(GenerateError, match="finite"):
        generator.animate(source, np.full((1, len(NAMES)), np.nan))


def test_threads_share_a_generator(probe, photo, face, source):
    """Blender calls from the main thread, render jobs and the preview: each gets its own vector's picture."""
    targets = vectors(40, seed=3)
    wrong = []

    def work(part):
        for target in part:
            if np.abs(read_crop(probe.crop_frame(source, target), source.crop) - target).max() > PRECISION:
                wrong.append(target)

    threads = [threading.Thread(target=work, args=(targets[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_devices(probe):
    assert probe.device == "CPU" and probe.device_reason == "as asked"
    with pytest.raises(ZygomaError, match="no device abacus"):
        Generator(probe.pack, "abacus")
    try:
        generator = Generator(probe.pack, "cuda")
    except ZygomaError as problem:
        assert "CUDA cannot be used: " in str(problem)
        chosen = Generator(probe.pack, "auto")
        assert chosen.device == "CPU" and chosen.device_reason in str(problem)
    else:
        assert generator.device == "CUDA" and "CUDAExecutionProvider" in generator._animator.get_providers()


def test_on_the_gpu_as_on_the_cpu(probe, photo, face, source):
    try:
        gpu = Generator(probe.pack, "cuda")
    except ZygomaError as problem:
        pytest.skip(str(problem))
    targets = vectors(40)
    ours = gpu.animate(gpu.encode(photo, face), targets)
    assert (ours.image == probe.animate(source, targets).image).all()


def test_zygoma_base_moves_what_it_is_asked_to(photo, face):
    """The shipped generator, end to end: at rest the photo, no pop at zero, an opened mouth changes the mouth."""
    generator = Generator(find_pack("zygoma-base"), "cpu")
    source = generator.encode(photo, face, 256)
    assert source.crop.size == 256 and source.vector.shape == (len(NAMES),)
    assert (generator.frame(source, source.vector) == photo.pixels).all()
    nudged = source.vector.copy()
    nudged[INDEX["AU26"]] += 0.001
    error = (generator.frame(source, nudged).astype(float) - photo.pixels)[crop_window(source)]
    assert 10 * np.log10(255**2 / max(np.mean(error**2), 1e-9)) > 50
    opened = source.vector.copy()
    opened[[INDEX["AU25"], INDEX["AU26"]]] = 1
    moved = cv2.absdiff(generator.frame(source, opened), photo.pixels).max(2)
    mouth, brow = face.landmarks[17, :2].astype(int), face.landmarks[9, :2].astype(int)
    around = 20
    changed = [moved[y - around : y + around, x - around : x + around].mean() for x, y in (mouth, brow)]
    assert changed[0] > 10 and changed[1] < changed[0] / 4


def crop_window(source):
    corners = np.array([[0, 0], [source.crop.size, source.crop.size]]) @ source.crop.to_photo[:, :2].T
    (x0, y0), (x1, y1) = np.maximum(corners + source.crop.to_photo[:, 2], 0).astype(int)
    return np.s_[y0:y1, x0:x1]


@pytest.mark.parametrize("name", ["ganimation", "icface", "eggan", "aipgan"])
def test_learnt_packs_work_at_the_photos_own_side(name, photo, face):
    """They see 128 pixels and move the photo's own: a small smile is as sharp as it, and the same at any side."""
    generator = Generator(find_pack(name), "cpu")
    source = generator.encode(photo, face)
    assert source.crop.size > 300
    target = source.vector.copy()
    target[INDEX["AU12"]] += 0.4
    frames = generator.animate(source, target[None])
    assert frames.image.shape[1:3] == (source.crop.size,) * 2
    inside = cv2.erode(frames.alpha[0], np.ones((15, 15))) == 255
    assert inside.mean() > 0.05

    def sharpness(picture):
        return np.sqrt(np.mean(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)[inside] ** 2))

    kept = sharpness(frames.image[0]) / sharpness(cut(photo.pixels, source.crop))
    assert 0.45 < kept < 1.2

    small = generator.encode(photo, face, size=128)
    frame = generator.animate(small, target[None]).image[0]
    shrunk = cv2.resize(frames.image[0], (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - frame).mean() < 3
