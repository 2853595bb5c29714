"""Tables of Action Units that are read: real ones value by value, and what other programs make of them."""

import csv

import numpy as np
import pytest

from addon.core.attributes import ANGLES, AT_UNITS, COMMON, INDEX, NAMES, UNITS
from addon.core.errors import TableError
from addon.core.faces.pose import angles, line_of_sight, rotation
from addon.core.tables import GAINS, describe, read_table, to_track

POSE = ("pose_Rx", "pose_Ry", "pose_Rz")
PLACE = ("pose_Tx", "pose_Ty", "pose_Tz")
OPENFACE_UNITS = COMMON[3:]
INTENSITIES = tuple(f"{unit}_r" for unit in OPENFACE_UNITS)
LEADING = ("frame", "face_id", "timestamp", "confidence", "success")

READABLE = {  # name: (rows of the face shown, rows a second, attributes, rows that failed)
    "of1_full_idinteraction.csv": (9, 30.0, 20, 0),
    "of1_missing_value_idinteraction.csv": (9, 30.0, 20, 0),
    "of2_full_25fps_icface00116.csv": (150, 25.0, 22, 0),
    "of22_nospace_pose_aus_15fps_default.csv": (288, 15.0, 20, 0),
    "of2_vidmulti_aus_24fps_clip1.csv": (331, 24.0, 17, 31),
    "of2_aus_30fps_clip10.csv": (300, 30000 / 1001, 17, 1),
    "of2_img_aus_moodgan_face.csv": (1, None, 17, 0),
    "pandas_clean_25fps_au01_demo.csv": (400, 25.0, 22, 0),
    "pandas_clean_30fps_au01_headtest.csv": (400, 30.0, 22, 0),
    "au_only_no_time_ravdess.csv": (98, 20.0, 17, 0),
    "of1_full_noface_id_pyfeat.csv": (100, 20.0, 20, 0),
}
NEEDS_RATE = ("au_only_no_time_ravdess.csv", "of1_full_noface_id_pyfeat.csv")


def of_openface(table):
    """The intensities [F,17] that OpenFace knows; the others rest."""
    assert not table.intensities[:, len(OPENFACE_UNITS) :].any()
    return table.intensities[:, : len(OPENFACE_UNITS)]


def recording(rows=60, fps=25.0, seed=0):
    """Rows of a full table as lists of numbers under LEADING + POSE + INTENSITIES."""
    random = np.random.default_rng(seed)
    return [
        [i + 1, 0, i / fps, 0.98, 1, *random.uniform(-0.4, 0.4, 3).round(3), *random.uniform(0, 4, 17).round(2)]
        for i in range(rows)
    ]


def text_of(
    rows, columns=(*LEADING, *POSE, *INTENSITIES), separator=", ", decimal=".", header_separator=None, end="\n"
):
    def cell(value):
        shown = value if isinstance(value, str) else f"{value:.3f}" if isinstance(value, float) else str(value)
        return shown.replace(".", decimal) if not isinstance(value, str) else shown

    lines = [(header_separator or separator).join(columns)]
    lines += [separator.join(cell(value) for value in row) for row in rows]
    return end.join(lines) + end


