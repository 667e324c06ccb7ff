"""Rows that are in no file, as a reader for a load: those of a release, of a query's answer, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.formats.read.base import MalformedRows, TableFacts
from vo_server.load.description import COMPUTED_DEC, COMPUTED_RA
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from vo_server.engine.base import Engine
    from vo_server.model.table import Table

__all__ = ["BatchReader", "given_columns", "stored_rows"]


class BatchReader:
    """Rows as Arrow has them; a :class:`~vo_server.formats.read.base.TableReader`.

    Parameters
    ----------
    name
        What messages call the rows.
    facts
        What is known of them.
    batches
        Gives batches with the columns of ``facts``, in their order and of the Arrow types of their datatypes; nothing
        for a table without rows.
    """

    def __init__(
        self, name: str, facts: TableFacts, batches: Callable[[], Iterator[pa.RecordBatch]] | None = None
    ) -> None:
        self.file = name
        self.facts = facts
        self.null_texts: frozenset[str] = frozenset()
        self.keeps_empty = True
        self.malformed = MalformedRows()
        self._batches = batches

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows."""
        if self._batches is not None:
            yield from self._batches()

    def row_number(self, index: int) -> int:
        """Return the number of a row, from 1."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell nothing: how many rows there are is known beforehand, or not at all."""
        return None


def given_columns(table: Table, *, is_computed: bool) -> tuple[str, ...]:
    """Return the names of the columns of a table that its files had, without those that a load computes.

    Parameters
    ----------
    table
        The table.
    is_computed
        Whether positions are computed when rows are loaded; the columns may have come with the rows as well.
    """
    computed = {HEALPIX_COLUMN, COMPUTED_RA, COMPUTED_DEC} if is_computed else {HEALPIX_COLUMN}
    return tuple(column.name for column in table.columns if column.name not in computed)


def stored_rows(engine: Engine, table: Table, *, is_computed: bool) -> BatchReader:
    """Return the rows of a release, to be loaded again together with others; what a load computes is left out."""
    names = given_columns(table, is_computed=is_computed)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in engine.read(table):
            yield batch.select(list(names))

    columns = tuple(table.by_name[name] for name in names)
    return BatchReader(table.full_name, TableFacts(columns, n_rows=table.n_rows), batches)
