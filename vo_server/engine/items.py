"""Entries of FROM with more columns: values that a condition needs once for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from sqlglot import exp

from vo_server.engine.grammar import writer_of
from vo_server.engine.sqltree import column, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.engine.dialect import SqlDialect

__all__ = ["Item", "hoisted", "source_of", "with_rows"]

Item: TypeAlias = exp.Table | exp.Subquery
"""A table or a subquery, with an alias."""

_PREFIX: Final = "_match_"


def source_of(dialect: SqlDialect, item: Item) -> str:
    """Write an entry of FROM, with its alias."""
    return writer_of(dialect.name).generate(item.copy(), copy=False)


def with_rows(item: Item, select: str) -> None:
    """Put the rows of a SELECT in the place of those that an entry of FROM has; it keeps its alias."""
    item.set("this", exp.Var(this=f"({select})" if isinstance(item, exp.Table) else select))


def hoisted(dialect: SqlDialect, item: Item, values: Mapping[str, exp.Expr]) -> dict[str, exp.Expr]:
    """Make columns of values that rows of a table have, and return their names.

    The table becomes a subquery, which the database must not dissolve, so that each value is computed once a row.
    """
    writer = writer_of(dialect.name)
    source = source_of(dialect, item)
    # The table may have been given columns before, for another condition.
    number = source.count(_PREFIX) + 1
    names = {name: f"{_PREFIX}{name}{number}" for name in values}
    fields = ", ".join(
        f'{writer.generate(wrapped(value.copy()), copy=False)} AS "{names[name]}"' for name, value in values.items()
    )
    with_rows(item, f'SELECT "{item.alias}".*, {fields} FROM {source}{dialect.fence}')
    return {name: column(item.alias, written) for name, written in names.items()}
