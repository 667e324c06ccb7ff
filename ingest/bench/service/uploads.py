"""Matches of an uploaded table with the whole table: the way of the file, its parsing and the answer included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ingest.bench.service.client import upload_request_of
from ingest.bench.service.table import TABLE, batches
from vo_server.formats.registry import find_format
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import QueryResult, arrow_schema
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.bench.service.bench import Bench
    from ingest.bench.service.result import Measured

__all__ = ["MATCH", "measure_uploads", "positions"]

_N_POSITIONS: Final = (10_000, 100_000)
_FORMATS: Final = ("votable/td", "votable")
"""How the positions are uploaded: TABLEDATA, as astropy writes it, and BINARY2."""

_SHIFT_DEG: Final = 0.5 / 3600
"""How far the uploaded positions lie from those of the table, at most [deg]."""

_COLUMNS: Final = (
    Column("number", DataType(Primitive.INT)),
    Column("ra", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.ra;meta.main"),
    Column("dec", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.dec;meta.main"),
)

assert TABLE.position is not None
MATCH: Final = (
    f"SELECT u.number, t.SOURCEID_VISTA, t.CLASS, t.p_QSO FROM TAP_UPLOAD.mine AS u JOIN {TABLE.full_name} AS t "
    f"ON DISTANCE(POINT(u.ra, u.dec), POINT(t.{TABLE.position.ra}, t.{TABLE.position.dec})) < 1/3600."
)


def measure_uploads(bench: Bench) -> Iterator[Measured]:
    """Match some positions, and ten times as many, within 1 arcsec."""
    for n_positions in _N_POSITIONS:
        for name in _FORMATS:
            document = positions(min(n_positions, bench.n_rows), name)
            request = upload_request_of(bench.server.address, MATCH, document, maxrec=bench.n_rows)
            with bench.connect() as connection:
                connection.fetch(request)  # Whatever is made once is not part of a query.
                spent_ms = [connection.fetch(request).total_s * 1e3 for _ in range(bench.repeat)]
            yield bench.measured("uploads", f"{n_positions} positions, {name}: match", "ms", spent_ms)


def positions(n_positions: int, response_format: str) -> bytes:
    """Return a table of positions near those of the first rows of the table."""
    random = np.random.default_rng(n_positions)
    rows = pa.Table.from_batches(list(batches(n_positions)))
    ra, dec = (rows.column(name).to_numpy() for name in ("RA_DES", "DEC_DES"))
    made = [
        pa.array(np.arange(n_positions, dtype="i4")),
        pa.array(ra),
        pa.array(np.clip(dec + random.uniform(-_SHIFT_DEG, _SHIFT_DEG, n_positions), -90, 90)),
    ]
    batch = pa.RecordBatch.from_arrays(made, schema=arrow_schema(_COLUMNS))
    result = QueryResult(_COLUMNS, iter([batch]), maxrec=n_positions)
    return b"".join(find_format(response_format).writer.write(result))
