"""Rules for geometry: values, and conditions with a filter in front that the spatial index serves.

A condition is written as ``filter AND exact``: every row that meets the exact condition meets the filter, so that
adding it never changes an answer. Filters are added only where false and unknown need not be told apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.dialect import Reach
from vo_server.engine.lower import Ask
from vo_server.engine.nearness import distance_below, is_true_when_one
from vo_server.engine.positions import only_source
from vo_server.engine.prefilter import near_filters, overlap_filters, with_edges
from vo_server.engine.relation import contained, distance, met
from vo_server.engine.shapes import (
    Circle,
    Corners,
    Place,
    Written,
    array_of,
    ends_of,
    one_turn,
    place_of,
    place_of_numbers,
    shape_of,
    without_nan,
)
from vo_server.engine.sqltree import all_of, wrapped
from vo_server.model.datatype import DataType, Primitive
from vo_server.sky.compound import CoverageMap

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from vo_server.adql.tree import Call, Condition
    from vo_server.engine.lower import Lowering, Steps
    from vo_server.engine.shapes import Shape

__all__ = ["GEOMETRY_RULES", "distance_filters", "overlap_test", "shape_value"]

_INT: Final = DataType(Primitive.INT)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_FRAME: Final = "ICRS"
_IN_FOOTPRINT: Final = "IN_FOOTPRINT"


# ------------------------------------------------------------------------------------------------------- values


def _shape(lowering: Lowering, node: Call, _: Ask) -> Steps:
    return shape_value(lowering, (yield from shape_of(lowering, node)))


def shape_value(lowering: Lowering, shape: Shape) -> exp.Expr:
    """Return a shape as the value that answers hold: an array of degrees, or a text."""
    if isinstance(shape, Place):
        return array_of(lowering, [one_turn(lowering, shape), shape.lat], is_known=shape.known_deg is not None)
    if isinstance(shape, Circle):
        items = [one_turn(lowering, shape.centre), shape.centre.lat, shape.radius]
        return array_of(lowering, items, is_known=shape.region is not None)
    return shape.array if isinstance(shape, Corners) else exp.Literal.string(shape.text)


def _coordinate(lowering: Lowering, node: Call, _: Ask) -> Steps:
    place = yield from place_of(lowering, node.arguments[0])
    return one_turn(lowering, place) if node.name.upper() == "COORD1" else place.lat


def _coordsys(lowering: Lowering, node: Call, _: Ask) -> Steps:
    """Name the frame that all shapes are in; NULL for a shape that is missing."""
    shape = yield from shape_of(lowering, node.arguments[0])
    frame = exp.Literal.string(_FRAME)
    if shape.region is not None:
        return frame
    is_missing = exp.Is(this=wrapped(shape_value(lowering, shape)), expression=exp.Null())
    return exp.Case(ifs=[exp.If(this=exp.Not(this=exp.Paren(this=is_missing)), true=frame)])


def _area(lowering: Lowering, node: Call, _: Ask) -> Steps:
    """Return an area [deg**2]: 0 for a point, a cap for a circle, the spherical excess for a polygon."""
    shape = yield from shape_of(lowering, node.arguments[0])
    if isinstance(shape, Place):
        nothing = exp.Mul(this=exp.Literal.number(0), expression=exp.Paren(this=exp.Add(
            this=wrapped(shape.lon), expression=wrapped(shape.lat))))  # fmt: skip
        return lowering.dialect.real(0.0) if shape.region is not None else without_nan(lowering, nothing)
    if shape.region is not None:
        return lowering.dialect.real(shape.region.area_deg2)
    if isinstance(shape, Circle):
        # 4 pi sin(r / 2)**2 steradians; nothing cancels for small circles.
        return lowering.filled(
            "41252.96124941928e0 * POWER(SIN(RADIANS({radius}) / 2), 2) + 0 * ({lon} + {lat})",
            {"radius": shape.radius, "lon": shape.centre.lon, "lat": shape.centre.lat},
        )
    assert isinstance(shape, Corners)
    return lowering.filled("vo_functions.polygon_area(vo_functions.edges({array}))", {"array": shape.array})


def _distance(lowering: Lowering, node: Call, _: Ask) -> Steps:
    one, other = yield from ends_of(lowering, node)
    if node in lowering.for_few:
        one = replace(one, is_few=True)
    return distance(lowering, one, other)


def _overlap_value(lowering: Lowering, node: Call, _: Ask) -> Steps:
    one, other = yield from _two_shapes(lowering, node)
    return lowering.dialect.cast(_overlap(lowering, node, one, other), _INT)


def _two_shapes(lowering: Lowering, node: Call) -> Generator[Ask, exp.Expr, tuple[Shape, Shape]]:
    """Read what is compared: two shapes, or a place and the footprint of a table."""
    if node.name.upper() == _IN_FOOTPRINT:
        _, lon, lat = node.arguments
        place = yield from place_of_numbers(lowering, lon, lat)
        return place, Written("", CoverageMap(lowering.query.footprints[node]))
    one = yield from shape_of(lowering, node.arguments[0])
    other = yield from shape_of(lowering, node.arguments[1])
    return one, other


def _overlap(lowering: Lowering, node: Call, one: Shape, other: Shape) -> exp.Expr:
    """Return the condition that CONTAINS, INTERSECTS or in_footprint is 1."""
    relation = met if node.name.upper() == "INTERSECTS" else contained
    return relation(lowering, one, other, node.span)


GEOMETRY_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {
    "AREA": _area,
    "BOX": _shape,
    "CENTROID": _shape,
    "CIRCLE": _shape,
    "CONTAINS": _overlap_value,
    "COORD1": _coordinate,
    "COORD2": _coordinate,
    "COORDSYS": _coordsys,
    "DISTANCE": _distance,
    "INTERSECTS": _overlap_value,
    _IN_FOOTPRINT: _overlap_value,
    "POINT": _shape,
    "POLYGON": _shape,
    "REGION": _shape,
}
"""Functions of the language that are more than a template, by their names in upper case."""


# --------------------------------------------------------------------------------------------------- conditions


def overlap_test(lowering: Lowering, node: Condition, ask: Ask) -> Generator[Ask, exp.Expr, exp.Expr | None]:
    """Lower a condition that is true just when CONTAINS or INTERSECTS is 1, with its filter; None for others."""
    call = is_true_when_one(node)
    if call is None:
        return None
    one, other = yield from _two_shapes(lowering, call)
    one, other = with_edges(lowering, one, other), with_edges(lowering, other, one)
    found = overlap_filters(lowering, ask, one, other)
    lowering.note_filter(node, found.conditions)
    if found.leaves_few:
        one, other = _for_few(one), _for_few(other)
    return all_of([*found.conditions, _overlap(lowering, call, one, other)])


def _for_few(shape: Shape) -> Shape:
    """Mark a shape as computed for few rows."""
    if isinstance(shape, Place):
        return replace(shape, is_few=True)
    if isinstance(shape, Circle):
        return replace(shape, centre=replace(shape.centre, is_few=True))
    return shape


def distance_filters(lowering: Lowering, node: Condition, ask: Ask) -> Generator[Ask, exp.Expr, exp.Expr | None]:
    """Lower a condition that sets an upper limit for a DISTANCE; None for others.

    A distance that is compared as it is needs no care for NaN: nothing is below a limit because it is missing. What is
    multiplied before is compared as every value is, behind the same filter.
    """
    found = distance_below(lowering, node)
    if found is None:
        return None
    one, other = yield from ends_of(lowering, found.call)
    if found.limit_deg is not None:
        reach = Reach(found.limit_deg)
    else:
        limit = yield Ask(found.limit)
        value = lowering.dialect.cast(limit, _DOUBLE)
        if not found.is_plain:
            value = exp.Div(
                this=wrapped(value), expression=lowering.dialect.real(found.factor * (1 - 1e-12)), typed=True
            )
        reach = Reach(None, without_nan(lowering, value), only_source(lowering, found.limit))
    prefilter = near_filters(lowering, ask, one, other, reach)
    lowering.note_filter(node, prefilter.conditions)
    if prefilter.leaves_few:
        lowering.for_few.add(found.call)
    return all_of(prefilter.conditions) if prefilter.conditions else None
