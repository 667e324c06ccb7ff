"""How many rows an answer has, as far as the form of its query tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.tree import Aggregate, Select, SelectItem, SetOperation
from vo_server.adql.walk import preorder

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery

__all__ = ["has_groups", "is_one_row", "within_own_limits"]


def within_own_limits(query: ResolvedQuery, n_rows: float) -> float:
    """Return how many of some rows are left after the query's own TOP and OFFSET."""
    node = query.tree
    tops = (node.body.top if isinstance(node.body, Select) else None, node.limit)
    left = max(0.0, n_rows - (node.offset or 0))
    return min([left, *(float(most) for most in tops if most is not None)])


def is_one_row(query: ResolvedQuery) -> bool:
    """Tell whether all rows are made into one: aggregates without GROUP BY."""
    body = query.tree.body
    if not isinstance(body, Select) or body.group_by or body.having is not None:
        return False
    items = [item.value for item in body.items if isinstance(item, SelectItem)]
    return any(isinstance(part, Aggregate) for item in items for part in preorder(item))


def has_groups(query: ResolvedQuery) -> bool:
    """Tell whether rows are made into fewer somewhere in a query: then half of the rows may give more than half."""
    for node in preorder(query.tree):
        if isinstance(node, Aggregate | SetOperation):
            return True
        if isinstance(node, Select) and (node.is_distinct or node.group_by):
            return True
    return False
