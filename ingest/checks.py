"""The checks that a schema file declares: compiled, held against the language, and chosen by the operator."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.errors import AdqlError, SchemaFileError
from vo_server.load.release_checks import count_of, degrees_check
from vo_server.load.staged import from_clause
from vo_server.model.check import Action, Check, CheckKind
from vo_server.model.table import Catalogue, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.notes import CheckNotes
    from vo_server.load.description import Description

__all__ = ["CheckMode", "check_conditions", "chosen_checks", "compile_checks"]

_OURS: Final = degrees_check().name


class CheckMode(StrEnum):
    """What an operator wants of the checks of a load."""

    AS_DESCRIBED = "described"
    """As the schema file says."""
    WARN = "warn"
    """None refuses the load."""
    SKIP = "skip"
    """None is made; the primary key is checked all the same."""


class _MakeError(Protocol):
    def __call__(self, message: str, column: str | None = None) -> SchemaFileError: ...


def compile_checks(notes: Sequence[CheckNotes], table: Table, error: _MakeError) -> tuple[Check, ...]:
    """Compile the checks of a table.

    Parameters
    ----------
    notes
        What the schema file says.
    table
        The table.
    error
        Makes an error with its place in the file.

    Raises
    ------
    SchemaFileError
        If two have one name, or one names a column that is not described.
    """
    found: dict[str, Check] = {}
    for one in notes:
        if one.name in found or one.name == _OURS:
            raise error(f"there are two checks {one.name}")
        for name in one.unique:
            if name not in table.by_name:
                raise error(f"the check {one.name} names the column {name!r}, which is not described")
        found[one.name] = _compiled(one, table)
    return tuple(found.values())


def _compiled(one: CheckNotes, table: Table) -> Check:
    kind = CheckKind.HOLDS if one.holds is not None else CheckKind.UNIQUE if one.unique else CheckKind.N_ROWS
    return Check(
        one.name,
        kind,
        action=one.action,
        description=one.description,
        holds=" ".join((one.holds or "").split()),
        is_null_bad=one.null == "bad",
        columns=one.unique or _naming(table),
        n_rows=one.n_rows or 0,
        tolerated_rows=one.tolerated_rows,
        tolerated_fraction=one.tolerated_fraction,
    )


def _naming(table: Table) -> tuple[str, ...]:
    """Return the columns that tell a row from others in a message: the primary key, else identifiers."""
    names = [column.name for column in table.visible_columns if (column.ucd or "").startswith("meta.id;meta.main")]
    return table.primary_key or tuple(names[:1])


def check_conditions(checks: Sequence[Check], table: Table, *, file: str) -> None:
    """Hold the conditions against the language and the columns of the table, before anything is loaded.

    Raises
    ------
    SchemaFileError
        If one is not a condition on the columns of the table.
    """
    conditions = [check for check in checks if check.kind is CheckKind.HOLDS]
    if not conditions:
        return
    from vo_server.adql.front import compile_query  # noqa: PLC0415 - only tables with conditions pay for the grammar

    catalogue = Catalogue((Schema(table.schema, (table,)),))
    for check in conditions:
        try:
            compile_query(f"SELECT {count_of(check)} AS n {from_clause(table)}", catalogue)
        except AdqlError as error:
            problem = error.problems[0]
            told = problem.message if problem.hint is None else f"{problem.message} ({problem.hint})"
            where = f"table {table.name}, check {check.name}"
            raise SchemaFileError(f"{check.holds!r} is not a condition: {told}", file=file, where=where) from error


def chosen_checks(described: Description, mode: CheckMode, *, is_full: bool) -> Description:
    """Return a description with the checks that a load makes, that of the positions among them.

    Parameters
    ----------
    described
        With all checks of its schema file.
    mode
        What the operator wants of them.
    is_full
        Whether the load is a complete release; only then are there numbers of rows to be kept.
    """
    if mode is CheckMode.SKIP:
        return replace(described, checks=())
    checks = [check for check in described.checks if is_full or check.kind is not CheckKind.N_ROWS]
    if described.table.position is not None:
        checks.append(degrees_check())
    if mode is CheckMode.WARN:
        checks = [replace(check, action=Action.WARN) for check in checks]
    return replace(described, checks=tuple(checks))
