"""Cutting batches into pieces, so that what a writer holds does not depend on what an engine hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

__all__ = ["slices"]

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Arrow bytes that are turned into text or binary at once: large enough that the time per call does not count."""


def slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of about :data:`PIECE_BYTES`; empty ones are left out."""
    for batch in batches:
        if not batch.num_rows:
            continue
        n_rows = max(1, PIECE_BYTES * batch.num_rows // max(1, batch.nbytes))
        for start in range(0, batch.num_rows, n_rows):
            yield batch.slice(start, n_rows)
