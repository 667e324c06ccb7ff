"""Columns that are called like those that PostgreSQL has in every table, such as the edges of a box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from tests.engine.samples import publish
from tests.engine.semantics.cases import answer
from tests.engine.site import AnyEngine, DuckdbSite, PostgresSite
from vo_server.adql.front import compile_query
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table

LONG = DataType(Primitive.LONG)
NAMES = ("cmax", "cmin", "ctid", "tableoid", "xmax", "xmin", "rowid", "oid")
BOXES = Table(
    "s",
    "boxes",
    tuple(Column(name, LONG, is_indexed=name == "xmin") for name in NAMES),
    primary_key=("xmin", "xmax"),
)


def rows() -> pa.RecordBatch:
    values = [[10 * place, 10 * place + 1] for place in range(len(NAMES))]
    return pa.RecordBatch.from_pydict(dict(zip(NAMES, values, strict=True)), schema=arrow_schema(BOXES.columns))


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyEngine]:
    """Each engine in turn."""
    if request.param == "duckdb":
        duckdb = DuckdbSite(tmp_path)
        yield duckdb.open()
        duckdb.close()
        return
    dsn = request.getfixturevalue("postgres_dsn")
    site = PostgresSite(dsn, "system_names")
    yield site.open()
    site.close()
    with psycopg.connect(dsn) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {site.data_schema} CASCADE".encode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM s.boxes WHERE xmin = 51", [{name: 10 * place + 1 for place, name in enumerate(NAMES)}]),
        ("SELECT DISTINCT ctid, xmax + 1 AS n FROM s.boxes WHERE tableoid = 30", [{"ctid": 20, "n": 41}]),
        ("SELECT MAX(xmin) AS m, cmin FROM s.boxes GROUP BY cmin ORDER BY cmin DESC", [{"m": 51, "cmin": 11}]),
        ("SELECT b.xmin FROM (SELECT * FROM s.boxes) AS b WHERE b.cmax = 0", [{"xmin": 50}]),
        ("SELECT a.xmin FROM s.boxes AS a JOIN s.boxes AS b USING (xmax) WHERE b.ctid = 21", [{"xmin": 51}]),
    ],
)
def test_a_query_means_the_published_columns(engine: AnyEngine, query: str, expected: list[dict[str, int]]) -> None:
    table = publish(engine, BOXES, [rows()])
    _, found = answer(engine, Catalogue((Schema("s", (table,)),)), query)
    assert found.to_pylist()[:1] == expected


def test_all_rows_are_read_back(engine: AnyEngine) -> None:
    table = publish(engine, BOXES, [rows()])
    assert pa.Table.from_batches(engine.read(table)) == pa.Table.from_batches([rows()])


def test_a_table_that_comes_with_a_query_may_have_them(engine: AnyEngine) -> None:
    given = replace(BOXES, schema="tap_upload", columns=BOXES.columns[:6])
    query = compile_query(
        "SELECT xmin, ctid FROM tap_upload.boxes WHERE cmax = 1", Catalogue((Schema("tap_upload", (given,)),))
    )
    inline = {given.full_name: pa.Table.from_batches([rows()]).select(list(NAMES[:6]))}
    found = list(engine.run(query, limit=None, timeout_s=60.0, inline=inline))
    assert pa.Table.from_batches(found).to_pylist() == [{"xmin": 51, "ctid": 21}]
