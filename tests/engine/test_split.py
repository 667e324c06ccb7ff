"""Shares of the rows of a load: neighbours, all of them, about as many in each."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from vo_server.engine.duckdb.split import even_shares, staged_shares

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


@pytest.mark.parametrize("n_shares", [1, 2, 3, 7])
@pytest.mark.parametrize("sizes", [[], [0], [5], [1, 1, 1, 1, 1, 1], [9, 0, 0, 1], [0, 0, 8], [3, 1, 4, 1, 5, 9, 2, 6]])
def test_every_thing_is_in_one_share(sizes: list[int], n_shares: int) -> None:
    shares = even_shares(sizes, n_shares)
    assert len(shares) == n_shares
    assert [index for share in shares for index in share] == list(range(len(sizes)))


def test_shares_of_things_of_one_size_are_even() -> None:
    assert [len(share) for share in even_shares([10] * 12, 4)] == [3, 3, 3, 3]
    assert [len(share) for share in even_shares([10] * 11, 2)] in ([5, 6], [6, 5])


def test_the_edge_of_a_share_is_the_nearest() -> None:
    assert even_shares([51, 49], 2) == [range(1), range(1, 2)]
    assert even_shares([49, 51], 2) == [range(1), range(1, 2)]
    assert even_shares([10, 80, 10], 2) == [range(1), range(1, 3)]


def _files(folder: Path, n_rows: list[list[int]]) -> list[Path]:
    """Write a file for each list, with batches of so many rows; rows are numbered through."""
    files, first = [], 0
    for number, batches in enumerate(n_rows):
        files.append(folder / f"{number}.arrow")
        with pa.OSFile(str(files[-1]), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
            for n_batch in batches:
                numbers = range(first, first + n_batch)
                texts = [f"row {one}" for one in numbers]
                stream.write_batch(
                    pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), pa.array(texts)], schema=SCHEMA)
                )
                first += n_batch
    return files


@pytest.mark.parametrize("n_shares", [1, 2, 3, 8])
@pytest.mark.parametrize("n_rows", [[], [[]], [[4]], [[1, 2, 3], [], [4, 5], [600]], [[10] * 20, [10] * 20]], ids=str)
def test_staged_rows_come_in_the_order_of_the_files(tmp_path: Path, n_rows: list[list[int]], n_shares: int) -> None:
    shares = staged_shares(_files(tmp_path, n_rows), n_shares)
    assert len(shares) == n_shares
    found = [row for share in shares for batch in share for row in batch.to_pylist()]
    total = sum(map(sum, n_rows))
    assert found == [{"number": number, "text": f"row {number}"} for number in range(total)]


def test_a_file_that_is_given_twice_is_read_twice(tmp_path: Path) -> None:
    (file,) = _files(tmp_path, [[3, 4]])
    shares = staged_shares([file, file], 3)
    assert sum(batch.num_rows for share in shares for batch in share) == 14


def test_two_shares_of_one_file_have_half_of_it_each(tmp_path: Path) -> None:
    shares = staged_shares(_files(tmp_path, [[10] * 20]), 2)
    assert [sum(batch.num_rows for batch in share) for share in shares] == [100, 100]


def test_batches_outlive_the_reading_of_the_next(tmp_path: Path) -> None:
    (share,) = staged_shares(_files(tmp_path, [[1000] * 5]), 1)
    batches = list(share)
    assert [batch.column("text")[7].as_py() for batch in batches] == [f"row {7 + 1000 * number}" for number in range(5)]
