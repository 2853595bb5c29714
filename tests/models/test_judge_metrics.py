"""Each metric against values computed by hand, or published."""

import numpy as np
import pytest

pytest.importorskip("torch")

from models.judge import metrics

A = np.array([0.0, 1.0, 2.0, 3.0])
B = np.array([1.0, 1.0, 3.0, 5.0])  # mean 2.5, variance 2.75; covariance with A 1.75


def pictures():
    true = (np.indices((128, 128)).sum(0)[..., None] // 8 % 2 * 100 + 50).repeat(3, 2).astype(np.uint8)
    return true, true + np.uint8(10)


def test_psnr():
    true, brighter = pictures()
    assert metrics.psnr(brighter, true) == pytest.approx(10 * np.log10(65025 / 100))
    assert metrics.psnr(true, true) == float("inf")
    half = np.zeros((128, 128), bool)
    half[:, :64] = True
    other = true.copy()
    other[:, 64:] = 0
    other[:, :64] += np.uint8(1)
    assert metrics.psnr(other, true, half) == pytest.approx(10 * np.log10(65025))


def test_ssim_of_a_flat_picture_is_its_luminance_term():
    a, b = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 120, np.uint8)
    c1 = 2.55**2
    assert metrics.ssim(a, b) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1), abs=2e-4)
    assert metrics.ssim(a, a) == pytest.approx(1)


def test_ms_ssim_falls_with_blur_and_reads_small_pictures():
    true, _ = pictures()
    mixed = (true // 2 + np.roll(true, 4, 0) // 2).astype(np.uint8)
    assert metrics.ms_ssim(true, true) == pytest.approx(1)
    assert metrics.ms_ssim(mixed, true) < 0.8
    a, b = np.full((128, 128, 3), 100, np.uint8), np.full((128, 128, 3), 120, np.uint8)
    luminance = (2 * 100 * 120 + 2.55**2) / (100**2 + 120**2 + 2.55**2)  # counts at the coarsest scale alone
    assert metrics.ms_ssim(a, b) == pytest.approx(luminance**0.1333, abs=1e-4)


def test_sharpness_of_a_checkerboard():
    board = (np.indices((32, 32)).sum(0)[..., None] % 2 * 20).repeat(3, 2).astype(np.uint8)
    inside = np.zeros((32, 32), bool)
    inside[4:-4, 4:-4] = True
    assert metrics.sharpness(board, inside) == pytest.approx(80)  # each neighbour differs by 20
    assert metrics.sharpness(np.full((8, 8, 3), 7, np.uint8)) == 0


def test_readings():
    assert metrics.mae(B, A) == pytest.approx(1)
    assert metrics.mse(B, A) == pytest.approx(1.5)
    assert metrics.pearson(B, A) == pytest.approx(1.75 / np.sqrt(1.25 * 2.75))
    assert metrics.ccc(B, A) == pytest.approx(3.5 / (1.25 + 2.75 + 1))
    assert metrics.slope(B, A) == pytest.approx(1.4)
    columns = metrics.pearson(np.stack([B, A, -A, np.ones(4)], 1), np.stack([A] * 4, 1))
    assert columns[1:3] == pytest.approx([1, -1])
    assert np.isnan(columns[3])


def test_icc_of_shrout_and_fleiss():
    """Their table 2, six targets and four judges, for which they give .71; and two readers of which one is shifted."""
    judges = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert metrics.icc(*judges.T) == pytest.approx(0.7148, abs=1e-4)
    assert metrics.icc(A, A + 5) == pytest.approx(1)
    # halved: targets' means 0 .75 1.5 2.25, BMS 1.875; what is left over +-.125, +-.375, EMS .2083
    assert metrics.icc(A, A / 2) == pytest.approx((1.875 - 0.625 / 3) / (1.875 + 0.625 / 3))


def test_bins():
    read, true = metrics.binned(A, B, np.array([0.0, 2.0, 4.0, 4.5, 6.0]))
    assert read[[0, 1, 3]] == pytest.approx([0.5, 2, 3])
    assert true[[0, 1, 3]] == pytest.approx([1, 3, 5])
    assert np.isnan(read[2])


def test_presence():
    read, true = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool)
    assert metrics.balanced_accuracy(read, true) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert metrics.f_score(read, true) == pytest.approx(2 / 4)
    assert np.isnan(metrics.f_score(~read & read, ~read & read))


def test_pose_error_goes_the_short_way():
    off = metrics.pose_error(np.array([[0.1, np.pi - 0.01, 0]]), np.array([[0.0, -np.pi + 0.01, -0.2]]))
    assert off[0] == pytest.approx(np.degrees([0.1, 0.02, 0.2]))


def test_identities():
    a, b = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[1.0, 0.0], [-0.6, 0.8]])
    assert metrics.similarity(a, b) == pytest.approx([1, 0.28])
    assert metrics.content_distance(a, b) == pytest.approx((0 + 1.2) / 2)


def test_verification():
    same, different = np.array([0.9, 0.8, 0.5, 0.4]), np.array([0.5, 0.3, 0.2, 0.1])
    assert metrics.roc_auc(same, different) == pytest.approx((4 + 4 + 3.5 + 3) / 16)
    assert metrics.tar_at_far(same, different, 0.0) == pytest.approx(0.5)
    assert metrics.tar_at_far(same, different, 0.25) == 1
    assert 0.3 < metrics.best_threshold(same, different) < 0.4
    assert metrics.roc_auc(different, different) == pytest.approx(0.5)


def test_frechet_distance_of_two_gaussians():
    """Diagonal covariances: |means apart|^2 + sum (s - t)^2."""
    unit = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])  # covariance 4/3 on the diagonal
    moved = unit * [3, 0.5] + [2, 0]
    expected = 4 + 4 / 3 * (2**2 + 0.5**2)
    assert metrics.frechet_distance(unit, moved) == pytest.approx(expected)
    assert metrics.frechet_distance(unit, unit) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(unit[:, :1], moved[:, :1]) == pytest.approx(4 + 4 / 3 * 4)
