"""What ADQL 2.1 added to ADQL 2.0: refused where ADQL 2.0 is asked for strictly, noted otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vo_server.adql import tree
from vo_server.adql.walk import preorder
from vo_server.errors import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["notes_on_20"]

_FUNCTIONS: Final = frozenset({"LOWER", "UPPER", "COALESCE", "IN_UNIT"})
_SHAPES: Final = {"POINT": 2, "CIRCLE": 3, "BOX": 4}
"""Numbers that each shape takes."""

_FOUR: Final = 4
_HINT: Final = "ask for LANG=ADQL-2.1"


def notes_on_20(query: tree.QueryNode, text: str) -> Iterator[Problem]:
    """Yield a note of kind ``nonstandard`` for everything in a tree that ADQL 2.0 does not have and 2.1 has."""
    for node in preorder(query):
        rule = _RULES.get(type(node))
        for what, place, hint in () if rule is None else rule(node):
            written = text[place.span.start : place.span.end][:80]
            hint_text = hint.replace("{}", written)
            yield Problem(ProblemKind.NONSTANDARD, f"{what} is not part of ADQL 2.0", place.span, written, hint_text)


_Found = tuple[str, tree.Node, str]


def _query(node: tree.QueryNode) -> Iterator[_Found]:
    if node.ctes:
        yield "WITH", node.ctes[0], _HINT
    if node.offset is not None:
        yield "OFFSET", node, _HINT
    for term in node.order_by:
        value = term.value
        if isinstance(value, tree.ColumnName):
            if value.qualifier:
                yield "a qualified name in ORDER BY", value, f"write the name of an output column, or {_HINT}"
        elif not isinstance(value, tree.NumberLiteral):
            yield "an expression in ORDER BY", value, f"select {{}} under a name and order by it, or {_HINT}"


def _select(node: tree.Select) -> Iterator[_Found]:
    for term in node.group_by:
        if not isinstance(term, tree.ColumnName):
            yield "an expression in GROUP BY", term, f"select {{}} in a subquery in FROM, or {_HINT}"


def _set_operation(node: tree.SetOperation) -> Iterator[_Found]:
    yield node.operators[0][0].value, node, _HINT


def _cast(node: tree.Cast) -> Iterator[_Found]:
    yield "CAST", node, _HINT


def _like(node: tree.Like) -> Iterator[_Found]:
    if node.ignores_case:
        yield "ILIKE", node, _HINT


def _call(node: tree.Call) -> Iterator[_Found]:
    name, arguments = node.name.upper(), node.arguments
    if name in _FUNCTIONS:
        yield name, node, _HINT
    elif name == "DISTANCE" and len(arguments) == _FOUR:
        yield "DISTANCE of four numbers", node, f"write DISTANCE(POINT('ICRS', ...), POINT('ICRS', ...)), or {_HINT}"
    elif name in _SHAPES or name == "POLYGON":
        yield from _shape(node, name)


def _shape(node: tree.Call, name: str) -> Iterator[_Found]:
    arguments = node.arguments
    has_system = bool(arguments) and isinstance(arguments[0], tree.StringLiteral)
    numbers = arguments[has_system:]
    is_point = any(isinstance(one, tree.Call) and one.name.upper() in {"POINT", "CENTROID"} for one in numbers)
    if is_point or len(numbers) == _SHAPES.get(name, 0) - 1:
        yield f"a point inside {name}", node, f"write its coordinates as numbers, or {_HINT}"
    elif not has_system:
        yield f"{name} without a coordinate system", node, f"write {name}('ICRS', ...), or {_HINT}"


_RULES: Final[dict[type[tree.Node], Callable[[Any], Iterator[_Found]]]] = {
    tree.QueryNode: _query,
    tree.Select: _select,
    tree.SetOperation: _set_operation,
    tree.Cast: _cast,
    tree.Like: _like,
    tree.Call: _call,
}
