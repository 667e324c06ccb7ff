from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    import httpx
    import pyvo

    from tests.support.service import Service


def test_the_examples_are_xml_and_every_one_of_them_runs(client: httpx.Client) -> None:
    answer = client.get("examples")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/xhtml+xml")
    queries = [one.text for one in etree.fromstring(answer.content).findall(".//*[@property='query']")]
    assert queries
    for query in queries:
        done = client.post("sync", data={"LANG": "ADQL", "QUERY": query, "MAXREC": "1"})
        assert done.status_code == 200, done.text


def test_recipes_whose_tables_are_not_published_are_not_shown(client: httpx.Client) -> None:
    assert "bannjos" not in client.get("examples").text


def test_who_has_the_examples_is_told_so(client: httpx.Client, server: Service) -> None:
    for url in (f"{server.tap}/examples", f"{server.url}/api/recipes"):
        first = client.get(url)
        again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_pyvo_lists_the_examples(tap_service: pyvo.dal.TAPService, client: httpx.Client) -> None:
    shown = etree.fromstring(client.get("examples").content).findall(".//*[@typeof='example']")
    assert len(tap_service.examples) == len(shown) > 0


def test_the_capabilities_declare_the_examples(client: httpx.Client, server: Service) -> None:
    document = etree.fromstring(client.get("capabilities").content)
    (found,) = document.findall("capability[@standardID='ivo://ivoa.net/std/DALI#examples']/interface/accessURL")
    assert found.text == f"{server.tap}/examples"


def test_programs_get_recipes_with_their_parameters(client: httpx.Client, server: Service) -> None:
    told = client.get(f"{server.url}/api/recipes").json()["recipes"]
    by_name = {one["name"]: one for one in told}
    (parameter,) = by_name["tap_schema/columns_by_ucd"]["parameters"]
    assert (parameter["name"], parameter["type"], parameter["default"]) == ("ucd", "text", "phot.mag%")
    assert ":ucd" in by_name["tap_schema/columns_by_ucd"]["template"]
    assert "'phot.mag%'" in by_name["tap_schema/columns_by_ucd"]["query"]
