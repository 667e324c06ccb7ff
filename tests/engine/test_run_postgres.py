"""What only PostgreSQL has: connections that break, run out or cannot be made."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from tests.engine.samples import INT, LONG, SKY, TEXT, answer, publish, sky_rows, start
from tests.engine.site import PostgresSite
from tests.support.effort import is_below
from vo_server.engine.postgres.place import location_of
from vo_server.engine.postgres.pool import ADBC, QueryPool, conninfo, execute
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.errors import ConfigurationError, EngineError, QueryTimeoutError, TooManyError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

pytestmark = pytest.mark.postgres

_TRUTH = DataType(Primitive.BOOLEAN)


def _terminate(site: PostgresSite, *, state: str) -> int:
    """Kill the sessions of queries on this site's tables, as an administrator does or a crash."""
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        return len(
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND state = %s "
                "AND pid <> pg_backend_pid()",
                (site.data_schema, state),
            ).fetchall()
        )


@pytest.fixture
def named_engine(postgres_site: PostgresSite) -> PostgresEngine:
    """An engine whose sessions can be told from those of others."""
    postgres_site.dsn = psycopg.conninfo.make_conninfo(postgres_site.dsn, application_name=postgres_site.data_schema)
    return postgres_site.open()


def test_a_connection_lost_in_the_middle_is_told_and_the_next_query_works(
    named_engine: PostgresEngine, postgres_site: PostgresSite
) -> None:
    for sql, kind in (("SELECT pg_sleep(30)", TEXT), ("SELECT i FROM generate_series(1, 1000000000) AS s(i)", INT)):
        with closing(start(named_engine, sql, [Column("x", kind)])) as rows:
            killer = threading.Timer(0.4, lambda: _terminate(postgres_site, state="active"))
            killer.start()
            with pytest.raises(EngineError, match="connection to the database was lost") as caught:
                for _ in rows:
                    pass
            killer.join()
        assert caught.value.hint is not None
        assert answer(named_engine, "SELECT 1", INT) == [{"c0": 1}]


def test_idle_connections_that_died_are_replaced_without_an_error(
    named_engine: PostgresEngine, postgres_site: PostgresSite
) -> None:
    streams = [
        start(named_engine, "SELECT i FROM generate_series(1, 1000000) AS s(i)", [Column("i", INT)]) for _ in range(4)
    ]
    for stream in streams:
        next(stream)
    for stream in streams:
        stream.close()
    assert _terminate(postgres_site, state="idle") == 4
    for _ in range(5):
        assert answer(named_engine, "SELECT 1", INT) == [{"c0": 1}]


def test_connections_are_used_again(named_engine: PostgresEngine) -> None:
    pids = [answer(named_engine, "SELECT pg_backend_pid()", INT)[0]["c0"] for _ in range(5)]
    assert len(set(pids)) == 1


def test_a_failed_query_gives_its_connection_back(named_engine: PostgresEngine) -> None:
    (before,) = answer(named_engine, "SELECT pg_backend_pid()", INT)
    for _ in range(3):
        with pytest.raises(EngineError):
            answer(named_engine, "SELECT 1 / 0", INT)
    assert answer(named_engine, "SELECT pg_backend_pid()", INT) == [before]


def test_when_all_connections_are_in_use_the_next_query_is_told_to_come_again(postgres_dsn: str) -> None:
    pool = QueryPool(postgres_dsn, size=1, wait_s=0.2)
    connection = pool.take(ADBC, begin="BEGIN READ ONLY")
    with pytest.raises(TooManyError, match="all 1 database connections"):
        pool.take(ADBC, begin="BEGIN READ ONLY")
    pool.give_back(ADBC, connection, is_usable=True)
    pool.give_back(ADBC, pool.take(ADBC, begin="BEGIN READ ONLY"), is_usable=False)
    again = pool.take(ADBC, begin="BEGIN READ ONLY")
    pool.close()
    pool.give_back(ADBC, again, is_usable=True)


