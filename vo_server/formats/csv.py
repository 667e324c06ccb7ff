"""CSV (RFC 4180) and TSV writers.

Cells are VOTable literals, but for scalar booleans (``true``, ``false``) and infinity (``Inf``). Neither format can
say that rows were left out or that something failed half way: RFC 4180 has no comments, readers would take one for a
row. So the HTTP response tells the first, and an error breaks the transfer off; ECSV is the dialect that has comments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.outcome import plain_error
from vo_server.formats.slices import TEXT_BYTES, slices
from vo_server.formats.text import cell_text, join_rows
from vo_server.formats.utf8 import contains_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.errors import VoError
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["CsvWriter", "TsvWriter", "quoted"]

_CSV_SPECIAL: Final = b'",\r\n'
_TSV_SPECIAL: Final = b"\t\r\n"


class CsvWriter:
    """Comma-separated values with a header line; null is nothing, the empty string is ``""``."""

    mime: ClassVar[str] = "text/csv;header=present"
    extension: ClassVar[str] = "csv"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the header line, then the rows."""
        names = pa.array([column.name for column in result.columns], pa.string())
        yield ",".join(quoted(names).to_pylist()).encode() + b"\r\n"
        # A row of one null would be an empty line, which readers skip.
        is_lonely = len(result.columns) == 1
        for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
            cells = [_csv_cells(one, column) for one, column in zip(batch.columns, result.columns, strict=True)]
            if is_lonely:
                cells = [cells[0].fill_null('""')]
            yield join_rows(cells, between=",", after="\r\n")

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


class TsvWriter:
    """Tab-separated values with a header line; tabs and line ends inside a value become spaces."""

    mime: ClassVar[str] = "text/tab-separated-values"
    extension: ClassVar[str] = "tsv"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the header line, then the rows."""
        names = pa.array([column.name for column in result.columns], pa.string())
        yield "\t".join(_without_tabs(names).to_pylist()).encode() + b"\n"
        for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
            cells = [_tsv_cells(one, column) for one, column in zip(batch.columns, result.columns, strict=True)]
            yield join_rows(cells, between="\t", after="\n")

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


def _csv_cells(cells: pa.Array, column: Column) -> pa.Array:
    text = _plain_cells(cells, column)
    return quoted(text) if column.datatype.is_string else text


def quoted(text: pa.Array, special: bytes = _CSV_SPECIAL) -> pa.Array:
    """Put double quotes around the values that need them, and around the empty string, to tell it from a null."""
    needs_quotes = pc.equal(text, "")
    if contains_bytes(text, special):
        needs_quotes = pc.or_(needs_quotes, pc.match_substring_regex(text, f"[{special.decode()}]"))
    if not pc.any(needs_quotes).as_py():
        return text
    inside = pc.replace_substring(text, '"', '""')
    return pc.if_else(needs_quotes, pc.binary_join_element_wise('"', inside, '"', ""), text)


def _tsv_cells(cells: pa.Array, column: Column) -> pa.Array:
    text = _plain_cells(cells, column)
    return _without_tabs(text) if column.datatype.is_string else text


def _plain_cells(cells: pa.Array, column: Column) -> pa.Array:
    """Return cells as text; booleans and infinities as all readers of such files understand them."""
    if pa.types.is_boolean(cells.type):
        return pc.if_else(cells, "true", "false")
    text = cell_text(cells, column)
    if pa.types.is_floating(cells.type) and pc.any(pc.is_inf(cells)).as_py():
        return pc.replace_substring(text, "+Inf", "Inf")
    return text


def _without_tabs(text: pa.Array) -> pa.Array:
    if not contains_bytes(text, _TSV_SPECIAL):
        return text
    return pc.replace_substring_regex(text, "\r\n|[\t\r\n]", " ")
