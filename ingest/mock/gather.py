"""Puts the small pieces of several tables together into large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["gathered"]


def gathered(pieces: Iterable[tuple[str, pa.RecordBatch]], *, most_bytes: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each table in their order, in fewer pieces.

    Parameters
    ----------
    pieces
        Tables and rows of them; the pieces of a table have one schema.
    most_bytes
        When the pieces of all tables that wait are so large together [bytes], all of them are yielded.

    Yields
    ------
    table, batch
        A table is yielded no more often than the memory is full, and once at the end.
    """
    waiting: dict[str, list[pa.RecordBatch]] = {}
    n_bytes = 0
    for name, piece in pieces:
        waiting.setdefault(name, []).append(piece)
        n_bytes += piece.nbytes
        if n_bytes >= most_bytes:
            yield from _emptied(waiting)
            n_bytes = 0
    yield from _emptied(waiting)


def _emptied(waiting: dict[str, list[pa.RecordBatch]]) -> Iterator[tuple[str, pa.RecordBatch]]:
    while waiting:
        name = next(iter(waiting))
        yield name, pa.concat_batches(waiting.pop(name))
