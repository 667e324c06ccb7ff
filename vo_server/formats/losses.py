"""What rows have that a format of text cannot carry; told behind the last row, when it is known to have happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from vo_server.formats.text import null_text
from vo_server.formats.utf8 import contains_bytes
from vo_server.vo.xml import ILLEGAL_PATTERN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

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
class _TextSeen:
    has_null: bool = False
    has_empty: bool = False
    has_illegal: bool = False


@dataclass
class MarkupLosses:
    """What elements cannot tell: NULL from the empty text, whole null arrays, and characters that XML does not have."""

    columns: Sequence[Column]
    _texts: dict[int, _TextSeen] = field(init=False)
    _null_arrays: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._texts = {index: _TextSeen() for index, one in enumerate(self.columns) if one.datatype.is_string}

    def see(self, batch: pa.RecordBatch) -> None:
        """Take rows into account."""
        for index, seen in self._texts.items():
            _see_text(batch.column(index), seen)
        for index, column in enumerate(self.columns):
            if column.datatype.is_array and batch.column(index).null_count and null_text(column.datatype):
                self._null_arrays.add(index)

    @property
    def told(self) -> list[str]:
        """What happened, one sentence for each column and kind of loss."""
        found = []
        for index, seen in self._texts.items():
            name = self.columns[index].name
            if seen.has_null and seen.has_empty:
                found.append(f"column {name}: NULL and the empty text are both written as an empty cell")
            if seen.has_illegal:
                found.append(f"column {name}: characters that XML cannot hold are written as U+FFFD")
        for index in sorted(self._null_arrays):
            column = self.columns[index]
            found.append(f"column {column.name}: NULL is written as {null_text(column.datatype)}")
        return found


def _see_text(cells: pa.Array, seen: _TextSeen) -> None:
    seen.has_null |= cells.null_count > 0
    seen.has_empty = seen.has_empty or bool(pc.any(pc.equal(pc.binary_length(cells), 0)).as_py())
    if not seen.has_illegal and contains_bytes(cells, _ILLEGAL_STARTS):
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
