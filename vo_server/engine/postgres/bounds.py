"""Circles and polygons that are arrays of numbers, searched by an index over boxes around them.

``vo_functions.bounds`` makes a box of PostgreSQL's own of a shape, in longitude and latitude. It begins in [0, 360) and
may go on past 360. The box of a shape that has a place in common with another one overlaps the other's box, or that
box moved by a turn to either side. Nothing beyond PostgreSQL itself is needed, and the exact test follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.sqltree import any_of, call, cast, name
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.model.table import Column

__all__ = ["boxes_of_circle", "has_bounds", "index_expression", "numbers", "overlaps"]

_DOUBLES: Final = DataType(Primitive.DOUBLE, "*")
_TURN_DEG: Final = 360.0
_BOUNDS: Final = "vo_functions.bounds"


def has_bounds(one: Column) -> bool:
    """Tell whether a column of circles or polygons, stored as arrays, has the index."""
    is_outline = one.datatype.is_geometry and one.datatype.xtype != "point"
    return is_outline and one.is_indexed and one.stored_as is None


def index_expression(one: Column) -> str:
    """Write what the index of a column is made of; filters have the same."""
    return _bounds(numbers(exp.Column(this=name(one.name)), one)).sql("postgres")


def numbers(stored: exp.Expr, one: Column) -> exp.Expr:
    """Return a stored shape as an array of doubles."""
    return cast(stored, _DOUBLES.postgres, "postgres") if one.datatype.primitive is Primitive.FLOAT else stored


def overlaps(shape: exp.Expr, boxes: list[exp.Expr]) -> exp.Expr:
    """Write that the box of a shape overlaps one of several boxes; the index serves each of these conditions."""
    return any_of(exp.ArrayOverlaps(this=_bounds(shape.copy()), expression=box) for box in boxes)


def boxes_of_circle(
    lon: exp.Expr, lat: exp.Expr, radius_deg: exp.Expr, real: Callable[[float], exp.Expr]
) -> list[exp.Expr]:
    """Write the boxes of which one overlaps the box of each shape that meets a circle.

    Of a circle that is known they are known when the query is planned.
    """
    here = _bounds(exp.Array(expressions=[lon, lat, radius_deg]))
    moved = [call("vo_functions.shifted", here.copy(), real(by)) for by in (_TURN_DEG, -_TURN_DEG)]
    return [here, *moved]


def _bounds(shape: exp.Expr) -> exp.Expr:
    return call(_BOUNDS, shape)