def test_the_session_cannot_write_even_outside_our_transactions(postgres_dsn: str) -> None:
    pool = QueryPool(postgres_dsn, size=1)
    connection = pool.take(ADBC, begin="BEGIN")
    with pytest.raises(Exception, match="read-only transaction"):
        execute(connection, "CREATE TABLE stolen (id integer)")
    pool.give_back(ADBC, connection, is_usable=True)
    pool.close()


def test_a_late_cancel_does_not_hit_the_next_query(named_engine: PostgresEngine) -> None:
    for _ in range(30):
        rows = start(named_engine, "SELECT i FROM generate_series(1, 200000) AS s(i)", [Column("i", INT)])
        canceller = threading.Thread(target=rows.cancel)
        canceller.start()
        rows.close()
        assert answer(named_engine, "SELECT count(*) FROM generate_series(1, 20000)", LONG) == [{"c0": 20000}]
        canceller.join()


def test_a_query_stopped_by_the_administrator_is_an_engine_error(
    named_engine: PostgresEngine, postgres_site: PostgresSite
) -> None:
    def cancel() -> None:
        with psycopg.connect(postgres_site.dsn) as connection:
            connection.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND state = 'active' "
                "AND pid <> pg_backend_pid()",
                (postgres_site.data_schema,),
            )

    timer = threading.Timer(0.4, cancel)
    timer.start()
    with pytest.raises(EngineError, match="the database stopped the query"):
        answer(named_engine, "SELECT pg_sleep(30)", TEXT)
    timer.join()


def test_the_time_to_lock_a_table_counts_as_time_of_the_query(
    postgres_engine: PostgresEngine, postgres_site: PostgresSite
) -> None:
    table = publish(postgres_engine, SKY, [sky_rows(10)])
    with psycopg.connect(postgres_site.dsn) as connection:
        connection.execute(f"LOCK TABLE {table.location} IN ACCESS EXCLUSIVE MODE")
        with closing(
            start(postgres_engine, "SELECT id FROM {}", [Column("id", LONG)], of=[table], timeout_s=0.5)
        ) as rows:
            began_s = time.monotonic()
            with pytest.raises(QueryTimeoutError):
                next(rows)
            assert is_below(time.monotonic() - began_s, 1.5)


_WRONG = {
    "no server": ({"port": "1"}, EngineError, "cannot be reached"),
    "no database": ({"dbname": "no_such_database"}, ConfigurationError, "does not exist"),
    "no user": ({"user": "no_such_user"}, ConfigurationError, "refuses to let the service in"),
    "an option that is none": ({"sslmode": "bogus"}, ConfigurationError, "cannot be used as it is"),
    "a port that is none": ({"port": "99999"}, ConfigurationError, "cannot be used as it is"),
    "no host": ({"host": "no-such-host.invalid"}, EngineError, "cannot be reached"),
}


@pytest.mark.parametrize(("change", "kind", "words"), _WRONG.values(), ids=list(_WRONG))
def test_a_database_that_cannot_be_entered_is_told_without_its_password(
    postgres_dsn: str, change: dict[str, str], kind: type[Exception], words: str
) -> None:
    password = str(psycopg.conninfo.conninfo_to_dict(postgres_dsn).get("password", "sesame"))
    dsn = psycopg.conninfo.make_conninfo(postgres_dsn, password=password, **change)
    engine = PostgresEngine(dsn, pool_size=1)
    attempts = (engine.check, lambda: answer(engine, "SELECT 1", INT), lambda: publish(engine, SKY, []))
    for attempt in attempts:
        with pytest.raises(kind, match=words) as caught:
            attempt()
        assert password not in str(caught.value)
    engine.close()


def test_a_role_without_the_right_to_read_is_told(postgres_engine: PostgresEngine, postgres_site: PostgresSite) -> None:
    table = publish(postgres_engine, SKY, [sky_rows(10)])
    role = f"role_{postgres_site.data_schema}"
    with psycopg.connect(postgres_site.dsn, autocommit=True) as connection:
        password = psycopg.conninfo.conninfo_to_dict(postgres_site.dsn).get("password")
        connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(password)))
        try:
            other = PostgresSite(
                psycopg.conninfo.make_conninfo(postgres_site.dsn, user=role), postgres_site.data_schema
            )
            reader = other.open()
            with pytest.raises(EngineError, match="does not allow") as caught:
                answer(reader, "SELECT id FROM {}", LONG, of=[table])
            assert caught.value.hint is not None
            with pytest.raises(EngineError, match="does not allow"):
                publish(reader, SKY, [sky_rows(10)], version="2")
            reader.check()
            other.close()
        finally:
            connection.execute(f"DROP ROLE {role}")


