"""Parts the rows of a load into shares, each of which can be read by a thread of its own.

A share is a stream of batches. One after the other the shares are all rows in their order.
"""

from __future__ import annotations

import mmap
from itertools import groupby, islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["even_shares", "mapped", "staged_shares"]


def even_shares(sizes: Sequence[int], n_shares: int) -> list[range]:
    """Part a row of things into shares of about the same size, each of neighbours.

    Parameters
    ----------
    sizes
        Of the things, from 0.
    n_shares
        How many are wanted, from 1.

    Returns
    -------
    list of range
        Indices of the things of each share, one after the other all of them; some shares may be empty.
    """
    places = np.concatenate([[0], np.cumsum(sizes)])
    wanted = [places[-1] * number / n_shares for number in range(1, n_shares)]
    edges = [0, *(int(np.argmin(np.abs(places - place))) for place in wanted), len(sizes)]
    return [range(first, last) for first, last in pairwise(edges)]


def staged_shares(files: Sequence[Path], n_shares: int) -> list[Iterator[pa.RecordBatch]]:
    """Return the rows of streams of batches in the order of the files.

    Parameters
    ----------
    files
        As Arrow writes streams, not compressed.
    n_shares
        How many shares are wanted, from 1.
    """
    found = [
        (file, number, batch.num_rows) for file, path in enumerate(files) for number, batch in enumerate(_batches(path))
    ]
    shares = even_shares([n_rows for _, _, n_rows in found], n_shares)
    return [_share(files, [found[index][:2] for index in share]) for share in shares]


def mapped(file: Path) -> mmap.mmap:
    """Map a file, which is not empty, into memory."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)


def _share(files: Sequence[Path], places: Sequence[tuple[int, int]]) -> Iterator[pa.RecordBatch]:
    """Yield neighbouring batches, told by the numbers of their files and their numbers there."""
    for file, found in groupby(places, key=itemgetter(0)):
        numbers = [number for _, number in found]
        yield from islice(_batches(files[file]), numbers[0], numbers[-1] + 1)


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file; the rows of those that nobody looks at are not read."""
    opened = mapped(file)
    for batch in pa.ipc.open_stream(pa.py_buffer(opened)):
        yield batch
        # What was read of a mapped file counts as memory of this process.
        opened.madvise(mmap.MADV_DONTNEED)
