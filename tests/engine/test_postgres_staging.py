"""Where PostgreSQL keeps the rows of a load: which belong to which part is told by the transactions that wrote them."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pyarrow as pa
import pytest

from tests.engine.samples import LONG
from tests.engine.site import PostgresSite
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table

pytestmark = pytest.mark.postgres

KEY = "c" * 16
NUMBERS = Table("demo", "numbers", (Column("n", LONG),))
ARRAYS = Table("demo", "arrays", (Column("n", LONG), Column("a", DataType(Primitive.DOUBLE, "*"))))
"""Rows of this one go through another driver."""
N_EACH = 50


def _stage(engine: PostgresEngine, table: Table, n_parts: int) -> None:
    """Stage some parts and leave: the rows of each count down."""
    with engine.loader(table, version="1", key=KEY) as loader:
        for number in range(n_parts):
            with loader.part() as part:
                found = _numbers(number)
                columns = {"n": found, "a": [[float(n)] for n in found]}
                rows = pa.table({name: columns[name] for name in table.by_name}, arrow_schema(table.columns))
                for batch in rows.to_batches(max_chunksize=N_EACH // 3):
                    part.write(batch)
                part.end()
                part.commit(f"file {number}", "")


def _finish(engine: PostgresEngine, table: Table, *, without: frozenset[str] = frozenset()) -> list[int]:
    """Go on with what is staged, and return what the release has, in the order of its rows."""
    with engine.loader(table, version="1", key=KEY) as loader:
        for part in loader.staged():
            if part.key in without:
                loader.discard(part)
        report = loader.finish()
    published = replace(table, release="1", location=report.location, n_rows=report.n_rows)
    rows = pa.Table.from_batches(engine.read(published), arrow_schema(table.columns))
    assert rows.num_rows == report.n_rows
    found: list[int] = rows["n"].to_pylist()
    return found


def _numbers(*parts: int) -> list[int]:
    return [number * N_EACH - row for number in parts for row in range(N_EACH)]


@pytest.fixture
def engine(postgres_site: PostgresSite) -> PostgresEngine:
    return postgres_site.open()


@pytest.mark.parametrize("table", [NUMBERS, ARRAYS], ids=lambda table: table.name)
def test_rows_without_positions_keep_the_order_of_the_parts_that_stay(engine: PostgresEngine, table: Table) -> None:
    _stage(engine, table, 5)
    assert _finish(engine, table, without=frozenset({"file 0", "file 3"})) == _numbers(1, 2, 4)


def test_what_was_staged_before_a_dump_is_loaded_again(engine: PostgresEngine, postgres_site: PostgresSite) -> None:
    _stage(engine, NUMBERS, 3)
    place = f'"{postgres_site.data_schema}"."staged_{KEY}_rows"'
    with psycopg.connect(postgres_site.dsn) as connection:
        # As restoring a dump does: the same rows, another table, one transaction.
        connection.execute(f"CREATE UNLOGGED TABLE restored AS SELECT * FROM {place}".encode())
        connection.execute(f"DROP TABLE {place}".encode())
        connection.execute(f'ALTER TABLE restored SET SCHEMA "{postgres_site.data_schema}"'.encode())
        connection.execute(f'ALTER TABLE "{postgres_site.data_schema}".restored RENAME TO "staged_{KEY}_rows"'.encode())
    with engine.loader(NUMBERS, version="1", key=KEY) as loader:
        assert loader.staged() == ()
    _stage(engine, NUMBERS, 3)
    assert _finish(engine, NUMBERS) == _numbers(0, 1, 2)
