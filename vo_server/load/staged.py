"""Questions to a release that is being loaded, which no catalogue names yet."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from vo_server.errors import QueryMemoryError
from vo_server.model.table import Catalogue, Schema, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from vo_server.engine.base import Engine, RunningQuery
    from vo_server.model.table import Table

__all__ = ["SHOWN", "adql_name", "answer_of", "ask", "from_clause"]

CHECK_TIMEOUT_S: Final = 24 * 3600.0
"""A check reads the whole table once; a load may take its time."""

SHOWN: Final = 5
"""How many rows a message shows."""


def ask(engine: Engine, table: Table, adql: str) -> list[tuple[object, ...]]:
    """Return at most :data:`SHOWN` rows of the answer to a query of one table, which need not be published.

    Raises
    ------
    AdqlError
        If the query is not right.
    """
    from vo_server.adql.front import compile_query  # noqa: PLC0415 - only loads with something to ask pay for the grammar

    catalogue = Catalogue((Schema(table.schema, (table,)),))
    query = compile_query(adql, catalogue)
    batches = answer_of(engine, lambda: engine.run(query, limit=SHOWN, timeout_s=CHECK_TIMEOUT_S))
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def answer_of(engine: Engine, start: Callable[[], RunningQuery]) -> list[pa.RecordBatch]:
    """Return the answer to a query, all of it; one for which memory is not enough is started again with the reserve.

    Raises
    ------
    EngineError, LimitError
        If the database cannot answer.
    """
    try:
        return _all(start())
    except QueryMemoryError:
        if not engine.use_reserve():
            raise
        return _all(start())


def _all(running: RunningQuery) -> list[pa.RecordBatch]:
    with closing(running):
        return list(running)


def adql_name(name: str) -> str:
    """Write a name so that it means exactly this object, whatever it looks like."""
    return quoted(name, frozenset({name.upper()}))


def from_clause(table: Table) -> str:
    """Write ``FROM`` with the name of a table."""
    return f"FROM {adql_name(table.schema)}.{adql_name(table.name)}"
