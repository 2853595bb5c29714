#!/usr/bin/env python3
"""Sets up, shows, tests, packs and measures Zygoma: python3.11 build.py demo | test | extension | bench | quality | dev

Needs Python 3.11 or later with its venv module and nothing else; all else goes into .venv beside this file.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (whoever runs it may have an older one)
    sys.exit("Zygoma's build needs Python 3.11 or later: run it as `python3.11 build.py ...`.")

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
BLENDER = "4.5"  # what .venv holds; pinned in pyproject.toml
OTHER_BLENDERS = {  # Blender -> its bpy wheel and the Python that the wheel is made for
    "4.2": ("bpy==4.2.23", "3.11"),
    "5.0": ("bpy==5.0.1", "3.11"),
    "5.2": ("bpy==5.2.3", "3.13"),
}
EXTENSION_PYTHONS = ("3.11", "3.13")  # Blender 4.2 to 5.0 as published, and 5.1 on; Debian's 4.3 has 3.13 as well
EXTENSION_EXTRA = ("flatbuffers==25.12.19", "protobuf==7.36.2", "packaging==26.3")  # what onnxruntime itself needs
OLDEST_NUMPY = "numpy==1.24.3"  # Blender 4.2's own: bundled wheels must work beside it
LIBRARIES = {  # system library -> its package in Debian and Ubuntu, in Fedora
    "libX11": ("libx11-6", "libX11"),
    "libXrender": ("libxrender1", "libXrender"),
    "libXfixes": ("libxfixes3", "libXfixes"),
    "libXxf86vm": ("libxxf86vm1", "libXxf86vm"),
    "libXi": ("libxi6", "libXi"),
    "libXext": ("libxext6", "libXext"),
    "libXt": ("libxt6", "libXt"),
    "libxcb": ("libxcb1", "libxcb"),
    "libxkbcommon": ("libxkbcommon0", "libxkbcommon"),
    "libSM": ("libsm6", "libSM"),
    "libICE": ("libice6", "libICE"),
    "libGL": ("libgl1", "libglvnd-glx"),
    "libEGL": ("libegl1", "libglvnd-egl"),
    "libgomp": ("libgomp1", "libgomp"),
    "libuuid": ("libuuid1", "libuuid"),
    "libvulkan": ("libvulkan1", "vulkan-loader"),
}


class BuildError(Exception):
    """An expected failure: one message for the user, no traceback."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar=" | ".join(COMMANDS))
    demo_parser = commands.add_parser("demo", help="do the main job on what the repository ships, into out/demo")
    demo_parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo", help="folder (default: out/demo)")
    demo_parser.add_argument("--photo", type=Path, help="a portrait of your own in place of the Mona Lisa")
    demo_parser.add_argument("--table", type=Path, help="an OpenFace table of your own in place of the shipped one")
    demo_parser.add_argument("--pack", help="a generator pack: its id or its folder (default: zygoma-base)")
    test_parser = commands.add_parser("test", help=f"run the tests on Blender {BLENDER}")
    test_parser.add_argument(
        "--blender", help=f"run those that touch Blender on others, of {','.join(OTHER_BLENDERS)}, instead"
    )
    test_parser.add_argument("pytest", nargs="*", help="after --: arguments for pytest")
    extension_parser = commands.add_parser("extension", help="build and validate the installable zip (Linux x64, CPU)")
    extension_parser.add_argument(
        "--check", action="store_true", help="also try every wheel beside the oldest NumPy it will meet"
    )
    bench_parser = commands.add_parser("bench", help="measure speeds against a reference in the same run")
    bench_parser.add_argument("--json", type=Path, help="also write the figures to this file")
    quality_parser = commands.add_parser("quality", help="measure by the project's own reader, into docs/quality.md")
    chosen = quality_parser.add_mutually_exclusive_group()
    chosen.add_argument("--photos", type=Path, help="a folder of portraits of your own; the figures go to out/quality")
    chosen.add_argument("--photo", type=Path, help="one portrait of your own")
    quality_parser.add_argument(
        "--table", type=Path, help="a table that the first photo acts, in place of the shipped one"
    )
    quality_parser.add_argument("--pack", help="a generator pack: its id or its folder (default: zygoma-base)")
    commands.add_parser("dev", help="set up for work on Zygoma itself")
    args = parser.parse_args()
    try:
        return COMMANDS[args.command](args)
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def demo(args: argparse.Namespace) -> int:
    for path in (args.photo, args.table):
        if path is not None and not path.is_file():
            raise BuildError(f"There is no file {path}.")
    python = environment(ROOT / ".venv", ["runtime", "blender"])
    command = [str(python), "-u", "-m", "docs.demo.scene", "--out", str(args.out.absolute())]
    return run([*command, *options(args, "photo", "table", "pack")], timeout=3600)


