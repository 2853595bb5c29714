"""Encoded sources and loaded generators, each made once a session, for the render, the preview and Render Clip alike.

Any thread may call in: what is there already is handed out at once; loading and encoding happen one at a time.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .core.errors import PhotoError
from .core.faces import Face, FaceReader, Photo, read_photo
from .core.pack import Pack, find_pack
from .core.render import VERSION
from .core.session import Generator, Source
from .preferences import settings

if TYPE_CHECKING:
    from .rig import RigData

SOURCE_BYTES = 3 << 30  # encoded states kept; the least recently used go first, the newest always stays
FRAME_BYTES = 256 << 20  # finished pictures kept

_lookup = threading.Lock()  # held for look-ups in what follows
_making = threading.Lock()  # held while a generator is loaded or a photo encoded
_packs: dict[str, Pack] = {}
_generators: dict[str, Generator] = {}
_sources: OrderedDict[tuple, Source] = OrderedDict()
_frames: OrderedDict[tuple, np.ndarray] = OrderedDict()
_verified: dict[Path, tuple[int, int, str]] = {}  # photo -> time of change, size, SHA-256
_readers: list[FaceReader] = []


def key(data: RigData) -> tuple:
    """What tells encoded sources apart: the photo's contents, the face in it, the pack, the crop, the vector."""
    return _key(data.photo_sha256, data.box, data.pack_id, data.size, data.source_vector)


def _key(photo_sha256: str, box, pack_id: str, size: int | None, vector: np.ndarray) -> tuple:
    edges = tuple(round(float(edge), 3) for edge in box)
    return photo_sha256, edges, pack_id, size or 0, np.asarray(vector, np.float32).tobytes()


def pack(pack_id: str) -> Pack:
    """What a pack says of itself, read once, so that a panel may ask at every redraw. Raises PackError."""
    with _lookup:
        known = _packs.get(pack_id)
    if known is None:
        known = find_pack(pack_id, settings().pack_folders)
        with _lookup:
            _packs[pack_id] = known
    return known


def generator(pack_id: str) -> Generator:
    """The pack's generator, loaded at its first use. Raises PackError."""
    with _lookup:
        ready = _generators.get(pack_id)
    if ready is not None:
        return ready
    with _making:
        return _load(pack_id)


def source(data: RigData) -> tuple[Generator, Source]:
    """The rig's photo, encoded. Raises PhotoError for a photo that is gone or has changed, FaceError, PackError."""
    _verify(Path(data.photo_path), data.photo_sha256)
    asked = key(data)
    with _lookup:
        ready = _sources.get(asked)
        if ready is not None:
            _sources.move_to_end(asked)
    if ready is not None:
        return generator(data.pack_id), ready
    with _making:
        with _lookup:
            ready = _sources.get(asked)
        session = _load(data.pack_id)
        if ready is None:
            ready = _encode(session, data)
            with _lookup:
                _keep(_sources, asked, ready, SOURCE_BYTES, _state_bytes)
        return session, ready


def crop_angle(data: RigData) -> float:
    """Radians by which the rig's crop is turned against its photo; 0 until the photo is encoded."""
    with _lookup:
        ready = _sources.get(key(data))
    return ready.crop.angle if ready else 0.0


def encode(photo: Photo, face: Face, pack_id: str, size: int | None = None, source_vector=None) -> Source:
    """A face on its way to becoming a rig. Raises ZygomaError.

    Kept where the vector is given: `source` asks with a vector always, and what a free fit settled on need not be the
    state that the same vector gives when it is prescribed, as it will be when the file is opened again.
    """
    session = generator(pack_id)
    with _making:
        encoded = session.encode(photo, face, size, source_vector=source_vector)
        if source_vector is not None:
            with _lookup:
                asked = _key(photo.sha256, face.box, pack_id, size, encoded.vector)
                _keep(_sources, asked, encoded, SOURCE_BYTES, _state_bytes)
    return encoded


