"""A running query, whatever the engine: counts rows and time, casts, can be stopped, gives back what it used."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.engine.arrow import conform
from vo_server.engine.faults import Classifier, translated
from vo_server.errors import EngineError, QueryCancelledError, QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from vo_server.engine.watchdog import Watchdog

__all__ = ["BatchSource", "QueryStream"]

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0


class BatchSource(Protocol):
    """What an engine puts under a stream: one statement on one connection."""

    @property
    def ahead_bytes(self) -> int:
        """Memory of the batches that were read before anybody asked for them [bytes]."""
        ...

    @property
    def progress(self) -> float | None:
        """Share of the work that is done, in [0, 1]; None when it is not known. Asked in any thread, at any time."""
        ...

    def watch(self) -> None:
        """Have the progress known; called before :meth:`open`, if at all."""
        ...

    def open(self) -> None:
        """Take a connection and start the statement; may wait for the first row."""
        ...

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch as the driver gives it, or None at the end."""
        ...

    def interrupt(self) -> None:
        """Stop what :meth:`open` or :meth:`read` is doing in another thread; without effect when they do nothing."""
        ...

    def close(self, *, is_exhausted: bool) -> None:
        """Give back connection and files; called once, never during :meth:`open` or :meth:`read`; does not raise.

        ``is_exhausted`` tells that the last row was read, so that nothing has to be cancelled.
        """
        ...


class QueryStream:
    """The :class:`~vo_server.engine.base.RunningQuery` of all engines.

    Nothing happens in the database before the first batch is asked for, so that whoever holds the stream can stop it.
    The time that counts is the time inside :meth:`__next__`.

    Parameters
    ----------
    source
        The statement.
    schema
        What every batch will have.
    limit
        Most rows to give; None for all.
    timeout_s
        Time that all steps may take together [s].
    watchdog
        Stops steps that are late.
    classify
        Knows the errors of the driver.
    """

    def __init__(
        self,
        source: BatchSource,
        *,
        schema: pa.Schema,
        limit: int | None,
        timeout_s: float,
        watchdog: Watchdog,
        classify: Classifier,
    ) -> None:
        self._source = source
        self._schema = schema
        self._rows_left = limit
        self._timeout_s = timeout_s
        self._time_left_s = timeout_s
        self._watchdog = watchdog
        self._classify = classify
        self._step = threading.RLock()
        self._is_open = False
        self._is_released = False
        self._is_done = False
        self._is_exhausted = False
        self._stop: type[QueryTimeoutError | QueryCancelledError] | None = None
        self._step_began_s: float | None = None
        self._next_interrupt_s = 0.0
        self._pause_s = _FIRST_PAUSE_S

    @property
    def ahead_bytes(self) -> int:
        """Memory of the rows that came from the database and were not asked for yet [bytes]."""
        return self._source.ahead_bytes

    @property
    def progress(self) -> float | None:
        """Share of the work that is done, in [0, 1]; None when it is not known."""
        return self._source.progress

    def watch(self) -> None:
        """Have the progress known; called before the first batch is asked for."""
        self._source.watch()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._step:
            if self._is_done:
                raise StopIteration
            self._raise_if_stopped()
            try:
                with self._timed():
                    batch = self._fetch()
            except BaseException:
                self._release()
                raise
            if batch is None:
                self._is_done = True
                self._release()
                raise StopIteration
            return batch

    def cancel(self) -> None:
        """Stop the query; safe from any thread, at any time, more than once."""
        self._stop = self._stop or QueryCancelledError
        if self._step_began_s is not None:
            self._source.interrupt()

    def close(self) -> None:
        """Cancel what still runs and give back connection and files; safe more than once."""
        self.cancel()
        with self._step:
            self._release()

    def stop_if_due(self, now_s: float) -> None:
        """Interrupt the step in progress when it is late or cancelled, again and again until it has ended."""
        began_s = self._step_began_s
        if began_s is None:
            return
        if self._stop is None and now_s - began_s > self._time_left_s:
            self._stop = QueryTimeoutError
        if self._stop is not None and now_s >= self._next_interrupt_s:
            self._next_interrupt_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._source.interrupt()

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        self._step_began_s = time.monotonic()
        self._watchdog.enter(self)
        try:
            yield
        finally:
            self._watchdog.leave(self)
            self._time_left_s -= time.monotonic() - self._step_began_s
            self._step_began_s = None

    def _fetch(self) -> pa.RecordBatch | None:
        """Return the next batch with rows, cut to the limit, or None after the last one."""
        try:
            with translated(self._classify, doing="query"):
                batch = self._read()
        except EngineError as error:
            if self._stop is not None:  # Whatever the driver says of it, this is why it ended.
                self._raise_if_stopped(error.__cause__)
            raise
        self._raise_if_stopped()
        if batch is None:
            return None
        if self._rows_left is not None:
            batch = batch.slice(0, self._rows_left)
            self._rows_left -= batch.num_rows
        try:
            return conform(batch, self._schema)
        except ValueError as error:
            raise EngineError(
                f"a value of the result does not have its declared type: {error}",
                hint="write the type that you want with CAST",
            ) from error

    def _read(self) -> pa.RecordBatch | None:
        if self._rows_left == 0:
            return None
        if not self._is_open:
            self._is_open = True
            self._source.open()
        while True:
            self._raise_if_stopped()
            batch = self._source.read()
            if batch is None:
                self._is_exhausted = True
                return None
            if batch.num_rows:
                return batch

    def _raise_if_stopped(self, cause: BaseException | None = None) -> None:
        if self._stop is QueryTimeoutError or self._time_left_s <= 0:
            raise QueryTimeoutError(self._timeout_s) from cause
        if self._stop is QueryCancelledError:
            raise QueryCancelledError("the query was cancelled") from cause

    def _release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._source.close(is_exhausted=self._is_exhausted)
