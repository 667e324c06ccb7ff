"""The sky is cut into pixels of few rows."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.hats.pixels import DEEPEST, Counts
from vo_server.sky.healpix import N_CELLS, ORDER


def counted(cells: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Counts:
    counts = Counts()
    for part in np.array_split(np.sort(cells), 7):
        counts.add(part)
    return counts


def clumped(n_rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Cells all over the sky, half of them close together."""
    random = np.random.default_rng(5)
    wide = random.integers(0, N_CELLS, n_rows // 2)
    close = N_CELLS // 3 + random.integers(0, 4**24, n_rows - n_rows // 2)
    return np.concatenate([wide, close]).astype(np.int64)


@pytest.mark.parametrize("most_rows", [1, 37, 500, 10**6])
def test_each_row_is_in_exactly_one_pixel_and_none_is_empty(most_rows: int) -> None:
    cells = clumped(2_000)
    pixels = counted(cells).partitions(most_rows)
    total = 0
    for pixel in pixels:
        first = pixel.number << 2 * (ORDER - pixel.order)
        inside = int(((cells >= first) & (cells < pixel.end)).sum())
        assert inside == pixel.n_rows > 0
        assert inside <= most_rows or pixel.order == DEEPEST
        total += inside
    assert total == len(cells)
    assert [pixel.end for pixel in pixels] == sorted(pixel.end for pixel in pixels)


def test_no_pixel_could_be_larger() -> None:
    cells = clumped(2_000)
    for pixel in counted(cells).partitions(37):
        if pixel.order == 0:
            continue
        shift = 2 * (ORDER - pixel.order + 1)
        assert int((cells >> shift == pixel.number >> 2).sum()) > 37


def test_maps_of_all_orders_have_all_rows() -> None:
    counts = counted(clumped(1_000))
    for order in (0, 3, DEEPEST):
        assert len(counts.at(order)) == 12 * 4**order
        assert counts.at(order).sum() == counts.n_rows == 1_000


def test_rows_at_one_place_are_one_pixel_of_the_deepest_order() -> None:
    (pixel,) = counted(np.full(100, 12_345, np.int64)).partitions(10)
    assert (pixel.order, pixel.n_rows) == (DEEPEST, 100)
