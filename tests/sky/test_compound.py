"""Regions of several parts, ranges and coverage maps, against sampled places."""

from __future__ import annotations

import numpy as np
import pytest

from vo_server.sky.angle import SkyRangeError
from vo_server.sky.compound import CoverageMap, is_within, meet
from vo_server.sky.healpix import cells
from vo_server.sky.shapes import region_of
from vo_server.sky.stcs import read_region

SKY_DEG2 = 41252.96124941928
TEXTS = [
    "Union (Circle 10 20 5 Polygon 30 10 50 10 40 30)",
    "Intersection (Circle 10 20 30 Not (Circle 15 20 10))",
    "Not (Circle 0 90 60)",
    "range 359 1 -1 1",
    "range 300 20 60 90",
    "range 10 350 -90 -80",
    "range 0 360 -10 10",
    "range -10 10 -5 5",
    "moc 3/1-4 7 4/100 0/11",
    "Union (Not (Circle 45 0 30) Circle 45 0 3)",
]


def _sky(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize("text", TEXTS)
def test_the_area_is_the_share_of_places_inside(text: str) -> None:
    region = region_of(read_region(text))
    ra, dec = _sky(200_000)
    share = region.contains(ra, dec).mean()
    assert region.area_deg2 == pytest.approx(share * SKY_DEG2, rel=5 / np.sqrt(share * len(ra)) + 0.01)


@pytest.mark.parametrize("text", TEXTS)
def test_the_cells_hold_every_place_inside(text: str) -> None:
    region = region_of(read_region(text))
    ra, dec = _sky(50_000)
    found, inside = cells(ra, dec), region.contains(ra, dec)
    for max_ranges in (1, 16):
        covered = np.any([(found >= first) & (found <= last) for first, last in region.cell_ranges(max_ranges)], axis=0)
        assert covered[inside].all()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("order", [0, 2, 5])
def test_comparing_cells_is_never_too_sure(text: str, order: int) -> None:
    region = region_of(read_region(text))
    numbers = np.arange(12 * 4**order)
    touches, is_inside = region.compared(order, numbers)
    ra, dec = _sky(50_000)
    here, inside = cells(ra, dec) >> 2 * (29 - order), region.contains(ra, dec)
    assert touches[here[inside]].all()
    assert not is_inside[here[~inside]].any()


def test_a_hole_in_a_coverage_map_is_outside() -> None:
    around = region_of(read_region("2/0-3 5-7"))
    ra, dec = _sky(100_000)
    here = cells(ra, dec) >> 2 * 27
    assert np.array_equal(around.contains(ra, dec), np.isin(here, [0, 1, 2, 3, 5, 6, 7]))
    assert around.area_deg2 == pytest.approx(7 / 192 * SKY_DEG2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3/1000", "order 3 has the cells 0 to 767, not '3/1000'"),
        ("3/5-2", "order 3 has the cells"),
        ("30/1", "order 30 of a coverage map is above 29"),
        ("1-2 3/4", "'1-2' does not belong to the text of a coverage map"),
        ("3/1;4", "does not belong"),
        ("3/-4", "does not belong"),
        ("", "a coverage map has no cells"),
    ],
)
def test_what_is_no_coverage_map_is_refused(text: str, message: str) -> None:
    with pytest.raises(SkyRangeError, match=message):
        CoverageMap.of_text(text)


@pytest.mark.parametrize("text", ["2/3 3/12-14", "3/12-15 2/3", "2/3 3 29/54043195528445952", "2/3-3, 3/13"])
def test_cells_of_a_coverage_map_may_be_there_twice(text: str) -> None:
    assert CoverageMap.of_text(text) == CoverageMap.of_text("2/3")


def test_an_empty_coverage_map_holds_nothing() -> None:
    empty = CoverageMap.of_text("5/")
    assert empty.cell_ranges(4) == []
    assert not empty.contains([1.0], [2.0]).any()
    assert empty.area_deg2 == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("circle 10 20 3", "circle 15.9 20 3", (True, False)),
        ("circle 10 20 3", "circle 17 20 3", (False, False)),
        ("circle 10 20 1", "Union (Circle 10 20 3 Circle 40 0 1)", (True, True)),
        ("moc 3/16", "moc 1/1", (True, True)),
        ("moc 3/16", "moc 1/2", (False, False)),
        ("circle 10 20 3", "Not (Circle 10 20 2)", (True, False)),
        ("circle 10 20 3", "Not (Circle 20 20 2)", (True, True)),
    ],
)
def test_regions_meet_and_contain_each_other(one: str, other: str, expected: tuple[bool, bool]) -> None:
    first, second = region_of(read_region(one)), region_of(read_region(other))
    assert (meet(first, second), is_within(first, second)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("range 1 2 10 5", "reversed"), ("range 1 2 -95 5", "outside"), ("range GALACTIC 1 2 3 4", "frame")],
)
def test_what_is_no_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(SkyRangeError, match=message):
        region_of(read_region(text))
