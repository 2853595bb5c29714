"""The one decoder of photographs, for Blender and the command line alike: upright 8-bit sRGB, alpha kept apart."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import PhotoError

SMALLEST, LARGEST = 64, 10_000  # pixels a side
LARGEST_AREA = 100_000_000  # pixels
WISHED = 128  # pixels; below it a face is read with doubt
LARGEST_FILE = 1 << 30  # bytes
KINDS = {"L": "greyscale", "1": "black and white", "P": "a palette"}
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")


@dataclass(frozen=True)
class Photo:
    """pixels uint8 [H,W,3] RGB sRGB, row 0 at the top; alpha uint8 [H,W] where the file has one; sha256 of the file;
    notes: what was converted on the way, in words; profile: the ICC profile of a photo that is not sRGB, for the files
    that its pixels are written to."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    path: Path
    sha256: str
    notes: tuple[str, ...]
    profile: bytes | None = None


def read_photo(path) -> Photo:
    """Reads any picture that Pillow knows. Raises PhotoError: missing, no image, cut short, too small, too large."""
    path = Path(path)
    data = _read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are checked below
            image = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, OSError, SyntaxError) as problem:
        if isinstance(problem, Image.DecompressionBombError):
            raise _too_large(path, "more than 178 megapixels") from problem
        raise PhotoError(
            f"{path}: not an image that can be read; use a JPEG, PNG, TIFF or WebP photograph."
        ) from problem
    width, height = image.size
    if min(width, height) < SMALLEST:
        raise PhotoError(
            f"{path}: {width} x {height} pixels are too few for a face; use a photo of at least {WISHED} pixels a side."
        )
    if max(width, height) > LARGEST or width * height > LARGEST_AREA:
        raise _too_large(path, f"{width} x {height} pixels")
    is_deep = ";16" in str(image.tile)  # 16 bits a channel in colour: Pillow keeps the upper eight
    try:
        image.load()
        return _photo(image, path, hashlib.sha256(data).hexdigest(), is_deep)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as problem:
        raise PhotoError(
            f"{path}: the image is damaged or cut short ({problem}); get an intact copy of the file."
        ) from problem


def _too_large(path: Path, what: str) -> PhotoError:
    return PhotoError(
        f"{path}: too large ({what}); scale the photo down to at most {LARGEST} pixels a side and "
        f"{LARGEST_AREA // 1_000_000} megapixels."
    )


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PhotoError(f"{path}: a file of more than 1 GB is no photograph; choose an image file.")
        return path.read_bytes()
    except FileNotFoundError as problem:
        raise PhotoError(f"{path}: there is no such file; check the photo's path.") from problem
    except IsADirectoryError as problem:
        raise PhotoError(f"{path}: this is a folder; choose an image file.") from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise PhotoError(
            f"{path}: the photo cannot be read ({reason}); check the file and its permissions."
        ) from problem


def _photo(image: Image.Image, path: Path, sha256: str, is_deep: bool) -> Photo:
    notes = []
    if is_deep:
        notes.append("converted from 16 bits a channel")
    if min(image.size) < WISHED:
        notes.append(f"only {image.width} x {image.height} pixels: below {WISHED} a side the face is read with doubt")
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"the first of {image.n_frames} frames")  # type: ignore[attr-defined]
    profile = image.info.get("icc_profile")
    if image.getexif().get(0x0112, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright as its EXIF orientation says")
    if image.mode in DEEP or image.mode == "F":
        image = _eight_bits(image, notes)
    alpha = None
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("RGB")
        if (alpha == 255).all():
            alpha = None
        else:
            notes.append("its transparency is kept apart")
    profile = _profile_left(image, profile, notes)
    if image.mode == "CMYK":
        image = _from_cmyk(image, image.info.get("icc_profile"), notes)
    elif image.mode != "RGB":
        notes.append(f"converted from {KINDS.get(image.mode, image.mode)}")
        image = image.convert("RGB")
    return Photo(np.array(image), alpha, path, sha256, tuple(notes), profile)


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """16-bit and float greyscale to 8 bits. Pillow itself clips these instead of scaling."""
    values = np.asarray(image, np.float64)
    if image.mode == "F":
        full = 1.0 if values.max() <= 1.0 else 255.0
        notes.append("converted from floating point")
    else:
        full = 65535.0
    return Image.fromarray(np.clip(values / full * 255 + 0.5, 0, 255).astype(np.uint8))


def _from_cmyk(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """CMYK to sRGB, by the file's own profile where it has one that works."""
    notes.append("converted from CMYK")
    try:
        if profile:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), intent, "RGB")
            return converted or image.convert("RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its CMYK profile cannot be used: colours are rough")
    return image.convert("RGB")


def _profile_left(image: Image.Image, profile: bytes | None, notes: list[str]) -> bytes | None:
    """The profile of an RGB picture in another colour space than sRGB. Its numbers stay as they are, like everywhere in
    Blender, so that what is not animated stays bit for bit; whoever writes frames gives them the same profile."""
    if not profile or image.mode != "RGB":
        return None
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if "srgb" in name.lower():
        return None
    notes.append(f"its colours are {name or 'not sRGB'}: left as they are")
    return profile
