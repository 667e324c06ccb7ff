"""Batches of Arrow turned into rows as COPY takes them in binary: a column at a time, no Python code sees a row.

The opposite of :mod:`vo_server.engine.postgres.tuples`. Putting a value to any place costs 5 ns, whether it has 4 bytes
or 24 (measured). So neighbouring columns without NULLs are put together, with the lengths before their values; and
nothing is done about what a NULL or the end of a text leaves behind, because the fields that follow are written over
it. Only near the end of a row, where it would reach into the next one, nothing is left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_server.engine.arrow import rows_per_batch
from vo_server.engine.postgres.wire import COUNT, FIXED, LENGTH, Fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TupleEncoder"]

AnyArray: TypeAlias = NDArray[Any]
Bytes: TypeAlias = NDArray[np.uint8]
Places: TypeAlias = NDArray[np.intp]

_BY_ARROW: Final = {kind.arrow: kind for kind in FIXED.values()}

_PIECE_BYTES: Final = 2 * 1024**2
"""Bytes that are encoded at once, about: they stay in the processor's cache, and the database need not wait long."""
_MULTIPLE: Final = 256

_WORD: Final = np.dtype(np.uint64)
"""Texts are copied in words of this size; what the last one has too much is written over."""
_MOST_LEFT: Final = 8
"""Bytes that a text (a word but one) or a NULL (the largest number) leaves behind, at most."""
_LONG_BYTES: Final = 512
"""Longer texts are copied one by one."""


