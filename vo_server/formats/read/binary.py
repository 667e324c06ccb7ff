"""Decode rows of the VOTable serialisations BINARY and BINARY2, without a loop over rows.

Where a row starts depends on the lengths of all rows before it. The chain is followed by pointer doubling: for each
byte offset of a block it is computed where the next row would start if one started there, and this map is applied to
itself until no start is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError
from vo_server.formats.read.base import batch_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vo_server.formats.read.votable_head import RawField

    Offsets = NDArray[np.int64]

__all__ = ["BinaryRows", "text_array"]

_DTYPES: Final = {
    "boolean": "u1",
    "bit": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "char": "u1",
    "unicodeChar": ">u2",
    "float": ">f4",
    "double": ">f8",
    "floatComplex": ">f4",
    "doubleComplex": ">f8",
}
_COUNT_BYTES: Final = 4
_MAX_ROW_BYTES: Final = 2**31 - 1
_BLOCK_BYTES: Final = 128 * 1024
"""Bytes whose row starts are sought at once: small enough for the cache."""
_TRUTHS: Final = np.frombuffer(b"Tt1", np.uint8)
_SURROGATE_BITS: Final = 10
_HIGH_SURROGATE: Final = 0xD800 >> _SURROGATE_BITS
_LOW_SURROGATE: Final = 0xDC00 >> _SURROGATE_BITS
_REPLACEMENT: Final = 0xFFFD
_LAST_OF_ONE_BYTE: Final = 0x7F
_LAST_OF_TWO_BYTES: Final = 0x7FF
_FALSEHOODS: Final = np.frombuffer(b"Ff0", np.uint8)


@dataclass(frozen=True)
class _Cell:
    """How the cell of a column lies in a row."""

    datatype: str
    dtype: np.dtype[np.generic]
    n_fixed: int | None
    """Elements of a cell of fixed size; None when a count stands before the cell."""
    is_scalar: bool

    @property
    def fixed_bytes(self) -> int:
        """Bytes that every row has."""
        if self.n_fixed is None:
            return _COUNT_BYTES
        return (self.n_fixed + 7) // 8 if self.datatype == "bit" else self.n_fixed * self.dtype.itemsize

    def bytes_of(self, n_items: Offsets) -> Offsets:
        """Return the bytes of cells with these numbers of elements."""
        if self.datatype == "bit":
            return (n_items + 7) // 8
        return n_items * self.item_bytes

    @property
    def item_bytes(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize * (2 if self.datatype.endswith("Complex") else 1)

    @classmethod
    def of(cls, field: RawField) -> _Cell:
        """Return the layout of a FIELD."""
        shape = field.shape
        n_fixed = None if None in shape else prod(axis for axis in shape if axis is not None)
        if n_fixed is not None and field.datatype.endswith("Complex"):
            n_fixed *= 2
        return cls(field.datatype, np.dtype(_DTYPES[field.datatype]), n_fixed, not shape)


class BinaryRows:
    """Decoder of a stream of rows.

    Parameters
    ----------
    fields
        The FIELDs of the table.
    has_flags
        True for BINARY2, where bits that mark NULL stand before each row.
    file
        Name for messages.
    """

    def __init__(self, fields: Sequence[RawField], *, has_flags: bool, file: str) -> None:
        self.cells = [_Cell.of(field) for field in fields]
        self.n_flag_bytes = (len(fields) + 7) // 8 if has_flags else 0
        self.file = file
        self.least_bytes = self.n_flag_bytes + sum(cell.fixed_bytes for cell in self.cells)
        if not 0 < self.least_bytes <= _MAX_ROW_BYTES:
            raise IngestError(
                f"a row has {self.least_bytes} bytes by the FIELDs of the table; expected 1 to {_MAX_ROW_BYTES}",
                file=file,
            )
        self.is_fixed = all(cell.n_fixed is not None for cell in self.cells)
        self.n_rows = 0

    @property
    def piece_bytes(self) -> int:
        """A good number of bytes to decode at once."""
        return max(_BLOCK_BYTES, min(8 * 1024 * 1024, batch_rows(self.least_bytes) * self.least_bytes))

    def decode(self, data: bytes) -> tuple[list[pa.Array], int]:
        """Decode the whole rows at the start of the data.

        Returns
        -------
        arrays, used
            One array per column, all empty when there is no whole row, and the number of bytes that they took.
        """
        text = np.frombuffer(data, np.uint8)
        if self.is_fixed:
            n_rows = len(text) // self.least_bytes
            starts = np.arange(n_rows, dtype=np.int64) * self.least_bytes
            used = n_rows * self.least_bytes
        else:
            starts, used = self._starts(text)
        self.n_rows += len(starts)
        return self._columns(text[:used], starts), used

    def _starts(self, text: NDArray[np.uint8]) -> tuple[Offsets, int]:
        """Find the starts of the whole rows, block after block."""
        found: list[Offsets] = []
        position, block = 0, _BLOCK_BYTES
        while position < len(text):
            part = text[position : position + block]
            starts, used = self._block_starts(part)
            if used == 0:
                if position + block >= len(text):
                    break
                block *= 2
                continue
            found.append(starts + position)
            position += used
        return (np.concatenate(found) if found else np.empty(0, np.int64)), position

    def _block_starts(self, text: NDArray[np.uint8]) -> tuple[Offsets, int]:
        size = len(text)
        outside = size + 1
        padded = np.concatenate((text, np.zeros(8, np.uint8))).astype(np.int64)
        counts = (padded[:-3] << 24) | (padded[1:-2] << 16) | (padded[2:-1] << 8) | padded[3:]
        following = np.arange(size + 2, dtype=np.int64) + self.n_flag_bytes
        for cell in self.cells:
            following += cell.fixed_bytes
            if cell.n_fixed is None:
                at = np.minimum(following - _COUNT_BYTES, size)
                following += cell.bytes_of(counts[at])
                following[at + _COUNT_BYTES > size] = outside
            np.minimum(following, outside, out=following)
        following[size:] = outside
        jump, starts = following, np.zeros(1, np.int64)
        while True:
            more = jump[starts]
            more = more[more < size]
            if len(more) == 0:
                break
            starts = np.concatenate((starts, more))
            jump = jump[jump]
        starts = np.unique(starts)
        whole = starts[following[starts] <= size]
        return whole, int(following[whole[-1]]) if len(whole) else 0

    def _columns(self, text: NDArray[np.uint8], starts: Offsets) -> list[pa.Array]:
        nulls = None
        if self.n_flag_bytes:
            flags = _gather(text, starts, self.n_flag_bytes)
            nulls = np.unpackbits(flags, axis=1)[:, : len(self.cells)].astype(bool)
        position = starts + self.n_flag_bytes
        arrays = []
        for number, cell in enumerate(self.cells):
            mask = None if nulls is None else np.ascontiguousarray(nulls[:, number])
            if cell.n_fixed is None:
                n_items = _gather(text, position, _COUNT_BYTES).view(">i4")[:, 0].astype(np.int64)
                self._check_counts(n_items)
                position = position + _COUNT_BYTES
                n_bytes = cell.bytes_of(n_items)
                arrays.append(_variable(text, cell, position, n_items, n_bytes, mask))
                position = position + n_bytes
            else:
                arrays.append(_fixed(_gather(text, position, cell.fixed_bytes), cell, mask))
                position = position + cell.fixed_bytes
        return arrays

    def _check_counts(self, n_items: Offsets) -> None:
        if (n_items < 0).any():
            row = self.n_rows - len(n_items) + int(np.argmax(n_items < 0)) + 1
            raise IngestError("a cell has a negative length", file=self.file, row=row)


def _gather(text: NDArray[np.uint8], starts: Offsets, width: int) -> NDArray[np.uint8]:
    """Return ``width`` bytes from each start, shape (n, width)."""
    if width == 0 or len(starts) == 0:
        return np.empty((len(starts), width), np.uint8)
    # As items of so many bytes: numpy copies them whole.
    windows = np.ndarray((len(text) - width + 1,), f"V{width}", text, strides=(1,))
    return windows[starts].view(np.uint8).reshape(-1, width)


def _slices(text: NDArray[np.uint8], starts: Offsets, lengths: Offsets) -> NDArray[np.uint8]:
    """Return the bytes of all slices behind each other; Arrow gathers them faster than numpy."""
    offsets = np.empty(2 * len(starts) + 1, np.int32)
    offsets[0:-1:2], offsets[1::2], offsets[-1] = starts, starts + lengths, len(text)
    both = pa.BinaryArray.from_buffers(pa.binary(), 2 * len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(text)])
    taken = both.take(pa.array(np.arange(0, 2 * len(starts), 2)))
    data = taken.buffers()[2]
    return np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[: int(lengths.sum())]


def _fixed(cells: NDArray[np.uint8], cell: _Cell, nulls: NDArray[np.bool_] | None) -> pa.Array:
    n_rows = len(cells)
    if cell.datatype == "char":
        return text_array(cells, nulls)
    if cell.datatype == "unicodeChar":
        lengths = np.full(n_rows, cells.shape[1], np.int64)
        return _unicode(cells.reshape(-1), lengths, nulls)
    if cell.datatype == "bit":
        assert cell.n_fixed is not None
        if cell.is_scalar:
            # The bit is the highest one; some writers take another.
            return pa.array(cells[:, 0] != 0, mask=nulls)
        values = pa.array(np.unpackbits(cells, axis=1)[:, : cell.n_fixed].astype(bool).reshape(-1))
    else:
        values = _values(cells.reshape(-1), cell, nulls if cell.is_scalar else None)
    if cell.is_scalar and not cell.datatype.endswith("Complex"):
        return values
    assert cell.n_fixed is not None
    offsets = np.arange(n_rows + 1, dtype=np.int32) * np.int32(cell.n_fixed)
    return _list(offsets, values, nulls)


def _variable(
    text: NDArray[np.uint8],
    cell: _Cell,
    starts: Offsets,
    n_items: Offsets,
    n_bytes: Offsets,
    nulls: NDArray[np.bool_] | None,
) -> pa.Array:
    data = _slices(text, starts, n_bytes)
    if cell.datatype == "char":
        offsets = np.concatenate(([0], np.cumsum(n_bytes))).astype(np.int32)
        return _string(offsets, data, nulls)
    if cell.datatype == "unicodeChar":
        return _unicode(data, n_bytes, nulls)
    if cell.datatype == "bit":
        every = np.unpackbits(data).astype(bool)
        row = np.repeat(np.arange(len(n_items)), n_bytes * 8)
        within = np.arange(len(every)) - np.repeat(np.concatenate(([0], np.cumsum(n_bytes * 8)))[:-1], n_bytes * 8)
        values = pa.array(every[within < n_items[row]])
    else:
        values = _values(data, cell, None)
    per_item = 2 if cell.datatype.endswith("Complex") else 1
    offsets = np.concatenate(([0], np.cumsum(n_items * per_item))).astype(np.int32)
    return _list(offsets, values, nulls)


def _values(data: NDArray[np.uint8], cell: _Cell, nulls: NDArray[np.bool_] | None) -> pa.Array:
    """Return numbers or booleans from their bytes."""
    if cell.datatype == "boolean":
        true = np.isin(data, _TRUTHS)
        unknown = ~(true | np.isin(data, _FALSEHOODS))
        return pa.array(true, mask=unknown if nulls is None else unknown | nulls)
    values = data.view(cell.dtype)
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=nulls)


def _list(offsets: NDArray[np.int32], values: pa.Array, nulls: NDArray[np.bool_] | None) -> pa.Array:
    mask = pa.array(nulls) if nulls is not None and nulls.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)


def text_array(cells: NDArray[np.uint8], nulls: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return texts of fixed width, shape (n, width), cut at the first NUL byte and without trailing blanks.

    Bytes that are not UTF-8 are taken as Latin-1.
    """
    n_rows, width = cells.shape
    if width == 0:
        return _string(np.zeros(n_rows + 1, np.int32), np.empty(0, np.uint8), nulls)
    offsets, data = _trimmed(cells)
    if not data.all():
        # There is something behind a NUL.
        offsets, data = _trimmed(np.where(np.logical_or.accumulate(cells == 0, axis=1), np.uint8(0), cells))
    return _string(offsets, data, nulls)


