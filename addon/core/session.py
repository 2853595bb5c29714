"""Generator: one pack on one device. A photo is encoded once, then vectors become frames."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import onnxruntime as ort

from .attributes import AT_POSE, INDEX, NAMES, reorder
from .errors import FaceError, PackError, ZygomaError
from .faces import Crop, Face, FaceReader, Paster, Photo, cut, face_crop, unit_readings
from .faces.pose import angles, rotation
from .pack import ANIMATOR, BASIS, DRIVER, ENCODER, EXPRESS, MESH, Pack

if TYPE_CHECKING:
    from .ahead import Ahead
    from .mesh import HeadBasis

OUTPUTS = ("image", "alpha", "synthetic")
CLAIMED = "source_attributes"  # the encoder's output that tells the source vector
FACE_POINTS = 478
FLOAT = "tensor(float)"  # what all tensors but the outputs are
MOST_THREADS = 4
BATCH_PIXELS = 4 * 1024 * 1024  # of crops that CUDA generates in one run; a CPU is faster one by one
MOST_BATCH = 32


class GenerateError(ZygomaError):
    """A pack whose graph failed while it ran."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Generated crops. image uint8 [B,S,S,3] RGB; alpha uint8 [B,S,S]: how much of it replaces the photo; synthetic
    uint8 [B,S,S]: how far a pixel is not the photo's own."""

    image: np.ndarray
    alpha: np.ndarray
    synthetic: np.ndarray


@dataclass(frozen=True, eq=False)
class Source:
    """An encoded photo. state: the animator's inputs by name; vector float32 [A]: the photo's own expression, pose and
    gaze, in the order of NAMES; notes: what to tell the user about it."""

    photo: Photo
    face: Face
    crop: Crop
    state: dict[str, np.ndarray]
    vector: np.ndarray
    notes: tuple[str, ...]


