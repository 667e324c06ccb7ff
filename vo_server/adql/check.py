"""Checks of a whole tree that need no names: limits that tokens do not show, and what excludes what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql import tree
from vo_server.adql.limits import MAX_JOINS, limit_problem
from vo_server.adql.walk import preorder
from vo_server.errors import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["tree_problems"]


def tree_problems(query: tree.QueryNode) -> Iterator[Problem]:
    """Yield what is wrong with a tree whatever its names mean."""
    n_joins = 0
    for node in preorder(query):
        if isinstance(node, tree.Select):
            n_joins += len(node.tables) - 1
        elif isinstance(node, tree.Joined):
            n_joins += len(node.joins)
        elif isinstance(node, tree.QueryNode):
            yield from _double_limit(node)
    if n_joins > MAX_JOINS:
        yield limit_problem("joins", MAX_JOINS, query.span)


def _double_limit(node: tree.QueryNode) -> Iterator[Problem]:
    if node.limit is not None and isinstance(node.body, tree.Select) and node.body.top is not None:
        yield Problem(
            ProblemKind.SYNTAX, "TOP and LIMIT in one query", node.span, "LIMIT", "write SELECT TOP n ... alone"
        )
