"""Cutting and gathering batches, so that what a writer holds does not depend on what an engine hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["PIECE_BYTES", "TEXT_BYTES", "grouped", "slices"]

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Arrow bytes that are turned into binary at once: large enough that the time per call does not count."""

TEXT_BYTES: Final = 1024 * 1024
"""The same for text, which is longer and made in more steps."""


def slices(
    batches: Iterable[pa.RecordBatch], *, row_bytes: int = 0, piece_bytes: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in smaller batches, all pieces of one equally long; empty ones are left out.

    Parameters
    ----------
    batches
        Batches of any size.
    row_bytes
        Size of a row as it will be written, where that may be larger than what Arrow has [bytes].
    piece_bytes
        Wanted size of a batch [bytes], which may be half as large again; None for :data:`PIECE_BYTES`.
    """
    wanted = PIECE_BYTES if piece_bytes is None else piece_bytes
    for batch in batches:
        if not batch.num_rows:
            continue
        n_bytes = max(1, batch.nbytes, row_bytes * batch.num_rows)
        n_pieces = max(1, round(n_bytes / wanted))
        n_rows = -(-batch.num_rows // n_pieces)
        for start in range(0, batch.num_rows, n_rows):
            yield batch.slice(start, n_rows)


GROUP_BYTES: Final = 8 * 1024 * 1024
"""Arrow bytes of rows that belong together in a file of columns: one pass of a reader over all columns."""


def grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of about :data:`GROUP_BYTES`; engines may give them in thousands of batches.

    Parameters
    ----------
    batches
        Batches from :func:`slices`, which are small and not empty.
    """
    waiting: list[pa.RecordBatch] = []
    n_bytes = 0
    for batch in batches:
        waiting.append(batch)
        n_bytes += batch.nbytes
        if n_bytes >= GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, n_bytes = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
