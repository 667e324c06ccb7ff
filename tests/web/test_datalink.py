"""Links of rows over HTTP: what leads where, and what is told of mistakes."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from astropy.io import votable
from lxml import etree

from tests.support.answers import csv_rows, error_text, texts
from tests.support.cones import places
from tests.support.server import make_settings
from tests.support.service import Service, running, with_stars
from tests.support.users import add_user

FIRST = 2**60
"""Key of the first row of cone.sky."""


def ask(server: Service, table: str, *ids: object, **more: str) -> httpx.Response:
    given = {"ID": [str(one) for one in ids], **more}
    return httpx.get(f"{server.url}/datalink/{quote(table)}", params=given, timeout=30)


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-votable+xml;content=datalink"
    table = votable.parse(io.BytesIO(answer.content)).get_first_table()
    names = [one.name for one in table.fields]
    cells = [[str(value) for value in row] for row in table.array.filled()] if len(table.array) else []
    return [dict(zip(names, row, strict=True)) for row in cells]


def by_semantics(answer: httpx.Response, semantics: str) -> list[dict[str, str]]:
    return [row for row in rows_of(answer) if row["semantics"] == semantics]


def csv_of(url: str) -> list[list[str]]:
    """Ask a TAP of the address of a row for CSV."""
    return csv_rows(httpx.get(f"{url}&FORMAT=csv".replace("RESPONSEFORMAT=votable&", ""), timeout=30))


def test_this_is_the_row_itself(cone_server: Service) -> None:
    (link,) = by_semantics(ask(cone_server, "cone.sky", FIRST + 7), "#this")
    head, row = csv_of(link["access_url"])
    assert row[head.index("source_id")] == str(FIRST + 7)
    assert httpx.get(link["access_url"], timeout=60).headers["Content-Type"].startswith(link["content_type"])


def test_rows_of_other_tables_that_point_here_are_counterparts(cone_server: Service) -> None:
    (link,) = by_semantics(ask(cone_server, "cone.sky", FIRST + 7), "#counterpart")
    head, *rows = csv_of(link["access_url"])
    assert {row[head.index("source_id")] for row in rows} == {str(FIRST + 7)}
    assert len(rows) == 2
    assert "cone.measures" in link["description"]


def test_the_row_that_a_key_points_to_is_a_counterpart(cone_server: Service) -> None:
    (link,) = by_semantics(ask(cone_server, "cone.measures", f"g x {FIRST + 3}"), "#counterpart")
    head, row = csv_of(link["access_url"])
    assert row[head.index("source_id")] == str(FIRST + 3)


def test_what_is_around_a_row_is_a_cone_search(cone_server: Service) -> None:
    (link,) = by_semantics(ask(cone_server, "cone.sky", FIRST + 7), "#auxiliary")
    answer = httpx.get(link["access_url"], timeout=60)
    assert answer.headers["Content-Type"] == link["content_type"]
    assert str(FIRST + 7).encode() in answer.content


def test_the_links_of_the_table_have_the_values_of_the_row(cone_server: Service) -> None:
    answer = ask(cone_server, "cone.sky", FIRST + 7)
    (cutout,) = by_semantics(answer, "#cutout")
    ra, dec = places()
    given = {name: value for name, (value,) in parse_qs(urlsplit(cutout["access_url"]).query).items()}
    assert given == {"ra": repr(float(ra[7])), "dec": repr(float(dec[7])), "name": "Å 7"}
    assert (cutout["content_type"], cutout["description"]) == ("image/fits", "Image around it")
    (preview,) = by_semantics(answer, "#preview")
    assert preview["access_url"] == "https://example.org/mag/0.7"


def test_a_link_with_a_null_in_it_is_left_out(cone_server: Service) -> None:
    assert by_semantics(ask(cone_server, "cone.sky", FIRST + 5), "#preview") == []


def test_what_there_is_to_read_is_documentation(cone_server: Service) -> None:
    links = by_semantics(ask(cone_server, "cone.sky", FIRST), "#documentation")
    assert [link["access_url"] for link in links] == ["https://example.org/sky", "https://example.org/manual.pdf"]


def test_rows_come_in_the_order_of_the_identifiers_and_one_twice_counts_once(cone_server: Service) -> None:
    rows = rows_of(ask(cone_server, "cone.sky", FIRST + 9, FIRST + 2, FIRST + 9, "nonsense"))
    order = list(dict.fromkeys(row["ID"] for row in rows))
    assert order == [str(FIRST + 9), str(FIRST + 2), "nonsense"]
    changes = sum(one["ID"] != other["ID"] for one, other in pairwise(rows))
    assert changes == 2


def test_rows_beyond_the_limit_of_the_caller_are_not_told_to_be_missing(tmp_path: Path) -> None:
    settings = make_settings(f"duckdb:///{tmp_path / 'data'}", tmp_path / "results", hard_maxrec=5, default_maxrec=5)
    with running(with_stars(settings)) as server:
        assert len(by_semantics(ask(server, "web.stars", *range(2**60, 2**60 + 5)), "#this")) == 5
        answer = ask(server, "web.stars", *range(2**60, 2**60 + 10))
    assert answer.status_code == 413
    assert "10 keys of web.stars have more rows" in error_text(answer)
    assert "fewer rows at once" in answer.text


@pytest.mark.parametrize(
    "wrong", ["1", "nonsense", "1.5", "9" * 50, "0" * 40 + "9" * 5000, "' OR 1=1 --", "-1", "\u0661"]
)
def test_an_identifier_of_no_row_is_told_in_its_row(wrong: str, cone_server: Service) -> None:
    bad, *_ = rows_of(ask(cone_server, "cone.sky", wrong, FIRST))
    assert bad["ID"] == wrong
    assert bad["error_message"].startswith("NotFoundFault: ")
    assert (bad["semantics"], bad["access_url"]) == ("#this", "")


def test_quotes_in_a_key_of_text_are_part_of_it(cone_server: Service) -> None:
    (row,) = rows_of(ask(cone_server, "cone.measures", f"g' OR '1'='1 {FIRST}"))
    assert row["error_message"].startswith("NotFoundFault: ")


def test_without_an_identifier_the_service_describes_itself(cone_server: Service) -> None:
    answer = ask(cone_server, "cone.sky")
    assert rows_of(answer) == []
    root = etree.fromstring(answer.content)
    (url,) = texts(root, "//*[local-name()='RESOURCE'][@utype='adhoc:this']/*[@name='accessURL']/@value")
    assert url == f"{cone_server.url}/datalink/cone.sky"


def test_of_too_many_identifiers_the_first_are_answered_and_that_is_told(cone_server: Service) -> None:
    answer = httpx.post(
        f"{cone_server.url}/datalink/cone.sky", data={"ID": [str(FIRST + one) for one in range(150)]}, timeout=60
    )
    assert len({row["ID"] for row in rows_of(answer)}) == 100
    assert b'value="OVERFLOW">150 identifiers' in answer.content


@pytest.mark.parametrize(
    ("table", "status", "fault"),
    [("cone.nothing", 404, "NotFoundFault: "), ("cone.keyless", 404, "NotFoundFault: ")],
)
def test_a_table_without_links_is_told(table: str, status: int, fault: str, cone_server: Service) -> None:
    answer = ask(cone_server, table, 1)
    assert answer.status_code == status
    assert error_text(answer).startswith(fault)
    assert table in error_text(answer)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("votable", 200), ("application/x-votable+xml;content=datalink", 200), ("text/xml", 200), ("csv", 400)],
)
def test_links_are_told_in_votable_only(asked: str, status: int, cone_server: Service) -> None:
    answer = ask(cone_server, "cone.sky", FIRST, RESPONSEFORMAT=asked)
    assert answer.status_code == status
    assert status == 200 or error_text(answer).startswith("UsageFault: ")


def test_a_table_of_a_user_has_no_links_for_others(cone_server: Service) -> None:
    name, token = add_user(cone_server)
    headers = {"Authorization": f"Bearer {token}"}
    query = "SELECT source_id, ra, dec FROM cone.sky WHERE dec > 89.9"
    httpx.post(f"{cone_server.tap}/sync", data={"QUERY": query, "SAVE_AS": "mine"}, headers=headers, timeout=60)
    own = httpx.get(f"{cone_server.url}/datalink/u_{name}.mine", headers=headers, timeout=60)
    strange = httpx.get(f"{cone_server.url}/datalink/u_{name}.mine", timeout=60)
    assert "has no primary key" in error_text(own) or own.status_code == 200
    assert "there is no table" in error_text(strange)


def descriptors_of(answer: httpx.Response) -> dict[str, str]:
    """Return the addresses of described services by the name of the FIELD that their parameter refers to."""
    assert answer.status_code == 200, answer.text
    document = votable.parse(io.BytesIO(answer.content))
    names = {one.ID: one.name for one in document.get_first_table().fields}
    return {
        names[group.entries[0].ref]: {one.name: one.value for one in resource.params}["accessURL"]
        for resource in document.resources
        if resource.utype == "adhoc:service"
        for group in resource.groups
    }


SELECTED = {
    "SELECT source_id, mag FROM cone.sky": {"source_id"},
    "SELECT TOP 3 * FROM cone.sky": {"source_id"},
    'SELECT mag, source_id AS "my id" FROM cone.sky': {"my id"},
    "SELECT s.source_id FROM cone.sky AS s JOIN cone.measures AS m ON s.source_id = m.source_id": {"source_id"},
    "SELECT mag FROM cone.sky": set(),
    "SELECT source_id + 1 AS source_id FROM cone.sky": set(),
    "SELECT source_id FROM cone.measures": set(),
    "SELECT number FROM cone.points": set(),
    "SELECT COUNT(*) AS source_id FROM cone.sky": set(),
}


@pytest.mark.parametrize("form", ["votable", "votable/td"])
@pytest.mark.parametrize("query", SELECTED)
def test_answers_of_tap_with_the_key_describe_the_service(query: str, form: str, cone_server: Service) -> None:
    asked = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": form, "MAXREC": "3"}
    found = descriptors_of(httpx.get(f"{cone_server.tap}/sync", params=asked, timeout=60))
    assert set(found) == SELECTED[query]
    assert set(found.values()) <= {f"{cone_server.url}/datalink/cone.sky"}


def test_answers_of_cone_searches_describe_the_service(cone_server: Service) -> None:
    asked = {"RA": "45", "DEC": "45", "SR": "0.001"}
    found = descriptors_of(httpx.get(f"{cone_server.url}/scs/cone.sky", params=asked, timeout=60))
    assert found == {"source_id": f"{cone_server.url}/datalink/cone.sky"}
    assert descriptors_of(httpx.get(f"{cone_server.url}/scs/cone.points", params=asked, timeout=60)) == {}


def descriptors_of_job(server: Service) -> dict[str, str]:
    asked = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 source_id FROM cone.sky", "PHASE": "RUN"}
    made = httpx.post(f"{server.url}/tap/async", data=asked, follow_redirects=False, timeout=60)
    job = f"{server.url}/tap/async/{made.headers['Location'].rpartition('/')[2]}"
    for _ in range(30):
        if httpx.get(f"{job}/phase", params={"WAIT": "2"}, timeout=30).text.strip() == "COMPLETED":
            break
    return descriptors_of(httpx.get(f"{job}/results/result", follow_redirects=True, timeout=60))


def test_results_of_jobs_describe_the_service_where_its_url_is_set(registry_server: Service) -> None:
    assert descriptors_of_job(registry_server) == {"source_id": "http://vo.example.org/datalink/cone.sky"}


def test_results_of_jobs_describe_no_service_where_its_url_is_not_known(cone_server: Service) -> None:
    assert descriptors_of_job(cone_server) == {}


def test_a_release_has_links_and_a_search_under_its_own_name(cone_server: Service) -> None:
    rows = rows_of(ask(cone_server, "cone.sky@1", FIRST))
    assert {"#this", "#auxiliary"} <= {row["semantics"] for row in rows}
    for row in rows:
        if row["access_url"].startswith(cone_server.url):
            assert httpx.get(row["access_url"], timeout=30).status_code == 200
