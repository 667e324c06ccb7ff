"""Running queries: cancel, timeout, errors, what they may not do, and what is left after them."""

from __future__ import annotations

import contextlib
import threading
import time
from contextlib import closing

import pyarrow as pa
import pytest

from tests.engine.samples import DOUBLE, INT, LONG, SKY, TEXT, answer, publish, sky_rows, start
from tests.engine.site import AnyEngine
from tests.support.effort import is_below
from vo_server.errors import EngineError, QueryCancelledError, QueryTimeoutError
from vo_server.model.datatype import DataType
from vo_server.model.table import Column, Table

_SLOW = {
    # No row for minutes: a cross join that is counted.
    "before the first row": "SELECT count(*) FROM {0} a, {0} b, {0} c WHERE a.ra + b.ra * c.ra < 1",
    # Rows at once, and far too many of them.
    "between rows": "SELECT a.id FROM {0} a, {0} b, {0} c",
}
_ID = [Column("id", LONG)]


@pytest.fixture
def sky(engine: AnyEngine) -> Table:
    return publish(engine, SKY, [sky_rows(20_000)])


def test_progress_is_told_where_the_engine_knows_it(engine: AnyEngine, sky: Table) -> None:
    rows = start(engine, _SLOW["before the first row"], _ID, of=[sky])
    rows.watch()
    with closing(rows):
        reader = threading.Thread(target=_drain, args=(rows,))
        reader.start()
        time.sleep(0.6)
        told = rows.progress
        rows.cancel()
        reader.join()
    if engine.name == "postgres":
        assert told is None
    else:
        assert told is not None
        assert 0 <= told < 1


def _exhaust(rows: object) -> None:
    for _ in rows:  # type: ignore[attr-defined]  # any iterator
        pass


def _drain(rows: object) -> None:
    with contextlib.suppress(QueryCancelledError):
        _exhaust(rows)


@pytest.mark.parametrize("sql", _SLOW.values(), ids=list(_SLOW))
def test_cancel_from_another_thread_stops_a_query_within_a_second(engine: AnyEngine, sky: Table, sql: str) -> None:
    rows = start(engine, sql, _ID, of=[sky])
    cancelled_s: list[float] = []

    def cancel() -> None:
        cancelled_s.append(time.monotonic())
        rows.cancel()

    with closing(rows):
        timer = threading.Timer(0.4, cancel)
        timer.start()
        with pytest.raises(QueryCancelledError):
            _exhaust(rows)
        assert is_below(time.monotonic() - cancelled_s[0], 1.0)
        timer.join()
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]


@pytest.mark.parametrize("sql", _SLOW.values(), ids=list(_SLOW))
def test_close_from_another_thread_ends_a_wait_for_rows(engine: AnyEngine, sky: Table, sql: str) -> None:
    rows = start(engine, sql, _ID, of=[sky])
    threading.Timer(0.3, rows.close).start()
    began_s = time.monotonic()
    with pytest.raises(QueryCancelledError):
        _exhaust(rows)
    assert is_below(time.monotonic() - began_s, 1.5)


@pytest.mark.parametrize("sql", _SLOW.values(), ids=list(_SLOW))
def test_a_query_that_runs_too_long_is_stopped(engine: AnyEngine, sky: Table, sql: str) -> None:
    began_s = time.monotonic()
    with closing(start(engine, sql, _ID, of=[sky], timeout_s=0.5)) as rows:
        with pytest.raises(QueryTimeoutError, match=r"limit of 0\.5 s") as caught:
            _exhaust(rows)
        assert caught.value.limit_s == 0.5
    assert is_below(time.monotonic() - began_s, 2.0)


def test_the_time_of_a_slow_reader_does_not_count(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(100_000, first=first) for first in range(0, 500_000, 100_000)])
    with closing(start(engine, "SELECT id, ra, dec, name FROM {}", SKY.columns[:4], of=[table], timeout_s=3)) as rows:
        n_rows = next(rows).num_rows
        time.sleep(3.5)
        n_rows += sum(batch.num_rows for batch in rows)
    assert n_rows == 500_000


