"""Tables that cannot be read: each is refused with one sentence that names the file and what is wrong with it."""

import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tables import INTENSITIES, LEADING, POSE, recording, saved, text_of

from addon.core.errors import TableError
from addon.core.tables import read_table, to_track

COLUMNS = (*LEADING, *POSE, *INTENSITIES)


def refused(path, *words, **options):
    """Reading fails with one plain sentence that begins with the file's name and holds the words."""
    with pytest.raises(TableError) as caught:
        to_track(read_table(path, **options))
    message = str(caught.value)
    assert message.startswith(path.name)
    assert message.endswith(".")
    assert "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message), message
    assert len(message) < 300
    for word in words:
        assert word in message, message
    return message


def test_missing_file_folder_and_pipe(tmp_path):
    refused(tmp_path / "none.csv", "does not exist")
    refused(tmp_path, "is a folder")
    os.mkfifo(tmp_path / "pipe.csv")
    refused(tmp_path / "pipe.csv", "not a plain file")


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"   \r\n"])
def test_empty(tmp_path, content):
    refused(saved(tmp_path, content), "is empty")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("tail", ["", "\n\n"])
def test_header_only(tmp_path, encoding, tail):
    refused(saved(tmp_path, text_of([]).rstrip("\n") + tail, encoding=encoding), "a header but no rows")


def test_header_and_a_cut_line_only(tmp_path):
    refused(saved(tmp_path, text_of([]) + "1, 0, 0.0"), "a header but no whole row")


def test_binary_files(tmp_path):
    refused(saved(tmp_path, np.random.default_rng(0).bytes(5000)), "a binary file")
    refused(saved(tmp_path, bytes(5000)), "is empty")
    refused(saved(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(100)), "a PNG picture")
    refused(saved(tmp_path, b"\x00\x00\x00\x20ftypisom" + bytes(100)), "a movie")
    with zipfile.ZipFile(tmp_path / "sheet.csv", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    refused(tmp_path / "sheet.csv", "workbook", "save its sheet as CSV")


def test_binary_after_a_good_header(tmp_path):
    path = saved(tmp_path, text_of([]).encode() + np.random.default_rng(0).bytes(200))
    refused(path)


def test_a_gigabyte_is_refused_unread(tmp_path):
    path = saved(tmp_path, text_of(recording()))
    os.truncate(path, 2**30)
    refused(path, "1,024 MB", "at most 512 MB")


def test_a_tail_of_zero_bytes_counts_as_a_cut_line(tmp_path):
    path = saved(tmp_path, text_of(recording()))
    os.truncate(path, path.stat().st_size + 50)
    table = read_table(path)
    assert len(table) == 60
    assert any("is cut off" in line for line in table.report)


def test_one_endless_line(tmp_path):
    refused(saved(tmp_path, "AU01_r," * 200_000), "first line is longer")


def test_other_tables_say_what_they_are(tmp_path):
    rows = [[1, 2.0, 3.0], [2, 2.0, 3.0]]
    refused(saved(tmp_path, text_of(rows, ("date", "open", "close"))), "another program's table", "date, open, close")
    refused(saved(tmp_path, text_of(rows, ("frame", "AU01_c", "AU02_c"))), "only presences", "-aus")
    refused(saved(tmp_path, text_of(rows, ("frame", "pose_Rx", "gaze_0_x"))), "without Action Units", "-aus")
    refused(saved(tmp_path, text_of(rows, ("frame", "AU01", "AU02"))), "end in _r")
    refused(saved(tmp_path, text_of(rows, ("frame", "FE01", "FE02"))), "derived from an OpenFace table")
    refused(saved(tmp_path, text_of(rows, ("timestamp", "face_detection", "action_units"))), "OpenFace 3")
    refused(saved(tmp_path, text_of(rows, ("Timecode", "BlendShapeCount", "JawOpen"))), "Live Link Face")
    refused(saved(tmp_path, text_of(rows, ("FaceRectX", "AU01", "Pitch"))), "py-feat")
    refused(saved(tmp_path, text_of(rows, ("1", "2.0", "3.0"))), "no header line")
    refused(saved(tmp_path, '{"AU01": [1, 2], "AU02": [2, 3]}'), "JSON")
    refused(saved(tmp_path, "Dear all,\nplease find attached\n"), "another program's table")


@pytest.mark.parametrize("separator", ["|", ":", " ", "~"])
def test_unknown_separator(tmp_path, separator):
    refused(saved(tmp_path, text_of(recording(), separator=separator)), "neither commas, semicolons nor tabs")


def test_decimal_commas_between_commas(tmp_path):
    text = text_of(recording(), separator=",", decimal=",")
    refused(saved(tmp_path, text), "line 2", "decimal commas", "semicolons")


def test_words_among_the_numbers_name_line_and_column(tmp_path):
    rows = recording()
    rows[6][8] = "strong"
    refused(saved(tmp_path, text_of(rows)), "line 8", "column AU01_r", "column 9", "'strong'")
    rows[6][8] = "1.234,5"
    refused(saved(tmp_path, text_of(rows, separator=";")), "line 8", "AU01_r", "'1.234,5'")


def test_short_and_long_lines_inside_the_table(tmp_path):
    rows = recording()
    rows[6] = rows[6][:10]
    refused(saved(tmp_path, text_of(rows)), "line 8", "10 cells", "25 columns")
    rows[6] = [*recording()[6], 1, 2]
    refused(saved(tmp_path, text_of(rows)), "line 8", "27 cells", "25 columns")


def test_two_tables_in_one_file(tmp_path):
    refused(saved(tmp_path, text_of(recording()) + text_of(recording())), "line 62 repeats the header")


def test_a_column_named_twice(tmp_path):
    rows = [[*row, 1.0] for row in recording()]
    refused(saved(tmp_path, text_of(rows, (*COLUMNS, "AU12_r"))), "AU12_r more than once", "columns 17, 26")


def test_no_row_to_trust(tmp_path):
    rows = [[*row[:3], 0.2, 0, *row[5:]] for row in recording()]
    refused(saved(tmp_path, text_of(rows)), "no row that can be trusted")


def test_impossible_requests(tmp_path):
    path = saved(tmp_path, text_of(recording()))
    refused(path, "no face 3", "0 (60 rows)", face=3)
    for rate in (0, -25, float("nan"), float("inf")):
        refused(path, "rate", rate=rate)
    plain = saved(tmp_path, text_of([row[2:] for row in recording()], COLUMNS[2:]), "plain.csv")
    refused(plain, "no face 1", face=1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_never_end_in_a_traceback(tmp_path, data):
    whole = text_of(recording(12)).encode()
    cut = data.draw(st.integers(0, len(whole)), "cut")
    place = data.draw(st.integers(0, cut), "place")
    junk = data.draw(st.binary(max_size=40), "junk")
    path = saved(tmp_path, whole[:place] + junk + whole[place:cut])
    try:
        table = read_table(path, need_clock=False)
    except TableError as error:
        assert str(error).startswith(path.name)
        assert "\n" not in str(error)
    else:
        assert np.isfinite(table.intensities).all()
        assert np.isfinite(table.pose).all()
        assert table.times is None or (np.diff(table.times) > 0).all()