class TupleEncoder:
    """Writes rows of certain types.

    Parameters
    ----------
    schema
        Of the batches; see :meth:`can_write`.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._kinds = [_BY_ARROW.get(field.type) for field in schema]
        self._most_rows = rows_per_batch(schema, target_bytes=_PIECE_BYTES, multiple=_MULTIPLE, most=2**16)

    @staticmethod
    def can_write(schema: pa.Schema) -> bool:
        """Tell whether all of these types are known; arrays are not."""
        return all(field.type in _BY_ARROW or pa.types.is_string(field.type) for field in schema)

    def encode(self, batch: pa.RecordBatch) -> Iterator[Bytes]:
        """Write the rows of a batch.

        Parameters
        ----------
        batch
            With the schema of this encoder.

        Yields
        ------
        ndarray of uint8
            Some of the rows, one behind the other, without the header and the trailer of COPY.
        """
        for start in range(0, batch.num_rows, self._most_rows):
            yield self._encode(batch.slice(start, self._most_rows))

    def _encode(self, rows: pa.RecordBatch) -> Bytes:
        blocks = _Blocks(rows.num_rows, n_fields=rows.num_columns)
        for kind, cells in zip(self._kinds, rows.columns, strict=True):
            if kind is None:
                blocks.add_texts(cells)
            else:
                blocks.add_numbers(cells, kind)
        return blocks.written()


class _Block:
    """Fields that are neighbours in every row: their lengths and values, which have one size, and maybe a text behind.

    Parameters
    ----------
    fields
        Values of all rows, with the types that they have in COPY: shape () or (n,).
    rest
        How many bytes more than the block each row has, shape (n,): fewer when a NULL leaves room, more for a text.
    text
        Bytes of the texts, with a word of nothing behind them; where each begins, and the length of each.
    n_missing
        How many bytes a row may have fewer than the block.
    """

    def __init__(
        self,
        fields: list[tuple[np.dtype[Any], AnyArray]],
        rest: Places | None = None,
        text: tuple[Bytes, Places, Places] | None = None,
        n_missing: int = 0,
    ) -> None:
        self.fields = fields
        self.rest = rest
        self.text = text
        self.n_bytes = sum(wire.itemsize for wire, _ in fields)
        self.least_bytes = self.n_bytes - n_missing

    def put(self, data: Bytes, places: Places, *, is_exact: bool) -> Places:
        """Write the block of each row to its place, and return the places behind; exactly, or with more behind it."""
        packed = self.packed(len(places))
        if is_exact and self.least_bytes < self.n_bytes:
            assert self.rest is not None
            rows = np.flatnonzero(self.rest == 0)
            _view(data, packed.dtype)[places[rows]] = packed[rows]
            rows = np.flatnonzero(self.rest)
            begins = packed[rows].view(np.uint8).reshape(len(rows), self.n_bytes)[:, : self.least_bytes]
            least = np.dtype(f"V{self.least_bytes}")
            _view(data, least)[places[rows]] = np.ascontiguousarray(begins).view(least)[:, 0]
        else:
            _view(data, packed.dtype)[places] = packed
        behind = places + self.n_bytes
        if self.text is not None:
            _put_texts(data, behind, *self.text, is_exact=is_exact)
        return behind if self.rest is None else behind + self.rest

    def packed(self, n_rows: int) -> AnyArray:
        """Return the block of each row as one value, shape (n,)."""
        names = [f"f{place}" for place in range(len(self.fields))]
        packed = np.empty(n_rows, list(zip(names, (wire for wire, _ in self.fields), strict=True)))
        for name, (_, values) in zip(names, self.fields, strict=True):
            packed[name] = values
        return packed.view(f"V{self.n_bytes}")


class _Blocks:
    """The rows of one piece, as they are gathered from left to right.

    Parameters
    ----------
    n_rows
        How many there are.
    n_fields
        How many each has.
    """

    def __init__(self, n_rows: int, *, n_fields: int) -> None:
        self._n_rows = n_rows
        self._blocks: list[_Block] = []
        self._fields: list[tuple[np.dtype[Any], AnyArray]] = [(COUNT, np.array(n_fields))]

    def add_numbers(self, cells: pa.Array, kind: Fixed) -> None:
        """Append a column of values of one size."""
        values = _values(cells, kind)
        if not cells.null_count:
            self._fields += [(LENGTH, np.array(kind.wire.itemsize)), (kind.wire, values)]
            return
        is_null = _nulls(cells)
        lengths = np.where(is_null, -1, kind.wire.itemsize)
        self._fields += [(LENGTH, lengths), (kind.wire, values)]
        self._end(rest=is_null * np.intp(-kind.wire.itemsize), n_missing=kind.wire.itemsize)

    def add_texts(self, cells: pa.Array) -> None:
        """Append a column of texts."""
        _, offsets, data = cells.buffers()
        edges = np.frombuffer(offsets, np.int32, self._n_rows + 1, 4 * cells.offset).astype(np.intp)
        used = np.frombuffer(data or b"", np.uint8)[edges[0] : edges[-1]]
        lengths = np.diff(edges)
        told = lengths
        if cells.null_count:
            is_null = _nulls(cells)
            told = np.where(is_null, -1, lengths)
            lengths = np.where(is_null, 0, lengths)  # Arrow allows bytes under a NULL.
        self._fields.append((LENGTH, told))
        text = np.concatenate([used, np.zeros(_WORD.itemsize, np.uint8)])
        self._end(rest=lengths, text=(text, edges[:-1] - edges[0], lengths))

    def written(self) -> Bytes:
        """Return the rows."""
        if self._fields:
            self._end()
        sizes = np.full(self._n_rows, sum(block.n_bytes for block in self._blocks), np.intp)
        for block in self._blocks:
            if block.rest is not None:
                sizes += block.rest
        ends = np.cumsum(sizes)
        data = np.empty(ends[-1], np.uint8)
        places = ends - sizes
        n_behind = sum(block.least_bytes for block in self._blocks)
        for block in self._blocks:
            n_behind -= block.least_bytes
            places = block.put(data, places, is_exact=n_behind < _MOST_LEFT)
        return data

    def _end(
        self, rest: Places | None = None, text: tuple[Bytes, Places, Places] | None = None, n_missing: int = 0
    ) -> None:
        self._blocks.append(_Block(self._fields, rest, text, n_missing))
        self._fields = []


def _values(cells: pa.Array, kind: Fixed) -> AnyArray:
    """Return the values of a column, anything for NULL."""
    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.uint8())
    values: AnyArray = np.frombuffer(cells.buffers()[1], kind.wire.newbyteorder("="), len(cells) + cells.offset)
    values = values[cells.offset :]
    if not kind.offset:
        return values
    # The least number would be -infinity, and what lies below would become positive; its neighbour is out of range.
    return np.maximum(values, np.iinfo(values.dtype).min + 1 + kind.offset) - kind.offset


def _nulls(cells: pa.Array) -> NDArray[np.bool_]:
    first, skipped = divmod(cells.offset, 8)
    flags = np.frombuffer(cells.buffers()[0], np.uint8)[first : (cells.offset + len(cells) + 7) // 8]
    is_null: NDArray[np.bool_] = np.unpackbits(flags, bitorder="little")[skipped : skipped + len(cells)] == 0
    return is_null


def _put_texts(data: Bytes, places: Places, text: Bytes, starts: Places, lengths: Places, *, is_exact: bool) -> None:
    """Copy texts to their places; unless exactly, then up to a word more than they have."""
    longest = int(lengths.max())
    if longest > _LONG_BYTES:
        for row in np.flatnonzero(lengths > _LONG_BYTES).tolist():
            place, start, length = places[row], starts[row], lengths[row]
            data[place : place + length] = text[start : start + length]
        lengths = np.where(lengths > _LONG_BYTES, 0, lengths)
        longest = int(lengths.max())
    size = _WORD.itemsize
    source, target = _view(text, _WORD), _view(data, _WORD)
    in_words = lengths - lengths % size if is_exact else lengths
    for done in range(0, longest, size):
        rows = np.flatnonzero(in_words > done)
        target[places[rows] + done] = source[starts[rows] + done]
    if is_exact:
        for done in range(size - 1):
            rows = np.flatnonzero(lengths - in_words > done)
            data[places[rows] + in_words[rows] + done] = text[starts[rows] + in_words[rows] + done]


def _view(data: Bytes, kind: np.dtype[Any] | str) -> AnyArray:
    """Return values of any type at all places of some bytes, aligned or not."""
    dtype = np.dtype(kind)
    return np.ndarray((max(0, len(data) - dtype.itemsize + 1),), dtype, data, strides=(1,))
