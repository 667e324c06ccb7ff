"""What published queries use and the standard does not have, each with the note it adds to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vo_server.adql import tree
from vo_server.adql.walk import preorder
from vo_server.errors import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vo_server.errors import Span

__all__ = ["lenient_notes"]


def lenient_notes(query: tree.QueryNode, text: str) -> Iterator[Problem]:
    """Yield a note of kind ``nonstandard`` for everything in a tree that ADQL 2.1 does not have."""
    inner = {id(node) for node in _inner_queries(query)}
    for node in preorder(query):
        found = _RULES.get(type(node))
        if found is not None:
            yield from found(node, text)
        if isinstance(node, tree.QueryNode) and node.ctes and id(node) in inner:
            yield _note("WITH inside a subquery", node.ctes[0].span, text, "put WITH before the whole query")


def _inner_queries(query: tree.QueryNode) -> Iterator[tree.QueryNode]:
    return (node for node in preorder(query) if isinstance(node, tree.QueryNode) and node is not query)


def _note(what: str, span: Span, text: str, hint: str) -> Problem:
    return Problem(ProblemKind.NONSTANDARD, f"{what} is not part of ADQL", span, text[span.start : span.end][:80], hint)


def _subscript(node: tree.Subscript, text: str) -> Iterator[Problem]:
    yield _note("an element of an array", node.span, text, "the standard has no form for it")


def _case(node: tree.Case, text: str) -> Iterator[Problem]:
    yield _note("CASE", node.span, text, "select the rows of each case and join them with UNION ALL")


def _scalar_query(node: tree.ScalarQuery, text: str) -> Iterator[Problem]:
    yield _note("a subquery that stands for a value", node.span, text, "join with the subquery in FROM")


def _boolean(node: tree.BooleanLiteral, text: str) -> Iterator[Problem]:
    yield _note(text[node.span.start : node.span.end].upper(), node.span, text, f"write {int(node.value)}")


def _bare(node: tree.BareCondition, text: str) -> Iterator[Problem]:
    written = text[node.span.start : node.span.end]
    yield _note("a value as a condition", node.span, text, f"write 1={written[:60]}")


def _arithmetic(node: tree.Arithmetic, text: str) -> Iterator[Problem]:
    if "%" in node.operators:
        yield _note("the operator %", node.span, text, "write MOD(x, y)")


def _is_null(node: tree.IsNull, text: str) -> Iterator[Problem]:
    if not isinstance(node.operand, tree.ColumnName):
        yield _note("IS NULL of anything but a column", node.span, text, "select the value in a subquery in FROM")


def _join(node: tree.Join, text: str) -> Iterator[Problem]:
    if node.kind is tree.JoinKind.CROSS:
        yield _note("CROSS JOIN", node.span, text, "write a comma")


def _select(node: tree.Select, text: str) -> Iterator[Problem]:
    stars = [item for item in node.items if isinstance(item, tree.Star) and not item.qualifier]
    if stars and len(node.items) > 1:
        yield _note("* beside other columns", stars[0].span, text, "write the name of the table before it: t.*")


_RULES: Final[dict[type[tree.Node], Callable[[Any, str], Iterator[Problem]]]] = {
    tree.Subscript: _subscript,
    tree.Case: _case,
    tree.ScalarQuery: _scalar_query,
    tree.BooleanLiteral: _boolean,
    tree.BareCondition: _bare,
    tree.Arithmetic: _arithmetic,
    tree.IsNull: _is_null,
    tree.Join: _join,
    tree.Select: _select,
}
