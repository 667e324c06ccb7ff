"""Where the rows come from, told with each answer."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import psycopg
import pyarrow as pa
import pytest
from lxml import etree

from tests.support.answers import VOTABLE
from tests.support.service import Service, publish, running
from vo_server.factory import ProcessContext
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Link, Provenance
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table
from vo_server.settings import PostgresSettings, ServerSettings, Settings, UwsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = (Column("a", DataType(Primitive.INT)),)
ONE = Table(
    "origin",
    "one",
    _COLUMNS,
    title="First table",
    provenance=Provenance(
        data_ivoid="ivo://example.org/one",
        creator=("Surname, I.", "Ångström, A."),
        citation="10.5281/zenodo.1",
        article="2026A&A...700A...1S",
        reference_url="https://example.org/one?a=1&b=2",
        rights="CC BY 4.0",
        rights_uri="https://creativecommons.org/licenses/by/4.0/",
        resource_version="DR1",
        publication_date="2026-03-31",
        last_update_date="2026-04-01",
        links=(Link("https://example.org/readme", "Read me", "doc", "text/html"),),
    ),
)
TWO = Table("origin", "two", _COLUMNS, provenance=Provenance(creator=("Other, O.",)))
PLAIN = Table("origin", "plain", _COLUMNS)


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve three tables, two with an origin, under a public URL."""
    names = f"origin_{secrets.token_hex(4)}"
    postgres = PostgresSettings(data_schema=f"{names}_d", store_schema=f"{names}_s")
    is_duckdb = request.param == "duckdb"
    settings = Settings(
        database=f"duckdb:///{tmp_path_factory.mktemp('data')}"
        if is_duckdb
        else request.getfixturevalue("postgres_dsn"),
        server=ServerSettings(
            publisher="Observatory of Å",
            contact="mailto:help@example.org",
            ivoid="ivo://example.org/tap",
            public_url="https://vo.example.org/",
        ),
        uws=UwsSettings(results_dir=tmp_path_factory.mktemp("results")),
        postgres=postgres,
    )
    with closing(ProcessContext.create(settings)) as context:
        for table in (ONE, TWO, PLAIN):
            publish(context, table, pa.Table.from_pydict({"a": [1, 2]}, schema=arrow_schema(_COLUMNS)), version="7")
    try:
        with running(settings) as service:
            yield service
    finally:
        if not is_duckdb:
            with psycopg.connect(settings.database, autocommit=True) as connection:
                for schema in (postgres.data_schema, postgres.store_schema):
                    connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


def _ask(service: Service, query: str) -> etree._Element:
    answer = httpx.post(
        f"{service.tap}/sync", data={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "votable/td"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def _infos(root: etree._Element, about: str | None = None) -> list[tuple[str | None, str | None]]:
    found = root.findall(f"{VOTABLE}RESOURCE/{VOTABLE}INFO")
    return [(one.get("name"), one.get("value")) for one in found if about is None or one.text == about]


def test_the_service_and_the_request_are_told(service: Service) -> None:
    query = "SELECT TOP 1 a FROM origin.plain"
    root = _ask(service, query)
    told = dict(_infos(root))
    assert told["publisher"] == "Observatory of Å"
    assert told["contact"] == "mailto:help@example.org"
    assert told["service_ivoid"] == "ivo://example.org/tap"
    assert told["service_protocol"] == "ivo://ivoa.net/std/TAP"
    assert (told["server_software"] or "").startswith("vo-server/")
    assert told["query"] == told["QUERY"] == query
    assert (told["request_date"] or "").endswith("Z")
    request = told["request"] or ""
    assert request.startswith("https://vo.example.org/tap/sync?LANG=ADQL&")
    again = httpx.get(request.replace("https://vo.example.org/tap", service.tap), timeout=60)
    assert etree.fromstring(again.content).findall(f".//{VOTABLE}TD")[0].text == root.findall(f".//{VOTABLE}TD")[0].text


def test_each_table_that_was_used_is_told_with_its_name(service: Service) -> None:
    root = _ask(service, "SELECT one.a FROM origin.one, origin.two, origin.plain")
    assert _infos(root, "origin.one") == [
        ("data_ivoid", "ivo://example.org/one"),
        ("creator", "Surname, I."),
        ("creator", "Ångström, A."),
        ("citation", "10.5281/zenodo.1"),
        ("article", "2026A&A...700A...1S"),
        ("reference_url", "https://example.org/one?a=1&b=2"),
        ("rights", "CC BY 4.0"),
        ("rights_uri", "https://creativecommons.org/licenses/by/4.0/"),
        ("resource_version", "DR1"),
        ("publication_date", "2026-03-31"),
        ("last_update_date", "2026-04-01"),
        ("TABLE_RELEASE", "7"),
    ]
    assert _infos(root, "origin.two") == [("creator", "Other, O."), ("resource_version", "7"), ("TABLE_RELEASE", "7")]
    assert _infos(root, "origin.plain") == [("resource_version", "7"), ("TABLE_RELEASE", "7")]


def test_a_table_that_was_not_used_is_not_told(service: Service) -> None:
    assert _infos(_ask(service, "SELECT a FROM origin.two"), "origin.one") == []


def test_the_links_of_the_tables_are_links_of_the_result(service: Service) -> None:
    root = _ask(service, "SELECT one.a FROM origin.one, origin.two")
    links = root.findall(f"{VOTABLE}RESOURCE/{VOTABLE}TABLE/{VOTABLE}LINK")
    assert [dict(link.attrib) for link in links] == [
        {"content-role": "doc", "title": "First table", "href": "https://example.org/one?a=1&b=2"},
        {"content-role": "doc", "content-type": "text/html", "title": "Read me", "href": "https://example.org/readme"},
    ]


def test_a_job_names_itself_as_the_request(service: Service) -> None:
    given = {"LANG": "ADQL", "QUERY": "SELECT a FROM origin.one", "PHASE": "RUN"}
    made = httpx.post(f"{service.tap}/async", data=given, timeout=60).headers["Location"]
    here = made.replace("https://vo.example.org/tap", service.tap)
    assert httpx.get(f"{here}?WAIT=20&PHASE=QUEUED", timeout=30).status_code == 200
    assert httpx.get(f"{here}?WAIT=20&PHASE=EXECUTING", timeout=30).status_code == 200
    root = etree.fromstring(httpx.get(f"{here}/results/result", timeout=60).content)
    assert dict(_infos(root))["request"] == made
    assert ("citation", "10.5281/zenodo.1") in _infos(root, "origin.one")
