"""VOTable writers: BINARY2, the default, and TABLEDATA."""

from __future__ import annotations

from abc import ABC, abstractmethod
from binascii import b2a_base64
from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import VoError
from vo_server.formats.bigendian import pack_rows
from vo_server.formats.slices import slices
from vo_server.formats.text import cell_text, join_rows, null_text
from vo_server.formats.utf8 import byte_table, contains_bytes
from vo_server.model.query import Note
from vo_server.vo.votable import MIME, Serialization, Status, error_document, head, tail
from vo_server.vo.xml import ILLEGAL_PATTERN, REPLACEMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column
    from vo_server.model.truncation import Truncation

__all__ = ["Binary2Writer", "TabledataWriter"]

_SPECIAL: Final = byte_table([*range(0x09), 0x0B, 0x0C, *range(0x0D, 0x20), *b"&<>", 0xEF])
"""Bytes of characters that need care in XML; 0xEF begins U+FFFE and U+FFFF, and some harmless ones."""


class _VotableWriter(ABC):
    """What both serialisations share: the order of head, rows and tail, and how failures are told."""

    extension: ClassVar[str] = "vot"
    serialization: ClassVar[Serialization]

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the document; the head before the first batch is asked for.

        An error after that closes the table and is told in a second QUERY_STATUS (DALI 1.1, section 4.4.2); then it is
        raised again. So does a result that was cut, with OVERFLOW.
        """
        told = result.truncation
        yield head(
            result.columns,
            self.serialization,
            notes=(*result.notes, *_facts(told)),
            links=result.links,
            status=Status.OK if told is None else Status.OVERFLOW,
            message="" if told is None else told.message,
        )
        try:
            yield from self._rows(slices(result.batches), result.columns)
        except VoError as error:
            yield tail(self.serialization, status=Status.ERROR, message=str(error))
            raise
        cut = result.truncation
        if cut is None or cut == told:
            yield tail(self.serialization)
        else:
            yield tail(self.serialization, status=Status.OVERFLOW, message=cut.message, notes=_facts(cut))

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return a VOTable without a table that says what went wrong."""
        notes = [] if query is None else [Note("QUERY", query)]
        return error_document(str(error), notes=notes)

    @abstractmethod
    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]: ...


class Binary2Writer(_VotableWriter):
    """Rows as base64 of big-endian binary: exact, compact, quick to read; null, NaN and the empty string differ."""

    mime: ClassVar[str] = f"{MIME};serialization=BINARY2"
    serialization: ClassVar[Serialization] = Serialization.BINARY2

    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
        """Yield base64 that runs on over the borders of batches: whole groups of three bytes, the rest is kept."""
        rest = b""
        try:
            for batch in batches:
                data = rest + pack_rows(batch, columns)
                whole = len(data) - len(data) % 3
                rest = data[whole:]
                yield b2a_base64(memoryview(data)[:whole], newline=False)
        except VoError:
            yield b2a_base64(rest)
            raise
        yield b2a_base64(rest)


class TabledataWriter(_VotableWriter):
    """Rows as XML elements: readable by eye and by everything."""

    mime: ClassVar[str] = f"{MIME};serialization=TABLEDATA"
    serialization: ClassVar[Serialization] = Serialization.TABLEDATA

    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
        for batch in batches:
            cells = [_table_cells(one, column) for one, column in zip(batch.columns, columns, strict=True)]
            rows = join_rows(cells, between_cells="</TD><TD>", between_rows="</TD></TR>\n<TR><TD>")
            yield b"".join((b"<TR><TD>", rows, b"</TD></TR>\n"))


def _facts(cut: Truncation | None) -> tuple[Note, ...]:
    """Return what cut a result, for programs; the status says it to people."""
    return () if cut is None else tuple(Note(name, value) for name, value in cut.facts.items())


def _table_cells(cells: pa.Array, column: Column) -> pa.Array:
    text = cell_text(cells, column)
    if column.datatype.is_string:
        return _escaped(text)
    null = null_text(column.datatype)
    return text.fill_null(null) if null and text.null_count else text


def _escaped(text: pa.Array) -> pa.Array:
    """Escape a column of strings as :func:`vo_server.vo.xml.escape_text` does one."""
    if not contains_bytes(text, _SPECIAL):
        return text
    text = pc.replace_substring_regex(text, ILLEGAL_PATTERN, REPLACEMENT)
    for character, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = pc.replace_substring(text, character, reference)
    return text
