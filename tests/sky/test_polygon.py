"""Polygons against places and areas that are known without them."""

from __future__ import annotations

import numpy as np
import pytest

from vo_server.sky.angle import SkyRangeError, separation_deg
from vo_server.sky.healpix import cells
from vo_server.sky.polygon import Polygon, box_corners_deg
from vo_server.sky.vectors import unit_vectors

SKY_DEG2 = 41252.96124941928
OCTANT = Polygon(((0, 0), (90, 0), (0, 90)))
CAP = Polygon(tuple((ra, 80) for ra in range(0, 360, 30)))
ACROSS_ZERO = Polygon(((350, -10), (10, -10), (10, 10), (350, 10)))
ARROW = Polygon(((0, 0), (20, 10), (0, 20), (8, 10)))


def _sky(n: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize(
    ("polygon", "inside", "outside"),
    [
        (OCTANT, [(45, 30), (1, 1), (0, 90), (45, 0), (0, 45), (0, 0), (360, 0)], [(-1e-9, 10), (91, 1), (225, -30)]),
        (CAP, [(0, 90), (77, 89), (15, 80.4)], [(15, 80.3), (0, 79.9), (0, -90)]),
        (ACROSS_ZERO, [(0, 0), (359, 9), (350, 0), (370, 0), (-10, 0)], [(11, 0), (180, 0), (349, 0)]),
        (ARROW, [(10, 10), (8.1, 10), (8, 10), (1, 1)], [(7.9, 10), (4, 10), (0, 10)]),
        (Polygon(((10, -90), (0, -80), (120, -80), (240, -80))), [(0, -85)], [(0, 85), (0, -79)]),
    ],
    ids=["octant", "cap", "across RA 0", "arrow", "a corner at a pole"],
)
def test_places_are_inside_or_outside(
    polygon: Polygon, inside: list[tuple[float, float]], outside: list[tuple[float, float]]
) -> None:
    assert polygon.contains(*np.transpose(inside)).all()
    assert not polygon.contains(*np.transpose(outside)).any()


def test_the_winding_of_the_corners_does_not_matter() -> None:
    ra, dec = _sky(5000)
    for polygon in (OCTANT, CAP, ACROSS_ZERO, ARROW):
        reverse = Polygon(polygon.corners_deg[::-1])
        assert np.array_equal(polygon.contains(ra, dec), reverse.contains(ra, dec))
        assert reverse.area_deg2 == pytest.approx(polygon.area_deg2, rel=1e-13)
        assert separation_deg(*reverse.centroid_deg, *polygon.centroid_deg) < 1e-9


def test_all_corners_and_middles_of_edges_are_inside() -> None:
    rng = np.random.default_rng(8)
    for scale_deg in (1e-6, 1e-3, 1.0, 60.0):
        for _ in range(50):
            angles = np.sort(rng.uniform(0, 2 * np.pi, 5))
            corners = zip(200 + scale_deg * np.cos(angles), 10 + scale_deg * np.sin(angles), strict=True)
            polygon = Polygon(tuple(corners))
            assert polygon.contains_vectors(polygon.starts).all()
            middles = polygon.starts + polygon.ends
            middles /= np.linalg.norm(middles, axis=-1)[:, np.newaxis]
            assert polygon.contains_vectors(middles).all()


def test_nan_is_outside() -> None:
    assert not OCTANT.contains([np.nan, 1.0], [1.0, np.nan]).any()


def test_areas_are_those_of_the_sphere() -> None:
    assert OCTANT.area_deg2 == pytest.approx(SKY_DEG2 / 8, rel=1e-14)
    tiny = Polygon(((10, 20), (10 + 1e-6, 20), (10 + 1e-6, 20 + 1e-6), (10, 20 + 1e-6)))
    assert tiny.area_deg2 == pytest.approx(1e-12 * np.cos(np.radians(20)), rel=1e-7)
    ra, dec = _sky(200_000)
    for polygon in (CAP, ACROSS_ZERO, ARROW):
        share = polygon.contains(ra, dec).mean()
        assert polygon.area_deg2 == pytest.approx(share * SKY_DEG2, rel=5 / np.sqrt(share * len(ra)))


def test_the_centroid_is_the_mean_of_what_is_inside() -> None:
    ra, dec = _sky(400_000)
    for polygon in (OCTANT, ACROSS_ZERO, ARROW):
        inside = polygon.contains(ra, dec)
        lon, lat = np.radians(ra[inside]), np.radians(dec[inside])
        mean = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]).mean(axis=1)
        found = np.degrees(np.arctan2(mean[1], mean[0])), np.degrees(np.arctan2(mean[2], np.hypot(*mean[:2])))
        assert separation_deg(*found, *polygon.centroid_deg) < 0.5


def test_a_line_has_its_middle_as_centroid_and_no_area() -> None:
    line = Polygon(((10, 0), (20, 0), (15, 0)))
    assert line.area_deg2 == pytest.approx(0, abs=1e-12)
    assert line.centroid_deg == pytest.approx((15, 0), abs=1e-9)