class Generator:
    """One pack on one device; its calls may come from several threads."""

    def __init__(self, pack: Pack, device: str = "auto", threads: int | None = None):
        """device: 'auto', 'CPU' or 'CUDA'; threads: of one run on the CPU. Raises PackError where a graph cannot be
        loaded or does not fit, ZygomaError where CUDA is asked for and cannot be had."""
        self.pack = pack
        self.threads = threads or max(1, min((os.cpu_count() or 1) // 2, MOST_THREADS))  # two runs go side by side
        self._lock = threading.Lock()
        self._on_device: WeakKeyDictionary[Source, dict[str, ort.OrtValue]] = WeakKeyDictionary()
        self._pasters: WeakKeyDictionary[Source, Paster] = WeakKeyDictionary()
        self._ahead: WeakKeyDictionary[Source, tuple[Ahead, Source] | None] = WeakKeyDictionary()
        self._ahead_lock = threading.Lock()
        self._reader: FaceReader | None = None
        self._late: dict[str, Any] = {}  # what is loaded when it is first needed, by file
        self._animator, self.device, self.device_reason = self._load_animator(device)
        self._express = self._session(EXPRESS, ["CPUExecutionProvider"]) if EXPRESS in pack.files else None
        self._check_animator()

    # Encoding

    def encode(
        self,
        photo: Photo,
        face: Face,
        size: int | None = None,
        source_vector: np.ndarray | None = None,
    ) -> Source:
        """Everything about a photo that no frame changes.

        size: the crop's side in pixels; None is what the face has in the photo, within the pack's sizes. source_vector
        float32 [A]: the user's own idea of the photo's expression, pose and gaze, taken as it is. Raises ZygomaError.
        """
        if not np.isfinite(face.landmarks).all() or face.eye_distance < 1:
            raise FaceError(f"{photo.path}: these landmarks form no face; choose another face or photo.")
        crop = face_crop(face.landmarks, self._size(size), self.pack.crop_side, self.pack.crop_shift, self.pack.sizes)
        image = cut(photo.pixels, crop)
        if source_vector is not None:
            source_vector = np.asarray(source_vector, np.float32)
            if source_vector.shape != (len(NAMES),) or not np.isfinite(source_vector).all():
                raise ZygomaError(f"A source vector has {len(NAMES)} finite numbers.")
        if self.pack.system == MESH:
            state, vector, notes = self._encode_mesh(image, crop, face, source_vector)
        else:
            state, vector, notes = self._encode_graph(image, crop, face, source_vector)
        needed = {i.name for i in self._animator.get_inputs()} - set(self._told)
        if missing := sorted(needed - set(state)):
            raise PackError(f"{self.pack.folder}: the encoder does not make {missing[0]}, which the animator needs.")
        state = {name: np.ascontiguousarray(state[name], np.float32) for name in needed}
        return Source(photo, face, crop, state, np.asarray(vector, np.float32), tuple(notes))

    def _size(self, size: int | None) -> int | None:
        low, high = self.pack.sizes
        if size is None:
            return None if low < high else low
        if not low <= size <= high or size % 2:
            allowed = f"{low} only" if low == high else f"even sides from {low} to {high}"
            raise PackError(f"The pack {self.pack.id} makes crops of {allowed}: {size} pixels cannot be had.")
        return size

    def load(self) -> None:
        """All that else waits until it is needed. Raises PackError where it cannot be loaded or does not fit."""
        if self.pack.system == MESH:
            self._basis()
        else:
            self._encoder()
        if DRIVER in self.pack.files:
            self.driver()

    def _encode_mesh(self, image, crop: Crop, face: Face, source_vector):
        from .mesh import encode

        landmarks = crop.to_crop(face.landmarks)
        encoding = encode(image, landmarks, face.blendshapes, self._basis(), source_vector, face.pose, crop.angle)
        return encoding.state, encoding.vector, encoding.notes

    def _encode_graph(self, image, crop: Crop, face: Face, source_vector):
        encoder = self._encoder()
        known = _readings(face) if source_vector is None else source_vector
        offered = {
            "image": _planes(image),  # [1,3,S,S]
            "landmarks": crop.to_crop(face.landmarks)[None].astype(np.float32),  # [1,478,3]
            "source_vector": self._for_graphs(known[None], crop),  # [1,A]
        }
        asked = {given.name: offered[given.name] for given in encoder.get_inputs()}
        outputs = [output.name for output in encoder.get_outputs()]
        with self._lock:
            state = dict(zip(outputs, self._run(encoder, outputs, asked), strict=True))
        claimed = state.pop(CLAIMED, None)
        if source_vector is not None:
            return state, source_vector, ()
        if claimed is None:
            return state, known, ("The source vector is the face reader's: this pack does not estimate it.",)
        if claimed.shape != (1, len(self.pack.attributes)) or not np.isfinite(claimed).all():
            raise PackError(f"{self.pack.folder}: the encoder's {CLAIMED} must be one vector of the pack's attributes.")
        by_name = dict(zip(self.pack.attributes, claimed[0], strict=True))
        vector = np.array([by_name.get(name, 0.0) for name in NAMES], np.float32)
        return state, turned(vector[None], -crop.angle)[0], ()

    def _for_graphs(self, vectors: np.ndarray, crop: Crop) -> np.ndarray:
        """Vectors float32 [B,A] of the photo, in the order of NAMES -> what the pack's graphs take: in its own order,
        the head's angles as the crop shows them (zygoma-base turns them itself)."""
        shown = vectors if self.pack.system == MESH else turned(vectors, crop.angle)
        return np.ascontiguousarray(reorder(shown, self.pack.attributes))

    # Animating

    def animate(self, source: Source, targets: np.ndarray) -> Frames:
        """targets float32 [B,A] in the order of NAMES. The first one that leads a turned sitter back to the camera
        takes seconds. Raises GenerateError where the graph fails."""
        targets = np.asarray(targets, np.float32)
        if not np.isfinite(targets).all():
            raise GenerateError("A vector with a number that is not finite cannot be animated.")
        vectors = self._for_graphs(targets, source.crop)
        if self.pack.system == MESH:
            from .ahead import shares

            share = shares(source.vector, targets, source.crop.angle)
            if share.any() and (second := self._looking_ahead(source)):
                return Frames(*self._joined(source, *second, targets, vectors, share))
        return Frames(*self._in_batches(source, vectors))

    def _in_batches(self, source: Source, vectors: np.ndarray) -> list[np.ndarray]:
        """OUTPUTS for vectors [B,A] in the pack's order."""
        batch = self.batch(source)
        parts = [self._animate(source, self._conditions(vectors[i : i + batch])) for i in range(0, len(vectors), batch)]
        return parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]

    def _looking_ahead(self, source: Source) -> tuple[Ahead, Source] | None:
        """A turned sitter's second state, made once, and a source that has it; None where there is none."""
        from .ahead import look_ahead

        with self._ahead_lock:
            if source not in self._ahead:
                if self._reader is None:
                    self._reader = FaceReader(threads=self.threads)
                ahead = look_ahead(
                    source.photo, source.face, source.crop, source.state, source.vector, self._basis(), self._reader,
                    lambda state, vectors: self._animate(replace(source, state=state), {"attributes": vectors}),
                )  # fmt: skip
                self._ahead[source] = ahead and (ahead, replace(source, state=ahead.state))
            return self._ahead[source]

    def _joined(
        self,
        source: Source,
        ahead: Ahead,
        second: Source,
        targets: np.ndarray,
        vectors: np.ndarray,
        share: np.ndarray,
    ) -> list[np.ndarray]:
        """OUTPUTS where the second state has a share [B] in the frames."""
        from .ahead import joined, way_of

        side = source.crop.size
        outputs = [np.empty((len(targets), side, side, *more), np.uint8) for more in ((3,), (), ())]
        own, other = np.flatnonzero(share < 1), np.flatnonzero(share > 0)
        for rows, one in ((own, source), (other, second)):
            made = self._in_batches(one, vectors[rows]) if len(rows) else []
            for row, *frame in zip(rows, *made, strict=True):
                if one is second:
                    before = [output[row] for output in outputs] if share[row] < 1 else None
                    frame = joined(before, frame, ahead, float(share[row]), float(way_of(source.vector, targets[row])))
                for output, part in zip(outputs, frame, strict=True):
                    output[row] = part
        return outputs

    def drive(self, source: Source, pixels: np.ndarray, landmarks: np.ndarray) -> Frames:
        """One frame: the source with the expression of somebody else's face, which no vector tells.

        pixels uint8 [H,W,3]: a picture of the other; landmarks float32 [478,3]: theirs in it. Raises PackError where no
        picture can drive the pack, GenerateError where a graph fails.
        """
        driver = self.driver()
        crop = face_crop(landmarks, source.crop.size, self.pack.crop_side, self.pack.crop_shift, self.pack.sizes)
        made = self._run(driver, self._told, {"image": _planes(cut(pixels, crop))})
        return Frames(*self._animate(source, dict(zip(self._told, made, strict=True))))

    def batch(self, source: Source) -> int:
        """How many vectors of this source go through the graph at once."""
        return int(np.clip(BATCH_PIXELS // source.crop.size**2, 1, MOST_BATCH)) if self.device == "CUDA" else 1

    def frame(self, source: Source, target: np.ndarray) -> np.ndarray:
        """uint8 [H,W,3]: the photo with the animated face, target float32 [A]. At rest, where the pack can rest, the
        photo's own pixels, bit for bit."""
        if self.is_rest(source, target):
            return source.photo.pixels.copy()
        frames = self.animate(source, np.asarray(target)[None])
        return self.paste(source, frames.image[0], frames.alpha[0])

    def crop_frame(self, source: Source, target: np.ndarray) -> np.ndarray:
        """uint8 [S,S,3]: the crop alone; at rest, where the pack can rest, what was cut from the photo."""
        if self.is_rest(source, target):
            return cut(source.photo.pixels, source.crop)
        return self.animate(source, np.asarray(target)[None]).image[0]

    def paste(self, source: Source, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """uint8 [H,W,3]: a generated crop in the photo."""
        with self._lock:
            paster = self._pasters.get(source)
            if paster is None:
                paster = self._pasters[source] = Paster(source.photo.pixels, source.crop)
        return paster(image, alpha)

    def is_rest(self, source: Source, target: np.ndarray) -> bool:
        """Whether this target is the photo itself, so that nothing needs to be generated."""
        return self.pack.at_rest == "photo" and np.array_equal(np.asarray(target, np.float32), source.vector)

    def _conditions(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """What asks the animator for vectors [B,A] in the pack's order: they themselves, or what `express` makes of
        them."""
        given = {"attributes": vectors}
        if self._express is None:
            return given
        return dict(zip(self._told, self._run(self._express, self._told, given), strict=True))

    def _animate(self, source: Source, asks: dict[str, np.ndarray]) -> list[np.ndarray]:
        if self.device == "CUDA":
            with self._lock:
                outputs = self._run_bound(source, asks)
        else:  # two frames at once, each on what cores it finds, are done sooner than one after the other
            outputs = self._run(self._animator, OUTPUTS, {**source.state, **asks})
        side, count = source.crop.size, len(next(iter(asks.values())))
        shapes = ((count, side, side, 3), (count, side, side), (count, side, side))
        for name, output, shape in zip(OUTPUTS, outputs, shapes, strict=True):
            if output.shape != shape:
                raise GenerateError(f"{self.pack.folder}: {name} has the shape {output.shape} instead of {shape}.")
        return outputs

    def _run(self, session: ort.InferenceSession, outputs: Sequence[str], inputs: dict) -> list[np.ndarray]:
        try:
            return session.run(list(outputs), inputs)
        except Exception as problem:  # ONNX Runtime's own exceptions share no base
            raise GenerateError(f"The pack {self.pack.id} failed while generating: {_first_line(problem)}") from problem

    def _run_bound(self, source: Source, asks: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The state stays on the GPU from frame to frame."""
        try:
            state = self._on_device.get(source)
            if state is None:
                state = {n: ort.OrtValue.ortvalue_from_numpy(v, "cuda", 0) for n, v in source.state.items()}
                self._on_device[source] = state
            binding = self._animator.io_binding()
            for name, value in state.items():
                binding.bind_ortvalue_input(name, value)
            for name, value in asks.items():
                binding.bind_cpu_input(name, value)
            for name in OUTPUTS:
                binding.bind_output(name)
            self._animator.run_with_iobinding(binding)
            return binding.copy_outputs_to_cpu()
        except Exception as problem:
            raise GenerateError(f"The pack {self.pack.id} failed while generating: {_first_line(problem)}") from problem

    # Loading

    def _encoder(self) -> ort.InferenceSession:
        return self._once(ENCODER, lambda: self._checked_graph(ENCODER, self._check_encoder))

    def driver(self) -> ort.InferenceSession:
        """What reads a picture's expression. Raises PackError where the pack has none, or one that does not fit."""
        if DRIVER not in self.pack.files:
            raise PackError(
                f"The pack {self.pack.id} has no {DRIVER}: vectors drive it, pictures cannot; choose a pack that has "
                "one, such as aipgan, or animate by a table."
            )
        return self._once(DRIVER, lambda: self._checked_graph(DRIVER, self._check_driver))

    def _basis(self) -> HeadBasis:
        from .mesh import load_basis

        return self._once(BASIS, lambda: load_basis(self.pack.path(BASIS)))

    def _once(self, file: str, load: Callable[[], Any]) -> Any:
        with self._lock:
            if file not in self._late:
                self._late[file] = load()
            return self._late[file]

    def _checked_graph(self, file: str, check: Callable[[ort.InferenceSession], None]) -> ort.InferenceSession:
        graph = self._session(file, ["CPUExecutionProvider"])
        check(graph)
        return graph

    def _load_animator(self, device: str) -> tuple[ort.InferenceSession, str, str]:
        """(session, 'CUDA' or 'CPU', why)."""
        wish = device.casefold()
        if wish not in ("auto", "cpu", "cuda"):
            raise ZygomaError(f"There is no device {device}: choose auto, CPU or CUDA.")
        reason = "as asked"
        if wish != "cpu":
            session, reason = self._cuda_session()
            if session is not None:
                return session, "CUDA", "as asked" if wish == "cuda" else "a CUDA GPU was found"
            if wish == "cuda":
                raise ZygomaError(f"CUDA cannot be used: {reason}; choose auto or CPU.")
        return self._session(ANIMATOR, ["CPUExecutionProvider"]), "CPU", reason

    def _cuda_session(self) -> tuple[ort.InferenceSession | None, str]:
        if "CUDAExecutionProvider" not in ort.get_available_providers():
            return None, "this ONNX Runtime is built without CUDA"
        if not _has_nvidia_driver():
            return None, "no NVIDIA driver was found"
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        session = self._session(ANIMATOR, ["CUDAExecutionProvider", "CPUExecutionProvider"])
        if "CUDAExecutionProvider" not in session.get_providers():  # it falls back without a word
            return None, "the CUDA or cuDNN libraries could not be loaded"
        return session, ""

    def _session(self, name: str, providers: list[str]) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 4  # failures arrive as exceptions
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would burn the cores
        try:
            return ort.InferenceSession(self.pack.read(name), options, providers=providers)
        except PackError:
            raise
        except Exception as problem:
            raise PackError(
                f"{self.pack.folder / name}: ONNX Runtime {ort.__version__} cannot load it: {_first_line(problem)}"
            ) from problem

    def _check_animator(self) -> None:
        """The graphs' own names and types, and their own idea of the vector, against pack.toml."""
        file, graph = (ANIMATOR, self._animator) if self._express is None else (EXPRESS, self._express)
        where = self.pack.folder / file
        takes = {given.name: given for given in graph.get_inputs()}
        _check_names(self.pack, file, takes.values(), dict.fromkeys(takes, FLOAT), {"attributes"})
        width = takes["attributes"].shape[-1] if len(takes["attributes"].shape) == 2 else None
        if width != len(self.pack.attributes):
            raise PackError(
                f"{where}: takes vectors of {width} values, but pack.toml names {len(self.pack.attributes)}."
            )
        written = graph.get_modelmeta().custom_metadata_map.get("attributes")
        if written is not None and tuple(written.split(",")) != self.pack.attributes:
            raise PackError(f"{where}: was exported for another vector order than pack.toml names; export it again.")
        inputs = {given.name: given for given in self._animator.get_inputs()}
        _check_names(self.pack, ANIMATOR, inputs.values(), dict.fromkeys(inputs, FLOAT))
        _check_names(self.pack, ANIMATOR, self._animator.get_outputs(), dict.fromkeys(OUTPUTS, "tensor(uint8)"))
        names = ["attributes"] if self._express is None else [made.name for made in graph.get_outputs()]
        self._told = [name for name in names if name in inputs]  # by these the animator is told what to show
        if not self._told:
            raise PackError(f"{self.pack.folder / ANIMATOR}: the graph has no {' nor '.join(names)[:80]}.")

    def _check_encoder(self, encoder: ort.InferenceSession) -> None:
        """It asks for the picture, and for nothing that the session has not."""
        where = self.pack.folder / ENCODER
        shapes = {
            "image": (1, 3, None, None),
            "landmarks": (1, FACE_POINTS, 3),
            "source_vector": (1, len(self.pack.attributes)),
        }
        asked = {given.name: given for given in encoder.get_inputs()}
        if strange := sorted(set(asked) - set(shapes)):
            raise PackError(f"{where}: asks for {strange[0][:40]!r}; an encoder may ask for {', '.join(shapes)}.")
        _check_names(self.pack, ENCODER, asked.values(), dict.fromkeys(asked, FLOAT), {"image"})
        for name, given in asked.items():
            shape = shapes[name]
            fits = len(given.shape) == len(shape) and all(
                want is None or not isinstance(have, int) or have == want
                for have, want in zip(given.shape, shape, strict=True)
            )
            if not fits:
                raise PackError(f"{where}: takes {name} of the shape {given.shape}, and is given {list(shape)}.")
        made = [output.name for output in encoder.get_outputs()]
        _check_names(self.pack, ENCODER, encoder.get_outputs(), dict.fromkeys(made, FLOAT))

    def _check_driver(self, driver: ort.InferenceSession) -> None:
        takes = [given.name for given in driver.get_inputs()]
        if takes != ["image"]:
            raise PackError(f"{self.pack.folder / DRIVER}: takes {', '.join(takes)[:80]}; a driver takes image alone.")
        _check_names(self.pack, DRIVER, driver.get_inputs(), {"image": FLOAT})
        _check_names(self.pack, DRIVER, driver.get_outputs(), dict.fromkeys(self._told, FLOAT))


def _check_names(pack: Pack, file: str, found, kinds: dict[str, str], required: Iterable[str] = ()) -> None:
    """Each name of `kinds` must be there with its type, and each of `required`."""
    have = {value.name: value.type for value in found}
    for name in [*kinds, *required]:
        if name not in have:
            raise PackError(f"{pack.folder / file}: the graph has no {name}.")
        if name in kinds and have[name] != kinds[name]:
            raise PackError(f"{pack.folder / file}: {name} is a {have[name]} and must be a {kinds[name]}.")


def _planes(image: np.ndarray) -> np.ndarray:
    """uint8 [S,S,3] -> float32 [1,3,S,S], -1 to 1."""
    return image.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1


def turned(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Vectors float32 [...,A] with the head turned clockwise in the picture by an angle in radians: a photo's vectors
    by `crop.angle` are what its crop shows."""
    if angle == 0:
        return vectors
    out = np.array(vectors, np.float32)
    turn = rotation((0.0, 0.0, angle))
    for vector in out.reshape(-1, out.shape[-1]):
        vector[AT_POSE] = angles(turn @ rotation(vector[AT_POSE]))
    return out


def _readings(face: Face) -> np.ndarray:
    """float32 [A]: what the face reader says of the photo's expression and pose."""
    vector = np.zeros(len(NAMES), np.float32)
    for unit, value in unit_readings(face.blendshapes).items():
        vector[INDEX[unit]] = value
    vector[AT_POSE] = face.pose
    return vector


def _has_nvidia_driver() -> bool:
    """Without one, a CUDA session fails only after loading gigabytes of libraries."""
    return os.name == "nt" or any(os.path.exists(f"/dev/{name}") for name in ("nvidiactl", "nvidia0", "dxg"))


def _first_line(problem: Exception) -> str:
    line = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
    return line.partition("] : ")[2] or line
