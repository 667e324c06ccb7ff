"""Shapes from numbers and from texts: which region of the sphere each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vo_server.sky.angle import SkyRangeError
from vo_server.sky.compound import Complement, CoverageMap, Intersection, LonLatRange, Union
from vo_server.sky.frames import rotation
from vo_server.sky.polygon import Polygon, box_corners_deg
from vo_server.sky.region import Cone
from vo_server.sky.vectors import place_deg, unit_vectors

if TYPE_CHECKING:
    from vo_server.sky.region import Region
    from vo_server.sky.stcs import ShapeText

__all__ = ["region_of"]


def region_of(shape: ShapeText) -> Region:
    """Return the region that a text means, in ICRS.

    A position is a cone of radius 0. Shapes in other frames are rotated.

    Raises
    ------
    SkyRangeError
        If its numbers are off the sky, or a range is not in ICRS.
    """
    if shape.kind in {"union", "intersection"}:
        parts = tuple(region_of(part) for part in shape.parts)
        return Union(parts) if shape.kind == "union" else Intersection(parts)
    if shape.kind == "not":
        return Complement(region_of(shape.parts[0]))
    if shape.kind == "moc":
        return CoverageMap.of_text(shape.text)
    numbers = shape.numbers
    if shape.kind == "range":
        if shape.frame not in {"ICRS", "FK5"}:
            raise SkyRangeError(f"a range in the frame {shape.frame} has no sides along those of ICRS")
        return LonLatRange(*numbers)
    if shape.kind == "polygon":
        return Polygon(tuple(_in_icrs(shape.frame, *pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)))
    if shape.kind == "box":
        return Polygon(tuple(_in_icrs(shape.frame, *corner) for corner in box_corners_deg(*numbers)))
    ra_deg, dec_deg = _in_icrs(shape.frame, *numbers[:2])
    return Cone(ra_deg, dec_deg, numbers[2] if shape.kind == "circle" else 0.0)


def _in_icrs(frame: str, lon_deg: float, lat_deg: float) -> tuple[float, float]:
    """Return a position of a frame in ICRS [deg]; FK5 is within 0.02 arcsec of ICRS and taken for it."""
    if frame in {"ICRS", "FK5"}:
        return lon_deg, lat_deg
    return place_deg(np.array(rotation(frame, "ICRS")) @ unit_vectors(lon_deg, lat_deg))
