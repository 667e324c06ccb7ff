"""Whether one shape lies in another, or meets it, as a condition in SQL.

Conditions are true, false, or NULL where a part is missing; NaN counts as missing. Points in anything are exact, as are
circles and polygons among each other. Two shapes that are both known are compared before the query runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.lower import refusal, unsupported
from vo_server.engine.shapes import Circle, Corners, Place, Written, without_nan
from vo_server.engine.sqltree import all_of, any_of, column, wrapped
from vo_server.errors import ProblemKind
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.compound import Complement, CoverageMap, Intersection, LonLatRange, Union, is_within, meet
from vo_server.sky.healpix import ORDER
from vo_server.sky.polygon import Polygon
from vo_server.sky.region import Cone

if TYPE_CHECKING:
    from vo_server.engine.lower import Lowering
    from vo_server.engine.shapes import Shape
    from vo_server.errors import AdqlError, Span
    from vo_server.sky.region import Region

__all__ = ["SEPARATION", "contained", "distance", "met"]

_HALF_RA: Final = "RADIANS(({ra1} - {ra2} - 360 * ROUND(({ra1} - {ra2}) / 360)) / 2)"
_HALF_DIFFERENCE: Final = "RADIANS(({dec1} - {dec2}) / 2)"
_HALF_CODISTANCE: Final = "RADIANS(90 - ABS({dec1} + {dec2}) / 2)"
_LEG: Final = "POWER(COS({a}), 2) * POWER({f}({b}), 2) + POWER(SIN({a}), 2) * POWER({f}({c}), 2)"


def _leg(function: str) -> str:
    text = _LEG.replace("{f}", function).replace("{a}", _HALF_RA)
    return text.replace("{b}", _HALF_DIFFERENCE).replace("{c}", _HALF_CODISTANCE)


SEPARATION: Final = f"2 * ATAN2(SQRT({_leg('SIN')}), SQRT({_leg('COS')})) * 57.29577951308232e0"
"""The formula of :func:`vo_server.sky.angle.separation_deg` in SQL.