def frame(data: RigData, target: np.ndarray) -> np.ndarray:
    """uint8 [H,W,3]: the rig's photo under the vector float32 [A]; read-only, since others may be shown the same one.

    Raises ZygomaError with the reason why there is no picture.
    """
    session, encoded = source(data)
    asked = (*key(data), np.asarray(target, np.float32).tobytes())
    with _lookup:
        ready = _frames.get(asked)
        if ready is not None:
            _frames.move_to_end(asked)
    if ready is None:
        ready = session.frame(encoded, target).view()
        ready.flags.writeable = False
        with _lookup:
            _keep(_frames, asked, ready, FRAME_BYTES, lambda pixels: pixels.nbytes)
    return ready


def texts(session: Generator) -> dict[str, str]:
    """What is written into each file of generated pixels, so that nobody takes it for a photograph."""
    return {
        "Software": f"Zygoma {VERSION}",
        "Description": f"Synthetic face animation, pack {session.pack.id} {session.pack.version}",
    }


def device() -> tuple[str, str] | None:
    """Where generators run and why, as soon as one is loaded."""
    with _lookup:
        session = next(iter(_generators.values()), None)
    return (session.device, session.device_reason) if session else None


def clear() -> None:
    """Forgets everything: the next picture reads its pack and photo anew."""
    with _making, _lookup:
        for kept in (_packs, _generators, _sources, _frames, _verified, _readers):
            kept.clear()


def _load(pack_id: str) -> Generator:
    with _lookup:
        ready = _generators.get(pack_id)
    if ready is None:
        chosen = settings()
        ready = Generator(find_pack(pack_id, chosen.pack_folders), chosen.device, chosen.threads)
        with _lookup:
            _generators[pack_id] = ready
    return ready


def _encode(session: Generator, data: RigData) -> Source:
    return session.encode(*_photo_and_face(data), data.size, source_vector=data.source_vector)


def photo_and_face(data: RigData) -> tuple[Photo, Face]:
    """What the rig was made from, read anew. Raises PhotoError, FaceError."""
    with _making:
        return _photo_and_face(data)


def _photo_and_face(data: RigData) -> tuple[Photo, Face]:
    photo = read_photo(data.photo_path)
    if photo.sha256 != data.photo_sha256:
        raise _changed(Path(data.photo_path))
    if not _readers:
        _readers.append(FaceReader())
    return photo, _readers[0].face(photo, box=data.box)


def _verify(path: Path, sha256: str) -> None:
    """The photo is still the one that the rig was made from; hashed again only when its time or size changed."""
    try:
        now = path.stat()
    except OSError as problem:
        raise PhotoError(
            f"{path}: the rig's photo is not there ({problem.strerror}); put it back, or choose it by Find Photo."
        ) from problem
    stamp = (now.st_mtime_ns, now.st_size)
    with _lookup:
        known = _verified.get(path)
    if known is None or known[:2] != stamp:
        try:
            known = (*stamp, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as problem:
            raise PhotoError(f"{path}: the rig's photo cannot be read ({problem.strerror}).") from problem
        with _lookup:
            _verified[path] = known
    if known[2] != sha256:
        raise _changed(path)


def holds(path: Path, sha256: str) -> bool:
    """Whether the file is there and is the photo of this SHA-256."""
    try:
        _verify(path, sha256)
    except PhotoError:
        return False
    return True


def _changed(path: Path) -> PhotoError:
    return PhotoError(
        f"{path}: the photo has changed since the rig was made from it; put the old one back, or make a new rig."
    )


def _state_bytes(encoded: Source) -> int:
    return encoded.photo.pixels.nbytes + sum(np.asarray(tensor).nbytes for tensor in encoded.state.values())


def _keep(kept: OrderedDict, asked: tuple, made, limit: int, size) -> None:
    kept[asked] = made
    total = sum(size(value) for value in kept.values())
    while total > limit and len(kept) > 1:
        total -= size(kept.popitem(last=False)[1])
