"""Sessions that take the rows of a part: by COPY with rows that are written here, or by ADBC for types that are not.

One COPY for all batches is twice as fast as one for each (measured): the server stores rows while the next are encoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import sql

from vo_server.engine.faults import translated
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.ingest import copy_in
from vo_server.engine.postgres.pool import conninfo, open_adbc
from vo_server.engine.postgres.tuple_encoder import TupleEncoder
from vo_server.engine.postgres.wire import HEADER_BYTES, SIGNATURE, TRAILER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

__all__ = ["PartSession", "open_session"]

_HEADER: Final = SIGNATURE.ljust(HEADER_BYTES, b"\0")


class PartSession(Protocol):
    """A connection that takes BEGIN and COMMIT as statements."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement that has no result; its parameters are $1, $2, ..."""
        ...

    def copy(self, place: tuple[str, str], rows: pa.RecordBatchReader) -> None:
        """Append a stream of batches to a table (schema, name)."""
        ...

    def close(self) -> None:
        """End the session; what it has not committed never was."""
        ...


def open_session(dsn: str, stored: pa.Schema, settings: Mapping[str, str]) -> PartSession:
    """Open the session that is the quickest for a table.

    Parameters
    ----------
    dsn
        Of the database.
    stored
        Schema of the batches, as :func:`~vo_server.engine.postgres.ingest.storable` makes it.
    settings
        Of the session.

    Raises
    ------
    EngineError, ConfigurationError
        If the database cannot be reached or entered.
    """
    if TupleEncoder.can_write(stored):
        return _CopySession(dsn, stored, settings)
    return _AdbcSession(dsn, settings)


class _CopySession:
    """Takes half the processor time of ADBC."""

    def __init__(self, dsn: str, stored: pa.Schema, settings: Mapping[str, str]) -> None:
        self._encoder = TupleEncoder(stored)
        with translated(postgres_fault, doing="connect"):
            self._connection = psycopg.connect(conninfo(dsn, settings), autocommit=True)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        psycopg.RawCursor(self._connection).execute(statement.encode(), parameters or None)

    def copy(self, place: tuple[str, str], rows: pa.RecordBatchReader) -> None:
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(*place))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_HEADER)
            for batch in rows:
                for piece in self._encoder.encode(batch):
                    copy.write(piece.data)
            copy.write(TRAILER)

    def close(self) -> None:
        self._connection.close()


class _AdbcSession:
    """Knows arrays, too."""

    def __init__(self, dsn: str, settings: Mapping[str, str]) -> None:
        self._connection = open_adbc(dsn, settings)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def copy(self, place: tuple[str, str], rows: pa.RecordBatchReader) -> None:
        schema, name = place
        copy_in(self._connection, name, rows, schema=schema)

    def close(self) -> None:
        self._connection.close()
