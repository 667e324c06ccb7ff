"""Rows for COPY in binary against an encoder that writes one field after the other, as the manual says it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.engine.wire import HARD, TEXT, encoded_row
from vo_server.engine.postgres.tuple_encoder import TupleEncoder
from vo_server.engine.postgres.wire import FIXED


def _batch(oids: list[int], rows: list[list[Any]]) -> pa.RecordBatch:
    kinds = [FIXED[oid].arrow if oid in FIXED else pa.string() for oid in oids]
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{place}" for place in range(len(oids))])


def _written(batch: pa.RecordBatch) -> bytes:
    return b"".join(piece.tobytes() for piece in TupleEncoder(batch.schema).encode(batch))


def _wanted(oids: list[int], rows: list[list[Any]]) -> bytes:
    return b"".join(encoded_row(oids, row) for row in rows)


@pytest.mark.parametrize("seed", range(30))
def test_rows_of_any_columns_are_written_field_by_field(seed: int) -> None:
    chance = random.Random(seed)
    oids = chance.choices(list(HARD), k=chance.randint(1, 40))
    null_share = chance.choice([0.0, 0.01, 0.3, 1.0])
    rows = [
        [None if chance.random() < null_share else chance.choice(HARD[oid]) for oid in oids]
        for _ in range(chance.randint(1, 700))
    ]
    assert _written(_batch(oids, rows)) == _wanted(oids, rows)


@pytest.mark.parametrize("oid", list(HARD))
@pytest.mark.parametrize("before", [[], [TEXT], [20], [16, TEXT, 20]])
def test_what_ends_a_row_leaves_the_next_one_as_it_is(oid: int, before: list[int]) -> None:
    chance = random.Random(oid)
    oids = [*before, oid]
    rows = [[chance.choice([None, *HARD[oid]]) for oid in oids] for _ in range(200)]
    assert _written(_batch(oids, rows)) == _wanted(oids, rows)
    assert _written(_batch(oids, rows[:1])) == _wanted(oids, rows[:1])
    nothing: list[list[Any]] = [[None] * len(oids)]
    assert _written(_batch(oids, nothing)) == _wanted(oids, nothing)


@pytest.mark.parametrize("start", [1, 7, 8, 300])
def test_a_part_of_a_batch_is_written_alone(start: int) -> None:
    oids = [16, TEXT, 20, 701, 21]
    chance = random.Random(start)
    rows = [[chance.choice([None, *HARD[oid]]) for oid in oids] for _ in range(1000)]
    assert _written(_batch(oids, rows).slice(start, 500)) == _wanted(oids, rows[start : start + 500])


@pytest.mark.parametrize("length", [1, 7, 8, 9, 511, 512, 513, 5000])
def test_texts_of_any_length_are_written(length: int) -> None:
    rows: list[list[Any]] = [["a" * length, "b"], ["", "c" * length], [None, "é" * length], ["d", None]]
    assert _written(_batch([TEXT, TEXT], rows)) == _wanted([TEXT, TEXT], rows)


def test_bytes_under_a_null_are_not_written() -> None:
    texts = pa.array(["hidden", "seen"])
    cells = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x02"), *texts.buffers()[1:]])
    batch = pa.RecordBatch.from_arrays([cells], names=["c"])
    assert _written(batch) == _wanted([TEXT], [[None], ["seen"]])


def test_many_rows_are_written_in_pieces() -> None:
    numbers = np.arange(200_000)
    batch = pa.RecordBatch.from_arrays([pa.array(numbers)], names=["c"])
    pieces = list(TupleEncoder(batch.schema).encode(batch))
    assert len(pieces) > 1
    assert b"".join(piece.tobytes() for piece in pieces) == _wanted([20], [[number] for number in numbers.tolist()])


def test_arrays_are_not_written() -> None:
    assert TupleEncoder.can_write(pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.timestamp("us"))]))
    assert not TupleEncoder.can_write(pa.schema([("a", pa.int64()), ("b", pa.list_(pa.float64()))]))
    assert not TupleEncoder.can_write(pa.schema([("a", pa.uint8())]))