def saved(tmp_path, text, name="clip.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def assert_same(table, rows, points=1.0):
    expected = np.array([row[-20:] for row in rows], float)
    np.testing.assert_allclose(table.pose, expected[:, :3], atol=1e-6)
    np.testing.assert_allclose(of_openface(table), expected[:, 3:] * points, atol=1e-5)


@pytest.mark.parametrize("name", READABLE)
def test_real_table_equals_its_file(shared, name):
    rows, rate, attributes, failed = READABLE[name]
    path = shared / "openface" / name
    table = read_table(path, rate=20.0 if name in NEEDS_RATE else None)
    assert len(table) == rows
    assert table.rate == (None if rate is None else pytest.approx(rate, rel=1e-6))
    assert len(table.present) == attributes
    assert (~table.valid).sum() == failed

    text = path.read_text().splitlines()
    separator = ";" if ";" in text[0] else ","
    own = list(csv.DictReader([line.replace(" ", "") for line in text], delimiter=separator))
    own = [row for row in own if int(row.get("face_id") or row.get("face") or 0) == table.face]
    np.testing.assert_allclose(of_openface(table), [[float(r[n]) for n in INTENSITIES] for r in own], atol=1e-6)
    if "pose_Rx" in own[0]:
        turned = [[float(r[n]) for n in POSE] for r in own]
        if "pose_Tx" in own[0]:
            sights = line_of_sight(np.array([[float(r[n]) for n in PLACE] for r in own])[table.valid])
            turned = np.array(turned)
            turned[table.valid] = [
                angles(sight.T @ rotation(pose)) for sight, pose in zip(sights, turned[table.valid], strict=True)
            ]
        np.testing.assert_allclose(table.pose[table.valid], np.array(turned)[table.valid], atol=1e-6)
    if "timestamp" in own[0] and name not in NEEDS_RATE:
        np.testing.assert_allclose(table.times, [float(r["timestamp"]) for r in own], atol=0.0011)
    if "frame" in own[0]:
        assert table.frames.tolist() == [int(r["frame"]) for r in own]


@pytest.mark.parametrize("name", NEEDS_RATE)
def test_table_without_clock_asks_for_a_rate(shared, name):
    with pytest.raises(
        TableError, match=rf"^{name} has no usable clock, so say how many rows a second it has: its? .*\.$"
    ):
        read_table(shared / "openface" / name)
    table = read_table(shared / "openface" / name, need_clock=False)
    assert table.times is None
    assert any(line.startswith("Clock: none") for line in describe(table))
    with pytest.raises(TableError, match="no usable clock"):
        to_track(table)
    times = read_table(shared / "openface" / name, rate=50).times
    np.testing.assert_allclose(np.diff(times), 0.02)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("of22_pose_only_trailing_space.csv", "without Action Units"),
        ("of2_derived_FE_mixedspaces_clip10.csv", "derived from an OpenFace table"),
        ("pyfeat_fex_v0_video_001.csv", "py-feat"),
        ("pyfeat_fex_v2_mp_blendshapes.csv", "py-feat"),
        ("livelink_face_jmtech.csv", "Live Link Face"),
    ],
)
def test_other_real_tables_are_refused_by_name(shared, name, words):
    with pytest.raises(TableError, match=rf"^{name} [^\n]*{words}[^\n]*\.$"):
        read_table(shared / "openface" / name)


def test_real_faces_gaps_and_failed_rows(shared):
    path = shared / "openface" / "of2_vidmulti_aus_24fps_clip1.csv"
    table = read_table(path)
    assert table.faces == (0, 1)
    assert table.face == 0
    assert table.times[0] == pytest.approx(1.0)
    missing = sorted(set(range(25, 438)) - set(table.frames.tolist()))
    assert missing[:3] == [32, 211, 212]
    gap = table.frames.tolist().index(210)
    assert table.times[gap + 1] - table.times[gap] == pytest.approx((217 - 210) / 24)
    assert (table.confidence[table.valid] >= 0.7).all()
    assert len(read_table(path, face=1)) == 69
    with pytest.raises(TableError, match=r"has no face 7: it has 0 \(331 rows\), 1 \(69 rows\)"):
        read_table(path, face=7)
    lines = describe(table)
    assert "Table: OpenFace 2.x, several faces (FaceLandmarkVidMulti)" in lines
    assert any(line.startswith("Gaps: 5, 82 rows missing") for line in lines)


def test_real_formats(shared):
    def said(name):
        return read_table(shared / "openface" / name, rate=30).format

    assert said("of1_full_idinteraction.csv") == "OpenFace 1.x, video"
    assert said("of2_full_25fps_icface00116.csv") == "OpenFace 2.x, video"
    assert said("of2_img_aus_moodgan_face.csv") == "OpenFace 2.x, pictures (FaceLandmarkImg)"
    assert said("pandas_clean_25fps_au01_demo.csv") == "OpenFace columns, saved again by another program"


def test_real_divided_tables_are_suspected_and_decided_by_the_user(shared):
    path = shared / "openface" / "pandas_clean_25fps_au01_demo.csv"
    table = read_table(path)
    assert table.divided
    assert any("divided by 5" in line for line in table.report)
    assert any(line.startswith("Suspicion") for line in describe(table))
    told = read_table(path, divided=True)
    np.testing.assert_allclose(told.intensities, table.intensities * 5, rtol=1e-6)
    calm = read_table(path, divided=False)
    np.testing.assert_array_equal(calm.intensities, table.intensities)
    assert not any("may have been" in line for line in calm.report)
    assert not read_table(shared / "openface" / "of2_full_25fps_icface00116.csv").divided


