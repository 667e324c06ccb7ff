"""Small pieces of several tables become large ones, and no row is lost or changes its place."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ingest.mock.gather import gathered


def piece(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": pa.array(values, pa.int64())})


PIECES = [("a", piece(1, 2)), ("b", piece(10)), ("a", piece(3)), ("b", piece(11, 12)), ("a", piece(4, 5, 6))]


@pytest.mark.parametrize("most_bytes", [1, 8, 24, 40, 1000])
def test_the_rows_of_a_table_come_in_their_order(most_bytes: int) -> None:
    found: dict[str, list[int]] = {"a": [], "b": []}
    for name, batch in gathered(PIECES, most_bytes=most_bytes):
        found[name] += batch["x"].to_pylist()
    assert found == {"a": [1, 2, 3, 4, 5, 6], "b": [10, 11, 12]}


def test_all_tables_come_when_the_memory_is_full_and_at_the_end() -> None:
    found = [(name, batch["x"].to_pylist()) for name, batch in gathered(PIECES, most_bytes=32)]
    assert found == [("a", [1, 2, 3]), ("b", [10]), ("b", [11, 12]), ("a", [4, 5, 6])]


def test_pieces_larger_than_the_memory_pass_as_they_are() -> None:
    assert [batch.num_rows for _, batch in gathered(PIECES, most_bytes=1)] == [2, 1, 1, 2, 3]


def test_nothing_comes_of_nothing() -> None:
    assert list(gathered((), most_bytes=1)) == []
