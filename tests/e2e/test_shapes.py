"""Shapes on their way through the whole service: loaded from a VOTable, asked for by pyvo, with their xtypes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import pyvo

from tests.ingest.conftest import Site
from tests.ingest.test_shapes import CIRCLES, POINTS, POLYGONS, tabledata
from tests.support.service import Service, running
from vo_server.settings import PostgresSettings, Settings


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service with one table of shapes, on each engine."""
    is_embedded = request.param == "duckdb"
    url = f"duckdb:///{tmp_path / 'vo'}" if is_embedded else request.getfixturevalue("postgres_dsn")
    site = Site(url, uuid.uuid4().hex[:12])
    site.load(tabledata(tmp_path, as_text=False), "--table", "s.t")
    postgres = PostgresSettings(data_schema=f"data_{site.name}", store_schema=f"store_{site.name}")
    with running(Settings(database=url, postgres=postgres)) as made:
        yield made
    if not is_embedded:
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS data_{site.name} CASCADE")
            connection.execute(f"DROP SCHEMA IF EXISTS store_{site.name} CASCADE")


def test_shapes_come_back_with_their_xtypes_and_are_searched(service: Service) -> None:
    tap = pyvo.dal.TAPService(service.tap)
    answer = tap.run_sync("SELECT id, pos, field, outline FROM s.t ORDER BY id")
    kinds = {field.name: (field.xtype, field.arraysize, str(field.unit)) for field in answer.resultstable.fields}
    assert kinds["pos"] == ("point", "2", "deg")
    assert kinds["field"] == ("circle", "3", "deg")
    assert kinds["outline"] == ("polygon", "*", "deg")
    for number in (0, 1):
        row = answer.to_table()[number]
        for name, expected in (("pos", POINTS), ("field", CIRCLES), ("outline", POLYGONS)):
            assert np.asarray(row[name]).tolist() == expected[number]
    found = tap.run_sync("SELECT id FROM s.t WHERE 1 = CONTAINS(POINT(0.1, 0.1), outline) OR 1 = CONTAINS(pos, field)")
    assert sorted(found["id"].tolist()) == [0, 1]


def test_the_tables_say_what_shapes_are(service: Service) -> None:
    columns = pyvo.dal.TAPService(service.tap).run_sync(
        "SELECT column_name, xtype, arraysize, ucd FROM TAP_SCHEMA.columns WHERE table_name = 's.t' ORDER BY 1"
    )
    assert [tuple(map(str, row.values())) for row in columns][1:] == [
        ("id", "", "", ""),
        ("outline", "polygon", "*", ""),
        ("pos", "point", "2", "pos.eq;meta.main"),
    ]