def _trimmed(cells: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return offsets and bytes of texts without the NULs and blanks at their ends.

    Arrow does it in a tenth of the time that numpy takes.
    """
    n_rows, width = cells.shape
    offsets = np.arange(n_rows + 1, dtype=np.int32) * np.int32(width)
    _, trimmed, data = pc.ascii_rtrim(_string_array(offsets, cells.reshape(-1), None), characters="\0 ").buffers()
    ends = np.frombuffer(trimmed, np.int32, n_rows + 1)
    return ends, np.frombuffer(data, np.uint8, int(ends[-1]))


def _string(offsets: NDArray[np.int32], data: NDArray[np.uint8], nulls: NDArray[np.bool_] | None) -> pa.Array:
    array = _string_array(offsets, data, nulls)
    high = data > _LAST_OF_ONE_BYTE
    if not high.any():
        return array
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        before = np.concatenate(([0], np.cumsum(high)))
        wider = (offsets + before[offsets]).astype(np.int32)
        encoded = data.tobytes().decode("latin-1").encode("utf-8")
        return _string_array(wider, np.frombuffer(encoded, np.uint8), nulls)
    return array


def _string_array(offsets: NDArray[np.int32], data: NDArray[np.uint8], nulls: NDArray[np.bool_] | None) -> pa.Array:
    validity, n_nulls = None, 0
    if nulls is not None and nulls.any():
        validity = pa.py_buffer(np.packbits(~nulls, bitorder="little"))
        n_nulls = int(nulls.sum())
    return pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data)), validity, n_nulls
    )


def _unicode(data: NDArray[np.uint8], n_bytes: Offsets, nulls: NDArray[np.bool_] | None) -> pa.Array:
    """Return texts from UTF-16 code units, big-endian, cut at the first NUL and without trailing blanks."""
    units = data.view(">u2").astype(np.uint16)
    is_high = (units >> _SURROGATE_BITS) == _HIGH_SURROGATE
    is_low = (units >> _SURROGATE_BITS) == _LOW_SURROGATE
    # A half of a pair on its own is no character.
    lonely = (is_high & ~np.append(is_low[1:], False)) | (is_low & ~np.append(False, is_high[:-1]))
    units[lonely] = _REPLACEMENT
    sizes = 1 + (units > _LAST_OF_ONE_BYTE).astype(np.int64) + (units > _LAST_OF_TWO_BYTES)
    sizes[is_high & ~lonely] = 4
    sizes[is_low & ~lonely] = 0
    text = units.astype(">u2").tobytes().decode("utf-16-be").encode("utf-8")
    ends = np.concatenate(([0], np.cumsum(sizes)))
    offsets = ends[np.concatenate(([0], np.cumsum(n_bytes // 2)))].astype(np.int32)
    array = _string_array(offsets, np.frombuffer(text, np.uint8), nulls)
    return pc.utf8_rtrim(pc.replace_substring_regex(array, pattern="\x00.*", replacement=""), characters=" ")
