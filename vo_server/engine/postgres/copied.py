"""One query as COPY TO STDOUT in binary, read with psycopg: half the processor time of ADBC, for the usual types.

libpq hands over a row at a time. What Python does with each of them, two calls of C functions, is all that it does with
rows; everything else goes by columns (:mod:`vo_server.engine.postgres.tuples`).
"""

from __future__ import annotations

import io
import logging
import select
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

from vo_server.engine.faults import translated
from vo_server.engine.passing import Passing
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.pool import Driver, QueryPool
from vo_server.engine.postgres.pool import conninfo as conninfo_of
from vo_server.engine.postgres.statement import refuse_commands
from vo_server.engine.postgres.tuples import PADDING, TupleDecoder
from vo_server.engine.postgres.wire import HEADER_BYTES, SIGNATURE, TRAILER
from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    import pyarrow as pa
    from psycopg.pq.abc import PGconn, PGresult

    from vo_server.engine.shares import BatchShares
    from vo_server.engine.stream import BatchSource

    Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

__all__ = ["PSYCOPG", "CopiedStatement", "QuickestStatement", "UnreadableTypesError"]

logger = logging.getLogger(__name__)

_MOST_BYTES: Final = 2 * 1024**2
"""Bytes of COPY that are decoded at once, at most: 4 MB leave the processor's cache and take 1.2 times as long."""

_CANCEL_S: Final = 10.0
"""Longest time to reach the server with a cancel [s]."""


class UnreadableTypesError(Exception):
    """A query gives columns of types that are not decoded here."""


def _open(dsn: str, settings: Mapping[str, str]) -> Connection:
    with translated(postgres_fault, doing="connect"):
        return psycopg.connect(conninfo_of(dsn, settings), autocommit=True)


