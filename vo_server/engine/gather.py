"""Puts small batches together while they come quickly, and lets them go while they come slowly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vo_server.adql.tree import Select, TableName
from vo_server.engine.passing import Passing

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.stream import BatchSource

__all__ = ["Gathered", "is_steady"]

_LONGEST_S: Final = 0.1
"""Time that rows wait for others [s]."""


def is_steady(query: ResolvedQuery) -> bool:
    """Tell whether every row that is read is a row of the answer, so that rows come at the speed of the disk."""
    body = query.tree.body
    return (
        isinstance(body, Select)
        and len(body.tables) == 1
        and isinstance(body.tables[0], TableName)
        and not (body.where or body.group_by or body.having or body.is_distinct or query.tree.order_by)
    )


class Gathered(Passing):
    """A :class:`~vo_server.engine.stream.BatchSource` that makes larger batches of the small ones of another.

    For engines that fill a batch before they give it. A query that searches a large table for few rows would fill one
    of thousands of rows at its end only; a small one comes early, and what follows quickly is put together, which
    costs a tenth of a second for a million rows of 28 columns and saves more in the writers. The first rows never
    wait.

    Parameters
    ----------
    source
        What is read.
    wanted_bytes
        Size at which a batch is large enough [bytes].
    """

    def __init__(self, source: BatchSource, *, wanted_bytes: int) -> None:
        super().__init__(source)
        self._wanted_bytes = wanted_bytes
        self._is_begun = False
        self._is_ended = False
        self._error: Exception | None = None

    def read(self) -> pa.RecordBatch | None:
        """Return the next batch, or None at the end.

        Raises
        ------
        Exception
            What the source raised, after the batches that came before.
        """
        if self._error is not None:
            raise self._error
        batch = None if self._is_ended else self._source.read()
        if batch is None:
            self._is_ended = True
        elif self._is_begun:
            return self._with_more(batch)
        self._is_begun = True
        return batch

    def _with_more(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        batches, n_bytes, deadline_s = [batch], batch.nbytes, time.monotonic() + _LONGEST_S
        while n_bytes < self._wanted_bytes and time.monotonic() < deadline_s:
            try:
                more = self._source.read()
            except Exception as error:  # noqa: BLE001 - raised by the next read, after the rows before it
                self._error = error
                break
            if more is None:
                self._is_ended = True
                break
            batches.append(more)
            n_bytes += more.nbytes
        return batch if len(batches) == 1 else pa.concat_batches(batches)
