"""Find a table in a FITS file and read what its header says of the columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyWarning

from vo_server.errors import IngestError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column
from vo_server.quiet import quiet

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["FitsColumn", "FitsTable", "find_table"]

BLOCK_BYTES: Final = 2880
_CARD_BYTES: Final = 80
_MAX_HEADER_BLOCKS: Final = 20_000
_TFORM: Final = re.compile(r"\s*(\d*)\s*([LXBIJKAEDCMPQ])(.*)")
_VARIABLE: Final = re.compile(r"([LXBIJKAEDCM])")
_ASCII_TFORM: Final = re.compile(r"\s*([AIFED])(\d+)(?:\.\d+)?")
_DTYPES: Final = {
    "L": "u1",
    "X": "u1",
    "B": "u1",
    "A": "u1",
    "I": ">i2",
    "J": ">i4",
    "K": ">i8",
    "E": ">f4",
    "D": ">f8",
    "C": ">f4",
    "M": ">f8",
}
_PRIMITIVES: Final = {
    "L": Primitive.BOOLEAN,
    "X": Primitive.BOOLEAN,
    "B": Primitive.UNSIGNED_BYTE,
    "A": Primitive.CHAR,
    "I": Primitive.SHORT,
    "J": Primitive.INT,
    "K": Primitive.LONG,
    "E": Primitive.FLOAT,
    "D": Primitive.DOUBLE,
    "C": Primitive.FLOAT,
    "M": Primitive.DOUBLE,
}
_UNSIGNED: Final = {
    ("B", -(2**7)): ("i1", Primitive.SHORT),
    ("I", 2**15): ("u2", Primitive.INT),
    ("J", 2**31): ("u4", Primitive.LONG),
    ("K", 2**63): ("u8", Primitive.CHAR),
}
"""TZERO values that mean another signedness (FITS 4.0, table 19); unsigned 64-bit integers become text."""
_DULL_COMMENT: Final = re.compile(r"(label|name|data format|format|units?|ttype|field|column)\b.*", re.IGNORECASE)
"""Comments of TTYPE cards that writers put there of themselves."""


@dataclass(frozen=True)
class FitsColumn:
    """A column of a FITS table: how it is described and how it lies in the row."""

    column: Column
    code: str
    """Letter of TFORM; for variable-length arrays that of their elements."""
    offset: int
    """Byte in the row."""
    n_items: int
    """Repeat count of TFORM."""
    width_bytes: int
    descriptor: str | None = None
    """``P`` or ``Q`` for variable-length arrays."""
    scale: float = 1.0
    zero: float = 0.0
    unsigned: str | None = None
    """numpy type after TZERO was applied to an integer of the other signedness."""
    null: int | None = None
    """TNULL, to be applied before scaling; None where null marks of the column do."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of an element in the file."""
        return np.dtype(_DTYPES[self.code])

    @property
    def is_scaled(self) -> bool:
        """True when values are not those stored."""
        return self.unsigned is None and (self.scale != 1.0 or self.zero != 0.0)


@dataclass(frozen=True)
class FitsTable:
    """Where a table lies in a file and what is in it."""

    columns: tuple[FitsColumn, ...]
    is_ascii: bool
    n_rows: int
    row_bytes: int
    data_start: int
    heap_start: int
    data_end: int
    """Byte behind the heap; the padding to a whole block is not missed when it is not there."""
    name: str | None
    description: str | None
    others: tuple[str, ...]
    """Names of the other tables in the file."""


def find_table(stream: BinaryIO, *, file: str, wanted: str | None) -> FitsTable:
    """Find a table extension.

    Parameters
    ----------
    stream
        The file, which can be sought.
    wanted
        Number of the extension (the primary HDU is 0) or its EXTNAME; None for the first table.

    Raises
    ------
    IngestError
        If the file is not FITS, is cut off in a header, or has no such table.
    """
    # What astropy mends by itself need not bother the publisher.
    with quiet(AstropyWarning):
        try:
            return _find(stream, file, wanted)
        except (VerifyError, KeyError, ValueError, TypeError, OverflowError) as error:
            # Cards are read when they are asked for, so that damage shows in any of these places.
            raise IngestError(f"a header is malformed: {' '.join(str(error).split())}", file=file) from error


