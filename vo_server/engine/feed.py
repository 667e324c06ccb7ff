"""Hands batches over to a statement that reads a stream, so that the file is read while the database writes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BatchFeed"]

_AHEAD: Final = 1
"""Batches that wait for the database at most, beside the one that it reads and the one that is made."""


class _AbortedError(Exception):
    """Ends the statement of a load that is given up."""


class BatchFeed:
    """A stream of batches that one thread fills and a statement in another one empties.

    Parameters
    ----------
    schema
        Of every batch.
    consume
        Runs the statement, in a thread of its own, to the end of the reader that it is given.
    name
        Of the thread.
    """

    def __init__(self, schema: pa.Schema, consume: Callable[[pa.RecordBatchReader], object], *, name: str) -> None:
        self._schema = schema
        self._consume = consume
        self._waiting: deque[pa.RecordBatch] = deque()
        self._changed = threading.Condition()
        self._is_complete = False
        self._is_aborted = False
        self._is_over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, batch: pa.RecordBatch) -> None:
        """Append a batch; waits while the database has enough to do.

        Raises
        ------
        Exception
            What ended the statement, if it has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or len(self._waiting) < _AHEAD)
            if not self._is_over:
                self._waiting.append(batch)
                self._changed.notify_all()
        self._raise_if_failed()

    def end(self) -> None:
        """Tell that no batches follow; does not wait."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until the database has all the batches.

        Raises
        ------
        Exception
            What the statement raised.
        """
        self.end()
        self._thread.join()
        self._raise_if_failed()

    def abort(self) -> None:
        """Make the statement fail and wait for its end; without effect when it has ended."""
        with self._changed:
            self._is_aborted = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._consume(pa.RecordBatchReader.from_batches(self._schema, self._batches()))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that fills
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_complete or self._is_aborted)
                if self._is_aborted:
                    raise _AbortedError
                if not self._waiting:
                    return
                batch = self._waiting.popleft()
                self._changed.notify_all()
            yield batch

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error
