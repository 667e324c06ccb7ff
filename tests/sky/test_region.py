"""Cones: who is inside, which cells cover them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.sky import oracle_separation_deg, points_around
from vo_server.sky.angle import IntArray, SkyRangeError
from vo_server.sky.healpix import N_CELLS, cells
from vo_server.sky.region import Cone, pruned_ranges

RADII_DEG = [0.0, 1e-9, 1e-6, 1 / 3600, 0.1, 3.3, 18.0, 35.0, 70.0, 90.0, 120.0, 163.0, 179.9, 180.0]
CENTRES = [
    (0.0, 0.0),
    (359.9999999, 1e-7),
    (45.0, 41.8103149),
    (45.0, 90.0),
    (12.0, -90.0),
    (200.0, 89.99999),
    (99.18991597, 0.63187422),
    (72.43253165, 32.56906809),
]


def _is_covered(found: IntArray, ranges: list[tuple[int, int]]) -> bool:
    inside = np.zeros(len(found), bool)
    for first, last in ranges:
        inside |= (found >= first) & (found <= last)
    return bool(inside.all())


@pytest.mark.parametrize("radius_deg", RADII_DEG)
@pytest.mark.parametrize("centre", CENTRES, ids=str)
@pytest.mark.parametrize("max_ranges", [1, 4, 1000])
def test_the_cells_of_a_cone_hold_all_its_places(
    centre: tuple[float, float], radius_deg: float, max_ranges: int
) -> None:
    rng = np.random.default_rng(11)
    distance_deg = np.concatenate([np.full(300, radius_deg), radius_deg * np.sqrt(rng.uniform(0, 1, 300))])
    ra_deg, dec_deg = points_around(*centre, distance_deg, rng.uniform(0, 360, 600))
    ranges = Cone(*centre, radius_deg).cell_ranges(max_ranges)
    assert len(ranges) <= max_ranges
    assert _is_covered(cells(ra_deg, dec_deg), ranges)


def test_random_cones_are_covered() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        centre = float(rng.uniform(0, 360)), float(np.degrees(np.arcsin(rng.uniform(-1, 1))))
        cone = Cone(*centre, float(10 ** rng.uniform(-6, 2.2)))
        places = points_around(*centre, np.full(200, cone.radius_deg), rng.uniform(0, 360, 200))
        assert _is_covered(cells(*places), cone.cell_ranges(6)), cone


@pytest.mark.parametrize("radius_deg", [1e-4, 0.01, 1.0, 30.0])
def test_the_cells_of_a_cone_are_not_many_times_its_area(radius_deg: float) -> None:
    ranges = Cone(123.0, 20.0, radius_deg).cell_ranges(1000)
    area = sum(last - first + 1 for first, last in ranges) / N_CELLS
    assert area < 2.5 * (1 - np.cos(np.radians(radius_deg))) / 2


def test_membership_agrees_with_the_oracle_away_from_the_edge() -> None:
    rng = np.random.default_rng(2)
    ra_deg, dec_deg = rng.uniform(0, 360, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))
    for centre in CENTRES:
        expected = oracle_separation_deg(*centre, ra_deg, dec_deg)
        for radius_deg in RADII_DEG:
            far = np.abs(expected - radius_deg) > 1e-12
            inside = Cone(*centre, radius_deg).contains(ra_deg, dec_deg)
            assert np.array_equal(inside[far], (expected <= radius_deg)[far])


def test_a_cone_of_radius_zero_holds_its_centre_under_every_name() -> None:
    assert Cone(0, 12, 0).contains([0, 360, -360], [12, 12, 12]).all()
    assert Cone(5, 90, 0).contains([0, 5, 200], [90, 90, 90]).all()
    assert not Cone(0, 12, 0).contains([1e-9], [12]).any()


def test_a_cone_of_180_degrees_holds_every_place_and_no_missing_one() -> None:
    assert Cone(10, 20, 180).contains([190, 0, 7], [-20, 90, -90]).all()
    assert not Cone(10, 20, 180).contains([np.nan, 1.0], [1.0, np.nan]).any()
    assert Cone(10, 20, 180).cell_ranges(5) == [(0, N_CELLS - 1)]


@pytest.mark.parametrize(
    ("cone", "expected"),
    [(Cone(0, 0, 5), (-5, 5)), (Cone(0, 88, 5), (83, 90)), (Cone(0, -88, 5), (-90, -83)), (Cone(0, 3, 180), (-90, 90))],
    ids=str,
)
def test_the_declinations_of_a_cone_stop_at_the_poles(cone: Cone, expected: tuple[float, float]) -> None:
    assert cone.dec_range_deg == pytest.approx(expected, abs=2e-6)
    assert cone.dec_range_deg[0] <= expected[0]
    assert cone.dec_range_deg[1] >= expected[1]


@pytest.mark.parametrize("bad", [(0, 91, 1), (0, 0, -1), (0, 0, 181), (np.nan, 0, 1), (0, np.nan, 1), (0, 0, np.nan)])
def test_a_cone_that_no_sky_has_is_refused(bad: tuple[float, float, float]) -> None:
    with pytest.raises(SkyRangeError):
        Cone(*bad)


@pytest.mark.parametrize(
    ("max_ranges", "expected"),
    [
        (1, [(0, 99)]),
        (2, [(0, 40), (90, 99)]),
        (3, [(0, 10), (30, 40), (90, 99)]),
        (9, [(0, 10), (30, 40), (90, 99)]),
    ],
)
def test_the_smallest_gaps_are_filled_first(max_ranges: int, expected: list[tuple[int, int]]) -> None:
    first, last = np.array([0, 5, 30, 90]), np.array([4, 10, 40, 99])
    assert pruned_ranges(first, last, max_ranges) == expected
