"""Geometry (ADQL 2.1, section 4.2): spherical, in degrees.

The engines lower these calls themselves, on their spatial indexes.
"""

from __future__ import annotations

from typing import Final

from vo_server.adql.function import DOUBLE, Family, Function, Parameter
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

__all__ = ["GEOMETRY_FUNCTIONS"]

_POINT: Final = DataType(Primitive.DOUBLE, "2", "point")
_CIRCLE: Final = DataType(Primitive.DOUBLE, "3", "circle")
_POLYGON: Final = DataType(Primitive.DOUBLE, "*", "polygon")
_INTEGER: Final = DataType(Primitive.INT)
_VARCHAR: Final = DataType(Primitive.CHAR, "*")

_KINDS: Final = {"string": (Kind.STRING, "VARCHAR"), "number": (Kind.NUMBER, "DOUBLE PRECISION")}


def _parameters(text: str) -> tuple[Parameter, ...]:
    """Read parameters written ``name:type``, with ``!`` behind what must be a literal."""
    found = []
    for part in text.split():
        name, type_name = part.rstrip("!").split(":")
        kind, adql_type = _KINDS.get(type_name, (Kind.GEOMETRY, type_name.upper()))
        found.append(Parameter(name, kind, adql_type, is_literal=part.endswith("!")))
    return tuple(found)


def _geometry(
    name: str,
    parameters: str,
    returns: DataType,
    description: str,
    example: str,
    *,
    unit: str | None = None,
    ucd: str | None = None,
    n_repeated: int = 0,
) -> Function:
    def annotate(arguments: tuple[Column, ...]) -> Column:
        del arguments
        return Column("", returns, unit=unit, ucd=ucd)

    return Function(
        name=name,
        parameters=_parameters(parameters),
        returns=returns,
        family=Family.GEOMETRY,
        description=description,
        example=example,
        annotate=annotate,
        is_special=True,
        is_variadic=n_repeated > 0,
        n_repeated=n_repeated or 1,
    )


_SYSTEM: Final = "coosys:string! "
_LONLAT: Final = "lon:number lat:number"

