"""What is copied against what ADBC reads, on a real PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import psycopg
import pyarrow as pa
import pytest

from tests.engine.samples import INT, TEXT, bits, publish, start
from tests.engine.site import PostgresSite
from vo_server.adql.front import compile_query
from vo_server.engine.postgres.copied import PSYCOPG, CopiedStatement, QuickestStatement, UnreadableTypesError
from vo_server.engine.postgres.pool import ADBC, Driver, QueryPool
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.engine.postgres.statement import ArrowStatement
from vo_server.engine.shares import SMALLEST_BYTES, BatchShares
from vo_server.engine.stream import BatchSource
from vo_server.errors import EngineError, QueryTimeoutError
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table

pytestmark = pytest.mark.postgres

_VALUES: Final = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647", "-1"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "-1"],
    "real": ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4e38", "0.1"],
    "double precision": ["NaN", "Infinity", "-Infinity", "-0", "5e-324", "0.1"],
    "text": ["", "Å 🌌 名", "a\tb\\n", "x" * 500],
    "varchar(5)": ["", "abcde", "名"],
    "char(4)": ["", "ab", "abcd"],
    "name": ["", "pg_class"],
    "date": ["2000-01-01", "1858-11-17", "9999-12-31", "0001-01-01 BC"],
    "timestamp": ["2000-01-01", "1969-12-31T23:59:59.999999", "4713-01-01 BC", "infinity", "-infinity"],
}
_OTHERS: Final = ("1.50::numeric", "ARRAY[1.5, NULL]::real[]", "'1 day'::interval", "'\\x00ff'::bytea", "now()")


@pytest.fixture
def pool(postgres_dsn: str) -> Iterator[QueryPool]:
    with closing(QueryPool(postgres_dsn, size=2)) as pool:
        yield pool


def _small() -> BatchShares:
    return BatchShares(0, most_answers=1)


def _copied(pool: QueryPool, sql: str, shares: BatchShares | None = None) -> CopiedStatement:
    return CopiedStatement(pool, sql, prelude=(), shares=shares or _small())


def _by_adbc(pool: QueryPool, sql: str) -> ArrowStatement:
    return ArrowStatement(pool, sql, inline={}, prelude=(), prefix="", shares=_small())


def _batches(source: BatchSource) -> list[pa.RecordBatch]:
    try:
        source.open()
        return list(iter(source.read, None))
    finally:
        source.close(is_exhausted=False)


def _plain(cells: pa.ChunkedArray) -> list[Any]:
    """Values as they are told apart by their bits; dates and times as numbers, for there are some beyond Python's."""
    if pa.types.is_temporal(cells.type):
        cells = cells.cast(pa.int32() if pa.types.is_date(cells.type) else pa.int64())
    return list(bits(cells.to_pylist()))


@pytest.mark.parametrize("seed", range(4))
def test_every_type_is_read_as_adbc_reads_it(pool: QueryPool, postgres_site: PostgresSite, seed: int) -> None:
    chance = random.Random(seed)
    kinds = chance.choices(list(_VALUES), k=20) if seed else list(_VALUES)
    null_share = (0.2, 0.0, 0.01, 1.0)[seed]
    name = f"{postgres_site.data_schema}.every_type"
    with psycopg.connect(postgres_site.dsn) as connection:
        connection.execute(f"CREATE SCHEMA {postgres_site.data_schema}")
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'c{i} {kind}' for i, kind in enumerate(kinds))})")
        with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for _ in range(7000):
                copy.write_row([None if chance.random() < null_share else chance.choice(_VALUES[k]) for k in kinds])
    sql = f"SELECT * FROM {name}"
    found, wanted = (pa.Table.from_batches(_batches(make(pool, sql))) for make in (_copied, _by_adbc))
    assert found.schema.names == wanted.schema.names
    assert found.schema.types == wanted.schema.types
    for mine, theirs in zip(found.columns, wanted.columns, strict=True):
        assert _plain(mine) == _plain(theirs)


@pytest.mark.parametrize("sql", _OTHERS)
def test_other_types_are_left_to_adbc(pool: QueryPool, sql: str) -> None:
    sql = f"SELECT 1 AS a, {sql} AS b"
    with pytest.raises(UnreadableTypesError):
        _batches(_copied(pool, sql))
    (found,) = _batches(QuickestStatement(_copied(pool, sql), lambda: _by_adbc(pool, sql)))
    (wanted,) = _batches(_by_adbc(pool, sql))
    assert found.schema == wanted.schema
    assert found.column("a").to_pylist() == [1]


def test_no_rows_are_no_batch(pool: QueryPool) -> None:
    assert _batches(_copied(pool, "SELECT 1 AS a WHERE false")) == []


def test_a_row_of_nulls_is_a_row(pool: QueryPool) -> None:
    (batch,) = _batches(_copied(pool, "SELECT NULL::text AS a, NULL::bigint AS b"))
    assert batch.to_pylist() == [{"a": None, "b": None}]


def test_batches_have_the_size_of_their_share_and_end_with_the_last_row(pool: QueryPool) -> None:
    batches = _batches(_copied(pool, "SELECT i, i::float8 AS x FROM generate_series(1, 200000) AS s(i)"))
    values = pa.Table.from_batches(batches).column("i").to_pylist()
    assert values == list(range(1, 200_001))
    assert len(batches) > 5
    assert max(batch.nbytes for batch in batches) < SMALLEST_BYTES