def test_calm_face_in_an_untouched_table_is_not_suspected(tmp_path):
    rows = [[*row[:8], *np.round(np.array(row[8:]) / 5, 2)] for row in recording()]
    columns = (*LEADING, *POSE, *INTENSITIES, "AU01_c")
    table = read_table(saved(tmp_path, text_of([[*row, 0.0] for row in rows], columns)))
    assert table.intensities.max() <= 1
    assert not table.divided
    fifths = [[*row[:8], *(np.array(row[8:]) / 5), 0.0] for row in recording()]
    assert read_table(saved(tmp_path, text_of(fifths, columns))).divided


@pytest.mark.parametrize(
    ("separator", "header_separator", "decimal", "end"),
    [
        (", ", None, ".", "\n"),
        (",", ", ", ".", "\n"),
        (", ", ",", ".", "\r\n"),
        (",  ", ", ", ".", "\n"),
        (";", None, ".", "\n"),
        (";", None, ",", "\r\n"),
        ("\t", None, ",", "\n"),
        ("\t", None, ".", " \n"),
        (", ", None, ",", "\n"),
        (",", None, ".", ",\n"),
        (",", None, ".", "\n\n"),
    ],
)
def test_separators_decimals_and_line_ends(tmp_path, separator, header_separator, decimal, end):
    rows = recording()
    text = text_of(rows, separator=separator, header_separator=header_separator, decimal=decimal, end=end)
    table = read_table(saved(tmp_path, text))
    assert_same(table, rows)
    assert table.rate == 25
    assert any("Decimal commas" in line for line in table.report) == (decimal == ",")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_read_and_said(tmp_path, encoding):
    rows = recording()
    table = read_table(saved(tmp_path, text_of(rows), encoding=encoding))
    assert_same(table, rows)
    assert any(("UTF-16" if "16" in encoding else "byte order mark") in line for line in table.report)


def test_index_columns_column_order_and_rs_names(tmp_path):
    rows = recording()
    order = np.random.default_rng(3).permutation(25)
    columns = [(*LEADING, *POSE, *INTENSITIES)[i] for i in order]
    shuffled = [[i, *(row[j] for j in order)] for i, row in enumerate(rows)]
    pandas = text_of(shuffled, ("", *columns), separator=",")
    assert_same(read_table(saved(tmp_path, pandas)), rows)

    names = ['"X"', *(f'"X.{name}"' for name in columns)]
    r = text_of([[f'"{i + 1}"', *row[1:]] for i, row in enumerate(shuffled)], names, separator=";", decimal=",")
    assert_same(read_table(saved(tmp_path, r)), rows)

    short_header = text_of(
        [[f'"{i + 1}"', *row[1:]] for i, row in enumerate(shuffled)], [f'"{name}"' for name in columns], separator="\t"
    )
    table = read_table(saved(tmp_path, short_header))
    assert_same(table, rows)
    assert any("row names" in line for line in table.report)

    quoted = text_of([[f'"{value}"' for value in row[1:]] for row in shuffled], columns, separator=",")
    assert_same(read_table(saved(tmp_path, quoted.replace(".", ","))), rows)
    excel = "sep=;\n\n" + text_of(rows, separator=";", decimal=",")
    assert_same(read_table(saved(tmp_path, excel)), rows)


def test_missing_columns_rest_and_are_said(tmp_path):
    rows = [[*row[:3], *row[8:20]] for row in recording()]
    table = read_table(saved(tmp_path, text_of(rows, (*LEADING[:3], *INTENSITIES[:12]))))
    assert table.present == frozenset(UNITS[:12])
    assert (table.confidence == 1).all()
    assert table.valid.all()
    assert any("Not in the table" in line and "AU45_r" in line and "pose_Rx" in line for line in table.report)
    track = to_track(table)
    assert (track.values[:, INDEX["AU45"]] == 0).all()
    assert track.present == table.present


