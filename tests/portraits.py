"""The two public-domain paintings that ship, and where a person sees their features."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SHARED

from addon.core.faces import read_photo

# Landmark number: place in pixels, found by eye on the enlarged painting: iris centres, tip of the nose, mouth corners.
SEEN = {
    "mona_lisa": {468: (308, 297), 473: (393, 295), 4: (333, 365), 61: (312, 396), 291: (379, 396)},
    "raphael": {468: (195, 276), 473: (282, 274), 4: (220, 327), 61: (213, 363), 291: (267, 366)},
}


def portrait_path(name: str) -> Path:
    for folder in (ROOT / "docs" / "portraits", SHARED / "portraits"):
        if (folder / f"{name}.jpg").is_file():
            return folder / f"{name}.jpg"
    pytest.skip(f"{name}.jpg is in neither docs/portraits nor the measurement data")


def portrait(name: str) -> np.ndarray:
    """uint8 [H,W,3]."""
    return read_photo(portrait_path(name)).pixels
