"""Old releases over HTTP: queried, described, listed, and told of with each answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from io import BytesIO

import httpx
import pyarrow as pa
import pytest
from astropy.io.votable import parse

from tests.support.server import client, server
from tests.support.service import Service
from vo_server.formats.read.base import TableFacts
from vo_server.load.batches import BatchReader
from vo_server.load.release import load_files
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

__all__ = ["client", "server"]

OLD = (
    Column("id", DataType(Primitive.INT), unit="mm", description="As it was"),
    Column("gone", DataType(Primitive.INT)),
)
NEW = (Column("id", DataType(Primitive.LONG), unit="m"), Column("fresh", DataType(Primitive.DOUBLE), unit="mag"))


@pytest.fixture(autouse=True)
def things(server: Service) -> Iterator[None]:
    """Two releases of ``rel.things``, with other columns, types and units; the first is pinned as ``first_things``."""
    context = server.context
    for version, columns, rows in (("DR1", OLD, [[1, 2], [10, 20]]), ("DR2", NEW, [[1, 2, 3], [0.5, 1.5, 2.5]])):
        arrays = [pa.array(values, column.datatype.arrow) for values, column in zip(rows, columns, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])
        reader = BatchReader("memory", TableFacts(columns, n_rows=batch.num_rows), partial(iter, [batch]))
        load_files([reader], table="rel.things", engine=context.engine, store=context.store, version=version)
    context.store.catalogue.pin("rel.things", "DR1", "first_things")
    yield
    for location in context.store.catalogue.remove("rel.things", even_pinned=True):
        context.engine.drop(location)


def ids(client: httpx.Client, table: str) -> list[int]:
    answer = client.get("sync", params={"QUERY": f"SELECT id FROM {table} ORDER BY id", "FORMAT": "csv"})
    assert answer.status_code == 200, answer.text
    return [int(line) for line in answer.text.split()[1:]]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("rel.things", [1, 2, 3]),
        ('rel."things@DR2"', [1, 2, 3]),
        ('rel."things@DR1"', [1, 2]),
        ("rel.first_things", [1, 2]),
    ],
)
def test_each_name_gives_the_rows_of_its_release(client: httpx.Client, table: str, expected: list[int]) -> None:
    assert ids(client, table) == expected


def test_a_rollback_changes_the_table_and_no_pinned_name(client: httpx.Client, server: Service) -> None:
    server.context.store.catalogue.make_current("rel.things", "DR1")
    assert ids(client, "rel.things") == ids(client, "rel.first_things") == [1, 2]
    assert ids(client, 'rel."things@DR2"') == [1, 2, 3]


@pytest.mark.parametrize("table", ['rel."things@DR1"', "rel.first_things"])
def test_an_answer_of_an_old_release_tells_so_and_has_its_old_columns(client: httpx.Client, table: str) -> None:
    answer = client.get("sync", params={"QUERY": f"SELECT * FROM {table}"})
    (resource,) = parse(BytesIO(answer.content)).resources
    told = [(info.name, info.value) for info in resource.infos]
    assert ("TABLE_RELEASE", "DR1") in told
    fields = [(field.name, field.datatype, str(field.unit or "")) for field in resource.tables[0].fields]
    assert fields == [("id", "int", "mm"), ("gone", "int", "")]


def test_a_job_reads_a_pinned_release(client: httpx.Client) -> None:
    given = {"QUERY": 'SELECT COUNT(*) AS n FROM rel."things@DR1"', "FORMAT": "csv", "PHASE": "RUN"}
    job = client.post("async", data=given, follow_redirects=True).url
    deadline = time.monotonic() + 60
    while client.get(f"{job}/phase").text in {"PENDING", "QUEUED", "EXECUTING"} and time.monotonic() < deadline:
        time.sleep(0.1)
    assert client.get(f"{job}/results/result", follow_redirects=True).text.split() == ["n", "2"]


def test_an_unknown_release_is_told_with_those_that_are(client: httpx.Client) -> None:
    answer = client.get("sync", params={"QUERY": 'SELECT id FROM rel."things@DR7"'})
    assert answer.status_code == 400
    assert "the table rel.things has no release DR7" in answer.text
    assert "things@DR2" in answer.text


def test_a_pinned_release_is_listed_and_any_other_is_described_on_request(client: httpx.Client) -> None:
    listed = client.get("tables", params={"detail": "min"}).text
    assert "<name>rel.first_things</name>" in listed
    assert "things@" not in listed
    described = client.get("tables/rel.things@DR1").text
    assert "Release DR1 of rel.things." in described
    assert "<unit>mm</unit>" in described
    assert client.get('tables/rel."things@DR2"').status_code == 200
    assert client.get("tables/rel.things@DR9").status_code == 404


def test_the_releases_are_a_table_of_tap_schema(client: httpx.Client) -> None:
    query = "SELECT pinned_name, alias, is_current, n_rows FROM tap_schema.releases WHERE table_name = 'rel.things'"
    answer = client.get("sync", params={"QUERY": f"{query} ORDER BY created", "FORMAT": "csv"})
    assert answer.text.splitlines()[1:] == [
        '"rel.""things@DR1""",rel.first_things,0,2',
        '"rel.""things@DR2""",,1,3',
    ]
