"""Publishing the mock sky: what the real tables say, rows that fit it, and nothing lost that was there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.mock.publish import _complete, _made, describe_mock, publish_mock_sky
from ingest.mock.sky import BLOCK_SIZE, MockSky
from ingest.mock.tables import MOCK_TABLES
from tests.support.mock_rows import batches
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.errors import CatalogueError, UsageError
from vo_server.load.description import Description
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import HEALPIX_COLUMN, Column, Schema, Table
from vo_server.store.open import Store, open_store

SKY = MockSky(BLOCK_SIZE + 100)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckdbEngine]:
    with closing(DuckdbEngine(tmp_path, memory_bytes=2**30, threads=2, max_attached=8)) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"duckdb:///{tmp_path}")) as opened:
        yield opened


def published_rows(description: Description) -> pa.Table:
    """The rows of a table as they are published, hidden column and computed ones included."""
    made = batches(SKY, description.table.full_name, arrow_schema(_made(description.table)))
    schema = arrow_schema(description.table.columns)
    return pa.Table.from_batches([_complete(batch, description) for batch in made], schema)


@pytest.mark.parametrize("name", MOCK_TABLES)
def test_every_described_column_is_made_or_computed_and_no_other(name: str) -> None:
    description = describe_mock(name)
    described = {column.name for column in description.table.visible_columns}
    made = set(MOCK_TABLES[name](SKY.block(0)).columns)
    assert made <= described
    assert described - made <= set(description.derived)


@pytest.mark.parametrize("name", MOCK_TABLES)
def test_only_columns_that_may_be_null_hold_nulls(name: str) -> None:
    description = describe_mock(name)
    table = published_rows(description)
    for column in description.table.visible_columns:
        assert column.is_nullable or table[column.name].null_count == 0, column.name


@pytest.mark.parametrize("name", MOCK_TABLES)
def test_descriptions_say_that_the_data_are_made_up(name: str) -> None:
    described = describe_mock(name)
    for text in (described.table.description, described.schema.description):
        assert text is not None
        assert text.startswith("Mock data, made up from random numbers, not the real catalogue. ")
    assert described.table.title is not None
    assert described.table.title.endswith("(mock)")


def test_described_columns_are_the_published_ones_with_their_units_and_ucds(catalogues_dir: Path) -> None:
    folder = catalogues_dir.parent / "catalogues"
    for file, name in (("ls_psc.csv", "ls_psc.main"), ("jplus_class_bannjos.csv", "jplus.ClassBANNJOS")):
        if not (folder / file).exists():
            pytest.skip(f"no column table {file}")
        with (folder / file).open(newline="", encoding="utf-8") as lines:
            published = [(row["name"], row["datatype"], row["unit"], row["ucd"]) for row in csv.DictReader(lines)]
        columns = describe_mock(name).table.visible_columns
        ours = [(one.name, str(one.datatype.primitive), one.unit or "", one.ucd or "") for one in columns]
        assert ours == published


def test_published_rows_are_the_made_ones(engine: DuckdbEngine, store: Store) -> None:
    told = list(publish_mock_sky(SKY, engine=engine, store=store))
    assert [one.name for one in told] == list(MOCK_TABLES)
    assert all(one.is_new for one in told)
    catalogue = store.catalogue.load()
    for one in told:
        table = catalogue.find(one.name)
        assert table is not None
        visible = arrow_schema(table.visible_columns)
        stored = pa.Table.from_batches(engine.read(table)).select(visible.names)
        made = published_rows(describe_mock(one.name)).select(visible.names)
        assert stored.num_rows == made.num_rows == one.n_rows == table.n_rows
        by = [(name, "ascending") for name in visible.names if not pa.types.is_list(visible.field(name).type)]
        assert stored.sort_by(by).equals(made.sort_by(by))


def test_tables_with_positions_are_sorted_by_their_cells(engine: DuckdbEngine, store: Store) -> None:
    list(publish_mock_sky(SKY, engine=engine, store=store))
    for table in store.catalogue.load().tables:
        if table.location is None or table.position is None:
            continue
        found = pa.Table.from_batches(engine.read(table))[HEALPIX_COLUMN].to_pylist()
        assert found == sorted(found)
        assert len(set(found)) > 1


def test_the_same_sky_is_not_made_again(engine: DuckdbEngine, store: Store) -> None:
    list(publish_mock_sky(SKY, engine=engine, store=store))
    version = store.catalogue.load().version
    again = list(publish_mock_sky(SKY, engine=engine, store=store))
    assert not any(one.is_new for one in again)
    assert [one.n_rows for one in again][-1] == SKY.n_objects
    assert store.catalogue.load().version == version


def test_a_publication_that_was_broken_off_goes_on_where_it_stopped(engine: DuckdbEngine, store: Store) -> None:
    begun = publish_mock_sky(SKY, engine=engine, store=store)
    first = next(begun)
    begun.close()  # type: ignore[attr-defined]  # it is a generator
    told = list(publish_mock_sky(SKY, engine=engine, store=store))
    assert [one.name for one in told if not one.is_new] == [first.name]


def test_another_sky_replaces_the_first_and_its_rows_are_dropped(engine: DuckdbEngine, store: Store) -> None:
    list(publish_mock_sky(SKY, engine=engine, store=store))
    before = store.catalogue.locations()
    list(publish_mock_sky(MockSky(50), engine=engine, store=store))
    assert not before & store.catalogue.locations()
    assert engine.sweep(store.catalogue.locations) == []
    truth = store.catalogue.load().find("mock.truth")
    assert truth is not None
    assert truth.n_rows == 50


def test_a_table_that_is_not_of_the_mock_sky_is_left_alone(engine: DuckdbEngine, store: Store) -> None:
    described = describe_mock("mock.truth")
    with engine.loader(described.table, version="mine") as loader:
        report = loader.finish()
    mine = replace(described.table, release="mine", location=report.location, n_rows=0)
    store.catalogue.publish(Release(mine, "mine", datetime.now(UTC)), schema=described.schema)
    with pytest.raises(UsageError, match=r"there is a table mock\.truth that is not of the mock sky"):
        list(publish_mock_sky(SKY, engine=engine, store=store))
    assert [table.full_name for table in store.catalogue.load().tables if table.location] == ["mock.truth"]


def test_a_schema_with_real_tables_keeps_what_it_says(engine: DuckdbEngine, store: Store) -> None:
    real = Schema("vexas", title="VEXAS", description="The real one")
    with engine.loader(Table("vexas", "mine", (Column("id", DataType(Primitive.INT)),)), version="1") as loader:
        report = loader.finish()
    mine = Table("vexas", "mine", (Column("id", DataType(Primitive.INT)),), release="1", location=report.location)
    store.catalogue.publish(Release(mine, "1", datetime.now(UTC)), schema=real)
    list(publish_mock_sky(SKY, engine=engine, store=store))
    schemas = {schema.name: schema for schema in store.catalogue.load().schemas}
    assert (schemas["vexas"].title, schemas["vexas"].description) == (real.title, real.description)
    assert "vexas.desw" in {table.full_name for table in schemas["vexas"].tables}
    assert schemas["jplus"].title is not None
    assert "(mock)" in schemas["jplus"].title


def test_a_table_that_cannot_be_published_leaves_nothing(
    engine: DuckdbEngine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise CatalogueError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store.catalogue, "publish", full)
        with pytest.raises(CatalogueError, match="the disk is full"):
            list(publish_mock_sky(SKY, engine=engine, store=store))
    assert engine.sweep(store.catalogue.locations) == []
    assert all(one.is_new for one in publish_mock_sky(SKY, engine=engine, store=store))