def test_empty_and_nan_cells_make_their_rows_failed(tmp_path):
    rows = recording()
    rows[4][10], rows[7][12], rows[9][9], rows[11][15] = "-nan(ind)", "", "NaN", "1.#QNAN"
    table = read_table(saved(tmp_path, text_of(rows)))
    assert np.flatnonzero(~table.valid).tolist() == [4, 7, 9, 11]
    assert "4 empty or NaN cells in 4 rows: these rows count as failed." in table.report
    assert np.isfinite(table.intensities).all()
    kept = [row for i, row in enumerate(rows) if table.valid[i]]
    np.testing.assert_allclose(of_openface(table)[table.valid], np.array([r[8:] for r in kept], float), atol=1e-6)


def test_column_without_any_number_rests(tmp_path):
    rows = recording()
    for row in rows:
        row[-1] = ""
    table = read_table(saved(tmp_path, text_of(rows)))
    assert table.valid.all()
    assert "AU45" not in table.present
    assert "Without a single number, so at rest: AU45_r." in table.report


def test_failed_rows_by_success_and_confidence(tmp_path):
    rows = recording()
    rows[3][4] = 0
    rows[5][3] = 0.69
    rows[6][3] = 0.70
    rows[8][5:] = [0.0] * 20
    path = saved(tmp_path, text_of(rows))
    assert np.flatnonzero(~read_table(path).valid).tolist() == [3, 5]
    assert np.flatnonzero(~read_table(path, minimum_confidence=0.9).valid).tolist() == [3, 5, 6]


def test_rows_of_zeros_are_failed_where_no_column_says_so_and_at_rest_else(tmp_path):
    rows = recording()
    rows[8][5:] = [0.0] * 20
    assert read_table(saved(tmp_path, text_of(rows))).valid.all()
    kept = [i for i, name in enumerate((*LEADING, *POSE, *INTENSITIES)) if name not in ("success", "confidence")]
    bare = [[row[i] for i in kept] for row in rows]
    columns = [(*LEADING, *POSE, *INTENSITIES)[i] for i in kept]
    assert np.flatnonzero(~read_table(saved(tmp_path, text_of(bare, columns))).valid).tolist() == [8]


def test_rows_averaged_with_failed_ones_fail_too(tmp_path):
    rows = recording()
    rows[20][4] = 0
    columns = (*LEADING, *POSE, *INTENSITIES, "AU01_c")
    averaged = read_table(saved(tmp_path, text_of([[*row, "0.00"] for row in rows], columns)))
    assert np.flatnonzero(~averaged.valid).tolist() == [19, 20, 21]
    assert any(line.endswith("failed too: 2 rows beside them.") for line in averaged.report)
    two = read_table(saved(tmp_path, text_of([[*row, "1.00"] for row in rows[20:22]], columns)), need_clock=False)
    assert two.valid.tolist() == [False, False]
    several = read_table(saved(tmp_path, text_of([[*row, "0.0"] for row in rows], columns)))
    assert np.flatnonzero(~several.valid).tolist() == [20]


def test_cut_last_line_is_left_out_and_said(tmp_path):
    rows = recording()
    text = text_of(rows)
    table = read_table(saved(tmp_path, text[: text.rindex(",", 0, -60)]))
    assert_same(table, rows[:-1])
    assert any(line.startswith("Line 61, the last, is cut off") for line in table.report)


def test_unordered_and_double_timestamps(tmp_path):
    rows = recording()
    doubled = [*rows[:10], rows[9], *rows[20:30], *rows[10:20], *rows[30:]]
    table = read_table(saved(tmp_path, text_of(doubled)))
    assert_same(table, rows)
    assert (np.diff(table.times) > 0).all()
    assert "The timestamps are not in order: rows sorted by them." in table.report
    assert "1 row with timestamps that came before left out." in table.report
    assert all(len(values) == len(table) for values in (table.gaze, table.pose, table.intensities, table.valid))
    assert len(to_track(table).values) == len(table)
    assert table.lines[:11].tolist() == [*range(2, 12), 23]


def test_of_two_rows_at_one_instant_the_trusted_stays(tmp_path):
    rows = recording()
    bad = [*rows[9][:4], 0, *[0.0] * 20]
    table = read_table(saved(tmp_path, text_of([*rows[:9], bad, *rows[9:]])))
    assert_same(table, rows)
    assert table.valid.all()


