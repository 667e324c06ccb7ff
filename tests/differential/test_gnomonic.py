"""The oracle itself, against answers that were worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.gnomonic import (
    AmbiguousError,
    Polygon,
    box,
    circle_area,
    circle_in_circle,
    circle_in_polygon,
    circles_meet,
    degrees_of,
    place,
    point_in_circle,
    polygon_in_circle,
    polygon_in_polygon,
    polygon_meets_circle,
    polygons_meet,
    separation_deg,
)

OCTANT = Polygon.of_degrees(0, 0, 90, 0, 0, 90)
WHOLE_SKY_DEG2 = 4 * math.pi * (180 / math.pi) ** 2


def _holds(polygon: Polygon, *numbers: float) -> list[bool]:
    answer = polygon.holds(place(numbers[::2], numbers[1::2]))
    assert not answer.is_near.any()
    return [bool(one) for one in answer.is_true]


def test_an_octant_is_an_eighth_of_the_sky() -> None:
    assert pytest.approx(WHOLE_SKY_DEG2 / 8, rel=1e-15) == OCTANT.area_deg2


def test_the_centroid_of_an_octant_is_on_its_diagonal() -> None:
    lon, lat = degrees_of(OCTANT.centroid)
    assert (float(lon), float(lat)) == pytest.approx((45, math.degrees(math.asin(1 / math.sqrt(3)))), abs=1e-14)


def test_an_octant_holds_what_has_three_positive_coordinates() -> None:
    assert _holds(OCTANT, 45, 30, 1, 1, 89, 1, 45, 89, -1, 1, 91, 1, 45, -1, 225, -30, 180, 89.5) == [
        True, True, True, True, False, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("corners", [(0, 0, 90, 0, 0, 90), (0, 90, 90, 0, 0, 0)], ids=["one way", "the other way"])
def test_the_inside_does_not_depend_on_the_direction(corners: tuple[float, ...]) -> None:
    polygon = Polygon.of_degrees(*corners)
    assert _holds(polygon, 45, 30, 225, -30) == [True, False]
    assert pytest.approx(WHOLE_SKY_DEG2 / 8) == polygon.area_deg2


def test_what_lies_on_an_edge_is_near() -> None:
    points = place([0, 45, 90, 45, 45], [45, 0, 0, 30, 1e-12])
    assert OCTANT.holds(points).is_near.tolist() == [True, True, True, False, True]


@pytest.mark.parametrize("sign", [1, -1], ids=["north", "south"])
def test_a_polygon_over_a_pole(sign: int) -> None:
    cap = Polygon.of_degrees(0, sign * 80, 120, sign * 80, 240, sign * 80)
    # The edge between two corners at latitude 80 and 120 degrees apart is at its middle at
    # atan(tan 80 / cos 60) = 84.96 degrees.
    assert _holds(cap, 10, sign * 90, 60, sign * 85.1, 60, sign * 84.8, 0, sign * 80.1, 0, sign * 79.9) == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert _holds(cap, 10, -sign * 90) == [False]


def test_a_polygon_across_longitude_0() -> None:
    square = Polygon.of_degrees(350, -10, 10, -10, 10, 10, 350, 10)
    assert _holds(square, 0, 0, 360, 5, 355, -5, 180, 0, 11, 0, 349, 0) == [True, True, True, False, False, False]


def test_a_star_is_filled_and_a_bow_has_two_halves() -> None:
    star = Polygon(
        place(*zip(*[(180 + 10 * math.sin(a), 10 * math.cos(a)) for a in np.arange(5) * 4 * math.pi / 5], strict=True))
    )
    assert _holds(star, 180, 0, 180, 9) == [True, True]
    bow = Polygon.of_degrees(-10, -10, 10, 10, 10, -10, -10, 10)
    assert _holds(bow, 8, 0, -8, 0, 0, 8, 0, -8) == [True, True, False, False]


@pytest.mark.parametrize(
    "corners", [(0, 0, 120, 0, 240, 0), (0, 0, 90, 0, 180, 0, 270, 0), (0, -1, 120, -1, 240, -1, 0, 90)]
)
def test_what_fits_into_no_hemisphere_is_ambiguous(corners: tuple[float, ...]) -> None:
    with pytest.raises(AmbiguousError):
        Polygon.of_degrees(*corners)


def test_a_box_on_the_equator_has_the_edges_that_it_should() -> None:
    square = box(0, 0, 60, 40)
    # East and west edges are meridians; the north one is perpendicular to the meridian at latitude 20.
    at_20 = math.degrees(math.atan(math.tan(math.radians(20)) * math.cos(math.radians(20))))
    lon, lat = degrees_of(square.corners)
    corner = math.degrees(math.atan(math.cos(math.radians(30)) * math.tan(math.radians(20))))
    assert sorted({round(float(one), 9) for one in lon}) == [30, 330]
    assert {round(abs(float(one)), 9) for one in lat} == {round(corner, 9)}
    assert _holds(square, 29.9, 0, 30.1, 0, 0, 19.9, 0, 20.1, 20, at_20 - 0.01, 20, at_20 + 0.01) == [
        True, False, True, False, True, False,
    ]  # fmt: skip


def test_a_box_at_a_pole_has_its_arms_along_the_meridian_of_its_longitude() -> None:
    pole = box(90, 90, 20, 10)
    assert _holds(pole, 90, 85.1, 90, 84.9, 270, 85.1, 0, 80.1, 0, 79.9, 180, 80.1) == [
        True, False, True, True, False, True,
    ]  # fmt: skip


def test_circles_hold_points_and_circles() -> None:
    north, equator = place([0.0], [90.0]), place([17.0], [0.0])
    assert point_in_circle(equator, north, 91).is_true.all()
    assert not point_in_circle(equator, north, 89).is_true.any()
    assert point_in_circle(equator, north, 90).is_near.all()
    assert circle_in_circle(equator, 5, north, 96).is_true.all()
    assert not circle_in_circle(equator, 5, north, 94).is_true.any()
    assert circle_in_circle(equator, 170, north, 180).is_true.all()
    assert circles_meet(equator, 60, north, 31).is_true.all()
    assert not circles_meet(equator, 60, north, 29).is_true.any()


def test_a_circle_of_90_degrees_is_half_of_the_sky() -> None:
    assert pytest.approx(WHOLE_SKY_DEG2 / 2) == circle_area(90)
    assert pytest.approx(WHOLE_SKY_DEG2) == circle_area(180)
    assert pytest.approx(math.pi * 1e-8, rel=1e-9) == circle_area(1e-4)


def test_a_circle_lies_in_an_octant_when_it_is_small_enough() -> None:
    # The middle of the octant is asin(1 / sqrt 3) = 35.264 degrees from each side.
    middle = place([45.0], [math.degrees(math.asin(1 / math.sqrt(3)))])
    assert circle_in_polygon(middle, 35.26, OCTANT).is_true.all()
    assert not circle_in_polygon(middle, 35.27, OCTANT).is_true.any()
    # The corners are acos(1 / sqrt 3) = 54.736 degrees away.
    assert polygon_in_circle(OCTANT, middle, 54.74).is_true.all()
    assert not polygon_in_circle(OCTANT, middle, 54.73).is_true.any()
    assert polygon_in_circle(OCTANT, -middle, 144.8).is_true.tolist() == [False]
    assert polygon_in_circle(OCTANT, -middle, 180).is_true.tolist() == [True]


def test_a_circle_meets_an_octant_from_outside() -> None:
    south = place([45.0], [-10.0])
    assert polygon_meets_circle(OCTANT, south, 10.01).is_true.all()
    assert not polygon_meets_circle(OCTANT, south, 9.99).is_true.any()
    assert polygon_meets_circle(OCTANT, place([45.0], [10.0]), 0).is_true.all()


def test_polygons_meet_and_hold_each_other() -> None:
    inner = Polygon.of_degrees(30, 10, 60, 10, 45, 40)
    across = Polygon.of_degrees(80, 10, 110, 10, 95, 40)
    beyond = Polygon.of_degrees(100, 10, 130, 10, 115, 40)
    assert polygons_meet(OCTANT, inner) == (True, False)
    assert polygon_in_polygon(inner, OCTANT) == (True, False)
    assert polygon_in_polygon(OCTANT, inner) == (False, False)
    assert polygons_meet(across, OCTANT) == (True, False)
    assert polygon_in_polygon(across, OCTANT) == (False, False)
    assert polygons_meet(beyond, OCTANT) == (False, False)
    assert polygons_meet(OCTANT, Polygon.of_degrees(90, 0, 90, 90, 180, 0))[1]
    # A cross: no corner of one lies in the other.
    wide, high = Polygon.of_degrees(-20, -1, 20, -1, 20, 1, -20, 1), Polygon.of_degrees(-1, -20, 1, -20, 1, 20, -1, 20)
    assert polygons_meet(wide, high) == (True, False)


def test_small_separations_keep_their_digits() -> None:
    assert float(separation_deg(place(10.0, 60.0), place(10.0, 60.0 + 1e-10))) == pytest.approx(1e-10, rel=1e-4)
    assert float(separation_deg(place(0.0, 90.0), place(123.0, -90.0))) == 180
