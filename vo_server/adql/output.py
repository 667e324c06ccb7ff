"""The output columns of a query block: stars expanded, names found, made and kept apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.adql import tree
from vo_server.adql.limits import MAX_ALL_COLUMNS, MAX_COLUMNS, limit_problem
from vo_server.adql.lookup import find_relations, report_unknown_relation
from vo_server.adql.names import unique_names
from vo_server.adql.resolved import OutputColumn
from vo_server.errors import AdqlError, ProblemKind
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.adql.scope import Entry, Scope
    from vo_server.adql.state import Resolution

__all__ = ["Candidate", "output_columns"]

MAX_DESCRIPTION: Final = 200

Candidate = tuple[str, OutputColumn]
"""The name an output column has before names are made unique, and the column."""


def output_columns(state: Resolution, node: tree.Select, scope: Scope) -> list[Candidate]:
    """Return the output columns of a query block whose expressions are annotated."""
    outputs: list[tuple[str, Column, object]] = []
    for item in node.items:
        if isinstance(item, tree.Star):
            entries = _star_entries(state, node, item, scope)
            outputs.extend((entry.name, entry.meaning.column, entry.meaning) for entry in entries)
        else:
            assert isinstance(item, tree.SelectItem)
            column = state.value(item.value)
            name = _name(state, item, len(outputs) + 1)
            if not isinstance(item.value, tree.ColumnName) and column.description is None:
                column = replace(column, description=_described(state, item.value))
            outputs.append((name, column, item.value))
        if len(outputs) > MAX_COLUMNS:
            raise AdqlError([limit_problem("output columns", MAX_COLUMNS, node.span)])
    state.n_columns += len(outputs)
    if state.n_columns > MAX_ALL_COLUMNS:
        raise AdqlError([limit_problem("output columns of all subqueries", MAX_ALL_COLUMNS, node.span)])
    wanted = [name for name, _, _ in outputs]
    result = []
    for unique, (name, column, value) in zip(unique_names(wanted, ignores_case=False), outputs, strict=True):
        named = column if column.name == unique else replace(column, name=unique)
        result.append((name, OutputColumn(named, value)))  # type: ignore[arg-type] # one of the three
        if unique != name:
            _note_renamed(state, node, name, unique)
    return result


def _note_renamed(state: Resolution, node: tree.Select, name: str, unique: str) -> None:
    state.note(
        f"two output columns are called {name}; the later one is {unique}",
        node.items[0],
        hint="name the columns with AS",
        kind=ProblemKind.AMBIGUOUS,
    )


def _star_entries(state: Resolution, node: tree.Select, item: tree.Star, scope: Scope) -> tuple[Entry, ...]:
    if not item.qualifier:
        if scope.shape.is_open:
            state.open_selects.add(node)
        return tuple(scope.shape.entries)
    relations = find_relations(scope, item.qualifier)
    if not relations:
        report_unknown_relation(state, item, scope)
    if not relations or any(relation.is_open for relation in relations):
        state.open_selects.add(node)
    return tuple(entry for relation in relations for entry in relation.entries)


def _name(state: Resolution, item: tree.SelectItem, position: int) -> str:
    """Return the alias, the name of the column, or a name made from the expression."""
    if item.alias is not None:
        return item.alias.name
    value = item.value
    while isinstance(value, tree.Parenthesised):
        value = value.inner
    if isinstance(value, tree.ColumnName):
        meaning = state.names.get(value)
        return value.name.name if meaning is None else _called(meaning.column, value.name.name)
    if isinstance(value, tree.Aggregate):
        if value.argument is None:
            return "count_all"
        if isinstance(value.argument, tree.ColumnName):
            return f"{value.name.lower()}_{_regular(value.argument.name.name)}"
        return f"{value.name.lower()}_{position}"
    return f"col_{position}"


def _called(column: Column, written: str) -> str:
    """Return the name of a column as it is published; the other one where the query asks for it by that."""
    folded = written.lower()
    if folded == column.name.lower():
        return column.name
    return next((alias for alias in column.aliases if alias.lower() == folded), column.name)


def _regular(name: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in name)


def _described(state: Resolution, value: tree.Expression) -> str | None:
    text = " ".join(state.source_text(value).split())
    return text if 0 < len(text) <= MAX_DESCRIPTION else None