@pytest.mark.parametrize("fps", [15.0, 24.0, 24000 / 1001, 25.0, 30000 / 1001, 30.0, 50.0, 60.0])
def test_rounded_clock_is_made_exact(tmp_path, fps):
    rows = recording(400, fps)
    del rows[100:130]
    table = read_table(saved(tmp_path, text_of(rows)))
    assert table.rate == pytest.approx(fps, rel=1e-9)
    frames = np.r_[0:100, 130:400]
    np.testing.assert_allclose(table.times, frames / fps, atol=1e-9)


def test_uneven_clock_stays_as_it_is(tmp_path):
    rows = recording(200)
    jitter = np.random.default_rng(1).uniform(-0.012, 0.012, 200).round(3)
    for row, late in zip(rows, jitter, strict=True):
        row[2] = round(row[2] + 1 + late, 3)
    table = read_table(saved(tmp_path, text_of(rows)))
    np.testing.assert_allclose(table.times, [row[2] for row in rows], atol=1e-9)
    assert table.rate == pytest.approx(25, rel=0.1)
    assert any("uneven" in line for line in table.report)


def test_rate_places_rows_by_frame_number(tmp_path):
    rows = recording()
    del rows[10:15]
    table = read_table(saved(tmp_path, text_of(rows)), rate=50)
    np.testing.assert_allclose(table.times, np.r_[0:10, 15:60] / 50)
    assert any("the file's own clock says 25" in line for line in table.report)


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (lambda i: 0.0, "most of its timestamps are the same"),
        (lambda i: i * 0.001, "1,000 rows a second"),
        (lambda i: i * 40.0, "hardly seconds"),
        (lambda i: "00:01", "no numbers of seconds"),
        (lambda i: "", "no numbers of seconds"),
    ],
)
def test_unusable_clocks_name_their_reason(tmp_path, clock, words):
    rows = recording()
    for i, row in enumerate(rows):
        row[2] = clock(i)
    path = saved(tmp_path, text_of(rows))
    with pytest.raises(
        TableError, match=rf"^clip.csv has no usable clock, so say how many rows [^\n]*{words}[^\n]*\.$"
    ):
        read_table(path)
    table = read_table(path, rate=25)
    assert_same(table, rows)
    np.testing.assert_allclose(table.times, np.arange(60) / 25)


def test_one_row_is_a_still(tmp_path, shared):
    table = read_table(shared / "openface" / "of2_img_aus_moodgan_face.csv")
    assert table.is_still
    assert table.rate is None
    track = to_track(table)
    assert len(track) == 1
    assert track.values[0, INDEX["AU17"]] == pytest.approx(0.82 / 5 * GAINS["AU17"])
    rows = recording(1)
    table = read_table(saved(tmp_path, text_of([row[5:] for row in rows], (*POSE, *INTENSITIES))))
    assert table.is_still
    assert table.times.tolist() == [0.0]


def test_several_faces_in_a_picture(tmp_path):
    rows = [[face, 0.9, *row[8:]] for face, row in enumerate(recording(3))]
    path = saved(tmp_path, text_of(rows, ("face", "confidence", *INTENSITIES)))
    table = read_table(path, face=2)
    assert table.faces == (0, 1, 2)
    assert table.is_still
    np.testing.assert_allclose(of_openface(table)[0], rows[2][2:], atol=1e-6)


def test_gaze_is_taken_into_the_head(tmp_path):
    """Eyes that look where the nose points rest, however the head is turned; OpenFace's x is to the picture's right,
    the property's yaw to its left."""
    columns = (*LEADING, "gaze_angle_x", "gaze_angle_y", *POSE, *INTENSITIES)

    def gaze(look, pose):
        row = [1, 0, 0.0, 0.98, 1, *(float(value) for value in (*look, *pose)), *[0.0] * 17]
        return read_table(saved(tmp_path, text_of([row], columns))).gaze[0]

    np.testing.assert_allclose(gaze((0, 0), (0, 0, 0)), (0, 0), atol=1e-6)
    np.testing.assert_allclose(gaze((0.2, 0.1), (0, 0, 0)), (0.1, -0.2), atol=1e-6)
    np.testing.assert_allclose(gaze((-0.3, 0), (0, 0.3, 0)), (0, 0), atol=1e-6)
    np.testing.assert_allclose(gaze((0, 0.25), (0.25, 0, 0)), (0, 0), atol=1e-6)
    np.testing.assert_allclose(gaze((0, 0), (0.25, 0, 0)), (-0.25, 0), atol=1e-6)
    np.testing.assert_allclose(gaze((0, 0), (0, 0.3, 0)), (0, -0.3), atol=1e-6)
    np.testing.assert_allclose(gaze((0.2, 0), (0, 0, np.pi / 2)), (-0.2, 0), atol=2e-3)


