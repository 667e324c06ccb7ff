"""One part of a load on its way into the staging place: a transaction of the database takes its batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from vo_server.engine.arrow import conform, slices
from vo_server.engine.faults import translated
from vo_server.engine.feed import BatchFeed
from vo_server.errors import IngestError
from vo_server.model.query import arrow_schema

if TYPE_CHECKING:
    from types import TracebackType

    from vo_server.engine.faults import Classifier
    from vo_server.model.table import Table

__all__ = ["PartTransaction", "StreamedPart"]


class PartTransaction(Protocol):
    """What a database does for a part, all of it in one transaction."""

    def begin(self) -> None:
        """Begin."""
        ...

    def insert(self, rows: pa.RecordBatchReader) -> None:
        """Append a stream of batches, in a thread of its own."""
        ...

    def commit(self, key: str, note: str, n_rows: int) -> None:
        """Keep the rows, and what is to be known of them."""
        ...

    def rollback(self) -> None:
        """Forget the rows."""
        ...

    def close(self) -> None:
        """Give back what the transaction had; its outcome is known."""
        ...


class StreamedPart:
    """A part that a statement reads while it is written; a :class:`~vo_server.engine.base.PartWriter`.

    Parameters
    ----------
    table
        What is loaded.
    transaction
        Takes the rows.
    stored
        Schema that the database takes for that of the table.
    most_rows
        Most rows that are handed over at once.
    fault
        Tells the failures of the database.
    """

    def __init__(
        self,
        table: Table,
        transaction: PartTransaction,
        *,
        stored: pa.Schema,
        most_rows: int,
        fault: Classifier,
    ) -> None:
        self._table = table
        self._transaction = transaction
        self._schema = arrow_schema(table.columns)
        self._stored = stored
        self._most_rows = most_rows
        self._fault = fault
        self._doing = f"load {table.full_name}"
        self._n_rows = 0
        self._feed: BatchFeed | None = None

    def __enter__(self) -> Self:
        with translated(self._fault, doing=self._doing):
            self._transaction.begin()
        self._feed = BatchFeed(self._stored, self._transaction.insert, name=self._doing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._feed is not None:
            self._feed.abort()
            self._feed = None
            self._transaction.rollback()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch with exactly the schema ``arrow_schema(table.columns)``, hidden columns included."""
        assert self._feed is not None
        try:
            batch = conform(batch, self._schema)
        except ValueError as error:
            raise IngestError(f"rows of {self._table.full_name} do not fit its columns: {error}") from error
        with translated(self._fault, doing=self._doing):
            for piece in slices(conform(batch, self._stored), self._most_rows):
                self._feed.put(piece)
        self._n_rows += batch.num_rows

    def end(self) -> None:
        """Tell the database that no rows follow; does not wait for it."""
        assert self._feed is not None
        self._feed.end()

    def commit(self, key: str, note: str) -> None:
        """Make the rows staged."""
        assert self._feed is not None
        with translated(self._fault, doing=self._doing):
            self._feed.finish()
            self._transaction.commit(key, note, self._n_rows)
        self._feed = None
        self._transaction.close()
