"""pgSphere's types in SQL: its values read as DALI arrays in degrees, and places written for its operators.

Only for columns of tables that were adopted: nothing here is used, or needed, for releases that we loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.sqltree import call, null
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READS", "SPHERE_TYPES", "coordinates", "is_in", "overlaps", "point", "region", "regions"]

SPHERE_TYPES: Final[dict[str, DataType]] = {
    "spoint": DataType(Primitive.DOUBLE, "2", "point"),
    "scircle": DataType(Primitive.DOUBLE, "3", "circle"),
    "spoly": DataType(Primitive.DOUBLE, "*", "polygon"),
}
"""What columns of pgSphere's types are published as (DALI 1.1, section 3.3)."""

_VERTICES: Final = (
    "(SELECT array_agg(degrees(v) ORDER BY n) FROM"
    " unnest(string_to_array(translate({polygon}::text, '{{}}() ', ''), ',')::double precision[])"
    " WITH ORDINALITY AS vertices(v, n))"
)
"""Vertices of a ``spoly`` in their order; pgSphere 1.2 has no other way to them than its text, which has 15 digits
of radians (3e-13 deg). No rows, and therefore NULL, for NULL."""


def point(lon_deg: exp.Expr, lat_deg: exp.Expr) -> exp.Expr:
    """Write the ``spoint`` of a place [deg]."""
    return call("spoint", call("radians", lon_deg), call("radians", lat_deg))


def is_in(place: exp.Expr, circle: exp.Expr) -> exp.Expr:
    """Write that a ``spoint`` is in a ``scircle``; the index on the point serves it."""
    return exp.ArrayContainedBy(this=place, expression=circle)


def overlaps(shape: exp.Expr, circle: exp.Expr) -> exp.Expr:
    """Write that a ``scircle`` or ``spoly`` and a ``scircle`` have a point in common; the index on the first serves."""
    return exp.ArrayOverlaps(this=shape, expression=circle)


def region(centre: exp.Expr, radius_deg: exp.Expr) -> exp.Expr:
    """Write the ``scircle`` around a ``spoint``; pgSphere takes radii of 0 to 90 [deg]."""
    return call("scircle", centre, call("radians", radius_deg))


def regions(centre: exp.Expr, radius_deg: exp.Expr, *, is_small: bool) -> list[exp.Expr]:
    """Write circles that cover the one around a ``spoint``, whatever its radius is.

    Parameters
    ----------
    centre
        Of the circle.
    radius_deg
        Of any size; NULL for no circle [deg].
    is_small
        Whether the radius is known to be between 0 and 90; else the other half of the sphere is the second circle,
        which shrinks to a point for radii that do not reach it.
    """
    if is_small:
        return [region(centre, radius_deg)]
    right = exp.Literal.number(90)
    near = call("LEAST", call("GREATEST", radius_deg.copy(), exp.Literal.number(0)), right.copy())
    is_beyond = exp.GT(this=radius_deg.copy(), expression=right.copy())
    far = exp.Case(ifs=[exp.If(this=is_beyond, true=right)], default=exp.Literal.number(0))
    half_turn = call("radians", exp.Literal.number(180))
    opposite = call(
        "spoint",
        exp.Add(this=call("long", centre.copy()), expression=half_turn),
        exp.Neg(this=call("lat", centre.copy())),
    )
    return [region(centre, near), region(opposite, far)]


def _point_read(value: exp.Expr) -> exp.Expr:
    return _array_or_null(value, *coordinates(value))


def _circle_read(value: exp.Expr) -> exp.Expr:
    radius = call("degrees", call("radius", value.copy()))
    return _array_or_null(value, *coordinates(call("center", value)), radius)


def _polygon_read(value: exp.Expr) -> exp.Expr:
    return exp.Var(this=_VERTICES.format(polygon=value.sql("postgres")))


def coordinates(value: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """Write longitude and latitude of a ``spoint`` [deg]."""
    return call("degrees", call("long", value.copy())), call("degrees", call("lat", value.copy()))


def _array_or_null(value: exp.Expr, *items: exp.Expr) -> exp.Expr:
    missing = exp.Is(this=value.copy(), expression=null())
    return exp.Case(ifs=[exp.If(this=missing, true=null())], default=exp.Array(expressions=list(items)))


READS: Final[dict[str, Callable[[exp.Expr], exp.Expr]]] = {
    "spoint": _point_read,
    "scircle": _circle_read,
    "spoly": _polygon_read,
}
"""How columns of these types are read, by the name of the type."""
