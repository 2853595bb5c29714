"""The layout and its walls: who may import what, what stands at the top, and nothing that only one machine has."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

TOP = {"blender_manifest.toml", "addon", "models", "tests", "docs", "build.py"}
TOP |= {"README.md", "LICENSE", "pyproject.toml", ".ci", ".gitignore"}
TEXT = {".py", ".md", ".toml", ".csv", ".txt", ".sh", ""}


def tracked() -> list[Path]:
    """The repository's files, as git knows them, new ones included; every file where git is absent."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


FILES = tracked()
PYTHON = [path for path in FILES if path.suffix == ".py"]


def within(folder: str) -> list[Path]:
    return [path for path in PYTHON if path.is_relative_to(ROOT / folder)]


def imports(path: Path) -> list[tuple[str, int, int]]:
    """Every import of a file, wherever it stands: (module, level of relative imports, line)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", node.level, node.lineno))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                level = len(first.value) - len(first.value.lstrip("."))
                found.append((first.value.lstrip("."), level, node.lineno))
    return found


def offenders(paths: list[Path], forbidden: set[str]) -> list[str]:
    """file:line of each absolute import of a forbidden top-level module."""
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in paths
        for module, level, line in imports(path)
        if level == 0 and module.split(".")[0] in forbidden
    ]


BLENDER = {"bpy", "bmesh", "mathutils", "bpy_extras", "addon_utils", "gpu", "blf", "bl_ext", "bl_ui"}


def test_bpy_stays_in_the_addon_outside_its_core_and_in_the_people_renderer():
    allowed = [ROOT / "addon", ROOT / "models" / "people", ROOT / "tests", ROOT / "docs" / "demo"]
    free = [p for p in PYTHON if not any(p.is_relative_to(folder) for folder in allowed)]
    assert offenders([*free, *within("addon/core")], BLENDER) == []


def test_torch_stays_in_models():
    """Tests of models may ask for it; a machine without it skips them."""
    training = {"torch", "torchvision", "anny", "tflite"}
    free = [p for p in PYTHON if not any(p.is_relative_to(ROOT / folder) for folder in ("models", "tests"))]
    assert offenders(free, training) == []
    assert offenders(free, {"matplotlib"}) == []


def test_addon_never_imports_models_tests_or_docs():
    assert offenders(within("addon"), {"models", "tests", "docs", "build"}) == []


def test_inside_the_addon_imports_are_relative():
    """The folder is renamed when it is installed: `bl_ext.user_default.zygoma`."""
    assert offenders(within("addon"), {"addon", "zygoma"}) == []


def test_relative_imports_never_leave_the_addon():
    for path in within("addon"):
        depth = len(path.relative_to(ROOT / "addon").parts)  # addon/a.py may go up by 1, addon/core/a.py by 2
        beyond = [line for _, level, line in imports(path) if level > depth]
        assert beyond == [], f"{path.relative_to(ROOT)}: lines {beyond} import from above the add-on"


def test_core_never_reaches_into_blenders_side():
    """From addon/core/a/b.py, `..` is core itself; one dot more would be the add-on."""
    for path in within("addon/core"):
        depth = len(path.relative_to(ROOT / "addon" / "core").parts)
        above = [line for _, level, line in imports(path) if level > depth]
        assert above == [], f"{path.relative_to(ROOT)}: lines {above} import from outside the core"


def test_the_package_loads_without_blender():
    """`import addon.core` runs addon/__init__.py: bpy must wait there until register()."""
    tree = ast.parse((ROOT / "addon" / "__init__.py").read_text("utf-8"))
    at_load = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [a.name for node in at_load if isinstance(node, ast.Import) for a in node.names]
    names += [node.module or "" for node in at_load if isinstance(node, ast.ImportFrom)]
    assert not [name for name in names if name.split(".")[0] in BLENDER]


def test_the_core_loads_and_no_blender_nor_torch_with_it():
    code = "import sys, pkgutil, importlib, addon.core as c\n"
    code += "for m in pkgutil.walk_packages(c.__path__, 'addon.core.'): importlib.import_module(m.name)\n"
    code += "print(sorted({'bpy', 'torch', 'anny', 'matplotlib', 'models'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_nothing_else_stands_at_the_top():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} - TOP == set()


def test_no_machine_paths_nor_files_beside_the_checkout():
    """Only conftest.py may look beside the checkout, and only to skip where nothing is there."""
    private = re.compile("|".join(["/" + "work/", "/" + "opt/", "/" + "root/", "/home/[a-z]", r"\.\./" + "shared"]))
    found = [
        f"{path.relative_to(ROOT)}:{i}: {line.strip()[:80]}"
        for path in FILES
        if path.suffix in TEXT and path.name != "LICENSE" and path.stat().st_size < 2_000_000
        for i, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if private.search(line)
    ]
    assert found == []


def test_files_stay_small():
    """The tree clones fast (60 MB at most), a pack is at most 16 MB, all packs 48 MB."""
    assert sum(path.stat().st_size for path in FILES) < 60e6
    packs: dict[str, int] = {}
    for path in FILES:
        if path.is_relative_to(ROOT / "addon" / "packs"):
            name = path.relative_to(ROOT / "addon" / "packs").parts[0]
            packs[name] = packs.get(name, 0) + path.stat().st_size
    assert sum(packs.values()) < 48e6
    assert {name: size for name, size in packs.items() if size > 16e6} == {}