GEOMETRY_FUNCTIONS: Final = (
    _geometry("POINT", _LONLAT, _POINT, "Position [deg].", "POINT(266.4, -29.0)", unit="deg", ucd="pos.eq"),
    _geometry(
        "POINT",
        _SYSTEM + _LONLAT,
        _POINT,
        "Position [deg]; the coordinate system is ICRS or empty.",
        "POINT('ICRS', 266.4, -29.0)",
        unit="deg",
        ucd="pos.eq",
    ),
    _geometry(
        "CIRCLE",
        f"{_LONLAT} radius:number",
        _CIRCLE,
        "Cone with a centre and a radius [deg].",
        "CIRCLE(266.4, -29.0, 0.5)",
        unit="deg",
    ),
    _geometry(
        "CIRCLE",
        "centre:point radius:number",
        _CIRCLE,
        "Cone around a point, radius in degrees.",
        "CIRCLE(POINT(266.4, -29.0), 0.5)",
        unit="deg",
    ),
    _geometry(
        "CIRCLE",
        f"{_SYSTEM}{_LONLAT} radius:number",
        _CIRCLE,
        "Cone with a centre and a radius [deg].",
        "CIRCLE('ICRS', 266.4, -29.0, 0.5)",
        unit="deg",
    ),
    _geometry(
        "CIRCLE",
        _SYSTEM + "centre:point radius:number",
        _CIRCLE,
        "Cone around a point, radius in degrees.",
        "CIRCLE('ICRS', POINT(266.4, -29.0), 0.5)",
        unit="deg",
    ),
    _geometry(
        "CONTAINS",
        "inner:geometry outer:geometry",
        _INTEGER,
        "1 when the first lies in the second, edge included, else 0.",
        "CONTAINS(POINT(266.4, -29.0), CIRCLE(266.4, -29.0, 0.5))",
    ),
    _geometry(
        "DISTANCE",
        "from:point to:point",
        DOUBLE,
        "Angular distance of two points [deg].",
        "DISTANCE(POINT(1, 2), POINT(3, 4))",
        unit="deg",
        ucd="pos.angDistance",
    ),
    _geometry(
        "DISTANCE",
        "lon1:number lat1:number lon2:number lat2:number",
        DOUBLE,
        "Angular distance of two positions [deg].",
        "DISTANCE(1, 2, 3, 4)",
        unit="deg",
        ucd="pos.angDistance",
    ),
    _geometry("COORD1", "position:point", DOUBLE, "Longitude of a point [deg].", "COORD1(POINT(1, 2))", unit="deg"),
    _geometry("COORD2", "position:point", DOUBLE, "Latitude of a point [deg].", "COORD2(POINT(1, 2))", unit="deg"),
    _geometry("COORDSYS", "shape:geometry", _VARCHAR, "Name of the coordinate system.", "COORDSYS(POINT(1, 2))"),
    _geometry(
        "AREA", "shape:geometry", DOUBLE, "Area [deg**2].", "AREA(CIRCLE(1, 2, 3))", unit="deg**2", ucd="phys.angArea"
    ),
    _geometry(
        "CENTROID",
        "shape:geometry",
        _POINT,
        "Centre of a shape.",
        "CENTROID(CIRCLE(1, 2, 3))",
        unit="deg",
        ucd="pos.eq",
    ),
    _geometry(
        "INTERSECTS",
        "one:geometry other:geometry",
        _INTEGER,
        "1 when two shapes overlap, else 0.",
        "INTERSECTS(CIRCLE(1, 2, 3), CIRCLE(2, 2, 3))",
    ),
    _geometry(
        "REGION",
        "region:string!",
        _POLYGON,
        "Shape written as text: STC-S, a shape of DALI, or a coverage map (MOC).",
        "REGION('Polygon ICRS 1 1 2 1 2 2')",
        unit="deg",
    ),
    _geometry(
        "BOX",
        f"{_LONLAT} width:number height:number",
        _POLYGON,
        "Box around a centre, full width and height [deg].",
        "BOX(10, 20, 3, 4)",
        unit="deg",
    ),
    _geometry(
        "BOX",
        "centre:point width:number height:number",
        _POLYGON,
        "Box around a point, full width and height [deg].",
        "BOX(POINT(10, 20), 3, 4)",
        unit="deg",
    ),
    _geometry(
        "BOX",
        f"{_SYSTEM}{_LONLAT} width:number height:number",
        _POLYGON,
        "Box around a centre [deg].",
        "BOX('ICRS', 10, 20, 3, 4)",
        unit="deg",
    ),
    _geometry(
        "BOX",
        _SYSTEM + "centre:point width:number height:number",
        _POLYGON,
        "Box around a point [deg].",
        "BOX('ICRS', POINT(10, 20), 3, 4)",
        unit="deg",
    ),
    _geometry(
        "POLYGON",
        " ".join(f"lon{i}:number lat{i}:number" for i in (1, 2, 3)),
        _POLYGON,
        "Polygon with at least three corners [deg], great circles between them.",
        "POLYGON(1, 1, 2, 1, 2, 2)",
        unit="deg",
        n_repeated=2,
    ),
    _geometry(
        "POLYGON",
        "corner1:point corner2:point corner3:point",
        _POLYGON,
        "Polygon with at least three corners.",
        "POLYGON(POINT(1, 1), POINT(2, 1), POINT(2, 2))",
        unit="deg",
        n_repeated=1,
    ),
    _geometry(
        "POLYGON",
        _SYSTEM + " ".join(f"lon{i}:number lat{i}:number" for i in (1, 2, 3)),
        _POLYGON,
        "Polygon with at least three corners [deg].",
        "POLYGON('ICRS', 1, 1, 2, 1, 2, 2)",
        unit="deg",
        n_repeated=2,
    ),
    _geometry(
        "POLYGON",
        _SYSTEM + "corner1:point corner2:point corner3:point",
        _POLYGON,
        "Polygon with at least three corners.",
        "POLYGON('ICRS', POINT(1, 1), POINT(2, 1), POINT(2, 2))",
        unit="deg",
        n_repeated=1,
    ),
)
