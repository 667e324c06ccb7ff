"""The same seed gives the same content on both engines, whatever pieces the rows come in."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest

from ingest.mock.publish import _complete, _made, describe_mock, publish_mock_sky
from ingest.mock.sky import BLOCK_SIZE, MockSky
from ingest.mock.tables import MOCK_TABLES
from tests.engine.site import DuckdbSite, PostgresSite
from tests.support.mock_rows import batches
from vo_server.model.query import arrow_schema
from vo_server.store.open import open_store

if TYPE_CHECKING:
    from vo_server.engine.base import Engine

SKY = MockSky(BLOCK_SIZE + 500, seed=3)


def digest(table: pa.Table) -> str:
    """Hash the rows of a table, in whatever order they come; each value by its shortest exact text."""
    rows = sorted(repr(list(row.values())) for row in table.to_pylist())
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def stored(engine: Engine, folder: Path) -> dict[str, str]:
    with closing(open_store(f"duckdb:///{folder}")) as store:
        list(publish_mock_sky(SKY, engine=engine, store=store))
        catalogue = store.catalogue.load()
        digests = {}
        for name in MOCK_TABLES:
            table = catalogue.find(name)
            assert table is not None
            visible = [column.name for column in table.visible_columns]
            digests[name] = digest(pa.Table.from_batches(engine.read(table)).select(visible))
        return digests


def made(name: str) -> str:
    """The digest of the rows as they are made, in pieces of 100."""
    described = describe_mock(name)
    table = pa.Table.from_batches(
        [_complete(batch, described) for batch in batches(SKY, name, arrow_schema(_made(described.table)))],
        arrow_schema(described.table.columns),
    ).select([column.name for column in described.table.visible_columns])
    return digest(pa.Table.from_batches(table.to_batches(max_chunksize=100), table.schema))


@pytest.mark.postgres
def test_both_engines_hold_the_rows_that_were_made(tmp_path: Path, postgres_dsn: str) -> None:
    duckdb, postgres = DuckdbSite(tmp_path / "duckdb"), PostgresSite(postgres_dsn, "mock_same")
    try:
        expected = {name: made(name) for name in MOCK_TABLES}
        assert stored(duckdb.open(), tmp_path / "one") == expected
        assert stored(postgres.open(), tmp_path / "other") == expected
    finally:
        duckdb.close()
        postgres.close()
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {postgres.data_schema} CASCADE".encode())
