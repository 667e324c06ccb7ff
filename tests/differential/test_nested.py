"""The oracle of HEALPix cells, against published numbers and the library that the service uses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.nested import cells_of, in_cells
from vo_server.sky.healpix import ORDER, cells


@pytest.mark.parametrize(
    ("order", "lon_deg", "lat_deg", "expected"),
    # The examples of the catalogue of user-defined functions for ivo_healpix_index.
    [(0, 1, 1, 4), (17, 1, 1, 81609757711), (17, 359, -1, 73009064944)],
)
def test_cells_are_those_of_the_standard_examples(order: int, lon_deg: float, lat_deg: float, expected: int) -> None:
    assert cells_of(order, lon_deg, lat_deg) == expected


@pytest.mark.parametrize("order", [0, 1, 12, ORDER])
def test_cells_are_those_of_the_library(order: int) -> None:
    rng = np.random.default_rng(order)
    lon = rng.uniform(0, 360, 3000)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    lat[:1000] = np.copysign(90 - rng.exponential(1, 1000), rng.uniform(-1, 1, 1000))
    assert np.array_equal(cells_of(order, lon, lat), cells(lon, lat) >> 2 * (ORDER - order))


def test_what_lies_on_an_edge_of_a_cell_is_near() -> None:
    lon, lat = [45.0, 0.0, 45.0, 0.0, 90.0], [45.0, 0.1, 80.0, 90.0, 60.0]
    found = in_cells({0: [0, 1]}, lon, lat)
    assert found.is_near.tolist() == [False, False, False, True, False]
    assert found.is_true[:3].tolist() == [True, False, True]
    assert in_cells({0: [0]}, lon, lat).is_near.tolist() == [False, False, False, True, True]
    assert in_cells({1: [16]}, [0.0], [0.0]).is_near.tolist() == [True]
