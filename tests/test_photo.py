"""The one decoder: what is converted comes out right, what cannot be used is refused in one sentence."""

import hashlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from addon.core.errors import PhotoError
from addon.core.faces import read_photo


@pytest.fixture
def picture():
    """uint8 [160,200,3], smooth, every channel different, nothing symmetric."""
    y, x = np.mgrid[:160, :200]
    return np.stack([40 + y, x, 255 - (x + y) // 2], axis=-1).astype(np.uint8)


def test_a_png_comes_back_bit_for_bit_with_the_files_own_hash(tmp_path, picture):
    path = tmp_path / "plain.png"
    Image.fromarray(picture).save(path)
    photo = read_photo(path)
    assert photo.pixels.dtype == np.uint8 and np.array_equal(photo.pixels, picture)
    assert photo.alpha is None and photo.notes == () and photo.profile is None
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_photo(str(path)).path == path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, picture, orientation):
    stored = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, 1),
        7: np.rot90(picture, 2).transpose(1, 0, 2),
        8: np.rot90(picture, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, picture)
    assert any("EXIF" in note for note in photo.notes) == (orientation != 1)


def test_greyscale_palette_and_black_and_white_become_rgb(tmp_path, picture):
    grey = picture[..., 0]
    for mode, make in {
        "L": Image.fromarray(grey),
        "P": Image.fromarray(grey).convert("P"),
        "1": Image.fromarray((grey > 128).astype(np.uint8) * 255).convert("1"),
    }.items():
        path = tmp_path / f"{mode}.png"
        make.save(path)
        photo = read_photo(path)
        wanted = (grey > 128) * 255 if mode == "1" else grey
        assert np.array_equal(photo.pixels, np.repeat(wanted[..., None], 3, axis=2).astype(np.uint8)), mode
        assert any("converted from" in note for note in photo.notes), mode


def test_sixteen_bits_are_scaled_not_clipped(tmp_path, picture):
    deep = picture[..., 0].astype(np.uint16) * 257
    for suffix in ("png", "tif"):
        path = tmp_path / f"grey16.{suffix}"
        cv2.imwrite(str(path), deep)
        photo = read_photo(path)
        assert np.array_equal(photo.pixels[..., 1], picture[..., 0]), suffix
        assert any("16 bits" in note for note in photo.notes)
    for suffix in ("png", "tif"):
        path = tmp_path / f"colour16.{suffix}"
        cv2.imwrite(str(path), picture[..., ::-1].astype(np.uint16) * 257)
        photo = read_photo(path)
        assert np.abs(photo.pixels.astype(int) - picture).max() <= 1, suffix
        assert any("16 bits" in note for note in photo.notes), suffix


def test_alpha_is_kept_apart_and_colours_stay(tmp_path, picture):
    alpha = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (160, 1))
    path = tmp_path / "cut out.png"
    Image.fromarray(np.dstack([picture, alpha])).save(path)
    photo = read_photo(path)
    assert np.array_equal(photo.pixels, picture) and np.array_equal(photo.alpha, alpha)
    opaque = tmp_path / "opaque.png"
    Image.fromarray(np.dstack([picture, np.full_like(alpha, 255)])).save(opaque)
    assert read_photo(opaque).alpha is None


def test_cmyk_is_converted(tmp_path, picture):
    path = tmp_path / "print.tif"
    Image.fromarray(picture).convert("CMYK").save(path)
    photo = read_photo(path)
    assert np.abs(photo.pixels.astype(int) - picture).max() <= 1
    assert any("CMYK" in note for note in photo.notes)


def test_another_profile_is_said_and_handed_on(tmp_path, picture):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    path = tmp_path / "lab.jpg"
    Image.fromarray(picture).save(path, icc_profile=profile.tobytes(), quality=98)
    photo = read_photo(path)
    assert photo.profile == profile.tobytes() and any("left as they are" in note for note in photo.notes)
    srgb = tmp_path / "srgb.png"
    Image.fromarray(picture).save(srgb, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert read_photo(srgb).profile is None


def test_a_small_photo_is_read_with_a_note(tmp_path, picture):
    path = tmp_path / "small.png"
    Image.fromarray(picture[:100, :100]).save(path)
    assert any("100 x 100" in note for note in read_photo(path).notes)


def png_header(width, height):
    """A PNG that claims a size and holds no pixels: only a reader that looks before it decodes refuses it by size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("missing.jpg", None, "no such file"),
        ("text.jpg", lambda p: p.write_text("frame,timestamp,AU01_r\n1,0.0,1.2\n"), "not an image"),
        ("empty.png", lambda p: p.write_bytes(b""), "not an image"),
        ("folder.png", lambda p: p.mkdir(), "folder"),
        ("40.png", lambda p: Image.new("RGB", (40, 40)).save(p), "40 x 40"),
        ("strip.png", lambda p: Image.new("RGB", (4000, 20)).save(p), "4000 x 20"),
        ("wide.png", lambda p: p.write_bytes(png_header(20_000, 300)), "20000 x 300"),
        ("bomb.png", lambda p: p.write_bytes(png_header(20_000, 20_000)), "too large"),
        ("area.png", lambda p: p.write_bytes(png_header(9_999, 10_001)), "too large"),
    ],
)
def test_unusable_files_are_refused_in_one_sentence(tmp_path, name, make, says):
    path = tmp_path / name
    if make:
        make(path)
    with pytest.raises(PhotoError) as refused:
        read_photo(path)
    message = str(refused.value)
    assert says in message and str(path) in message and "\n" not in message and ";" in message


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(PhotoError, match=r"damaged|not an image"):
        read_photo(path)
