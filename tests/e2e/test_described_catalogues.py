"""The catalogues whose descriptions come with the project, as a service: empty tables, loaded from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pyvo

from ingest.spec import read_schema_file
from tests.adql.published import catalogue, queries
from tests.e2e.conftest import OF_PYVO, new_database, serving_files
from tests.support.taplint import taplint
from vo_server.adql.front import compile_query
from vo_server.resources import schema_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.load.description import Description

pytestmark = OF_PYVO

FILES = sorted(schema_files().glob("*.yaml"))
STAGES = frozenset({"TMV", "TME", "TMS", "TMC"})
"""The tables of the service, in VODataService and in TAP_SCHEMA, and whether both agree."""


def _empty(described: Description, path: Path) -> Path:
    """Write a file without rows, with the described columns, or with some where none is described."""
    by_name = described.table.by_name
    fields = [pa.field(source, by_name[name].datatype.arrow) for name, source in described.sources.items()]
    fields = fields or [pa.field("id", pa.int64()), pa.field("glon", pa.float64()), pa.field("glat", pa.float64())]
    pq.write_table(pa.schema(fields).empty_table(), path)
    return path


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def tap_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a service with all tables that are described."""
    folder = tmp_path_factory.mktemp("described")
    with new_database(request, folder) as url, serving_files(url, _files(folder)) as (tap_url, _):
        yield tap_url


def _files(folder: Path) -> Iterator[tuple[Path, str, Path]]:
    """Yield an empty file for each table that is described, with its name and schema file."""
    for path in FILES:
        file = read_schema_file(path)
        for table in file.schema.tables:
            name = f"{file.schema.name}.{table.name}"
            yield _empty(file.describe(table.name), folder / f"{name}.parquet"), name, path


@pytest.mark.stilts
def test_taplint_finds_nothing_wrong_in_the_tables(tap_url: str, stilts: str) -> None:
    report = taplint(stilts, tap_url, f"stages={' '.join(sorted(STAGES))}")
    left = [finding for finding in report.findings if finding.level in "EFW"]
    assert not left, "\n".join(f"{finding.key} {finding.text}" for finding in left)
    assert report.stages == STAGES


def test_tap_schema_lists_every_column_key_and_flag_that_is_described(tap_url: str) -> None:
    service = pyvo.dal.TAPService(tap_url)
    ours = "NOT (table_name LIKE 'tap_schema.%' OR table_name LIKE 'mock.%')"
    listed = service.search(f"SELECT table_name, column_name FROM tap_schema.columns WHERE {ours}", maxrec=10_000)
    found = {(row["table_name"], row["column_name"].strip('"')) for row in listed}
    tables = catalogue().tables
    assert found >= {(table.full_name, one.name) for table in tables for one in table.visible_columns}
    keys = service.search(f"SELECT key_id FROM tap_schema.keys WHERE {ours.replace('table_name', 'from_table')}")
    assert {row["key_id"] for row in keys} == {
        f"{table.full_name}.{key.name}" for table in tables for key in table.keys
    }
    flags = service.search("SELECT COUNT(*) AS n FROM tap_schema.flags")
    columns = [one for table in tables for one in table.visible_columns]
    assert flags["n"][0] == sum(len(one.flag_bits) + len(one.flag_meanings) for one in columns)


def test_names_that_need_quotes_are_listed_with_them(tap_url: str) -> None:
    service = pyvo.dal.TAPService(tap_url)
    asked = "SELECT column_name FROM tap_schema.columns WHERE table_name = '{}' AND column_name LIKE '\"%'"
    hyphens = service.search(asked.format("vexas.spec_good"))
    assert [row["column_name"] for row in hyphens] == ['"Separation-VISTA-SPEC"']
    reserved = service.search(asked.format("compactsources.sed_view_final"))
    assert '"distance"' in [row["column_name"] for row in reserved]


@pytest.mark.parametrize("name", queries())
def test_a_published_query_is_answered_with_the_described_columns(tap_url: str, name: str) -> None:
    text = queries()[name][1]
    answer = pyvo.dal.TAPService(tap_url).search(text)
    wanted = compile_query(text, catalogue()).columns
    assert [(one.name, one.unit) for one in wanted] == [
        (one.name, None if one.unit is None else one.unit.to_string("vounit")) for one in answer.fielddescs
    ]
    assert [one.ucd for one in wanted] == [one.ucd for one in answer.fielddescs]
    assert len(answer) == (1 if [one.name for one in wanted] == ["n"] else 0)
