"""ORDER BY: output names, positions, columns and expressions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.adql import tree
from vo_server.adql.annotate import annotate
from vo_server.adql.grouping import Fingerprints
from vo_server.adql.marks import describe, kind_of
from vo_server.adql.names import matches
from vo_server.adql.resolved import BoundColumn, MergedColumn, OutputColumn
from vo_server.adql.scope import Scope
from vo_server.errors import ProblemKind
from vo_server.model.datatype import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.adql.annotate import SubqueryResolver
    from vo_server.adql.output import Candidate
    from vo_server.adql.state import Resolution
    from vo_server.adql.walk import Task

__all__ = ["resolve_order"]


def resolve_order(
    state: Resolution,
    terms: Sequence[tree.OrderTerm],
    outputs: Sequence[Candidate],
    scope: Scope | None,
    subqueries: SubqueryResolver,
    *,
    body: tree.Select | None = None,
    is_open: bool = False,
) -> Task[list[tree.Expression]]:
    """Resolve the terms of ORDER BY.

    Parameters
    ----------
    outputs
        Output columns, with the names they had before names were made unique.
    scope
        Names of the query block; None for a set operation, which has output columns only.
    body
        The query block.
    is_open
        True when the output columns are not all known.

    Returns
    -------
    list of Expression
        Terms that are not output columns and are calculated from the rows (or groups) of the block.
    """
    extra: list[tree.Expression] = []
    for term in terms:
        value = term.value
        if isinstance(value, tree.NumberLiteral):
            _position(state, value, outputs, is_open=is_open)
        elif _output_name(state, value, outputs):
            pass
        elif scope is None and isinstance(value, tree.ColumnName):
            if not is_open:
                _report_not_output(state, value, outputs)
        else:
            around = Scope(outputs=tuple(outputs)) if scope is None else replace(scope, outputs=tuple(outputs))
            yield annotate(state, value, around, subqueries)
            _check_sortable(state, value)
            extra.append(value)
            if body is not None and body.is_distinct and not is_open:
                _check_selected(state, value, outputs)
    return extra


def _position(state: Resolution, value: tree.NumberLiteral, outputs: Sequence[Candidate], *, is_open: bool) -> None:
    if not value.is_integer:
        state.report(ProblemKind.TYPE, "a position in ORDER BY is an integer", value)
    elif 1 <= int(value.text[:9]) <= len(outputs):
        _, output = outputs[int(value.text) - 1]
        state.names[value] = output
        state.values[value] = output.column
    elif not (is_open or state.is_open):
        message = f"there is no output column {value.text}: the query has {len(outputs)}"
        hint = "positions count the output columns from 1; a name or an expression will do as well"
        state.report(ProblemKind.UNKNOWN, message, value, hint=hint)


def _output_name(state: Resolution, value: tree.Expression, outputs: Sequence[Candidate]) -> bool:
    """Find the output column that a name means; a name that two of them have must mean the same column."""
    if not isinstance(value, tree.ColumnName) or value.qualifier:
        return False
    found = [one for name, one in outputs if matches(value.name, name)]
    found = found or [one for _, one in outputs if matches(value.name, one.column.name)]
    if not found:
        return False
    if len({_identity(state, one) for one in found}) > 1:
        state.report(
            ProblemKind.AMBIGUOUS, f"two output columns are called {value.name.name}", value,
            hint="name them with AS, or write the table before the name",
        )  # fmt: skip
    state.names[value] = found[0]
    state.values[value] = found[0].column
    _check_sortable(state, value)
    return True


def _identity(state: Resolution, output: OutputColumn) -> object:
    """Return something that is equal for output columns of the same value."""
    value = output.value
    meaning = state.names.get(value) if isinstance(value, tree.ColumnName) else value
    if isinstance(meaning, BoundColumn):
        return id(meaning.source), meaning.column.name
    if isinstance(meaning, MergedColumn):
        return tuple((id(part.source), part.column.name) for part in meaning.parts)
    return id(output)


def _report_not_output(state: Resolution, value: tree.ColumnName, outputs: Sequence[Candidate]) -> None:
    hint = "name the column in the first SELECT, or order by its position"
    hint = state.guess(value.name.name, [name for name, _ in outputs]) or hint
    message = "ORDER BY after a set operation takes names and positions of output columns"
    state.report(ProblemKind.UNKNOWN, message, value, hint=hint)


def _check_sortable(state: Resolution, value: tree.Expression) -> None:
    column = state.value(value)
    if kind_of(column) in {Kind.GEOMETRY, Kind.ARRAY}:
        state.report(ProblemKind.TYPE, f"rows cannot be ordered by {describe(column)}", value)


def _check_selected(state: Resolution, value: tree.Expression, outputs: Sequence[Candidate]) -> None:
    """Report a term of SELECT DISTINCT ... ORDER BY that is not in the select list."""
    fingerprints = Fingerprints(state)
    shown = {fingerprints.of_value(one) for _, one in outputs}
    if fingerprints.of(value) not in shown:
        state.report(
            ProblemKind.TYPE, "with SELECT DISTINCT, rows can be ordered by selected columns only", value,
            hint="add it to the select list",
        )  # fmt: skip
