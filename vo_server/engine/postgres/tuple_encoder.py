"""Batches of Arrow turned into rows as COPY takes them in binary: a column at a time, no Python code sees a row.

The opposite of :mod:`vo_server.engine.postgres.tuples`. Putting a value to any place costs 5 ns, whether it has 4 bytes
or 24 (measured). So neighbouring columns without NULLs are put together, with the lengths before their values; and
nothing is done about what a NULL or the end of a text leaves behind, because the field that follows is written over it.
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
_LONG_BYTES: Final = 512
"""Longer texts are copied one by one."""


class TupleEncoder:
    """Writes rows of certain types, each with the same whole number behind its fields.

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

    def encode(self, batch: pa.RecordBatch, number: int) -> Iterator[Bytes]:
        """Write the rows of a batch.

        Parameters
        ----------
        batch
            With the schema of this encoder.
        number
            The last field of each row, ``int4``.

        Yields
        ------
        ndarray of uint8
            Some of the rows, one behind the other, without the header and the trailer of COPY.
        """
        for start in range(0, batch.num_rows, self._most_rows):
            yield self._encode(batch.slice(start, self._most_rows), number)

    def _encode(self, rows: pa.RecordBatch, number: int) -> Bytes:
        blocks = _Blocks(rows.num_rows, n_fields=rows.num_columns + 1)
        for kind, cells in zip(self._kinds, rows.columns, strict=True):
            if kind is None:
                blocks.add_texts(cells)
            else:
                blocks.add_numbers(cells, kind)
        return blocks.written(number)


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
    """

    def __init__(
        self,
        fields: list[tuple[np.dtype[Any], AnyArray]],
        rest: Places | None = None,
        text: tuple[Bytes, Places, Places] | None = None,
    ) -> None:
        self.fields = fields
        self.rest = rest
        self.text = text
        self.n_bytes = sum(wire.itemsize for wire, _ in fields)

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
        self._end(rest=is_null * np.intp(-kind.wire.itemsize))

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

    def written(self, number: int) -> Bytes:
        """Return the rows, with a number as the last field."""
        last = np.dtype(">i4")
        # As large as what may be left over before it: a word, or the value of a NULL.
        self._fields += [(LENGTH, np.array(last.itemsize)), (last, np.array(number))]
        self._end()
        sizes = np.full(self._n_rows, sum(block.n_bytes for block in self._blocks), np.intp)
        for block in self._blocks:
            if block.rest is not None:
                sizes += block.rest
        ends = np.cumsum(sizes)
        data = np.empty(ends[-1], np.uint8)
        places = ends - sizes
        for block in self._blocks:
            _view(data, f"V{block.n_bytes}")[places] = block.packed(self._n_rows)
            places = places + block.n_bytes
            if block.text is not None:
                _put_texts(data, places, *block.text)
            if block.rest is not None:
                places += block.rest
        return data

    def _end(self, rest: Places | None = None, text: tuple[Bytes, Places, Places] | None = None) -> None:
        self._blocks.append(_Block(self._fields, rest, text))
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


def _put_texts(data: Bytes, places: Places, text: Bytes, starts: Places, lengths: Places) -> None:
    """Copy texts to their places, and up to a word more than they have."""
    longest = int(lengths.max())
    if longest > _LONG_BYTES:
        for row in np.flatnonzero(lengths > _LONG_BYTES).tolist():
            place, start, length = places[row], starts[row], lengths[row]
            data[place : place + length] = text[start : start + length]
        lengths = np.where(lengths > _LONG_BYTES, 0, lengths)
        longest = int(lengths.max())
    source, target = _view(text, _WORD), _view(data, _WORD)
    for done in range(0, longest, _WORD.itemsize):
        rows = np.flatnonzero(lengths > done)
        target[places[rows] + done] = source[starts[rows] + done]


def _view(data: Bytes, kind: np.dtype[Any] | str) -> AnyArray:
    """Return values of any type at all places of some bytes, aligned or not."""
    dtype = np.dtype(kind)
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, strides=(1,))
