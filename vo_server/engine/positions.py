"""Which values are the position of a table's rows, so that its spatial index serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.resolved import BoundColumn
from vo_server.adql.tree import Aggregate, ColumnName, CteDefinition, Expression, ScalarQuery, Select, children
from vo_server.engine.dialect import IndexedPosition, IndexedShape
from vo_server.engine.fold import unwrapped
from vo_server.engine.sqltree import column, element
from vo_server.model.table import HEALPIX_COLUMN, PositionIndex

if TYPE_CHECKING:
    from vo_server.adql.resolved import OutputColumn
    from vo_server.adql.tree import Node
    from vo_server.engine.lower import Lowering
    from vo_server.model.table import Table

__all__ = ["indexed_pair", "indexed_point", "indexed_shape", "only_source"]


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
    has_cells = base_ra.source is ra.source and _has_cells(table)
    places = lowering.bound(ra), lowering.bound(dec)
    return IndexedPosition(ra.source.alias, table, *places, has_cells=has_cells, index=table.position.index)


def indexed_point(lowering: Lowering, value: Expression) -> IndexedPosition | None:
    """Return the position that a column of points is; None when it is none."""
    point = _bound(lowering, value)
    base = None if point is None else _base(lowering, point)
    table = None if base is None else base.source.table
    if point is None or base is None or table is None:
        return None
    if lowering.dialect.has_shapes(base.column) and base.column.datatype.xtype == "point":
        return _of_own(lowering, point, base, table)
    if table.position is None:
        return None
    if table.position.point != base.column.name:
        return None
    lon, lat = (element(lowering.bound(point), number) for number in (1, 2))
    has_cells = base.source is point.source and _has_cells(table)
    return IndexedPosition(point.source.alias, table, lon, lat, has_cells=has_cells, index=table.position.index)


def _of_own(lowering: Lowering, point: BoundColumn, base: BoundColumn, table: Table) -> IndexedPosition | None:
    """Return the position that a column of points of the database's own is; a subquery passes on numbers only."""
    if base.source is not point.source:
        return None
    stored = column(point.source.alias, lowering.dialect.stored_name(table, base.column))
    places = lowering.dialect.coordinates(stored)
    index = PositionIndex.SPOINT if base.column.is_indexed else PositionIndex.NONE
    return IndexedPosition(point.source.alias, table, *places, has_cells=False, index=index, stored=stored)


def indexed_shape(lowering: Lowering, value: Expression) -> IndexedShape | None:
    """Return the column of circles or polygons that a value is, where an index serves it; None when there is none."""
    shape = _bound(lowering, value)
    if shape is None or shape.source.table is None or not lowering.dialect.can_search(shape.column):
        return None
    alias = shape.source.alias
    stored = column(alias, lowering.dialect.stored_name(shape.source.table, shape.column))
    return IndexedShape(alias, shape.source.table, stored, shape.column)


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


def _has_cells(table: Table) -> bool:
    """Tell whether the cells of a table are those that we computed: an adopted table may have some of its own."""
    cells = table.by_name.get(HEALPIX_COLUMN)
    return cells is not None and cells.is_hidden


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
