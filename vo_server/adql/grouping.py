"""Groups: where set functions may stand, and which columns a grouped query may show."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeGuard

from vo_server.adql import functions, tree
from vo_server.adql.resolved import BoundColumn, MergedColumn, OutputColumn
from vo_server.adql.tree import Node, children
from vo_server.adql.walk import postorder
from vo_server.errors import ProblemKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from vo_server.adql.scope import Scope
    from vo_server.adql.state import Resolution

__all__ = ["Fingerprints", "aggregates", "check_grouped", "check_no_aggregates", "is_set_function"]


def is_set_function(node: Node) -> TypeGuard[tree.Aggregate | tree.Call]:
    """Tell whether a node is a set function: one of the five of the grammar, or a call of another one."""
    if isinstance(node, tree.Call):
        return any(one.is_aggregate for one in functions.find(node.name))
    return isinstance(node, tree.Aggregate)


def aggregates(root: Node) -> Iterator[tuple[tree.Aggregate | tree.Call, bool]]:
    """Yield the set functions of an expression, subqueries left out, and whether each lies inside another one."""
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, is_inside = stack.pop()
        if isinstance(node, tree.QueryNode):
            continue
        if is_set_function(node):
            yield node, is_inside
            is_inside = True
        stack.extend((child, is_inside) for child in reversed(list(children(node))))


def check_no_aggregates(state: Resolution, root: Node, place: str) -> None:
    """Report set functions where rows are not grouped yet."""
    for node, _ in aggregates(root):
        hint = "put the condition into HAVING" if place == "WHERE" else None
        state.report(ProblemKind.TYPE, f"{node.name.upper()} cannot stand in {place}", node, hint=hint)


class Fingerprints:
    """Numbers for expressions: two expressions of the same meaning have the same one."""

    def __init__(self, state: Resolution) -> None:
        self._state = state
        self._numbers: dict[Hashable, int] = {}
        self._by_node: dict[Node, int] = {}

    def of(self, root: Node) -> int:
        """Return the number of an expression."""
        for node in postorder(root):
            if node in self._by_node:
                continue
            if isinstance(node, tree.Parenthesised):
                self._by_node[node] = self._by_node[node.inner]
            elif (behind := self._behind(node)) is not None:
                self._by_node[node] = self.of_value(behind)
            else:
                self._by_node[node] = self._numbers.setdefault(self._key(node), len(self._numbers))
        return self._by_node[root]

    def of_meaning(self, meaning: BoundColumn | MergedColumn) -> int:
        """Return the number of a column."""
        return self._numbers.setdefault(_meaning_key(meaning), len(self._numbers))

    def of_value(self, output: OutputColumn) -> int:
        """Return the number of what an output column shows."""
        return self.of(output.value) if isinstance(output.value, tree.Expression) else self.of_meaning(output.value)

    def _behind(self, node: Node) -> OutputColumn | None:
        """Return the output column that a name means."""
        meaning = self._state.names.get(node) if isinstance(node, tree.ColumnName) else None
        return meaning if isinstance(meaning, OutputColumn) else None

    def _key(self, node: Node) -> Hashable:
        if isinstance(node, tree.ColumnName):
            meaning = self._state.names.get(node)
            if isinstance(meaning, BoundColumn | MergedColumn):
                return _meaning_key(meaning)
            return ("name", *(part.name.lower() for part in node.parts))
        if isinstance(node, tree.ScalarQuery | tree.InQuery | tree.Exists):
            return ("subquery", id(node))
        if isinstance(node, tree.Identifier):
            return ("identifier", node.name.lower())
        inside = tuple(self._by_node.get(child, -1) for child in children(node))
        return (type(node).__name__, inside, *_attributes(node))


def _attributes(node: Node) -> Iterator[Hashable]:
    """Yield what a node says beside its parts: operators, texts, names without case."""
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name == "name" and isinstance(value, str):
            yield value.upper()
        elif isinstance(value, str | int | bool) or (isinstance(value, tuple) and value and isinstance(value[0], str)):
            yield value


def _meaning_key(meaning: BoundColumn | MergedColumn) -> Hashable:
    parts = meaning.parts if isinstance(meaning, MergedColumn) else (meaning,)
    return ("column", *((id(part.source), part.column.name) for part in parts))


def check_grouped(
    state: Resolution, node: tree.Select, scope: Scope, fingerprints: Fingerprints, more: Sequence[tree.Expression]
) -> None:
    """Report columns that have no single value in a group: neither grouped by nor inside a set function.

    Parameters
    ----------
    more
        Expressions of ORDER BY, which belong to the groups as well.
    """
    grouped = {fingerprints.of(one) for one in node.group_by}
    own = {id(source) for relation in scope.shape.relations for source in relation.entries.sources}
    checker = _GroupChecker(state, fingerprints, grouped, own, has_groups=bool(node.group_by))
    for item in node.items:
        if isinstance(item, tree.Star):
            checker.check_star(item, scope)
        else:
            assert isinstance(item, tree.SelectItem)
            checker.check(item.value)
    if node.having is not None:
        checker.check(node.having)
    for one in more:
        checker.check(one)


class _GroupChecker:
    def __init__(
        self, state: Resolution, fingerprints: Fingerprints, grouped: set[int], own: set[int], *, has_groups: bool
    ) -> None:
        self._state = state
        self._fingerprints = fingerprints
        self._grouped = grouped
        self._own = own
        self._has_groups = has_groups

    def check(self, root: Node) -> None:
        stack: list[Node] = [root]
        while stack:
            node = stack.pop()
            if is_set_function(node):
                continue
            if isinstance(node, tree.Expression) and self._is_grouped(node):
                continue
            if isinstance(node, tree.ColumnName):
                self._check_column(node)
                continue
            stack.extend(reversed(list(children(node))))

    def _is_grouped(self, node: tree.Expression) -> bool:
        return self._fingerprints.of(node) in self._grouped

    def _check_column(self, node: tree.ColumnName) -> None:
        meaning = self._state.names.get(node)
        if not isinstance(meaning, BoundColumn | MergedColumn):
            return
        parts = meaning.parts if isinstance(meaning, MergedColumn) else (meaning,)
        if all(id(part.source) in self._own for part in parts):
            self._report(node, node.name.name)

    def check_star(self, item: tree.Star, scope: Scope) -> None:
        for entry in scope.shape.entries:
            if self._fingerprints.of_meaning(entry.meaning) not in self._grouped:
                self._report(item, entry.name)
                return

    def _report(self, node: Node, name: str) -> None:
        what = "is neither in GROUP BY nor inside a set function"
        if not self._has_groups:
            what = "stands beside a set function, but the query has no GROUP BY"
        hint = f"add {name} to GROUP BY, or use MIN({name}) or another set function"
        self._state.report(ProblemKind.TYPE, f"the column {name} {what}", node, hint=hint)
