"""Rows as COPY writes them in binary, turned into Arrow: a column of a batch at a time, no Python code sees a row.

How a row looks is told in :mod:`vo_server.engine.postgres.wire`. Where a field begins depends on the NULLs and texts
before it, so the columns are read from left to right and each leaves the places where the next one begins.

The Arrow types are those that ADBC gives, so that whoever takes the rows need not know who has read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_server.engine.postgres.wire import COUNT, FIXED, LENGTH, Fixed
from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PADDING", "TupleDecoder"]

AnyArray: TypeAlias = NDArray[Any]
Places: TypeAlias = NDArray[np.intp]
Truths: TypeAlias = NDArray[np.bool_]

PADDING: Final = bytes(8)
"""What :meth:`TupleDecoder.decode` wants behind the rows: the values of NULL fields are read from here."""

_NULL: Final = 0xFF
"""First byte of the length of a NULL; no field is so long that its length begins like that."""

_TEXTS: Final = frozenset({19, 25, 1042, 1043})
"""name, text, bpchar and varchar."""


class TupleDecoder:
    """Reads rows of certain types.

    Parameters
    ----------
    names
        Of the columns; may repeat.
    oids
        Of their types; see :meth:`can_read`.
    """

    def __init__(self, names: Sequence[str], oids: Sequence[int]) -> None:
        self._kinds = [FIXED.get(oid) for oid in oids]
        types = [pa.string() if kind is None else kind.arrow for kind in self._kinds]
        self._schema = pa.schema([pa.field(name, arrow) for name, arrow in zip(names, types, strict=True)])

    @staticmethod
    def can_read(oids: Sequence[int]) -> bool:
        """Tell whether all of these types are known."""
        return all(oid in FIXED or oid in _TEXTS for oid in oids)

    def decode(self, data: NDArray[np.uint8], ends: Places, *, start: int = 0) -> pa.RecordBatch:
        """Return rows as a batch.

        Parameters
        ----------
        data
            The rows one behind the other, then :data:`PADDING`; not kept.
        ends
            Where each of them ends, shape (n,), not empty; in ``data`` [bytes].
        start
            Where the first one begins [bytes].

        Returns
        -------
        RecordBatch
            Shape (n, columns). What lies under a null is zero.

        Raises
        ------
        EngineError
            If the rows do not have these columns.
        """
        places = np.empty_like(ends)
        places[0] = start
        places[1:] = ends[:-1]
        rows = _Rows(data, places + COUNT.itemsize, end=int(ends[-1]))
        columns = [_texts(rows) if kind is None else _numbers(rows, kind) for kind in self._kinds]
        if not np.array_equal(rows.places, ends):
            raise EngineError("the database sent rows that do not have the columns it told of")
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


class _Rows:
    """Rows that are read from left to right.

    Parameters
    ----------
    data
        Their bytes.
    places
        Where the first field of each begins, shape (n,) [bytes].
    end
        Where the last row ends and the padding begins [bytes].
    """

    def __init__(self, data: NDArray[np.uint8], places: Places, *, end: int) -> None:
        self._data = data
        self._end = end
        self._views: dict[np.dtype[Any], AnyArray] = {}
        self.places = places

    def fixed(self, wire: np.dtype[Any]) -> tuple[AnyArray, Truths | None]:
        """Return the next field of each row, zero for NULL, and which are NULL; None when none is."""
        is_null = self._data[self.places] == _NULL
        values = self.places + LENGTH.itemsize
        if not is_null.any():
            self.places = values + wire.itemsize
            return self._at(values, wire), None
        self.places = values + np.where(is_null, 0, wire.itemsize)
        return self._at(np.where(is_null, self._end, values), wire), is_null

    def variable(self) -> tuple[pa.Array, Truths | None]:
        """Return the bytes of the next field of each row as text, empty for NULL, and which are NULL."""
        lengths = self._at(self.places, LENGTH).astype(np.intp)
        is_null = lengths < 0
        has_null = bool(is_null.any())
        if has_null:
            lengths[is_null] = 0
        begins = self.places + LENGTH.itemsize
        self.places = begins + lengths
        # The data as it is, cut into cells and what lies between them; every other piece is wanted.
        pieces = np.empty(2 * len(begins) + 1, np.int32)
        pieces[0:-1:2] = begins
        pieces[1::2] = self.places
        pieces[-1] = pieces[-2]
        cells = pa.StringArray.from_buffers(len(pieces) - 1, pa.py_buffer(pieces), pa.py_buffer(self._data))
        return cells.take(pa.array(np.arange(0, len(cells), 2, dtype=np.int32))), is_null if has_null else None

    def _at(self, places: Places, wire: np.dtype[Any]) -> AnyArray:
        """Return the numbers at any places, aligned or not."""
        view = self._views.get(wire)
        if view is None:
            n_places = len(self._data) - wire.itemsize + 1
            view = self._views[wire] = np.ndarray((n_places,), wire, self._data, strides=(1,))
        found: AnyArray = view[places]
        return found


def _numbers(rows: _Rows, kind: Fixed) -> pa.Array:
    values, is_null = rows.fixed(kind.wire)
    if kind.arrow == pa.bool_():
        return _array(kind.arrow, len(values), is_null, [_bits(values)])
    values = values.astype(kind.wire.newbyteorder("="))
    if kind.offset:
        values += kind.offset if is_null is None else np.where(is_null, 0, kind.offset)
    return _array(kind.arrow, len(values), is_null, [pa.py_buffer(values)])


def _texts(rows: _Rows) -> pa.Array:
    cells, is_null = rows.variable()
    return _array(pa.string(), len(cells), is_null, cells.buffers()[1:])


def _array(arrow: pa.DataType, n_rows: int, is_null: Truths | None, buffers: list[pa.Buffer]) -> pa.Array:
    is_valid = None if is_null is None else _bits(~is_null)
    return pa.Array.from_buffers(arrow, n_rows, [is_valid, *buffers])


def _bits(truths: AnyArray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(truths, bitorder="little"))
