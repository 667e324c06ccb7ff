"""Outlines of ellipses against astropy, which offsets one corner after the other."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray
from regions import EllipseSkyRegion

from vo_server.sky.ellipse import ELLIPSE_CORNERS, ellipse_corners_deg
from vo_server.sky.polygon import Polygon

PLACES = [(0.0, 0.0), (359.9999, 12.0), (83.6, -66.5), (10.0, 89.99), (200.0, 90.0), (45.0, -90.0)]
SHAPES = [(1.0, 0.2, 0.0), (0.001, 0.0004, 130.0), (20.0, 5.0, -30.0), (0.3, 0.9, 77.0)]


def offset_corners(lon: float, lat: float, first: float, second: float, angle: float) -> SkyCoord:
    """Return the corners as astropy offsets them from the centre."""
    turns = np.arange(ELLIPSE_CORNERS) * (2 * np.pi / ELLIPSE_CORNERS)
    along, across = first * np.cos(turns), second * np.sin(turns)
    centre = SkyCoord(lon * units.deg, lat * units.deg)
    towards = angle * units.deg + np.arctan2(across, along) * units.rad
    return centre.directional_offset_by(towards, np.hypot(along, across) * units.deg)


@pytest.mark.parametrize(("lon", "lat"), PLACES)
@pytest.mark.parametrize(("first", "second", "angle"), SHAPES)
def test_the_corners_are_those_of_astropy(lon: float, lat: float, first: float, second: float, angle: float) -> None:
    (found,) = ellipse_corners_deg([lon], [lat], [first], [second], [angle])
    # At a pole astropy is off the radius by 1.3e-6 arcsec itself.
    assert offset_corners(lon, lat, first, second, angle).separation(SkyCoord(found * units.deg)).arcsec.max() < 2e-6
    assert ((found[:, 0] >= 0) & (found[:, 0] < 360)).all()


def test_the_outline_contains_what_the_ellipse_of_regions_contains() -> None:
    from astropy.wcs import WCS  # noqa: PLC0415 - for this one test

    first, second, angle = 0.5, 0.2, 25.0
    wcs = WCS(naxis=2)
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [150.0, 60.0], [500.5, 500.5], [-0.002, 0.002]
    wcs.wcs.ctype = ["RA---ARC", "DEC--ARC"]
    centre = SkyCoord(150.0 * units.deg, 60.0 * units.deg)
    # Its first axis is turned from west.
    region = EllipseSkyRegion(centre, 2 * first * units.deg, 2 * second * units.deg, (angle + 90) * units.deg)
    rng = np.random.default_rng(8)
    points = centre.directional_offset_by(
        rng.uniform(0, 360, 20_000) * units.deg, 0.6 * np.sqrt(rng.uniform(0, 1, 20_000)) * units.deg
    )
    (corners,) = ellipse_corners_deg([150.0], [60.0], [first], [second], [angle])
    outline = Polygon(tuple((float(lon), float(lat)) for lon, lat in corners))
    is_within: NDArray[np.bool_] = outline.contains(points.ra.deg, points.dec.deg)
    is_in_region = region.contains(points, wcs)
    # The polygon is inscribed: nothing is in it alone, and it lacks 1.14 per cent of the area.
    assert not (is_within & ~is_in_region).any()
    assert is_within.sum() / is_in_region.sum() == pytest.approx(24 / (2 * np.pi) * np.sin(2 * np.pi / 24), abs=0.004)


def test_what_is_no_ellipse_on_the_sphere_has_no_corners() -> None:
    rows = [
        (0.0, 90.1, 1.0, 1.0, 0.0),
        (0.0, 0.0, 0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, 90.0, 0.0),
        (0.0, np.nan, 1.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, 1.0, np.inf),
    ]
    with np.errstate(invalid="ignore"):
        assert np.isnan(ellipse_corners_deg(*np.array(rows).T)).all()
