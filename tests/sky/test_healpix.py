"""Cells of positions."""

from __future__ import annotations

import numpy as np
import pytest

from vo_server.sky.healpix import N_CELLS, NO_CELL, ORDER, cells, centres, with_neighbours


@pytest.mark.parametrize(
    ("order", "ra_deg", "dec_deg", "expected"),
    # The examples of the catalogue of user-defined functions for ivo_healpix_index.
    [(0, 1, 1, 4), (17, 1, 1, 81609757711), (17, 359, -1, 73009064944)],
)
def test_cells_are_those_of_the_standard_examples(order: int, ra_deg: float, dec_deg: float, expected: int) -> None:
    assert cells([ra_deg], [dec_deg])[0] >> 2 * (ORDER - order) == expected


def test_right_ascension_may_be_unwrapped() -> None:
    assert np.array_equal(cells([-10.0, 370.0, 360.0], [5.0, 5.0, 0.0]), cells([350.0, 10.0, 0.0], [5.0, 5.0, 0.0]))


def test_rows_without_a_place_have_no_cell() -> None:
    ra = np.ma.masked_array([1.0, np.nan, np.inf, 1.0, 1.0], mask=[True, False, False, False, False])
    found = cells(ra, np.array([1.0, 1.0, 1.0, np.nan, 90.001]))
    assert (found == NO_CELL).all()


def test_all_cells_are_on_the_sky() -> None:
    rng = np.random.default_rng(3)
    found = cells(rng.uniform(0, 360, 10_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 10_000))))
    assert found.dtype == np.int64
    assert found.min() >= 0
    assert found.max() < N_CELLS


def test_no_rows_have_no_cells() -> None:
    assert cells([], []).shape == (0,)


@pytest.mark.parametrize("order", [0, 1, 7, 29])
def test_the_centre_of_a_cell_lies_in_it(order: int) -> None:
    numbers = np.unique(np.random.default_rng(order).integers(0, 12 * 4**order, 200))
    assert np.array_equal(cells(*centres(order, numbers)) >> 2 * (ORDER - order), numbers)


def test_a_cell_is_among_its_eight_or_seven_neighbours() -> None:
    counts = {len(with_neighbours(2, number)) for number in range(12 * 16)}
    assert counts == {8, 9}
    assert all(number in with_neighbours(2, number) for number in range(12 * 16))
