"""Reads the next batch of a long answer while the present one is written and sent."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from vo_server.engine.passing import Passing

if TYPE_CHECKING:
    import pyarrow as pa

    from vo_server.engine.stream import BatchSource

__all__ = ["ReadAhead"]

logger = logging.getLogger(__name__)

_AHEAD: Final = 1
"""Batches that wait for the reader at most; one more is being made."""

_READ_AT_ONCE: Final = 2
"""Batches that are read without a thread: most answers have one, and shall not pay for it."""

_PAUSE_S: Final = 0.05
"""Time between two interrupts of a read that nobody wants any more [s]; one that comes at the wrong moment is lost."""


class ReadAhead(Passing):
    """A :class:`~vo_server.engine.stream.BatchSource` that reads another one in a thread of its own.

    For databases in other processes, which would wait while an answer is written. What counts as the time of a query
    is then the time in which its reader waits, as before.

    Parameters
    ----------
    source
        What is read, by one thread at a time; closed when this one is closed.
    name
        Of the thread.
    """

    def __init__(self, source: BatchSource, *, name: str) -> None:
        super().__init__(source)
        self._name = name
        self._n_read = 0
        self._thread: threading.Thread | None = None
        self._waiting: deque[pa.RecordBatch | None] = deque()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._error: BaseException | None = None

    @property
    def ahead_bytes(self) -> int:
        """Memory of the batches that wait [bytes]."""
        with self._changed:
            return sum(batch.nbytes for batch in self._waiting if batch is not None)

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end.

        Raises
        ------
        Exception
            What the source raised, after the batches that came before.
        """
        if self._n_read < _READ_AT_ONCE:
            self._n_read += 1
            return self._source.read()
        if self._thread is None:
            self._thread = threading.Thread(target=self._fill, name=self._name, daemon=True)
            self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error is not None or self._is_stopped)
            if self._waiting:
                batch = self._waiting.popleft()
                self._changed.notify_all()
                return batch
        if self._error is None:
            return None  # closed meanwhile by another thread: nobody wants more
        raise self._error

    def close(self, *, is_exhausted: bool) -> None:
        """End the thread, then close the source."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        while self._thread is not None and self._thread.is_alive():
            if not is_exhausted:
                self._interrupt_read()
            self._thread.join(_PAUSE_S)
        super().close(is_exhausted=is_exhausted)

    def _interrupt_read(self) -> None:
        try:
            self._source.interrupt()
        except Exception:  # the thread has to end before its connection is given back, and may do so by itself
            logger.exception("a query that is not wanted any more could not be interrupted")

    def _fill(self) -> None:
        try:
            batch: pa.RecordBatch | None
            while self._has_room():
                batch = self._source.read()
                with self._changed:
                    self._waiting.append(batch)
                    self._changed.notify_all()
                if batch is None:
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that reads
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _has_room(self) -> bool:
        """Wait until another batch may be made; False when none is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or len(self._waiting) < _AHEAD)
            return not self._is_stopped
