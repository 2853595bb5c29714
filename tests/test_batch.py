"""Lists of clips: checked whole before the first frame, finished clips skipped, failed ones passed over."""

import json
import os
import shutil

import numpy as np
import pytest
from clips import pixels_of, random_rows, write_photo, write_table
from PIL import Image
from probe_pack import build_probe

from addon.cli import main
from addon.core.batch import CHOICES, KINDS, read_jobs
from addon.core.errors import ZygomaError

HEAD = '[defaults]\nphoto = "photo.png"\ntable = "tables/six.csv"\npack = "./probe"\n'


@pytest.fixture
def place(tmp_path):
    """A folder of a user's own, which is not the working directory."""
    write_photo(tmp_path / "photo.png")
    (tmp_path / "tables").mkdir()
    write_table(tmp_path / "tables" / "six.csv", random_rows(6))
    build_probe(tmp_path / "probe")
    return tmp_path


@pytest.fixture
def batch(place, capfd):
    """Runs a list; returns (status, lines of stdout, lines of stderr)."""

    def run(text, *options, name="list.toml"):
        (place / name).write_text(text)
        status = main(["batch", str(place / name), *options])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return status, said.out.splitlines(), said.err.splitlines()

    return run


def clip(**keys):
    return "[[clip]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def states(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def test_paths_count_from_the_list_and_every_clip_is_made(place, batch):
    text = HEAD + clip(output='"frames/a"') + clip(output='"frames/b"', crop="true", start=2, end=4)
    status, out, err = batch(text + clip(output='"m.mp4"', fps=50))
    assert status == 0 and not err
    assert out[0].endswith("3 clips, all checked.") and out[-1] == "3 of 3 clips are done, 0 failed."
    assert sorted(os.listdir(place / "frames" / "a"))[:-1] == [f"00000{i}.png" for i in range(1, 7)]
    assert sorted(os.listdir(place / "frames" / "b"))[:-1] == [f"00000{i}.png" for i in range(2, 5)]
    assert pixels_of(place / "frames" / "b" / "000002.png").shape == (64, 64, 3)
    assert (place / "m.mp4").is_file()
    assert any(line == "3/3 m.mp4: 11 frames written, " + line.split("written, ")[-1] for line in out)


def test_options_and_defaults_become_jobs(place):
    (place / "list.toml").write_text(
        '\ufeff[defaults]\nphoto = "p.jpg"\ntable = "t.csv"\nown_expression = 0.5\nface = 3\n'
        + clip(output='"a"', absolute="true", photo_face=2, format='"webp"', gains="{AU12 = 2.0}", device='"cpu"')
        + clip(output='"b"', table='"other/u.csv"', face=1, divided="true", as_is="true", rate=25, size=300)
    )
    a, b = read_jobs(place / "list.toml")
    assert (a.photo, a.table, a.output) == (place / "p.jpg", place / "t.csv", place / "a")
    assert (a.own_expression, a.own_pose, a.photo_face, a.suffix, a.face) == (0, 0, 1, ".webp", 3)
    assert a.gains == {"AU12": 2.0} and a.device == "cpu" and a.pack == "zygoma-base"
    assert (b.table, b.face, b.divided, b.as_is, b.rate, b.size) == (place / "other/u.csv", 1, True, True, 25, 300)
    assert b.own_expression == 0.5 and b.own_pose == 1


def test_check_makes_nothing(place, batch):
    text = HEAD + clip(output='"frames/a"')
    before = tree(place)
    status, out, _ = batch(text, "--check")
    assert status == 0 and len(out) == 1 and tree(place) == sorted([*before, "list.toml"])


