"""Cut TABLEDATA into columns of text, without a loop over rows.

A piece of the document is searched for tags with numpy; the texts of the cells are slices of the piece that Arrow
gathers column by column. Comments and CDATA sections are rewritten first where they occur.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vo_server.formats.read.base import MalformedRows

__all__ = ["TableDataCutter"]

_TD_OPEN, _TD_CLOSE, _TD_EMPTY, _TR_OPEN, _TR_CLOSE, _TR_EMPTY, _OTHER = range(7)
_LT, _GT, _SLASH, _T, _D, _R = (ord(letter) for letter in "<>/TDR")
_NAME_ENDS: Final = np.frombuffer(b"> /\t\r\n", np.uint8)
_COMMENT: Final = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_CDATA: Final = re.compile(rb"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_REFERENCE: Final = r"&(?:lt|gt|amp|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);"
_NUMERIC_REFERENCE: Final = re.compile(rb"&#(?:[0-9]+|x[0-9A-Fa-f]+);")
_NAMED: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"))


@dataclass
class TableDataCutter:
    """Turns pieces of a TABLEDATA element into batches of text."""

    file: str
    n_columns: int
    prefix: bytes
    malformed: MalformedRows
    n_rows: int = 0
    """Rows seen so far, malformed ones included."""

    @property
    def row_end(self) -> bytes:
        """Start of the tag behind each row."""
        return b"</" + self.prefix + b"TR"

    @property
    def body_end(self) -> bytes:
        """Start of the tag behind the last row."""
        return b"</" + self.prefix + b"TABLEDATA"

    def split(self, text: bytes) -> tuple[bytes, bytes, bool]:
        """Split at the end of the last whole row.

        Returns
        -------
        piece, rest, is_last
            Whole rows; what follows; True when the end tag of the body was seen, which then begins ``rest``.
        """
        text = self._plain(text)
        safe = self._open_markup(text)
        end = text.find(self.body_end, 0, safe)
        if end >= 0:
            return text[:end], text[end:], True
        cut = text.rfind(self.row_end, 0, safe)
        close = text.find(b">", cut) if cut >= 0 else -1
        return (b"", text, False) if close < 0 else (text[: close + 1], text[close + 1 :], False)

    def cut(self, piece: bytes) -> Iterator[list[pa.Array]]:
        """Yield the columns of the rows of a piece; nothing when it has no row."""
        codes, starts, ends = self._tags(piece)
        if len(codes) == 0:
            return
        self._check_structure(codes)
        is_cell = (codes == _TD_OPEN) | (codes == _TD_EMPTY)
        row_tags = np.flatnonzero((codes == _TR_OPEN) | (codes == _TR_EMPTY))
        cells_before = np.concatenate(([0], np.cumsum(is_cell)))
        first_cell = cells_before[row_tags]
        n_cells = np.diff(np.append(first_cell, cells_before[-1]))
        good = n_cells == self.n_columns
        self._report(n_cells, good)
        self.n_rows += len(row_tags)
        tags = np.flatnonzero(is_cell)
        cell_starts = ends[tags] + 1
        cell_stops = np.where(codes[tags] == _TD_EMPTY, cell_starts, starts[np.minimum(tags + 1, len(starts) - 1)])
        if good.any():
            yield self._columns(piece, cell_starts, cell_stops, first_cell[good])

    def _columns(
        self, piece: bytes, cell_starts: NDArray[np.int64], cell_stops: NDArray[np.int64], first: NDArray[np.int64]
    ) -> list[pa.Array]:
        # Cells and the markup between them, alternating, are one Arrow string array over the piece as it lies there.
        offsets = np.empty(2 * len(cell_starts) + 1, np.int32)
        offsets[0:-1:2], offsets[1::2], offsets[-1] = cell_starts, cell_stops, len(piece)
        both = pa.StringArray.from_buffers(2 * len(cell_starts), pa.py_buffer(offsets), pa.py_buffer(piece))
        columns = [both.take(pa.array(2 * (first + number))) for number in range(self.n_columns)]
        if b"\r" in piece:
            columns = [pc.replace_substring(column, "\r\n", "\n") for column in columns]
        if b"&" in piece:
            columns = [self._resolve(column, piece) for column in columns]
        try:
            for column in columns:
                column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise IngestError("text is not UTF-8", file=self.file, row=self.n_rows) from error
        return columns

    def _tags(self, piece: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Return kind, first and last offset of each tag."""
        text = np.frombuffer(piece + b"    ", np.uint8)
        starts = np.flatnonzero(text == _LT)
        closers = np.flatnonzero(text == _GT)
        order = np.searchsorted(closers, starts)
        if len(starts) and order[-1] >= len(closers):
            raise self._broken("a tag does not end")
        ends = closers[order]
        is_close = text[starts + 1] == _SLASH
        name = starts + 1 + is_close + len(self.prefix)
        name = np.minimum(name, len(text) - 3)
        letter = text[name + 1]
        known = (text[name] == _T) & np.isin(text[name + 2], _NAME_ENDS)
        is_empty = (text[ends - 1] == _SLASH) & ~is_close
        codes = np.full(len(starts), _OTHER, np.uint8)
        for of_letter, (opened, closed, empty) in (
            (_D, (_TD_OPEN, _TD_CLOSE, _TD_EMPTY)),
            (_R, (_TR_OPEN, _TR_CLOSE, _TR_EMPTY)),
        ):
            here = known & (letter == of_letter)
            codes[here] = np.where(is_close[here], closed, np.where(is_empty[here], empty, opened))
        return codes, starts.astype(np.int64), ends.astype(np.int64)

    def _check_structure(self, codes: NDArray[np.uint8]) -> None:
        """Check that tags follow each other as TABLEDATA demands."""
        if (codes == _OTHER).any():
            raise self._broken("an element that is neither TR nor TD", codes, int(np.argmax(codes == _OTHER)))
        after = np.append(codes[1:], _TR_OPEN)
        allowed = np.zeros((6, 6), bool)
        allowed[_TR_OPEN, [_TD_OPEN, _TD_EMPTY, _TR_CLOSE]] = True
        allowed[_TD_OPEN, _TD_CLOSE] = True
        for code in (_TD_CLOSE, _TD_EMPTY):
            allowed[code, [_TD_OPEN, _TD_EMPTY, _TR_CLOSE]] = True
        for code in (_TR_CLOSE, _TR_EMPTY):
            allowed[code, [_TR_OPEN, _TR_EMPTY]] = True
        wrong = ~allowed[codes, after]
        if codes[0] not in (_TR_OPEN, _TR_EMPTY) or wrong.any():
            raise self._broken("tags are not nested as TR and TD", codes, int(np.argmax(wrong)))

    def _broken(self, what: str, codes: NDArray[np.uint8] | None = None, at: int = 0) -> IngestError:
        row = self.n_rows + (0 if codes is None else int((codes[: at + 1] == _TR_OPEN).sum()))
        return IngestError(f"TABLEDATA is malformed: {what}", file=self.file, row=max(row, 1))

    def _report(self, n_cells: NDArray[np.int64], good: NDArray[np.bool_]) -> None:
        for index in np.flatnonzero(~good).tolist():
            self.malformed.add(self.n_rows + index + 1, f"{n_cells[index]} cells instead of {self.n_columns}")

    def _resolve(self, column: pa.Array, piece: bytes) -> pa.Array:
        """Replace references by their characters; only the predefined entities and character references exist."""
        n_signs = pc.sum(pc.count_substring(column, "&")).as_py() or 0
        if n_signs == 0:
            return column
        n_known = pc.sum(pc.count_substring_regex(column, _REFERENCE)).as_py() or 0
        if n_signs != n_known:
            raise IngestError("an XML entity that is not predefined, or a bare '&'", file=self.file, row=self.n_rows)
        for written, character in _NAMED:
            column = pc.replace_substring(column, written, character)
        for reference in sorted(set(_NUMERIC_REFERENCE.findall(piece))):
            text = reference.decode("ascii")
            column = pc.replace_substring(column, text, html.unescape(text))
        return pc.replace_substring(column, "&amp;", "&")

    @staticmethod
    def _plain(text: bytes) -> bytes:
        """Remove comments and processing instructions; write CDATA with references."""
        if b"<!" not in text and b"<?" not in text:
            return text
        text = _CDATA.sub(lambda found: html.escape(found.group(1).decode("utf-8"), quote=False).encode(), text)
        return _COMMENT.sub(b"", text)

    @staticmethod
    def _open_markup(text: bytes) -> int:
        """Return where a comment, CDATA section or instruction begins that does not end in the text, or its length."""
        found = [position for position in (text.rfind(b"<!"), text.rfind(b"<?")) if position >= 0]
        return min(found, default=len(text))