def test_a_cancel_before_the_first_row_is_asked_for_is_not_lost(engine: AnyEngine, sky: Table) -> None:
    with closing(start(engine, "SELECT id FROM {}", _ID, of=[sky])) as rows:
        rows.cancel()
        with pytest.raises(QueryCancelledError):
            next(rows)


def test_cancel_and_close_after_the_end_change_nothing(engine: AnyEngine, sky: Table) -> None:
    rows = start(engine, "SELECT id FROM {}", _ID, of=[sky])
    _exhaust(rows)
    for _ in range(2):
        rows.cancel()
        rows.close()
    assert list(rows) == []


def test_closing_a_query_with_many_rows_left_is_quick_and_so_is_the_next_query(engine: AnyEngine, sky: Table) -> None:
    rows = start(engine, _SLOW["between rows"], _ID, of=[sky])
    next(rows)
    began_s = time.monotonic()
    rows.close()
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]
    assert is_below(time.monotonic() - began_s, 1.0)
    with pytest.raises(QueryCancelledError):
        next(rows)


def test_a_query_that_outlives_its_engine_is_told_in_our_words(engine: AnyEngine, sky: Table) -> None:
    began, waiting = (start(engine, _SLOW["between rows"], _ID, of=[sky]) for _ in range(2))
    next(began)
    engine.close()
    for rows in (began, waiting):
        with closing(rows), contextlib.suppress(EngineError, QueryCancelledError):
            for _ in range(3):
                next(rows)
        rows.close()
    if engine.name == "duckdb":
        with pytest.raises(EngineError, match="the service is stopping"):
            _exhaust(start(engine, "SELECT id FROM {}", _ID, of=[sky]))


_FAILURES = {
    "text is no number": ("SELECT CAST(name AS integer) FROM {}", "could not be read as the wanted type"),
    "integer overflow": ("SELECT CAST(9223372036854775807 AS bigint) + id FROM {}", "too large or too small"),
    "modulo zero": ("SELECT id % 0 FROM {}", "division by zero"),
    "subquery with two rows": ("SELECT id FROM {0} WHERE id = (SELECT id FROM {0})", "more than one row"),
    "late failure": ("SELECT 10 % (19999 - id) FROM {} ORDER BY id", "division by zero"),
}


@pytest.mark.parametrize(("sql", "words"), _FAILURES.values(), ids=list(_FAILURES))
def test_a_failing_query_is_told_in_our_words_and_poisons_nothing(
    engine: AnyEngine, sky: Table, sql: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):  # more often than there are connections
        with closing(start(engine, sql, _ID, of=[sky])) as rows, pytest.raises(EngineError, match=words) as caught:
            _exhaust(rows)
        assert caught.value.hint
        assert caught.value.sqlstate
        assert (caught.value.code, caught.value.status) == ("evaluation", 400)
    assert any(record.name == "vo_server.engine.faults" for record in caplog.records)
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[sky]) == [{"c0": 20_000}]


def test_a_failure_after_many_rows_comes_after_those_rows(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(400_000)])
    n_rows: list[int] = []
    sql = "SELECT id, 10 % (399000 - id), ra, dec, name FROM {} ORDER BY id"
    columns = [Column("id", LONG), Column("x", LONG), *SKY.columns[1:4]]
    with closing(start(engine, sql, columns, of=[table])) as rows, pytest.raises(EngineError, match="division by zero"):
        n_rows.extend(batch.num_rows for batch in rows)
    # DuckDB computes the column before it gives any row; what matters is that the failure is told.
    assert sum(n_rows) <= 399_000


_FORBIDDEN = {
    "insert": "INSERT INTO {} SELECT * FROM {}",
    "delete": "DELETE FROM {}",
    "drop": "DROP TABLE {}",
    "create": "CREATE TABLE stolen AS SELECT * FROM {}",
    "copy to a file": "COPY (SELECT 1) TO '/tmp/vo_server_test_copy.csv'",
    "copy from a file": "COPY {} FROM '/etc/passwd'",
    "two statements": "SELECT id FROM {}; DROP TABLE {}",
    "delete in a WITH": "WITH gone AS (DELETE FROM {} RETURNING id) SELECT id FROM gone",
    "configuration": "SET threads = 1",
    "begin": "BEGIN",
    "explain analyze": "EXPLAIN ANALYZE DELETE FROM {}",
}


