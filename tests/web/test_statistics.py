"""Statistics and coverages over HTTP, of tables that the caller sees."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import mocpy
import numpy as np
import pytest
from astropy import units
from lxml import etree

from tests.support.keepers import ask, made
from tests.support.service import N_STARS, Service, stars


def get(server: Service, path: str, **headers: str) -> httpx.Response:
    return httpx.get(
        f"{server.url}/{path}", headers={name.replace("_", "-"): text for name, text in headers.items()}, timeout=60
    )


def test_statistics_are_told_as_json(server: Service) -> None:
    told = get(server, "api/statistics/web.stars").json()
    columns = {one["name"]: one for one in told["columns"]}
    assert (told["table"], told["rows"], list(columns)) == ("web.stars", N_STARS, ["id", "ra", "dec", "mag", "name"])
    magnitudes = stars()["mag"].drop_null().to_numpy()
    assert columns["mag"]["nulls"] == N_STARS - len(magnitudes)
    assert columns["mag"]["percentiles"]["50"] == np.percentile(magnitudes, 50, method="inverted_cdf")
    assert columns["id"]["maximum"] == 2**60 + N_STARS - 1
    assert sum(told["coverage"]["map"]["counts"]) == N_STARS
    assert told["coverage"]["moc"] == f"{server.url}/moc/web.stars"


@pytest.mark.parametrize(
    ("path", "accept", "content_type", "kind"),
    [
        ("moc/web.stars", "*/*", "application/fits", "fits"),
        ("moc/web.stars?format=json", "*/*", "application/json", "json"),
        ("moc/WEB.stars?FORMAT=text", "application/json", "text/plain; charset=utf-8", "ascii"),
        ("moc/web.stars", "text/html, application/json;q=0.9, */*", "application/json", "json"),
        ("moc/web.stars", "image/fits", "application/fits", "fits"),
    ],
)
def test_a_coverage_is_sent_as_asked_for_and_covers_every_row(
    server: Service, tmp_path: Path, path: str, accept: str, content_type: str, kind: str
) -> None:
    answer = get(server, path, Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.headers["Content-Disposition"].startswith('inline; filename="web.stars.moc.')
    file = tmp_path / "moc"
    file.write_bytes(answer.content)
    moc = mocpy.MOC.load(file, kind)
    rows = stars()
    assert moc.contains_lonlat(rows["ra"].to_numpy() * units.deg, rows["dec"].to_numpy() * units.deg).all()


def test_the_address_of_a_coverage_holds_for_names_with_blanks_and_quotes(cone_server: Service) -> None:
    address = get(cone_server, f"api/statistics/{quote('cone.od' + chr(34) + 'd pairs')}").json()["coverage"]["moc"]
    assert '"' not in address
    assert " " not in address
    assert httpx.get(address, timeout=60).status_code == 200


def coverage_links(client: httpx.Client, query: str) -> dict[str, str]:
    """Return the addresses of the coverages that an answer links to, by what they are called."""
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "votable/td"})
    assert answer.status_code == 200, answer.text
    found = etree.fromstring(answer.content).findall(".//{*}TABLE/{*}LINK")
    return {one.get("title", ""): one.get("href", "") for one in found if "MOC" in one.get("title", "")}


def test_an_answer_links_to_the_coverages_of_its_tables(
    server: Service, client: httpx.Client, ritas: httpx.Client, rita: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.linked"
    made(ritas, name)
    (address,) = coverage_links(client, "SELECT TOP 1 id FROM web.stars").values()
    assert httpx.get(address, timeout=60).content == get(server, "moc/web.stars").content
    both = coverage_links(ritas, f"SELECT TOP 1 s.id FROM web.stars AS s, {name} AS t")
    assert list(both) == ["Coverage of web.stars (MOC)", f"Coverage of {name} (MOC)"]
    assert [ritas.get(url).status_code for url in both.values()] == [200, 200]


def test_a_cone_search_links_to_the_coverage_of_its_table(cone_server: Service) -> None:
    answer = get(cone_server, "scs/cone.sky?RA=10&DEC=10&SR=1&VERB=1")
    links = [one.get("href") for one in etree.fromstring(answer.content).findall(".//{*}TABLE/{*}LINK")]
    assert f"{cone_server.url}/moc/cone.sky" in links
    assert "https://example.org/sky" in links


@pytest.mark.parametrize("table", ["tap_schema.tables", 'web."od""d table"'])
def test_an_answer_of_a_table_without_positions_has_no_such_link(client: httpx.Client, table: str) -> None:
    assert coverage_links(client, f"SELECT TOP 1 * FROM {table}") == {}


def test_the_link_of_a_pinned_release_is_to_its_own_coverage(client: httpx.Client) -> None:
    (address,) = coverage_links(client, 'SELECT TOP 1 id FROM web."stars@1"').values()
    assert "stars%401" in address
    assert httpx.get(address, timeout=60).headers["Content-Type"] == "application/fits"


def test_a_coverage_that_a_client_has_is_not_sent_again(server: Service) -> None:
    tag = get(server, "moc/web.stars").headers["ETag"]
    again = get(server, "moc/web.stars", If_None_Match=f'"other", {tag}')
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert get(server, "moc/web.stars?format=json").headers["ETag"] != tag


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("moc/web.stars?format=png", 400, "fits, json, text"),
        ("moc/web.starz", 404, "did you mean web.stars"),
        ("moc/tap_schema.tables", 404, "it has no positions"),
        ('moc/web."od""d table"', 404, "it has no positions"),
        ("api/statistics/web.starz", 404, "did you mean web.stars"),
        ("api/statistics/tap_schema.tables", 404, "no statistics"),
    ],
)
def test_what_is_not_there_is_told_with_a_hint(server: Service, path: str, status: int, words: str) -> None:
    answer = get(server, path)
    assert answer.status_code == status, answer.text
    assert words in answer.text


def test_statistics_of_a_private_table_are_its_owners(
    server: Service, ritas: httpx.Client, annas: httpx.Client, client: httpx.Client, rita: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.counted"
    made(ritas, name)
    counted = f"SELECT n_rows FROM tap_schema.statistics WHERE table_name = '{name}' AND column_name = 'note'"
    assert ask(ritas, counted) == [["3"]]
    assert ritas.get(f"{server.url}/api/statistics/{name}").json()["rows"] == 3
    assert ritas.get(f"{server.url}/moc/{name}").status_code == 200
    for other in (annas, client):
        assert ask(other, counted) == []
        assert ask(other, f"SELECT COUNT(*) FROM tap_schema.columns WHERE table_name = '{name}'") == [["0"]]
        for path in (f"api/statistics/{name}", f"moc/{name}"):
            assert other.get(f"{server.url}/{path}").status_code == 404


def test_what_a_client_kept_of_a_private_table_is_not_confirmed_to_others(
    server: Service, ritas: httpx.Client, annas: httpx.Client, rita: tuple[str, str]
) -> None:
    name = f"u_{rita[0]}.kept"
    made(ritas, name)
    tag = ritas.get(f"{server.url}/moc/{name}").headers["ETag"]
    assert annas.get(f"{server.url}/moc/{name}", headers={"If-None-Match": tag}).status_code == 404


def test_a_footprint_tells_no_counterpart_from_not_observed(client: httpx.Client) -> None:
    adql = "SELECT TOP 1 in_footprint('web.stars', ra, dec) AS here FROM web.stars"
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": adql, "FORMAT": "csv", "RESPONSEFORMAT": "csv"})
    assert answer.text.split() == ["here", "1"]


def test_a_table_without_positions_has_no_footprint(client: httpx.Client) -> None:
    adql = "SELECT in_footprint('od\"d table', 1, 2) AS here FROM web.stars"
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": adql})
    assert answer.status_code == 400
    assert "is not known" in answer.text
