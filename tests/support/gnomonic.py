"""The slow, simple oracle of shapes on the sphere: extended precision, and other methods than those under test.

A polygon is looked at in a gnomonic projection, in which its edges are straight, so that plane geometry answers. That
needs a polygon that fits into an open hemisphere; others have no side that is plainly the inside and are refused. What
lies within :data:`NEAR_DEG` of a boundary cannot be told from what lies on it, and every answer says so.

Places are unit vectors of ``longdouble``, shape (..., 3); angles are in degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "NEAR_DEG", "AmbiguousError", "Answer", "Polygon", "beside", "box", "circle_area", "circle_in_circle",
    "circle_in_polygon", "circles_meet", "degrees_of", "place", "point_in_circle", "polygon_in_circle",
    "polygon_in_polygon", "polygon_meets_circle", "polygons_meet", "separation_deg",
]  # fmt: skip

Longs: TypeAlias = NDArray[np.longdouble]
Truths: TypeAlias = NDArray[np.bool_]

NEAR_DEG: Final = 1e-11
"""Distance to a boundary below which an answer is undetermined [deg]."""

_PI: Final = np.longdouble("3.14159265358979323846264338327950288")
_RADIAN: Final = _PI / 180
_STEPS: Final = 2000
"""Corrections that are tried to find a hemisphere around a polygon."""


class AmbiguousError(ValueError):
    """A polygon that fits into no hemisphere: neither side is plainly the inside."""


@dataclass(frozen=True)
class Answer:
    """Answers for several places or shapes."""

    is_true: Truths
    is_near: Truths
    """Too near to a boundary to tell."""


def place(lon_deg: ArrayLike, lat_deg: ArrayLike) -> Longs:
    """Return unit vectors."""
    lon = np.mod(np.asarray(lon_deg, np.longdouble), 360) * _RADIAN
    lat = np.asarray(lat_deg, np.longdouble)
    # The sine of the codistance makes a pole one place, whatever its longitude is.
    across = np.sin((90 - np.abs(lat)) * _RADIAN)
    return np.stack(np.broadcast_arrays(across * np.cos(lon), across * np.sin(lon), np.sin(lat * _RADIAN)), axis=-1)


def degrees_of(vector: Longs) -> tuple[Longs, Longs]:
    """Return longitude, in [0, 360), and latitude of vectors of any length [deg]."""
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    lon = np.mod(np.arctan2(y, x) / _RADIAN, 360)
    return lon, np.arctan2(z, np.hypot(x, y)) / _RADIAN


def beside(lon_deg: float, lat_deg: float, distance_deg: float, turn_deg: float) -> tuple[float, float]:
    """Return the place at a distance from another one, in a direction from north eastwards, as doubles [deg]."""
    if abs(lat_deg) == 90:
        return turn_deg % 360, math.copysign(90 - distance_deg, lat_deg)
    distance, turn, lat = (math.radians(one) for one in (distance_deg, turn_deg, lat_deg))
    z = math.sin(lat) * math.cos(distance) + math.cos(lat) * math.sin(distance) * math.cos(turn)
    east = math.atan2(math.sin(turn) * math.sin(distance) * math.cos(lat), math.cos(distance) - math.sin(lat) * z)
    return (lon_deg + math.degrees(east)) % 360, math.degrees(math.asin(min(max(z, -1.0), 1.0)))


def _dot(one: Longs, other: Longs) -> Longs:
    total: Longs = (one * other).sum(axis=-1)
    return total


def _cross(one: Longs, other: Longs) -> Longs:
    # np.cross does the same for so few vectors in several times the time.
    a, b, c = (one[..., at] for at in range(3))
    d, e, f = (other[..., at] for at in range(3))
    x = b * f - c * e
    product = np.empty((*x.shape, 3), np.longdouble)
    product[..., 0], product[..., 1], product[..., 2] = x, c * d - a * f, a * e - b * d
    return product


def _length(vector: Longs) -> Longs:
    root: Longs = np.sqrt((vector**2).sum(axis=-1))
    return root


def separation_deg(one: Longs, other: Longs) -> Longs:
    """Return the angle between unit vectors [deg]."""
    angle: Longs = np.arctan2(_length(_cross(one, other)), _dot(one, other)) / _RADIAN
    return angle


def _arc_distance_deg(points: Longs, start: Longs, end: Longs) -> Longs:
    """Return the distance of places to the shorter arc between two others [deg]."""
    to_ends = np.minimum(separation_deg(points, start), separation_deg(points, end))
    normal = _cross(start, end)
    size = _length(normal)
    if size == 0:
        return to_ends
    normal = normal / size
    # The foot of the perpendicular lies on the arc when it is ahead of the start and behind the end.
    is_beside = (_dot(points, _cross(normal, start)) >= 0) & (_dot(points, _cross(end, normal)) >= 0)
    to_line = np.abs(np.arctan2(_dot(points, normal), _length(_cross(points, normal)))) / _RADIAN
    distance: Longs = np.where(is_beside, to_line, to_ends)
    return distance


class Polygon:
    """A polygon: shorter great-circle arcs between its corners, closed by itself.

    Parameters
    ----------
    corners
        At least three unit vectors, shape (n, 3); one that is repeated counts once.

    Raises
    ------
    AmbiguousError
        If no open hemisphere holds all corners.
    """

    def __init__(self, corners: Longs) -> None:
        kept = [one for at, one in enumerate(corners) if separation_deg(one, corners[at - 1]) > 0]
        self.corners: Longs = np.array(kept if len(kept) >= 3 else corners, np.longdouble)
        self.middle = _middle(self.corners)
        self._plane = self._projected(self.corners)

    @classmethod
    def of_degrees(cls, *numbers: float) -> Polygon:
        """Make a polygon of longitudes and latitudes in turn [deg]."""
        return cls(place(numbers[::2], numbers[1::2]))

    @property
    def edges(self) -> list[tuple[Longs, Longs]]:
        """Starts and ends of the edges."""
        return [(self.corners[at - 1], corner) for at, corner in enumerate(self.corners)]

    def _projected(self, points: Longs) -> Longs:
        """Project places of the hemisphere around the middle on its tangent plane."""
        axis = np.eye(3, dtype=np.longdouble)[int(np.argmin(np.abs(self.middle)))]
        east = _cross(axis, self.middle)
        east = east / _length(east)
        north = _cross(self.middle, east)
        depth = _dot(points, self.middle)
        flat: Longs = np.stack([_dot(points, east) / depth, _dot(points, north) / depth], axis=-1)
        return flat

    def boundary_distance_deg(self, points: Longs) -> Longs:
        """Return the distances of places to the nearest edge [deg]."""
        distances = [_arc_distance_deg(points, start, end) for start, end in self.edges]
        nearest: Longs = np.min(np.stack(distances), axis=0)
        return nearest

    def holds(self, points: Longs) -> Answer:
        """Tell which places lie inside, by the rule of the winding number that is not zero; shape (n, 3) to (n,)."""
        is_ahead = _dot(points, self.middle) > 0
        flat = self._projected(np.where(is_ahead[:, None], points, self.middle))
        winding = np.zeros(len(points), int)
        for at, end in enumerate(self._plane):
            start = self._plane[at - 1]
            side = (end[0] - start[0]) * (flat[:, 1] - start[1]) - (flat[:, 0] - start[0]) * (end[1] - start[1])
            winding += (start[1] <= flat[:, 1]) & (end[1] > flat[:, 1]) & (side > 0)
            winding -= (start[1] > flat[:, 1]) & (end[1] <= flat[:, 1]) & (side < 0)
        return Answer(is_ahead & (winding != 0), self.boundary_distance_deg(points) < NEAR_DEG)

    def distance_deg(self, points: Longs) -> Longs:
        """Return the distances of places, 0 inside [deg]."""
        distance: Longs = np.where(self.holds(points).is_true, 0, self.boundary_distance_deg(points))
        return distance

    @property
    def signed_area_sr(self) -> np.longdouble:
        """Solid angle, positive for corners that go counter-clockwise seen from outside; edges must not cross."""
        total = np.longdouble(0)
        for start, end in self.edges:
            triple = _dot(self.middle, _cross(start, end))
            total += 2 * np.arctan2(triple, 1 + _dot(self.middle, start) + _dot(start, end) + _dot(end, self.middle))
        return total

    @property
    def area_deg2(self) -> float:
        """Area [deg**2]."""
        return float(np.abs(self.signed_area_sr) / _RADIAN**2)

    @property
    def centroid(self) -> Longs:
        """Direction of the centre of mass of the surface inside, a unit vector."""
        total = np.zeros(3, np.longdouble)
        for start, end in self.edges:
            normal = _cross(start, end)
            total += normal / _length(normal) * separation_deg(start, end)
        total *= np.sign(self.signed_area_sr)
        unit: Longs = total / _length(total)
        return unit


def _middle(corners: Longs) -> Longs:
    """Return the pole of an open hemisphere that holds all corners."""
    pole = corners.sum(axis=0)
    for _ in range(_STEPS):
        size = _length(pole)
        height = _dot(corners, pole)
        if size > 0 and height.min() > 1e-6 * size:
            found: Longs = pole / size
            return found
        pole = pole + corners[int(height.argmin())]
    raise AmbiguousError("the polygon fits into no hemisphere")


def box(lon_deg: float, lat_deg: float, width_deg: float, height_deg: float) -> Polygon:
    """Return a box: great circles perpendicular to the ends of the arms, which are great circles, too.

    Parameters
    ----------
    lon_deg, lat_deg
        Centre [deg].
    width_deg, height_deg
        Lengths of the arms from end to end [deg], both below 180.
    """
    half = np.longdouble(width_deg) / 2
    lat = np.arctan(np.cos(half * _RADIAN) * np.tan(np.longdouble(height_deg) / 2 * _RADIAN)) / _RADIAN
    local = place([-half, half, half, -half], [-lat, -lat, lat, lat])
    tilt, turn = np.longdouble(lat_deg) * _RADIAN, np.longdouble(lon_deg) * _RADIAN
    x = local[:, 0] * np.cos(tilt) - local[:, 2] * np.sin(tilt)
    z = local[:, 0] * np.sin(tilt) + local[:, 2] * np.cos(tilt)
    y = local[:, 1]
    corners = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z], axis=-1)
    return Polygon(corners)


# ------------------------------------------------------------------------------------------------------ predicates


def _at_most(one: Longs, other: ArrayLike) -> Answer:
    limit = np.asarray(other, np.longdouble)
    # Nothing is farther away than the antipode.
    return Answer(one <= limit, (np.abs(one - limit) < NEAR_DEG) & (limit < 180))


def point_in_circle(points: Longs, centres: Longs, radius_deg: ArrayLike) -> Answer:
    """Tell which places lie in circles."""
    return _at_most(separation_deg(points, centres), radius_deg)


def circle_in_circle(inner: Longs, inner_deg: ArrayLike, outer: Longs, outer_deg: ArrayLike) -> Answer:
    """Tell which circles lie in others."""
    reach = np.minimum(separation_deg(inner, outer) + np.asarray(inner_deg, np.longdouble), 180)
    return _at_most(reach, outer_deg)


def circles_meet(one: Longs, one_deg: ArrayLike, other: Longs, other_deg: ArrayLike) -> Answer:
    """Tell which circles have a place in common."""
    return _at_most(
        separation_deg(one, other), np.asarray(one_deg, np.longdouble) + np.asarray(other_deg, np.longdouble)
    )


def circle_area(radius_deg: float) -> float:
    """Return the area of a circle [deg**2]."""
    half = np.sin(np.longdouble(radius_deg) * _RADIAN / 2)
    return float(4 * _PI * half**2 / _RADIAN**2)


def circle_in_polygon(centres: Longs, radius_deg: ArrayLike, polygon: Polygon) -> Answer:
    """Tell which circles lie in a polygon."""
    inside = polygon.holds(centres)
    distance = polygon.boundary_distance_deg(centres)
    radius = np.asarray(radius_deg, np.longdouble)
    is_near = (inside.is_true & (np.abs(distance - radius) < NEAR_DEG)) | inside.is_near
    return Answer(inside.is_true & (radius <= distance), is_near)


def polygon_in_circle(polygon: Polygon, centres: Longs, radius_deg: ArrayLike) -> Answer:
    """Tell in which circles a polygon lies: it must not come near to the antipode."""
    distance = polygon.distance_deg(-centres)
    needed = 180 - np.asarray(radius_deg, np.longdouble)
    return Answer(distance >= needed, np.abs(distance - needed) < NEAR_DEG)


def polygon_meets_circle(polygon: Polygon, centres: Longs, radius_deg: ArrayLike) -> Answer:
    """Tell which circles have a place in common with a polygon."""
    found = _at_most(polygon.distance_deg(centres), radius_deg)
    return Answer(found.is_true, found.is_near & (np.asarray(radius_deg) >= 0))


def _arcs_cross(one: tuple[Longs, Longs], other: tuple[Longs, Longs]) -> bool:
    """Tell whether two arcs cross, ends not counted."""
    (a, b), (c, d) = one, other
    line, other_line = _cross(a, b), _cross(c, d)
    sides = _dot(line, c), _dot(line, d), _dot(other_line, a), _dot(other_line, b)
    if sides[0] * sides[1] >= 0 or sides[2] * sides[3] >= 0:
        return False
    # The great circles cross twice; the arcs do so at the same one of both places.
    crossing = _cross(line, other_line)
    return bool(_dot(crossing, a + b) * _dot(crossing, c + d) > 0)


def _are_apart(one: Polygon, other: Polygon) -> bool:
    """Tell whether circles around two polygons have nothing in common."""
    sizes = [separation_deg(polygon.corners, polygon.middle).max() for polygon in (one, other)]
    return bool(separation_deg(one.middle, other.middle) > sum(sizes) + 1)


def _touch(one: Polygon, other: Polygon) -> bool:
    nearest = min(one.boundary_distance_deg(other.corners).min(), other.boundary_distance_deg(one.corners).min())
    return bool(nearest < NEAR_DEG)


def _edges_cross(one: Polygon, other: Polygon) -> bool:
    return any(_arcs_cross(edge, another) for edge in one.edges for another in other.edges)


def polygons_meet(one: Polygon, other: Polygon) -> tuple[bool, bool]:
    """Tell whether two polygons whose edges do not cross themselves overlap, and whether that is too near to tell."""
    if _are_apart(one, other):
        return False, False
    is_true = (
        _edges_cross(one, other)
        or bool(one.holds(other.corners).is_true.any())
        or bool(other.holds(one.corners).is_true.any())
    )
    return is_true, _touch(one, other)


def polygon_in_polygon(inner: Polygon, outer: Polygon) -> tuple[bool, bool]:
    """Tell whether one such polygon lies in another, and whether that is too near to tell."""
    if _are_apart(inner, outer):
        return False, False
    is_true = bool(outer.holds(inner.corners).is_true.all()) and not _edges_cross(inner, outer)
    return is_true, _touch(inner, outer)
