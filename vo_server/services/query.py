"""A query from text to a stream of rows: compile against the catalogue, run on the engine, count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from vo_server.adql.front import compile_query
from vo_server.errors import QueryTimeoutError, TooLargeError, UsageError
from vo_server.formats.registry import find_format
from vo_server.model.estimate import Estimate
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.plan import Basis
from vo_server.model.query import Limits, Note, Query, QueryResult
from vo_server.model.table import Schema
from vo_server.model.truncation import Limit, LimitKind, Rest, late, row_limit
from vo_server.model.upload import UPLOAD_SCHEMA, UploadedTable
from vo_server.services.again import with_newest
from vo_server.services.compiled import CompiledQueries
from vo_server.services.estimate import outlooks
from vo_server.services.origin import TAP_STANDARD_ID, links_of_answer, origin_of_answer, origin_of_table
from vo_server.services.related import services_of
from vo_server.services.totals import total_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.base import Engine, RunningQuery
    from vo_server.model.limits import LimitTable
    from vo_server.model.table import Catalogue, Table
    from vo_server.services.save import ResultSaver
    from vo_server.store.catalogue import CatalogueStore

__all__ = ["QueryLimits", "QueryService"]

_LONGEST_PLANNING_S: Final = 10.0
"""Longest time that an estimate may take [s]."""

_SOON: Final = timedelta(days=14)
"""How long before its end every answer tells of that of a table."""


@dataclass(frozen=True)
class QueryLimits:
    """What the service allows."""

    default_maxrec: int
    """Row limit when the caller sets none."""
    hard_maxrec: int
    """Row limit that nobody passes."""
    max_query_bytes: int
    """Longest query text, in bytes of UTF-8."""
    max_result_bytes: int | None = None
    """Largest volume of the rows of one answer, as Arrow has them in memory [bytes]; None for any."""


class QueryService:
    """Answers queries.

    Parameters
    ----------
    engine
        Where the rows are.
    catalogue
        What is published.
    limits
        What the service allows.
    callers
        What each class of callers may use of that; None for all of it.
    origin
        INFO elements that every answer carries (publisher, contact, ...).
    saver
        Makes tables of answers; None where none are kept.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        catalogue: CatalogueStore,
        limits: QueryLimits,
        callers: LimitTable | None = None,
        origin: tuple[Note, ...] = (),
        saver: ResultSaver | None = None,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._limits = limits
        self._callers = callers
        self._origin = origin
        self._saver = saver
        self._compiled = CompiledQueries()

    def run(
        self,
        query: Query,
        *,
        timeout_s: float,
        rest: Rest | None = None,
        request_url: str | None = None,
        root_url: str | None = None,
        uploads: Sequence[UploadedTable] = (),
        caller: Identity = ANONYMOUS,
    ) -> QueryResult:
        """Compile and start a query.

        Parameters
        ----------
        query
            What the caller asks for.
        timeout_s
            Time until the last row is produced [s].
        rest
            Where the caller can get what the answer leaves out; None when that is not known.
        request_url
            URL that asks for the same again; None when there is none.
        root_url
            URL of the service, under which the links of rows are; None when it is not known.
        uploads
            The tables that came with it.
        caller
            Who asks: tables that they may not see do not exist for them, and the limits of their class hold.

        Returns
        -------
        QueryResult
            Columns at once, rows as a stream; the caller closes it.

        Raises
        ------
        AdqlError
            With every known mistake in the text.
        TooLargeError
            If the text is longer than the service allows.
        EngineError, LimitError
            If the engine refuses to start; later failures come out of the stream.
        """
        catalogue = self._catalogue.load(caller)
        resolved = self._compile(query, catalogue, uploads)
        if query.save_as is not None:
            self._require_saver().check(caller, query.save_as)
        limits = self._limits_of(query, timeout_s, caller)
        result = QueryResult(
            columns=resolved.columns,
            batches=iter(()),
            maxrec=limits.rows.value,
            notes=self._notes(query, resolved, request_url, uploads),
            links=tuple(links_of_answer(resolved.tables, catalogue, root_url)),
            # The answer to SAVE_AS tells of the new table and has none of its columns.
            services=()
            if root_url is None or query.save_as is not None
            else services_of(resolved, catalogue, root_url),
            started=datetime.now(UTC),
            query=query,
            limit=limits.rows,
            total_rows=total_rows(resolved),
            rest=replace(rest or Rest(), hard_maxrec=self._allowed(caller).hard_maxrec),
        )
        # TAP 1.1, section 2.7.4: MAXREC=0 asks for metadata only, and is always told as an overflow.
        result.overflow = result.maxrec == 0 or (result.total_rows or 0) > result.maxrec
        if result.maxrec == 0:
            return self._kept(result, caller, resolved)
        running = self._engine.run(
            resolved,
            limit=result.maxrec + 1,  # One more than may be sent, to know about overflow.
            timeout_s=limits.timeout_s,
            inline=self._inline(resolved, catalogue, uploads),
            becomes_text=query.save_as is None and find_format(query.response_format).writer.is_text,
        )
        result.on_close = running.close
        result.ahead_bytes = lambda: running.ahead_bytes
        result.watch = running.watch
        result.progress = lambda: running.progress
        result.batches = _counted(running, result, limits)
        return self._kept(result, caller, resolved)

    def _kept(self, result: QueryResult, caller: Identity, resolved: ResolvedQuery) -> QueryResult:
        """Return the answer itself, or the one that tells of the table that it becomes."""
        assert result.query is not None
        name = result.query.save_as
        if name is None:
            return result
        return self._require_saver().save(result, name, caller, sources=tuple(resolved.tables))

    def _require_saver(self) -> ResultSaver:
        if self._saver is None:
            raise UsageError("no tables can be kept here", hint="leave SAVE_AS out")
        return self._saver

    def estimate(
        self,
        query: Query,
        *,
        timeout_s: float,
        uploads: Sequence[UploadedTable] = (),
        caller: Identity = ANONYMOUS,
    ) -> Estimate:
        """Tell what a query would cost, without running it.

        Parameters
        ----------
        query
            What the caller asks for.
        timeout_s
            Time that the query itself might take [s].
        uploads
            The tables that came with it.
        caller
            Who asks, as for :meth:`run`.

        Raises
        ------
        AdqlError, TooLargeError, EngineError, LimitError
            As :meth:`run` does.
        """
        return with_newest(partial(self._estimated, query, timeout_s, uploads, caller))

    def _estimated(
        self, query: Query, timeout_s: float, uploads: Sequence[UploadedTable], caller: Identity
    ) -> Estimate:
        catalogue = self._catalogue.load(caller)
        resolved = self._compile(query, catalogue, uploads)
        limits = self._limits_of(query, timeout_s, caller)
        plan = self._engine.explain(
            resolved,
            limit=limits.rows.value + 1,
            timeout_s=_LONGEST_PLANNING_S,
            inline=self._inline(resolved, catalogue, uploads),
        )
        known = total_rows(resolved)
        if known is not None:
            plan = replace(plan, rows=float(known), basis=Basis.EXACT)
        notes = tuple(str(note) for note in resolved.notes)
        return Estimate(query, plan, outlooks(plan, limits), notes)

    def check(
        self, query: Query, *, uploads: Sequence[UploadedTable] = (), caller: Identity = ANONYMOUS
    ) -> ResolvedQuery:
        """Compile a query without running it."""
        return self._compile(query, self._catalogue.load(caller), uploads)

    def _compile(self, query: Query, catalogue: Catalogue, uploads: Sequence[UploadedTable]) -> ResolvedQuery:
        size_bytes = len(query.adql.encode())
        if size_bytes > self._limits.max_query_bytes:
            raise TooLargeError(
                f"the query has {size_bytes} bytes; at most {self._limits.max_query_bytes} are accepted",
                hint="put long lists of values into a table and join with it",
            )
        if uploads:  # They are there for one query.
            return compile_query(query.adql, _with_uploads(catalogue, uploads), lang=query.lang)
        return self._compiled.compile(query.adql, catalogue, lang=query.lang)

    def _limits_of(self, query: Query, timeout_s: float, caller: Identity) -> Limits:
        allowed = self._allowed(caller)
        # Nobody wants to keep a table that was cut for want of a parameter.
        default = allowed.default_maxrec if query.save_as is None else allowed.hard_maxrec
        rows = row_limit(query.maxrec, default=default, hard=allowed.hard_maxrec)
        return Limits(rows, timeout_s=timeout_s, max_bytes=allowed.max_result_bytes)

    def _allowed(self, caller: Identity) -> QueryLimits:
        if self._callers is None:
            return self._limits
        own = self._callers.of(caller)
        return replace(
            self._limits, default_maxrec=own.default_rows, hard_maxrec=own.rows, max_result_bytes=own.result_bytes
        )

    def _inline(
        self, resolved: ResolvedQuery, catalogue: Catalogue, uploads: Sequence[UploadedTable]
    ) -> Mapping[str, pa.Table]:
        """Return the rows of those tables of the query that the service makes itself, and of its uploads."""
        wanted = [table.full_name for table in resolved.tables if table.location is None]
        found = {one.table.full_name: one.rows for one in uploads if one.table.full_name in wanted}
        own = [name for name in wanted if name not in found]
        if own:
            rows = self._catalogue.inline(catalogue)
            found |= {name: rows[name] for name in own}
        return found

    def _notes(
        self, query: Query, resolved: ResolvedQuery, request_url: str | None, uploads: Sequence[UploadedTable]
    ) -> tuple[Note, ...]:
        """Return what an answer says of itself (TAP 1.1, section 3.1; Data Origin note)."""
        told = [Note("standardID", TAP_STANDARD_ID), Note("QUERY", query.adql)]
        told.append(Note("request_date", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        told.extend(self._origin)
        told.extend(origin_of_answer(query, request_url))
        for table in resolved.tables:
            told.extend(origin_of_table(table))
            told.extend(_expiry(table))
        told.extend(Note("UPLOAD_NOTE", text) for one in uploads for text in one.notes)
        told.extend(Note("ADQL_NOTE", note.message, str(note)) for note in resolved.notes)
        return tuple(told)


def _with_uploads(catalogue: Catalogue, uploads: Sequence[UploadedTable]) -> Catalogue:
    if not uploads:
        return catalogue
    return catalogue.with_schema(Schema(UPLOAD_SCHEMA, tuple(one.table for one in uploads)))


def _expiry(table: Table) -> list[Note]:
    """Return the news that a table will not be there for long."""
    if table.expires is None or table.expires > datetime.now(UTC) + _SOON:
        return []
    text = f"{table.full_name} of {table.owner} will be removed then, unless its owner has it kept for longer"
    return [Note("TABLE_EXPIRES", f"{table.expires:%Y-%m-%dT%H:%M:%SZ}", text)]


def _counted(running: RunningQuery, result: QueryResult, limits: Limits) -> Iterator[pa.RecordBatch]:
    """Pass batches on until a limit is reached; note an overflow when there was a row more."""
    assert result.query is not None
    n_bytes = 0
    try:
        for batch in running:
            n_fitting = _n_fitting(batch, None if limits.max_bytes is None else limits.max_bytes - n_bytes)
            n_wanted = min(batch.num_rows, result.maxrec - result.n_rows)
            is_cut = min(n_fitting, n_wanted) < batch.num_rows
            if is_cut:
                if n_fitting < n_wanted and limits.max_bytes is not None:
                    result.limit = Limit(LimitKind.SIZE, limits.max_bytes)
                result.overflow = True
                batch = batch.slice(0, min(n_fitting, n_wanted))  # noqa: PLW2901 - the rest is about what is sent
            result.n_rows += batch.num_rows
            n_bytes += batch.nbytes
            if batch.num_rows:
                yield batch
            if is_cut:
                return
    except QueryTimeoutError as error:
        raise late(error, result.query, result.rest) from error
    finally:
        running.close()


def _n_fitting(batch: pa.RecordBatch, room_bytes: int | None) -> int:
    """Return how many rows of a batch there is room for, taking them for equally long."""
    if room_bytes is None or batch.nbytes <= room_bytes:
        return int(batch.num_rows)
    return int(room_bytes * batch.num_rows // batch.nbytes)
