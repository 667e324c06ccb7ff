"""What a reader of tables is: a description of what the file says, and its rows as a stream of Arrow batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from vo_server.model.table import Column

__all__ = ["BATCH_BYTES", "BATCH_ROWS", "MALFORMED_KEPT", "MalformedRows", "TableFacts", "TableReader", "batch_rows"]

BATCH_ROWS: Final = 32_768
"""Most rows in a batch: enough to make the cost per batch vanish."""

BATCH_BYTES: Final = 8 * 1024 * 1024
"""Most bytes in a batch, as far as the width of a row is known beforehand."""

MALFORMED_KEPT: Final = 100
"""How many malformed rows are remembered one by one; the others are only counted."""


def batch_rows(row_bytes: int) -> int:
    """Return how many rows of this width make a batch."""
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))


@dataclass(frozen=True)
class TableFacts:
    """What a file says about its table, before anybody has judged it."""

    columns: tuple[Column, ...]
    """Names, types, units, UCDs and null marks as the file writes them; units and UCDs are not checked yet."""
    name: str | None = None
    description: str | None = None
    n_rows: int | None = None
    """Number of rows when the file tells it beforehand."""
    warnings: tuple[str, ...] = ()
    frames: Mapping[str, str] = field(default_factory=dict)
    """Coordinate systems by column name (VOTable COOSYS), e.g. ``ICRS``."""
    valueless: frozenset[str] = frozenset()
    """Columns of a text format that have no value at all, so that their type is not known."""
    nearly_numbers: Mapping[str, str] = field(default_factory=dict)
    """Text columns of a text format whose values are numbers but for a few, with what is to be said of those."""


@dataclass
class MalformedRows:
    """Rows that could not be cut into cells; they are not in the batches."""

    n_rows: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)
    """Row number from 1 and what is wrong, in the order of the file, at most ``MALFORMED_KEPT``."""

    def add(self, row: int, message: str) -> None:
        """Count one malformed row."""
        self.n_rows += 1
        if len(self.first) < MALFORMED_KEPT:
            self.first.append((row, message))


@runtime_checkable
class TableReader(Protocol):
    """One table in one file.

    A batch has one column for each of ``facts.columns``, in their order. Binary formats give the Arrow type of the
    column's datatype; text formats may give strings, which :func:`vo_server.formats.read.cast.cast` turns into values,
    so that a value that cannot be read is found by row and column.
    """

    file: str
    """The file as the user named it."""
    facts: TableFacts
    null_texts: frozenset[str]
    """Texts that mean NULL in a text format, besides the null marks of the columns."""
    keeps_empty: bool
    """Whether an empty text in the batches is one; otherwise it means NULL, as where a format has no other NULL."""
    malformed: MalformedRows
    """Filled while the batches are read."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the file from its start; each call begins anew."""
        ...

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of the row that came ``index``-th (from 0) out of the batches."""
        ...

    def fraction(self) -> float | None:
        """Tell how much of the file has been read, 0 to 1, or None when that is unknown."""
        ...
