"""Where tests find the project, and the measurement data that may stand beside a checkout."""

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
IMPORTS_BLENDER = re.compile(r"^\s*(?:import bpy|from bpy|.*importorskip\(.bpy)", re.MULTILINE)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real tables, portraits and people, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data beside the checkout is absent")
    return SHARED


@pytest.fixture
def zygoma(capfd):
    """Runs a command in this process; returns (status, stdout, lines of stderr)."""
    from addon.cli import main

    def run(*args):
        status = main([str(arg) for arg in args])
        said = capfd.readouterr()
        return status, said.out, said.err.splitlines()

    return run


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "blender: touches Blender's API, so it runs on every supported Blender")
    config.addinivalue_line("markers", "slow: takes a minute or more; leave out with -m 'not slow'")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that import bpy are marked `blender`."""
    touching = {path for path in {item.path for item in items} if IMPORTS_BLENDER.search(path.read_text("utf-8"))}
    for item in items:
        if item.path in touching:
            item.add_marker("blender")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """bpy as a module may hang when the interpreter ends after a render: leave at once, with pytest's own status."""
    if "bpy" in sys.modules and STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[STATUS])


STATUS = pytest.StashKey[int]()
