"""VOSI 1.1 and TAPRegExt, clause by clause."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.answers import csv_rows, parse, texts
from tests.support.xsd import assert_valid

if TYPE_CHECKING:
    import httpx

    from tests.support.service import Service

TAP = "capability[@standardID='ivo://ivoa.net/std/TAP']"


def _tables(client: httpx.Client) -> list[str]:
    return texts(parse(client.get("tables")), "schema/table/name/text()")


@pytest.mark.stilts
def test_every_document_is_valid(client: httpx.Client, stilts: str) -> None:
    """VOSI 1.1, section 3 and its schemas."""
    paths = ["capabilities", "availability", "tables", "tables?detail=min"]
    paths += [f"tables/{quote(name, safe='')}" for name in _tables(client)]
    assert_valid(stilts, {path: client.get(path).content for path in paths})


@pytest.mark.parametrize("path", ["capabilities", "availability", "tables", "tables/web.stars"])
def test_documents_are_xml(client: httpx.Client, path: str) -> None:
    """VOSI 1.1, section 2."""
    assert client.get(path).headers["Content-Type"] == "text/xml"


def test_every_listed_table_has_a_resource_of_its_name(client: httpx.Client) -> None:
    """VOSI 1.1, section 3.3."""
    for name in _tables(client):
        answer = client.get(f"tables/{quote(name, safe='')}")
        assert answer.status_code == 200
        assert parse(answer).findtext("name") == name


def test_tables_and_tap_schema_agree(client: httpx.Client) -> None:
    """TAP 1.1, section 4: one catalogue, told twice."""
    asked = {"LANG": "ADQL", "QUERY": "SELECT table_name FROM TAP_SCHEMA.tables", "RESPONSEFORMAT": "csv"}
    assert {row[0] for row in csv_rows(client.get("sync", params=asked))[1:]} == set(_tables(client))


def test_the_tap_capability_is_declared_once_with_its_base_url(client: httpx.Client, server: Service) -> None:
    """TAPRegExt 1.0, section 2; TAP 1.1, section 2.4."""
    (tap,) = parse(client.get("capabilities")).findall(TAP)
    interface = tap.find("interface")
    assert interface is not None
    assert (interface.get("role"), interface.get("version")) == ("std", "1.1")
    url = interface.find("accessURL")
    assert url is not None
    assert (url.get("use"), url.text) == ("base", server.tap)


def test_every_declared_format_works(client: httpx.Client) -> None:
    """TAPRegExt 1.0, section 2.4: only what works is declared."""
    formats = parse(client.get("capabilities")).findall(f"{TAP}/outputFormat")
    names = [name for one in formats for name in texts(one, "mime/text() | alias/text()")]
    assert "votable" in names
    for name in names:
        asked = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 id FROM web.stars", "RESPONSEFORMAT": name}
        assert client.get("sync", params=asked).status_code == 200, name


def test_the_declared_row_limits_hold(client: httpx.Client) -> None:
    """TAPRegExt 1.0, section 2.6."""
    limit = parse(client.get("capabilities")).find(f"{TAP}/outputLimit")
    assert limit is not None
    default, hard = int(limit.findtext("default", "")), int(limit.findtext("hard", ""))
    everything = {"LANG": "ADQL", "QUERY": "SELECT a.id FROM web.stars AS a, web.stars AS b", "RESPONSEFORMAT": "csv"}
    assert len(csv_rows(client.get("sync", params=everything))) - 1 == default
    assert len(csv_rows(client.get("sync", params={**everything, "MAXREC": str(2 * hard)}))) - 1 == hard