The databases have two ways to turn radians into degrees, hence the number."""

_TURN_DEG: Final = 360.0
_MAX_CELLS: Final = 20_000
"""Cells of a coverage map that a query may hold."""


def distance(lowering: Lowering, one: Place, other: Place) -> exp.Expr:
    """Return the distance of two places, NULL where a coordinate is NULL or NaN [deg]."""
    arguments = {"ra1": one.lon, "dec1": one.lat, "ra2": other.lon, "dec2": other.lat}
    copies = {name: lowering.duplicate(value) for name, value in arguments.items()}
    quick = lowering.dialect.few_distances
    if quick is not None and (one.is_few or other.is_few):
        return lowering.filled(quick, copies)
    return without_nan(lowering, lowering.filled(SEPARATION, copies))


def contained(lowering: Lowering, inner: Shape, outer: Shape, span: Span) -> exp.Expr:
    """Return the condition that every place of one shape lies in another one (CONTAINS), edges included.

    Raises
    ------
    AdqlError
        Of kind ``unsupported`` for a shape of a row in a region of several parts that no formula covers.
    """
    if isinstance(inner, Place):
        return _holds(lowering, inner, outer)
    if isinstance(outer, Place):
        outer = Circle(outer, lowering.dialect.real(0.0), 0.0)
    if (known := _known(inner, outer)) is not None and not _both_circles(inner, outer):
        return _truth(_known_within(*known))
    if isinstance(outer, Written):
        return _in_parts(lowering, inner, outer.region, span)
    if isinstance(inner, Written):
        raise _undecided(span)
    if isinstance(outer, Corners):
        return _in_corners(lowering, inner, outer)
    if isinstance(inner, Circle):
        return _circle_in_circle(lowering, inner, outer)
    reach = _measured(lowering, "farthest", outer.centre, inner)
    return exp.LTE(this=reach, expression=wrapped(outer.radius))


def met(lowering: Lowering, one: Shape, other: Shape, span: Span) -> exp.Expr:
    """Return the condition that two shapes have a place in common (INTERSECTS).

    Raises
    ------
    AdqlError
        As :func:`contained`.
    """
    if isinstance(other, Place):
        one, other = other, one
    if isinstance(one, Place):
        return _holds(lowering, one, other)
    if (known := _known(one, other)) is not None and not _both_circles(one, other):
        return _truth(_known_meet(*known))
    if isinstance(other, Circle) or isinstance(one, Written):
        one, other = other, one
    if isinstance(one, Circle) and isinstance(other, Circle):
        limit = exp.Add(this=wrapped(one.radius), expression=wrapped(other.radius))
        return exp.LTE(this=distance(lowering, one.centre, other.centre), expression=limit)
    if isinstance(one, Circle) and isinstance(other, Corners):
        margin = _measured(lowering, "margin", one.centre, other)
        return exp.GTE(this=margin, expression=exp.Neg(this=wrapped(one.radius)))
    if isinstance(one, Corners) and isinstance(other, Corners):
        return _of_two(lowering, "polygons_meet", one, other)
    if isinstance(other, Written):
        return _meets_parts(lowering, one, other.region, span)
    raise _undecided(span)


def shape_of_region(lowering: Lowering, region: Region) -> Shape:
    """Return a region that is known as a shape."""
    real = lowering.dialect.real
    if isinstance(region, Cone):
        centre = Place(real(region.ra_deg), real(region.dec_deg), region.centroid_deg)
        return Circle(centre, real(region.radius_deg), region.radius_deg)
    if isinstance(region, Polygon):
        return Corners(lowering.dialect.array(*map(real, region.numbers)), region)
    return Written("", region)


# ------------------------------------------------------------------------------------------------------- points


def _holds(lowering: Lowering, place: Place, shape: Shape) -> exp.Expr:
    """Return the condition that a place lies in a shape."""
    if isinstance(shape, Place):
        return exp.LTE(this=distance(lowering, place, shape), expression=lowering.dialect.real(0.0))
    if isinstance(shape, Circle):
        return exp.LTE(this=distance(lowering, place, shape.centre), expression=wrapped(shape.radius))
    if isinstance(shape, Corners):
        return _in_polygon(lowering, place, shape)
    return _in_region(lowering, place, shape.region)


def _in_polygon(lowering: Lowering, place: Place, polygon: Corners) -> exp.Expr:
    lon, lat = lowering.duplicate(place.lon), lowering.duplicate(place.lat)
    if polygon.region is not None:
        return lowering.in_polygon(lon, lat, polygon.region)
    values = {"lon": lon, "lat": lat, "edges": _edges(lowering, polygon)}
    return lowering.filled("vo_functions.in_polygon({lon}, {lat}, {edges})", values)


def _in_region(lowering: Lowering, place: Place, region: Region) -> exp.Expr:
    """Return the condition that a place lies in a region that is known: the conditions of its parts."""
    if isinstance(region, Union | Intersection):
        parts = [exp.Paren(this=_in_region(lowering, place, part)) for part in region.parts]
        return any_of(parts) if isinstance(region, Union) else all_of(parts)
    if isinstance(region, Complement):
        return exp.Not(this=exp.Paren(this=_in_region(lowering, place, region.outside)))
    if isinstance(region, LonLatRange):
        return _in_range(lowering, place, region)
    if isinstance(region, CoverageMap):
        return _in_cells(lowering, place, region)
    return _holds(lowering, place, shape_of_region(lowering, region))


def _in_range(lowering: Lowering, place: Place, region: LonLatRange) -> exp.Expr:
    """Bound both coordinates; where one is missing both conditions are NULL, as there is no place."""
    real = lowering.dialect.real
    values = {
        "lon": lowering.duplicate(place.lon),
        "lat": lowering.duplicate(place.lat),
        "start": real(region.start_deg),
    }
    lat = without_nan(lowering, lowering.filled("{lat} + 0 * {lon}", values))
    between = exp.Between(this=lat, low=real(region.low_dec_deg), high=real(region.high_dec_deg))
    if region.width_deg >= _TURN_DEG:
        return between
    offset = lowering.filled("({lon} - {start}) - 360 * FLOOR(({lon} - {start}) / 360) + 0 * {lat}", values)
    along = exp.LTE(this=without_nan(lowering, offset), expression=real(region.width_deg))
    return all_of([between, along])


def _in_cells(lowering: Lowering, place: Place, region: CoverageMap) -> exp.Expr:
    """Ask for the cell of each order of a coverage map among those that the map has; NULL where there is no place."""
    by_order = region.cells_by_order
    n_cells = sum(len(numbers) for numbers in by_order.values())
    if n_cells > _MAX_CELLS:
        raise unsupported(
            f"a coverage map of {n_cells} cells (at most {_MAX_CELLS})",
            lowering.query.tree.span,
            hint="degrade the map to a lower order",
        )
    tests = [
        f"({{c}} >> {2 * (ORDER - order)}) IN ({', '.join(map(str, numbers))})" for order, numbers in by_order.items()
    ]
    body = " OR ".join(tests) if tests else "{c} < 0"
    if place.position is not None and place.position.has_cells:
        # The filter asks for these cells; calculated anew, what lies on an edge may be in the one beside it.
        return lowering.filled(body, {"c": column(place.position.alias, HEALPIX_COLUMN)})
    cell = lowering.filled(
        f"vo_functions.healpix_index({ORDER}, {{lon}}, {{lat}})",
        {"lon": lowering.duplicate(place.lon), "lat": lowering.duplicate(place.lat)},
    )
    return lowering.let({"c": cell}, body.replace("{c}", "v.c"))


# ----------------------------------------------------------------------------------------------- shapes in shapes


def _circle_in_circle(lowering: Lowering, inner: Circle, outer: Circle) -> exp.Expr:
    """Return the condition of two circles; the whole sphere holds every circle."""
    room = exp.Sub(this=wrapped(outer.radius), expression=wrapped(inner.radius))
    fits = exp.LTE(this=distance(lowering, inner.centre, outer.centre), expression=room)
    if outer.radius_deg is not None and outer.radius_deg < 180:  # noqa: PLR2004 - the whole sphere
        return fits
    is_all = exp.GTE(this=wrapped(lowering.duplicate(outer.radius)), expression=lowering.dialect.real(180.0))
    is_there = exp.GTE(this=distance(lowering, inner.centre, outer.centre), expression=lowering.dialect.real(0.0))
    has_size = exp.GTE(this=wrapped(lowering.duplicate(inner.radius)), expression=lowering.dialect.real(0.0))
    return any_of([fits, all_of([is_all, is_there, has_size])])


def _in_corners(lowering: Lowering, inner: Circle | Corners, outer: Corners) -> exp.Expr:
    if isinstance(inner, Corners):
        return _of_two(lowering, "polygon_within", inner, outer)
    margin = _measured(lowering, "margin", inner.centre, outer)
    return exp.GTE(this=margin, expression=wrapped(inner.radius))


def _measured(lowering: Lowering, function: str, place: Place, polygon: Corners) -> exp.Expr:
    values = {name: lowering.duplicate(one) for name, one in (("lon", place.lon), ("lat", place.lat))}
    edges = _edges(lowering, polygon)
    return without_nan(
        lowering, lowering.filled(f"vo_functions.{function}({{lon}}, {{lat}}, {{edges}})", values | {"edges": edges})
    )


def _of_two(lowering: Lowering, function: str, one: Corners, other: Corners) -> exp.Expr:
    values = {"one": _edges(lowering, one), "other": _edges(lowering, other)}
    return lowering.filled(f"vo_functions.{function}({{one}}, {{other}})", values)


def _edges(lowering: Lowering, polygon: Corners) -> exp.Expr:
    if polygon.edges is not None:
        return lowering.duplicate(polygon.edges)
    if polygon.region is not None:
        return lowering.edges(polygon.region)
    return lowering.filled("vo_functions.edges({array})", {"array": lowering.duplicate(polygon.array)})


def _in_parts(lowering: Lowering, inner: Shape, region: Region, span: Span) -> exp.Expr:
    """Decide whether a shape of a row lies in a region by the region's parts, where that is exact."""
    if isinstance(region, Intersection):
        return all_of([exp.Paren(this=_in_parts(lowering, inner, part, span)) for part in region.parts])
    if isinstance(region, Complement):
        return exp.Not(this=exp.Paren(this=_meets_parts(lowering, inner, region.outside, span)))
    if isinstance(region, Cone | Polygon):
        return contained(lowering, inner, shape_of_region(lowering, region), span)
    raise _undecided(span)


