"""Formulas of derived columns against arithmetic row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from vo_server.load.formulas import FORMULAS, element_of

PUBLISHED = 10995472384671213
"""An identifier of LS-PSC that is release 10000, brick 339610, object 15853."""


def computed(name: str, *inputs: Sequence[float | None]) -> list[object]:
    formula = FORMULAS[name]
    arrays = [pa.array(values, kind.arrow) for values, kind in zip(inputs, formula.inputs, strict=True)]
    values: list[object] = formula.compute(*arrays).to_pylist()
    return values


def test_a_published_identifier_is_unpacked_and_packed() -> None:
    assert computed("ls_release", [PUBLISHED, None]) == [10000, None]
    assert computed("ls_brickid", [PUBLISHED, None]) == [339610, None]
    assert computed("ls_objid", [PUBLISHED, None]) == [15853, None]
    assert computed("ls_id", [10000, None], [339610, 1], [15853, 1]) == [PUBLISHED, None]


@pytest.mark.parametrize("parts", [(2**23, 1, 1), (9010, 2**20, 1), (9010, 1, 2**20), (9010, -1, 1), (9010, 1, -1)])
def test_numbers_that_do_not_fit_make_no_identifier_of_another_object(parts: tuple[int, ...]) -> None:
    assert computed("ls_id", *([float(one)] for one in parts)) == [None]


@pytest.mark.parametrize(("release", "expected"), [(9010, True), (9012, True), (9011, False), (10000, False)])
def test_rows_of_dr9_fill_in(release: int, expected: bool) -> None:
    assert computed("ls_fills_in", [release * 2**40 + 7 * 2**20 + 3]) == [expected]


def test_the_gaia_bonus_is_taken_off_scores_above_1() -> None:
    scores = [0.0, 0.5, 1.0, 1.25, 2.0, None]
    assert computed("ls_psc_is_gaia", scores) == [False, False, False, True, True, None]
    assert computed("ls_psc_model_score", scores) == [0.0, 0.5, 1.0, 0.25, 1.0, None]


def test_magnitudes_are_null_where_the_flux_is_not_positive() -> None:
    assert computed("magnitude", [1.0, 100.0, 0.0, -3.0, None]) == [22.5, 17.5, None, None, None]
    found = computed("dereddened_magnitude", [1.0, 1.0, 1.0, None], [1.0, 0.5, 0.0, 1.0])
    assert found[:2] == [22.5, pytest.approx(22.5 - 2.5 * math.log10(2.0))]
    assert found[2:] == [None, None]


def test_signal_to_noise_is_flux_over_its_error() -> None:
    assert computed("signal_to_noise", [3.0, -2.0, 1.0, 1.0], [4.0, 9.0, 0.0, -1.0]) == [6.0, -6.0, 0.0, None]


def test_brightness_becomes_flux_by_the_pixels_of_the_beam() -> None:
    assert computed("per_beam", [25.0, 1.0, None], [12.5, 0.0, 12.5]) == [2.0, None, None]


def test_an_element_is_counted_from_1_and_null_where_there_is_none() -> None:
    lists = pa.array([[1.0, 2.0], None, [3.0], []], pa.list_(pa.float32()))
    assert element_of(lists, 1).to_pylist() == [1.0, None, 3.0, None]
    assert element_of(lists, 2).to_pylist() == [2.0, None, None, None]
    assert element_of(lists[:1], 2).to_pylist() == [2.0]
    assert element_of(lists[:0], 2).to_pylist() == []


def test_the_corners_of_an_ellipse_lie_on_it() -> None:
    (flat, lost) = computed("ellipse", [10.0, 10.0], [60.0, 60.0], [40.0, None], [10.0, 5.0], [30.0, 0.0])
    assert lost is None
    corners = np.array(flat).reshape(-1, 2)
    centre = SkyCoord(10.0 * units.deg, 60.0 * units.deg)
    there = SkyCoord(corners * units.deg)
    angle = centre.position_angle(there).deg - 30.0
    radius = centre.separation(there).arcsec
    along, across = radius * np.cos(np.radians(angle)), radius * np.sin(np.radians(angle))
    assert np.allclose((along / 20.0) ** 2 + (across / 5.0) ** 2, 1.0, atol=1e-9)
    assert radius[0] == pytest.approx(20.0, abs=1e-9)


def test_an_ellipse_without_size_or_place_is_null() -> None:
    ellipses = computed(
        "ellipse",
        [10.0, 10.0, 10.0, math.nan, 10.0],
        [91.0, 60.0, 60.0, 60.0, 90.0],
        [40.0, 0.0, 40.0, 40.0, 40.0],
        [10.0, 10.0, -1.0, 10.0, 10.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    )
    assert [one is None for one in ellipses] == [True, True, True, True, False]
