"""The answer of a query as a table of the user who asks: loaded as it comes, there as a whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vo_server.errors import QueryCancelledError, TooLargeError
from vo_server.formats.read.base import TableFacts
from vo_server.load.batches import BatchReader
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Provenance
from vo_server.model.query import QueryResult
from vo_server.model.table import Column
from vo_server.model.truncation import LimitKind
from vo_server.store.tables import utc_now

if TYPE_CHECKING:
    from vo_server.load.description import Description
    from vo_server.model.identity import Identity
    from vo_server.model.table import Table
    from vo_server.services.user_tables import UserTableService

__all__ = ["ANSWER", "ResultSaver"]

ANSWER: Final = (
    Column("table_name", DataType(Primitive.CHAR, "*"), description="Name of the table, as queries write it"),
    Column("n_rows", DataType(Primitive.LONG), description="Rows of the table"),
    Column("size_bytes", DataType(Primitive.LONG), unit="byte", description="What it takes of your quota"),
    Column("expires", DataType(Primitive.CHAR, "*", "timestamp"), description="When it will be removed"),
)
"""What is answered instead of the rows, in any format: one row that tells of the table."""

_MOST_TEXT: Final = 2_000
"""Characters of a query that the description of a table quotes."""


class ResultSaver:
    """Makes tables of the answers of queries.

    Parameters
    ----------
    tables
        The tables of users.
    clock
        Gives the time in UTC.
    """

    def __init__(self, *, tables: UserTableService, clock: Callable[[], datetime] = utc_now) -> None:
        self._tables = tables
        self._clock = clock

    def check(self, caller: Identity, name: str) -> None:
        """Raise, before a query is run, what is known to be wrong with the name of its table.

        Raises
        ------
        AuthenticationError, ForbiddenError, UsageError, ConflictError
            See :meth:`vo_server.services.user_tables.UserTableService.create`.
        """
        self._tables.require_new(caller, name)

    def save(self, result: QueryResult, name: str, caller: Identity, *, sources: tuple[Table, ...] = ()) -> QueryResult:
        """Return the answer that tells of the table; it is made when its row is asked for.

        Parameters
        ----------
        result
            The answer of the query, whose rows were not asked for yet. An answer that the caller's MAXREC cuts is kept
            as it is; one that a limit of the service cuts is not kept.
        name
            What the table is to be called.
        caller
            Whose it will be.
        sources
            The tables that the query reads.
        """
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            result.close()

        told = replace(
            result, columns=ANSWER, batches=iter(()), maxrec=1, on_close=stop, overflow=False, limit=None, total_rows=1
        )

        def batches() -> Iterator[pa.RecordBatch]:
            yield self._saved(result, name, caller, stopped, sources)

        told.batches = _counting(batches(), told)
        return told

    def _saved(
        self,
        result: QueryResult,
        name: str,
        caller: Identity,
        stopped: threading.Event,
        sources: tuple[Table, ...],
    ) -> pa.RecordBatch:
        def rows() -> Iterator[pa.RecordBatch]:
            yield from result.batches
            _check_whole(result)
            if stopped.is_set():  # a stream that was closed may look like one that ended
                raise QueryCancelledError("the query was stopped")

        columns = tuple(
            replace(column, is_indexed=False, is_std=False, is_hidden=False, null_values=(), stored_as=None, aliases=())
            for column in result.columns
        )
        reader = BatchReader("the answer of the query", TableFacts(columns), rows)
        try:
            summary = self._tables.create_from(
                caller, name, reader, adapt=lambda found: self._described(found, result, sources)
            )
        finally:
            result.close()
        kept = self._tables.own(caller, summary.release.table.full_name)
        values = [[kept.full_name], [kept.n_rows], [kept.size_bytes], [kept.expires.replace(tzinfo=None)]]
        arrays = [pa.array(one, column.datatype.arrow) for one, column in zip(values, ANSWER, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in ANSWER])

    def _described(self, found: Description, result: QueryResult, sources: tuple[Table, ...]) -> Description:
        """Return a description with where the rows come from, which leaves NaN what it is."""
        now = self._clock()
        text = "" if result.query is None else " ".join(result.query.adql.split())
        shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
        releases = ", ".join(
            one.full_name if one.release is None else f"{one.full_name} (release {one.release})" for one in sources
        )
        cut = f", cut at MAXREC={result.maxrec}" if result.overflow else ""
        whence = f" of {releases}" if releases else ""
        told = f"Answer{cut} of a query{whence} on {now:%Y-%m-%d}: {shown}"
        origin = Provenance(publication_date=f"{now:%Y-%m-%d}", links=result.links)
        columns = tuple(replace(column, null_values=()) for column in found.table.columns)
        return replace(found, table=replace(found.table, columns=columns, description=told, provenance=origin))


def _check_whole(result: QueryResult) -> None:
    """Refuse an answer that a limit of the service has cut."""
    truncation = result.truncation
    if truncation is None or truncation.limit.kind is LimitKind.MAXREC:
        return
    limit = truncation.limit
    raise TooLargeError(
        f"the answer is larger than the limit of {limit.value} {limit.kind.unit}s and would be cut; it is not kept",
        hint="make the query smaller, or give MAXREC to have it cut",
    )


def _counting(batches: Iterator[pa.RecordBatch], result: QueryResult) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        result.n_rows += batch.num_rows
        yield batch