def test(args: argparse.Namespace) -> int:
    if not args.blender:
        python = environment(ROOT / ".venv", ["runtime", "blender", "test"])
        failed = run([str(python), "-m", "pytest", *args.pytest], timeout=3 * 3600)
        print("\nWhat makes and judges generators: the tests that need torch", flush=True)
        python = environment(ROOT / ".venv-train", ["runtime", "test", "train"])
        return run([str(python), "-m", "pytest", "tests/models", *args.pytest], timeout=3 * 3600) or failed
    prepared = []
    for version in args.blender.split(","):
        if version not in OTHER_BLENDERS:
            raise BuildError(f"Blender {version} is not among {', '.join(OTHER_BLENDERS)}.")
        wheel, wanted = OTHER_BLENDERS[version]
        interpreter = find_python(wanted)
        if interpreter is None:
            print(f"Skipped Blender {version}: its bpy needs Python {wanted} with venv, and none was found.")
            continue
        prepared.append((version, environment(ROOT / f".venv-{version}", ["runtime", "test"], [wheel], interpreter)))
    failed = 0
    for version, python in prepared:
        print(f"\nBlender {version}: the tests that touch it", flush=True)
        code = run([str(python), "-m", "pytest", "-m", "blender", *args.pytest], timeout=3 * 3600)
        failed = failed or code
    return failed


def bench(args: argparse.Namespace) -> int:
    python = environment(ROOT / ".venv", ["runtime", "blender"])
    return run([str(python), "-u", "-m", "tests.bench", *options(args, "json")], timeout=3600)


def quality(args: argparse.Namespace) -> int:
    if args.photos is not None and not args.photos.is_dir():
        raise BuildError(f"There is no folder {args.photos}.")
    for path in (args.photo, args.table):
        if path is not None and not path.is_file():
            raise BuildError(f"There is no file {path}.")
    python = environment(ROOT / ".venv", ["runtime", "blender"])
    command = [str(python), "-u", "-m", "docs.quality.measure", *options(args, "photos", "photo", "table", "pack")]
    return run(command, timeout=24 * 3600)


def dev(_args: argparse.Namespace) -> int:
    environment(ROOT / ".venv", ["runtime", "blender", "test", "dev"])
    environment(ROOT / ".venv-train", ["runtime", "test", "train"])
    print(
        "Ready. From this folder:\n"
        "  .venv/bin/ruff check . && .venv/bin/ruff format .   style\n"
        "  .venv/bin/pyright                                   types\n"
        "  .venv/bin/python -m pytest tests/test_tables.py     one file of tests\n"
        "  .venv-train/bin/python -m pytest tests/models       those that need torch\n"
        "  .venv-train/bin/python -m models.head.basis --help  whatever makes and judges generators (needs torch)"
    )
    return 0