def test_positions_cells_keys_and_named_columns_are_indexed(
    postgres_engine: PostgresEngine, postgres_site: PostgresSite
) -> None:
    table = publish(postgres_engine, SKY, [sky_rows(5000)])
    assert table.location is not None
    with psycopg.connect(postgres_site.dsn) as connection:
        found = connection.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass", (table.location,)
        ).fetchall()
        plan = connection.execute(
            f"EXPLAIN SELECT id FROM {table.location} WHERE q3c_radial_query(ra, dec, 10, 10, 0.1)"
        ).fetchall()
    kinds = sorted(definition.partition(" USING ")[2] for (definition,) in found)
    assert kinds == ["btree (_healpix_29)", "btree (id)", 'btree (q3c_ang2ipix(ra, "dec"))']
    assert any("Index" in line for (line,) in plan)


def test_a_release_in_use_is_dropped_by_a_later_sweep(postgres_site: PostgresSite) -> None:
    engine = postgres_site.open(grace_s=0)
    table = publish(engine, SKY, [sky_rows(300_000)])
    assert table.location is not None
    with closing(start(engine, "SELECT id, ra, dec, name FROM {}", SKY.columns[:4], of=[table])) as rows:
        next(rows)
        engine.drop(table.location)
        assert engine.sweep(frozenset) == []
        assert 0 < sum(batch.num_rows for batch in rows) < 300_000
    assert engine.sweep(frozenset) == [table.location]


def test_a_sweep_touches_no_table_that_is_not_ours(postgres_site: PostgresSite) -> None:
    engine = postgres_site.open(grace_s=0)
    publish(engine, SKY, [sky_rows(10)])
    with psycopg.connect(postgres_site.dsn) as connection:
        connection.execute(f"CREATE TABLE {postgres_site.data_schema}.mine (id integer)")
    assert len(engine.sweep(frozenset)) == 1
    with psycopg.connect(postgres_site.dsn) as connection:
        connection.execute(f"SELECT * FROM {postgres_site.data_schema}.mine")


def test_physical_names_are_short_and_legible() -> None:
    location = location_of("vo_data", "Gaia DR3", "source", "2024-05-01T10:00:00")
    assert location.startswith("vo_data.gaia_dr3_source_2024_05_01t10_00_00_")
    long = location_of("vo_data", "s" * 100, "t", "1")
    assert len(long.split(".")[1]) <= 63
    assert location_of("vo_data", "1", "2", "3").startswith("vo_data.t_1_2_3_")


def test_session_settings_are_added_to_those_of_the_operator() -> None:
    text = conninfo("postgresql://me@db/x?options=-c%20search_path%3Dastro&application_name=mine", {"jit": "off"})
    assert "search_path=astro -c jit=off" in text
    assert "application_name=mine" in text


def test_the_defaults_of_a_role_do_not_change_what_queries_mean(postgres_site: PostgresSite) -> None:
    hostile = {"standard_conforming_strings": "off", "DateStyle": "German", "transform_null_equals": "on",
               "extra_float_digits": "-9"}  # fmt: skip
    options = " ".join(f"-c {name}={value}" for name, value in hostile.items())
    site = PostgresSite(psycopg.conninfo.make_conninfo(postgres_site.dsn, options=options), postgres_site.data_schema)
    number = "CAST(CAST(0.1 AS double precision) + 0.2 AS text)"
    instant = "CAST(CAST('2015-02-03' AS timestamp) AS text)"
    (row,) = answer(site.open(), rf"SELECT '\', {number}, {instant}, NULL = NULL", TEXT, TEXT, TEXT, _TRUTH)
    assert list(row.values()) == ["\\", "0.30000000000000004", "2015-02-03 00:00:00", None]
    site.close()
