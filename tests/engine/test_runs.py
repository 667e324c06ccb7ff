"""The sort of a load in two steps against one sort of all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vo_server.engine.duckdb.runs import MOST_FILES, MOST_WINDOWS, joined, merged, sorted_run
from vo_server.model.table import HEALPIX_COLUMN

SCHEMA = pa.schema(
    [("number", pa.int64()), ("text", pa.string()), ("list", pa.list_(pa.float32())), (HEALPIX_COLUMN, pa.int64())]
)


def _batch(cells: Sequence[int | None], first: int = 0) -> pa.RecordBatch:
    numbers = range(first, first + len(cells))
    columns = [list(numbers), [f"row {number}" for number in numbers], [[number, None] for number in numbers], cells]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _batches(n_batches: int, n_rows: int, *, seed: int) -> list[pa.RecordBatch]:
    random = np.random.default_rng(seed)
    found = []
    for number in range(n_batches):
        cells: list[int | None] = random.integers(0, 12 * 4**29, n_rows).tolist()
        cells[number :: 7 + number] = [None] * len(cells[number :: 7 + number])
        found.append(_batch(cells, number * n_rows))
    return found


def _write(path: Path, batches: Sequence[pa.RecordBatch]) -> Path:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return path


def _rows(batches: Sequence[pa.RecordBatch]) -> list[tuple[object, ...]]:
    table = pa.Table.from_batches(batches, SCHEMA)
    return [tuple(str(value) for value in row.values()) for row in table.to_pylist()]


def _cells(batches: Sequence[pa.RecordBatch]) -> list[int | None]:
    return [cell for batch in batches for cell in batch.column(HEALPIX_COLUMN).to_pylist()]


def _in_order(cells: Sequence[int | None]) -> list[int | None]:
    return sorted(cells, key=lambda cell: (cell is None, cell))


def _merged(files: Sequence[Path], n_shares: int = 1) -> list[pa.RecordBatch]:
    shares = merged(files, n_shares)
    assert shares is not None
    assert len(shares) == n_shares
    return [batch for share in shares for batch in share]


def _all(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    return list(batches)


def test_a_run_has_the_rows_of_its_batch_in_the_order_of_their_cells() -> None:
    (batch,) = _batches(1, 1000, seed=1)
    run = sorted_run(batch)
    assert Counter(_rows([run])) == Counter(_rows([batch]))
    assert _cells([run]) == _in_order(_cells([batch]))


def test_batches_that_are_joined_are_held_no_longer() -> None:
    (batch,) = _batches(1, 100, seed=2)
    one, two = [batch], [batch, batch]
    assert joined(one) is batch
    assert _rows([joined(two)]) == 2 * _rows([batch])
    assert one == two == []


@pytest.mark.parametrize("n_batches", [1, 2, 9])
def test_runs_of_several_files_become_one(tmp_path: Path, n_batches: int) -> None:
    batches = _batches(n_batches, 3000, seed=n_batches)
    files = [
        _write(tmp_path / f"{number}.arrow", [sorted_run(batch) for batch in part])
        for number, part in enumerate((batches[:2], batches[2:]))
    ]
    rows = _merged(files)
    assert Counter(_rows(rows)) == Counter(_rows(batches))
    assert _cells(rows) == _in_order(_cells(batches))


def test_ranges_of_many_rows_are_merged_one_after_the_other(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    # Rows of 40 bytes: 250 000 of them in three ranges, close together in one corner of the sky.
    runs = [sorted_run(_batch(random.integers(0, 4**20, 50_000).tolist(), 50_000 * number)) for number in range(5)]
    pieces = _merged([_write(tmp_path / "rows.arrow", runs)])
    assert len(pieces) > 1
    cells = _cells(pieces)
    assert cells == sorted(cell for cell in _cells(runs) if cell is not None)


def test_rows_without_a_cell_are_shared_out_too(tmp_path: Path) -> None:
    batches = [_batch([None] * 1000, 1000 * number) for number in range(10)]
    file = _write(tmp_path / "rows.arrow", [*batches, _batch([1, 2, None], 10_000)])
    shares = merged([file], 2)
    assert shares is not None
    found = [list(share) for share in shares]
    assert all(sum(batch.num_rows for batch in share) > 4000 for share in found)
    assert _rows([batch for share in found for batch in share]) == _rows(_merged([file]))


@pytest.mark.parametrize("n_shares", [2, 3, 5])
def test_shares_are_the_same_rows_in_the_same_order(tmp_path: Path, n_shares: int) -> None:
    random = np.random.default_rng(7)
    batches = [_batch(random.integers(0, 4**20, 50_000).tolist(), 50_000 * number) for number in range(4)]
    batches.append(_batch([None, 5, None, 4**20], 200_000))
    file = _write(tmp_path / "rows.arrow", [sorted_run(batch) for batch in batches])
    assert _rows(_merged([file], n_shares)) == _rows(_merged([file]))


def test_shares_can_be_read_at_the_same_time(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    runs = [sorted_run(_batch(random.integers(0, 4**20, 50_000).tolist(), 50_000 * number)) for number in range(4)]
    file = _write(tmp_path / "rows.arrow", runs)
    shares = merged([file], 2)
    assert shares is not None
    with ThreadPoolExecutor(2) as pool:
        found = [batch for batches in pool.map(_all, shares) for batch in batches]
    assert _rows(found) == _rows(_merged([file]))


def test_rows_without_any_cell_are_kept(tmp_path: Path) -> None:
    found = _merged([_write(tmp_path / "rows.arrow", [_batch([None, None]), _batch([None], 2)])])
    assert Counter(_rows(found)) == Counter(_rows([_batch([None, None, None])]))


def test_what_would_take_much_memory_is_not_merged(tmp_path: Path) -> None:
    many = [_batch([number]) for number in range(MOST_WINDOWS // 5)]
    assert merged([_write(tmp_path / "many.arrow", many)], 2) is None
    assert merged([_write(tmp_path / "nothing.arrow", [])], 2) is None
    assert merged([_write(tmp_path / "one.arrow", [_batch([1])])] * (MOST_FILES + 1), 2) is None
    same = [_batch([5] * 200_000, 200_000 * number) for number in range(4)]
    assert merged([_write(tmp_path / "same.arrow", same)], 2) is None


@pytest.mark.parametrize("cells", [[2, 1], [2, None, 1], [None, 1], [1, None, 2], [None, 2, 1]], ids=str)
def test_rows_that_are_not_sorted_are_not_merged(tmp_path: Path, cells: list[int | None]) -> None:
    files = [
        _write(tmp_path / "sorted.arrow", [_batch([1, 2, None])]),
        _write(tmp_path / "rows.arrow", [_batch(cells)]),
    ]
    assert merged(files, 2) is None
    assert merged(files[:1], 2) is not None