def _meets_parts(lowering: Lowering, shape: Shape, region: Region, span: Span) -> exp.Expr:
    """Decide whether a shape of a row meets a region by the region's parts, where that is exact."""
    if isinstance(region, Union):
        return any_of([exp.Paren(this=_meets_parts(lowering, shape, part, span)) for part in region.parts])
    if isinstance(region, Complement):
        return exp.Not(this=exp.Paren(this=_in_parts(lowering, shape, region.outside, span)))
    if isinstance(region, Cone | Polygon):
        return met(lowering, shape, shape_of_region(lowering, region), span)
    raise _undecided(span)


def _undecided(span: Span) -> AdqlError:
    return refusal(
        ProblemKind.UNSUPPORTED,
        "a circle or polygon of a row cannot be compared with a region of several parts",
        span,
        hint="ask for each part, joined by AND and OR; points can be asked for in every region",
    )


# -------------------------------------------------------------------------------------------------------- known


def _both_circles(one: Shape, other: Shape) -> bool:
    """Tell whether the databases compare two known shapes as they would compare those of rows."""
    return isinstance(one, Circle) and isinstance(other, Circle)


def _known(one: Shape, other: Shape) -> tuple[Region, Region] | None:
    return None if one.region is None or other.region is None else (one.region, other.region)


def _known_within(inner: Region, outer: Region) -> bool:
    if isinstance(inner, Polygon) and isinstance(outer, Polygon):
        return inner.is_within(outer)
    if isinstance(inner, Polygon) and isinstance(outer, Cone):
        return inner.farthest_deg(outer.ra_deg, outer.dec_deg) <= outer.radius_deg
    if isinstance(inner, Cone) and isinstance(outer, Polygon):
        return outer.margin_deg(inner.ra_deg, inner.dec_deg) >= inner.radius_deg
    return is_within(inner, outer)


def _known_meet(one: Region, other: Region) -> bool:
    if isinstance(one, Polygon) and isinstance(other, Polygon):
        return one.meets(other)
    if isinstance(other, Cone):
        one, other = other, one
    if isinstance(one, Cone) and isinstance(other, Polygon):
        return other.margin_deg(one.ra_deg, one.dec_deg) >= -one.radius_deg
    return meet(one, other)


def _truth(value: bool) -> exp.Expr:
    return exp.Boolean(this=value)
