"""The sort of rows that are too many to be merged, against one sort of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vo_server.engine.duckdb import distribution
from vo_server.engine.duckdb.distribution import distributed
from vo_server.engine.duckdb.runs import sorted_run
from vo_server.model.table import HEALPIX_COLUMN

N_CELLS = 12 * 4**29
SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string()), (HEALPIX_COLUMN, pa.int64())])
AT_ONCE_BYTES = 16 * 1024
N_PARTS = 8


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which thousands of rows are distributed several times over."""
    monkeypatch.setattr(distribution, "_AT_ONCE_BYTES", AT_ONCE_BYTES)
    monkeypatch.setattr(distribution, "_MOST_FILES", N_PARTS)
    monkeypatch.setattr(distribution, "_SAMPLE", 200)


def _file(path: Path, cells: np.ndarray, *, first: int = 0, n_each: int = 1000, is_sorted: bool = False) -> Path:
    """Write rows; a negative cell is none."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        for start in range(0, len(cells), n_each):
            some = cells[start : start + n_each]
            numbers = range(first + start, first + start + len(some))
            columns = [
                pa.array(numbers),
                pa.array([f"row {number}" for number in numbers], pa.string()),
                pa.array(some, mask=some < 0),
            ]
            batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
            stream.write_batch(sorted_run(batch) if is_sorted else batch)
    return path


def _is_right(files: list[Path], folder: Path) -> bool:
    """Tell whether all rows come, each once and whole, in order, and nothing is left behind."""
    given = [row for file in files for row in pa.ipc.open_stream(file.read_bytes()).read_all().to_pylist()]
    found = _rows(files, folder, 1)
    in_shares = _rows(files, folder, 3)
    cells = [row[HEALPIX_COLUMN] for row in found]
    in_order = sorted(cells, key=lambda cell: (cell is None, cell))
    same = Counter(tuple(row.values()) for row in found) == Counter(tuple(row.values()) for row in given)
    return same and cells == in_order and in_shares == found and not list(folder.iterdir())


def _rows(files: list[Path], folder: Path, n_shares: int) -> list[dict[str, object]]:
    with distributed(files, folder, n_shares) as shares:
        return [row for share in shares for row in _all_rows(share)]


def _all_rows(batches: Iterator[pa.RecordBatch]) -> list[dict[str, object]]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.mark.parametrize("is_sorted", [True, False])
def test_rows_all_over_the_sky_are_sorted(tmp_path: Path, folder: Path, *, is_sorted: bool) -> None:
    random = np.random.default_rng(1)
    files = [
        _file(tmp_path / f"{number}", random.integers(0, N_CELLS, 9000), first=9000 * number, is_sorted=is_sorted)
        for number in range(2)
    ]
    assert _is_right(files, folder)


def test_files_that_lie_side_by_side_are_sorted(tmp_path: Path, folder: Path) -> None:
    random = np.random.default_rng(2)
    files = [
        _file(tmp_path / f"{number}", np.sort(random.integers(10**9 * number, 10**9 * (number + 1), 3000)))
        for number in (3, 1, 2)
    ]
    assert _is_right(files, folder)


@pytest.mark.parametrize("n_cells", [1, 2, 3, 40])
def test_many_rows_with_few_cells_are_sorted(tmp_path: Path, folder: Path, n_cells: int) -> None:
    random = np.random.default_rng(n_cells)
    assert _is_right([_file(tmp_path / "rows", random.integers(0, n_cells, 9000) * 10**16)], folder)


def test_a_cell_with_nearly_all_rows_is_no_trouble(tmp_path: Path, folder: Path) -> None:
    cells = np.full(9000, 7 * 10**17)
    cells[[5, 4000, 8999]] = 3, N_CELLS - 1, 7 * 10**17 + 1
    assert _is_right([_file(tmp_path / "rows", cells)], folder)


def test_rows_without_a_cell_come_last(tmp_path: Path, folder: Path) -> None:
    random = np.random.default_rng(4)
    cells = random.integers(0, N_CELLS, 9000)
    cells[random.random(9000) < 0.6] = -1
    assert _is_right([_file(tmp_path / "rows", cells)], folder)
    assert _is_right([_file(tmp_path / "none", np.full(9000, -1))], folder)


def test_few_rows_are_sorted_at_once(tmp_path: Path, folder: Path) -> None:
    assert _is_right([_file(tmp_path / "rows", np.array([3, -1, 1, 2]))], folder)
    assert _is_right([_file(tmp_path / "nothing", np.array([], np.int64))], folder)


def test_no_range_is_larger_than_what_is_sorted_at_once(tmp_path: Path, folder: Path) -> None:
    random = np.random.default_rng(5)
    cells = np.concatenate([random.integers(0, N_CELLS, 9000), random.integers(0, 1000, 9000)])
    with distributed([_file(tmp_path / "rows", random.permutation(cells))], folder, 2) as shares:
        assert len(shares) == 2
        assert all(batch.nbytes <= AT_ONCE_BYTES for share in shares for batch in share)


def test_shares_have_about_as_many_rows_each(tmp_path: Path, folder: Path) -> None:
    cells = np.random.default_rng(7).integers(0, N_CELLS, 9000)
    with distributed([_file(tmp_path / "rows", cells)], folder, 2) as shares:
        n_rows = [sum(batch.num_rows for batch in share) for share in shares]
    assert sum(n_rows) == 9000
    assert min(n_rows) > 9000 // N_PARTS


def test_shares_can_be_read_at_the_same_time(tmp_path: Path, folder: Path) -> None:
    file = _file(tmp_path / "rows", np.random.default_rng(8).integers(0, N_CELLS, 9000))
    with distributed([file], folder, 2) as shares, ThreadPoolExecutor(2) as pool:
        found = [row for rows in pool.map(_all_rows, shares) for row in rows]
    assert found == _rows([file], folder, 1)


def test_nothing_is_left_when_the_reader_gives_up(tmp_path: Path, folder: Path) -> None:
    file = _file(tmp_path / "rows", np.random.default_rng(6).integers(0, N_CELLS, 9000))
    with distributed([file], folder, 2) as shares:
        next(shares[1])
        assert list(folder.iterdir())
    assert not list(folder.iterdir())