def test_distances_to_the_edge_are_those_of_densely_sampled_edges() -> None:
    steps = np.linspace(0, 1, 2001)[:, np.newaxis]
    ra, dec = _sky(60)
    for polygon in (OCTANT, ACROSS_ZERO, ARROW):
        points = []
        for start, end in zip(polygon.starts, polygon.ends, strict=True):
            chord = start * (1 - steps) + end * steps
            points.append(chord / np.linalg.norm(chord, axis=-1)[:, np.newaxis])
        edge = np.concatenate(points)
        for one in zip(ra.tolist(), dec.tolist(), strict=True):
            place = unit_vectors(*one)
            sampled = np.degrees(np.arccos(np.clip(edge @ place, -1, 1)))
            assert abs(polygon.margin_deg(*one)) == pytest.approx(sampled.min(), abs=0.05)
            assert (polygon.margin_deg(*one) > 0) == bool(polygon.contains([one[0]], [one[1]])[0])
            farthest = 180.0 if polygon.contains([one[0] + 180], [-one[1]])[0] else sampled.max()
            assert polygon.farthest_deg(*one) == pytest.approx(farthest, abs=0.05)


@pytest.mark.parametrize(
    ("one", "other", "meets", "is_within"),
    [
        (((10, 10), (20, 10), (15, 20)), OCTANT.corners_deg, True, True),
        (OCTANT.corners_deg, ((10, 10), (20, 10), (15, 20)), True, False),
        (((350, -10), (10, -10), (10, 10)), OCTANT.corners_deg, True, False),
        (((200, -10), (210, -10), (205, 10)), OCTANT.corners_deg, False, False),
        (((0, 0), (10, 0), (0, 10)), OCTANT.corners_deg, True, True),
        (((-10, 0), (0, 0), (-10, 10)), OCTANT.corners_deg, True, False),
        (((9, 9), (9, 11), (18, 10)), ARROW.corners_deg, True, True),
        (((1, 1), (1, 19), (18, 10)), ARROW.corners_deg, True, False),
        (((30, -40), (31, -40), (31, 40), (30, 40)), ((0, -5), (60, -5), (60, 5), (0, 5)), True, False),
        (OCTANT.corners_deg, OCTANT.corners_deg, True, True),
    ],
    ids=["inside", "around", "overlapping", "apart", "sharing edges", "touching", "in the point of an arrow",
         "over its notch", "crossing without corners inside", "the same"],
)  # fmt: skip
def test_polygons_meet_and_contain_each_other(
    one: tuple[tuple[float, float], ...], other: tuple[tuple[float, float], ...], meets: bool, is_within: bool
) -> None:
    first, second = Polygon(one), Polygon(other)
    assert first.meets(second) is meets
    assert second.meets(first) is meets
    assert first.is_within(second) is is_within


def test_every_place_inside_has_its_cell_in_the_ranges() -> None:
    ra, dec = _sky(100_000)
    found = cells(ra, dec)
    circle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    many = Polygon(tuple(zip(120 + 20 * np.cos(circle), 10 + 15 * np.sin(circle), strict=True)))
    for polygon in (OCTANT, CAP, ACROSS_ZERO, ARROW, many):
        inside = polygon.contains(ra, dec)
        for max_ranges in (1, 4, 16):
            ranges = polygon.cell_ranges(max_ranges)
            assert len(ranges) <= max_ranges
            covered = np.any([(found >= first) & (found <= last) for first, last in ranges], axis=0)
            assert covered[inside].all()


def test_boxes_have_sides_perpendicular_to_their_arms() -> None:
    assert box_corners_deg(0, 0, 2, 2)[2] == pytest.approx((1.0, 0.9998477), abs=1e-7)
    for centre in ((10.0, 20.0), (0.0, 90.0), (200.0, -89.9), (359.9, 0.0)):
        box = Polygon(box_corners_deg(*centre, 3.0, 4.0))
        assert box.contains([centre[0]], [centre[1]])[0]
        assert box.margin_deg(*centre) == pytest.approx(1.5, abs=1e-12)
        assert box.area_deg2 == pytest.approx(12, rel=1e-3)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (((0, 0), (1, 1)), "at least three corners, not 2"),
        (((0, 0), (1, 95), (2, 0)), "latitude 95 is outside"),
        (((0, 0), (180, 0), (90, 45)), "are opposite each other"),
        (((0, 0), (np.nan, 0), (90, 45)), "not a finite number"),
    ],
)
def test_what_is_no_polygon_is_refused(corners: tuple[tuple[float, float], ...], message: str) -> None:
    with pytest.raises(SkyRangeError, match=message):
        Polygon(corners)


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 180), (-1, 1), (1, np.nan), (360, 1)])
def test_what_is_no_box_is_refused(width: float, height: float) -> None:
    with pytest.raises(SkyRangeError, match="of a box is outside"):
        box_corners_deg(1, 2, width, height)
