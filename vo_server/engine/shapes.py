"""Shapes as arguments: what a geometry expression is, in SQL and as far as it is known before the query runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from sqlglot import exp

from vo_server.adql.tree import Call, Cast, Expression, StringLiteral
from vo_server.engine.dialect import IndexedPosition, IndexedShape
from vo_server.engine.fold import constant, unwrapped
from vo_server.engine.lower import Ask, refusal, unsupported
from vo_server.engine.positions import indexed_pair, indexed_point, indexed_shape, only_source
from vo_server.engine.sqltree import any_of, element, null, wrapped
from vo_server.errors import ProblemKind, UsageError
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.sky.angle import checked_dec_deg, checked_radius_deg, wrapped_ra_deg
from vo_server.sky.compound import CoverageMap
from vo_server.sky.polygon import Polygon, box_corners_deg
from vo_server.sky.region import Cone, Region
from vo_server.sky.shapes import region_of
from vo_server.sky.stcs import read_region

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from vo_server.engine.lower import Lowering

__all__ = [
    "Circle",
    "Corners",
    "Place",
    "Shape",
    "Written",
    "array_of",
    "ends_of",
    "one_turn",
    "place_of",
    "place_of_numbers",
    "shape_of",
    "without_nan",
]

_DOUBLE: Final = DataType(Primitive.DOUBLE)
_WRAPPED: Final = "{lon} - 360 * FLOOR({lon} / 360)"
_FRAMES: Final = frozenset({"ICRS", "FK5", "J2000", "UNKNOWNFRAME", "UNKNOWN"})
_REFERENCES: Final = frozenset(
    {"BARYCENTER", "GEOCENTER", "HELIOCENTER", "LSR", "TOPOCENTER", "RELOCATABLE", "UNKNOWNREFPOS"}
)
_FLAVOURS: Final = frozenset({"SPHERICAL2", "CARTESIAN2"})
_ACCEPTED: Final = _FRAMES | _REFERENCES | _FLAVOURS
"""Words of STC-S that change nothing here."""

_CIRCLE_WITH_POINT: Final = 2
_BOX_WITH_POINT: Final = 3
_SEPARATE_NUMBERS: Final = 4


@dataclass(frozen=True)
class Place:
    """A point: its coordinates in SQL, and what is known about them."""

    lon: exp.Expr
    lat: exp.Expr
    known_deg: tuple[float, float] | None = None
    position: IndexedPosition | None = None
    """Set when it is the position of a table's rows, or of a subquery over them."""
    source: str | None = None
    """Alias of the only entry of FROM that it is made from."""
    is_few: bool = False
    """Whether an index leaves few rows for which something is computed with it."""

    @property
    def region(self) -> Region | None:
        """The place when it is known."""
        return None if self.known_deg is None else Cone(*self.known_deg, 0.0)


@dataclass(frozen=True)
class Circle:
    """A circle: its centre and radius [deg]."""

    centre: Place
    radius: exp.Expr
    """NULL where it is missing or not a number."""
    radius_deg: float | None
    radius_source: str | None = None
    """Alias of the only entry of FROM that the radius is made from."""
    indexed: IndexedShape | None = None
    """Set when it is a column of circles of the database's own."""

    @cached_property
    def region(self) -> Cone | None:
        """The circle when it is known."""
        if self.centre.known_deg is None or self.radius_deg is None:
            return None
        return Cone(*self.centre.known_deg, self.radius_deg)


@dataclass(frozen=True)
class Corners:
    """A polygon: the array of its coordinates in SQL."""

    array: exp.Expr
    region: Polygon | None = None
    """The polygon when it is known."""
    source: str | None = None
    """Alias of the only entry of FROM that it is made from."""
    edges: exp.Expr | None = None
    """Column of that entry which has its edges, where they were computed for a filter."""
    indexed: IndexedShape | None = None
    """Set when it is a column of polygons of the database's own."""


@dataclass(frozen=True)
class Written:
    """A region that only a text can be: a union, a complement, a coverage map."""

    text: str
    region: Region


Shape: TypeAlias = Place | Circle | Corners | Written
_T = TypeVar("_T")
_PlaceSteps: TypeAlias = "Generator[Ask, exp.Expr, Place]"
_ShapeSteps: TypeAlias = "Generator[Ask, exp.Expr, Shape]"


