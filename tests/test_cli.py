"""The command line as a user runs it: what it makes, what it says, and one line for everything that goes wrong."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from clips import pixels_of, random_rows, write_photo, write_table
from conftest import ROOT
from PIL import Image
from probe_pack import build_probe, write_toml
from test_frames import small_disk
from test_tables import NEEDS_RATE, READABLE

from addon.core.attributes import COMMON, NAMES
from addon.core.pack import PACKS

PORTRAITS = ROOT / "docs" / "portraits"
TALKING = ROOT / "docs" / "tables" / "talking_25fps.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_photo(folder / "photo.png")
    write_table(folder / "six.csv", random_rows(6))
    build_probe(folder / "probe")
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """The working directory: photo.png, six.csv and the folder probe."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refuse(zygoma, place, args, words, status=1):
    """One line on stderr with the words, nothing on stdout, and not a file made, changed or lost."""
    before = tree(place)
    got, out, err = zygoma(*args)
    assert (got, out, len(err)) == (status, "", 1), (got, out, err)
    assert err[0].startswith("zygoma") and len(err[0]) < 700
    assert re.search(words, err[0]), err[0]
    assert tree(place) == before
    return err[0]


RENDER = ("render", "photo.png", "six.csv", "out", "--pack", "./probe")


# What it makes


def test_render_in_a_process_of_its_own(place):
    """As the README says it, from the repository's folder."""
    command = [sys.executable, "-m", "addon", "render", place / "photo.png", TALKING, place / "out"]
    done = subprocess.run([*command, "--end", "3", "--size", "256"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{place / 'out'}: 3 frames written, \d+\.\d s\.\n", done.stdout)
    assert "The driver's neutral was subtracted" in done.stderr and "Traceback" not in done.stderr
    assert sorted(os.listdir(place / "out")) == ["000001.png", "000002.png", "000003.png", "zygoma.json"]
    assert {pixels_of(path).shape for path in (place / "out").glob("*.png")} == {pixels_of(place / "photo.png").shape}


def test_options_arrive(place, zygoma):
    """Each option changes the frames, and --absolute is both weights at 0."""
    variants = {
        "plain": (),
        "absolute": ("--absolute",),
        "weights": ("--own-expression", "0", "--own-pose", "0"),
        "expression": ("--own-expression", "0"),
        "pose": ("--own-pose", "0.5"),
        "as_is": ("--as-is",),
        "divided": ("--divided",),
        "gain": ("--gain", "AU12=0", "--gain", "AU25=1"),
        "device": ("--device", "cpu", "--face", "0", "--photo-face", "1"),
    }
    frames = {}
    for name, options in variants.items():
        status, out, _ = zygoma(*RENDER[:3], name, *RENDER[4:], "--start", 2, "--end", 2, *options)
        assert status == 0 and out.startswith(f"{name}: 1 frame written, ")
        frames[name] = (place / name / "000002.png").read_bytes()
    same = {name: [other for other in frames if pixels(frames[other]) == pixels(frames[name])] for name in frames}
    assert same["plain"] == ["plain", "device"] and same["absolute"] == ["absolute", "weights"]
    assert all(same[name] == [name] for name in ("expression", "pose", "as_is", "divided", "gain"))


def pixels(png: bytes) -> bytes:
    import io

    return Image.open(io.BytesIO(png)).tobytes()


def test_movie_format_crop_and_overwrite(place, zygoma):
    assert zygoma(*RENDER[:3], "a.mp4", *RENDER[4:], "--fps", 50)[1].startswith("a.mp4: 11 frames written")
    assert zygoma(*RENDER, "--crop", "--format", "webp", "--end", 2)[0] == 0
    assert Image.open("out/000002.webp").size == (64, 64)
    assert zygoma(*RENDER, "--crop", "--format", "webp", "--end", 3)[1].startswith("out: 1 frame written, 2 there al")
    refuse(zygoma, place, RENDER, "out holds images that are not frames of this clip")
    assert zygoma(*RENDER, "--overwrite")[1].startswith("out: 6 frames written")


def test_what_was_done_to_the_table_is_said(place, zygoma):
    write_table(place / "six.csv", random_rows(6), success=[1, 0, 1, 1, 1, 1])
    with (place / "six.csv").open("a") as file:
        file.write("7, 0, 0.2")
    _, _, err = zygoma(*RENDER)
    assert any("the last, is cut off" in line for line in err) and any(line.startswith("Bridged by") for line in err)


def test_what_the_pack_lacks_is_said(place, zygoma):
    build_probe(place / "few", names=COMMON[::-1])
    said = zygoma(*RENDER[:2], TALKING, "out", "--pack", "./few", "--start", 3, "--end", 5)[2]
    assert [line for line in said if " few " in line] == ["The pack few does nothing with gaze_pitch, gaze_yaw."], said


def test_beyond_what_the_pack_covers_is_said(place, zygoma):
    write_table(place / "far.csv", [{"pose_yaw": 0.9}, {}])
    assert any("Beyond what the pack probe covers" in line and "pose_yaw" in line
               for line in zygoma(*RENDER[:2], "far.csv", *RENDER[3:])[2])  # fmt: skip


# Arguments


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "the following arguments are required"),
        (("paint",), "invalid choice: 'paint'"),
        (("render", "photo.png"), "required: TABLE, OUT"),
        ((*RENDER, "--nonsense"), "unrecognized arguments: --nonsense"),
        ((*RENDER, "--start", "0"), "--start: 0 is not a whole number from 1 on"),
        ((*RENDER, "--end", "last"), "--end: last is not a whole number"),
        ((*RENDER, "--photo-face", "0"), "--photo-face: 0 is not"),
        ((*RENDER, "--face", "x"), "--face: invalid int value"),
        ((*RENDER, "--rate", "nan"), "--rate: nan is not a number from 0.01 to 10000"),
        ((*RENDER, "--fps", "1e9"), "--fps: 1e9 is not a number from 0.01 to 1000"),
        ((*RENDER, "--own-pose", "1.5"), "--own-pose: 1.5 is not a number from 0 to 1"),
        ((*RENDER, "--gain", "AU12"), "--gain: AU12: write NAME=FACTOR"),
        ((*RENDER, "--gain", "AU03=2"), "names are pose_pitch"),
        ((*RENDER, "--gain", "AU12=nan"), "--gain: AU12=nan"),
        ((*RENDER, "--format", "exr"), "--format: invalid choice: 'exr'"),
        ((*RENDER[:3], ""), "OUT: no place for the frames is named"),
    ],
)
def test_wrong_arguments(place, zygoma, args, words):
    refuse(zygoma, place, args, words, status=2)


