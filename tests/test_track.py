"""AttributeTrack: what happens to recordings between a table and F-curves or frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from addon.core.attributes import INDEX, IS_ANGLE, NAMES
from addon.core.errors import TableError
from addon.core.track import AttributeTrack

A = len(NAMES)


def track_of(column, fps=25.0, valid=None, start=0.0, frames=None) -> AttributeTrack:
    """A track whose every attribute runs through `column`."""
    column = np.asarray(column, np.float32)
    frames = np.arange(len(column)) if frames is None else np.asarray(frames)
    return AttributeTrack(
        times=start + frames / fps,
        values=np.repeat(column[:, None], A, axis=1),
        valid=np.ones(len(column), bool) if valid is None else np.asarray(valid, bool),
        rate=fps,
        name="clip.csv",
    )


curves = arrays.arrays(np.float32, st.integers(2, 60), elements=st.floats(0, 1, width=32))


@settings(max_examples=80, deadline=None)
@given(column=curves, fps=st.sampled_from([15.0, 24.0, 25.0, 30000 / 1001, 30.0, 60.0]), start=st.floats(0, 100))
def test_resampling_at_its_own_rate_changes_nothing(column, fps, start):
    track = track_of(column, fps, start=start)
    again = track.resample(fps)
    np.testing.assert_allclose(again.times, track.times, atol=1e-9)
    np.testing.assert_allclose(again.values, track.values, atol=1e-5)
    assert again.valid.all()
    np.testing.assert_array_equal(again.rows, track.rows)


def test_resampling_is_linear_on_the_clock():
    track = track_of([0.0, 0.5, 1.0, 0.0], fps=10)
    double = track.resample(20)
    np.testing.assert_allclose(double.values[:, 3], [0, 0.25, 0.5, 0.75, 1, 0.5, 0], atol=1e-6)
    assert double.rate == 20
    assert double.rows.tolist() == [1, 0, 2, 0, 3, 0, 4]
    with pytest.raises(TableError, match=r"^clip.csv: a rate of 0 frames"):
        track.resample(0)


def test_resampling_does_not_trust_what_lies_in_gaps():
    track = track_of([0, 1, 1, 0], fps=10, frames=[0, 1, 5, 6])
    assert track.resample(10).valid.tolist() == [True, True, False, False, False, True, True]
    failed = track_of([0, 1, 1, 0], fps=10, valid=[1, 0, 1, 1])
    assert failed.resample(20).valid.tolist() == [True, False, False, False, True, True, True]


@settings(max_examples=150, deadline=None)
@given(
    column=arrays.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1, 1, width=32)),
    tolerance=st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5]),
    seed=st.integers(0, 99),
)
def test_simplified_curves_stay_within_the_tolerance(column, tolerance, seed):
    steps = np.random.default_rng(seed).integers(1, 4, len(column))
    track = track_of(column, frames=np.cumsum(steps))
    for name, (times, values) in track.simplify(tolerance).items():
        error = np.abs(np.interp(track.times, times, values) - track.values[:, INDEX[name]])
        assert error.max() <= tolerance + 1e-9
        assert times[0] == track.times[0]
        assert times[-1] == track.times[-1]
        assert set(times) <= set(track.times)
        assert (np.diff(times) > 0).all()


def test_simplifying_drops_what_a_line_says():
    ramp = track_of(np.r_[np.linspace(0, 1, 50), np.ones(50)])
    times, values = ramp.simplify(0.001)["AU12"]
    np.testing.assert_allclose(times, [0, 49 / 25, 99 / 25], atol=1 / 25 + 1e-9)
    assert len(values) == 3
    keys = AttributeTrack(ramp.times, ramp.values, ramp.valid, frozenset({"AU01", "pose_yaw"})).simplify(0.001)
    assert set(keys) == {"AU01", "pose_yaw"}
    wave = track_of(np.sin(np.arange(500) / 9))
    keys = wave.simplify(0.5, angle_tolerance=0.001)
    assert len(keys["pose_yaw"][0]) > 3 * len(keys["AU12"][0])


def test_simplifying_leaves_failed_rows_out():
    column = np.zeros(20)
    column[7] = 1
    times, values = track_of(column, valid=column == 0).simplify(0.01)["AU12"]
    assert values.tolist() == [0, 0]
    assert len(times) == 2


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    count=st.integers(2, 60),
    limit=st.sampled_from([0.0, 0.1, 0.5, 10.0]),
    beyond=st.sampled_from(["hold", "rest"]),
)
def test_bridging_keeps_valid_rows_and_leaves_nothing_open(data, count, limit, beyond):
    column = data.draw(arrays.arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    valid = data.draw(arrays.arrays(bool, count).filter(lambda v: v.any()))
    frames = np.cumsum(data.draw(arrays.arrays(np.int64, count, elements=st.integers(1, 12))))
    track = track_of(column, valid=valid, frames=frames)
    bridged = track.bridge(limit, beyond)
    assert bridged.valid.all()
    assert not bridged.gaps().any()
    assert bridged.values.min() >= 0
    assert bridged.values.max() <= 1
    assert len(bridged) == frames[-1] - frames[0] + 1
    kept = bridged.between(1)
    np.testing.assert_array_equal(kept.times, track.times)
    np.testing.assert_allclose(kept.values[valid], track.values[valid], atol=1e-6)
    assert bridged.resample(25).valid.all()


def test_short_stretches_become_straight_lines_and_are_said():
    valid = np.ones(21, bool)
    valid[6:10] = False
    column = np.where(valid, np.arange(21) / 20, 9)
    bridged = track_of(column, fps=10, valid=valid).bridge(0.5)
    np.testing.assert_allclose(bridged.values[:, 4], np.arange(21) / 20, atol=1e-6)
    assert bridged.report == (
        "Bridged by straight lines: 1 stretch of failed or missing rows, the longest 0.40 s at 0.50 s.",
    )


def test_missing_rows_are_bridged_like_failed_ones():
    track = track_of([0.0, 0.2, 1.0], fps=10, frames=[0, 1, 5])
    bridged = track.bridge(0.5)
    np.testing.assert_allclose(bridged.values[:, 0], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    assert bridged.rows.tolist() == [1, 2, 0, 0, 0, 3]
    np.testing.assert_allclose(bridged.times, np.arange(6) / 10)


def test_long_stretches_hold_or_rest_as_chosen():
    valid = np.ones(61, bool)
    valid[21:40] = False
    column = np.where(np.arange(61) < 30, 0.8, 0.4)
    track = track_of(column, fps=10, valid=valid)
    held = track.bridge(0.5, "hold")
    np.testing.assert_allclose(held.values[20:36, 5], 0.8, atol=1e-6)
    np.testing.assert_allclose(held.values[35:41, 5], np.linspace(0.8, 0.4, 6), atol=1e-6)
    rest = track.bridge(0.5, "rest")
    np.testing.assert_allclose(rest.values[25:36, 5], 0, atol=1e-6)
    np.testing.assert_allclose(rest.values[20:26, 5], np.linspace(0.8, 0, 6), atol=1e-6)
    assert rest.report == (
        "Longer than 0.5 s, so the face goes to rest: "
        "1 stretch of failed or missing rows, the longest 1.90 s at 2.00 s.",
    )
    with pytest.raises(TableError, match=r"^clip.csv: no face for 1.90 s after 2.00 s, and only 0.5 s are bridged\.$"):
        track.bridge(0.5, "fail")


def test_failed_rows_at_the_ends():
    valid = np.r_[np.zeros(20, bool), np.ones(20, bool), np.zeros(20, bool)]
    track = track_of(np.full(60, 0.6), fps=10, valid=valid)
    np.testing.assert_allclose(track.bridge(0.5, "hold").values, 0.6, atol=1e-6)
    rest = track.bridge(0.5, "rest").values[:, 3]
    np.testing.assert_allclose(rest[:15], 0, atol=1e-6)
    np.testing.assert_allclose(rest[20:40], 0.6, atol=1e-6)
    np.testing.assert_allclose(rest[45:], 0, atol=1e-6)
    with pytest.raises(TableError, match=r"only 0\.5 s are bridged"):
        track.bridge(0.5, "fail")
    with pytest.raises(TableError, match="no row that can be trusted"):
        track_of([1, 1], valid=[0, 0]).bridge(1)


def test_a_clock_that_jumps_for_weeks_does_not_fill_the_memory():
    track = AttributeTrack(
        np.r_[0:10, 3e6 : 3e6 + 10] / 1.0, np.zeros((20, A), np.float32), np.ones(20, bool), rate=25.0
    )
    with pytest.raises(TableError, match=r"^The track: 50,000 minutes are missing after 9.00 s"):
        track.bridge(0.5)


def test_smoothing_has_no_lag_and_keeps_a_blink_in_place():
    column = np.zeros(101)
    column[48:53] = [0.3, 0.8, 1, 0.8, 0.3]
    smooth = track_of(column, fps=30).smooth(0.1)
    curve = smooth.values[:, INDEX["AU45"]]
    assert curve.argmax() == 50
    np.testing.assert_allclose(curve, curve[::-1], atol=1e-6)
    assert curve.sum() == pytest.approx(column.sum(), rel=1e-4)
    assert curve.min() >= 0
    assert 0.6 < curve.max() < 1


def test_smoothing_quietens_jitter():
    noise = np.random.default_rng(0).normal(0, 0.1, 500)
    smooth = track_of(0.5 + noise).smooth(0.4)
    assert smooth.values[:, 0].std() < 0.05
    assert smooth.values[:, 0].mean() == pytest.approx((0.5 + noise).mean(), abs=0.005)
    np.testing.assert_array_equal(track_of(noise).smooth(0).values, track_of(noise).values)


def test_smoothing_does_not_bleed_over_failed_rows_and_gaps():
    column = np.r_[np.full(20, 0.2), np.full(5, 9), np.full(20, 0.8)]
    smooth = track_of(column, valid=column < 1).smooth(0.5).values[:, 3]
    np.testing.assert_allclose(smooth[:20], 0.2, atol=1e-6)
    np.testing.assert_allclose(smooth[25:], 0.8, atol=1e-6)
    frames = np.r_[0:20, 40:60]
    smooth = track_of(np.r_[np.full(20, 0.2), np.full(20, 0.8)], frames=frames).smooth(0.5).values[:, 3]
    np.testing.assert_allclose(smooth, np.r_[np.full(20, 0.2), np.full(20, 0.8)], atol=1e-6)


def test_neutral_is_the_low_quantile_of_units_and_the_median_pose():
    random = np.random.default_rng(0)
    column = random.uniform(0.3, 0.9, 200)
    track = track_of(column).without_neutral(0.05)
    low, middle = np.quantile(column, 0.05), np.median(column)
    np.testing.assert_allclose(track.values[:, INDEX["AU12"]], np.maximum(column - low, 0), atol=1e-6)
    np.testing.assert_allclose(track.values[:, INDEX["pose_yaw"]], column - middle, atol=1e-6)
    assert "driver's neutral" in track.report[-1]


def test_failed_rows_have_no_say_in_the_neutral():
    column = np.r_[np.zeros(100), np.full(100, 0.5)]
    track = track_of(column, valid=column > 0).without_neutral()
    assert np.abs(track.values[100:]).max() < 1e-6


def test_short_tracks_keep_their_neutral_unless_a_row_is_picked():
    track = track_of(np.linspace(0.2, 0.6, 40))
    np.testing.assert_array_equal(track.without_neutral().values, track.values)
    assert "no neutral was subtracted" in track.without_neutral().report[-1]
    picked = track.without_neutral(row=20)
    np.testing.assert_allclose(picked.values[19], 0, atol=1e-7)
    assert picked.values[0, INDEX["AU12"]] == 0
    assert picked.values[0, INDEX["pose_yaw"]] < 0
    with pytest.raises(TableError, match="row 99 cannot be the neutral face"):
        track.without_neutral(row=99)


def test_clamping_counts_and_spares_angles():
    track = track_of([-0.5, 0.2, 1.5, 1.2]).clamped()
    np.testing.assert_allclose(track.values[:, INDEX["AU45"]], [0, 0.2, 1, 1], atol=1e-7)
    np.testing.assert_allclose(track.values[:, INDEX["pose_roll"]], [-0.5, 0.2, 1.5, 1.2], atol=1e-7)
    assert "AU45 passes 1 in 2 rows (highest 1.50): clamped." in track.report
    assert "AU45 falls below 0 in 1 row (lowest -0.50): clamped." in track.report
    assert len(track.report) == 2 * int((~IS_ANGLE).sum())


def test_scaling_by_name():
    track = track_of([0.1, 0.2]).scaled({"AU12": 2.5, "pose_yaw": 2})
    np.testing.assert_allclose(track.values[1, INDEX["AU12"]], 0.5, rtol=1e-6)
    np.testing.assert_allclose(track.values[1, INDEX["pose_yaw"]], 0.4, rtol=1e-6)
    np.testing.assert_allclose(track.values[1, INDEX["AU01"]], 0.2, rtol=1e-6)


def test_rows_are_taken_from_one_and_both_ends_count():
    track = track_of(np.arange(10) / 10)
    part = track.between(3, 5)
    np.testing.assert_allclose(part.values[:, 0], [0.2, 0.3, 0.4], atol=1e-6)
    assert part.rows.tolist() == [3, 4, 5]
    assert len(track.between(4)) == 7
    assert len(track.between(1, 99)) == 10
    for start, end in ((0, 5), (11, None), (5, 4)):
        with pytest.raises(TableError, match=r"^clip.csv has rows 1 to 10: rows .* cannot be taken\.$"):
            track.between(start, end)