def test_every_mistake_in_the_list_is_named_by_clip_and_key(place, batch):
    text = (
        '[defaults]\nphoto = "photo.png"\ntable = "tables/six.csv"\nown_pose = 3\n'
        + clip(photo='"photo.png"')
        + clip(output='"a"', colour='"red"', face='"first"', crop=1, format='"exr"')
        + clip(output='"b"', fps="nan", start=0, gains="{AU99 = 1.0, AU12 = nan}")
        + clip(output=r'"a\u0000b"', table='""')
    )
    status, out, err = batch(text)
    assert status == 1 and not out and not (place / "a").exists()
    where = f"zygoma: {place / 'list.toml'}, "
    assert all(line.startswith(where) for line in err)
    for line, words in zip(
        err,
        [
            "defaults: own_pose is 3, and must lie between 0 and 1.",
            "clip 1: output is missing.",
            "clip 2: colour is unknown; a clip may say " + ", ".join(KINDS),
            "clip 2: face is 'first', and must be a whole number.",
            "clip 2: crop is '1', and must be true or false.",
            "clip 2: format is 'exr', and can be " + ", ".join(CHOICES["format"]),
            "clip 3: fps is nan, and must lie between",
            "clip 3: start is 0, and must lie between",
            "clip 3: gains: AU99 must be an attribute with a number",
            "clip 4: output holds a zero byte",
            "clip 4: table is missing.",
        ],
        strict=True,
    ):
        assert line.startswith(where + words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[clip]\n", "no readable TOML"),
        ("\x00", "no readable TOML"),
        ("", "has 0 clips"),
        ("[defaults]\n", "has 0 clips"),
        ("clip = 3\n", "write one [defaults] and a [[clip]]"),
        ("jobs = 3\n", "jobs is unknown"),
    ],
)
def test_texts_that_are_no_list(batch, text, words):
    status, out, err = batch(text)
    assert status == 1 and not out and len(err) == 1 and words in err[0]


def test_lists_that_cannot_be_read(place, batch, capfd):
    for path in (place / "none.toml", place, place / "photo.png"):
        assert main(["batch", str(path)]) == 1
        err = capfd.readouterr().err.splitlines()
        assert len(err) == 1 and str(path) in err[0]


def test_everything_is_checked_before_the_first_frame(place, batch):
    Image.fromarray(np.full((300, 300, 3), 128, np.uint8)).save(place / "grey.png")
    shutil.copytree(place / "probe", place / "altered")
    with (place / "altered" / "animator.onnx").open("ab") as file:
        file.write(b"x")
    shutil.copy(place / "photo.png", place / "own.jpg")
    clips = [
        ({"output": '"good"'}, None),
        ({"output": '"a"', "photo": '"none.png"'}, "none.png: there is no such file"),
        ({"output": '"b"', "photo": '"grey.png"'}, "no face was found"),
        ({"output": '"c"', "photo_face": 2}, "has no face 2"),
        ({"output": '"d"', "table": '"none.csv"'}, "none.csv does not exist"),
        ({"output": '"e"', "table": '"photo.png"'}, "a PNG picture"),
        ({"output": '"f"', "start": 7}, "has rows 1 to 6"),
        ({"output": '"g"', "pack": '"nope"'}, "There is no pack nope"),
        ({"output": '"h"', "pack": '"altered"'}, "wrong SHA-256"),
        ({"output": '"i"', "size": 128}, "not of 128 pixels"),
        ({"output": '"./x/../good"'}, "is the output of clip 1 already"),
        ({"output": '"photo.png/frames"'}, "a file is in the way"),
        ({"output": '"own.jpg"'}, "frames go to a folder"),
        ({"output": '"m.avi"'}, "movies are written as .mp4"),
        ({"output": f'"{"x" * 300}"'}, "the name is too long"),
        ({"output": '"tables.mp4"'}, "a folder of this name is in the way"),
    ]
    (place / "tables.mp4").mkdir()
    before = tree(place)
    status, out, err = batch(HEAD + "".join(clip(**keys) for keys, _ in clips))
    assert status == 1 and not out and tree(place) == sorted([*before, "list.toml"])
    expected = [(number, words) for number, (_, words) in enumerate(clips, 1) if words]
    for line, (number, words) in zip(err, expected, strict=True):
        assert line.startswith(f"zygoma: {place / 'list.toml'}, clip {number}: ") and words in line


