"""Which constructs of the language a query uses, read off its resolved tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql import tree
from vo_server.adql.walk import preorder
from vo_server.sky.stcs import read_region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.adql.resolved import ResolvedQuery

__all__ = ["constructs"]


def constructs(query: ResolvedQuery) -> set[str]:
    """Return the names of what occurs in a query: signatures of functions, features, clauses, forms."""
    found = {function.signature for function in query.functions.values()}
    for node in preorder(query.tree):
        found.update(_names(node))
    return found


def _names(node: tree.Node) -> Iterator[str]:
    if isinstance(node, tree.SetOperation):
        for operator, keeps_all in node.operators:
            yield f"{operator.value.upper()} ALL" if keeps_all else operator.value.upper()
    elif isinstance(node, tree.Arithmetic):
        yield from (f"arithmetic {operator}" for operator in node.operators)
    elif isinstance(node, tree.QueryNode):
        yield from _clauses(node)
    elif isinstance(node, tree.Select):
        yield from (name for name, part in _parts(node) if part)
    elif not isinstance(node, tree.Identifier | tree.SelectItem | tree.TypeName):
        yield _name(node)


def _name(node: tree.Node) -> str:
    if isinstance(node, tree.Call) and node.name == "REGION" and isinstance(node.arguments[0], tree.StringLiteral):
        return f"REGION {read_region(node.arguments[0].value).kind}"
    if isinstance(node, tree.Aggregate):
        return f"{node.name}(DISTINCT)" if node.is_distinct else f"{node.name}()"
    if isinstance(node, tree.Cast):
        return f"CAST AS {node.target.name}"
    if isinstance(node, tree.Like):
        return "ILIKE" if node.ignores_case else "LIKE"
    if isinstance(node, tree.Join):
        return f"{'' if node.condition is not None else 'NATURAL or USING '}{node.kind.value} JOIN"
    if isinstance(node, tree.Comparison):
        return f"comparison {node.operator}"
    return type(node).__name__


def _clauses(node: tree.QueryNode) -> Iterator[str]:
    if node.ctes:
        yield "WITH"
    if node.order_by:
        yield "ORDER BY"
    if node.offset is not None:
        yield "OFFSET"


def _parts(node: tree.Select) -> tuple[tuple[str, object], ...]:
    return (
        ("DISTINCT", node.is_distinct), ("TOP", node.top is not None), ("GROUP BY", node.group_by),
        ("HAVING", node.having is not None), ("comma join", len(node.tables) > 1),
    )  # fmt: skip