def placed(tmp_path, place, pose=(0.0, 0.0, 0.0), look=(0.0, 0.0)):
    """The table of one row whose head stands at `place`, in millimetres from the camera."""
    columns = (*LEADING, "gaze_angle_x", "gaze_angle_y", *PLACE, *POSE, *INTENSITIES)
    row = [1, 0, 0.0, 0.98, 1, *(float(value) for value in (*look, *place, *pose)), *[0.0] * 17]
    return read_table(saved(tmp_path, text_of([row], columns)))


def test_a_head_beside_the_cameras_axis_is_turned_as_the_picture_shows_it(tmp_path):
    """One that looks straight past the camera from the picture's right shows the side that is nearer to the middle."""
    np.testing.assert_allclose(placed(tmp_path, (0, 0, 500)).pose[0], 0, atol=1e-6)
    np.testing.assert_allclose(placed(tmp_path, (500, 0, 500)).pose[0], (0, -np.pi / 4, 0), atol=1e-6)
    np.testing.assert_allclose(placed(tmp_path, (0, -250, 500)).pose[0], (-np.arctan(0.5), 0, 0), atol=1e-6)
    facing = np.arctan(0.3)  # the camera itself
    np.testing.assert_allclose(placed(tmp_path, (150, 0, 500), (0, facing, 0)).pose[0], 0, atol=5e-4)
    gaze = placed(tmp_path, (150, 0, 500), (0, facing, 0), (-facing, 0)).gaze[0]
    np.testing.assert_allclose(gaze, 0, atol=1e-3)


@pytest.mark.parametrize("place", [(0, 0, -500), (900, 0, 500), (0, 0, 0)])
def test_a_place_that_no_camera_sees_leaves_the_pose_as_it_stands(tmp_path, place):
    table = placed(tmp_path, place, (0.1, 0.2, 0.3))
    np.testing.assert_allclose(table.pose[0], (0.1, 0.2, 0.3), atol=1e-6)
    assert any("pose_T" in line for line in table.report)


def test_a_place_without_a_turn_turns_nothing(tmp_path):
    rows = [[i + 1, 0, i / 25, 0.98, 1, 300.0, 0.0, 500.0, *[1.0] * 17] for i in range(3)]
    table = read_table(saved(tmp_path, text_of(rows, (*LEADING, *PLACE, *INTENSITIES))))
    assert table.valid.all() and not table.pose.any()


def test_without_the_heads_pose_gaze_says_nothing_and_rests(tmp_path):
    rows = [[i + 1, 0, i / 25, 0.98, 1, 0.3, 0.3, *[1.0] * 17] for i in range(5)]
    table = read_table(saved(tmp_path, text_of(rows, (*LEADING, "gaze_angle_x", "gaze_angle_y", *INTENSITIES))))
    assert not table.gaze.any() and not {"gaze_pitch", "gaze_yaw"} & table.present
    assert any("without the head's pose" in line for line in table.report)


def own_table(tmp_path, rows=80):
    """A table on the sliders' own scale: every unit at 1 point or more, so that a neutral would show."""
    acted = [[*row[:8], *np.clip(np.array(row[8:]) + 1, 0, 5), "zygoma"] for row in recording(rows)]
    return saved(tmp_path, text_of(acted, (*LEADING, *POSE, *INTENSITIES, "scale"))), acted