def _execute(connection: Connection, sql: str) -> None:
    _expect(connection.pgconn.exec_(sql.encode()), ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


PSYCOPG: Final = Driver(_open, _execute)


class CopiedStatement:
    """One SELECT in a read-only transaction; a :class:`~vo_server.engine.stream.BatchSource`.

    Parameters
    ----------
    pool
        Where its connection comes from.
    sql
        The SELECT.
    prelude
        Statements before it, in the same transaction.
    shares
        How large batches may be.
    """

    ahead_bytes = 0
    progress = None
    """PostgreSQL tells of its progress in maintenance commands only."""

    def __init__(self, pool: QueryPool, sql: str, *, prelude: Sequence[str], shares: BatchShares) -> None:
        self._pool = pool
        self._sql = sql
        self._prelude = prelude
        self._shares = shares
        self._batch_bytes = min(shares.take(), _MOST_BYTES)
        self._connection: Connection | None = None
        self._rows: _CopiedRows | None = None
        self._decoder: TupleDecoder | None = None
        self._interrupting = threading.Lock()

    def watch(self) -> None:
        """Nothing can be known."""

    def open(self) -> None:
        """Start the statement.

        Raises
        ------
        UnreadableTypesError
            If it has columns of types that are not known here; then nothing was started.
        """
        refuse_commands(self._sql)
        connection = self._pool.take(PSYCOPG, begin="BEGIN READ ONLY")
        with self._interrupting:
            self._connection = connection
        for statement in self._prelude:
            _execute(connection, statement)
        self._decoder = _decoder_of(connection.pgconn, self._sql)
        # To be prepared it had to be one statement, so that nothing in it ends the parentheses.
        copy = f"COPY (\n{self._sql}\n) TO STDOUT (FORMAT binary)"
        _expect(connection.pgconn.exec_(copy.encode()), ExecStatus.COPY_OUT)
        self._rows = _CopiedRows(connection.pgconn)

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end."""
        assert self._rows is not None
        assert self._decoder is not None
        data, lengths = self._rows.take(self._batch_bytes)
        if not lengths:
            return None
        data.write(PADDING)
        return self._decoder.decode(np.frombuffer(data.getbuffer(), np.uint8), np.cumsum(lengths, dtype=np.intp))

    def interrupt(self) -> None:
        """Stop what :meth:`open` or :meth:`read` is doing in another thread."""
        # The lock keeps the connection ours: a cancel that comes late would hit the next query on it.
        with self._interrupting:
            if self._connection is not None:
                self._connection.cancel_safe(timeout=_CANCEL_S)

    def close(self, *, is_exhausted: bool) -> None:
        """Stop what runs and give the connection back."""
        del is_exhausted  # libpq knows whether there is something to stop.
        self._shares.give_back()
        with self._interrupting:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            is_usable = self._end(connection)
        self._pool.give_back(PSYCOPG, connection, is_usable=is_usable)

    def _end(self, connection: Connection) -> bool:
        """Stop what runs; tell whether the connection may be used again."""
        try:
            if self._rows is not None and connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                connection.cancel_safe(timeout=_CANCEL_S)
                self._rows.drain()
        except psycopg.Error as error:
            logger.info("a query connection is given up: %s", str(error).strip())
            return False
        return True


class QuickestStatement(Passing):
    """A :class:`CopiedStatement`, or another source where that cannot read the types of the columns.

    Parameters
    ----------
    copied
        Tried first.
    otherwise
        Makes the other source.
    """

    def __init__(self, copied: CopiedStatement, otherwise: Callable[[], BatchSource]) -> None:
        super().__init__(copied)
        self._otherwise = otherwise

    def open(self) -> None:
        """Start the statement."""
        try:
            super().open()
        except UnreadableTypesError:
            super().close(is_exhausted=True)
            self._source = self._otherwise()
            super().open()

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end."""
        return self._source.read()


class _CopiedRows:
    """The rows of a COPY that has begun.

    Parameters
    ----------
    pgconn
        Its connection.
    """

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._arrival = _arrival_at(pgconn)
        self._is_begun = False
        self._is_ended = False

    def take(self, wanted_bytes: int) -> tuple[io.BytesIO, list[int]]:
        """Wait for rows of about so many bytes in all, or for the last one; return them and the length of each [bytes].

        Raises
        ------
        psycopg.Error
            If the query fails or the connection breaks.
        """
        data = io.BytesIO()
        lengths: list[int] = []
        while data.tell() < wanted_bytes and not self._is_ended:
            self._take_arrived(data, lengths)
        return data, lengths

    def drain(self) -> None:
        """Throw the rest away after a cancel."""
        while (n_bytes := self._pgconn.get_copy_data(1)[0]) >= 0:
            if n_bytes == 0:
                self._wait()
        self._results()

    def _take_arrived(self, data: io.BytesIO, lengths: list[int]) -> None:
        """Take the rows that libpq has; when there are no more, wait for some to come."""
        get, write, add, n_trailer = self._pgconn.get_copy_data, data.write, lengths.append, len(TRAILER)
        n_bytes, row = get(1)
        if n_bytes > 0 and not self._is_begun:
            self._is_begun = True
            row = _without_header(row)
            n_bytes = len(row)
        while n_bytes > n_trailer:
            add(write(row))  # At once, so that libpq's memory for the row serves for the next one.
            n_bytes, row = get(1)
        if n_bytes == 0:
            self._wait()
        elif n_bytes < 0:
            self._is_ended = True
            for result in self._results():
                _expect(result, ExecStatus.COMMAND_OK)

    def _wait(self) -> None:
        self._arrival.poll()
        self._pgconn.consume_input()

    def _results(self) -> list[PGresult]:
        """Return how the COPY ended; then the connection is free."""
        return _results(self._pgconn, self._arrival)


def _arrival_at(pgconn: PGconn) -> select.poll:
    """Return what waits until something comes."""
    arrival = select.poll()
    arrival.register(pgconn.socket, select.POLLIN)
    return arrival


def _results(pgconn: PGconn, arrival: select.poll) -> list[PGresult]:
    """Return the results that are still to come.

    libpq would wait by itself, but Python's lock is held there: a database that does not answer, or that is far away,
    would stop the whole service meanwhile.
    """
    found: list[PGresult] = []
    while True:
        try:
            while pgconn.is_busy():
                arrival.poll()
                pgconn.consume_input()
        except psycopg.OperationalError:
            if found:  # which tell why the database has broken off
                return found
            raise
        result = pgconn.get_result()
        if result is None:
            return found
        found.append(result)


def _decoder_of(pgconn: PGconn, sql: str) -> TupleDecoder:
    """Ask the database for the columns of a query."""
    _expect(pgconn.prepare(b"", sql.encode()), ExecStatus.COMMAND_OK)
    pgconn.send_describe_prepared(b"")
    results = _results(pgconn, _arrival_at(pgconn))
    for result in results:  # A session that is ended at this moment is told behind the answer.
        _expect(result, ExecStatus.COMMAND_OK)
    described = results[0]
    columns = range(described.nfields)
    oids = [described.ftype(column) for column in columns]
    if not TupleDecoder.can_read(oids):
        raise UnreadableTypesError
    return TupleDecoder([(described.fname(column) or b"").decode() for column in columns], oids)


def _without_header(piece: memoryview) -> memoryview:
    """Return what follows the header of COPY, which comes together with the first row or the trailer."""
    if bytes(piece[: len(SIGNATURE)]) != SIGNATURE or any(piece[len(SIGNATURE) : HEADER_BYTES]):
        raise EngineError("the database sent rows in a form that is not known")
    return piece[HEADER_BYTES:]


def _expect(result: PGresult, *statuses: ExecStatus) -> None:
    """Raise what a result tells if that is not what was to happen."""
    if result.status not in statuses:
        raise error_from_result(result)
