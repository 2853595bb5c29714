"""Run by `build.py extension --check` in a venv of the bundled wheels and NumPy 1.24.3: everything imports and works.

Argument: the staged extension's folder.
"""

import importlib
import pkgutil
import sys
from pathlib import Path

import cv2
import flatbuffers  # noqa: F401
import google.protobuf  # noqa: F401
import imageio.v3  # noqa: F401
import imageio_ffmpeg
import numpy as np
import onnxruntime  # noqa: F401
import packaging.version
import scipy.interpolate
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse.linalg
import scipy.spatial
import tqdm  # noqa: F401
from PIL import Image

stage = Path(sys.argv[1])
assert packaging.version.parse(np.__version__) == packaging.version.parse("1.24.3"), np.__version__

# Compiled modules that only import may still disagree about NumPy's binary interface: let each touch an array.
ramp = np.arange(81, dtype=np.float32).reshape(9, 9)
assert np.isclose(cv2.GaussianBlur(ramp, (5, 5), 1)[4, 4], 40)
assert np.isclose(scipy.ndimage.gaussian_filter(ramp, 1)[4, 4], 40)
assert np.allclose(scipy.sparse.linalg.spsolve(scipy.sparse.eye(9, format="csc"), ramp[0]), ramp[0])
assert scipy.optimize.least_squares(lambda x: x - 3, np.zeros(1)).x[0] > 2.99
assert scipy.spatial.cKDTree(ramp).query(ramp[3])[1] == 3
assert np.asarray(Image.fromarray(ramp.astype(np.uint8)))[8, 8] == 80
assert Path(imageio_ffmpeg.get_ffmpeg_exe()).is_file()

sys.path.insert(0, str(stage.parent))
core = importlib.import_module(f"{stage.name}.core")
names = [module.name for module in pkgutil.walk_packages(core.__path__, core.__name__ + ".")]
for name in names:
    importlib.import_module(name)
reader = importlib.import_module(f"{stage.name}.core.faces").FaceReader()
assert reader.faces(np.full((256, 256, 3), 128, np.uint8)) == []
print(f"All bundled wheels and {len(names)} modules of the core work beside NumPy {np.__version__}.")