def shape_of(lowering: Lowering, node: Expression) -> _ShapeSteps:
    """Read a geometry expression.

    Raises
    ------
    AdqlError
        Of kind ``type`` for coordinates off the sky and texts that are no region, ``unsupported`` for other frames.
    """
    bare = unwrapped(node)
    if isinstance(bare, Call):
        reader = _READERS.get(bare.name.upper())
        if reader is not None:
            return (yield from reader(lowering, bare))
    if isinstance(bare, Cast) and isinstance(unwrapped(bare.operand), StringLiteral):
        return _cast_text(lowering, bare)
    datatype = lowering.type_of(bare)
    xtype = None if datatype is None else datatype.xtype
    if datatype is not None and datatype.kind is Kind.GEOMETRY and not datatype.is_array:
        raise unsupported(
            "a region that is stored as text", bare.span, hint="publish it as a column of points, circles or polygons"
        )
    value = yield Ask(bare)
    is_float = datatype is not None and datatype.primitive is Primitive.FLOAT

    def number(at: int) -> exp.Expr:
        # Not the whole array is cast: PostgreSQL dissolves the functions of Q3C only around values that cost little.
        found = element(lowering.duplicate(value), at)
        return lowering.dialect.cast(found, _DOUBLE) if is_float else found

    source = only_source(lowering, bare)
    if xtype == "polygon":
        if is_float:
            value = lowering.dialect.cast(value, DataType(Primitive.DOUBLE, "*"))
        return Corners(value, source=source, indexed=indexed_shape(lowering, bare))
    position = indexed_point(lowering, bare)
    if position is not None and position.stored is not None:
        return Place(position.lon, position.lat, position=position, source=source)
    place = Place(number(1), number(2), position=position, source=source)
    if xtype != "circle":
        return place
    radius = without_nan(lowering, number(3))
    return Circle(place, radius, None, source, indexed_shape(lowering, bare))


def place_of(lowering: Lowering, node: Expression) -> _PlaceSteps:
    """Read an expression that must be a point."""
    shape = yield from shape_of(lowering, node)
    if not isinstance(shape, Place):
        kind = type(shape).__name__.lower()
        raise refusal(ProblemKind.TYPE, f"a point is expected here, not a {kind}", node.span)
    return shape


def ends_of(lowering: Lowering, node: Call) -> Generator[Ask, exp.Expr, tuple[Place, Place]]:
    """Read the two places of DISTANCE in either form."""
    if len(node.arguments) == _SEPARATE_NUMBERS:
        lon1, lat1, lon2, lat2 = node.arguments
        one = yield from place_of_numbers(lowering, lon1, lat1)
        other = yield from place_of_numbers(lowering, lon2, lat2)
    else:
        one = yield from place_of(lowering, node.arguments[0])
        other = yield from place_of(lowering, node.arguments[1])
    return one, other


def without_nan(lowering: Lowering, value: exp.Expr) -> exp.Expr:
    """Return a double with NULL in place of NaN."""
    return exp.Nullif(this=value, expression=lowering.dialect.cast(exp.Literal.string("NaN"), _DOUBLE))


def one_turn(lowering: Lowering, place: Place) -> exp.Expr:
    """Return the longitude of a place in one turn [deg]."""
    if place.known_deg is not None:
        return place.lon
    return lowering.filled(_WRAPPED, {"lon": place.lon})


def array_of(lowering: Lowering, items: Sequence[exp.Expr], *, is_known: bool) -> exp.Expr:
    """Make an array that is NULL when one of its items is."""
    if is_known:
        return lowering.dialect.array(*items)
    missing = any_of(exp.Is(this=wrapped(lowering.duplicate(item)), expression=null()) for item in items)
    return exp.Case(ifs=[exp.If(this=missing, true=null())], default=lowering.dialect.array(*items))


def known_corners(lowering: Lowering, polygon: Polygon) -> Corners:
    """Return a polygon that is known, with its array."""
    return Corners(lowering.dialect.array(*map(lowering.dialect.real, polygon.numbers)), polygon)


# ------------------------------------------------------------------------------------------------ constructors


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
        value = _checked(lambda: check(float(known)), node)
        return lowering.dialect.real(value), value
    value_sql = yield Ask(node)
    if lowering.type_of(node) != _DOUBLE:
        value_sql = lowering.dialect.cast(value_sql, _DOUBLE)
    return value_sql, None


def _checked(make: Callable[[], _T], node: Expression) -> _T:
    """Make something of constants; what is off the sky is told with the place of an argument."""
    try:
        return make()
    except UsageError as error:
        raise refusal(ProblemKind.TYPE, error.message, node.span, hint=error.hint) from error


def place_of_numbers(lowering: Lowering, lon: Expression, lat: Expression) -> _PlaceSteps:
    """Read a place that is given as longitude and latitude [deg]."""
    lon_sql, lon_deg = yield from _angle(lowering, lon, wrapped_ra_deg)
    lat_sql, lat_deg = yield from _angle(lowering, lat, checked_dec_deg)
    known = None if lon_deg is None or lat_deg is None else (lon_deg, lat_deg)
    return Place(lon_sql, lat_sql, known, indexed_pair(lowering, lon, lat), only_source(lowering, lon, lat))


def _point(lowering: Lowering, node: Call) -> _ShapeSteps:
    lon, lat = _without_frame(node)
    return (yield from place_of_numbers(lowering, lon, lat))


