"""The tables of the mock sky, by the names that the real ones are published under."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from ingest.mock.bannjos import class_bannjos
from ingest.mock.jplus import mag_ab_dual_obj
from ingest.mock.ls_psc import main
from ingest.mock.sky import MockSky
from ingest.mock.truth import truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from ingest.mock.rows import Rows
    from ingest.mock.sky import Block

__all__ = ["MOCK_TABLES", "batches", "made_columns"]

MOCK_TABLES: Final[Mapping[str, Callable[[Block], Rows]]] = {
    "ls_psc.main": main,
    "jplus.ClassBANNJOS": class_bannjos,
    "jplus.MagABDualObj": mag_ab_dual_obj,
    "mock.truth": truth,
}
"""What makes the rows of each table for a block of objects."""


@cache
def made_columns(table: str) -> frozenset[str]:
    """Return the names of the columns that are made of a table: the real ones have more."""
    block = next(MockSky(1).blocks())
    return frozenset(MOCK_TABLES[table](block).columns)


def batches(sky: MockSky, table: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Make the rows of a table, a batch for each block of the sky.

    Parameters
    ----------
    sky
        The objects.
    table
        A key of :data:`MOCK_TABLES`.
    schema
        Names and types of the columns to give.
    """
    make = MOCK_TABLES[table]
    for block in sky.blocks():
        yield make(block).to_batch(schema)
