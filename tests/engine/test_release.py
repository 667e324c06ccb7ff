"""The file of a release that several threads write, against the rows that it was given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tests.engine.samples import DOUBLE
from vo_server.engine.duckdb import release
from vo_server.engine.duckdb.release import write_release, writers_of
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table

TABLE = Table("bench", "rows", (Column("number", DataType(Primitive.LONG)), Column("x", DOUBLE)))
GROUP = 122_880
STEP = 10_000


def _reader(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(arrow_schema(TABLE.columns), batches)


def _batches(first: int, n_rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(first, first + n_rows, STEP):
        numbers = np.arange(start, min(start + STEP, first + n_rows))
        columns = [pa.array(numbers), pa.array(np.sin(numbers))]
        yield pa.RecordBatch.from_arrays(columns, schema=arrow_schema(TABLE.columns))


def _shares(n_rows: Sequence[int]) -> list[pa.RecordBatchReader]:
    return [_reader(_batches(sum(n_rows[:number]), n_one)) for number, n_one in enumerate(n_rows)]


def _endless() -> pa.RecordBatchReader:
    """Return a share that no thread writes to its end."""

    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, 10**12, STEP):
            yield from _batches(first, STEP)
            time.sleep(0.01)

    return _reader(batches())


@pytest.mark.parametrize("n_rows", [[0], [5], [GROUP], [3, 4], [0, 7], [7, 0, 2], [2 * GROUP + 5, 17, GROUP]], ids=str)
def test_rows_of_all_shares_are_there_in_their_order(tmp_path: Path, n_rows: list[int]) -> None:
    file, n_written = write_release(tmp_path, TABLE, _shares(n_rows))
    assert n_written == sum(n_rows)
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute("SELECT number, x FROM rows").fetchnumpy()
    assert np.array_equal(found["number"], np.arange(sum(n_rows)))
    assert np.array_equal(found["x"], np.sin(found["number"]))
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_the_file_has_no_room_that_nothing_uses(tmp_path: Path) -> None:
    n_rows = 2 * 4 * GROUP + 4000
    n_writers = writers_of(TABLE, n_rows, most=2)
    assert n_writers == 2
    file, _ = write_release(tmp_path, TABLE, _shares([n_rows // 2] * n_writers))
    with duckdb.connect(str(file), read_only=True) as connection:
        ((total, free),) = connection.execute(
            "SELECT total_blocks, free_blocks FROM pragma_database_size() WHERE database_name = 'release'"
        ).fetchall()
    assert free <= 0.1 * total


def test_few_rows_are_written_by_one_thread() -> None:
    assert writers_of(TABLE, 0, most=2) == 1
    assert writers_of(TABLE, 7 * GROUP, most=2) == 1
    assert writers_of(TABLE, 8 * GROUP, most=2) == 2
    assert writers_of(TABLE, 8 * GROUP, most=1) == 1
    assert writers_of(TABLE, 1000 * GROUP, most=64) == 4


@pytest.mark.parametrize(("n_columns", "n_writers"), [(10, 2), (150, 2), (300, 1), (1500, 1)])
def test_wide_tables_have_fewer_writers(n_columns: int, n_writers: int) -> None:
    columns = tuple(Column(f"x{number}", DOUBLE) for number in range(n_columns))
    assert writers_of(Table("bench", "rows", columns), 8 * GROUP, most=2) == n_writers


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_share_that_fails_ends_the_others(tmp_path: Path, broken: int) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield from _batches(0, STEP)
        raise OSError("the disk is gone")

    shares = [_reader(failing()) if number == broken else _endless() for number in range(3)]
    with pytest.raises(Exception, match="the disk is gone"):
        write_release(tmp_path, TABLE, shares)


def test_a_writer_that_cannot_begin_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(ThreadPoolExecutor):
        def submit(self, *words: Any, **options: Any) -> Any:
            if self._threads:
                raise RuntimeError("can't start new thread")
            return super().submit(*words, **options)

    monkeypatch.setattr(release, "ThreadPoolExecutor", Pool)
    with pytest.raises(RuntimeError, match="new thread"):
        write_release(tmp_path, TABLE, [_endless() for _ in range(2)])


def test_an_interrupted_program_ends_all_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(release, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_release(tmp_path, TABLE, [_endless() for _ in range(2)])
