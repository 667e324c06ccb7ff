"""Entries of FROM with more columns: values that a condition needs once for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import Dialect, exp

from vo_server.engine.sqltree import column, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.engine.dialect import SqlDialect

__all__ = ["hoisted"]

_PREFIX: Final = "_match_"


def hoisted(dialect: SqlDialect, item: exp.Table, values: Mapping[str, exp.Expr]) -> dict[str, exp.Expr]:
    """Make columns of values that rows of a table have, and return their names.

    The table becomes a subquery, which the database must not dissolve, so that each value is computed once a row.
    """
    writer = Dialect.get_or_raise(dialect.name).generator()
    source = writer.generate(item.copy(), copy=False)
    # The table may have been given columns before, for another condition.
    number = source.count(_PREFIX) + 1
    names = {name: f"{_PREFIX}{name}{number}" for name in values}
    fields = ", ".join(
        f'{writer.generate(wrapped(value.copy()), copy=False)} AS "{names[name]}"' for name, value in values.items()
    )
    item.set("this", exp.Var(this=f'(SELECT "{item.alias}".*, {fields} FROM {source}{dialect.fence})'))
    return {name: column(item.alias, written) for name, written in names.items()}
