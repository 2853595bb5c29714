"""build.py: sets up once, names what is missing, and never shows a traceback for what can be expected."""

import importlib.util
import json
import subprocess
import sys
import tomllib
import zipfile

import pytest
from conftest import ROOT

spec = importlib.util.spec_from_file_location("zygoma_build", ROOT / "build.py")
assert spec is not None and spec.loader is not None
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "build.py"), *arguments], capture_output=True, text=True, timeout=60
    )


def wheel(folder, name: str, version: str) -> str:
    """A pure Python wheel made on the spot, so that installing needs no network; its requirement as pip wants it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"{name} @ {path.as_uri()}"


def test_environment_is_made_once_and_completed_when_groups_or_pins_change(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(
        build, "GROUPS", {"a": [wheel(tmp_path, "first", "1.0")], "b": [wheel(tmp_path, "second", "1.0")]}
    )
    venv = tmp_path / ".venv"
    python = build.environment(venv, ["a"])
    assert "ready" in capfd.readouterr().out
    assert subprocess.run([python, "-c", "import first"]).returncode == 0
    build.environment(venv, ["a"])
    assert capfd.readouterr().out == "", "a second call must not run pip"
    build.environment(venv, ["b"])
    assert json.loads((venv / "zygoma.json").read_text())["groups"] == ["a", "b"]
    assert subprocess.run([python, "-c", "import first, second"]).returncode == 0
    build.GROUPS["b"] = [wheel(tmp_path, "second", "2.0")]
    capfd.readouterr()
    build.environment(venv, ["a"])
    assert "ready" in capfd.readouterr().out, "a changed pin must be installed"
    answer = subprocess.run([python, "-c", "import second; print(second.version)"], capture_output=True, text=True)
    assert answer.stdout.strip() == "2.0"


def test_failing_installation_keeps_no_stamp_and_says_why(tmp_path, monkeypatch):
    missing = tmp_path / "absent-1.0-py3-none-any.whl"
    monkeypatch.setattr(build, "GROUPS", {"a": [f"absent @ {missing.as_uri()}"]})
    with pytest.raises(build.BuildError, match=r"(?s)absent.*could not install a into \.venv"):
        build.environment(tmp_path / ".venv", ["a"])
    assert not (tmp_path / ".venv" / "zygoma.json").exists()


def test_missing_system_libraries_are_named_with_their_packages(tmp_path, monkeypatch):
    module = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "bpy" / "__init__.so"
    module.parent.mkdir(parents=True)
    module.write_bytes(b"")
    ldd = tmp_path / "ldd"
    ldd.write_text(
        "#!/bin/sh\necho '\tlibX11.so.6 => not found\n\tlibm.so.6 => /lib/libm.so.6\n\tlibSM.so.6 => not found'\n"
    )
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(build.BuildError) as caught:
        build.check_blender(tmp_path / ".venv" / "bin" / "python")
    assert "libSM.so.6, libX11.so.6" in str(caught.value)
    assert "apt-get install libsm6 libx11-6" in str(caught.value)
    assert "dnf install libSM libX11" in str(caught.value)


def test_python_is_found_by_running_it():
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = build.find_python(version)
    assert subprocess.run([found, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
                          capture_output=True, text=True).stdout.strip() == version  # fmt: skip
    assert build.find_python("3.99") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--photo", "nowhere.jpg"], "There is no file nowhere.jpg"),
        (["demo", "--table", "nowhere.csv"], "There is no file nowhere.csv"),
        (["quality", "--photos", "nowhere"], "There is no folder nowhere"),
        (["quality", "--table", "nowhere.csv"], "There is no file nowhere.csv"),
        (["test", "--blender", "2.79"], "Blender 2.79 is not among 4.2, 5.0, 5.2"),
    ],
)
def test_expected_failures_are_one_line(arguments, words):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_demo_needs_no_training_framework():
    pins = " ".join(build.GROUPS["runtime"] + build.GROUPS["blender"])
    assert "torch" not in pins
    assert "anny" not in pins


def test_manifest_lists_the_wheels_and_agrees_with_the_project():
    parsed = tomllib.loads(build.manifest(["one-1.0-py3-none-any.whl", "two-2.0-py3-none-any.whl"]))
    assert parsed["wheels"] == ["./wheels/one-1.0-py3-none-any.whl", "./wheels/two-2.0-py3-none-any.whl"]
    assert parsed["version"] == build.PROJECT["project"]["version"]
    assert parsed["permissions"].keys() == {"files"}
    assert parsed["blender_version_min"] == "4.2.0"


def test_pins_are_exact_in_what_ships():
    for pin in build.GROUPS["runtime"] + build.GROUPS["blender"] + list(build.EXTENSION_EXTRA):
        assert "==" in pin, f"{pin} is no exact pin"


def test_shipped_table_is_what_its_script_makes():
    script = importlib.util.spec_from_file_location("make_table", ROOT / "docs" / "tables" / "make_table.py")
    assert script is not None and script.loader is not None
    make_table = importlib.util.module_from_spec(script)
    script.loader.exec_module(make_table)
    assert (ROOT / "docs" / "tables" / "talking_25fps.csv").read_text("utf-8") == make_table.table()


def test_shipped_table_reads_as_a_lively_recording():
    from addon.core.attributes import INDEX
    from addon.core.tables import read_table, to_track

    track = to_track(read_table(ROOT / "docs" / "tables" / "talking_25fps.csv"), subtract_neutral=True)
    assert (len(track), track.rate, bool(track.valid.all())) == (100, 25, True)
    for name, least in {"AU25": 0.8, "AU26": 0.5, "AU45": 0.9, "AU12": 0.6, "AU01": 0.5, "pose_yaw": 0.1}.items():
        assert track.values[:, INDEX[name]].max() > least, name
    assert track.values[0, INDEX["AU25"]] == 0


def test_documented_gains_are_the_importers():
    from addon.core.attributes import ATTRIBUTES
    from addon.core.tables import GAINS

    text = (ROOT / "docs" / "tables.md").read_text("utf-8")
    for attribute in ATTRIBUTES:
        if not attribute.is_angle:
            assert f"| {attribute.key} {attribute.title} | {GAINS[attribute.key]:g} |" in text


def test_documented_batch_keys_are_the_programs():
    import re

    from addon.core.batch import KINDS

    text = (ROOT / "docs" / "batch.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(KINDS)
