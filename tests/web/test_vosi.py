from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
import pyvo

from tests.support.answers import parse, texts

if TYPE_CHECKING:
    from tests.support.service import Service


def _names(answer: httpx.Response, path: str) -> list[str]:
    return texts(parse(answer), f"{path}/text()")


def test_tables_lists_what_is_published_and_tap_schema(client: httpx.Client) -> None:
    names = _names(client.get("tables"), "schema/table/name")
    assert {"web.stars", 'web."od""d table"'} <= set(names)
    assert any(name.lower() == "tap_schema.tables" for name in names)


def test_detail_min_leaves_the_columns_out_whatever_the_case_of_its_name(client: httpx.Client) -> None:
    assert parse(client.get("tables?DETAIL=min")).find("schema/table/column") is None
    assert parse(client.get("tables?detail=min")).find("schema/table/column") is None
    assert parse(client.get("tables?detail=max")).find("schema/table/column") is not None


@pytest.mark.parametrize("name", ["web.stars", 'web."od""d table"', 'web.od"d table'])
def test_each_table_has_its_own_path(client: httpx.Client, name: str) -> None:
    answer = client.get(f"tables/{quote(name, safe='')}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/xml"
    assert _names(answer, "column/name")[0] in {"id", '"a b"'}


def test_a_hidden_column_is_not_told(client: httpx.Client) -> None:
    assert "_healpix_29" not in client.get("tables/web.stars").text


def test_an_unknown_table_is_404_with_the_nearest_name(client: httpx.Client) -> None:
    answer = client.get("tables/web.starz")
    assert answer.status_code == 404
    assert "web.stars" in answer.text


def test_capabilities_name_the_url_of_the_request(client: httpx.Client, server: Service) -> None:
    answer = client.get("capabilities")
    assert answer.headers["Content-Type"] == "text/xml"
    urls = _names(answer, "capability/interface/accessURL")
    assert urls[0] == server.tap
    assert all(url.startswith(server.tap) for url in urls)


def test_a_trusted_proxy_tells_the_scheme(client: httpx.Client, server: Service) -> None:
    answer = client.get("capabilities", headers={"X-Forwarded-Proto": "https"})
    assert _names(answer, "capability/interface/accessURL")[0] == server.tap.replace("http:", "https:")


def test_a_client_that_has_the_document_gets_no_second_one(client: httpx.Client) -> None:
    for path in ("capabilities", "tables", "tables/web.stars"):
        first = client.get(path)
        tag = first.headers["ETag"]
        assert "Authorization" in first.headers["Vary"]
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), known
        assert client.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_availability_and_health(client: httpx.Client, server: Service) -> None:
    assert "<vosi:available>true</vosi:available>" in client.get("availability").text
    told = httpx.get(f"{server.url}/health", timeout=60).json()
    assert told["status"] == "ok"
    assert told["engine"] == server.context.engine.name


@pytest.mark.parametrize("path", ["example", "nothing", "sync/x", "sync/", "%00"])
def test_what_is_not_there_is_404(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["tables", "tables/web.stars", "capabilities", "availability"])
def test_head_has_the_headers_of_get(client: httpx.Client, path: str) -> None:
    got = client.get(path, headers={"Accept-Encoding": "identity"})
    head = client.head(path, headers={"Accept-Encoding": "identity"})
    assert head.content == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("path", ["", "tap", "tap/"])
def test_the_first_page_shows_the_address_and_the_tables(server: Service, path: str) -> None:
    answer = httpx.get(f"{server.url}/{path}", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert server.tap in answer.text
    assert "web.stars" in answer.text
    assert "web.&quot;od&quot;&quot;d table&quot;" in answer.text


def test_pyvo_reads_the_tables(tap_service: pyvo.dal.TAPService) -> None:
    table = tap_service.tables["web.stars"]
    assert {column.name: column.unit for column in table.columns}["ra"] == "deg"