def test_a_text_larger_than_a_batch_comes_whole(pool: QueryPool) -> None:
    batches = _batches(_copied(pool, "SELECT i, repeat('名', i * 400000) AS t FROM generate_series(0, 3) AS s(i)"))
    assert [len(row["t"]) for batch in batches for row in batch.to_pylist()] == [0, 400_000, 800_000, 1_200_000]


def test_a_comment_at_the_end_hides_nothing(pool: QueryPool) -> None:
    (batch,) = _batches(_copied(pool, "SELECT 1 AS a -- the end"))
    assert batch.to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("sql", ["SELECT 1) TO STDOUT; SELECT (2", "SELECT 1; SELECT 2", "COPY (SELECT 1) TO STDOUT"])
def test_what_is_not_one_select_is_refused(pool: QueryPool, sql: str) -> None:
    with pytest.raises((psycopg.Error, EngineError)):
        _batches(_copied(pool, sql))
    assert len(_batches(_copied(pool, "SELECT 1 AS a"))) == 1


def test_an_error_after_many_rows_is_raised_and_the_connection_serves_again(pool: QueryPool) -> None:
    pid = "SELECT pg_backend_pid() AS pid"
    (before,) = _batches(_copied(pool, pid))
    with pytest.raises(psycopg.errors.DivisionByZero):
        _batches(_copied(pool, "SELECT 1 / (150000 - i) AS a FROM generate_series(1, 200000) AS s(i)"))
    (after,) = _batches(_copied(pool, pid))
    assert after == before


def test_who_stops_early_gets_the_connection_back_at_once(pool: QueryPool) -> None:
    source = _copied(pool, "SELECT generate_series(1, 2000000000) AS i")
    source.open()
    assert source.read() is not None
    began_s = time.monotonic()
    source.close(is_exhausted=False)
    assert time.monotonic() - began_s < 2
    assert len(_batches(_copied(pool, "SELECT 1 AS a"))) == 1


def test_an_interrupt_ends_a_read_that_waits(pool: QueryPool) -> None:
    source = _copied(pool, "SELECT i, pg_sleep(0.001) IS NULL AS b FROM generate_series(1, 1000000) AS s(i)")
    source.open()
    timer = threading.Timer(0.3, source.interrupt)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        source.read()
    timer.join()
    source.close(is_exhausted=False)
    assert len(_batches(_copied(pool, "SELECT 1 AS a"))) == 1


def test_a_query_that_is_late_is_stopped_while_its_rows_come(postgres_engine: PostgresEngine) -> None:
    sql = "SELECT generate_series(1, 2000000000) AS i"
    with closing(start(postgres_engine, sql, [Column("i", INT)], timeout_s=0.5)) as rows:
        began_s = time.monotonic()
        with pytest.raises(QueryTimeoutError):
            for _ in rows:
                pass
        assert time.monotonic() - began_s < 5


def test_a_limit_cuts_within_a_batch(postgres_engine: PostgresEngine) -> None:
    columns = [Column("i", INT), Column("t", TEXT)]
    sql = "SELECT i, 'row ' || i AS t FROM generate_series(1, 100000) AS s(i)"
    with closing(start(postgres_engine, sql, columns, limit=77_777)) as rows:
        found = pa.Table.from_batches(list(rows))
    assert found.num_rows == 77_777
    assert found.column("t")[-1].as_py() == "row 77777"


def test_both_drivers_together_open_no_more_connections_than_allowed(postgres_site: PostgresSite) -> None:
    dsn = psycopg.conninfo.make_conninfo(postgres_site.dsn, application_name=postgres_site.data_schema)
    with closing(QueryPool(dsn, size=2)) as pool, psycopg.connect(postgres_site.dsn, autocommit=True) as observer:
        drivers: list[Driver[Any]] = [ADBC, PSYCOPG, ADBC, PSYCOPG]
        for driver in drivers:
            taken = [pool.take(driver, begin="BEGIN READ ONLY") for _ in range(2)]
            (n_open,) = observer.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (postgres_site.data_schema,)
            ).fetchone() or (0,)
            for connection in taken:
                pool.give_back(driver, connection, is_usable=True)
            assert n_open <= 3  # One that was closed may still be on its way out.


def test_rows_that_become_text_are_read_by_adbc_and_are_the_same(postgres_site: PostgresSite) -> None:
    named = PostgresSite(
        psycopg.conninfo.make_conninfo(postgres_site.dsn, application_name=postgres_site.data_schema),
        postgres_site.data_schema,
    )
    engine = named.open()
    columns = (Column("i", INT), Column("t", TEXT))
    rows = pa.record_batch({"i": range(1000), "t": [f"row {i}" for i in range(1000)]}, schema=arrow_schema(columns))
    table = publish(engine, Table("demo", "rows", columns, primary_key=("i",)), [rows])
    query = compile_query("SELECT i, t FROM demo.rows ORDER BY i", Catalogue((Schema("demo", (table,)),)))
    n_open = []
    with psycopg.connect(postgres_site.dsn, autocommit=True) as observer:
        for becomes_text in (False, False, True, True):
            with closing(engine.run(query, limit=None, timeout_s=60, becomes_text=becomes_text)) as running:
                assert pa.Table.from_batches(running).equals(pa.Table.from_batches([rows]))
            (found,) = observer.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (postgres_site.data_schema,)
            ).fetchone() or (0,)
            n_open.append(found)
    engine.close()
    # Each driver keeps a connection of its own.
    assert n_open == [1, 1, 2, 2]