def test_own_tables_need_no_gains_and_keep_their_rest(tmp_path):
    path, acted = own_table(tmp_path)
    table = read_table(path)
    assert table.own and table.format == "Zygoma track" and not table.divided
    assert any(line.startswith("Scale: the sliders' own") for line in describe(table))
    units = np.array([row[8:-1] for row in acted], float) / 5
    for subtract in (False, True):
        track = to_track(table, subtract_neutral=subtract)
        np.testing.assert_allclose(track.values[:, AT_UNITS][:, :17], units, atol=1e-3)
        assert any("gains of 1, no neutral subtracted again" in line for line in track.report)
        assert not any("neutral was subtracted" in line for line in track.report)
    assert np.median(track.values[:, 0]) == pytest.approx(0, abs=1e-6), "a turned camera is no expression"
    asked = to_track(table, {"AU12": 0.5}).values[:, INDEX["AU12"]]
    np.testing.assert_allclose(asked, units[:, OPENFACE_UNITS.index("AU12")] / 2, atol=1e-3)


def test_another_scale_is_not_ones_own(tmp_path):
    path, _ = own_table(tmp_path)
    path.write_text(path.read_text().replace("zygoma", "metric"))
    assert not read_table(path).own


def test_degrees_are_noticed(tmp_path):
    rows = [[*row[:5], *np.degrees(row[5:8]), *row[8:]] for row in recording()]
    table = read_table(saved(tmp_path, text_of(rows)))
    np.testing.assert_allclose(table.pose, [row[5:8] for row in recording()], atol=1e-4)
    assert any("degrees" in line for line in table.report)


def test_gains_and_as_it_is(shared):
    table = read_table(shared / "openface" / "of2_full_25fps_icface00116.csv")
    plain = to_track(table, None)
    np.testing.assert_allclose(plain.values[:, AT_UNITS], table.intensities / 5, rtol=1e-6)
    np.testing.assert_array_equal(plain.values[:, :3], table.pose)
    track = to_track(table)
    for name in NAMES:
        expected = plain.values[:, INDEX[name]] * GAINS[name]
        if name not in ANGLES:
            expected = np.clip(expected, 0, 1)
        np.testing.assert_allclose(track.values[:, INDEX[name]], expected, rtol=1e-5, atol=1e-7)
    over = int((table.intensities[:, UNITS.index("AU25")] / 5 * GAINS["AU25"] > 1).sum())
    assert over > 0
    assert any(line.startswith(f"AU25 passes 1 in {over} rows") for line in track.report)
    half = to_track(table, {"AU12": 0.5})
    np.testing.assert_allclose(half.values[:, INDEX["AU12"]], plain.values[:, INDEX["AU12"]] / 2, rtol=1e-6)
    np.testing.assert_array_equal(half.values[:, INDEX["AU25"]], plain.values[:, INDEX["AU25"]])
    with pytest.raises(TableError, match="no attribute AU99"):
        to_track(table, {"AU99": 1.0})


def test_neutral_is_subtracted_before_clamping(tmp_path):
    rows = recording(100)
    for i, row in enumerate(rows):
        row[5] = 0.3
        row[8 + UNITS.index("AU04")] = 2.0 + 0.5 * (i % 10 == 0)
    track = to_track(read_table(saved(tmp_path, text_of(rows))), subtract_neutral=True)
    column = track.values[:, INDEX["AU04"]]
    assert column.min() == 0
    assert column.max() == pytest.approx(0.5 / 5 * GAINS["AU04"], abs=1e-6)
    assert np.abs(track.values[:, INDEX["pose_pitch"]]).max() < 1e-6


def test_ten_thousand_full_rows_become_one_track_of_few_keys(tmp_path, shared):
    lines = (shared / "openface" / "of2_full_25fps_icface00116.csv").read_text().splitlines()
    rows = []
    for i in range(10_000):
        cells = lines[1 + i % 150].split(", ")
        cells[0], cells[2] = str(i + 1), f"{i / 25:.3f}"
        rows.append(", ".join(cells))
    path = saved(tmp_path, "\n".join([lines[0], *rows]) + "\n")
    table = read_table(path)
    track = to_track(table, subtract_neutral=True).bridge(0.5)
    keys = track.simplify(0.01)
    assert len(table) == 10_000
    assert len(keys) == 22
    assert all(len(times) < 7_000 for times, _ in keys.values())
    assert sum(len(times) for times, _ in keys.values()) < 0.3 * 22 * 10_000
