from __future__ import annotations

import numpy as np
import pytest

from vo_server.sky.compound import CoverageMap
from vo_server.sky.coverage import CellCounts
from vo_server.sky.footprint import MOST_CELLS, _n_cells, footprint
from vo_server.sky.healpix import cells


def counts(ra_deg: np.ndarray, dec_deg: np.ndarray, order: int = 12) -> CellCounts:
    found, n_rows = np.unique(cells(ra_deg, dec_deg) >> 2 * (29 - order), return_counts=True)
    return CellCounts(order, found, n_rows.astype(np.int64))


def field(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places all over a field of 10 by 10 degrees, without one of 2 by 2 in its middle."""
    random = np.random.default_rng(2)
    ra, dec = random.uniform(150, 160, n_rows), random.uniform(-5, 5, n_rows)
    kept = (np.abs(ra - 155) > 1) | (np.abs(dec) > 1)
    return ra[kept], dec[kept]


def test_every_row_lies_in_the_footprint() -> None:
    ra, dec = field(20_000)
    assert CoverageMap(footprint(counts(ra, dec))).contains(ra, dec).all()


def test_the_space_between_stars_belongs_to_it_and_a_hole_of_the_survey_does_not() -> None:
    found = CoverageMap(footprint(counts(*field(20_000))))
    random = np.random.default_rng(9)
    ra, dec = random.uniform(151, 159, 5_000), random.uniform(-4, 4, 5_000)
    is_far_from_hole = (np.abs(ra - 155) > 1.5) | (np.abs(dec) > 1.5)
    assert found.contains(ra, dec)[is_far_from_hole].all()
    assert not found.contains([155.0, 140.0, 155.0], [0.0, 0.0, 10.0]).any()


def test_more_rows_make_it_sharper() -> None:
    few, many = (CoverageMap(footprint(counts(*field(n)))).area_deg2 for n in (2_000, 200_000))
    assert 96 < many < few


def test_scattered_patches_are_joined_until_a_query_can_hold_them() -> None:
    order = 9
    every_other = np.arange(0, 12 * 4**order, 8)
    found = footprint(CellCounts(order, every_other, np.full(len(every_other), 1000)))
    assert 0 < len(found) <= MOST_CELLS


def test_a_survey_of_the_whole_sky_with_many_holes_has_few_enough_cells() -> None:
    order = 7
    observed = np.flatnonzero(np.random.default_rng(1).random(12 * 4**order) > 0.02)
    found = CoverageMap(footprint(CellCounts(order, observed, np.full(len(observed), 12))))
    assert 0 < sum(map(len, found.cells_by_order.values())) <= MOST_CELLS


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.999])
def test_as_many_cells_are_counted_as_a_map_of_them_has(share: float) -> None:
    order = 5
    observed = np.flatnonzero(np.random.default_rng(1).random(12 * 4**order) >= share)
    found = footprint(CellCounts(order, observed, np.full(len(observed), 12)))
    n_cells = sum(map(len, CoverageMap(found).cells_by_order.values()))
    assert n_cells == _n_cells(CellCounts(order, observed, observed))


def test_no_rows_have_no_footprint() -> None:
    assert footprint(counts(np.empty(0), np.empty(0))) == ()
