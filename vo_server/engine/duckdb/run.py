"""The embedded engine: runs queries over release files and looks after the files."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from vo_server.engine.base import STAGING_KEPT_S
from vo_server.engine.duckdb.attach import Releases, relation_of
from vo_server.engine.duckdb.cache import BlockCache
from vo_server.engine.duckdb.cursors import Cursors
from vo_server.engine.duckdb.explain import explain
from vo_server.engine.duckdb.faults import duckdb_fault
from vo_server.engine.duckdb.folders import (
    TABLES,
    path_of,
    remove_empty_parents,
    spill_folder,
    sweep_work,
    try_lock,
    unknown_releases,
    work_folder,
)
from vo_server.engine.duckdb.instance import open_instance
from vo_server.engine.duckdb.load import DuckdbLoader
from vo_server.engine.duckdb.sql import generate
from vo_server.engine.duckdb.statement import DuckdbStatement
from vo_server.engine.faults import translated
from vo_server.engine.gather import Gathered, is_steady
from vo_server.engine.inline import inline_names
from vo_server.engine.question import Question, SqlForm
from vo_server.engine.shares import BatchShares
from vo_server.engine.stream import QueryStream
from vo_server.engine.watchdog import Watchdog
from vo_server.engine.written import WrittenQueries
from vo_server.errors import ConfigurationError, EngineError
from vo_server.model.query import arrow_schema
from vo_server.model.table import delimited, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.base import Loader, RunningQuery
    from vo_server.model.plan import Plan
    from vo_server.model.table import Column, Table

__all__ = ["DuckdbEngine"]

logger = logging.getLogger(__name__)

_ESTIMATED_TOO_LARGE: Final = 2
"""How much larger rows are estimated than most of them are: texts are shorter than what is assumed."""

_SMALL_LIMIT: Final = 10_000
"""Up to here DuckDB runs a LIMIT on all threads.

