"""Separations and ranges of angles."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.sky import oracle_separation_deg, points_around
from vo_server.sky.angle import (
    SkyRangeError,
    checked_dec_deg,
    checked_radius_deg,
    separation_deg,
    wrapped_ra_deg,
)

DISTANCES_DEG = [
    1e-12,
    1e-9,
    1e-6,
    1 / 3600,
    0.1,
    1.0,
    30.0,
    89.999,
    90.0,
    120.0,
    179.0,
    179.9999,
    179.999999999,
    180.0,
]
CENTRES = [
    (0.0, 0.0),
    (359.999999, 0.0),
    (10.0, 89.9999),
    (123.4, -89.999999),
    (200.0, 90.0),
    (77.0, -90.0),
    (83.6, 22.0),
]


@pytest.mark.parametrize("distance_deg", DISTANCES_DEG)
@pytest.mark.parametrize("centre", CENTRES, ids=str)
def test_separations_agree_with_vectors_in_extended_precision(centre: tuple[float, float], distance_deg: float) -> None:
    ra_deg, dec_deg = points_around(*centre, distance_deg, np.linspace(0, 360, 37))
    expected = oracle_separation_deg(*centre, ra_deg, dec_deg)
    found = separation_deg(*centre, ra_deg, dec_deg)
    # The distance of doubles themselves is known to their own rounding only, which 1e-13 deg stands for.
    assert np.abs(found - expected).max() <= 1e-13


def test_milliarcseconds_keep_their_digits() -> None:
    # Along a meridian the separation is the difference of two doubles, which is exact here.
    north_deg = 24.1167 + 2**-40
    assert separation_deg(56.75, 24.1167, 56.75, north_deg) / (north_deg - 24.1167) == pytest.approx(1, abs=1e-15)


def test_separation_is_the_same_in_both_directions() -> None:
    rng = np.random.default_rng(7)
    ra, dec = rng.uniform(-360, 720, (2, 1000)), rng.uniform(-90, 90, (2, 1000))
    assert np.array_equal(separation_deg(ra[0], dec[0], ra[1], dec[1]), separation_deg(ra[1], dec[1], ra[0], dec[0]))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0), (360, 0), 0),
        ((-90, 12), (270, 12), 0),
        ((0, 90), (123, 90), 0),
        ((11, -90), (300, -90), 0),
        ((0, 90), (45, -90), 180),
        ((10, 0), (190, 0), 180),
        ((10, 37), (190, -37), 180),
        ((0, 0), (0, 90), 90),
        ((0, 0), (90, 0), 90),
        ((0, 0), (180, 60), 120),
    ],
)
def test_places_that_are_special_have_exact_separations(
    one: tuple[float, float], other: tuple[float, float], expected: float
) -> None:
    assert separation_deg(*one, *other) == pytest.approx(expected, abs=0 if expected in {0, 180} else 3e-14)


def test_not_a_number_has_no_separation() -> None:
    assert np.isnan(separation_deg([np.nan, 1.0], [1.0, np.nan], 0, 0)).all()


@pytest.mark.parametrize(
    ("given", "expected"), [(0, 0), (360, 0), (-10, 350), (725, 5), (-1e-20, 0), (359.9999, 359.9999)]
)
def test_longitudes_are_wrapped_into_one_turn(given: float, expected: float) -> None:
    assert wrapped_ra_deg(given) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_longitude_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(SkyRangeError, match="not a finite number"):
        wrapped_ra_deg(bad)


@pytest.mark.parametrize("bad", [-90.0001, 91, np.nan, np.inf])
def test_a_latitude_beyond_the_poles_is_refused(bad: float) -> None:
    with pytest.raises(SkyRangeError, match=r"outside \[-90, 90\]"):
        checked_dec_deg(bad)


@pytest.mark.parametrize("bad", [-1e-9, 180.001, np.nan])
def test_a_radius_beyond_the_antipode_is_refused(bad: float) -> None:
    with pytest.raises(SkyRangeError, match=r"outside \[0, 180\]"):
        checked_radius_deg(bad)
