"""Counts what a load has written, while it is written: a second pass over all rows is never needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Tally"]


class Tally:
    """Rows, and NULLs of each column."""

    def __init__(self, schema: pa.Schema) -> None:
        self.n_rows = 0
        self._names = list(schema.names)
        self._nulls = [0] * len(self._names)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch."""
        self.n_rows += batch.num_rows
        for number, array in enumerate(batch.columns):
            self._nulls[number] += array.null_count

    @property
    def null_counts(self) -> dict[str, int]:
        """NULLs by column."""
        return dict(zip(self._names, self._nulls, strict=True))
