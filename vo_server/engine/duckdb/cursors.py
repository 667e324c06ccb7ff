"""Cursors of the DuckDB instance, used again and again: to make and set up one costs half a millisecond."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from vo_server.engine.duckdb.instance import STREAM_BUFFER

if TYPE_CHECKING:
    import duckdb

__all__ = ["Cursors"]

_MAX_IDLE: Final = 32
"""Idle cursors that are kept."""


class Cursors:
    """Cursors for queries; one that may be in the middle of something is never used again.

    Parameters
    ----------
    connection
        The instance.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._idle: list[tuple[duckdb.DuckDBPyConnection, int]] = []
        self._is_closed = False

    def take(self, *, ahead_bytes: int) -> duckdb.DuckDBPyConnection:
        """Return a cursor that does nothing.

        Parameters
        ----------
        ahead_bytes
            What its query may produce ahead of the reader [bytes].
        """
        with self._lock:
            cursor, set_bytes = self._idle.pop() if self._idle else (None, None)
        if cursor is None:
            cursor = self._connection.cursor()
        if set_bytes != ahead_bytes:
            cursor.execute(f"SET {STREAM_BUFFER} = '{ahead_bytes}B'")
        return cursor

    def give_back(self, cursor: duckdb.DuckDBPyConnection, *, ahead_bytes: int, is_clean: bool) -> None:
        """Take a cursor back.

        Parameters
        ----------
        cursor
            From :meth:`take`.
        ahead_bytes
            As it was taken with.
        is_clean
            Whether its query has come to its end and left nothing; only then it is kept.
        """
        if is_clean:
            with self._lock:
                if not self._is_closed and len(self._idle) < _MAX_IDLE:
                    self._idle.append((cursor, ahead_bytes))
                    return
        cursor.close()

    def close(self) -> None:
        """Close the idle cursors now and those in use when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for cursor, _ in idle:
            cursor.close()
