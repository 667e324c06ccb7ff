"""Read a table out of a VOTable as a stream: TABLEDATA, BINARY and BINARY2, in constant memory."""

from __future__ import annotations

import binascii
import codecs
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError
from vo_server.formats.read.base import BATCH_ROWS, MalformedRows
from vo_server.formats.read.binary import BinaryRows
from vo_server.formats.read.tabledata import TableDataCutter
from vo_server.formats.read.votable_head import Head, RawField, check_tail, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from vo_server.formats.read.base import TableFacts

__all__ = ["VotableReader"]

CHUNK_BYTES: Final = 4 * 1024 * 1024
MAX_TAIL_BYTES: Final = 16 * 1024 * 1024
MAX_ROW_BYTES: Final = 512 * 1024 * 1024
"""A row longer than this is taken for a missing end tag."""


class VotableReader:
    """One TABLE of a VOTable.

    External and internal entities are refused, and rows that lie in another resource are not fetched.

    Parameters
    ----------
    open_stream
        Opens the document from its start; called once for the head and once for each reading.
    file
        Name for messages.
    table
        Number (from 1), name or ID of the TABLE; None for the first one.

    Raises
    ------
    IngestError
        If the document cannot be read.
    """

    null_texts: frozenset[str] = frozenset()
    keeps_empty: bool = False

    def __init__(self, open_stream: Callable[[], BinaryIO], *, file: str, table: str | None = None) -> None:
        self._open_stream = open_stream
        self.file = file
        self._table = table
        self.malformed = MalformedRows()
        with open_stream() as stream:
            head = read_head(stream, file=file, wanted=table)
        self.facts: TableFacts = head.facts
        self.warnings: list[str] = []
        """What was noticed behind the rows."""

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of the row that came ``index``-th out of the batches."""
        number = index + 1
        for bad, _ in self.malformed.first:
            number += bad <= number
        return number

    def fraction(self) -> float | None:
        """Tell that the share of the file that has been read is not known."""
        return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        self.malformed = MalformedRows()
        self.warnings = []
        with self._open_stream() as stream:
            head = read_head(stream, file=self.file, wanted=self._table)
            if head.is_empty:
                return
            body = _Body(stream, head)
            if head.body == "TABLEDATA":
                yield from self._text_rows(body, head)
            else:
                yield from self._binary_rows(body, head)
            is_first = self._table is None
            self.warnings = check_tail(head, body.rest(self.file), file=self.file, is_first=is_first)

    def _batch(self, columns: list[pa.Array]) -> Iterator[pa.RecordBatch]:
        names = [column.name for column in self.facts.columns]
        batch = pa.RecordBatch.from_arrays(columns, names=names)
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)

    def _text_rows(self, body: _Body, head: Head) -> Iterator[pa.RecordBatch]:
        cutter = TableDataCutter(self.file, len(head.fields), head.prefix.encode("utf-8"), self.malformed)
        text, is_last = b"", False
        while not is_last:
            chunk = body.read()
            text += chunk
            piece, text, is_last = cutter.split(text)
            for columns in cutter.cut(piece):
                yield from self._batch([_spaced(one, cell) for one, cell in zip(head.fields, columns, strict=True)])
            if not chunk and not is_last:
                raise self._cut_off(cutter.n_rows)
            if len(text) > MAX_ROW_BYTES:
                raise IngestError(f"a row has more than {MAX_ROW_BYTES} bytes", file=self.file, row=cutter.n_rows + 1)
        body.push_back(text)

    def _binary_rows(self, body: _Body, head: Head) -> Iterator[pa.RecordBatch]:
        rows = BinaryRows(head.fields, has_flags=head.body == "BINARY2", file=self.file)
        data = b""
        for decoded in body.base64(self.file, lambda: rows.n_rows):
            data += decoded
            if len(data) < rows.piece_bytes:
                continue
            arrays, used = rows.decode(data)
            data = data[used:]
            yield from self._batch(arrays)
        arrays, used = rows.decode(data)
        if used != len(data):
            raise self._cut_off(rows.n_rows)
        yield from self._batch(arrays)

    def _cut_off(self, n_rows: int) -> IngestError:
        return IngestError(
            "the file ends inside the table",
            file=self.file,
            row=n_rows + 1,
            hint="it seems to be cut off; get it again",
        )


def _spaced(field: RawField, cells: pa.Array) -> pa.Array:
    """Set the digits of bit arrays apart, which may be written without white space."""
    if field.datatype != "bit" or field.arraysize is None:
        return cells
    return pc.replace_substring_regex(cells, pattern="([01])", replacement=r"\1 ")


class _Body:
    """The bytes behind the start tag of the rows, in UTF-8."""

    def __init__(self, stream: BinaryIO, head: Head) -> None:
        self._stream = stream
        self._pending = head.rest
        self._decoder = None
        if head.encoding not in ("utf-8", "ascii"):
            self._decoder = codecs.getincrementaldecoder(head.encoding)()

    def read(self) -> bytes:
        """Return some more bytes; none at the end."""
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        data = self._stream.read(CHUNK_BYTES)
        return data if self._decoder is None else self._decoder.decode(data, not data).encode("utf-8")

    def push_back(self, data: bytes) -> None:
        """Put bytes back in front."""
        self._pending = data + self._pending

    def base64(self, file: str, n_rows: Callable[[], int]) -> Iterator[bytes]:
        """Yield the decoded bytes of a STREAM up to its end tag, which is left in front."""
        kept = b""
        while True:
            chunk = self.read()
            if not chunk:
                raise IngestError(
                    "the file ends inside the table",
                    file=file,
                    row=n_rows() + 1,
                    hint="it seems to be cut off; get it again",
                )
            end = chunk.find(b"<")
            kept += (chunk if end < 0 else chunk[:end]).translate(None, b" \t\r\n")
            whole = len(kept) if end >= 0 else len(kept) - len(kept) % 4
            try:
                yield binascii.a2b_base64(kept[:whole], strict_mode=True)
            except binascii.Error as error:
                raise IngestError(f"the rows are not valid base64: {error}", file=file, row=n_rows() + 1) from error
            kept = kept[whole:]
            if end >= 0:
                self.push_back(chunk[end:])
                return

    def rest(self, file: str) -> bytes:
        """Return everything that follows."""
        parts = []
        total = 0
        while data := self.read():
            parts.append(data)
            total += len(data)
            if total > MAX_TAIL_BYTES:
                raise IngestError(f"more than {MAX_TAIL_BYTES} bytes follow behind the rows", file=file)
        return b"".join(parts)
