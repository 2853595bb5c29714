"""Where tests find the project, and the measurement data that may stand beside a checkout."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real tables, portraits and people, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data beside the checkout is absent")
    return SHARED