def test_finished_clips_are_skipped_and_lost_frames_made_again(place, batch):
    text = HEAD + clip(output='"a"') + clip(output='"b"', own_pose=0) + clip(output='"m.mp4"')
    batch(text)
    before, movie = states(place), (place / "m.mp4").stat().st_mtime_ns
    status, out, err = batch(text)
    assert status == 0 and not err and states(place) == before and (place / "m.mp4").stat().st_mtime_ns == movie
    assert out[1:4] == [f"{i}/3 {name}: finished before, 6 frames." for i, name in enumerate(("a", "b", "m.mp4"), 1)]
    (place / "b" / "000004.png").unlink()
    (place / "m.mp4").unlink()
    status, out, _ = batch(text)
    assert status == 0 and "1/3 a: finished before, 6 frames." in out
    assert any(line.startswith("2/3 b: 1 frame written, 5 there already") for line in out)
    assert any(line.startswith("3/3 m.mp4: 6 frames written") for line in out)
    after = states(place)
    assert {name for name in after if after[name] != before[name]} == {str(place / "b" / "000004.png")}


def test_changed_clips_are_not_taken_for_finished_ones(place, batch):
    text = HEAD + clip(output='"a"', existing='"overwrite"') + clip(output='"b"')
    batch(text)
    write_table(place / "tables" / "six.csv", random_rows(6, seed=9))
    status, out, err = batch(text)
    assert status == 1 and len(err) == 1 and "clip 2: " in err[0] and "not frames of this clip" in err[0]
    assert any(line.startswith("1/2 a: 6 frames written") for line in out)


def test_another_lists_frames_are_not_taken_for_finished_ones(place, batch):
    text = HEAD + clip(output='"a"')
    batch(text)
    batch(HEAD + clip(output='"a"', own_pose=0, existing='"overwrite"'), name="other.toml")
    status, _, err = batch(text)
    assert status == 1 and len(err) == 1 and "not frames of this clip" in err[0]


def test_a_failed_clip_is_reported_and_passed_over(place, batch):
    write_table(place / "tables" / "jaw.csv", [{"AU26": 0.5 * i} for i in range(6)])
    build_probe(place / "failing", fails_above=0.6)
    text = HEAD + clip(output='"a"', table='"tables/jaw.csv"', pack='"failing"') + clip(output='"b"')
    status, out, err = batch(text)
    assert status == 1 and out[-1] == "1 of 2 clips are done, 1 failed."
    assert len(err) == 1 and f"{place / 'list.toml'}, clip 1: The pack failing failed" in err[0]
    assert any(line.startswith("1/2 a: failed: The pack failing failed") for line in out)
    assert len(list((place / "b").glob("*.png"))) == 6
    journal = [json.loads(line) for line in (place / "list.journal.jsonl").read_text().splitlines()]
    assert [(line["clip"], line["status"], line["written"]) for line in journal] == [(1, "failed", 0), (2, "done", 6)]
    shutil.copytree(place / "probe", place / "failing", dirs_exist_ok=True)  # the cause is mended
    shutil.rmtree(place / "a")
    status, out, err = batch(text)
    assert status == 0 and not err and "2/2 b: finished before, 6 frames." in out
    assert len(list((place / "a").glob("*.png"))) == 6


def test_a_damaged_journal_does_no_harm(place, batch):
    text = HEAD + clip(output='"a"')
    batch(text)
    journal = place / "list.journal.jsonl"
    journal.write_bytes(b'{"status": "done", "digest": 3}\n[]\n\xff\xfe\n' + journal.read_bytes()[:-40])
    status, out, _ = batch(text)
    assert status == 0 and any(line.startswith("1/1 a: 0 frames written, 6 there already") for line in out)


def test_notes_on_a_clip_are_shown(place, batch):
    write_table(place / "tables" / "six.csv", random_rows(6), success=[1, 1, 0, 1, 1, 1])
    _, out, _ = batch(HEAD + clip(output='"a"'))
    assert any(line.startswith("  Bridged by straight lines") for line in out)


def test_jobs_are_read_alike_from_anywhere(place, monkeypatch):
    (place / "list.toml").write_text(HEAD + clip(output='"a"'))
    monkeypatch.chdir(place)
    [job] = read_jobs(place / "list.toml")
    monkeypatch.chdir("/")
    assert read_jobs(place / "list.toml") == [job]
    with pytest.raises(ZygomaError, match="cannot be read"):
        read_jobs(place / "gone.toml")