def extension(args: argparse.Namespace) -> int:
    """The add-on, its manifest and its wheels side by side in build/extension, zipped by Blender's own tool."""
    python = environment(ROOT / ".venv", ["runtime", "blender"])
    stage, wheels = ROOT / "build" / "extension", ROOT / "build" / "wheels"
    download_wheels(python, wheels)
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(ROOT / "addon", stage, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "LICENSE", stage)
    shutil.copy2(ROOT / "docs" / "THIRD_PARTY.md", stage)
    (stage / "wheels").mkdir()
    for wheel in wheels.glob("*.whl"):
        os.link(wheel, stage / "wheels" / wheel.name)
    (stage / "blender_manifest.toml").write_text(manifest(sorted(w.name for w in wheels.glob("*.whl"))), "utf-8")
    if args.check:
        check_wheels(stage)
    tool = next((ROOT / ".venv").glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    version = PROJECT["project"]["version"]
    out = ROOT / "dist" / f"zygoma-{version}-linux-x64.zip"
    out.parent.mkdir(exist_ok=True)
    for step in (
        ["validate", str(stage)],
        ["build", "--source-dir", str(stage), "--output-filepath", str(out)],
        ["validate", str(out)],
    ):
        done = subprocess.run([str(python), str(tool), *step], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"Blender's extension tool refuses `{step[0]}`:\n{done.stdout}{done.stderr}")
    print(f"{out.relative_to(ROOT)} is valid, {out.stat().st_size / 1e6:.0f} MB.")
    print("In Blender: Edit > Preferences > Get Extensions > Install from Disk.")
    return 0


COMMANDS = {"demo": demo, "test": test, "extension": extension, "bench": bench, "quality": quality, "dev": dev}


# Virtual environments


def environment(venv: Path, groups: list[str], extra: list[str] | None = None, interpreter: str | None = None) -> Path:
    """The Python of a virtual environment that holds the groups of pyproject.toml, made or completed where needed.

    A stamp inside it says which groups it holds and under which pins: where they agree, nothing is run at all.
    """
    python, stamp = venv / "bin" / "python", venv / "zygoma.json"
    held = json.loads(stamp.read_text()) if stamp.is_file() and python.exists() else {}
    wanted = {group: sorted(GROUPS[group]) for group in [*held.get("groups", []), *groups]}
    pins = hashlib.sha256(json.dumps([wanted, extra]).encode()).hexdigest()
    if held.get("pins") != pins:
        base = interpreter or find_python(f"{sys.version_info[0]}.{sys.version_info[1]}")
        if base is None:
            version = "{}.{}".format(*sys.version_info)
            raise BuildError(
                f"This Python has no venv module. On Debian and Ubuntu: apt install python{version}-venv. "
                "On Fedora: dnf install python3-libs."
            )
        if not python.exists() and subprocess.run([base, "-m", "venv", str(venv)]).returncode:
            raise BuildError(f"{venv} could not be made: the lines above say why.")
        install(python, [pin for group in wanted.values() for pin in group] + (extra or []), ", ".join(groups))
        stamp.write_text(json.dumps({"groups": list(wanted), "pins": pins}))
    if extra or "blender" in wanted:
        check_blender(python)
    return python


def install(python: Path, pins: list[str], what: str) -> None:
    """pip, saying only what it is at, how long, and, where it fails, its last words."""
    venv = python.parents[1].name
    print(f"Setting up {venv} ({what}); the first time downloads up to 1 GB ...", flush=True)
    started, words = time.monotonic(), []
    command = [str(python), "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check", *pins]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            words = [*words[-19:], line.rstrip()]
            at = re.match(r"(Collecting|Downloading|Installing) \S+.*", line)
            if at and sys.stdout.isatty():
                print(f"\r\033[K  {time.monotonic() - started:4.0f} s  {at[0][:90]}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if pip.returncode:
        raise BuildError("\n".join([*words, f"pip could not install {what} into {venv}: its last lines are above."]))
    print(f"{venv} is ready, {time.monotonic() - started:.0f} s.", flush=True)


def check_blender(python: Path) -> None:
    """Tells which system packages are missing where `import bpy` would fail for them."""
    module = next(python.parents[1].glob("lib/python*/site-packages/bpy/__init__.so"), None)
    if module is None or shutil.which("ldd") is None:
        return
    listing = subprocess.run(["ldd", str(module)], capture_output=True, text=True).stdout
    missing = sorted(set(re.findall(r"(\S+) => not found", listing)))
    if not missing:
        return
    known = [LIBRARIES[stem] for name in missing if (stem := name.split(".so")[0]) in LIBRARIES]
    lines = [f"Blender needs system libraries that this machine lacks: {', '.join(missing)}."]
    if known:
        lines.append(f"  Debian, Ubuntu: sudo apt-get install {' '.join(sorted({debian for debian, _ in known}))}")
        lines.append(f"  Fedora:         sudo dnf install {' '.join(sorted({fedora for _, fedora in known}))}")
    raise BuildError("\n".join([*lines, "Then run the same command again."]))


def find_python(version: str) -> str | None:
    """A Python of this version that can make virtual environments, found by running it: a name alone proves nothing.

    Under pyenv `python3.13` may exist and still refuse to run; there PYENV_VERSION picks among those installed.
    """
    question = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sys.executable)"
    tries = [(sys.executable, {}), (f"python{version}", {}), (f"/usr/bin/python{version}", {})]
    if shutil.which("pyenv"):
        listing = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True).stdout
        tries += [(f"python{version}", {"PYENV_VERSION": name}) for name in listing.split()]
    for name, variables in tries:
        try:
            answer = subprocess.run(
                [name, "-c", question], capture_output=True, text=True, env={**os.environ, **variables}
            )
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.split(" ")[0] == version:
            return answer.stdout.split(" ", 1)[1].strip()
    return None