Beyond it the operator runs on one thread to keep the order, so that a selective query over a large table with
``LIMIT 100001`` takes as long as on a machine with one core. Without LIMIT all threads work, the order of rows is kept
as well, and the stream stops reading after the last row wanted: rows are produced a few megabytes ahead, no more. ORDER
BY is the exception: with LIMIT it needs to remember the first rows only.
"""


_EXPLAIN: Final = "EXPLAIN (FORMAT json) "

_LONGEST_TRY_S: Final = 1.0
"""Longest time that trying a query on a part of its rows may take [s]."""


class DuckdbEngine:
    """DuckDB over one immutable file per release.

    Parameters
    ----------
    directory
        The data directory; releases lie in ``tables/`` under it. It is made when it is not there; one that can only
        be read is served, too.
    memory_bytes
        What all queries of the process may use together [bytes].
    reserve_bytes
        What they may use once :meth:`use_reserve` was called [bytes]; never less than before.
    threads
        Threads that all queries share.
    max_attached
        Release files that stay attached while nobody reads them.
    shares
        How large the batches of results may be; None for the best size.
    grace_s
        Age at which :meth:`sweep` takes a finished release that nobody has published for rubbish [s].

    Raises
    ------
    ConfigurationError
        If the directory cannot be made or read.
    """

    name = "duckdb"

    def __init__(
        self,
        directory: Path,
        *,
        memory_bytes: int,
        threads: int,
        max_attached: int,
        reserve_bytes: int = 0,
        shares: BatchShares | None = None,
        grace_s: float = 900.0,
    ) -> None:
        self._directory = directory.absolute()
        self._reserve_bytes = reserve_bytes
        self._threads = threads
        self._shares = shares or BatchShares.unlimited()
        self._grace_s = grace_s
        try:
            self._work = spill_folder(self._directory)
        except OSError as error:
            raise ConfigurationError(
                f"the data directory {directory} cannot be used: {error.strerror}",
                hint="choose another with --database duckdb:///DIRECTORY",
            ) from error
        self._connection = open_instance(
            self._directory, memory_bytes=memory_bytes, threads=threads, spill=self._work.path / "spill"
        )
        self._releases = Releases(self._connection.cursor(), directory=self._directory, max_attached=max_attached)
        self._written = WrittenQueries()
        self._cursors = Cursors(self._connection)
        self._cache = BlockCache(self._connection.cursor(), memory_bytes=memory_bytes)
        self._watchdog = Watchdog("duckdb-watchdog")

    def translate(self, query: ResolvedQuery, *, limit: int | None = None) -> str:
        """Write the query in DuckDB's SQL; tables without a location go by their full names."""
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
        """Start a query; see :meth:`vo_server.engine.base.Engine.run`. DuckDB never reads with Python's lock."""
        del becomes_text
        names = inline_names(inline)
        sql_limit = _written_limit(query, limit)
        sql = self._written.get(
            query, sql_limit, lambda: generate(query, limit=sql_limit, relation=partial(_relation, names))
        )
        return self._run_sql(
            sql,
            query.columns,
            limit=limit,
            timeout_s=timeout_s,
            locations=_locations(query),
            inline={names[full_name]: rows for full_name, rows in (inline or {}).items()},
            comes_steadily=is_steady(query),
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
        names = inline_names(inline)
        given = {names[full_name]: rows for full_name, rows in (inline or {}).items()}
        relation = partial(_relation, names)

        def ask(sql: str, columns: Sequence[Column], *, is_plan: bool = False) -> pa.Table:
            rows = self._run_sql(
                sql,
                columns,
                limit=None,
                timeout_s=timeout_s if is_plan else min(timeout_s, _LONGEST_TRY_S),
                locations=_locations(query),
                inline=given if is_plan else {},
                prefix=_EXPLAIN if is_plan else "",
                comes_steadily=False,
            )
            with contextlib.closing(rows):
                return pa.Table.from_batches(rows, schema=arrow_schema(columns))

        return explain(
            query,
            write=lambda most, place: generate(query, limit=_written_limit(query, most), relation=place),
            relation=relation,
            tables={_plain(relation(table)): table for table in query.tables},
            limit=limit,
            ask=ask,
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
        return DuckdbLoader(self._directory, table, version=version, threads=self._threads, key=key, known=known)

    @property
    def work_folder(self) -> Path:
        """Where there is room for files of work in progress: on the disk of the data."""
        return work_folder(self._directory)

    def read(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Read all rows of a release with all columns, in stored order."""
        assert table.location is not None
        names = ", ".join(delimited(column.name) for column in table.columns)
        rows = self._run_sql(
            f"SELECT {names} FROM {relation_of(table.location)}",
            table.columns,
            limit=None,
            timeout_s=math.inf,
            locations=[table.location],
        )
        try:
            yield from rows
        finally:
            rows.close()

    def ask(self, question: Question, *, timeout_s: float) -> RunningQuery:
        """Ask whole releases something that ADQL has no words for."""
        return self._run_sql(
            question.sql(_FORM),
            question.columns,
            limit=None,
            timeout_s=timeout_s,
            locations=[table.location for table in question.tables if table.location is not None],
            comes_steadily=False,
        )

    def drop(self, location: str) -> None:
        """Remove a release; queries that read it keep their rows until they end."""
        path = path_of(self._directory, location)
        path.unlink(missing_ok=True)
        self._releases.forget(location)
        remove_empty_parents(self._directory, path)

    def sweep(self, known: Callable[[], frozenset[str]], *, with_staging: bool = False) -> list[str]:
        """Remove what killed loads and killed servers have left, and finished loads that were never published."""
        gone = sweep_work(self._directory, kept_s=0.0 if with_staging else STAGING_KEPT_S)
        unknown = unknown_releases(self._directory, known())
        return gone + [location for location in unknown if self._drop_abandoned(location, known)]

    def use_reserve(self) -> bool:
        """Let queries have the memory that is kept for those that need much; False when they have it already."""
        return self._cache.allow(self._reserve_bytes)

    def check(self) -> None:
        """Raise ConfigurationError or EngineError, with a hint, unless the engine can answer now."""
        if not os.access(self._directory / TABLES, os.R_OK | os.X_OK):
            raise ConfigurationError(
                f"the data directory {self._directory} cannot be read", hint="check that it exists and its permissions"
            )
        with translated(duckdb_fault, doing="check"):
            cursor = self._connection.cursor()
            try:
                answer = cursor.sql("SELECT 42").fetchall()
            finally:
                cursor.close()
        if answer != [(42,)]:
            raise EngineError("DuckDB does not answer as it should")

    def close(self) -> None:
        """Close the instance and remove what it spilled; running queries fail."""
        self._watchdog.close()
        try:
            self._cursors.close()
            self._connection.close()
        except duckdb.Error as error:  # A query that was told to stop has not noticed yet; it ends with the process.
            logger.warning("DuckDB is not closed in good order: %s", error)
        self._work.close()

    def _run_sql(
        self,
        sql: str,
        columns: Sequence[Column],
        *,
        limit: int | None,
        timeout_s: float,
        locations: Iterable[str] = (),
        inline: Mapping[str, pa.Table] | None = None,
        prefix: str = "",
        comes_steadily: bool = True,
    ) -> QueryStream:
        """Start a SELECT that reads the releases at some places and inline tables by their names in ``temp``.

        ``prefix`` goes before it once it is known to be a SELECT. ``comes_steadily`` tells that every
        row that is read is given out.
        """
        schema = arrow_schema(columns)
        lease = self._releases.lease(locations)
        source = DuckdbStatement(
            self._cursors,
            sql,
            lease=lease,
            inline=inline or {},
            prefix=prefix,
            schema=schema,
            shares=self._shares,
            comes_steadily=comes_steadily,
            cache=self._cache,
        )
        return QueryStream(
            source if comes_steadily else Gathered(source, wanted_bytes=source.batch_bytes // _ESTIMATED_TOO_LARGE),
            schema=schema,
            limit=limit,
            timeout_s=timeout_s,
            watchdog=self._watchdog,
            classify=duckdb_fault,
        )

    def _drop_abandoned(self, location: str, known: Callable[[], frozenset[str]]) -> bool:
        """Remove a release unless it is young, its load still runs, or the load has published it meanwhile."""
        path = path_of(self._directory, location)
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                if time.time() - found.st_mtime <= self._grace_s or not try_lock(file):
                    return False
                # A load lets go of the lock when it has published; another one may have put its file here.
                if location in known() or not os.path.samestat(found, path.stat()):
                    return False
                self.drop(location)
        except FileNotFoundError:
            return False
        return True


def _written_limit(query: ResolvedQuery, limit: int | None) -> int | None:
    """Return the limit to write into the SQL; None where the stream keeps it better."""
    limits_well = limit is not None and (limit <= _SMALL_LIMIT or bool(query.tree.order_by))
    return limit if limits_well else None


def _locations(query: ResolvedQuery) -> list[str]:
    return [table.location for table in query.tables if table.location is not None]


def _relation(inline: Mapping[str, str], table: Table) -> str:
    return f"temp.main.{inline[table.full_name]}" if table.location is None else relation_of(table.location)


def _plain(relation: str) -> str:
    """Write a relation as plans do, less the quotes that they put where there need be none."""
    return relation.replace('"', "")


def _name_of(table: Table) -> str:
    return f"{quoted(table.schema)}.{quoted(table.name)}" if table.location is None else relation_of(table.location)


_FORM: Final = SqlForm(
    relation=_name_of,
    name=lambda name, _: delimited(name),
    row_hash="hash(hash({values}))",
    # An empty list has the hash of NULL.
    hashed=lambda value, column: f"len({value}), {value}" if column.datatype.is_array else value,
    integer="BIGINT",
    real="DOUBLE",
    text="VARCHAR",
    sum="HUGEINT",
)
