"""The engine on PostgreSQL with Q3C: runs queries as streams of Arrow and looks after the tables of releases."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Final

from vo_server.engine.ahead import ReadAhead
from vo_server.engine.base import STAGING_KEPT_S
from vo_server.engine.faults import Classifier, Fault, error_of, translated
from vo_server.engine.inline import inline_names
from vo_server.engine.postgres.copied import CopiedStatement, QuickestStatement
from vo_server.engine.postgres.explain import EXPLAIN, PLAN_COLUMNS, plan_of
from vo_server.engine.postgres.faults import adopted_fault, postgres_fault
from vo_server.engine.postgres.load import PostgresLoader
from vo_server.engine.postgres.names import stored_name
from vo_server.engine.postgres.place import is_adopted, relation_of
from vo_server.engine.postgres.pool import QueryPool
from vo_server.engine.postgres.releases import drop_release, sweep_releases
from vo_server.engine.postgres.setup import connect, has_functions, has_q3c, prepare
from vo_server.engine.postgres.sql import generate
from vo_server.engine.postgres.staging import sweep_staging
from vo_server.engine.postgres.statement import ArrowStatement
from vo_server.engine.postgres.types import read_sql
from vo_server.engine.question import Question, SqlForm
from vo_server.engine.shares import BatchShares
from vo_server.engine.stream import QueryStream
from vo_server.engine.watchdog import Watchdog
from vo_server.engine.written import WrittenQueries
from vo_server.model.query import arrow_schema
from vo_server.model.table import delimited, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.base import Loader, RunningQuery
    from vo_server.engine.stream import BatchSource
    from vo_server.model.plan import Plan
    from vo_server.model.table import Column, Table

__all__ = ["PostgresEngine"]

_STORED_ORDER: Final = ("SET LOCAL synchronize_seqscans = off", "SET LOCAL max_parallel_workers_per_gather = 0")
"""What makes a plain SELECT give rows in the order of the heap."""


class PostgresEngine:
    """PostgreSQL with Q3C, one table per release.

    Nothing is connected before it is needed.

    Parameters
    ----------
    dsn
        ``postgresql://...``.
    pool_size
        Most query connections at once.
    data_schema
        Database schema of the releases; the first load makes it.
    shares
        How large the batches of results may be; None for the best size.
    grace_s
        Age at which :meth:`sweep` takes a finished release that nobody has published for rubbish [s].
    """

    name = "postgres"

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int,
        data_schema: str = "vo_data",
        shares: BatchShares | None = None,
        grace_s: float = 900.0,
    ) -> None:
        self._dsn = dsn
        self._data_schema = data_schema
        self._shares = shares or BatchShares.unlimited()
        self._grace_s = grace_s
        self._written = WrittenQueries()
        self._pool = QueryPool(dsn, size=pool_size)
        self._watchdog = Watchdog("postgres-watchdog")

    def translate(self, query: ResolvedQuery, *, limit: int | None = None) -> str:
        """Write the query in PostgreSQL's SQL; tables without a location go by their full names."""
        return generate(query, limit=limit, relation=_name_of)

    def run(
        self,
        query: ResolvedQuery,
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, pa.Table] | None = None,
        becomes_text: bool = False,
    ) -> RunningQuery:
        """Start a query; see :meth:`vo_server.engine.base.Engine.run`."""
        return self._run(
            query,
            query.columns,
            limit=limit,
            timeout_s=timeout_s,
            inline=inline or {},
            can_copy=not becomes_text,
        )

    def explain(
        self,
        query: ResolvedQuery,
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, pa.Table] | None = None,
    ) -> Plan:
        """Tell how a query would be answered; see :meth:`vo_server.engine.base.Engine.explain`."""
        given = inline or {}
        rows = self._run(query, PLAN_COLUMNS, limit=limit, timeout_s=timeout_s, inline=given, prefix=EXPLAIN)
        with contextlib.closing(rows):
            (told,) = [text for batch in rows for text in batch.column(0).to_pylist()]
        return plan_of(query, told, inline=inline_names(given))

    def _run(
        self,
        query: ResolvedQuery,
        columns: Sequence[Column],
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, pa.Table],
        prefix: str = "",
        can_copy: bool = True,
    ) -> QueryStream:
        """Start a query, or what a prefix makes of it."""
        names = inline_names(inline)

        def relation(table: Table) -> str:
            return f"pg_temp.{names[table.full_name]}" if table.location is None else relation_of(table.location)

        stored = {table.full_name: table.columns for table in query.tables}
        has_adopted = any(table.location is not None and is_adopted(table.location) for table in query.tables)
        return self._run_sql(
            self._written.get(query, limit, lambda: generate(query, limit=limit, relation=relation)),
            columns,
            limit=None if prefix else limit,
            timeout_s=timeout_s,
            inline={names[full_name]: (stored[full_name], rows) for full_name, rows in inline.items()},
            classify=adopted_fault if has_adopted else postgres_fault,
            prefix=prefix,
            can_copy=can_copy,
        )

    def loader(
        self,
        table: Table,
        *,
        version: str,
        key: str | None = None,
        known: Callable[[], frozenset[str]] | None = None,
    ) -> Loader:
        """Begin to load a release of a table."""
        return PostgresLoader(self._dsn, table, version=version, data_schema=self._data_schema, key=key, known=known)

    @property
    def work_folder(self) -> None:
        """None: the disk of the database is another machine's."""

    def read(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Read all rows of a release with all columns, in stored order."""
        assert table.location is not None
        called = {column.name: stored_name(column.name, table.location) for column in table.columns}
        names = ", ".join(read_sql(column, called[column.name]) for column in table.columns)
        rows = self._run_sql(
            f"SELECT {names} FROM {relation_of(table.location)}",
            table.columns,
            limit=None,
            timeout_s=math.inf,
            prelude=_STORED_ORDER,
        )
        try:
            yield from rows
        finally:
            rows.close()

    def ask(self, question: Question, *, timeout_s: float) -> RunningQuery:
        """Ask whole releases something that ADQL has no words for."""
        return self._run_sql(question.sql(_FORM), question.columns, limit=None, timeout_s=timeout_s)

    def drop(self, location: str) -> None:
        """Remove a release; while queries read it, it stays until a later :meth:`sweep`. What is adopted stays."""
        if is_adopted(location):
            return
        with connect(self._dsn) as connection:
            drop_release(connection, location)

    def sweep(self, known: Callable[[], frozenset[str]], *, with_staging: bool = False) -> list[str]:
        """Remove dropped releases that were in use, finished loads that were never published, and staged rows."""
        with connect(self._dsn) as connection:
            gone = sweep_releases(connection, data_schema=self._data_schema, known=known, grace_s=self._grace_s)
            kept_s = 0.0 if with_staging else STAGING_KEPT_S
            return gone + sweep_staging(connection, data_schema=self._data_schema, kept_s=kept_s)

    def use_reserve(self) -> bool:
        """Return False: the server gives each query what it may have."""
        return False

    def check(self) -> None:
        """Raise ConfigurationError or EngineError, with a hint, unless the engine can answer now."""
        with connect(self._dsn) as connection, translated(postgres_fault, doing="check"):
            if not (has_q3c(connection) and has_functions(connection)):
                prepare(self._dsn, data_schema=self._data_schema)
            if not has_q3c(connection):
                raise error_of(Fault.NO_EXTENSION, "q3c")

    def close(self) -> None:
        """Close the connections that are idle, and those in use when their queries end."""
        self._watchdog.close()
        self._pool.close()

    def _run_sql(
        self,
        sql: str,
        columns: Sequence[Column],
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, tuple[Sequence[Column], pa.Table]] | None = None,
        prelude: Sequence[str] = (),
        classify: Classifier = postgres_fault,
        prefix: str = "",
        can_copy: bool = True,
    ) -> QueryStream:
        """Start a SELECT over releases and over inline tables by their names in ``pg_temp``.

        ``prefix`` goes before it once it is known to be a SELECT. Without ``can_copy`` it is read by ADBC, which takes
        more time than COPY and does not hold Python's lock meanwhile.
        """

        def arrow() -> BatchSource:
            return ArrowStatement(
                self._pool, sql, inline=inline or {}, prelude=prelude, prefix=prefix, shares=self._shares
            )

        has_arrays = any(column.datatype.is_array for column in columns)
        copies = can_copy and not (inline or prefix or has_arrays)
        source = QuickestStatement(self._copied(sql, prelude), arrow) if copies else arrow()
        return QueryStream(
            ReadAhead(source, name="postgres-reader"),
            schema=arrow_schema(columns),
            limit=limit,
            timeout_s=timeout_s,
            watchdog=self._watchdog,
            classify=classify,
        )

    def _copied(self, sql: str, prelude: Sequence[str]) -> CopiedStatement:
        return CopiedStatement(self._pool, sql, prelude=prelude, shares=self._shares)


def _name_of(table: Table) -> str:
    return f"{quoted(table.schema)}.{quoted(table.name)}" if table.location is None else relation_of(table.location)


def _hashed(value: str, column: Column) -> str:
    """Write what is hashed of a value: zero as a floating-point number has the hash of NULL, its bytes have not."""
    if column.datatype.is_array:
        return f"array_send({value})"
    sent = {"double precision": "float8send", "real": "float4send"}.get(column.datatype.postgres)
    return value if sent is None else f"{sent}({value})"


_FORM: Final = SqlForm(
    relation=_name_of,
    name=lambda name, table: delimited(stored_name(name, table.location)),
    row_hash="hashint8extended(hash_record_extended(ROW({values}), 0), 1)",
    hashed=_hashed,
    integer="bigint",
    real="double precision",
    text="text",
    sum="bigint",
)
