"""Outlines of ellipses on the sphere, as polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.vectors import places_deg, unit_vectors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from vo_server.sky.angle import FloatArray

__all__ = ["ELLIPSE_CORNERS", "ellipse_corners_deg"]

ELLIPSE_CORNERS: Final = 24
"""Corners of the polygon of an ellipse: its area is 1.1 per cent smaller than the ellipse's."""

_POLE_DEG: Final = 90.0


def ellipse_corners_deg(
    lon_deg: ArrayLike, lat_deg: ArrayLike, first_deg: ArrayLike, second_deg: ArrayLike, angle_deg: ArrayLike
) -> FloatArray:
    """Return the corners of polygons that are inscribed in ellipses.

    A corner lies as far from the centre, along a great circle, and in the same direction as it would in the plane. So
    a circle is one on the sphere at any radius, and an ellipse of a few degrees is what the plane through its centre
    shows; poles and the meridian 0 are like all other places.

    Parameters
    ----------
    lon_deg, lat_deg
        Centres [deg] in any frame, shape (n,).
    first_deg, second_deg
        Half axes [deg], above 0 and below 90, shape (n,).
    angle_deg
        Direction of the first axis [deg], from north through east, shape (n,).

    Returns
    -------
    ndarray, shape (n, 24, 2)
        Longitudes in [0, 360) and latitudes [deg], from the end of the first axis on through east; NaN for what is no
        ellipse on the sphere, by a number that is out of its range or not finite.
    """
    lon, lat, first, second, angle = (
        np.asarray(one, np.float64)[:, None] for one in (lon_deg, lat_deg, first_deg, second_deg, angle_deg)
    )
    turn = np.arange(ELLIPSE_CORNERS) * (2 * np.pi / ELLIPSE_CORNERS)
    along, across = first * np.cos(turn), second * np.sin(turn)
    radius, direction = np.radians(np.hypot(along, across)), np.radians(angle) + np.arctan2(across, along)
    centre, north = unit_vectors(lon, lat), unit_vectors(lon, lat + _POLE_DEG)
    east = unit_vectors(lon + _POLE_DEG, np.zeros_like(lat))
    heading = np.cos(direction)[..., None] * north + np.sin(direction)[..., None] * east
    corners = np.stack(places_deg(np.cos(radius)[..., None] * centre + np.sin(radius)[..., None] * heading), axis=-1)
    is_ellipse = np.abs(lat) <= _POLE_DEG
    for half_axis in (first, second):
        is_ellipse &= (half_axis > 0) & (half_axis < _POLE_DEG)
    return np.where(is_ellipse[..., None], corners, np.nan)