def _centred(lowering: Lowering, arguments: tuple[Expression, ...], n_with_point: int) -> _PlaceSteps:
    """Read the centre of a circle or a box: a point, or two numbers."""
    if len(arguments) == n_with_point:
        return (yield from place_of(lowering, arguments[0]))
    return (yield from place_of_numbers(lowering, arguments[0], arguments[1]))


def _circle(lowering: Lowering, node: Call) -> _ShapeSteps:
    arguments = _without_frame(node)
    centre = yield from _centred(lowering, arguments, _CIRCLE_WITH_POINT)
    radius, radius_deg = yield from _angle(lowering, arguments[-1], checked_radius_deg)
    if radius_deg is not None:
        return Circle(centre, radius, radius_deg)
    return Circle(centre, without_nan(lowering, radius), None, only_source(lowering, arguments[-1]))


def _box(lowering: Lowering, node: Call) -> _ShapeSteps:
    arguments = _without_frame(node)
    centre = yield from _centred(lowering, arguments, _BOX_WITH_POINT)
    width, width_deg = yield from _angle(lowering, arguments[-2], float)
    height, height_deg = yield from _angle(lowering, arguments[-1], float)
    if centre.known_deg is not None and width_deg is not None and height_deg is not None:
        known = (*centre.known_deg, width_deg, height_deg)
        return known_corners(lowering, _checked(lambda: Polygon(box_corners_deg(*known)), node))
    values = {"lon": centre.lon, "lat": centre.lat, "width": width, "height": height}
    box = lowering.filled("vo_functions.box({lon}, {lat}, {width}, {height})", values)
    return Corners(box, source=only_source(lowering, *arguments))


def _polygon(lowering: Lowering, node: Call) -> _ShapeSteps:
    arguments = _without_frame(node)
    kind = lowering.type_of(arguments[0])
    places: list[Place] = []
    if kind is not None and kind.kind is Kind.GEOMETRY:
        for argument in arguments:
            place = yield from place_of(lowering, argument)
            places.append(place)
    else:
        for lon, lat in zip(arguments[::2], arguments[1::2], strict=True):
            place = yield from place_of_numbers(lowering, lon, lat)
            places.append(place)
    known = [place.known_deg for place in places if place.known_deg is not None]
    if len(known) == len(places):
        return known_corners(lowering, _checked(lambda: Polygon(tuple(known)), node))
    items = [item for place in places for item in (one_turn(lowering, place), place.lat)]
    return Corners(array_of(lowering, items, is_known=False), source=only_source(lowering, *arguments))


def _region(lowering: Lowering, node: Call) -> _ShapeSteps:
    yield from ()
    literal = unwrapped(node.arguments[0])
    assert isinstance(literal, StringLiteral)
    text = literal.value
    return _known_shape(lowering, _checked(lambda: region_of(read_region(text)), literal), text)


def _known_shape(lowering: Lowering, region: Region, text: str) -> Shape:
    if isinstance(region, Polygon):
        return known_corners(lowering, region)
    if isinstance(region, CoverageMap):
        return Written(read_region(text).text, region)  # DALI 1.2, section 3: the map alone
    if not isinstance(region, Cone):
        return Written(text, region)
    real = lowering.dialect.real
    centre = Place(real(region.ra_deg), real(region.dec_deg), region.centroid_deg)
    is_position = read_region(text).kind == "position"
    return centre if is_position else Circle(centre, real(region.radius_deg), region.radius_deg)


def _centroid(lowering: Lowering, node: Call) -> _ShapeSteps:
    shape = yield from shape_of(lowering, node.arguments[0])
    if isinstance(shape, Place):
        return shape
    if isinstance(shape, Circle):
        return shape.centre
    if shape.region is not None:
        lon_deg, lat_deg = shape.region.centroid_deg
        return Place(lowering.dialect.real(lon_deg), lowering.dialect.real(lat_deg), (lon_deg, lat_deg))
    assert isinstance(shape, Corners)
    centre = lowering.filled("vo_functions.polygon_centroid(vo_functions.edges({array}))", {"array": shape.array})
    return Place(element(centre, 1), element(lowering.duplicate(centre), 2), source=shape.source)


def _cast_text(lowering: Lowering, node: Cast) -> Shape:
    """Read a text that is cast to a shape: its numbers [deg]."""
    literal = unwrapped(node.operand)
    assert isinstance(literal, StringLiteral)
    kind = node.target.name.lower()
    region = _checked(lambda: region_of(read_region(f"{_WORDS[kind]} {literal.value}")), literal)
    return _known_shape(lowering, region, f"{_WORDS[kind]} {literal.value}")


_WORDS: Final = {"point": "position", "circle": "circle", "polygon": "polygon"}
"""Names of shapes in texts, by the types of the language."""

_READERS: Final[dict[str, Callable[[Lowering, Call], _ShapeSteps]]] = {
    "BOX": _box,
    "CENTROID": _centroid,
    "CIRCLE": _circle,
    "POINT": _point,
    "POLYGON": _polygon,
    "REGION": _region,
}
"""Functions that make shapes, by their names in upper case."""
