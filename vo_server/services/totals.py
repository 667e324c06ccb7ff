"""How many rows a query has, where the catalogue knows it: nothing is ever counted for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.tree import Aggregate, Select, TableName
from vo_server.adql.walk import preorder

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery

__all__ = ["total_rows"]


def total_rows(query: ResolvedQuery) -> int | None:
    """Return the number of rows of the whole answer, or None when only running the query would tell.

    Known is that of a plain ``SELECT ... FROM table``, with or without TOP, OFFSET and ORDER BY: releases never
    change, and the catalogue has their row counts.
    """
    node, body = query.tree, query.tree.body
    if not isinstance(body, Select) or len(body.tables) != 1 or body.where or body.group_by or body.having:
        return None
    if body.is_distinct or any(isinstance(part, Aggregate) for item in body.items for part in preorder(item)):
        return None
    source = query.sources.get(body.tables[0])
    if not isinstance(body.tables[0], TableName) or source is None or source.table is None:
        return None
    if source.table.n_rows is None or source.table.location is None:
        return None
    n_rows = max(0, source.table.n_rows - (node.offset or 0))
    return min([n_rows, *(most for most in (body.top, node.limit) if most is not None)])
