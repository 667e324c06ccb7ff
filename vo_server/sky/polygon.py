"""Polygons on the sphere: great-circle edges, any size below a hemisphere's area, over poles and RA 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.angle import SkyRangeError, checked_dec_deg, wrapped_ra_deg
from vo_server.sky.healpix import centres
from vo_server.sky.region import Cone, Region, circumradius_deg, region_ranges
from vo_server.sky.vectors import arc_distance_deg, dot, place_deg, unit_vectors, vector_separation_deg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from vo_server.sky.angle import BoolArray, FloatArray, IntArray

__all__ = ["EDGE_TOLERANCE", "SMALL_EDGE", "Polygon", "box_corners_deg"]

EDGE_TOLERANCE: Final = 2e-15
"""Distance from an edge up to which a place lies on it [rad]: the rounding of unit vectors, 4e-10 arcsec."""

SMALL_EDGE: Final = 1e-4
"""Edges of polygons that are all shorter than this are taken for straight ones when a centroid is computed [rad]."""

_MIN_CORNERS: Final = 3
_ANTIPODAL: Final = 1e-12
"""Length of the sum of two unit vectors below which no shorter way between them can be told."""

_PIECE: Final = 200_000
"""Pairs of a place and an edge that are looked at together."""

_DEG2: Final = float(np.degrees(1.0)) ** 2
"""Square degrees of a steradian."""


@dataclass(frozen=True)
class Polygon(Region):
    """The smaller of the two regions that a closed chain of great-circle arcs bounds, edges included.

    The winding of the corners does not matter. Where edges cross, places around which the chain winds are inside.

    Parameters
    ----------
    corners_deg
        ICRS corners (ra, dec) [deg], at least three; the last is joined to the first. RA is wrapped into [0, 360).

    Raises
    ------
    SkyRangeError
        If there are fewer than three corners, a declination is out of range, a number is not finite, or two corners
        in a row are opposite each other, so that no shorter way joins them.

    Notes
    -----
    Seen from a place P, edge BC turns by the angle whose sine is to its cosine as P.(b x c) to b.c, with b = B - P and
    c = C - P. The sum over all edges is +-(2 pi - A / 2) inside a region of area A and +-A / 2 outside, so that P is
    inside the smaller region just when the sum exceeds pi. Differences of nearby vectors lose no digits, so that this
    holds for polygons of milliarcseconds as well. The SQL of every engine is this formula.

    References
    ----------
    ADQL 2.1, section 4.2.19 (POLYGON); Van Oosterom and Strackee (1983) for the angle.
    """

    corners_deg: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.corners_deg) < _MIN_CORNERS:
            raise SkyRangeError(f"a polygon has at least three corners, not {len(self.corners_deg)}")
        corners = tuple((wrapped_ra_deg(ra), checked_dec_deg(dec)) for ra, dec in self.corners_deg)
        object.__setattr__(self, "corners_deg", corners)
        sums = np.linalg.norm(self.starts + self.ends, axis=-1)
        if np.any(sums < _ANTIPODAL):
            at = int(np.argmin(sums))
            one, other = corners[at], corners[(at + 1) % len(corners)]
            raise SkyRangeError(f"the corners {one} and {other} of a polygon are opposite each other")

    @classmethod
    def of_numbers(cls, numbers: Iterable[float]) -> Polygon:
        """Return the polygon with corners given as one row of numbers: ra, dec, ra, dec, ... [deg]."""
        flat = list(numbers)
        if len(flat) % 2:
            raise SkyRangeError(f"a polygon has an even number of coordinates, not {len(flat)}")
        return cls(tuple(zip(flat[::2], flat[1::2], strict=True)))

    @property
    def numbers(self) -> tuple[float, ...]:
        """Coordinates of the corners in a row (DALI's ``polygon``) [deg]."""
        return tuple(number for corner in self.corners_deg for number in corner)

    @cached_property
    def starts(self) -> FloatArray:
        """Unit vectors of the corners, shape (n, 3)."""
        lon_deg, lat_deg = np.array(self.corners_deg).T
        return unit_vectors(lon_deg, lat_deg)

    @property
    def ends(self) -> FloatArray:
        """Unit vectors of the corners after each of the corners, shape (n, 3)."""
        return np.roll(self.starts, -1, axis=0)

    @cached_property
    def normals(self) -> FloatArray:
        """Vectors normal to the edges, as long as the sines of the edges, shape (n, 3)."""
        normals: FloatArray = np.cross(self.starts, self.ends - self.starts)
        return normals

    @cached_property
    def tolerances(self) -> FloatArray:
        """Per edge, what counts as nothing in products with its normal, shape (n,)."""
        return np.asarray(EDGE_TOLERANCE * np.linalg.norm(self.normals, axis=-1), np.float64)

    @cached_property
    def edges(self) -> list[tuple[float, ...]]:
        """Per edge ten numbers: its start, its end, its normal and the length of the normal."""
        lengths = np.sqrt(np.sum(self.normals**2, axis=-1))
        rows = np.column_stack([self.starts, self.ends, self.normals, lengths])
        return [tuple(row) for row in rows.tolist()]

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside, edges included; see :meth:`Region.contains`."""
        return self.contains_vectors(unit_vectors(ra_deg, dec_deg))

    def contains_vectors(self, places: FloatArray) -> BoolArray:
        """Tell which unit vectors, shape (n, 3), point inside, edges included."""
        found = [self._contains(part) for part in _pieces(places, len(self.corners_deg))]
        return np.concatenate(found) if found else np.zeros(0, np.bool_)

    def _contains(self, places: FloatArray) -> BoolArray:
        sines = places @ self.normals.T
        seen = places[:, np.newaxis, :]
        cosines = dot(self.starts - seen, self.ends - seen)
        on_edge = np.any((np.abs(sines) <= self.tolerances) & (cosines <= self.tolerances), axis=1)
        turns = np.sum(np.arctan2(sines, cosines), axis=1)
        return np.asarray(on_edge | (np.abs(turns) > np.pi), np.bool_)

    def edge_distance_deg(self, places: FloatArray) -> FloatArray:
        """Return how far unit vectors, shape (n, 3), are from the nearest edge [deg], inside or outside."""
        found = [
            np.min(arc_distance_deg(part[:, np.newaxis, :], self.starts, self.ends), axis=1)
            for part in _pieces(places, len(self.corners_deg))
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def margin_deg(self, ra_deg: float, dec_deg: float) -> float:
        """Return how deep a place lies in the polygon [deg]: its distance from the nearest edge, negative outside."""
        place = unit_vectors([ra_deg], [dec_deg])
        distance_deg = float(self.edge_distance_deg(place)[0])
        return distance_deg if self.contains_vectors(place)[0] else -distance_deg

    def farthest_deg(self, ra_deg: float, dec_deg: float) -> float:
        """Return the distance of the farthest place of the polygon from a place [deg]."""
        place = unit_vectors([ra_deg], [dec_deg])
        if self.contains_vectors(-place)[0]:
            return 180.0
        past_start = dot(-place, np.cross(self.normals, self.starts))
        before_end = dot(-place, np.cross(self.ends, self.normals))
        corners = float(np.max(vector_separation_deg(place, self.starts)))
        is_between = (past_start >= 0) & (before_end >= 0)
        if not np.any(is_between):
            return corners
        return max(corners, 180.0 - float(np.min(arc_distance_deg(-place, self.starts, self.ends)[is_between])))

    @cached_property
    def _signed_area_sr(self) -> float:
        """Area to the left of the chain, within (-2 pi, 2 pi]: negative for clockwise corners [sr]."""
        apex = self.starts[0]
        volume = np.cross(self.starts - apex, self.ends - apex) @ apex
        base = 1.0 + self.starts @ apex + self.ends @ apex + dot(self.starts, self.ends)
        area_sr = float(np.sum(2.0 * np.arctan2(volume, base)))
        return area_sr - 4.0 * np.pi * float(np.ceil((area_sr - 2.0 * np.pi) / (4.0 * np.pi)))

    @property
    def area_deg2(self) -> float:
        """Area inside [deg**2]."""
        return abs(self._signed_area_sr) * _DEG2

    @cached_property
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the centre of mass of the area, seen from the centre of the sphere [deg].

        Good to about 1e-10 deg. The normals of the edges of a small polygon nearly cancel; it is taken for a flat one.
        """
        lengths = np.linalg.norm(self.normals, axis=-1)
        if np.max(lengths) < SMALL_EDGE:
            return place_deg(self._flat_centroid)
        angles = np.arctan2(lengths, dot(self.starts, self.ends))
        weights = np.divide(angles, lengths, out=np.zeros_like(angles), where=lengths > 0)
        moment = weights @ self.normals * (1.0 if self._signed_area_sr >= 0 else -1.0)
        return place_deg(moment if np.linalg.norm(moment) > EDGE_TOLERANCE else np.sum(self.starts, axis=0))

    @property
    def _flat_centroid(self) -> FloatArray:
        """Centre of mass of the triangles from the first corner to each edge, as if they were flat."""
        apex = self.starts[0]
        one, other = self.starts - apex, self.ends - apex
        areas = np.cross(one, other) @ apex
        total = float(np.sum(areas))
        if abs(total) <= EDGE_TOLERANCE * float(np.max(np.linalg.norm(self.normals, axis=-1))):
            return np.asarray(np.sum(self.starts, axis=0), np.float64)
        return np.asarray(apex + areas @ (one + other) / 3.0 / total, np.float64)

    def meets(self, other: Polygon) -> bool:
        """Tell whether two polygons have a place in common."""
        return (
            bool(np.any(other.contains_vectors(self.starts)))
            or bool(np.any(self.contains_vectors(other.starts)))
            or self._crosses(other)
        )

    def is_within(self, other: Polygon) -> bool:
        """Tell whether every place of this polygon lies in another one, edges included."""
        if not bool(np.all(other.contains_vectors(self.starts))) or self._crosses(other):
            return False
        middles = self.starts + self.ends
        middles /= np.linalg.norm(middles, axis=-1)[:, np.newaxis]
        if not bool(np.all(other.contains_vectors(middles))):
            return False
        is_inner = self.contains_vectors(other.starts) & (
            np.radians(self.edge_distance_deg(other.starts)) > EDGE_TOLERANCE
        )
        return not bool(np.any(is_inner))

    def _crosses(self, other: Polygon) -> bool:
        """Tell whether an edge goes through an edge of another polygon; touching is not enough."""
        ours = (self.starts @ other.normals.T, self.ends @ other.normals.T)
        theirs = (other.starts @ self.normals.T, other.ends @ self.normals.T)
        here, there = other.tolerances[np.newaxis, :], self.tolerances[:, np.newaxis]
        # Both ends of each edge lie on the two sides of the other one, and in the same sense (S2, simple crossing).
        rises = (ours[0] < -here) & (ours[1] > here) & (there < theirs[0].T) & (-there > theirs[1].T)
        falls = (ours[0] > here) & (ours[1] < -here) & (-there > theirs[0].T) & (there < theirs[1].T)
        return bool(np.any(rises | falls))

    @cached_property
    def bounding_cone(self) -> Cone:
        """A cone around the centroid that holds the polygon."""
        ra_deg, dec_deg = self.centroid_deg
        return Cone(ra_deg, dec_deg, min(180.0, self.farthest_deg(ra_deg, dec_deg)))

    @property
    def dec_range_deg(self) -> tuple[float, float]:
        """Lowest and highest declination inside, with a margin [deg]."""
        return self.bounding_cone.dec_range_deg

    @property
    def ra_range_deg(self) -> tuple[float, float] | None:
        """Right ascension where the polygon begins, and its extent; see :attr:`Region.ra_range_deg`."""
        return self.bounding_cone.ra_range_deg

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        middles = unit_vectors(*centres(order, numbers))
        is_inside, distance_deg = self.contains_vectors(middles), self.edge_distance_deg(middles)
        is_near = distance_deg <= circumradius_deg(order)
        return is_inside | is_near, is_inside & ~is_near

    def cell_ranges(self, max_ranges: int) -> list[tuple[int, int]]:
        """Return ranges of cells that cover the polygon; see :meth:`Region.cell_ranges`."""
        return region_ranges(self, max_ranges, start=self.bounding_cone.large_cells())


def _pieces(places: FloatArray, n_edges: int) -> list[FloatArray]:
    """Cut places into pieces that, times the edges, fit in some megabytes."""
    n_pieces = -(-len(places) * n_edges // _PIECE)
    return np.array_split(places, n_pieces) if n_pieces else []


def box_corners_deg(
    ra_deg: float, dec_deg: float, width_deg: float, height_deg: float
) -> tuple[tuple[float, float], ...]:
    """Return the corners of a box.

    The box is a cross with arms along the great circle eastwards and along the meridian through its centre; the sides
    are great circles perpendicular to the arms at their ends.

    Parameters
    ----------
    ra_deg, dec_deg
        Centre [deg].
    width_deg, height_deg
        Whole lengths of the arms [deg], in (0, 180).

    Returns
    -------
    tuple of (float, float)
        Four corners [deg], counter-clockwise seen from the inside, beginning in the south-west.

    Raises
    ------
    SkyRangeError
        If a length is out of range: sides of half a turn meet at the poles of the box.

    References
    ----------
    ADQL 2.1, section 4.2.9 (BOX).
    """
    for what, length_deg in (("width", width_deg), ("height", height_deg)):
        if not 0 < length_deg < 180:  # noqa: PLR2004 - half a turn
            raise SkyRangeError(f"the {what} {length_deg:g} of a box is outside (0, 180) degrees")
    east, north, up = _local_axes(ra_deg, checked_dec_deg(dec_deg))
    half = np.radians(width_deg) / 2.0
    local_lat = np.arctan(np.cos(half) * np.tan(np.radians(height_deg) / 2.0))
    corners = []
    for sign_x, sign_y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        ahead = np.cos(local_lat) * (np.cos(half) * up + sign_x * np.sin(half) * east)
        corners.append(place_deg(ahead + sign_y * np.sin(local_lat) * north))
    return tuple(corners)


def _local_axes(ra_deg: float, dec_deg: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the unit vectors to the east, to the north and to a place itself."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    return east, north, unit_vectors(ra_deg, dec_deg)
