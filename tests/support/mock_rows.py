"""The rows of one table of the mock sky, without the others of its pass."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from ingest.mock.sky import MockSky
from ingest.mock.tables import made_together


def batches(sky: MockSky, table: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Make the rows of a table, a batch for each block of the sky that has any."""
    for _, batch in made_together(sky, {table: schema}):
        yield batch
