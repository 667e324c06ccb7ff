from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from vo_server.errors import EngineError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import QueryResult, arrow_schema
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (Column("a", DataType(Primitive.INT)), Column("b", DataType(Primitive.DOUBLE, "2", "point")))


def _batches(n_batches: int) -> Iterator[pa.RecordBatch]:
    for number in range(n_batches):
        yield pa.RecordBatch.from_pylist([{"a": number, "b": [1.0, 2.0]}], schema=arrow_schema(COLUMNS))


def test_the_schema_of_the_rows_follows_from_the_columns() -> None:
    assert arrow_schema(COLUMNS).types == [pa.int32(), pa.list_(pa.float64())]


@pytest.mark.parametrize("n_batches", [0, 1, 3])
def test_waiting_for_the_first_batch_loses_none(n_batches: int) -> None:
    result = QueryResult(COLUMNS, _batches(n_batches), maxrec=10)
    result.prefetch()
    assert [batch["a"][0].as_py() for batch in result.batches] == list(range(n_batches))


def test_a_query_that_fails_at_once_fails_while_waiting_for_the_first_batch() -> None:
    failing = (batch for batch in map(_fail, range(1)))
    with pytest.raises(EngineError, match="division by zero"):
        QueryResult(COLUMNS, failing, maxrec=10).prefetch()


def _fail(number: int) -> pa.RecordBatch:
    raise EngineError(f"division by zero in batch {number}")
