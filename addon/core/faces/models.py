"""The shipped face models: each checked against face.toml and loaded when it is first needed."""

from __future__ import annotations

import hashlib
import io
import threading
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

from ..errors import PackError

FOLDER = Path(__file__).parents[2] / "packs" / "face"


class FaceModels:
    """ONNX sessions on the CPU by file name, safe to use from several threads."""

    def __init__(self, folder: Path | None = None, threads: int | None = None):
        """Raises PackError where face.toml is missing or cannot be read."""
        self.folder = Path(folder or FOLDER)
        self.threads = threads or 0
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}
        self.lock = threading.Lock()
        try:
            listed = tomllib.loads((self.folder / "face.toml").read_text(encoding="utf-8"))["files"]
            self.digests = {name: entry["sha256"] for name, entry in listed.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise PackError(
                f"{self.folder / 'face.toml'}: the face models' list cannot be read ({problem}); reinstall Zygoma."
            ) from problem

    def read(self, name: str) -> bytes:
        """The file's bytes. Raises PackError where it is missing or not the one that face.toml names."""
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise PackError(f"{path}: a face model is missing or unreadable; reinstall Zygoma.") from problem
        if hashlib.sha256(data).hexdigest() != self.digests.get(name):
            raise PackError(f"{path}: a face model was altered (its SHA-256 is not face.toml's); reinstall Zygoma.")
        return data

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(io.BytesIO(self.read(name)), allow_pickle=False) as stored:
            return dict(stored)

    def run(self, name: str, **inputs: np.ndarray) -> list[np.ndarray]:
        """The outputs of one graph, in its own order."""
        return self.session(name).run(None, inputs)

    def session(self, name: str) -> onnxruntime.InferenceSession:
        with self.lock:
            if name not in self.sessions:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self.threads
                options.log_severity_level = 3
                # Idle pools of six sessions that spin would fight for the cores.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                self.sessions[name] = onnxruntime.InferenceSession(
                    self.read(name), options, providers=["CPUExecutionProvider"]
                )
            return self.sessions[name]
