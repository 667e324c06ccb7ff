"""IVOA functions of positions: HEALPix cells, other epochs, other frames (UDF catalogue 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import CIRCLE, LONG, POINT, POLYGON, parameters, udf
from vo_server.sky.frames import FRAMES

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["SKY_UDFS"]

_ORDERS: Final = {"hpxOrder": (0.0, 29.0)}
_SYSTEMS: Final = {"fromSys": tuple(FRAMES), "toSys": tuple(FRAMES)}
_FRAMES_TEXT: Final = ", ".join(FRAMES)
_MOTION: Final = "ra dec parallax pmra pmdec radialVelocity refEpoch outEpoch"

SKY_UDFS: Final[tuple[Function, ...]] = (
    udf(
        "ivo_healpix_index",
        parameters("hpxOrder:int long:double lat:double", _ORDERS),
        LONG,
        "HEALPix cell (NESTED) of a position [deg] at an order from 0 to 29; NULL for what is no position.",
        "ivo_healpix_index(0, 1, 1)",
        sql="vo_functions.healpix_index({hpxOrder}, {long}, {lat})",
        ucd="pos.healpix",
    ),
    udf(
        "ivo_healpix_index",
        parameters("hpxOrder:int point:point", _ORDERS),
        LONG,
        "HEALPix cell (NESTED) of a point at an order from 0 to 29.",
        "ivo_healpix_index(17, POINT(359, -1))",
        sql="vo_functions.healpix_index_of({hpxOrder}, {point})",
        ucd="pos.healpix",
    ),
    udf(
        "ivo_healpix_center",
        parameters("hpxOrder:int hpxIndex:long", _ORDERS),
        POINT,
        "Centre of a HEALPix cell (NESTED); NULL when the order has no such cell.",
        "ivo_healpix_center(0, 6)",
        sql="vo_functions.healpix_center({hpxOrder}, {hpxIndex})",
        unit="deg",
        ucd="pos.eq",
    ),
    udf(
        "ivo_epoch_prop_pos",
        parameters(" ".join(f"{name}:double" for name in _MOTION.split())),
        POINT,
        "Position at another epoch by linear motion in space: degrees, parallax [mas], proper motion [mas/yr] with the "
        "cosine of the declination in pmra, radial velocity [km/s], epochs in Julian years. An object without parallax "
        "is infinitely far away, what is NULL of its motion is 0; a position or epoch that is NULL is an error.",
        "ivo_epoch_prop_pos(7.606083572, 11.79044105, 125, 300, -428.8, 52.51, 2016.0, 1992.25)",
        sql=f"vo_functions.epoch_position({', '.join(f'{{{name}}}' for name in _MOTION.split())})",
        unit="deg",
        ucd="pos.eq",
    ),
    udf(
        "ivo_geom_transform",
        parameters("fromSys:text! toSys:text! geo:point", _SYSTEMS),
        POINT,
        f"Point in another frame, by a rotation; frames, with their case: {_FRAMES_TEXT} (FK5 and ECLIPTIC of J2000).",
        "ivo_geom_transform('ICRS', 'GALACTIC', POINT(120, -23))",
        unit="deg",
        ucd="pos",
    ),
    udf(
        "ivo_geom_transform",
        parameters("fromSys:text! toSys:text! geo:circle", _SYSTEMS),
        CIRCLE,
        f"Circle in another frame, by a rotation of its centre; frames, with their case: {_FRAMES_TEXT}.",
        "ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(120, -23, 2))",
        unit="deg",
    ),
    udf(
        "ivo_geom_transform",
        parameters("fromSys:text! toSys:text! geo:polygon", _SYSTEMS),
        POLYGON,
        f"Polygon in another frame, by a rotation of its corners; frames, with their case: {_FRAMES_TEXT}.",
        "ivo_geom_transform('ICRS', 'GALACTIC', POLYGON(1, 1, 2, 1, 2, 2))",
        unit="deg",
    ),
)
