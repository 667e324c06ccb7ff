"""Batches are cast to what was declared, and never quietly changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from vo_server.engine.arrow import conform, rows_per_batch, slices

_CASTS: dict[str, tuple[pa.Array, pa.DataType, list[Any]]] = {
    "decimal to long": (pa.array([Decimal(2**63 - 1), None], pa.decimal128(38, 0)), pa.int64(), [2**63 - 1, None]),
    "decimal to double": (pa.array([Decimal("1.25")]), pa.float64(), [1.25]),
    "short to byte": (pa.array([255, None], pa.int16()), pa.uint8(), [255, None]),
    "shorts to bytes": (pa.array([[255, None], None], pa.list_(pa.int16())), pa.list_(pa.uint8()), [[255, None], None]),
    "long to the nearest double": (pa.array([2**53 + 1]), pa.float64(), [2.0**53]),
    "double to the nearest float": (pa.array([0.1]), pa.float32(), [0.10000000149011612]),
    "whole double to long": (pa.array([2.0]), pa.int64(), [2]),
    "date to timestamp": (pa.array([0], pa.date32()), pa.timestamp("us"), [0]),
    "zone to none": (pa.array([5], pa.timestamp("us", "UTC")), pa.timestamp("us"), [5]),
    "nothing but NULL": (pa.array([None]), pa.list_(pa.float64()), [None]),
    "large text": (pa.array(["é"], pa.large_string()), pa.string(), ["é"]),
    "text view": (pa.array(["é"], pa.string_view()), pa.string(), ["é"]),
    "other name of the elements": (
        pa.array([[1.5]], pa.list_(pa.field("l", pa.float64()))),
        pa.list_(pa.float64()),
        [[1.5]],
    ),
    "fixed size": (pa.array([[1.5, 2.5]], pa.list_(pa.float64(), 2)), pa.list_(pa.float64()), [[1.5, 2.5]]),
}


@pytest.mark.parametrize(("given", "kind", "values"), _CASTS.values(), ids=list(_CASTS))
def test_values_are_cast(given: pa.Array, kind: pa.DataType, values: list[Any]) -> None:
    schema = pa.schema([pa.field("x", kind)])
    found = conform(pa.RecordBatch.from_arrays([given], names=["other"]), schema)
    assert found.schema == schema
    column = found.column(0)
    assert (column.cast(pa.int64()) if pa.types.is_timestamp(kind) else column).to_pylist() == values


_REFUSED = {
    "too large": (pa.array([70_000]), pa.int16()),
    "negative byte": (pa.array([[-1]]), pa.list_(pa.uint8())),
    "part of a number": (pa.array([1.5]), pa.int32()),
    "part of a microsecond": (pa.array([1], pa.timestamp("ns")), pa.timestamp("us")),
    "no cast at all": (pa.array([[1]]), pa.int32()),
}


@pytest.mark.parametrize(("given", "kind"), _REFUSED.values(), ids=list(_REFUSED))
def test_what_would_change_a_value_is_refused_with_the_name_of_the_column(given: pa.Array, kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match="column x"):
        conform(pa.RecordBatch.from_arrays([given], names=["x"]), pa.schema([pa.field("x", kind)]))


def test_another_number_of_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="1 columns came where 2 were declared"):
        conform(pa.record_batch({"x": [1]}), pa.schema([("x", pa.int64()), ("y", pa.int64())]))


def test_a_batch_that_fits_is_given_back_as_it_is() -> None:
    batch = pa.record_batch({"x": [1]})
    assert conform(batch, batch.schema) is batch


@pytest.mark.parametrize(
    ("n_doubles", "rows"), [(1, 131_072), (10, 51_200), (1300, 2048)], ids=["narrow", "middle", "wide"]
)
def test_wide_rows_make_batches_of_few_rows(n_doubles: int, rows: int) -> None:
    schema = pa.schema([(f"c{number}", pa.float64()) for number in range(n_doubles)])
    assert rows_per_batch(schema, target_bytes=4 * 1024**2, multiple=2048, most=131_072) == rows


def test_slices_have_all_rows_once_and_in_order() -> None:
    batch = pa.record_batch({"x": list(range(10))})
    assert [piece.num_rows for piece in slices(batch, 4)] == [4, 4, 2]
    assert pa.Table.from_batches(slices(batch, 4)).column("x").to_pylist() == list(range(10))
    assert next(slices(batch, 10)) is batch
