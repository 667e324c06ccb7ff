"""Read FITS tables: binary and ASCII extensions, with vectors, bits, unsigned integers and variable-length arrays.

The rows are read piece by piece. The file is open while its header is read and while its rows are, so that any number
of files can wait for their turn. A compressed file is unpacked to a temporary file each time, because the heap of
variable-length arrays lies behind the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError
from vo_server.formats.read.base import MalformedRows, TableFacts, batch_rows
from vo_server.formats.read.binary import text_array
from vo_server.formats.read.fits_head import FitsColumn, find_table
from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vo_server.formats.read.source import Source

    Bytes = NDArray[np.uint8]

__all__ = ["FitsReader"]

_TRUE, _FALSE = ord("T"), ord("F")
_LISTED: Final = 5
"""How many names of other tables a warning lists."""
_DESCRIPTORS: Final = {"P": ">i4", "Q": ">i8"}


class FitsReader:
    """One table of a FITS file.

    Texts lose their trailing blanks; a text that is empty then is NULL, since FITS cannot tell the two apart.

    Parameters
    ----------
    source
        The file; ``part`` is the number or name of the extension.

    Raises
    ------
    IngestError
        If the file is not FITS, is shorter than its header says, or has no such table.
    """

    null_texts: frozenset[str] = frozenset()
    keeps_empty: bool = False

    def __init__(self, source: Source) -> None:
        self.file = source.name
        self.malformed = MalformedRows()
        self._source = source
        self._state = source.state()
        with source.spooled() if source.is_compressed else source.glance() as stream:
            self._table = find_table(stream, file=source.name, wanted=source.part)
            self._check_size(stream)
        self._n_read = 0
        warnings: tuple[str, ...] = ()
        if source.part is None and self._table.others:
            others = self._table.others
            names = ", ".join(others[:_LISTED]) + (", …" if len(others) > _LISTED else "")
            choice = f"{source.path.name}[n] or {source.path.name}[NAME] ({names})"
            warnings = (f"the file has {len(others) + 1} tables; the first was taken, choose another with {choice}",)
        self.facts = TableFacts(
            tuple(one.column for one in self._table.columns),
            name=self._table.name,
            description=self._table.description,
            n_rows=self._table.n_rows,
            warnings=warnings,
        )

    def _check_size(self, stream: BinaryIO) -> None:
        table, size = self._table, stream.seek(0, 2)
        if size >= table.data_end:
            return
        whole = max(0, size - table.data_start) // max(1, table.row_bytes)
        where = f"inside row {whole + 1} of {table.n_rows}" if whole < table.n_rows else "inside the heap of its arrays"
        raise IngestError(
            f"the file ends {where}: {size} bytes instead of {table.data_end}",
            file=self.file,
            row=whole + 1 if whole < table.n_rows else None,
            hint="it is cut off; get it again",
        )

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of a row of the batches."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell how much has been read."""
        return self._n_read / max(1, self._table.n_rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        table = self._table
        if table.n_rows == 0:
            return
        names = [one.column.name for one in table.columns]
        step = batch_rows(table.row_bytes)
        with self._source.spooled() as stream:
            if self._source.state() != self._state:
                raise IngestError(
                    "the file was changed since its header was read", file=self.file, hint="load it again"
                )
            for start in range(0, table.n_rows, step):
                n_rows = min(step, table.n_rows - start)
                rows = self._bytes(stream, table.data_start + start * table.row_bytes, n_rows * table.row_bytes)
                rows = rows.reshape(n_rows, table.row_bytes)
                self._n_read = start
                arrays = [self._column(stream, one, rows) for one in table.columns]
                self._n_read = start + n_rows
                yield pa.RecordBatch.from_arrays(arrays, names=names)

    def _bytes(self, stream: BinaryIO, start: int, n_bytes: int) -> Bytes:
        stream.seek(start)
        data = stream.read(n_bytes)
        if len(data) < n_bytes:
            raise IngestError("the file became shorter while it was read", file=self.file)
        return np.frombuffer(data, np.uint8)

    def _column(self, stream: BinaryIO, one: FitsColumn, rows: Bytes) -> pa.Array:
        cells = _cells(one, rows)
        if one.descriptor is not None:
            return self._variable(stream, one, cells)
        if one.code == "A":
            text = _text(cells)
            # Fortran writes 1.5D+10.
            is_number = one.column.datatype.primitive is Primitive.DOUBLE
            return pc.replace_substring(text, "D", "E") if is_number else text
        if one.code == "X":
            bits = np.unpackbits(cells, axis=1)[:, : one.n_items].astype(bool)
            values = pa.array(bits.reshape(-1))
        else:
            values = _values(one, cells.reshape(-1))
        if not one.column.datatype.is_array:
            return values
        n_each = one.n_items * (2 if one.code in "CM" else 1)
        offsets = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(n_each)
        return pa.ListArray.from_arrays(pa.array(offsets), values)

    def _variable(self, stream: BinaryIO, one: FitsColumn, cells: Bytes) -> pa.Array:
        """Read variable-length arrays through their descriptors (element count, offset in the heap)."""
        assert one.descriptor is not None
        if one.n_items == 0:
            return pa.nulls(len(cells), one.column.datatype.arrow)
        pairs = cells.view(_DESCRIPTORS[one.descriptor]).astype(np.int64)
        counts, starts = pairs[:, 0], pairs[:, 1]
        per_item = one.dtype.itemsize * (2 if one.code in "CM" else 1)
        n_bytes = (counts + 7) // 8 if one.code == "X" else counts * per_item
        heap_bytes = self._table.data_end - self._table.heap_start
        outside = (counts < 0) | (starts < 0) | ((starts + n_bytes > heap_bytes) & (counts > 0))
        if outside.any():
            row = self._n_read + int(np.argmax(outside)) + 1
            raise IngestError("an array lies outside the heap", file=self.file, row=row, column=one.column.name)
        data = self._heap(stream, np.where(counts > 0, starts, 0), n_bytes)
        if one.code == "A":
            offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
            text = pa.StringArray.from_buffers(len(counts), pa.py_buffer(offsets), pa.py_buffer(data))
            return _empty_to_null(pc.utf8_rtrim(text, characters="\x00 "))
        if one.code == "X":
            every = np.unpackbits(data).astype(bool)
            bits = np.repeat(counts, n_bytes * 8)
            first = np.repeat(np.concatenate(([0], np.cumsum(n_bytes * 8)))[:-1], n_bytes * 8)
            values = pa.array(every[np.arange(len(every)) - first < bits])
        else:
            values = _values(one, data)
        n_each = counts * (2 if one.code in "CM" else 1)
        return pa.ListArray.from_arrays(pa.array(np.concatenate(([0], np.cumsum(n_each))).astype(np.int32)), values)

    def _heap(self, stream: BinaryIO, starts: NDArray[np.int64], n_bytes: NDArray[np.int64]) -> Bytes:
        """Gather the bytes of arrays in the heap; in one copy when they lie behind each other."""
        total = int(n_bytes.sum())
        if total == 0:
            return np.empty(0, np.uint8)
        used = n_bytes > 0
        ends = np.cumsum(n_bytes)
        first = int(starts[used][0])
        if (starts[used] == first + (ends - n_bytes)[used]).all():
            return self._bytes(stream, self._table.heap_start + first, total)
        low, high = int(starts[used].min()), int((starts + n_bytes)[used].max())
        span = self._bytes(stream, self._table.heap_start + low, high - low)
        return span[np.repeat(starts - low - (ends - n_bytes), n_bytes) + np.arange(total)]


def _cells(one: FitsColumn, rows: Bytes) -> Bytes:
    """Return the bytes of a column, shape (n, width)."""
    n_rows, row_bytes = rows.shape
    # As items of so many bytes: numpy copies them whole.
    column = np.ndarray((n_rows,), f"V{one.width_bytes}", rows, one.offset, (row_bytes,))
    return column.copy().view(np.uint8).reshape(n_rows, one.width_bytes)


def _text(cells: Bytes) -> pa.Array:
    return _empty_to_null(text_array(cells))


def _empty_to_null(text: pa.Array) -> pa.Array:
    is_empty = pc.equal(pc.binary_length(text), 0)
    return pc.if_else(is_empty, pa.scalar(None, pa.string()), text) if pc.any(is_empty).as_py() else text


def _values(one: FitsColumn, data: Bytes) -> pa.Array:
    """Return the numbers or booleans in some bytes, scaled and with NULL for TNULL."""
    if one.code == "L":
        return pa.array(data == _TRUE, mask=(data != _TRUE) & (data != _FALSE))
    stored = data.view(one.dtype)
    stored = stored.astype(stored.dtype.newbyteorder("="))
    nulls = None if one.null is None else stored == one.null
    if one.unsigned is not None:
        # Adding half the range is the same as flipping the highest bit.
        target = np.dtype(one.unsigned)
        half = np.array(1 << (8 * target.itemsize - 1), dtype=f"u{target.itemsize}")
        array = pa.array((stored.view(half.dtype) ^ half).view(target), mask=nulls)
        return array.cast(pa.string()) if one.unsigned == "u8" else array
    if one.is_scaled:
        return pa.array(stored * one.scale + one.zero, mask=nulls)
    return pa.array(stored, mask=nulls)
