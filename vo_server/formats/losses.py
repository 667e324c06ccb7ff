"""What rows have that a format of text cannot carry; told behind the last row, when it is known to have happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.text import null_text
from vo_server.formats.utf8 import contains_bytes
from vo_server.vo.xml import ILLEGAL_PATTERN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.table import Column

__all__ = ["LOSS_NAME", "LineEndLosses", "MarkupLosses", "on_one_line"]

LOSS_NAME: Final = "FORMAT_LOSS"
"""Name of the note, or of the comment, that tells of a loss."""

_LINE_END: Final = "\r\n|[\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]"
"""What Python takes for the end of a line, and astropy with it (``str.splitlines``)."""

_LINE_END_STARTS: Final = b"\n\x0b\x0c\r\x1c\x1d\x1e\xc2\xe2"
"""Bytes with which the characters of :data:`_LINE_END` begin, and some harmless ones."""

_ILLEGAL_STARTS: Final = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xEF])
"""Bytes with which characters begin that XML cannot hold, and some harmless ones."""


@dataclass
class _Seen:
    has_null: bool = False
    has_empty: bool = False
    has_illegal: bool = False


class MarkupLosses:
    """What elements cannot tell: NULL from what is empty, and characters that XML does not have.

    Parameters
    ----------
    columns
        Columns of the rows.
    fills_null_arrays
        Whether a null array of fixed length is written as null elements, as TABLEDATA has it.
    """

    def __init__(self, columns: Sequence[Column], *, fills_null_arrays: bool) -> None:
        self._columns = columns
        self._fills_null_arrays = fills_null_arrays
        self._seen = {
            index: _Seen() for index, one in enumerate(columns) if one.datatype.is_string or one.datatype.is_array
        }

    def see(self, batch: pa.RecordBatch) -> None:
        """Take rows into account."""
        for index, seen in self._seen.items():
            _see(batch.column(index), seen)

    @property
    def told(self) -> list[str]:
        """What happened, one sentence for each column and kind of loss."""
        found = []
        for index, seen in self._seen.items():
            column = self._columns[index]
            filler = null_text(column.datatype) if self._fills_null_arrays else ""
            if seen.has_null and filler:
                found.append(f"column {column.name}: NULL is written as {filler}")
            elif seen.has_null and seen.has_empty:
                kind = "array" if column.datatype.is_array else "text"
                found.append(f"column {column.name}: NULL and the empty {kind} are both written as an empty cell")
            if seen.has_illegal:
                found.append(f"column {column.name}: characters that XML cannot hold are written as U+FFFD")
        return found


def _see(cells: pa.Array, seen: _Seen) -> None:
    seen.has_null |= cells.null_count > 0
    is_text = pa.types.is_string(cells.type)
    if not seen.has_empty:
        lengths = pc.binary_length(cells) if is_text else pc.list_value_length(cells)
        seen.has_empty = bool(pc.any(pc.equal(lengths, 0)).as_py())
    if is_text and not seen.has_illegal and contains_bytes(cells, _ILLEGAL_STARTS):
        seen.has_illegal = bool(pc.any(pc.match_substring_regex(cells, ILLEGAL_PATTERN)).as_py())


@dataclass
class LineEndLosses:
    """Line ends inside texts, which a format of lines cannot have."""

    columns: Sequence[Column]
    _found: set[int] = field(init=False, default_factory=set)

    def see(self, batch: pa.RecordBatch) -> None:
        """Take rows into account."""
        for index, column in enumerate(self.columns):
            if column.datatype.is_string and index not in self._found and _has_line_end(batch.column(index)):
                self._found.add(index)

    @property
    def told(self) -> list[str]:
        """What happened, one sentence for each column."""
        names = (self.columns[index].name for index in sorted(self._found))
        return [f"column {name}: line ends are written as spaces" for name in names]


def on_one_line(text: pa.Array) -> pa.Array:
    """Return texts with a space for each line end."""
    return pc.replace_substring_regex(text, _LINE_END, " ") if _has_line_end(text) else text


def _has_line_end(text: pa.Array) -> bool:
    if not contains_bytes(text, _LINE_END_STARTS):
        return False
    return bool(pc.any(pc.match_substring_regex(text, _LINE_END)).as_py())
