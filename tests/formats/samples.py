"""Columns of every type with values at their edges, for the tests of all writers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import QueryResult, arrow_schema
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vo_server.errors import VoError
    from vo_server.formats.base import Writer

NAN = float("nan")
INF = float("inf")
TENTH = float(np.float32(0.1))
NOON = datetime(2020, 1, 2, 12)  # noqa: DTZ001 - the model's timestamps have no zone
LATER = datetime(1999, 12, 31, 23, 59, 59, 120000)  # noqa: DTZ001

P = Primitive


def column(name: str, primitive: Primitive, arraysize: str | None = None, xtype: str | None = None) -> Column:
    return Column(name, DataType(primitive, arraysize, xtype))


SCALARS: tuple[tuple[Column, list[Any]], ...] = (
    (column("boolean", P.BOOLEAN), [True, False, None]),
    (column("byte", P.UNSIGNED_BYTE), [0, 255, None]),
    (column("short", P.SHORT), [-(2**15), 2**15 - 1, None]),
    (column("int", P.INT), [-(2**31), 2**31 - 1, None]),
    (column("long", P.LONG), [-(2**63), 2**63 - 1, None]),
    (column("float", P.FLOAT), [TENTH, -INF, None]),
    (column("double", P.DOUBLE), [-0.0, NAN, None]),
    (column("huge", P.DOUBLE), [INF, 1.7976931348623157e308, 5e-324]),
    (column("letter", P.CHAR), ["x", "y", None]),
    (column("text", P.CHAR, "*"), ['a <b> & "c"', "", None]),
    (column("bounded", P.CHAR, "9*"), ["abc", "", None]),
    (column("padded", P.CHAR, "5"), ["abc", "abcde", None]),
    (column("unicode", P.UNICODE_CHAR, "*"), ["é 中 😀", "", None]),
    (column("unicode_padded", P.UNICODE_CHAR, "5"), ["é中😀", "", None]),
    (column("time", P.CHAR, "*", "timestamp"), [NOON, LATER, None]),
    (column("time_padded", P.CHAR, "23", "timestamp"), [NOON, LATER, None]),
)
ARRAYS: tuple[tuple[Column, list[Any]], ...] = (
    (column("point", P.DOUBLE, "2", "point"), [[0.5, -90.0], [359.25, 0.0], None]),
    (column("circle", P.FLOAT, "3", "circle"), [[1.0, 2.0, 0.5], None, None]),
    (column("doubles", P.DOUBLE, "*"), [[1.5, INF, -INF], [], None]),
    (column("floats", P.FLOAT, "*"), [[TENTH], [1.0, 2.0, 3.0], None]),
    (column("matrix", P.DOUBLE, "2x2"), [[1.0, 2.0, 3.0, 4.0], None, [0.0, 0.0, 0.0, 1.0]]),
    (column("bytes", P.UNSIGNED_BYTE, "*"), [[0, 255], [], None]),
    (column("three_shorts", P.SHORT, "3"), [[1, None, 3], [4, 5, 6], None]),
    (column("ints", P.INT, "*"), [[2**31 - 1, None], [], None]),
    (column("longs", P.LONG, "*"), [[2**63 - 1, 0], [1], None]),
    (column("two_booleans", P.BOOLEAN, "2"), [[True, None], [False, True], None]),
    (column("booleans", P.BOOLEAN, "4*"), [[True], [], None]),
)
EVERYTHING = (*SCALARS, *ARRAYS)


def batch_of(columns: Sequence[Column], values: Sequence[list[Any]]) -> pa.RecordBatch:
    """Return one batch from the values of each column."""
    schema = arrow_schema(columns)
    arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def sample(pairs: Sequence[tuple[Column, list[Any]]]) -> tuple[tuple[Column, ...], pa.RecordBatch]:
    """Return the columns and one batch of a list of samples."""
    columns = tuple(one for one, _ in pairs)
    return columns, batch_of(columns, [values for _, values in pairs])


def written(writer: Writer, columns: Sequence[Column], *batches: pa.RecordBatch) -> bytes:
    """Return the whole document for these rows."""
    return b"".join(writer.write(QueryResult(tuple(columns), iter(batches), maxrec=1_000_000)))


def failing(batches: Iterable[pa.RecordBatch], error: VoError) -> Iterable[pa.RecordBatch]:
    """Give some batches, then fail."""
    yield from batches
    raise error


def until_error(pieces: Iterable[bytes], kind: type[VoError]) -> Iterator[bytes]:
    """Give the pieces up to the error, which must come and be of this kind."""
    try:
        yield from pieces
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")
