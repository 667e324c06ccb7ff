"""VOTable writers: BINARY2, the default, and TABLEDATA."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pybase64 import b64encode

from vo_server.errors import VoError
from vo_server.formats.bigendian import pack_rows
from vo_server.formats.losses import LOSS_NAME, MarkupLosses
from vo_server.formats.markup import escaped
from vo_server.formats.outcome import Outcome
from vo_server.formats.slices import PIECE_BYTES, TEXT_BYTES, slices
from vo_server.formats.text import cell_text, join_rows, null_text
from vo_server.model.query import Note
from vo_server.vo.datalink import service_descriptors
from vo_server.vo.votable import MIME, Serialization, Status, error_document, head, tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["Binary2Writer", "TabledataWriter"]


class _VotableWriter(ABC):
    """What both serialisations share: the order of head, rows and tail, and how failures are told."""

    extension: ClassVar[str] = "vot"
    serialization: ClassVar[Serialization]
    piece_bytes: ClassVar[int] = PIECE_BYTES
    """Arrow bytes that are written at once."""

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the document; the head before the first batch is asked for.

        An error after that closes the table and is told in a second QUERY_STATUS (DALI 1.1, section 4.4.2); then it is
        raised again. So does a result that was cut, with OVERFLOW.
        """
        told = Outcome.of(result)
        losses = self._losses(result.columns)
        yield head(
            result.columns,
            self.serialization,
            notes=(*result.notes, *told.notes),
            links=result.links,
            status=told.status,
            message=told.message,
        )
        try:
            batches = slices(result.batches, piece_bytes=self.piece_bytes)
            yield from self._rows(_watched(batches, losses), result.columns)
        except VoError as error:
            yield tail(self.serialization, status=Status.ERROR, message=str(error))
            raise
        lost = tuple(Note(LOSS_NAME, text) for text in losses.told) if losses is not None else ()
        outcome = Outcome.of(result)
        after = service_descriptors(result.services, result.columns)
        if outcome == told:
            yield tail(self.serialization, notes=lost, after=after)
        else:
            notes = (*outcome.notes, *lost)
            yield tail(self.serialization, status=outcome.status, message=outcome.message, notes=notes, after=after)

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return a VOTable without a table that says what went wrong."""
        notes = [] if query is None else [Note("QUERY", query)]
        return error_document(str(error), notes=notes)

    def _losses(self, columns: Sequence[Column]) -> MarkupLosses | None:  # noqa: ARG002 - what BINARY2 loses: nothing
        """Return what watches the rows for values that the serialisation cannot tell, None where it can tell all."""
        return None

    @abstractmethod
    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]: ...


class Binary2Writer(_VotableWriter):
    """Rows as base64 of big-endian binary: exact, compact, quick to read; null, NaN and the empty string differ."""

    mime: ClassVar[str] = f"{MIME};serialization=BINARY2"
    serialization: ClassVar[Serialization] = Serialization.BINARY2
    is_text: ClassVar[bool] = False

    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
        """Yield base64 that runs on over the borders of batches: whole groups of three bytes, the rest is kept."""
        rest = b""
        try:
            for batch in batches:
                data = rest + pack_rows(batch, columns)
                whole = len(data) - len(data) % 3
                rest = data[whole:]
                yield b64encode(memoryview(data)[:whole])
        except VoError:
            yield b64encode(rest) + b"\n"
            raise
        yield b64encode(rest) + b"\n"


class TabledataWriter(_VotableWriter):
    """Rows as XML elements: readable by eye and by everything."""

    mime: ClassVar[str] = f"{MIME};serialization=TABLEDATA"
    serialization: ClassVar[Serialization] = Serialization.TABLEDATA
    is_text: ClassVar[bool] = True
    piece_bytes: ClassVar[int] = TEXT_BYTES

    def _losses(self, columns: Sequence[Column]) -> MarkupLosses:
        return MarkupLosses(columns, fills_null_arrays=True)

    def _rows(self, batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
        for batch in batches:
            cells = [_table_cells(one, column) for one, column in zip(batch.columns, columns, strict=True)]
            yield join_rows(cells, before="<TR><TD>", between="</TD><TD>", after="</TD></TR>\n")


def _watched(batches: Iterator[pa.RecordBatch], losses: MarkupLosses | None) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if losses is not None:
            losses.see(batch)
        yield batch


def _table_cells(cells: pa.Array, column: Column) -> pa.Array:
    text = cell_text(cells, column)
    if column.datatype.is_string:
        return escaped(text)
    null = null_text(column.datatype)
    return text.fill_null(null) if null and text.null_count else text
