"""Sorts the rows of a load that are too many to be merged: they are distributed over files, one for a range of cells.

All rows of a file come before those of the next, so one file after the other is sorted in memory; one that is too large
for that is distributed again. What it takes of memory depends neither on the number of the rows nor on their width, but
on how many shares are read at once.
(DuckDB's own sort needs the more, the more there is to sort, and fails without: 20 000 000 rows of 248 bytes with two
threads and 150 MB.)
"""

from __future__ import annotations

import mmap
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from vo_server.engine.duckdb.runs import cells_of, is_ascending, joined, sorted_run
from vo_server.engine.duckdb.split import even_shares, mapped, staged_shares

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from vo_server.sky.angle import IntArray

__all__ = ["distributed"]

_AT_ONCE_BYTES: Final = 12 * 1024**2
"""Files up to this size are sorted in memory, where there are three of their rows meanwhile, for each share."""

_MOST_FILES: Final = 256
"""Files that are written at once."""

_BUFFER_BYTES: Final = 32 * 1024
"""What waits to be written to each of them."""

_SAMPLE: Final = 100_000
"""About so many cells tell where ranges with as many rows each begin."""


@contextmanager
def distributed(files: Sequence[Path], folder: Path, n_shares: int) -> Generator[list[Iterator[pa.RecordBatch]]]:
    """Distribute the rows of streams of batches, and give them in the order of their cells, rows without a cell last.

    Parameters
    ----------
    files
        As Arrow writes streams, not compressed, at least one; they stay.
    folder
        Where there is room for the same rows once more; nothing of it stays.
    n_shares
        How many shares are wanted, from 1; there is one where the rows are few.

    Yields
    ------
    list of iterators of RecordBatch
        The shares, see :mod:`vo_server.engine.duckdb.split`, to be read in the context.
    """
    n_bytes = sum(file.stat().st_size for file in files)
    if n_bytes <= _AT_ONCE_BYTES:
        yield [_sorted_at_once(files)]
        return
    bounds = _bounds(files, n_bytes, n_ranges=min(2 * n_bytes // _AT_ONCE_BYTES + 1, _MOST_FILES))
    if len(bounds) == 0:
        # No two rows have different cells: any order is right.
        yield staged_shares(files, n_shares)
        return
    with TemporaryDirectory(prefix="distributed-", dir=folder) as name:
        room = Path(name)
        parts = _distribute(files, bounds, room)
        shares = even_shares([part.stat().st_size for part in parts], n_shares)
        yield [_sorted_parts([parts[index] for index in share], room) for share in shares]


def _sorted_parts(parts: Sequence[Path], room: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows of files that are in order, sorted; the files are used up."""
    for part in parts:
        with distributed([part], room, 1) as (rows,):
            yield from rows
        part.unlink()


def _batches_of(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of streams of batches in the order of the files."""
    for path in files:
        # Read, not mapped: mapped pages would count as memory of this process.
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            yield from stream


def _sorted_at_once(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    if found := list(_batches_of(files)):
        yield sorted_run(joined(found))


def _bounds(files: Sequence[Path], n_bytes: int, *, n_ranges: int) -> IntArray:
    """Return the first cells of all ranges but the lowest; none when all rows have the same cell.

    Each bound has rows on both of its sides, so that every file of a range is smaller than all of them together.
    """
    samples: list[IntArray] = []
    lowest, highest = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    for path in files:
        opened = mapped(path)
        for batch in pa.ipc.open_stream(pa.py_buffer(opened)):
            cells = cells_of(batch)
            if not len(cells):
                continue
            lowest, highest = min(lowest, cells.min()), max(highest, cells.max())
            n_rows = n_bytes * len(cells) // max(batch.nbytes, 1)
            samples.append(cells[:: max(n_rows // _SAMPLE, 1)].copy())
            opened.madvise(mmap.MADV_DONTNEED)
    if lowest >= highest:
        return np.empty(0, np.int64)
    sample = np.sort(np.concatenate(samples))
    values, n_times = np.unique(sample[:: max(len(sample) // n_ranges, 1)], return_counts=True)
    # A cell with as many rows as several ranges gets a range of its own.
    found = np.union1d(values, values[(n_times > 1) & (values < highest)] + 1)
    found = found[found > lowest]
    return found if len(found) else np.array([highest])


def _distribute(files: Sequence[Path], bounds: IntArray, folder: Path) -> list[Path]:
    """Write the rows of each range to a file; return the files in the order of the ranges."""
    parts = [folder / f"{number:03}.arrow" for number in range(len(bounds) + 1)]
    with ExitStack() as opened:
        streams: list[pa.ipc.RecordBatchStreamWriter] = []
        for batch in _batches_of(files):
            if not streams:
                streams = [_stream(part, batch.schema, opened) for part in parts]
            run = batch if is_ascending(cells_of(batch)) else sorted_run(batch)
            edges = np.concatenate([[0], np.searchsorted(cells_of(run), bounds), [run.num_rows]])
            for number in np.flatnonzero(np.diff(edges)):
                streams[number].write_batch(run.slice(edges[number], edges[number + 1] - edges[number]))
    return parts


def _stream(path: Path, schema: pa.Schema, opened: ExitStack) -> pa.ipc.RecordBatchStreamWriter:
    file = opened.enter_context(pa.OSFile(str(path), "wb"))
    buffered = opened.enter_context(pa.BufferedOutputStream(file, _BUFFER_BYTES))
    return opened.enter_context(pa.ipc.new_stream(buffered, schema))
