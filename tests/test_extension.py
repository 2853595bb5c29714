"""The zip that `build.py extension` makes: in a bare Blender it brings all that it needs and animates a photo."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

pytest.importorskip("bpy")
pytestmark = pytest.mark.slow
BARE = ("bpy", "numpy", "numpy.libs", "requests", "urllib3", "idna", "certifi", "charset_normalizer", "zstandard")


@pytest.fixture(scope="module")
def package() -> Path:
    """The zip, built from the tree as it stands. Blender 4.5's environment builds it for every Blender."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "build.py"), "extension"], capture_output=True, text=True, timeout=900
    )
    if "could not be downloaded" in done.stderr:
        pytest.skip("the extension's wheels cannot be downloaded here")
    assert done.returncode == 0, done.stderr
    return next((ROOT / "dist").glob("zygoma-*-linux-x64.zip"))


def test_the_zip_holds_what_ships_and_nothing_else(package):
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert {"__init__.py", "core/attributes.py", "packs/face/face.toml", "LICENSE", "THIRD_PARTY.md"} <= set(names)
    assert not [
        n for n in names if n.startswith(("models/", "tests/", "docs/")) or "__pycache__" in n or n.endswith(".pyc")
    ]
    assert not [n for n in names if n.startswith(("wheels/numpy", "wheels/torch", "wheels/bpy"))]
    assert sorted(n for n in names if n.endswith(".whl")) == sorted(w.removeprefix("./") for w in manifest["wheels"])
    for python in ("cp311", "cp313"):
        assert [n for n in names if n.startswith("wheels/onnxruntime-") and f"-{python}-" in n]
    shipped = {p.relative_to(ROOT / "addon").as_posix() for p in (ROOT / "addon").rglob("*.py")}
    assert shipped == {n for n in names if n.endswith(".py")}


def test_installed_it_animates_a_photo_with_its_own_wheels(package, tmp_path):
    site = Path(np.__file__).parents[1]
    bare = tmp_path / "site"
    bare.mkdir()
    for name in BARE:
        if (site / name).exists():
            (bare / name).symlink_to(site / name)
    (tmp_path / "user").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BLENDER"))}
    environment |= {"PYTHONPATH": str(bare), "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    portrait, table = ROOT / "docs" / "portraits" / "raphael.jpg", ROOT / "docs" / "tables" / "talking_25fps.csv"
    command = [sys.executable, "-S", str(ROOT / "tests" / "installed_extension.py"), str(package), str(portrait)]
    done = subprocess.run(
        [*command, str(table), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    own = {wheel for wheel, bundled in found["wheels"].items() if bundled}
    assert own == set(found["wheels"]), "a wheel came from outside the installed extension"
    assert found["enabled"] and found["disabled"]
    assert found["rig_add"] == found["table_import"] == ["FINISHED"]
    assert len(found["properties"]) == 27
    assert found["action"]
    frames = [np.asarray(Image.open(tmp_path / f"{i:04}.png").convert("RGB")).astype(int) for i in (1, 8, 15)]
    assert min(frame.std() for frame in frames) > 10, "the portrait is not in the picture"
    assert np.abs(frames[0] - frames[2]).max() > 30 and np.abs(frames[1] - frames[2]).max() > 30