def test_help(zygoma):
    for command in ("render", "batch", "inspect"):
        status, out, err = zygoma(command, "--help")
        assert status == 0 and not err and f"usage: zygoma {command}" in out


# Bad input


def bad_photos(place):
    photo = Image.open(place / "photo.png")
    photo.resize((40, 40)).save(place / "tiny.png")
    photo.save(place / "whole.jpg")
    (place / "cut.jpg").write_bytes((place / "whole.jpg").read_bytes()[:9000])
    (place / "cut.png").write_bytes((place / "photo.png").read_bytes()[:9000])
    Image.fromarray(np.full((400, 400, 3), 128, np.uint8)).save(place / "grey.png")
    Image.new("1", (20_000, 9_000)).save(place / "huge.png")
    (place / "text.jpg").write_text("not a photo")
    (place / "empty.png").touch()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.jpg", "there is no such file"),
        (".", "this is a folder"),
        ("tiny.png", "40 x 40 pixels are too few"),
        ("cut.jpg", "damaged or cut short"),
        ("cut.png", "damaged or cut short"),
        ("grey.png", "no face was found"),
        ("huge.png", "too large"),
        ("text.jpg", "not an image"),
        ("empty.png", "not an image"),
        ("six.csv", "not an image"),
        ("x" * 300, "too long"),
    ],
)
def test_bad_photos(place, zygoma, name, words):
    bad_photos(place)
    refuse(zygoma, place, ("render", name, *RENDER[2:]), words)
    if name not in (".", "six.csv"):
        refuse(zygoma, place, ("inspect", name), f"{words}|no such file|is empty")


