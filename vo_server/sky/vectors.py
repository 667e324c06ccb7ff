"""Unit vectors of places on the sphere, and the great-circle arcs between them, vectorised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from vo_server.sky.angle import FloatArray

__all__ = ["arc_distance_deg", "dot", "place_deg", "places_deg", "unit_vectors", "vector_separation_deg"]


def unit_vectors(lon_deg: ArrayLike, lat_deg: ArrayLike) -> FloatArray:
    """Return the unit vectors of places.

    Parameters
    ----------
    lon_deg, lat_deg
        Positions [deg], shape (...); longitudes may be unwrapped, NaN gives NaN.

    Returns
    -------
    ndarray, shape (..., 3)
        Good to about 2e-16 in each component.
    """
    lon, lat = np.radians(np.asarray(lon_deg, np.float64)), np.radians(np.asarray(lat_deg, np.float64))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def place_deg(vector: FloatArray) -> tuple[float, float]:
    """Return the position [deg] that a vector of any length points to; the longitude is in [0, 360)."""
    lon_deg, lat_deg = places_deg(vector)
    return float(lon_deg), float(lat_deg)


def places_deg(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the positions [deg] that vectors of any length point to.

    Parameters
    ----------
    vectors
        Shape (..., 3).

    Returns
    -------
    tuple of ndarray, shape (...)
        Longitudes in [0, 360) and latitudes.
    """
    x, y, z = (vectors[..., axis] for axis in range(3))
    lon_deg = np.degrees(np.arctan2(y, x)) % 360.0
    # The rest of a tiny negative number by a turn is the turn.
    return np.where(lon_deg == 360.0, 0.0, lon_deg), np.degrees(np.arctan2(z, np.hypot(x, y)))  # noqa: PLR2004 - a turn


def dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the scalar products along the last axis."""
    return np.asarray(np.sum(one * other, axis=-1), np.float64)


def vector_separation_deg(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the angles between unit vectors [deg], good at all distances."""
    chord, sum_ = np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1)
    return np.asarray(np.degrees(2.0 * np.arctan2(chord, sum_)), np.float64)


def arc_distance_deg(places: FloatArray, starts: FloatArray, ends: FloatArray) -> FloatArray:
    """Return the distance of places from great-circle arcs.

    Parameters
    ----------
    places
        Unit vectors that broadcast against the arcs, shape (..., 3).
    starts, ends
        Unit vectors of the ends of the arcs, shape (..., 3); the arc is the shorter way between them, and a single
        place where both are the same.

    Returns
    -------
    ndarray
        Distances [deg] in [0, 180].
    """
    normal = np.cross(starts, ends - starts)
    length = np.linalg.norm(normal, axis=-1)
    past_start = dot(places, np.cross(normal, starts))
    before_end = dot(places, np.cross(ends, normal))
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.hypot(past_start / length, dot(places, starts))
        across = np.degrees(np.arctan2(np.abs(dot(places, normal)) / length, along))
    to_ends = np.minimum(vector_separation_deg(places, starts), vector_separation_deg(places, ends))
    return np.where((past_start >= 0) & (before_end >= 0) & (length > 0), across, to_ends)
