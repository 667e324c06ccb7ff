"""One query on DuckDB, as a stream of Arrow."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final

import duckdb

from vo_server.engine.arrow import rows_per_batch
from vo_server.engine.duckdb.cache import STEP_BYTES
from vo_server.engine.duckdb.instance import PROGRESS_SETTINGS, select_only, stream
from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from vo_server.engine.duckdb.attach import Lease
    from vo_server.engine.duckdb.cache import BlockCache
    from vo_server.engine.duckdb.cursors import Cursors
    from vo_server.engine.shares import BatchShares

__all__ = ["DuckdbStatement"]

logger = logging.getLogger(__name__)

_VECTOR: Final = 2048
"""Rows that DuckDB handles at once."""
_MOST_ROWS: Final = 64 * _VECTOR


class DuckdbStatement:
    """One SELECT on a cursor of its own; a :class:`~vo_server.engine.stream.BatchSource`.

    Parameters
    ----------
    cursors
        Where its cursor comes from.
    sql
        The SELECT.
    lease
        Keeps the releases that it reads, and is closed with it.
    inline
        Tables that come with it, by their names in ``temp``.
    prefix
        What goes before the SELECT once it is known to be one.
    schema
        Of its rows.
    shares
        How large batches may be.
    comes_steadily
        Whether every row that is read is given out.
    cache
        Whose blocks are dropped behind a long answer.
    """

    ahead_bytes = 0

    def __init__(
        self,
        cursors: Cursors,
        sql: str,
        *,
        lease: Lease,
        inline: Mapping[str, pa.Table],
        prefix: str,
        schema: pa.Schema,
        shares: BatchShares,
        comes_steadily: bool,
        cache: BlockCache,
    ) -> None:
        self._cursors = cursors
        self._sql = sql
        self._lease = lease
        self._inline = inline
        self._prefix = prefix
        self._shares = shares
        self.batch_bytes = shares.take()
        self._batch_rows = (
            rows_per_batch(schema, target_bytes=self.batch_bytes, multiple=_VECTOR, most=_MOST_ROWS)
            if comes_steadily
            else _VECTOR
        )
        self._cache = cache
        self._is_needy = not comes_steadily
        self._has_entered = False
        self._level_bytes: int | None = None
        self._n_bytes = 0
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._interrupting = threading.Lock()
        self._is_interrupted = False
        self._is_watched = False
        self._progress: float | None = None

    @property
    def progress(self) -> float | None:
        """What DuckDB says, which it does not once the last row waits to be read."""
        with self._interrupting:
            percent = self._cursor.query_progress() if self._is_watched and self._cursor is not None else -1.0
        if percent >= 0:
            self._progress = min(percent / 100, 1.0)
        return self._progress

    def watch(self) -> None:
        """Have DuckDB count; 0.2 ms."""
        self._is_watched = True

    def open(self) -> None:
        """Start the statement."""
        if self._is_needy:
            self._cache.enter()
            self._has_entered = True
        cursor = self._cursors.take(ahead_bytes=self.batch_bytes)
        with self._interrupting:
            self._cursor = cursor
        if self._is_watched:
            does_count, does_print = PROGRESS_SETTINGS
            cursor.execute(f"SET {does_count} = true; SET {does_print} = false")
        select_only(cursor, self._sql)
        for name, rows in self._inline.items():
            # TEMP tables belong to the cursor; unlike a view of Arrow data they give the planner statistics.
            cursor.register("inline_rows", rows)
            cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM inline_rows")
            cursor.unregister("inline_rows")
        self._reader = stream(cursor, f"{self._prefix}{self._sql}", self._batch_rows)

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end."""
        assert self._reader is not None
        try:
            batch = self._reader.read_next_batch()
        except StopIteration:
            return None
        self._note_download(batch.nbytes)
        return batch

    def _note_download(self, n_bytes: int) -> None:
        """Have the blocks dropped that a long answer leaves behind, down to what was kept near its beginning."""
        is_first = self._n_bytes == 0
        self._n_bytes += n_bytes
        if is_first:
            return  # Most answers are one batch, and shall not pay for a look.
        if self._level_bytes is None:
            self._level_bytes = self._cache.level_bytes()
        elif self._n_bytes > STEP_BYTES:
            self._n_bytes = 1
            self._cache.drop_above(self._level_bytes, is_needy=self._is_needy)

    def interrupt(self) -> None:
        """Stop what :meth:`open` or :meth:`read` is doing in another thread."""
        with self._interrupting:
            if self._cursor is not None:
                self._is_interrupted = True
                _interrupt(self._cursor)

    def close(self, *, is_exhausted: bool) -> None:
        """Stop what runs, and give cursor and lease back."""
        with self._interrupting:
            cursor, self._cursor = self._cursor, None
        if cursor is not None:
            if not is_exhausted:
                _interrupt(cursor)
            self._reader = None
            is_clean = is_exhausted and not (self._is_interrupted or self._is_watched or self._inline)
            self._cursors.give_back(cursor, ahead_bytes=self.batch_bytes, is_clean=is_clean)
        self._shares.give_back()
        if self._has_entered:
            self._has_entered = False
            self._cache.leave()
        try:
            self._lease.close()
        except EngineError as error:  # its rows have gone out; what cannot be detached goes with the process
            logger.warning("a release cannot be given back: %s", error)


def _interrupt(cursor: duckdb.DuckDBPyConnection) -> None:
    """Stop what runs; after the end of the engine nothing does, and its cursors are closed."""
    with contextlib.suppress(duckdb.ConnectionException):
        cursor.interrupt()
