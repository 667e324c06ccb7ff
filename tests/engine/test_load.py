"""Loading releases: what is reported, what is refused, what happens side by side."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.engine.samples import (
    HARD,
    LONG,
    SKY,
    TEXT,
    answer,
    hard_rows,
    instant,
    publish,
    sky_rows,
    start,
)
from tests.engine.site import AnyEngine, Site
from vo_server.errors import EngineError, IngestError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table


def _one_column(name: str, kind: DataType) -> Table:
    return Table("demo", "one", (Column(name, kind),))


def test_a_load_reports_rows_and_bytes(engine: AnyEngine) -> None:
    with engine.loader(HARD, version="1") as loader:
        loader.write(hard_rows())
        loader.write(hard_rows())
        report = loader.finish()
    assert report.n_rows == 8
    assert report.size_bytes > 0


def test_releases_of_one_table_stand_side_by_side(engine: AnyEngine) -> None:
    old = publish(engine, SKY, [sky_rows(10)], version="2024-01-01")
    new = publish(engine, SKY, [sky_rows(20)], version="2024-01-02")
    assert old.location != new.location
    for table, n_rows in ((old, 10), (new, 20)):
        assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": n_rows}]


@pytest.mark.parametrize(
    "names", [("a", "b", "c"), ("a.b", "c", "d/e"), ("..", ".", "-"), ("é" * 100, "x" * 250, "'\"")]
)
def test_any_names_can_be_published(engine: AnyEngine, names: tuple[str, str, str]) -> None:
    schema, name, version = names
    table = publish(engine, Table(schema, name, (Column("id", LONG),)), [pa.record_batch({"id": [1]})], version=version)
    assert answer(engine, "SELECT id FROM {}", LONG, of=[table]) == [{"c0": 1}]


def test_different_names_never_share_a_place(engine: AnyEngine) -> None:
    names = [("a", "b_c", "1"), ("a_b", "c", "1"), ("a", "b", "c_1"), ("A", "b_c", "1"), ("a", "b.c", "1")]
    names += [("a", "x" * 300, "1"), ("a", "x" * 299 + "y", "1")]
    tables = [
        publish(
            engine, Table(schema, name, (Column("id", LONG),)), [pa.record_batch({"id": [number]})], version=version
        )
        for number, (schema, name, version) in enumerate(names)
    ]
    assert len({table.location for table in tables}) == len(names)
    found = [answer(engine, "SELECT id FROM {}", LONG, of=[table])[0]["c0"] for table in tables]
    assert found == list(range(len(names)))


def test_a_release_cannot_be_loaded_over_another(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(10)])
    with pytest.raises(IngestError, match=r"release 1 of demo\.sky exists already"), engine.loader(SKY, version="1"):
        pass
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": 10}]


def test_a_release_that_was_dropped_can_be_loaded_again(engine: AnyEngine) -> None:
    for n_rows in (10, 20, 30):
        table = publish(engine, SKY, [sky_rows(n_rows)])
        assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": n_rows}]
        assert table.location is not None
        engine.drop(table.location)


def test_leaving_a_load_before_its_end_leaves_nothing(engine: AnyEngine, site: Site) -> None:
    with engine.loader(SKY, version="1") as loader:
        loader.write(sky_rows(1000))

    def load_a_broken_file() -> None:
        with engine.loader(SKY, version="1") as loader:
            loader.write(sky_rows(1000))
            raise RuntimeError("the file is broken")

    with pytest.raises(RuntimeError, match="the file is broken"):
        load_a_broken_file()
    assert site.open(grace_s=0).sweep(frozenset) == []
    assert publish(engine, SKY, [sky_rows(10)]).n_rows == 10


def test_rows_that_do_not_fit_the_columns_are_refused(engine: AnyEngine) -> None:
    with engine.loader(SKY, version="1") as loader, pytest.raises(IngestError, match=r"demo\.sky do not fit"):
        loader.write(pa.record_batch({"id": [1]}))


def test_columns_that_differ_by_case_only_are_refused_or_kept_apart(engine: AnyEngine) -> None:
    table = Table("demo", "one", (Column("x", LONG), Column("X", LONG)))
    rows = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], schema=arrow_schema(table.columns))
    if engine.name == "duckdb":
        with pytest.raises(IngestError, match="same name but for the case"):
            publish(engine, table, [rows])
    else:
        assert pa.Table.from_batches(engine.read(publish(engine, table, [rows]))).to_pylist() == [{"x": 1, "X": 2}]


def test_what_postgres_cannot_hold_is_told_and_leaves_nothing(postgres_engine: AnyEngine) -> None:
    wide = Table("demo", "wide", tuple(Column(f"c{n}", DataType(Primitive.DOUBLE)) for n in range(1300)))
    row = pa.record_batch({f"c{n}": [0.5] for n in range(1300)})
    with pytest.raises(IngestError, match="too wide for PostgreSQL") as caught:
        publish(postgres_engine, wide, [row])
    assert caught.value.hint is not None
    too_many = Table("demo", "wide", tuple(Column(f"c{n}", LONG) for n in range(1601)))
    with pytest.raises(IngestError, match="1600 columns"):
        publish(postgres_engine, too_many, [])
    long = "x" * 63
    twins = Table("demo", "twins", (Column(f"{long}1", LONG), Column(f"{long}2", LONG)))
    with pytest.raises(IngestError, match="first 63 bytes"):
        publish(postgres_engine, twins, [])
    with pytest.raises(EngineError, match="NUL"):
        publish(postgres_engine, _one_column("t", TEXT), [pa.record_batch({"t": ["a\0b"]})])
    assert postgres_engine.sweep(frozenset) == []
    floats = Table("demo", "wide", tuple(Column(f"c{n}", DataType(Primitive.FLOAT)) for n in range(1300)))
    narrow = pa.record_batch([pa.array([0.5], pa.float32())] * 1300, schema=arrow_schema(floats.columns))
    assert publish(postgres_engine, floats, [narrow]).n_rows == 1


@pytest.mark.parametrize("value", [-(2**63), -(2**63) + 1, -(2**63) + 10**14, -(2**62)])
def test_times_that_postgres_cannot_hold_become_no_other_ones(postgres_engine: AnyEngine, value: int) -> None:
    time = DataType(Primitive.CHAR, "*", "timestamp")
    rows = pa.record_batch({"t": pa.array([None, value], pa.timestamp("us"))})
    with pytest.raises(IngestError, match="a time is out of range"):
        publish(postgres_engine, _one_column("t", time), [rows])


def test_thousands_of_columns_fit_into_duckdb(duckdb_engine: AnyEngine) -> None:
    wide = Table("demo", "wide", tuple(Column(f"c{n}", DataType(Primitive.DOUBLE)) for n in range(2000)))
    table = publish(duckdb_engine, wide, [pa.record_batch({f"c{n}": [n / 8] * 1000 for n in range(2000)})])
    assert answer(duckdb_engine, "SELECT sum(c1999) FROM {}", DataType(Primitive.DOUBLE), of=[table]) == [
        {"c0": 1999 / 8 * 1000}
    ]


def test_tables_are_loaded_and_read_at_the_same_time(engine: AnyEngine) -> None:
    base = publish(engine, SKY, [sky_rows(1000)], version="base")
    failures: list[BaseException] = []

    def load(number: int) -> None:
        try:
            table = publish(engine, replace(SKY, name=f"sky{number}"), [sky_rows(20_000)] * 3)
            assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": 60_000}]
        except BaseException as error:  # noqa: BLE001 - the test's own thread tells it
            failures.append(error)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[base]) == [{"c0": 1000}]
    assert failures == []


def test_times_of_all_centuries_survive(engine: AnyEngine) -> None:
    times = [instant(f"{year:04}-10-{day}") for year, day in ((1, 10), (1582, 10), (1858, 17), (2263, 31), (9999, 31))]
    table = _one_column("t", DataType(Primitive.CHAR, "*", "timestamp"))
    published = publish(engine, table, [pa.record_batch({"t": pa.array(times, pa.timestamp("us"))})])
    assert pa.Table.from_batches(engine.read(published)).column("t").to_pylist() == times


def test_a_big_batch_and_many_small_ones_give_the_same_table(engine: AnyEngine) -> None:
    one = publish(engine, SKY, [sky_rows(70_000)], version="one")
    rows = sky_rows(70_000)
    many = publish(engine, SKY, [rows.slice(first, 700) for first in range(0, 70_000, 700)], version="many")
    count = "SELECT count(*) FROM (SELECT * FROM {} EXCEPT SELECT * FROM {}) AS d"
    assert answer(engine, count, LONG, of=[one, many]) == [{"c0": 0}]
    with closing(start(engine, "SELECT count(*) FROM {}", [Column("n", LONG)], of=[many])) as found:
        assert next(found).column(0).to_pylist() == [70_000]


def test_thousands_of_batches_of_a_few_rows_are_loaded(duckdb_engine: AnyEngine) -> None:
    with duckdb_engine.loader(SKY, version="1") as loader:
        for number in range(3000):
            loader.write(sky_rows(10, first=10 * number))
        loader.write(sky_rows(0))
        loader.write(sky_rows(5, first=30_000))
        assert loader.finish().n_rows == 30_005


def test_a_load_goes_on_with_fewer_files_than_it_had(engine: AnyEngine) -> None:
    # More parts than the embedded engine sorts one by one; what stays of them is neither sorted nor too many.
    rows = [sky_rows(120, first=120 * number) for number in range(40)]
    with engine.loader(SKY, version="1", key="a" * 16) as loader:  # left before it is finished
        for number, batch in enumerate(rows):
            with loader.part() as part:
                part.write(batch)
                part.end()
                part.commit(f"file {number}", "")
    with engine.loader(SKY, version="1", key="a" * 16) as loader:
        staged = loader.staged()
        for one in staged[:15]:
            loader.discard(one)
        report = loader.finish()
    assert len(staged) == len(rows)
    table = replace(SKY, release="1", location=report.location, n_rows=report.n_rows)
    found = answer(engine, "SELECT id FROM {} ORDER BY id", LONG, of=[table])
    assert [row["c0"] for row in found] == list(range(15 * 120, 40 * 120))
