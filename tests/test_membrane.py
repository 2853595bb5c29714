"""Membranes over a grid: through what is known, and level between."""

import numpy as np
import pytest

from addon.core.mesh.membrane import membrane

N = 24


def neighbours_mean(plane: np.ndarray) -> np.ndarray:
    """Of each node's neighbours on the grid [n,n]: three at its border, two in its corners."""
    beside = np.pad(plane, 1, constant_values=np.nan)
    return np.nanmean([beside[:-2, 1:-1], beside[2:, 1:-1], beside[1:-1, :-2], beside[1:-1, 2:]], axis=0)


def field() -> tuple[np.ndarray, np.ndarray]:
    """Two planes, and a known disc with a hole that touches the grid's border."""
    y, x = np.mgrid[:N, :N]
    away = np.hypot(x - 9, y - 15)
    return np.stack([np.sin(x / 3) + y / 9, x * y / 50]), (away < 9) & (away > 3)


@pytest.mark.parametrize("zero_border", [False, True])
def test_known_nodes_stay_and_the_others_are_their_neighbours_mean(zero_border):
    planes, known = field()
    unknown = ~known
    for plane, found in zip(planes, membrane(planes, known, zero_border), strict=True):
        if zero_border:
            known[[0, -1]] = known[:, [0, -1]] = False
            assert not found[[0, -1]].any() and not found[:, [0, -1]].any()
            unknown[[0, -1]] = unknown[:, [0, -1]] = False
        np.testing.assert_array_equal(found[known], plane[known])
        np.testing.assert_allclose(found[unknown], neighbours_mean(found)[unknown], atol=1e-6)


def test_float32_does_where_the_border_is_zero():
    planes, known = field()
    exact, coarse = (membrane(planes.astype(kind), known, zero_border=True) for kind in (np.float64, np.float32))
    assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse, exact, atol=1e-5)


def test_what_is_not_a_number_is_not_known():
    planes, known = field()
    planes[:, ~known] = np.nan
    assert np.isfinite(membrane(planes, known)).all()
