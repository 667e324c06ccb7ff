"""Shapes of rows in SQL, against the same shapes one by one in numpy, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vo_server.sky.angle import separation_deg
from vo_server.sky.polygon import Polygon, box_corners_deg

if TYPE_CHECKING:
    from tests.support.testengines import SkyEngine

N_SHAPES = 60


def _around(rng: np.random.Generator, centre: tuple[float, float], reach_deg: float) -> tuple[float, float]:
    """Return a place at most so far from another one."""
    bearing, distance = rng.uniform(0, 2 * np.pi), np.radians(reach_deg * np.sqrt(rng.uniform(0.05, 1)))
    lon, lat = np.radians(centre)
    dec = np.arcsin(np.sin(lat) * np.cos(distance) + np.cos(lat) * np.sin(distance) * np.cos(bearing))
    turn = np.arctan2(np.sin(bearing) * np.sin(distance) * np.cos(lat), np.cos(distance) - np.sin(lat) * np.sin(dec))
    return float(np.degrees(lon + turn) % 360), float(np.degrees(dec))


def _polygon(rng: np.random.Generator, centre: tuple[float, float], reach_deg: float) -> Polygon:
    return Polygon(tuple(_around(rng, centre, reach_deg) for _ in range(rng.integers(3, 7))))


def _cases() -> list[tuple[Polygon, Polygon, tuple[float, float], float]]:
    """Pairs of polygons from milliarcseconds to a third of the sky, with a place and a radius."""
    rng = np.random.default_rng(26)
    cases = []
    for number in range(N_SHAPES):
        reach_deg = 10 ** rng.uniform(-6, np.log10(70))
        centre = [(0.0, 0.0), (123.0, 20.0), (0.0, 89.9999), (200.0, -90.0), (359.99999, -45.0)][number % 5]
        one, other = (_polygon(rng, _around(rng, centre, reach_deg / 2), reach_deg) for _ in range(2))
        cases.append((one, other, _around(rng, centre, reach_deg * 1.5), float(rng.uniform(0, reach_deg))))
    return cases


def _untangled(polygon: Polygon) -> Polygon:
    """Return a polygon with the same corners and without crossings: the centroid of a bow tie is anywhere."""
    corners = np.array(polygon.corners_deg)
    middle = polygon.starts.sum(axis=0)
    east = np.array([-middle[1], middle[0], 0.0])
    north = np.cross(middle, east)
    bearing = np.arctan2(polygon.starts @ north, polygon.starts @ east * np.linalg.norm(middle))
    return Polygon(tuple((float(ra), float(dec)) for ra, dec in corners[np.argsort(bearing)]))


def _written(polygon: Polygon, *, as_column: bool) -> str:
    """Write a polygon as a constant, or so that it is known only when the query runs."""
    numbers = [repr(number) for number in polygon.numbers]
    if as_column:
        numbers[0] = f"({numbers[0]} + k * 0)"
    return f"POLYGON({', '.join(numbers)})"


def _ask(engine: SkyEngine, *values: str) -> list[Any]:
    (row,) = engine.answer(f"SELECT {', '.join(values)} FROM sky.pairs WHERE k = 10")
    return row


@pytest.mark.parametrize("as_column", [False, True], ids=["constant", "of a row"])
def test_relations_of_polygons_and_circles_are_those_of_numpy(as_column: bool, sky: SkyEngine) -> None:
    n_true = 0
    for one, other, place, radius_deg in _cases():
        first, second = (_written(polygon, as_column=as_column) for polygon in (one, other))
        point, circle = f"POINT({place[0]!r}, {place[1]!r})", f"CIRCLE({place[0]!r}, {place[1]!r}, {radius_deg!r})"
        found = _ask(
            sky,
            f"CONTAINS({point}, {first})",
            f"INTERSECTS({first}, {second})",
            f"CONTAINS({first}, {second})",
            f"INTERSECTS({circle}, {first})",
            f"CONTAINS({circle}, {first})",
            f"CONTAINS({first}, {circle})",
        )
        margin_deg = one.margin_deg(*place)
        expected = [
            one.contains([place[0]], [place[1]])[0],
            one.meets(other),
            one.is_within(other),
            margin_deg >= -radius_deg,
            margin_deg >= radius_deg,
            one.farthest_deg(*place) <= radius_deg,
        ]
        assert found == [int(value) for value in expected], (one, other, place, radius_deg)
        n_true += sum(found)
    assert n_true > 0.1 * 6 * N_SHAPES


@pytest.mark.parametrize("as_column", [False, True], ids=["constant", "of a row"])
def test_areas_and_centroids_are_those_of_numpy(as_column: bool, sky: SkyEngine) -> None:
    for crossing, _, _, radius_deg in _cases():
        one = _untangled(crossing)
        polygon = _written(one, as_column=as_column)
        circle = f"CIRCLE(k * 0 + 1, 2, {radius_deg!r})" if as_column else f"CIRCLE(1, 2, {radius_deg!r})"
        area, lon, lat, cap = _ask(
            sky, f"AREA({polygon})", f"COORD1(CENTROID({polygon}))", f"COORD2(CENTROID({polygon}))", f"AREA({circle})"
        )
        assert area == pytest.approx(one.area_deg2, rel=1e-9, abs=1e-24)
        assert separation_deg(lon, lat, *one.centroid_deg) < 1e-9
        assert cap == pytest.approx(41252.96124941928 * np.sin(np.radians(radius_deg) / 2) ** 2, rel=1e-14)


def test_boxes_of_rows_are_those_of_numpy(sky: SkyEngine) -> None:
    rng = np.random.default_rng(4)
    for _ in range(30):
        lon, lat = float(rng.uniform(0, 360)), float(rng.uniform(-90, 90))
        width, height = (float(10 ** rng.uniform(-5, 2)) for _ in range(2))
        (found,) = _ask(sky, f"BOX({lon!r} + k * 0, {lat!r}, {width!r}, {height!r})")
        corners = np.array(box_corners_deg(lon, lat, width, height))
        assert np.max(separation_deg(found[::2], found[1::2], corners[:, 0], corners[:, 1])) < 1e-12


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("BOX(k, 0, 200, 1)", None),
        ("BOX(k, 0, 1, -1)", None),
        ("BOX(k, k + 95, 1, 1)", None),
        ("CONTAINS(POINT(1, 1), BOX(k, 0, 200, 1))", None),
        ("CONTAINS(POINT(NULL, 1), POLYGON(0, 0, 10, 0, 5, 5))", None),
        ("CONTAINS(POINT(k, NULL), POLYGON(0, 0, 10, 0, 5, 5))", None),
        ("CONTAINS(POINT(k, k + 95), POLYGON(0, 0, 10, 0, 5, 5))", None),
        ("AREA(POLYGON(k, NULL, 10, 0, 5, 5))", None),
        ("CENTROID(POLYGON(k, NULL, 10, 0, 5, 5))", None),
        ("COORDSYS(POLYGON(k, NULL, 10, 0, 5, 5))", None),
        ("CAST(CAST(NULL AS VARCHAR) AS POINT)", None),
        ("AREA(POINT(k, NULL))", None),
        ("AREA(CIRCLE(k, 1, NULL))", None),
        ("CONTAINS(POINT(k, 1), REGION('range 0 20 -5 5'))", 1),
        ("CONTAINS(POINT(k, NULL), REGION('range 0 20 -5 5'))", None),
        ("CONTAINS(POINT(k, NULL), REGION('range 30 40 -5 5'))", None),
        ("CONTAINS(POINT(NULL, k), REGION('range 0 20 -5 5'))", None),
        ("CONTAINS(POINT(CAST('NaN' AS DOUBLE PRECISION), k), REGION('range 0 360 -5 5'))", None),
        ("CONTAINS(POINT(k, 1), REGION('range 0 360 -5 5'))", 1),
        ("CONTAINS(POINT(k, NULL), REGION('moc 0/1'))", None),
        ("CONTAINS(POINT(k, 1), REGION('moc 0/0-11 3/1'))", 1),
        ("CONTAINS(POINT(k, NULL), REGION('Not (Circle 1 1 1)'))", None),
        ("CONTAINS(POINT(k, 1), REGION('5/'))", 0),
        ("CONTAINS(CIRCLE(k, 1, 1), CIRCLE(0, 0, 180))", 1),
        ("CONTAINS(CIRCLE(k, 1, 100), CIRCLE(100, 50, 180))", 1),
        ("CONTAINS(CIRCLE(k, 1, 0), POINT(10, 1))", 1),
        ("CONTAINS(POLYGON(k, 1, 11, 1, 11, 2), POINT(10, 1))", 0),
        ("CONTAINS(CIRCLE(k, 1, 1), REGION('Not (Circle 100 0 5)'))", 1),
        ("INTERSECTS(CIRCLE(k, 1, 1), REGION('Union (Circle 100 0 5 Circle 12 1 1)'))", 1),
        ("CONTAINS(CIRCLE(k, 1, 1), REGION('Intersection (Circle 10 0 5 Circle 12 1 9)'))", 1),
    ],
)  # fmt: skip
def test_what_is_missing_or_no_shape_is_null(value: str, expected: int | None, sky: SkyEngine) -> None:
    assert _ask(sky, value) == [expected]


def test_texts_of_rows_are_read_as_shapes(sky: SkyEngine) -> None:
    text = "CAST(k AS VARCHAR) || ' -20.5  '"
    found = _ask(
        sky, f"CAST({text} AS POINT)", f"CAST({text} || '1e-1' AS CIRCLE)", f"CAST({text} || '1 2 3 4' AS POLYGON)",
        "CAST('370 5' AS POINT)", "CAST(CAST(k + 360 AS VARCHAR) || ' 5 0' AS CIRCLE)",
    )  # fmt: skip
    assert found == [
        [10.0, -20.5],
        [10.0, -20.5, 0.1],
        [10.0, -20.5, 1.0, 2.0, 3.0, 4.0],
        [10.0, 5.0],
        [10.0, 5.0, 0.0],
    ]


@pytest.mark.parametrize("text", ["''", "' 1 2'", "' x'", "' 95'", "' 1,2'"])
def test_texts_of_rows_that_are_no_points_are_errors(text: str, sky: SkyEngine) -> None:
    with pytest.raises(Exception, match="cast to a shape"):
        _ask(sky, f"CAST(CAST(k AS VARCHAR) || {text} AS POINT)")
