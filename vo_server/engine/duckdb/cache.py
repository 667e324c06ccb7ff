"""Keeps downloads of whole tables from filling the memory with blocks that nobody will ask for again.

DuckDB keeps every block that it has read until the memory of all queries is used up: a download of ten million rows
added 1.0 GB to the process, for nothing, because the next one begins at the start of the table again. PostgreSQL reads
large tables through a small ring of buffers for the same reason. DuckDB has no such ring and no command to drop blocks,
but it drops them, those not used for longest first, when its memory limit is lowered.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Final

import duckdb

__all__ = ["MEMORY_LIMIT", "STEP_BYTES", "BlockCache"]

MEMORY_LIMIT: Final = "memory_limit"
"""The setting; it stays changeable for this module, no query can change it."""

STEP_BYTES: Final = 24 * 1024**2
"""Rows given out by one query after which the blocks read meanwhile are dropped [bytes]. Results of cone searches are
far smaller, and what they read stays."""

_ROOM_BYTES: Final = 16 * 1024**2
"""What downloads may take while the limit is low, some microseconds, beside what could be dropped [bytes]."""

_WORTH_BYTES: Final = 8 * 1024**2
"""What there must be to drop beyond the room [bytes]."""


class BlockCache:
    """The blocks of tables that one DuckDB instance keeps.

    A query that sorts or groups may ask for any amount of memory at any time, and would fail while the limit is low.
    Such queries are counted, and nothing is dropped while one of them runs beside the download.

    Parameters
    ----------
    connection
        A connection for this alone.
    memory_bytes
        Memory limit of the instance [bytes].
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, memory_bytes: int) -> None:
        self._connection = connection
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._n_needy = 0

    def enter(self) -> None:
        """Note that a query begins that may need memory for more than its rows; waits while the limit is low."""
        with self._lock:
            self._n_needy += 1

    def leave(self) -> None:
        """Note that it has ended."""
        with self._lock:
            self._n_needy -= 1

    def allow(self, memory_bytes: int) -> bool:
        """Raise the memory limit of the instance; False when it is not lower."""
        with self._lock:
            if self._memory_bytes >= memory_bytes:
                return False
            self._connection.execute(f"SET {MEMORY_LIMIT} = '{memory_bytes}B'")
            self._memory_bytes = memory_bytes
            return True

    def level_bytes(self) -> int:
        """Return how much is kept now [bytes]."""
        with self._lock:
            return self._used()[0]

    def drop_above(self, level_bytes: int, *, is_needy: bool = False) -> None:
        """Drop blocks until no more than this is kept; without effect while queries need the memory for themselves.

        Parameters
        ----------
        level_bytes
            What may stay [bytes].
        is_needy
            Whether the query that asks for it has entered.
        """
        if not self._lock.acquire(blocking=False):
            return  # Another query does it just now.
        try:
            if self._n_needy > is_needy:
                return
            blocks, others = self._used()
            low = others + level_bytes + _ROOM_BYTES
            if blocks > level_bytes + _ROOM_BYTES + _WORTH_BYTES and low < self._memory_bytes // 2:
                # In one go: the shorter the limit is low the better. Blocks in use stay; then it is refused.
                with contextlib.suppress(duckdb.OutOfMemoryException):
                    self._connection.execute(f"SET {MEMORY_LIMIT} = '{low}B'")
                self._connection.execute(f"SET {MEMORY_LIMIT} = '{self._memory_bytes}B'")
        except duckdb.ConnectionException:
            pass  # The engine is closed, and its memory is gone.
        finally:
            self._lock.release()

    def _used(self) -> tuple[int, int]:
        """Return the memory of blocks of tables, and of everything else [bytes]."""
        rows = self._connection.execute("SELECT tag = 'BASE_TABLE', memory_usage_bytes FROM duckdb_memory()").fetchall()
        return sum(n for is_block, n in rows if is_block), sum(n for is_block, n in rows if not is_block)
