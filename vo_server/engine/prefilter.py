"""Conditions that the spatial index serves, and that every row with a wanted shape meets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.dialect import MatchSide, Reach
from vo_server.engine.items import hoisted
from vo_server.engine.shapes import Circle, Corners, Place
from vo_server.engine.sqltree import any_of, element, quantity, wrapped
from vo_server.sky.polygon import Polygon
from vo_server.sky.region import Cone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.engine.dialect import IndexedPosition
    from vo_server.engine.lower import Ask, Lowering
    from vo_server.engine.shapes import Shape
    from vo_server.sky.region import Region

__all__ = ["Prefilter", "near_filters", "overlap_filters", "united", "with_edges"]

_HALF_TURN_DEG: Final = 180.0


@dataclass(frozen=True)
class _Bounds:
    """A circle around a shape: its centre and radius."""

    centre: Place
    reach: Reach


@dataclass(frozen=True)
class Prefilter:
    """What an index serves of a condition."""

    conditions: list[exp.Expr]
    """None where an index does not help."""
    leaves_few: bool = False
    """Whether few rows are left for the exact condition, and not one of a join."""


def overlap_filters(lowering: Lowering, ask: Ask, one: Shape, other: Shape) -> Prefilter:
    """Return the filters for two shapes that have a place in common."""
    for shape, region in ((one, other.region), (other, one.region)):
        if isinstance(shape, Place) and shape.position is not None and region is not None:
            return _in_region(lowering, shape.position, region)
    for shape, other_shape in ((one, other), (other, one)):
        if _is_searched(shape, other_shape):
            return Prefilter(_shape_filters(lowering, shape, other_shape))
    first, second = _bounds(lowering, one), _bounds(lowering, other)
    if first is None or second is None:
        return Prefilter([])
    return near_filters(lowering, ask, first.centre, second.centre, _sum(first.reach, second.reach))


def _is_searched(shape: Shape, other: Shape) -> bool:
    """Tell whether the rows of a table with shapes are looked up for another shape, and not the other way round.

    Those of the larger table are; of tables of the same size, or one that is joined with itself, the later name.
    """
    indexed = shape.indexed if isinstance(shape, Circle | Corners) else None
    if indexed is None:
        return False
    others = (
        other.indexed if isinstance(other, Circle | Corners) else other.position if isinstance(other, Place) else None
    )
    if others is None or others.alias == indexed.alias:
        return True
    return (others.table.n_rows or 0, others.alias) < (indexed.table.n_rows or 0, indexed.alias)


def _shape_filters(lowering: Lowering, shape: Shape, other: Shape) -> list[exp.Expr]:
    """Return the filter that finds shapes of the database's own which meet another one."""
    bounds = _bounds(lowering, other)
    if not isinstance(shape, Circle | Corners) or shape.indexed is None or bounds is None:
        return []
    source, reach = bounds.centre.source, bounds.reach
    is_known = bounds.centre.known_deg is not None and reach.known_deg is not None
    if not is_known and (source in {None, shape.indexed.alias} or reach.source not in {None, source}):
        return []
    found = lowering.dialect.shape_filter(shape.indexed, bounds.centre.lon, bounds.centre.lat, reach)
    return [] if found is None else [found]


def near_filters(lowering: Lowering, ask: Ask, one: Place, other: Place, reach: Reach) -> Prefilter:
    """Return the filters for two places that are not farther from each other than a reach."""
    if reach.known_deg is not None and not 0 <= reach.known_deg < _HALF_TURN_DEG:
        return Prefilter([])
    for place, centre in ((one, other), (other, one)):
        if place.position is not None and centre.known_deg is not None and reach.known_deg is not None:
            return _in_region(lowering, place.position, Cone(*centre.known_deg, reach.known_deg))
    if one.source is not None and one.source == other.source:
        return Prefilter([])
    if reach.value is not None and (reach.source is None or reach.source not in {one.source, other.source}):
        return Prefilter([])
    found = lowering.dialect.match_filter(_side(lowering, ask, one), _side(lowering, ask, other), reach)
    return Prefilter([] if found is None else [found])


def _in_region(lowering: Lowering, position: IndexedPosition, region: Region) -> Prefilter:
    found = lowering.dialect.region_filter(position, region)
    if found is None:
        return Prefilter([])
    is_alone = len(lowering.query.sources) == 1
    return Prefilter([found], leaves_few=is_alone and lowering.dialect.leaves_few(position, region))


