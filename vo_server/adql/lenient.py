"""What published queries use and the standard does not have, each with the note it adds to the answer.

The hint of a note is the standard form, written out for exactly this query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vo_server.adql import tree
from vo_server.adql.q3c import Q3C_NAMES
from vo_server.adql.walk import preorder
from vo_server.errors import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vo_server.errors import Span

__all__ = ["lenient_notes"]

MAX_FORM: Final = 400
"""Characters of a part of the query that is repeated in a hint."""


def lenient_notes(query: tree.QueryNode, text: str) -> Iterator[Problem]:
    """Yield a note of kind ``nonstandard`` for everything in a tree that ADQL 2.1 does not have."""
    for node in preorder(query):
        found = _RULES.get(type(node))
        if found is not None:
            yield from found(node, text)
        if isinstance(node, tree.QueryNode) and node.ctes and node is not query:
            written = ", ".join(_form(one, text) for one in node.ctes)
            yield _note("WITH inside a subquery", node.ctes[0].span, text, f"begin the whole query by WITH {written}")


def _note(what: str, span: Span, text: str, hint: str) -> Problem:
    return Problem(ProblemKind.NONSTANDARD, f"{what} is not part of ADQL", span, text[span.start : span.end][:80], hint)


def _form(node: tree.Node, text: str) -> str:
    """Return how something is written, on one line."""
    written = " ".join(text[node.span.start : min(node.span.end, node.span.start + 4 * MAX_FORM)].split())
    return written if len(written) <= MAX_FORM else f"{written[:MAX_FORM]}..."


def _operand(node: tree.Expression, text: str) -> str:
    """Return how a value is written, in parentheses where it is a sum of others."""
    return f"({_form(node, text)})" if isinstance(node, tree.Arithmetic | tree.Concatenation) else _form(node, text)


# ----------------------------------------------------------------------------------------------------- values


def _subscript(node: tree.Subscript, text: str) -> Iterator[Problem]:
    array = _form(node.array, text)
    yield _note("an element of an array", node.span, text, f"write {array}, and take the element from the answer")


def _case(node: tree.Case, text: str) -> Iterator[Problem]:
    hint = _as_coalesce(node, text)
    if hint is None:
        tests = [_test(node, test, text) for test, _ in node.whens]
        values = [_form(value, text) for _, value in node.whens]
        parts = [f"SELECT {value} ... WHERE {test}" for value, test in zip(values, tests, strict=True)]
        others = "NULL" if node.default is None else _form(node.default, text)
        hint = f"write {' UNION ALL '.join(parts)} UNION ALL SELECT {others} ... for the other rows"
    yield _note("CASE", node.span, text, hint)


def _test(node: tree.Case, test: tree.Node, text: str) -> str:
    return _form(test, text) if node.operand is None else f"{_operand(node.operand, text)} = {_form(test, text)}"


def _as_coalesce(node: tree.Case, text: str) -> str | None:
    """Return COALESCE for ``CASE WHEN x IS NULL THEN y ELSE x END`` and for its reverse."""
    (test, value), *others = node.whens
    if others or node.default is None or not isinstance(test, tree.IsNull):
        return None
    kept, other = (value, node.default) if test.is_negated else (node.default, value)
    operand = _form(test.operand, text)
    return f"write COALESCE({operand}, {_form(other, text)})" if _form(kept, text) == operand else None


def _scalar_query(node: tree.ScalarQuery, text: str) -> Iterator[Problem]:
    body = node.query.body
    item = body.items[0] if isinstance(body, tree.Select) else None
    name = item.alias.name if isinstance(item, tree.SelectItem) and item.alias is not None else None
    shown = _form(node.query, text)
    if name is None and isinstance(item, tree.SelectItem):
        name, value = "x", _form(item, text)
        shown = shown.replace(value, f"{value} AS x", 1)
    yield _note(
        "a subquery that stands for a value", node.span, text, f"add ({shown}) AS q to FROM, and write q.{name} here"
    )


def _boolean(node: tree.BooleanLiteral, text: str) -> Iterator[Problem]:
    yield _note(_form(node, text).upper(), node.span, text, f"write {int(node.value)}")


def _arithmetic(node: tree.Arithmetic, text: str) -> Iterator[Problem]:
    if "%" in node.operators:
        yield _note("the operator %", node.span, text, f"write {_with_mod(node, text)}")


def _with_mod(node: tree.Arithmetic, text: str) -> str:
    written = _form(node.operands[0], text)
    for operator, operand in zip(node.operators, node.operands[1:], strict=True):
        right = _form(operand, text)
        written = f"MOD({written}, {right})" if operator == "%" else f"{written} {operator} {right}"
        if len(written) > MAX_FORM:
            return "MOD(x, y) for x % y"
    return written


# ------------------------------------------------------------------------------------------------- conditions


def _bare(node: tree.BareCondition, text: str) -> Iterator[Problem]:
    yield _note("a value as a condition", node.span, text, f"write 1={_operand(node.value, text)}")


def _comparison(node: tree.Comparison, text: str) -> Iterator[Problem]:
    call = node.left
    if not isinstance(call, tree.Call):
        return
    name = text[call.name_span.start : call.name_span.end]
    if name.lower() in Q3C_NAMES:
        places = ", ".join(_form(one, text) for one in call.arguments)
        yield _note(name, node.span, text, f"write DISTANCE({places}) < {_form(node.right, text)}")


def _is_null(node: tree.IsNull, text: str) -> Iterator[Problem]:
    if not isinstance(node.operand, tree.ColumnName):
        value, negation = _form(node.operand, text), "NOT " if node.is_negated else ""
        hint = f"select {value} AS x in a subquery in FROM, and write x IS {negation}NULL outside"
        yield _note("IS NULL of anything but a column", node.span, text, hint)


# --------------------------------------------------------------------------------------------------- queries


def _joined(node: tree.Joined, text: str) -> Iterator[Problem]:
    for join in node.joins:
        if join.kind is tree.JoinKind.CROSS:
            hint = f"write JOIN {_form(join.right, text)} ON 1=1"
            if len(node.joins) == 1 and text[node.span.start] != "(":
                hint = f"write {_form(node.first, text)}, {_form(join.right, text)}"
            yield _note("CROSS JOIN", join.span, text, hint)


def _select(node: tree.Select, text: str) -> Iterator[Problem]:
    stars = [item for item in node.items if isinstance(item, tree.Star) and not item.qualifier]
    if stars and len(node.items) > 1:
        every = ", ".join(f"{name}.*" for name in _names(node.tables, text))
        items = [every if item in stars else _form(item, text) for item in node.items]
        yield _note("* beside other columns", stars[0].span, text, f"write SELECT {_shortened(items)}")


def _names(tables: Sequence[tree.TableReference], text: str) -> Iterator[str]:
    """Yield what the tables of FROM are called."""
    waiting = list(reversed(tables))
    while waiting:
        table = waiting.pop()
        alias: tree.Identifier | None = getattr(table, "alias", None)
        if alias is not None:
            yield _form(alias, text)
        elif isinstance(table, tree.Joined):
            waiting += [*(join.right for join in reversed(table.joins)), table.first]
        elif isinstance(table, tree.TableName):
            yield ".".join(_form(part, text) for part in table.parts)


def _shortened(items: Sequence[str]) -> str:
    written = ", ".join(items)
    return written if len(written) <= MAX_FORM else f"{written[:MAX_FORM]}..."


def _limit(node: tree.QueryNode, text: str) -> Iterator[Problem]:
    if node.limit is None or node.limit_span is None:
        return
    body = node.body
    if isinstance(body, tree.Select):
        items = _shortened([_form(item, text) for item in body.items])
        hint = f"write SELECT {'DISTINCT ' if body.is_distinct else ''}TOP {node.limit} {items} ..."
    else:
        hint = f"write SELECT TOP {node.limit} * FROM ({_form(body, text)}) AS q"
    yield _note("LIMIT", node.limit_span, text, hint)


_RULES: Final[dict[type[tree.Node], Callable[[Any, str], Iterator[Problem]]]] = {
    tree.Subscript: _subscript,
    tree.Case: _case,
    tree.ScalarQuery: _scalar_query,
    tree.BooleanLiteral: _boolean,
    tree.BareCondition: _bare,
    tree.Comparison: _comparison,
    tree.Arithmetic: _arithmetic,
    tree.IsNull: _is_null,
    tree.Joined: _joined,
    tree.Select: _select,
    tree.QueryNode: _limit,
}