# The extension's wheels


def download_wheels(python: Path, folder: Path) -> None:
    """CPU wheels of the runtime for each Python of EXTENSION_PYTHONS; never NumPy, which is Blender's own."""
    pins = [pin for pin in GROUPS["runtime"] if not pin.startswith("numpy")]
    pins = [pin.replace("onnxruntime-gpu", "onnxruntime") for pin in pins] + list(EXTENSION_EXTRA)
    stamp = folder / "pins.json"
    if stamp.is_file() and json.loads(stamp.read_text()) == pins:
        return
    print("Downloading the extension's wheels, about 250 MB ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    platforms = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64",
                 "manylinux2010_x86_64", "any"]  # fmt: skip
    for version in EXTENSION_PYTHONS:
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]
        command += [str(folder), "--implementation", "cp", "--python-version", version]
        for platform in platforms:
            command += ["--platform", platform]
        done = subprocess.run([*command, *pins], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"{done.stderr[-2000:]}\nThe wheels for Python {version} could not be downloaded.")
    stamp.write_text(json.dumps(pins))


def manifest(wheels: list[str]) -> str:
    """The repository's manifest, with its wheels listed and the version that pyproject.toml names."""
    text = (ROOT / "blender_manifest.toml").read_text("utf-8")
    if tomllib.loads(text)["version"] != PROJECT["project"]["version"]:
        raise BuildError("blender_manifest.toml and pyproject.toml name different versions: make them agree.")
    listed = "wheels = [\n" + "".join(f'  "./wheels/{name}",\n' for name in wheels) + "]\n\n"
    head, table, rest = text.partition("[permissions]")
    return head + listed + table + rest


def check_wheels(stage: Path) -> None:
    """Every wheel for Python 3.11, and the staged add-on's core, beside the oldest NumPy that they will meet."""
    base = find_python("3.11")
    if base is None:
        raise BuildError("--check needs a Python 3.11 with its venv module.")
    venv = ROOT / "build" / "oldest-numpy"
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([base, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    wheels = [str(w) for w in sorted((stage / "wheels").glob("*.whl")) if not re.search(r"-cp313-cp313-", w.name)]
    install(python, ["--no-deps", OLDEST_NUMPY, *wheels], OLDEST_NUMPY)
    done = subprocess.run(
        [str(python), str(ROOT / "tests" / "oldest_numpy.py"), str(stage)], capture_output=True, text=True
    )
    if done.returncode:
        raise BuildError(f"{done.stdout}{done.stderr}\nThe bundled wheels do not work beside {OLDEST_NUMPY}.")
    print(done.stdout, end="")


def options(args: argparse.Namespace, *names: str) -> list[str]:
    """Those that were given, as another command takes them; paths absolute."""
    given = [(name, value) for name in names if (value := getattr(args, name)) is not None]
    return [
        word
        for name, value in given
        for word in (f"--{name}", str(value.absolute() if isinstance(value, Path) else value))
    ]


def run(command: list[str], timeout: float) -> int:
    """The command's exit status, its output going straight through; ended where it hangs longer than the timeout."""
    sys.stdout.flush()
    try:
        return subprocess.run(command, cwd=ROOT, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        raise BuildError(
            f"Ended after {timeout / 60:.0f} minutes without finishing: {' '.join(command[:4])} ..."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
