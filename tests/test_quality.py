"""docs/quality: the figures say what pictures show, on one painting, small."""

import re
from dataclasses import replace

import numpy as np
import pytest
from portraits import portrait_path

from addon.core.attributes import ANGLES, NAMES, UNITS
from addon.core.faces import FaceReader
from addon.core.faces.expression import READINGS
from addon.core.pack import find_pack
from addon.core.session import Generator
from docs.quality.acting import Acted, act
from docs.quality.measure import TABLE, recorded
from docs.quality.mouth_and_lids import openings
from docs.quality.pixels import IDENTICAL, at_rest, largest_jump, made_up, psnr, touched
from docs.quality.report import Measured, report
from docs.quality.response import LEVELS, TURNS, angle_figures, asked_steps, ramps, unit_figures
from docs.quality.sheet import LARGEST, sheet, sheet_steps
from docs.quality.subject import subject


@pytest.fixture(scope="module")
def painting():
    """The painting at 256 pixels; `ticks` counts what it was asked for."""
    ticks = []
    one = subject(
        portrait_path("mona_lisa"),
        Generator(find_pack("zygoma-base"), "CPU", threads=1),
        FaceReader(threads=1),
        lambda: ticks.append(1),
        size=256,
        workers=2,
    )
    return one, ticks


@pytest.fixture(scope="module")
def read(painting):
    one, ticks = painting
    names = ("AU12", "AU25", "AU45", "pose_yaw")
    before = len(ticks)
    found = ramps(one, names)
    assert len(ticks) - before == asked_steps(names)
    return found


def test_units_rise_and_the_others_are_told(read):
    assert {name: len(ramp) for name, ramp in read.items()} == {
        "AU12": len(LEVELS), "AU25": len(LEVELS), "AU45": len(LEVELS), "pose_yaw": len(TURNS)
    }  # fmt: skip
    smile, blink = unit_figures("AU12", read["AU12"]), unit_figures("AU45", read["AU45"])
    assert smile["rises"] and smile["read"][-1] - smile["read"][0] > 0.4
    assert blink["rises"] and blink["read"][-1] > 0.5
    assert set(smile["others"]) == set(READINGS) - {"AU12"}
    assert abs(smile["others"]["AU26"]) < 0.2
    assert 0.05 < smile["moved"] < 0.3


def test_a_unit_that_is_asked_for_the_other_way_does_not_rise(read):
    assert not unit_figures("AU12", read["AU12"][::-1])["rises"]
    assert not unit_figures("AU26", [read["AU12"][0]] * len(LEVELS))["rises"]


def test_a_lost_face_is_no_figure(read):
    assert unit_figures("AU12", [*read["AU12"][:-1], None]) is None
    assert angle_figures("pose_yaw", [None, *read["pose_yaw"][1:]]) is None


def test_a_turn_is_read_as_asked(read):
    yaw = angle_figures("pose_yaw", read["pose_yaw"])
    assert yaw["gain"] == pytest.approx(1, abs=0.35)
    assert yaw["read"][TURNS.index(0)] == 0 and yaw["read"] == sorted(yaw["read"])
    assert set(yaw["others"]) == {"pose_pitch", "pose_roll"} and max(yaw["others"].values()) < 8


def test_lips_part_and_lids_shut(read):
    found = openings(read)
    assert found["lips_at_rest"] < 0.05 < found["lips"]
    assert found["lids"] < 0.5


def test_rest_is_the_photo_and_a_touch_hardly_another(painting):
    one, _ = painting
    assert at_rest(one) == {"photo": True, "crop": IDENTICAL}
    assert min(touched(one, ("AU12", "AU45", "pose_yaw")).values()) > 40


def test_nothing_jumps_and_what_is_made_up_is_told(painting):
    one, _ = painting
    assert 1 <= largest_jump(one, ("AU12",))["AU12"] < 3
    shares = made_up(one, ("AU12", "AU26", "pose_yaw"))
    assert 0 < shares["AU26"] < shares["pose_yaw"] < 0.5


def test_decibels():
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(grey, grey) == IDENTICAL
    assert psnr(grey, grey + 1) == pytest.approx(48.13, abs=0.01)


def test_a_recording_is_read_in_the_frames(painting):
    one, _ = painting
    acted = act(one, recorded(TABLE)[::4])
    assert acted.lost == 0 and acted.rows == len(recorded(TABLE)[::4])
    assert acted.figures["AU12"]["r"] > 0.8 and acted.figures["AU12"]["slope"] > 0.3
    assert acted.figures["pose_yaw"]["r"] > 0.9


def test_the_sheet_is_small_and_whole(painting, tmp_path):
    from PIL import Image

    one, ticks = painting
    before = len(ticks)
    sheet(one, tmp_path / "sheet.jpg")
    assert len(ticks) - before == sheet_steps()
    assert (tmp_path / "sheet.jpg").stat().st_size <= LARGEST
    with Image.open(tmp_path / "sheet.jpg") as picture:
        assert picture.width > 1000 and picture.getextrema() != ((0, 0),) * 3


UNIT = {"read": [0, 0.1, 0.2, 0.3, 0.5], "rises": True, "moved": 0.1, "others": {"AU26": -0.2}}
ANGLE = {"read": [-20, -10, 0, 10, 20], "gain": 1.0, "others": {"pose_roll": 2.0}}


def invented(name: str) -> Measured:
    return Measured(
        name=name,
        units={unit: UNIT for unit in UNITS},
        angles={angle: ANGLE for angle in ANGLES},
        openings={"lips_at_rest": 0.01, "lips": 0.2, "lids": 0.2},
        smile={"before": 0.7, "after": 0.1, "made": True},
        rest={"photo": True, "crop": IDENTICAL},
        touched=dict.fromkeys(NAMES, 60.0),
        jumps=dict.fromkeys(NAMES, 1.1),
        made_up=dict.fromkeys(NAMES, 0.01),
        lost=0,
    )


@pytest.mark.parametrize("count", [1, 6])
def test_every_table_of_the_report_is_even(count):
    photos = [invented(f"p{i}") for i in range(count)]
    photos[0] = replace(photos[0], units={**photos[0].units, "AU12": None}, lost=3)
    text = report(photos, Acted(9, 1, {"AU12": {"r": 0.9, "slope": -0.001}}), {"x.png": "no face"}, "a-pack", "t.csv")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 6
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "Not measured: x.png: no face" in text and "lost the face in 3" in text
    assert "-0.00" not in text and "$" not in text and "None" not in text and "nan" not in text
    assert f"| {count - 1} of {count} |" in text