def _side(lowering: Lowering, ask: Ask, place: Place) -> MatchSide:
    return MatchSide(
        lowering.duplicate(place.lon),
        lowering.duplicate(place.lat),
        place.position,
        source=place.source,
        is_looked_up=place.source is not None and place.source == ask.looked_up,
        is_repeatable=place.source is not None and place.source in ask.repeatable,
        item=None if place.source is None else lowering.items.get(place.source),
    )


def _sum(one: Reach, other: Reach) -> Reach:
    """Add two reaches; what rows of two tables add up to has no source."""
    if one.known_deg is not None and other.known_deg is not None:
        return Reach(min(one.known_deg + other.known_deg, _HALF_TURN_DEG))
    if any(part.known_deg is not None and part.known_deg >= _HALF_TURN_DEG for part in (one, other)):
        return Reach(_HALF_TURN_DEG)  # the antipode is as near as everything else
    sources = {part.source for part in (one, other) if part.known_deg is None}
    values = [wrapped(part.value) for part in (one, other) if part.value is not None and part.known_deg != 0]
    value = values[0] if len(values) == 1 else exp.Add(this=values[0], expression=values[1])
    return Reach(None, value, sources.pop() if len(sources) == 1 else None)


def _bounds(lowering: Lowering, shape: Shape) -> _Bounds | None:
    """Return a circle around a shape; None where there is none, or it is not worth it."""
    real = lowering.dialect.real
    if isinstance(shape, Place):
        return _Bounds(shape, Reach(0.0, real(0.0)))
    if isinstance(shape, Circle):
        reach = Reach(shape.radius_deg, lowering.duplicate(shape.radius), shape.radius_source)
        return _Bounds(shape.centre, reach)
    if isinstance(shape.region, Polygon):
        cone = shape.region.bounding_cone
        centre = Place(real(cone.ra_deg), real(cone.dec_deg), cone.centroid_deg)
        return _Bounds(centre, Reach(cone.radius_deg, real(cone.radius_deg)))
    if not isinstance(shape, Corners) or shape.edges is None or shape.source is None:
        return None
    # The column was made for this: the rows of another table are matched with these.
    circle = lowering.filled("vo_functions.bounding_circle({edges})", {"edges": lowering.duplicate(shape.edges)})
    column = hoisted(lowering.dialect, lowering.items[shape.source], {"circle": circle})["circle"]
    lon, lat, radius = (element(column.copy(), number) for number in (1, 2, 3))
    return _Bounds(Place(lon, lat, source=shape.source), Reach(None, radius, shape.source))


def united(filters: Sequence[exp.Expr]) -> exp.Expr:
    """Join filters, which are used up, by OR; ranges of whole numbers of one column that touch become one."""
    parts = [part for one in filters for part in (one.flatten() if isinstance(one, exp.Or) else (one,))]
    ranges = [_whole_range(part) for part in parts]
    if None in ranges or any(part.this != parts[0].this for part in parts):
        return any_of(filters)
    merged: list[tuple[int, int]] = []
    for first, last in sorted(one for one in ranges if one is not None):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    value = parts[0].this
    return any_of(exp.Between(this=value.copy(), low=quantity(first), high=quantity(last)) for first, last in merged)


def _whole_range(condition: exp.Expr) -> tuple[int, int] | None:
    if not isinstance(condition, exp.Between):
        return None
    bounds = condition.args["low"], condition.args["high"]
    if not all(isinstance(one, exp.Literal) and one.this.isdigit() for one in bounds):
        return None
    return int(bounds[0].this), int(bounds[1].this)


def with_edges(lowering: Lowering, shape: Shape, other: Shape) -> Shape:
    """Compute the edges of each polygon of a table once, when it is matched with the rows of another table."""
    if not isinstance(shape, Corners) or shape.region is not None or shape.source is None:
        return shape
    if _is_searched(shape, other):
        return shape
    item = lowering.items.get(shape.source)
    partner = other.source if isinstance(other, Place) else other.centre.source if isinstance(other, Circle) else None
    if item is None or partner is None or partner == shape.source:
        return shape
    edges = lowering.filled("vo_functions.edges({array})", {"array": lowering.duplicate(shape.array)})
    return replace(shape, edges=hoisted(lowering.dialect, item, {"edges": edges})["edges"])
