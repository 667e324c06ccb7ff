"""Whole tables through HTTP: rows and bytes a second in every format, the first byte, the memory of the server."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Final

from ingest.bench.service.queries import ALL_ROWS
from ingest.bench.service.result import Limit
from vo_server.adql.front import compile_query
from vo_server.formats.registry import OUTPUT_FORMATS
from vo_server.model.query import QueryResult
from vo_server.model.table import Catalogue, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from ingest.bench.service.bench import Bench
    from ingest.bench.service.result import Measured
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.formats.registry import OutputFormat

__all__ = ["measure_formats", "measure_memory"]

_GROUP: Final = "formats"
_READY_BYTES: Final = 48 * 1024 * 1024
"""Arrow bytes that a writer is given to show its own speed: twelve batches of the engine, more tell no more."""


def measure_formats(bench: Bench) -> Iterator[Measured]:
    """Stream the whole table in every format that the service has, beside what the database and the writer can do."""
    bulk = bench.measured(
        _GROUP, bench.raw.bulk_name, "rows/s", [bench.n_rows / bench.raw.bulk_s() for _ in range(bench.repeat)]
    )
    yield bulk
    resolved, batches = _ready(bench)
    for one in OUTPUT_FORMATS:
        speeds = [_writer_speed(one, resolved, batches) for _ in range(bench.repeat)]
        writer = bench.measured(_GROUP, f"writer of {one.name}", "rows/s", speeds)
        yield writer
        yield from _format(bench, one, Limit(bulk.what, bulk.median), Limit(writer.what, writer.median))


def measure_memory(bench: Bench) -> Iterator[Measured]:
    """Stream the whole table once in every format and see what memory the server takes beyond what it had."""
    for one in OUTPUT_FORMATS:
        with bench.connect() as connection, bench.server.watched() as memory:
            bench.download(connection, one.name, ALL_ROWS)
        yield bench.measured("memory", f"{one.name}: memory growth", "MB", [memory.growth_mb])


def _format(bench: Bench, one: OutputFormat, bulk: Limit, writer: Limit) -> Iterator[Measured]:
    request = bench.request(ALL_ROWS, response_format=one.name)
    got, growths_mb = [], []
    for _ in range(bench.repeat):
        with bench.connect() as connection, bench.server.watched() as memory:
            got.append(connection.fetch(request))
        growths_mb.append(memory.growth_mb)
    rates = [bench.n_rows / download.total_s for download in got]
    yield bench.measured(_GROUP, f"{one.name}: rows", "rows/s", rates, bulk)
    if one is not OUTPUT_FORMATS[0]:
        slower = min(bulk, writer, key=lambda limit: limit.value)
        yield bench.measured(_GROUP, f"{one.name}: rows, against what it is made from", "rows/s", rates, slower)
    yield bench.measured(_GROUP, f"{one.name}: bytes", "MB/s", [one.n_bytes / one.total_s / 1e6 for one in got])
    yield bench.measured(_GROUP, f"{one.name}: first byte", "ms", [one.first_byte_s * 1e3 for one in got])
    yield bench.measured(_GROUP, f"{one.name}: memory growth", "MB", growths_mb)


def _ready(bench: Bench) -> tuple[ResolvedQuery, list[pa.RecordBatch]]:
    """Return the first batches of the table as the engine gives them."""
    catalogue = Catalogue((Schema(bench.table.schema, (bench.table,)),))
    resolved = compile_query(ALL_ROWS, catalogue)
    running = bench.engine.run(resolved, limit=bench.n_rows, timeout_s=600)
    try:
        first = next(running)
        return resolved, [first, *islice(running, _READY_BYTES // max(1, first.nbytes))]
    finally:
        running.close()


def _writer_speed(one: OutputFormat, resolved: ResolvedQuery, batches: list[pa.RecordBatch]) -> float:
    """Write batches that are there already, to nowhere; return the rows a second."""
    n_rows = sum(batch.num_rows for batch in batches)
    result = QueryResult(columns=resolved.columns, batches=iter(batches), maxrec=n_rows)
    begin = time.perf_counter()
    for _ in one.writer.write(result):
        pass
    took_s = time.perf_counter() - begin
    return float(n_rows / took_s)
