"""Rows of COPY in binary against an encoder that writes one field after the other, as the manual says it."""

from __future__ import annotations

import random
import struct
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.engine.samples import bits
from tests.engine.wire import HARD, START_OF_POSTGRES, TEXT, TIMESTAMP, encoded_row
from vo_server.engine.postgres.tuples import PADDING, TupleDecoder
from vo_server.errors import EngineError


def _decoded(oids: list[int], rows: list[list[Any]], *, before: bytes = b"") -> pa.RecordBatch:
    encoded = [encoded_row(oids, row) for row in rows]
    data = np.frombuffer(before + b"".join(encoded) + PADDING, np.uint8)
    ends = np.cumsum([len(row) for row in encoded], dtype=np.intp) + len(before)
    decoder = TupleDecoder([f"c{number}" for number in range(len(oids))], oids)
    batch = decoder.decode(data, ends, start=len(before))
    batch.validate(full=True)
    return batch


def _assert_same(batch: pa.RecordBatch, rows: list[list[Any]]) -> None:
    for cells, wanted in zip(batch.columns, zip(*rows, strict=True), strict=True):
        assert list(bits(cells.to_pylist())) == list(bits(wanted))


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_any_columns_come_back(seed: int) -> None:
    chance = random.Random(seed)
    oids = chance.choices(list(HARD), k=chance.randint(1, 40))
    null_share = chance.choice([0.0, 0.01, 0.3, 1.0])
    rows = [
        [None if chance.random() < null_share else chance.choice(HARD[oid]) for oid in oids]
        for _ in range(chance.randint(1, 400))
    ]
    _assert_same(_decoded(oids, rows), rows)


def test_what_comes_before_the_rows_is_passed_over() -> None:
    rows: list[list[Any]] = [[1, "a"], [None, None]]
    _assert_same(_decoded([23, TEXT], rows, before=b"PGCOPY"), rows)


def test_what_lies_under_a_null_is_zero() -> None:
    batch = _decoded([20, 701, 21], [[None, 1.0, 7], [3, None, 8], [-1, -1.0, None]])
    under = [np.frombuffer(cells.buffers()[1], cells.type.to_pandas_dtype()) for cells in batch.columns]
    assert [values[row] for row, values in enumerate(under)] == [0, 0, 0]


def test_a_column_without_nulls_has_no_flags() -> None:
    batch = _decoded([20, TEXT, 16], [[1, "", True], [2, "b", False]])
    assert all(cells.buffers()[0] is None for cells in batch.columns)


def test_times_keep_their_microseconds() -> None:
    times = [START_OF_POSTGRES + timedelta(microseconds=number) for number in (-1, 0, 1)]
    assert _decoded([TIMESTAMP], [[time] for time in times]).column(0).to_pylist() == times


def test_rows_of_other_columns_are_an_error() -> None:
    row = struct.pack(">hiiii", 2, 4, 1, 4, 2)
    decoder = TupleDecoder(["a"], [23])
    with pytest.raises(EngineError, match="do not have the columns"):
        decoder.decode(np.frombuffer(row + PADDING, np.uint8), np.array([len(row)], np.intp))


def test_types_without_a_fixed_meaning_are_not_read() -> None:
    assert TupleDecoder.can_read([16, 20, 21, 23, 700, 701, 1082, TIMESTAMP, 19, TEXT, 1042, 1043])
    for oid in (1700, 1022, 2950, 1186, 17):  # numeric, float8[], uuid, interval, bytea
        assert not TupleDecoder.can_read([20, oid])
