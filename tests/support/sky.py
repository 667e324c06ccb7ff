"""The slow, simple oracle of the sphere: vectors in extended precision, another formula than the one under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["oracle_separation_deg", "points_around"]

_TURN_DEG = np.longdouble(360)
_RADIAN = np.longdouble("3.14159265358979323846264338327950288") / 180


def _vector(ra_deg: ArrayLike, dec_deg: ArrayLike) -> NDArray[np.longdouble]:
    ra = np.mod(np.asarray(ra_deg, np.longdouble), _TURN_DEG) * _RADIAN
    # The codistance is exact in degrees, which makes a pole one place whatever its right ascension is.
    dec = np.asarray(dec_deg, np.longdouble)
    cos_dec = np.sin((90 - np.abs(dec)) * _RADIAN)
    return np.stack(np.broadcast_arrays(cos_dec * np.cos(ra), cos_dec * np.sin(ra), np.sin(dec * _RADIAN)))


def oracle_separation_deg(
    ra1_deg: ArrayLike, dec1_deg: ArrayLike, ra2_deg: ArrayLike, dec2_deg: ArrayLike
) -> NDArray[np.longdouble]:
    """Angle between unit vectors, atan2(|a x b|, a . b), in extended precision [deg]."""
    ra1, dec1, ra2, dec2 = np.broadcast_arrays(ra1_deg, dec1_deg, ra2_deg, dec2_deg)
    a, b = _vector(ra1, dec1), _vector(ra2, dec2)
    cross = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    found: NDArray[np.longdouble] = np.arctan2(np.sqrt((cross**2).sum(axis=0)), (a * b).sum(axis=0)) / _RADIAN
    return found


def points_around(
    ra_deg: float, dec_deg: float, distance_deg: ArrayLike, angle_deg: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places at a distance from a centre in the directions given by position angles [deg]."""
    distance, angle = np.radians(distance_deg), np.radians(angle_deg)
    ra0, dec0 = np.radians(ra_deg), np.radians(dec_deg)
    sin_dec = np.sin(dec0) * np.cos(distance) + np.cos(dec0) * np.sin(distance) * np.cos(angle)
    east = np.arctan2(np.sin(angle) * np.sin(distance) * np.cos(dec0), np.cos(distance) - np.sin(dec0) * sin_dec)
    return np.degrees(ra0 + east) % 360.0, np.degrees(np.arcsin(np.clip(sin_dec, -1.0, 1.0)))
