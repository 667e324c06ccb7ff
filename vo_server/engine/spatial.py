"""Rules for geometry: exact tests by one formula, with a condition in front that the spatial index serves.

A test is written as ``filter AND exact``: every row that meets the exact condition meets the filter, so that adding it
never changes an answer. Filters are added only where false and unknown need not be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlglot import exp

from vo_server.adql.resolved import BoundColumn
from vo_server.adql.tree import (
    BareCondition,
    Between,
    Call,
    ColumnName,
    Comparison,
    Condition,
    Expression,
    StringLiteral,
)
from vo_server.engine.dialect import IndexedPosition, MatchSide
from vo_server.engine.fold import constant, unwrapped
from vo_server.engine.lower import Ask, refusal, unsupported
from vo_server.engine.sqltree import all_of, any_of, null, wrapped
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.sky.angle import SkyRangeError, checked_dec_deg, checked_radius_deg, wrapped_ra_deg
from vo_server.sky.region import Cone

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from vo_server.engine.lower import Lowering, Steps

__all__ = ["GEOMETRY_RULES", "SEPARATION", "spatial_test"]

_HALF_RA: Final = "RADIANS(({ra1} - {ra2} - 360 * ROUND(({ra1} - {ra2}) / 360)) / 2)"
_HALF_DIFFERENCE: Final = "RADIANS(({dec1} - {dec2}) / 2)"
_HALF_CODISTANCE: Final = "RADIANS(90 - ABS({dec1} + {dec2}) / 2)"
_LEG: Final = "POWER(COS({a}), 2) * POWER({f}({b}), 2) + POWER(SIN({a}), 2) * POWER({f}({c}), 2)"


def _leg(function: str) -> str:
    text = _LEG.replace("{f}", function).replace("{a}", _HALF_RA)
    return text.replace("{b}", _HALF_DIFFERENCE).replace("{c}", _HALF_CODISTANCE)


SEPARATION: Final = f"DEGREES(2 * ATAN2(SQRT({_leg('SIN')}), SQRT({_leg('COS')})))"
"""The formula of :func:`vo_server.sky.angle.separation_deg` in SQL."""

_WRAPPED: Final = "{lon} - 360 * FLOOR({lon} / 360)"
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_FRAMES: Final = frozenset({"ICRS", "FK5", "J2000", "UNKNOWNFRAME"})
_REFERENCES: Final = frozenset(
    {"BARYCENTER", "GEOCENTER", "HELIOCENTER", "LSR", "TOPOCENTER", "RELOCATABLE", "UNKNOWNREFPOS"}
)
_FLAVOURS: Final = frozenset({"SPHERICAL2", "CARTESIAN2"})
_ACCEPTED: Final = _FRAMES | _REFERENCES | _FLAVOURS
"""Words of STC-S that change nothing here."""

_CIRCLE_WITH_POINT: Final = 2
_SEPARATE_NUMBERS: Final = 4
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}


@dataclass(frozen=True)
class _Place:
    """A point: its coordinates in SQL, and what is known about them."""

    lon: exp.Expr
    lat: exp.Expr
    known_deg: tuple[float, float] | None = None
    position: IndexedPosition | None = None


@dataclass(frozen=True)
class _Circle:
    centre: _Place
    radius: exp.Expr
    radius_deg: float | None


_PlaceSteps: TypeAlias = "Generator[Ask, exp.Expr, _Place]"
_CircleSteps: TypeAlias = "Generator[Ask, exp.Expr, _Circle]"


# -------------------------------------------------------------------------------------------------- arguments


def _without_frame(node: Call) -> tuple[Expression, ...]:
    """Drop the coordinate system of ADQL 2.0; only ICRS and what is the same for our purposes is accepted."""
    if not node.arguments or not isinstance(node.arguments[0], StringLiteral):
        return node.arguments
    words = node.arguments[0].value.upper().split()
    if not _ACCEPTED.issuperset(words):
        raise unsupported(
            f"the coordinate system {node.arguments[0].value!r}",
            node.arguments[0].span,
            token=node.arguments[0].value,
            hint="positions are ICRS; convert the coordinates to ICRS first",
        )
    return node.arguments[1:]


def _angle(
    lowering: Lowering, node: Expression, check: Callable[[float], float]
) -> Generator[Ask, exp.Expr, tuple[exp.Expr, float | None]]:
    """Lower a coordinate or a radius; what is known now is checked now."""
    known = constant(node)
    if known is not None:
        try:
            value = check(float(known))
        except SkyRangeError as error:
            raise refusal(ProblemKind.TYPE, error.message, node.span) from error
        return lowering.dialect.real(value), value
    value_sql = yield Ask(node)
    datatype = lowering.type_of(node)
    if datatype != _DOUBLE:
        value_sql = lowering.dialect.cast(value_sql, _DOUBLE)
    return value_sql, None


def _place(lowering: Lowering, node: Expression) -> _PlaceSteps:
    bare = unwrapped(node)
    if isinstance(bare, Call) and bare.name.upper() == "POINT":
        lon, lat = _without_frame(bare)
        return (yield from _numbers(lowering, lon, lat))
    _check_shape(lowering, bare, "point")
    value = yield Ask(bare)
    return _Place(_element(value, 1), _element(lowering.duplicate(value), 2))


def _numbers(lowering: Lowering, lon: Expression, lat: Expression) -> _PlaceSteps:
    lon_sql, lon_deg = yield from _angle(lowering, lon, wrapped_ra_deg)
    lat_sql, lat_deg = yield from _angle(lowering, lat, checked_dec_deg)
    known = None if lon_deg is None or lat_deg is None else (lon_deg, lat_deg)
    return _Place(lon_sql, lat_sql, known, _indexed(lowering, lon, lat))


def _indexed(lowering: Lowering, lon: Expression, lat: Expression) -> IndexedPosition | None:
    """Return the table whose position the two values are."""
    ra, dec = _bound(lowering, lon), _bound(lowering, lat)
    if ra is None or dec is None or ra.source is not dec.source or ra.source.table is None:
        return None
    position = ra.source.table.position
    if position is None or (position.ra, position.dec) != (ra.column.name, dec.column.name):
        return None
    return IndexedPosition(ra.source.alias, ra.source.table)


def _bound(lowering: Lowering, node: Expression) -> BoundColumn | None:
    bare = unwrapped(node)
    meaning = lowering.query.names.get(bare) if isinstance(bare, ColumnName) else None
    return meaning if isinstance(meaning, BoundColumn) else None


def _circle(lowering: Lowering, node: Expression) -> _CircleSteps:
    bare = unwrapped(node)
    if isinstance(bare, Call) and bare.name.upper() == "CIRCLE":
        arguments = _without_frame(bare)
        if len(arguments) == _CIRCLE_WITH_POINT:
            centre = yield from _place(lowering, arguments[0])
        else:
            centre = yield from _numbers(lowering, arguments[0], arguments[1])
        radius, radius_deg = yield from _angle(lowering, arguments[-1], checked_radius_deg)
        return _Circle(centre, radius if radius_deg is not None else _without_nan(lowering, radius), radius_deg)
    _check_shape(lowering, bare, "circle")
    value = yield Ask(bare)
    centre = _Place(_element(value, 1), _element(lowering.duplicate(value), 2))
    return _Circle(centre, _without_nan(lowering, _element(lowering.duplicate(value), 3)), None)


def _element(array: exp.Expr, number: int) -> exp.Expr:
    return exp.Bracket(this=exp.Paren(this=array), expressions=[exp.Literal.number(number)], offset=1)


def _shape(lowering: Lowering, node: Expression) -> str:
    bare = unwrapped(node)
    if isinstance(bare, Call) and bare.name.upper() in {"POINT", "CIRCLE", "BOX", "POLYGON", "REGION"}:
        return bare.name.lower()
    datatype = lowering.type_of(bare)
    return "value" if datatype is None or datatype.xtype is None else datatype.xtype


def _check_shape(lowering: Lowering, node: Expression, wanted: str) -> None:
    shape = _shape(lowering, node)
    datatype = lowering.type_of(node)
    if shape != wanted and not (datatype is not None and datatype.kind is Kind.ARRAY):
        raise unsupported(f"a {shape.upper()} where a {wanted.upper()} is expected", node.span)


# --------------------------------------------------------------------------------------------------- separation


def _separation(lowering: Lowering, one: _Place, other: _Place) -> exp.Expr:
    arguments = {"ra1": one.lon, "dec1": one.lat, "ra2": other.lon, "dec2": other.lat}
    return lowering.filled(SEPARATION, arguments)


def _without_nan(lowering: Lowering, value: exp.Expr) -> exp.Expr:
    return exp.Nullif(this=value, expression=lowering.dialect.cast(exp.Literal.string("NaN"), _DOUBLE))


@dataclass(frozen=True)
class _Overlap:
    """What CONTAINS and INTERSECTS ask: whether a separation is at most a limit."""

    one: _Place
    other: _Place
    limit: exp.Expr
    limit_deg: float | None


def _overlap(lowering: Lowering, node: Call) -> Generator[Ask, exp.Expr, _Overlap]:
    first, second = node.arguments
    shapes = (_shape(lowering, first), _shape(lowering, second))
    if node.name.upper() == "INTERSECTS" and shapes == ("circle", "point"):
        first, second = second, first
    elif "circle" in shapes[:1]:
        return (yield from _overlap_of_circles(lowering, node))
    if _shape(lowering, second) == "point":
        one = yield from _place(lowering, first)
        other = yield from _place(lowering, second)
        return _Overlap(one, other, lowering.dialect.real(0.0), 0.0)
    one = yield from _place(lowering, first)
    circle = yield from _circle(lowering, second)
    return _Overlap(one, circle.centre, circle.radius, circle.radius_deg)


def _overlap_of_circles(lowering: Lowering, node: Call) -> Generator[Ask, exp.Expr, _Overlap]:
    one = yield from _circle(lowering, node.arguments[0])
    other = yield from _circle(lowering, node.arguments[1])
    operator = exp.Sub if node.name.upper() == "CONTAINS" else exp.Add
    limit = operator(this=wrapped(other.radius), expression=wrapped(one.radius))
    return _Overlap(one.centre, other.centre, limit, None)


def _tested(lowering: Lowering, overlap: _Overlap) -> exp.Expr:
    separation = _separation(lowering, overlap.one, overlap.other)
    return exp.LTE(this=separation, expression=wrapped(overlap.limit))


# ------------------------------------------------------------------------------------------------------- values


def _point(lowering: Lowering, node: Call, _: Ask) -> Steps:
    place = yield from _place(lowering, node)
    return _array(lowering, [_one_turn(lowering, place), place.lat], is_known=place.known_deg is not None)


def _circle_value(lowering: Lowering, node: Call, _: Ask) -> Steps:
    circle = yield from _circle(lowering, node)
    is_known = circle.centre.known_deg is not None and circle.radius_deg is not None
    items = [_one_turn(lowering, circle.centre), circle.centre.lat, circle.radius]
    return _array(lowering, items, is_known=is_known)


def _one_turn(lowering: Lowering, place: _Place) -> exp.Expr:
    if place.known_deg is not None:
        return place.lon
    return lowering.filled(_WRAPPED, {"lon": place.lon})


def _array(lowering: Lowering, items: Sequence[exp.Expr], *, is_known: bool) -> exp.Expr:
    """Make an array that is NULL when one of its items is."""
    if is_known:
        return lowering.dialect.array(*items)
    missing = any_of(exp.Is(this=wrapped(lowering.duplicate(item)), expression=null()) for item in items)
    return exp.Case(ifs=[exp.If(this=missing, true=null())], default=lowering.dialect.array(*items))


def _coordinate(lowering: Lowering, node: Call, _: Ask) -> Steps:
    place = yield from _place(lowering, node.arguments[0])
    return _one_turn(lowering, place) if node.name.upper() == "COORD1" else place.lat


def _distance(lowering: Lowering, node: Call, _: Ask) -> Steps:
    one, other = yield from _ends(lowering, node)
    return _without_nan(lowering, _separation(lowering, one, other))


def _ends(lowering: Lowering, node: Call) -> Generator[Ask, exp.Expr, tuple[_Place, _Place]]:
    if len(node.arguments) == _SEPARATE_NUMBERS:
        lon1, lat1, lon2, lat2 = node.arguments
        one = yield from _numbers(lowering, lon1, lat1)
        other = yield from _numbers(lowering, lon2, lat2)
    else:
        one = yield from _place(lowering, node.arguments[0])
        other = yield from _place(lowering, node.arguments[1])
    return one, other


def _overlap_value(lowering: Lowering, node: Call, _: Ask) -> Steps:
    overlap = yield from _overlap(lowering, node)
    separation = _without_nan(lowering, _separation(lowering, overlap.one, overlap.other))
    test = exp.LTE(this=separation, expression=wrapped(overlap.limit))
    return lowering.dialect.cast(test, DataType(Primitive.INT))


GEOMETRY_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {
    "CIRCLE": _circle_value,
    "CONTAINS": _overlap_value,
    "COORD1": _coordinate,
    "COORD2": _coordinate,
    "DISTANCE": _distance,
    "INTERSECTS": _overlap_value,
    "POINT": _point,
}
"""Functions of the language that are more than a template, by their names in upper case."""


# --------------------------------------------------------------------------------------------------- conditions


def spatial_test(lowering: Lowering, node: Condition, ask: Ask) -> Generator[Ask, exp.Expr, exp.Expr | None]:
    """Lower a condition that asks for places near each other, with the filter of the spatial index; else None.

    These are ``CONTAINS(...) = 1`` in all its spellings, and ``DISTANCE(...)`` below a number.
    """
    call = _true_overlap(node)
    if call is not None:
        overlap = yield from _overlap(lowering, call)
        filters = _filters(lowering, ask, overlap.one, overlap.other, overlap.limit_deg)
        return all_of([*filters, _tested(lowering, overlap)])
    bound = _bounded_distance(node)
    if bound is None:
        return None
    one, other = yield from _ends(lowering, bound.call)
    filters = _filters(lowering, ask, one, other, float(bound.limits[-1]))
    return all_of([*filters, bound.test(lowering, _separation(lowering, one, other))])


def _true_overlap(node: Condition) -> Call | None:
    """Return the CONTAINS or INTERSECTS that a condition wants to be 1."""
    if isinstance(node, BareCondition):
        return _named_call(node.value, "CONTAINS", "INTERSECTS")
    if not isinstance(node, Comparison):
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        call = _named_call(side, "CONTAINS", "INTERSECTS")
        if call is not None and (node.operator, constant(other)) in {("=", 1), ("<>", 0)}:
            return call
    return None


def _named_call(node: Expression, *names: str) -> Call | None:
    bare = unwrapped(node)
    return bare if isinstance(bare, Call) and bare.name.upper() in names else None


@dataclass(frozen=True)
class _BoundedDistance:
    call: Call
    operator: str
    limits: tuple[float, ...]

    def test(self, lowering: Lowering, separation: exp.Expr) -> exp.Expr:
        limits = [lowering.dialect.real(limit) for limit in self.limits]
        if self.operator == "BETWEEN":
            return exp.Between(this=separation, low=wrapped(limits[0]), high=wrapped(limits[1]))
        operator = exp.LT if self.operator == "<" else exp.LTE
        return operator(this=separation, expression=wrapped(limits[0]))


def _bounded_distance(node: Condition) -> _BoundedDistance | None:
    if isinstance(node, Between):
        call = _named_call(node.operand, "DISTANCE")
        low, high = constant(node.low), constant(node.high)
        if call is None or low is None or high is None:
            return None
        return _BoundedDistance(call, "BETWEEN", (float(low), float(high)))
    if not isinstance(node, Comparison):
        return None
    for side, other, operator in (
        (node.left, node.right, node.operator),
        (node.right, node.left, _MIRRORED[node.operator]),
    ):
        call = _named_call(side, "DISTANCE")
        limit = constant(other)
        if call is not None and limit is not None and operator in {"<", "<="}:
            return _BoundedDistance(call, operator, (float(limit),))
    return None


def _filters(lowering: Lowering, ask: Ask, one: _Place, other: _Place, radius_deg: float | None) -> list[exp.Expr]:
    """Return the conditions that the spatial index serves, none where it does not help."""
    if radius_deg is None or not 0 <= radius_deg < 180:  # noqa: PLR2004 - nothing is farther than the antipode
        return []
    for place, centre in ((one, other), (other, one)):
        if place.position is not None and centre.known_deg is not None:
            found = lowering.dialect.cone_filter(place.position, Cone(*centre.known_deg, radius_deg))
            return [] if found is None else [found]
    aliases = _alias(one), _alias(other)
    if aliases[0] is not None and aliases[0] == aliases[1]:
        return []
    sides = [_side(lowering, ask, place, alias) for place, alias in zip((one, other), aliases, strict=True)]
    found = lowering.dialect.match_filter(sides[0], sides[1], radius_deg)
    return [] if found is None else [found]


def _side(lowering: Lowering, ask: Ask, place: _Place, alias: str | None) -> MatchSide:
    return MatchSide(
        lowering.duplicate(place.lon),
        lowering.duplicate(place.lat),
        place.position,
        is_looked_up=alias is not None and alias == ask.looked_up,
        item=lowering.items.get(alias) if alias is not None and alias in ask.repeatable else None,
    )


def _alias(place: _Place) -> str | None:
    """Return the alias of the only source that a place is made from; None when that is not plain."""
    nodes = [node for value in (place.lon, place.lat) for node in value.walk()]
    tables = {node.table for node in nodes if isinstance(node, exp.Column)}
    is_plain = len(tables) == 1 and not any(isinstance(node, exp.Var) for node in nodes)
    return tables.pop() if is_plain else None
