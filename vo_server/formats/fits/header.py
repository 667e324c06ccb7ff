"""Headers of the two units of a FITS file: an empty first one, and the table."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from vo_server.formats.fits.text import ascii_text
from vo_server.formats.outcome import origin_texts
from vo_server.vo.votable import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from astropy.io.fits import Header

    from vo_server.formats.fits.form import Form
    from vo_server.formats.outcome import Outcome
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["BLOCK_BYTES", "primary_header", "table_header"]

BLOCK_BYTES: Final = 2880
"""Headers and data are filled up to multiples of this size (FITS 4.0, section 3.1)."""

_NOT_KEYWORD: Final = re.compile(r"[^A-Za-z0-9_-]")


def primary_header() -> bytes:
    """Return the first unit, which has to be there, has no data, and depends on nothing."""
    header = _new_header()
    header["SIMPLE"] = (True, "conforms to FITS standard")
    header["BITPIX"] = 8
    header["NAXIS"] = 0
    header["EXTEND"] = (True, "the table is in the extension")
    return _to_bytes(header)


def table_header(
    columns: Sequence[Column],
    forms: Sequence[Form],
    result: QueryResult,
    outcome: Outcome,
    *,
    n_rows: int,
    row_bytes: int,
    heap_bytes: int,
) -> bytes:
    """Return the header of the table.

    Metadata of columns is in TUNIT, TUCD, TUTYP, TXTYP and TCOMM, as STILTS has it; notes are cards with their own
    names (HIERARCH); what the table could not carry is said in comments.

    Parameters
    ----------
    columns, forms
        The columns and how they are written.
    result
        Where the notes come from.
    outcome
        How the result ended.
    n_rows
        Number of rows.
    row_bytes, heap_bytes
        Size of a row and of the heap [bytes].
    """
    header = _new_header()
    header["XTENSION"] = ("BINTABLE", "binary table extension")
    header["BITPIX"] = 8
    header["NAXIS"] = 2
    header["NAXIS1"] = (row_bytes, "bytes of a row")
    header["NAXIS2"] = (n_rows, "rows")
    header["PCOUNT"] = (heap_bytes, "bytes of the heap")
    header["GCOUNT"] = 1
    header["TFIELDS"] = (len(columns), "columns")
    header["EXTNAME"] = "results"
    header["DATE"] = (f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}", "UTC")
    for number, (column, form) in enumerate(zip(columns, forms, strict=True), 1):
        header.extend(_column_cards(number, column, form))
    header["OVERFLOW"] = (outcome.status is Status.OVERFLOW, "T when a limit cut the rows off")
    told = [*outcome.facts.items(), *origin_texts(result)]
    header.extend((f"HIERARCH {_NOT_KEYWORD.sub('_', name)}", ascii_text(text)) for name, text in told)
    if outcome.message:
        header.add_comment(ascii_text(f"{outcome.status}: {outcome.message}"))
    for number, (column, form) in enumerate(zip(columns, forms, strict=True), 1):
        for loss in form.losses:
            header.add_comment(ascii_text(f"Column {number} ({column.name}): {loss}."))
    return _to_bytes(header)


def _column_cards(number: int, column: Column, form: Form) -> Iterator[tuple[str, str | int]]:
    yield f"TTYPE{number}", ascii_text(column.name)
    yield f"TFORM{number}", form.tform
    if form.null is not None:
        yield f"TNULL{number}", form.null
    if form.shape:
        yield f"TDIM{number}", f"({','.join(str(axis) for axis in form.shape)})"
    said = {
        "TUNIT": column.unit,
        "TUCD": column.ucd,
        "TUTYP": column.utype,
        "TXTYP": column.datatype.xtype,
        "TCOMM": column.description,
    }
    for keyword, text in said.items():
        if text:
            yield f"{keyword}{number}", ascii_text(text)


def _to_bytes(header: Header) -> bytes:
    text: str = header.tostring()
    return text.encode("ascii")


def _new_header() -> Header:
    from astropy.io.fits import Header  # noqa: PLC0415 - late: most answers are in other formats

    return Header()
