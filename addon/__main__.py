"""`python -m addon`: Zygoma without a window."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported; more threads only fight ONNX's

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
