"""FITS writer: a binary table whose header is exact, made of rows that wait on disk until they are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from vo_server.errors import UsageError
from vo_server.formats.fits.form import forms_of, heap_bytes
from vo_server.formats.fits.header import BLOCK_BYTES, primary_header, table_header
from vo_server.formats.fits.rows import RowPacker, row_type
from vo_server.formats.fits.spool import spooled
from vo_server.formats.fits.survey import Survey
from vo_server.formats.names import uniquely_named
from vo_server.formats.outcome import Outcome, plain_error
from vo_server.formats.slices import slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from vo_server.errors import VoError
    from vo_server.formats.fits.spool import Spool
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["FitsWriter"]

MAX_COLUMNS: Final = 999
"""FITS 4.0, section 7.3.1."""

_PIECE_BYTES: Final = 1024 * 1024
"""Rows that are made at once [bytes]: cell by cell they are written in stripes, which is quick inside a cache only."""


class FitsWriter:
    """Rows as a binary table: widths, TNULL and 32 or 64 bits are chosen from the rows themselves.

    The first unit of the file does not depend on the rows and goes out at once; the table follows when the last row
    has come. An error in between leaves a file without a table.
    """

    mime: ClassVar[str] = "application/fits"
    extension: ClassVar[str] = "fits"
    is_text: ClassVar[bool] = False

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the file.

        Raises
        ------
        UsageError
            At once, if there are more columns than FITS can have.
        ConfigurationError
            If the rows cannot be kept on disk.
        """
        if len(result.columns) > MAX_COLUMNS:
            raise UsageError(
                f"the result has {len(result.columns)} columns; FITS has {MAX_COLUMNS} at most",
                hint="name the columns that you need, or ask for another format",
            )
        return self._pieces(result, uniquely_named(result.columns))

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)

    @staticmethod
    def _pieces(result: QueryResult, columns: Sequence[Column]) -> Iterator[bytes]:
        yield primary_header()
        yield b""  # all rows are read before the next piece
        survey = Survey(columns)
        with spooled(result.batches, result.schema, survey.see) as spool:
            forms = forms_of(columns, survey)
            row_bytes = row_type(forms).itemsize
            n_heap_bytes = heap_bytes(columns, forms, survey)
            yield table_header(
                columns,
                forms,
                result,
                Outcome.of(result),
                n_rows=survey.n_rows,
                row_bytes=row_bytes,
                heap_bytes=n_heap_bytes,
            )
            packer = RowPacker(columns, forms)
            for batch in _narrow(spool, row_bytes):
                yield packer.rows(batch)
            if n_heap_bytes:
                for batch in _narrow(spool, row_bytes):
                    yield from packer.heap(batch)
            yield bytes(-(row_bytes * survey.n_rows + n_heap_bytes) % BLOCK_BYTES)


def _narrow(spool: Spool, row_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches in pieces that stay small with all their padding."""
    return slices(spool.batches(), row_bytes=row_bytes, piece_bytes=_PIECE_BYTES)
