"""Which values are the position of a table's rows, so that its spatial index serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.resolved import BoundColumn
from vo_server.adql.tree import Aggregate, ColumnName, CteDefinition, Expression, ScalarQuery, Select, children
from vo_server.engine.dialect import IndexedPosition
from vo_server.engine.fold import unwrapped
from vo_server.engine.sqltree import element

if TYPE_CHECKING:
    from vo_server.adql.resolved import OutputColumn
    from vo_server.adql.tree import Node
    from vo_server.engine.lower import Lowering

__all__ = ["indexed_pair", "indexed_point", "only_source"]


def indexed_pair(lowering: Lowering, lon: Expression, lat: Expression) -> IndexedPosition | None:
    """Return the position whose longitude and latitude two values are; None when they are none."""
    ra, dec = _bound(lowering, lon), _bound(lowering, lat)
    if ra is None or dec is None or ra.source is not dec.source:
        return None
    base_ra, base_dec = _base(lowering, ra), _base(lowering, dec)
    if base_ra is None or base_dec is None or base_ra.source is not base_dec.source:
        return None
    table = base_ra.source.table
    if table is None or table.position is None:
        return None
    if (table.position.ra, table.position.dec) != (base_ra.column.name, base_dec.column.name):
        return None
    is_own = base_ra.source is ra.source
    return IndexedPosition(ra.source.alias, table, lowering.bound(ra), lowering.bound(dec), has_cells=is_own)


def indexed_point(lowering: Lowering, value: Expression) -> IndexedPosition | None:
    """Return the position that a column of points is; None when it is none."""
    point = _bound(lowering, value)
    base = None if point is None else _base(lowering, point)
    if point is None or base is None or base.source.table is None or base.source.table.position is None:
        return None
    if base.source.table.position.point != base.column.name:
        return None
    lon, lat = (element(lowering.bound(point), number) for number in (1, 2))
    is_own = base.source is point.source
    return IndexedPosition(point.source.alias, base.source.table, lon, lat, has_cells=is_own)


def only_source(lowering: Lowering, *values: Expression) -> str | None:
    """Return the alias of the only source that values are made from; None when there are several, or a subquery."""
    found: set[str] = set()
    stack: list[Node] = list(values)
    while stack:
        node = stack.pop()
        if isinstance(node, ScalarQuery | Aggregate):
            return None
        if isinstance(node, ColumnName):
            meaning = lowering.query.names.get(node)
            if not isinstance(meaning, BoundColumn):
                return None
            found.add(meaning.source.alias)
        else:
            stack.extend(children(node))
    return found.pop() if len(found) == 1 else None


def _bound(lowering: Lowering, node: Expression) -> BoundColumn | None:
    bare = unwrapped(node)
    meaning = lowering.query.names.get(bare) if isinstance(bare, ColumnName) else None
    return meaning if isinstance(meaning, BoundColumn) else None


def _base(lowering: Lowering, bound: BoundColumn) -> BoundColumn | None:
    """Return the column of a table that a column of subqueries passes on unchanged."""
    while bound.source.table is None:
        derivation = bound.source.derivation
        query = derivation.query if isinstance(derivation, CteDefinition) else derivation
        if query is None or not isinstance(query.body, Select):
            return None
        outputs = lowering.query.outputs[query.body]
        found = next((one for one in outputs if one.column.name == bound.column.name), None)
        inner = None if found is None else _passed_on(lowering, found)
        if inner is None:
            return None
        bound = inner
    return bound


def _passed_on(lowering: Lowering, output: OutputColumn) -> BoundColumn | None:
    if isinstance(output.value, Expression):
        return _bound(lowering, output.value)
    return output.value if isinstance(output.value, BoundColumn) else None
