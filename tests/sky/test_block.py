"""Cells around a place in numpy, beside the native code for HEALPix."""

from __future__ import annotations

import numpy as np
import pytest

from vo_server.sky.angle import separation_deg
from vo_server.sky.block import Block
from vo_server.sky.healpix import ORDER, cells, centres, with_neighbours

_PLACES = 300


def _places(seed: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, _PLACES), np.degrees(np.arcsin(rng.uniform(-1, 1, _PLACES)))
    return list(zip(ra.tolist(), dec.tolist(), strict=True))


def _native(ra_deg: float, dec_deg: float, *, order: int, depth: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    middle = int(cells([ra_deg], [dec_deg])[0]) >> 2 * (ORDER - order)
    deeper = with_neighbours(order, middle)[:, np.newaxis] * 4**depth + np.arange(4**depth)
    return np.sort(deeper.reshape(-1))


@pytest.mark.parametrize(("order", "depth"), [(1, 3), (2, 0), (5, 2), (8, 3), (15, 3), (26, 3)])
def test_a_block_holds_the_cell_of_its_place_and_the_eight_around_it(order: int, depth: int) -> None:
    n_blocks = 0
    for ra_deg, dec_deg in _places(order):
        block = Block.around(ra_deg, dec_deg, order=order, depth=depth)
        if block is None:
            continue
        n_blocks += 1
        numbers = np.sort(block.numbers(np.arange(len(block.x))))
        assert np.array_equal(numbers, _native(ra_deg, dec_deg, order=order, depth=depth))
    assert (n_blocks > 0) == (order > 1), "with two cells along each side there is none in the middle"


@pytest.mark.parametrize("order", [2, 8, 20, 26])
def test_the_centres_of_a_block_are_those_of_its_cells(order: int) -> None:
    for ra_deg, dec_deg in _places(order):
        block = Block.around(ra_deg, dec_deg, order=order, depth=2)
        if block is None:
            continue
        numbers = block.numbers(np.arange(len(block.x)))
        assert separation_deg(*block.centres(), *centres(order + 2, numbers)).max() < 1e-12


@pytest.mark.parametrize("dec_deg", [-90.0, 90.0])
def test_there_is_no_block_around_a_pole(dec_deg: float) -> None:
    assert Block.around(12.0, dec_deg, order=8, depth=3) is None


@pytest.mark.parametrize("ra_deg", [0.0, 45.0, 90.0, 359.999999])
@pytest.mark.parametrize("dec_deg", [-41.810314895778596, -1e-9, 0.0, 20.0, 41.810314895778596])
def test_a_block_around_a_corner_of_cells_holds_all_places_nearby(ra_deg: float, dec_deg: float) -> None:
    order, reach_deg = 6, 40.0 / 2**6
    block = Block.around(ra_deg, dec_deg, order=order, depth=0)
    if block is None:
        pytest.skip("the place is at the edge of a base cell")
    rng = np.random.default_rng(11)
    dec = dec_deg + rng.uniform(-reach_deg, reach_deg, 20_000)
    ra = ra_deg + rng.uniform(-2 * reach_deg, 2 * reach_deg, 20_000)
    is_near = separation_deg(ra, dec, ra_deg, dec_deg) <= reach_deg
    found = np.unique(cells(ra[is_near], dec[is_near]) >> 2 * (ORDER - order))
    assert np.isin(found, block.numbers(np.arange(9))).all()