@pytest.mark.parametrize("sql", _FORBIDDEN.values(), ids=list(_FORBIDDEN))
def test_queries_cannot_change_anything(engine: AnyEngine, sky: Table, sql: str) -> None:
    with closing(start(engine, sql, _ID, of=[sky, sky])) as rows, pytest.raises(EngineError):
        _exhaust(rows)
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[sky]) == [{"c0": 20_000}]


def test_a_query_sees_inline_rows_and_nobody_else_does(engine: AnyEngine, sky: Table) -> None:
    wanted = Table("up", "mine", (Column("id", LONG), Column("flag", DataType.of_arrow(pa.uint8())), Column("t", TEXT)))
    rows = pa.table({"id": pa.array([3, 5, None]), "flag": pa.array([1, None, 255], pa.uint8()), "t": ["a", "", None]})
    name = "temp.inline_0" if engine.name == "duckdb" else "pg_temp.inline_0"
    columns = [Column("id", LONG), Column("name", TEXT), wanted.by_name["flag"]]
    joined = f"SELECT s.id, s.name, u.flag FROM {{}} s JOIN {name} u ON s.id = u.id ORDER BY s.id"
    for _ in range(3):
        with closing(start(engine, joined, columns, of=[sky], inline={"inline_0": (wanted, rows)})) as found:
            (batch,) = list(found)
        assert batch.to_pylist() == [
            {"id": 3, "name": "object 3", "flag": 1},
            {"id": 5, "name": "object 5", "flag": None},
        ]
    with pytest.raises(EngineError):
        answer(engine, f"SELECT * FROM {name}", LONG)


def test_eight_threads_query_while_releases_come_and_go(engine: AnyEngine) -> None:
    lock = threading.Lock()
    current = publish(engine, SKY, [sky_rows(2000)], version="0")
    failures: list[BaseException] = []
    is_over = threading.Event()
    n_answers = [0]

    def ask() -> None:
        try:
            while not is_over.is_set():
                with lock:
                    table = current
                    rows = start(engine, "SELECT id FROM {}", _ID, of=[table])
                with closing(rows):
                    n_rows = sum(batch.num_rows for batch in rows)
                assert n_rows == table.n_rows
                n_answers[0] += 1
        except BaseException as error:  # noqa: BLE001 - the test's own thread tells it
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for version in range(1, 7):
            old = current
            new = publish(engine, SKY, [sky_rows(2000 + version)], version=str(version))
            with lock:
                current = new
            assert old.location is not None
            if engine.name == "postgres":
                time.sleep(0.3)  # statements that have begun keep their table; those that have not would miss it
            engine.drop(old.location)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert n_answers[0] > 50


def test_a_dropped_release_cannot_be_queried_and_the_error_says_what_to_do(engine: AnyEngine, sky: Table) -> None:
    assert sky.location is not None
    engine.drop(sky.location)
    with pytest.raises(EngineError, match="was replaced") as caught:
        answer(engine, "SELECT id FROM {}", LONG, of=[sky])
    assert caught.value.hint == "run the query again to use the new release"


def test_a_query_keeps_the_rows_of_a_release_that_is_dropped(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(300_000)])
    assert table.location is not None
    with closing(start(engine, "SELECT id, ra, dec, name FROM {}", SKY.columns[:4], of=[table])) as rows:
        n_rows = next(rows).num_rows
        engine.drop(table.location)
        n_rows += sum(batch.num_rows for batch in rows)
    assert n_rows == 300_000


def test_the_engine_says_that_it_can_answer(engine: AnyEngine) -> None:
    engine.check()


def test_not_a_number_is_kept_apart_from_null(engine: AnyEngine, sky: Table) -> None:
    found = answer(engine, "SELECT count(*), count(dec) FROM {}", LONG, LONG, of=[sky])
    assert found == [{"c0": 20_000, "c1": 19_800}]
    (row,) = answer(engine, "SELECT dec FROM {} WHERE id = 1", DOUBLE, of=[sky])
    assert row["c0"] != row["c0"]
