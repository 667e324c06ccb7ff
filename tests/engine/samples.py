"""Tables with hard values, and the shortest way to publish and read them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tests.engine.site import AnyEngine
from vo_server.engine.duckdb.attach import relation_of as duckdb_relation
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.place import relation_of as postgres_relation
from vo_server.engine.stream import QueryStream
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Table
from vo_server.sky.healpix import cells

NAN, INF = float("nan"), float("inf")
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

instant = datetime.fromisoformat
"""A time in UTC, without a zone as all of ours."""

HARD_VALUES: dict[str, tuple[DataType, list[Any]]] = {
    "a_boolean": (DataType(Primitive.BOOLEAN), [True, None, False, True]),
    "a_byte": (DataType(Primitive.UNSIGNED_BYTE), [255, None, 0, 128]),
    "a_short": (DataType(Primitive.SHORT), [-(2**15), None, 2**15 - 1, 0]),
    "an_int": (DataType(Primitive.INT), [-(2**31), None, 2**31 - 1, 0]),
    "a_long": (DataType(Primitive.LONG), [LONG_MIN, None, LONG_MAX, 2**53 + 1]),
    "a_float": (DataType(Primitive.FLOAT), [NAN, None, -INF, 0.1]),
    "a_double": (DataType(Primitive.DOUBLE), [NAN, None, -0.0, 5e-324]),
    "another_double": (DataType(Primitive.DOUBLE), [INF, None, -1.7976931348623157e308, 0.1 + 0.2]),
    "a_text": (DataType(Primitive.CHAR, "*"), ["", None, "Å 🌌 名", " 'quoted\"\\\t\n "]),
    "a_unicode": (DataType(Primitive.UNICODE_CHAR, "12"), ["é", None, "", "\U0010ffff"]),
    "a_time": (
        DataType(Primitive.CHAR, "*", "timestamp"),
        [instant("0001-01-01"), None, instant("9999-12-31T23:59:59.999999"), instant("1969-12-31T23:59:59.000001")],
    ),
    "bytes": (DataType(Primitive.UNSIGNED_BYTE, "*"), [[255, None, 0], None, [], [1]]),
    "longs": (DataType(Primitive.LONG, "*"), [[LONG_MIN, None, LONG_MAX], None, [], [None]]),
    "floats": (DataType(Primitive.FLOAT, "*"), [[NAN, 1.5], None, [], [-INF, -0.0, 1.5]]),
    "doubles": (DataType(Primitive.DOUBLE, "2x3"), [[1.0, 2.0, 3.0, 4.0, 5.0, NAN], None, [], [None, INF]]),
    "booleans": (DataType(Primitive.BOOLEAN, "*"), [[True, None, False], None, [], [False]]),
    "a_point": (DataType(Primitive.DOUBLE, "2", "point"), [[359.5, -90.0], None, [NAN, NAN], [0.0, 90.0]]),
    'odd "name" %s': (DataType(Primitive.INT), [1, 2, 3, 4]),
    "SELECT": (DataType(Primitive.SHORT), [1, 2, 3, 4]),
}

HARD = Table("odd.Schema", "hard Table", tuple(Column(name, kind) for name, (kind, _) in HARD_VALUES.items()))


def hard_rows() -> pa.RecordBatch:
    """The rows of :data:`HARD`."""
    schema = arrow_schema(HARD.columns)
    values = (values for _, values in HARD_VALUES.values())
    return pa.record_batch(
        [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)], schema=schema
    )


SKY = Table(
    "demo",
    "sky",
    (
        Column("id", DataType(Primitive.LONG), is_indexed=True),
        Column("ra", DataType(Primitive.DOUBLE)),
        Column("dec", DataType(Primitive.DOUBLE)),
        Column("name", DataType(Primitive.CHAR, "*")),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True),
    ),
    primary_key=("id",),
    position=Position("ra", "dec"),
)


def sky_rows(n_rows: int, *, first: int = 0) -> pa.RecordBatch:
    """Rows of :data:`SKY`, everywhere on the sphere; every hundredth has no position, some have a NaN."""
    ids = np.arange(first, first + n_rows)
    random = np.random.default_rng(first)
    ra = random.uniform(0, 360, n_rows)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, n_rows)))
    missing = ids % 100 == 0
    dec[ids % 100 == 1] = np.nan
    cell = cells(ra, dec)
    no_cell = missing | (cell < 0)
    return pa.record_batch(
        [
            pa.array(ids),
            pa.array(ra, mask=missing),
            pa.array(dec, mask=missing),
            pa.array(np.char.add("object ", ids.astype(str)), pa.string()),
            pa.array(cell, mask=no_cell),
        ],
        schema=arrow_schema(SKY.columns),
    )


def publish(engine: AnyEngine, table: Table, batches: Iterable[pa.RecordBatch], *, version: str = "1") -> Table:
    """Load a release; return the table with its place."""
    with engine.loader(table, version=version) as loader:
        for batch in batches:
            loader.write(batch)
        report = loader.finish()
    return replace(table, release=version, location=report.location, n_rows=report.n_rows)


def relation(engine: AnyEngine, table: Table) -> str:
    """The SQL name of a table's rows."""
    assert table.location is not None
    is_duckdb = isinstance(engine, DuckdbEngine)
    return duckdb_relation(table.location) if is_duckdb else postgres_relation(table.location)


def start(
    engine: AnyEngine,
    sql: str,
    columns: Iterable[Column] = (),
    *,
    of: Iterable[Table] = (),
    limit: int | None = None,
    timeout_s: float = 60.0,
    inline: Mapping[str, tuple[Table, pa.Table]] | None = None,
) -> QueryStream:
    """Run SQL; ``{}`` in it stand for the tables in ``of``."""
    tables = list(of)
    text = sql.format(*(relation(engine, table) for table in tables))
    given = inline or {}
    if isinstance(engine, DuckdbEngine):
        return engine._run_sql(
            text,
            tuple(columns),
            limit=limit,
            timeout_s=timeout_s,
            locations=[table.location for table in tables if table.location is not None],
            inline={name: rows for name, (_, rows) in given.items()},
        )
    return engine._run_sql(
        text,
        tuple(columns),
        limit=limit,
        timeout_s=timeout_s,
        inline={name: (table.columns, rows) for name, (table, rows) in given.items()},
    )


def answer(
    engine: AnyEngine, sql: str, *kinds: DataType, of: Iterable[Table] = (), limit: int | None = None
) -> list[Any]:
    """Run SQL to the end; return its rows as dictionaries with the keys ``c0``, ``c1``, ..."""
    columns = [Column(f"c{number}", kind) for number, kind in enumerate(kinds)]
    with closing(start(engine, sql, columns, of=of, limit=limit)) as rows:
        found: list[Any] = pa.Table.from_batches(list(rows), arrow_schema(columns)).to_pylist()
    return found


def bits(values: Iterable[Any]) -> Iterator[Any]:
    """Values as something that compares NaN, -0.0 and nested lists by their bits."""
    for value in values:
        if isinstance(value, float):
            yield struct.pack(">d", value)
        elif isinstance(value, list):
            yield list(bits(value))
        else:
            yield value


LONG = DataType(Primitive.LONG)
INT = DataType(Primitive.INT)
DOUBLE = DataType(Primitive.DOUBLE)
TEXT = DataType(Primitive.CHAR, "*")