@pytest.mark.parametrize("option", [("--face", 3), ("--photo-face", 2)])
def test_faces_that_are_not_there(place, zygoma, option):
    refuse(zygoma, place, (*RENDER, *option), f"has no face {option[1]}")


def test_bad_tables(place, zygoma):
    lines = (place / "six.csv").read_text().splitlines()
    header = lines[0].split(", ")
    without_units = [", ".join(line.split(", ")[:8]) for line in lines]
    presences = [f"{without_units[0]}, AU01_c, AU12_c", *(f"{line}, 1, 0" for line in without_units[1:])]
    no_clock = [", ".join(cell for cell, name in zip(line.split(", "), header, strict=True) if name != "timestamp")
                for line in lines]  # fmt: skip
    counter = [lines[0], *(re.sub(r"^(\d+), 0, [\d.]+", r"\1, 0, 0.00\1", line) for line in lines[1:])]
    tables = {
        "none.csv": (None, "none.csv does not exist"),
        "empty.csv": ("", "is empty"),
        "header.csv": (lines[0] + "\n", "a header but no rows"),
        "binary.csv": (np.random.default_rng(1).bytes(3000), "a binary file"),
        "pose.csv": ("\n".join(without_units), "without Action Units"),
        "presences.csv": ("\n".join(presences), "only presences"),
        "spaces.csv": ("\n".join(line.replace(", ", "|") for line in lines), "separated by neither"),
        "other.csv": ("a,b,c\n1,2,3\n", "."),
        "words.csv": ("\n".join([*lines[:3], re.sub(r"[^,]+$", " high", lines[3]), *lines[4:]]), "line 4"),
        "noclock.csv": ("\n".join(no_clock), "how many rows a second it has: it has no timestamp column"),
        "counter.csv": ("\n".join(counter), "how many rows a second it has: its timestamps step by 0.001 s"),
        "photo.png": (None, "a PNG picture"),
        "probe": (None, "is a folder"),
        "x" * 300: (None, "too long"),
    }
    for name, (content, words) in tables.items():
        if content is not None:
            (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        refuse(zygoma, place, ("render", "photo.png", name, *RENDER[3:]), words)
    refuse(zygoma, place, (*RENDER, "--start", 7), "has rows 1 to 6")
    refuse(zygoma, place, (*RENDER, "--start", 3, "--end", 2), "has rows 1 to 6")
    for name in ("noclock.csv", "counter.csv"):
        assert zygoma("render", "photo.png", name, name[:-4], "--pack", "./probe", "--rate", 25)[0] == 0
        assert len(list((place / name[:-4]).glob("*.png"))) == 6


def test_real_tables_of_other_programs(place, zygoma, shared):
    others = sorted({path.name for path in (shared / "openface").glob("*.csv")} - set(READABLE))
    assert len(others) == 5
    for name in others:
        for args in (
            ("render", "photo.png", shared / "openface" / name, "out"),
            ("inspect", shared / "openface" / name),
        ):
            refuse(zygoma, place, args, f"{name} (is|holds) ")


def test_bad_packs(place, zygoma):
    def copied(name):
        shutil.copytree(place / "probe", place / name)
        return place / name

    with (copied("altered") / "animator.onnx").open("ab") as file:
        file.write(b"x")
    (copied("missing") / "animator.onnx").unlink()
    (copied("nameless") / "animator.onnx").unlink()
    write_toml(place / "nameless")
    build_probe(place / "permuted", metadata=NAMES[::-1])
    climbing = copied("climbing") / "pack.toml"
    climbing.write_text(climbing.read_text().replace('"animator.onnx"', '"../probe/animator.onnx"'))
    shutil.copytree(PACKS / "zygoma-base", place / "order")
    text = (place / "order" / "pack.toml").read_text()
    text = text.replace("AU12 = ", "AU99 = ").replace("AU14 = ", "AU12 = ").replace("AU99 = ", "AU14 = ")
    (place / "order" / "pack.toml").write_text(text)
    (place / "bare").mkdir()
    for name, words in {
        "altered": "wrong SHA-256",
        "missing": "animator.onnx: this file of the pack is missing",
        "nameless": "the pack has no animator.onnx",
        "permuted": "another vector order",
        "climbing": "leaves the pack's folder",
        "order": "Zygoma's own order",
        "bare": "pack.toml",
        "nothing": "pack.toml",
    }.items():
        refuse(zygoma, place, (*RENDER[:4], "--pack", f"./{name}"), words)
        if name != "nothing":
            refuse(zygoma, place, ("inspect", f"./{name}"), words)
    refuse(zygoma, place, (*RENDER[:4], "--pack", "nothing"), r"There is no pack nothing: choose one .*zygoma-base")
    refuse(zygoma, place, (*RENDER, "--size", 100), "makes crops of 64 only: 100 pixels cannot be had")
    refuse(zygoma, place, (*RENDER[:4], "--size", 257), "even sides from 256 to 2048")


def test_bad_places(place, zygoma):
    for out, words in {
        "photo.png/out": "a file is in the way",
        "six.csv": "a file is in the way",
        "photo.png": "frames go to a folder",
        "clip.avi": r"movies are written as \.mp4",
        "x" * 300: "the name is too long",
        "x" * 300 + ".mp4": "the name is too long",
        "photo.png/a.mp4": "a file is in the way",
    }.items():
        refuse(zygoma, place, (*RENDER[:3], out, *RENDER[4:]), words)
    (place / "folder.mp4").mkdir()
    refuse(zygoma, place, (*RENDER[:3], "folder.mp4", *RENDER[4:]), "a folder of this name is in the way")


def test_places_that_cannot_be_written(place, zygoma):
    with small_disk(place / "disk", "size=64k,ro"):
        for out in ("disk", "disk/out", "disk/a.mp4"):
            refuse(zygoma, place, (*RENDER[:3], out, *RENDER[4:]), "the place is read-only")
        refuse(zygoma, place, ("inspect", "six.csv", "--picture", "disk/a.png"), "the place is read-only")
    with small_disk(place / "full", "size=1k"):
        status, out, (line,) = zygoma(*RENDER[:3], "full", *RENDER[4:], "--end", 1)
        assert (status, out) == (1, "") and "the disk is full" in line
        assert not [name for name in os.listdir(place / "full") if name != "zygoma.json"]


# Ctrl-C


def heed_ctrl_c():
    """A suite that runs in the background hands down that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("out", ["out", "out.mp4"])
def test_ctrl_c_leaves_whole_files_only(place, out):
    write_table(place / "long.csv", random_rows(4000))
    command = [sys.executable, "-m", "addon", "render", place / "photo.png", place / "long.csv", place / out]
    started = ["zygoma.json", "000001.png"] if out == "out" else [".part"]
    with subprocess.Popen(
        [*command, "--pack", place / "probe"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        while process.poll() is None:
            present = [name for folder in (place, place / "out") if folder.is_dir() for name in os.listdir(folder)]
            if all(any(name.endswith(end) for name in present) for end in started):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not said
    assert err.startswith("zygoma: interrupted; ") and err.count("\n") == 1
    if out == "out":
        files = [path for path in (place / out).iterdir() if path.name != "zygoma.json"]
        assert 0 < len(files) < 4000 and all(re.fullmatch(r"\d{6}\.png", path.name) for path in files)
        assert {pixels_of(path).shape for path in files} == {pixels_of(place / "photo.png").shape}
    assert not [name for name in os.listdir(place) if "part" in name or name == "out.mp4"]


# inspect


@pytest.mark.parametrize("name", READABLE)
def test_inspect_real_tables(shared, tmp_path, zygoma, name):
    path = shared / "openface" / name
    rows, rate, attributes, failed = READABLE[name]
    status, out, err = zygoma("inspect", path, *(("--rate", rate) if name in NEEDS_RATE else ()),
                              "--picture", tmp_path / "curves.png")  # fmt: skip
    assert status == 0 and not err
    assert re.search(rf"^Rows: {rows:,}, ", out, re.MULTILINE)
    assert rate is None or f"Clock: {rate:.5g} rows a second" in out
    assert f"Attributes: {attributes} of {len(NAMES)}" in out and f"Failed rows: {failed}\n" in out
    assert len(np.unique(pixels_of(tmp_path / "curves.png").reshape(-1, 3), axis=0)) > 10
    if name in NEEDS_RATE:
        status, out, _ = zygoma("inspect", path)
        assert status == 0 and "Clock: none, " in out and "say a rate" in out


def test_inspect_shades_what_is_missing(place, zygoma):
    rows = [{"AU12": 1.0}] * 6
    write_table(place / "gap.csv", rows, timestamp=[0, 0.04, 0.08, 0.4, 0.44, 0.48])
    out = zygoma("inspect", "gap.csv", "--picture", "gap.png")[1]
    assert "Gaps: 1, 7 rows missing, the longest between frames 3 and 4" in out
    assert zygoma("inspect", "six.csv", "--picture", "whole.png")[0] == 0
    shaded = (246, 214, 208)
    assert (pixels_of(place / "gap.png") == shaded).all(2).mean() > 0.3
    assert not (pixels_of(place / "whole.png") == shaded).all(2).any()


def test_inspect_photos(place, zygoma):
    write_photo(place / "pair.png", "mona_lisa", "raphael")
    status, out, _ = zygoma("inspect", "pair.png", "--picture", "seen.png")
    assert status == 0 and "Faces: 2" in out
    yaws = [int(yaw) for yaw in re.findall(r"Source vector \(zygoma-base\): .*pose_yaw ([+-]\d+) deg", out)]
    assert len(yaws) == 2 and all(5 < yaw < 40 for yaw in yaws)  # both look to the left of the picture
    boxes = [list(map(int, box)) for box in re.findall(r"box (\d+), (\d+) to (\d+), (\d+)", out)]
    assert boxes[0][0] < boxes[1][0] and boxes[0][3] - boxes[0][1] > boxes[1][3] - boxes[1][1]
    changed = (pixels_of(place / "seen.png") != pixels_of(place / "pair.png")).any(2)
    for x0, y0, x1, y1 in boxes:
        assert changed[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].mean() > 0.03
        assert changed[y0 + 3 : y1 - 3, x0 - 1 : x0 + 2].mean() > 0.6
    status, out, _ = zygoma("inspect", "photo.png", "--pack", "./probe")
    assert status == 0 and "Source vector (probe)" in out


def test_inspect_packs(place, zygoma):
    for name in ("zygoma-base", PACKS / "zygoma-base", PACKS / "zygoma-base" / "pack.toml"):
        status, out, err = zygoma("inspect", name)
        assert status == 0 and not err
        assert "Pack: Zygoma Base" in out and "Vector: 25 attributes" in out and "Graphs: load" in out
        assert [line.split(":")[0].strip() for line in out.splitlines() if line.startswith("  ")] == list(NAMES)
        assert out.count("right\n") == 2 and "Licence: " in out
    assert "At rest: the photo itself" in zygoma("inspect", "probe")[1]


def test_inspect_never_draws_over_the_file_itself(place, zygoma):
    refuse(zygoma, place, ("inspect", "photo.png", "--picture", "./photo.png"), "choose another name for the picture")
    os.symlink("photo.png", "link.png")
    refuse(zygoma, place, ("inspect", "photo.png", "--picture", "link.png"), "choose another name for the picture")
    refuse(zygoma, place, ("inspect", "six.csv", "--picture", "six.csv"), r"end it in \.png")
    refuse(zygoma, place, ("inspect", "six.csv", "--picture", "none/six.png"), "the folder is not there")
    refuse(zygoma, place, ("inspect", "probe/animator.onnx"), "binary file")
    refuse(zygoma, place, ("inspect", "."), "holds no pack.toml")
    refuse(zygoma, place, ("inspect", "none"), "There is no pack none|no such file")
