"""What a file is, as Zygoma sees it: a table, a photo or a pack, in lines for a person and, where asked, a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import pack_page
from .attributes import IS_ANGLE, NAMES, named
from .errors import FaceError, OutputError, PackError, PhotoError, TableError, ZygomaError
from .frames import SUFFIXES, write_image
from .pack import Pack, find_pack, read_pack
from .tables import describe, read_table, to_track

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".gif")
SHOWN = 0.03  # smaller values of a source vector are not listed


def inspect(
    path: Path,
    *,
    picture: Path | None = None,
    pack: str = "zygoma-base",
    face: int | None = None,
    rate: float | None = None,
) -> list[str]:
    """Lines about a file (a pack may also be its folder or id). picture: where to draw it; pack: whose fit a photo's
    source vector is; face, rate: of a table. Raises ZygomaError where it is none of these or damaged."""
    path = Path(path)
    if picture is not None:
        _check_picture(Path(picture), path)
    if path.name == "pack.toml" or (path / "pack.toml").is_file():
        return _no_picture(_pack(read_pack(path if path.is_dir() else path.parent)), picture)
    if not path.exists():
        if path.parent == Path() and not path.suffix:
            return _no_picture(_pack(find_pack(str(path))), picture)
        raise ZygomaError(f"{path}: there is no such file.")
    if path.is_dir():
        raise ZygomaError(f"{path}: this folder holds no pack.toml; choose a table, a photo or a pack.")
    if path.suffix.lower() in PICTURES or _looks_like_picture(path):
        return _photo(path, pack, picture)
    return _table(path, picture, face, rate)


def _check_picture(picture: Path, path: Path) -> None:
    """Before anything is read. Raises OutputError."""
    if picture.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{picture}: a picture cannot be written under this name; end it in .png.")
    if picture.resolve() == path.resolve():
        raise OutputError(f"{picture}: this is the file to be inspected; choose another name for the picture.")


def _no_picture(lines: list[str], picture: Path | None) -> list[str]:
    return lines if picture is None else [*lines, "There is no picture of a pack."]


def _looks_like_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as problem:
        raise ZygomaError(f"{path}: cannot be read ({problem.strerror}).") from problem
    signatures = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM")
    return start.startswith(signatures) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def _table(path: Path, picture: Path | None, face: int | None, rate: float | None) -> list[str]:
    table = read_table(path, face=face, rate=rate, need_clock=False)
    lines = describe(table)
    if picture is not None:
        if table.times is None:
            raise TableError(f"{path}: without a clock there are no curves to draw; say a rate (--rate).")
        from .chart import curves

        _save(
            curves(to_track(table), f"{path.name}: property = intensity / 5" + ("" if table.own else " x gain")),
            picture,
        )
        lines.append(f"Picture: {picture}")
    return lines


def _pack(pack: Pack) -> list[str]:
    """Reading it has checked files and hashes; loading its graphs checks the rest."""
    from .session import Generator

    lines = [f"{heading}: {text}" for heading, text in pack_page.summary(pack)]
    lines.append(f"Folder: {pack.folder}")
    lines.append(f"Vector: {len(pack.attributes)} attributes")
    lines += [f"  {name}: {text}" for name, text in pack_page.ranges(pack)]
    for name, sha in pack.files.items():
        lines.append(f"File: {name}, {(pack.folder / name).stat().st_size / 1e6:.2f} MB, SHA-256 {sha[:16]}..., right")
    lines += [f"Figure: {name} = {text}" for name, text in pack_page.figures(pack)]
    generator = Generator(pack)
    generator.load()
    lines.append("Graphs: load, and take and give what they must")
    lines.append(f"Device: {generator.device} ({generator.device_reason})")
    return lines


def _photo(path: Path, pack_id: str, picture: Path | None) -> list[str]:
    from .faces import FaceReader, face_crop, read_photo
    from .session import Generator

    photo = read_photo(path)
    height, width = photo.pixels.shape[:2]
    lines = [f"Photo: {width} x {height} px", *(f"Note: {note}" for note in photo.notes)]
    reader = FaceReader()
    faces = reader.faces(photo.pixels)
    if not faces:
        reader.face(photo)  # raises with the reason
    lines.append(f"Faces: {len(faces)}")
    crops = []
    pack, generator = None, None
    try:
        pack = find_pack(pack_id)
        generator = Generator(pack)
    except PackError as problem:
        lines.append(f"Note: no source vectors: {problem}")
    for number, face in enumerate(faces, 1):
        x0, y0, x1, y1 = face.box
        lines.append(
            f"Face {number}: box {x0:.0f}, {y0:.0f} to {x1:.0f}, {y1:.0f}; {face.eye_distance:.0f} px from eye to eye; "
            f"spread of the fit {face.spread:.1f} % of that"
        )
        if face.warning:
            lines.append(f"  Note: {face.warning}")
        crop = face_crop(face.landmarks)
        if generator is not None:
            try:
                source = generator.encode(photo, face)
            except (FaceError, PhotoError, ZygomaError) as problem:
                lines.append(f"  Note: {problem}")
            else:
                crop = source.crop
                lines.append(f"  Source vector ({generator.pack.id}): {_vector(source.vector)}")
                lines += [f"  Note: {note}" for note in source.notes]
        lines.append(f"  Crop: {crop.size} px, {crop.scale:.2f} of the photo's scale")
        crops.append(crop)
    if picture is not None:
        from .chart import faces_on

        _save(faces_on(photo.pixels, faces, crops), picture)
        lines.append(f"Picture: {picture}")
    return lines


def _vector(vector: np.ndarray) -> str:
    parts = []
    for name, value, angle in zip(NAMES, named(vector).values(), IS_ANGLE, strict=True):
        if angle:
            parts.append(f"{name} {np.degrees(value):+.0f} deg")
        elif abs(value) >= SHOWN:
            parts.append(f"{name} {value:.2f}")
    return ", ".join(parts)


def _save(image, path: Path) -> None:
    write_image(Path(path), np.asarray(image), texts={"Software": "Zygoma"})
