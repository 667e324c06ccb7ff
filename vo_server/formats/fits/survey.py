"""What a FITS table must know of all rows before the first one: how long, how wide, which values are free for NULL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.cells import check_fixed_length
from vo_server.formats.fits.text import cell_text, is_beyond_ascii
from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.table import Column

__all__ = ["CANDIDATES", "ColumnFacts", "Survey"]

_N_CANDIDATES: Final = 8


def _candidates(dtype: str) -> tuple[int, ...]:
    """Return values that may stand for NULL, the best one first: those at the ends of the type's range."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    low, high = range(least, least + _N_CANDIDATES), range(most, most - _N_CANDIDATES, -1)
    # A byte of 0 is a common value; 255 is not.
    return (*high, *low) if least == 0 else (*low, *high)


CANDIDATES: Final[dict[Primitive, tuple[int, ...]]] = {
    Primitive.UNSIGNED_BYTE: _candidates("u1"),
    Primitive.SHORT: _candidates("i2"),
    Primitive.INT: _candidates("i4"),
    Primitive.LONG: _candidates("i8"),
}


@dataclass
class ColumnFacts:
    """What was seen of the cells of one column."""

    has_null: bool = False
    has_nan: bool = False
    """Scalars only."""
    has_null_element: bool = False
    """Inside an array."""
    has_empty: bool = False
    """An empty text, or an array of no elements."""
    is_beyond_ascii: bool = False
    longest: int = 0
    """Most characters of a text as it will be written, or elements of an array."""
    total: int = 0
    """Sum over all cells of the same."""
    seen: set[int] = field(default_factory=set)
    """Which of :data:`CANDIDATES` are values."""


class Survey:
    """The facts of all columns, batch by batch."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self.facts = [ColumnFacts() for _ in columns]
        self.n_rows = 0

    def see(self, batch: pa.RecordBatch) -> None:
        """Take a batch into account.

        Raises
        ------
        EngineError
            If a cell does not fit the declared type.
        """
        self.n_rows += batch.num_rows
        for cells, column, facts in zip(batch.columns, self._columns, self.facts, strict=True):
            facts.has_null |= cells.null_count > 0
            if column.datatype.is_array:
                check_fixed_length(cells, column)
                facts.has_null_element |= cells.flatten().null_count > 0
                _see_lengths(pc.list_value_length(cells), facts)
            elif column.datatype.is_string or column.datatype.is_timestamp:
                _see_text(cells, column, facts)
            elif pa.types.is_floating(cells.type):
                facts.has_nan = facts.has_nan or bool(pc.any(pc.is_nan(cells)).as_py())
            elif column.datatype.is_integer:
                _see_integers(cells, CANDIDATES[column.datatype.primitive], facts)


def _see_text(cells: pa.Array, column: Column, facts: ColumnFacts) -> None:
    text = cell_text(cells, column)
    if text is not cells and not column.datatype.is_timestamp:
        facts.is_beyond_ascii |= is_beyond_ascii(cells)
    check_fixed_length(cells, column)
    _see_lengths(pc.binary_length(text), facts)


def _see_lengths(lengths: pa.Array, facts: ColumnFacts) -> None:
    if lengths.null_count == len(lengths):
        return
    bounds = pc.min_max(lengths)
    facts.has_empty |= bounds["min"].as_py() == 0
    facts.longest = max(facts.longest, bounds["max"].as_py())
    facts.total += pc.sum(lengths).as_py()


def _see_integers(cells: pa.Array, candidates: tuple[int, ...], facts: ColumnFacts) -> None:
    if cells.null_count == len(cells):
        return
    low, high = (bound.as_py() for bound in pc.min_max(cells).values())
    ends = sorted(candidates)
    # Most columns are nowhere near the ends of their range; then nothing is searched.
    if low <= ends[_N_CANDIDATES - 1] or high >= ends[_N_CANDIDATES]:
        near = cells.filter(pc.is_in(cells, pa.array(candidates, cells.type)))
        facts.seen.update(near.unique().to_pylist())