def _find(stream: BinaryIO, file: str, wanted: str | None) -> FitsTable:
    position, number, tables = 0, 0, []
    chosen: tuple[Header, int, int] | None = None
    size = stream.seek(0, 2)
    while position < size:
        header, data_start = _read_header(stream, position, number, file)
        kind = str(header.get("XTENSION", "")).strip()
        if kind in ("BINTABLE", "A3DTABLE", "TABLE"):
            name = str(header.get("EXTNAME", "")).strip() or str(number)
            tables.append(name)
            if chosen is None and (wanted is None or wanted.strip().lower() in (str(number), name.lower())):
                chosen = header, data_start, len(tables) - 1
        position = data_start + -(-_data_bytes(header) // BLOCK_BYTES) * BLOCK_BYTES
        number += 1
    if size == 0:
        raise IngestError("the file is empty", file=file)
    if chosen is None:
        what = "no table" if wanted is None else f"no table {wanted!r}; its tables are {', '.join(tables) or 'none'}"
        raise IngestError(f"the file has {what}", file=file)
    header, data_start, index = chosen
    return _table(header, data_start, others=tables[:index] + tables[index + 1 :], file=file)


def _read_header(stream: BinaryIO, position: int, number: int, file: str) -> tuple[Header, int]:
    """Read the header that starts at a position; return it and where its data start."""
    stream.seek(position)
    text = b""
    for _ in range(_MAX_HEADER_BLOCKS):
        block = stream.read(BLOCK_BYTES)
        text += block
        if len(block) < BLOCK_BYTES:
            raise IngestError(
                f"the file ends inside the header of extension {number}", file=file, hint="it is cut off; get it again"
            )
        if any(block[at : at + 8] == b"END     " for at in range(0, BLOCK_BYTES, _CARD_BYTES)):
            break
        if number == 0 and not text.startswith(b"SIMPLE"):
            raise IngestError("it is not a FITS file", file=file)
    return Header.fromstring(text.decode("latin-1")), position + len(text)


def _data_bytes(header: Header) -> int:
    axes = [int(header.get(f"NAXIS{axis}", 0)) for axis in range(1, int(header.get("NAXIS", 0)) + 1)]
    if not axes:
        return 0
    if header.get("GROUPS") is True and axes[0] == 0:
        axes = axes[1:]
    per_item = abs(int(header.get("BITPIX", 8))) // 8
    return per_item * int(header.get("GCOUNT", 1)) * (int(header.get("PCOUNT", 0)) + prod(axes))


def _table(header: Header, data_start: int, *, others: list[str], file: str) -> FitsTable:
    if header.get("ZTABLE") is True or header.get("ZIMAGE") is True:
        raise IngestError("the table is stored in tile compression", file=file, hint="unpack it with funpack first")
    is_ascii = str(header["XTENSION"]).strip() == "TABLE"
    row_bytes, n_rows = int(header["NAXIS1"]), int(header["NAXIS2"])
    columns, offset = [], 0
    for number in range(1, int(header.get("TFIELDS", 0)) + 1):
        make = _ascii_column if is_ascii else _binary_column
        column = make(header, number, offset, file)
        offset = column.offset + column.width_bytes
        columns.append(column)
    if not columns:
        raise IngestError("the table has no columns", file=file)
    if offset > row_bytes:
        raise IngestError(f"the columns take {offset} bytes of a row of {row_bytes}", file=file)
    name = str(header.get("EXTNAME", "")).strip() or None
    return FitsTable(
        tuple(columns),
        is_ascii,
        n_rows,
        row_bytes,
        data_start,
        data_start + int(header.get("THEAP", row_bytes * n_rows)),
        data_start + row_bytes * n_rows + int(header.get("PCOUNT", 0)),
        name,
        str(header.get("TDESC", "") or header.get("TABDESCR", "")).strip() or None,
        tuple(others),
    )


def _keyword(header: Header, key: str, number: int) -> str | None:
    value = header.get(f"{key}{number}")
    return None if value is None else str(value).strip() or None


def _facts(header: Header, number: int, datatype: DataType, null_values: tuple[str, ...] = ()) -> Column:
    comment = header.comments[f"TTYPE{number}"].strip() if f"TTYPE{number}" in header else ""
    if _DULL_COMMENT.fullmatch(comment):
        comment = ""
    return Column(
        _keyword(header, "TTYPE", number) or f"col{number}",
        datatype,
        unit=_keyword(header, "TUNIT", number),
        ucd=_keyword(header, "TUCD", number),
        utype=_keyword(header, "TUTYP", number),
        description=_keyword(header, "TCOMM", number) or _keyword(header, "TDESC", number) or comment or None,
        null_values=null_values,
    )


def _binary_column(header: Header, number: int, offset: int, file: str) -> FitsColumn:
    form = _keyword(header, "TFORM", number) or ""
    found = _TFORM.match(form)
    if found is None:
        raise IngestError(f"TFORM{number} = {form!r} is not a FITS format", file=file)
    n_items, code, more = int(found[1] or 1), found[2], found[3]
    descriptor = None
    if code in "PQ":
        inner = _VARIABLE.match(more)
        if inner is None:
            raise IngestError(f"TFORM{number} = {form!r} is not a FITS format", file=file)
        descriptor, code = code, inner[1]
        # A count of 0 makes a column that is always empty (FITS 4.0, section 7.3.5).
        width = n_items * (8 if descriptor == "P" else 16)
    else:
        width = _width(code, n_items)
    scale, zero = float(header.get(f"TSCAL{number}", 1)), float(header.get(f"TZERO{number}", 0))
    null: Any = header.get(f"TNULL{number}")
    null = int(null) if isinstance(null, int) and code in "BIJK" else None
    unsigned = _UNSIGNED.get((code, int(zero))) if scale == 1 and zero != 0 else None
    is_scaled = unsigned is None and (scale != 1 or zero != 0) and code in "BIJKED"
    marks = () if null is None or unsigned is not None or is_scaled else (str(null),)
    primitive = unsigned[1] if unsigned else Primitive.DOUBLE if is_scaled else _PRIMITIVES[code]
    arraysize = _arraysize(header, number, code, n_items, is_variable=descriptor is not None)
    if primitive is Primitive.CHAR and code != "A":
        arraysize = "*"
    return FitsColumn(
        _facts(header, number, DataType(primitive, arraysize), marks),
        code,
        offset,
        n_items,
        width,
        descriptor,
        scale if is_scaled else 1.0,
        zero if is_scaled else 0.0,
        unsigned[0] if unsigned else None,
        None if marks else null,
    )


def _width(code: str, n_items: int) -> int:
    if code == "X":
        return (n_items + 7) // 8
    return n_items * np.dtype(_DTYPES[code]).itemsize * (2 if code in "CM" else 1)


def _arraysize(header: Header, number: int, code: str, n_items: int, *, is_variable: bool) -> str | None:
    if code == "A":
        return "*"
    if is_variable:
        return "*"
    if code in "CM":
        return str(2 * n_items)
    if n_items == 1:
        return None
    shape = (_keyword(header, "TDIM", number) or "").strip("() ")
    axes = [axis.strip() for axis in shape.split(",")] if shape else []
    if len(axes) > 1 and all(axis.isdigit() for axis in axes) and prod(map(int, axes)) == n_items:
        return "x".join(axes)
    return str(n_items)


def _ascii_column(header: Header, number: int, offset: int, file: str) -> FitsColumn:
    del offset
    form = _keyword(header, "TFORM", number) or ""
    found = _ASCII_TFORM.match(form)
    if found is None:
        raise IngestError(f"TFORM{number} = {form!r} is not a format of an ASCII table", file=file)
    width = int(found[2])
    datatype = {
        "A": DataType(Primitive.CHAR, "*"),
        "I": DataType(Primitive.LONG if width > 9 else Primitive.INT),  # noqa: PLR2004 - 9 digits fit 32 bits
    }.get(found[1], DataType(Primitive.DOUBLE))
    null = _keyword(header, "TNULL", number)
    return FitsColumn(
        _facts(header, number, datatype, () if null is None else (null,)),
        "A",
        int(header[f"TBCOL{number}"]) - 1,
        width,
        width,
    )
