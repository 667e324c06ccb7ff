from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mocpy
import numpy as np
import pytest
from astropy import units
from astropy.io import fits

from vo_server.sky.coverage import FINEST, MOST_CELLS, CellCounter, CellCounts
from vo_server.sky.healpix import cells
from vo_server.sky.moc import moc_fits, moc_json, moc_text

WRITERS: dict[str, Callable[[CellCounts], bytes]] = {
    "fits": moc_fits,
    "json": moc_json,
    "ascii": lambda counts: moc_text(counts).encode(),
}


def places(n_rows: int, seed: int = 1) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    random = np.random.default_rng(seed)
    return random.uniform(0, 360, n_rows), np.degrees(np.arcsin(random.uniform(-1, 1, n_rows)))


def counted(*parts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> CellCounts:
    counter = CellCounter()
    for part in parts:
        counter.see(part)
    return counter.counts()


def assert_counts(found: CellCounts, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    expected, counts = np.unique(numbers >> 2 * (29 - found.order), return_counts=True)
    assert np.array_equal(found.cells, expected)
    assert np.array_equal(found.counts, counts)


def test_few_rows_are_counted_in_the_finest_cells() -> None:
    numbers = cells(*places(1000))
    found = counted(numbers[:300], numbers[300:])
    assert found.order == FINEST
    assert_counts(found, numbers)


def test_many_rows_on_the_whole_sky_are_counted_in_coarser_cells() -> None:
    numbers = cells(*places(2_500_000))
    found = counted(*np.array_split(numbers, 40))
    assert found.order < FINEST
    assert len(found.cells) <= MOST_CELLS
    assert_counts(found, numbers)


def test_counts_of_different_orders_are_merged() -> None:
    many, few = cells(*places(1_500_000)), cells(*places(500, seed=2))
    counter = CellCounter()
    counter.see(few)
    counter.merge(counted(many))
    assert_counts(counter.counts(), np.concatenate([few, many]))
    other = CellCounter()
    other.see(many)
    other.merge(counted(few))
    assert_counts(other.counts(), np.concatenate([few, many]))


@pytest.mark.parametrize("order", [10, 8, 7, 0])
def test_counts_in_coarse_cells_are_merged_with_any(order: int) -> None:
    many, few = cells(*places(1_500_000)), cells(*places(500, seed=2))
    coarse = counted(few).coarser(order)
    counter = CellCounter()
    counter.see(many)
    before = counter.counts()
    kept = before.counts.copy()
    counter.merge(coarse)
    counter.see(few)
    found = counter.counts()
    assert found.order == min(order, before.order)
    assert_counts(found, np.concatenate([many, few, few]))
    assert np.array_equal(before.counts, kept)  # what was told stays as it was


def test_coarser_counts_keep_all_rows() -> None:
    found = counted(cells(*places(10_000)))
    coarse = found.at_most(100)
    assert len(coarse.cells) <= 100
    assert coarse.counts.sum() == 10_000
    assert coarse.order < found.order


def test_the_area_of_all_cells_is_that_of_the_sky() -> None:
    cell = np.arange(12)
    assert CellCounts(0, cell, cell + 1).area_deg2 == pytest.approx(41252.96125)


@pytest.mark.parametrize("kind", list(WRITERS))
def test_a_coverage_opens_in_mocpy_and_covers_every_row(tmp_path: Path, kind: str) -> None:
    ra, dec = places(5000)
    ra = np.concatenate([ra, [0.0, 360.0, 10.0, 10.0]])
    dec = np.concatenate([dec, [0.0, 0.0, 90.0, -90.0]])
    found = counted(cells(ra, dec))
    file = tmp_path / "moc"
    file.write_bytes(WRITERS[kind](found))
    moc = mocpy.MOC.load(file, kind)
    assert moc.max_order == found.order
    assert moc.contains_lonlat(ra * units.deg, dec * units.deg).all()
    assert moc.sky_fraction * 41252.96125 == pytest.approx(found.area_deg2)


def test_a_coverage_in_fits_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "moc.fits"
    file.write_bytes(moc_fits(counted(cells([10.0], [20.0]))))
    header = fits.getheader(file, 1)
    assert (header["PIXTYPE"], header["ORDERING"], header["COORDSYS"]) == ("HEALPIX", "NUNIQ", "C")


def test_a_coverage_as_text_may_be_coarser() -> None:
    found = counted(cells([10.0], [20.0]))
    assert moc_text(found, order=3).split()[0].startswith("3/")


def test_no_rows_have_an_empty_coverage() -> None:
    assert json.loads(moc_json(counted())) == {"12": []}
    assert moc_text(counted()) == "12/"
