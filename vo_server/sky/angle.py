"""Angles on the sky: array types, ranges, wrapping, and the one formula for a separation."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vo_server.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BoolArray",
    "FloatArray",
    "IntArray",
    "SkyRangeError",
    "checked_dec_deg",
    "checked_radius_deg",
    "separation_deg",
    "wrapped_ra_deg",
]

FloatArray: TypeAlias = "NDArray[np.float64]"
IntArray: TypeAlias = "NDArray[np.int64]"
BoolArray: TypeAlias = "NDArray[np.bool_]"


class SkyRangeError(UsageError):
    """A coordinate or a radius that no place on the sphere has."""

    code = "sky-range"


def wrapped_ra_deg(ra_deg: float) -> float:
    """Bring a longitude into [0, 360) [deg].

    Raises
    ------
    SkyRangeError
        If it is not a finite number.
    """
    if not np.isfinite(ra_deg):
        raise SkyRangeError(f"longitude {ra_deg} is not a finite number of degrees")
    wrapped = float(np.mod(ra_deg, 360.0))
    return 0.0 if wrapped == 360.0 else wrapped  # noqa: PLR2004 - the full circle; mod of -1e-20 rounds up to it


def checked_dec_deg(dec_deg: float) -> float:
    """Return a latitude unchanged [deg].

    Raises
    ------
    SkyRangeError
        If it is outside [-90, 90] or not a number.
    """
    if not -90 <= dec_deg <= 90:  # noqa: PLR2004 - the poles
        raise SkyRangeError(f"latitude {dec_deg:g} is outside [-90, 90] degrees")
    return float(dec_deg)


def checked_radius_deg(radius_deg: float) -> float:
    """Return a radius unchanged [deg]; 0 is allowed and means the point itself.

    Raises
    ------
    SkyRangeError
        If it is outside [0, 180] or not a number.
    """
    if not 0 <= radius_deg <= 180:  # noqa: PLR2004 - nothing is farther than the antipode
        raise SkyRangeError(f"radius {radius_deg:g} is outside [0, 180] degrees")
    return float(radius_deg)


def separation_deg(ra1_deg: ArrayLike, dec1_deg: ArrayLike, ra2_deg: ArrayLike, dec2_deg: ArrayLike) -> FloatArray:
    """Return the great-circle distance between positions.

    Twice the arctangent of sine over cosine of the half angle. Both are sums of positive terms, so that nothing
    cancels at any distance (the haversine alone fails near the antipode, the arccosine of a dot product near 0).
    The difference of longitudes is reduced to one turn first and cosines of the mean declination are written as
    sines of its distance from the pole, so that RA 0 and RA 360, and all right ascensions of a pole, are exactly
    the same place. The SQL of every engine is this formula (:mod:`vo_server.engine.spatial`).

    Parameters
    ----------
    ra1_deg, dec1_deg, ra2_deg, dec2_deg
        Positions [deg] that broadcast against each other; RA may be unwrapped, NaN gives NaN.

    Returns
    -------
    ndarray
        Separations in [0, 180] [deg], good to 1e-15 relative or 3e-14 deg, whichever is larger.
    """
    turn = np.subtract(ra1_deg, ra2_deg, dtype=np.float64)
    half_ra = np.radians((turn - 360.0 * np.round(turn / 360.0)) / 2.0)
    dec1, dec2 = np.asarray(dec1_deg, np.float64), np.asarray(dec2_deg, np.float64)
    half_difference = np.radians((dec1 - dec2) / 2.0)
    half_codistance = np.radians(90.0 - np.abs(dec1 + dec2) / 2.0)
    sin_ra, cos_ra = np.sin(half_ra) ** 2, np.cos(half_ra) ** 2
    sine = cos_ra * np.sin(half_difference) ** 2 + sin_ra * np.sin(half_codistance) ** 2
    cosine = cos_ra * np.cos(half_difference) ** 2 + sin_ra * np.cos(half_codistance) ** 2
    return np.asarray(np.degrees(2.0 * np.arctan2(np.sqrt(sine), np.sqrt(cosine))), np.float64)
