"""TAP 1.1, clause by clause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.answers import VOTABLE, csv_rows, error_text, parse
from tests.support.xsd import votlint

if TYPE_CHECKING:
    import httpx

    from tests.support.service import Service

TOP = "SELECT TOP 3 id FROM web.stars ORDER BY id"


def _rows(client: httpx.Client, query: str, **given: str) -> list[list[str]]:
    return csv_rows(client.post("sync", data={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv", **given}))


@pytest.mark.parametrize("path", ["sync?LANG=ADQL&QUERY=SELECT+1+AS+one+FROM+web.stars", "async", "tables",
                                  "capabilities", "availability"])  # fmt: skip
def test_every_resource_is_there_for_anonymous_callers(client: httpx.Client, path: str) -> None:
    """Section 2, table 1."""
    assert client.get(path).status_code == 200


def test_the_examples_are_there_as_the_capabilities_say(client: httpx.Client) -> None:
    """Section 2.6."""
    assert client.get("examples").status_code == 200
    assert "ivo://ivoa.net/std/DALI#examples" in client.get("capabilities").text


def test_unknown_parameters_change_nothing(client: httpx.Client) -> None:
    """Section 2.7."""
    plain = _rows(client, TOP)
    assert _rows(client, TOP, DUMMY="ignore-me", REQUEST="doQuery", VERSION="1.0") == plain


@pytest.mark.parametrize("lang", ["ADQL", "ADQL-2.0", "ADQL-2.1", "adql"])
def test_every_declared_language_is_taken(client: httpx.Client, lang: str) -> None:
    """Section 2.7.1."""
    assert len(_rows(client, TOP, LANG=lang)) == 4


def test_an_unknown_language_is_an_error(client: httpx.Client) -> None:
    """Section 2.7.1."""
    answer = client.post("sync", data={"LANG": "OOBLECK", "QUERY": TOP})
    assert answer.status_code == 400
    assert error_text(answer).startswith("unknown query language")


def test_maxrec_counts_after_top(client: httpx.Client) -> None:
    """Section 2.7.4."""
    assert len(_rows(client, TOP, MAXREC="2")) == 3
    assert len(_rows(client, TOP, MAXREC="100")) == 4


def test_a_query_is_judged_for_maxrec_zero_too(client: httpx.Client) -> None:
    """Section 2.7.4 lets a service skip it; a wrong query is better told."""
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": "SELECT foo FROM web.stars", "MAXREC": "0"})
    assert answer.status_code == 400


def test_parameters_of_a_job_are_judged_when_it_runs(client: httpx.Client) -> None:
    """Section 2.7: a job may be made without, or with bad, parameters."""
    for given in ({}, {"QUERY": "nonsense"}, {"MAXREC": "-1", "LANG": "OOBLECK"}):
        answer = client.post("async", data=given)
        assert answer.status_code == 303
        assert client.delete(answer.headers["Location"]).status_code == 303


def test_fields_say_what_tap_schema_says(client: httpx.Client) -> None:
    """Section 3.1."""
    described = _rows(
        client,
        "SELECT column_name, datatype, arraysize, unit, ucd, description FROM TAP_SCHEMA.columns"
        " WHERE table_name = 'web.stars' ORDER BY column_index",
    )[1:]
    answer = client.get("sync", params={"LANG": "ADQL", "QUERY": "SELECT TOP 1 * FROM web.stars"})
    fields = parse(answer).findall(f".//{VOTABLE}FIELD")
    for field, row in zip(fields, described, strict=True):
        told = [field.get(key, "") for key in ("name", "datatype", "arraysize", "unit", "ucd")]
        assert [*told, field.findtext(f"{VOTABLE}DESCRIPTION", "")] == row


def test_tap_schema_describes_itself(client: httpx.Client) -> None:
    """Section 4."""
    tables = {row[0].lower() for row in _rows(client, "SELECT table_name FROM TAP_SCHEMA.tables")[1:]}
    assert {f"tap_schema.{name}" for name in ("schemas", "tables", "columns", "keys", "key_columns")} <= tables
    (_, (n_columns,)) = _rows(client, "SELECT COUNT(*) AS n FROM tap_schema.COLUMNS")
    assert int(n_columns) == len(_rows(client, 'SELECT column_name, "size" FROM TAP_SCHEMA.columns')) - 1


def test_a_name_that_needs_quotes_is_published_with_them_and_works_as_published(client: httpx.Client) -> None:
    """Section 4."""
    (name,) = [row[0] for row in _rows(client, "SELECT table_name FROM TAP_SCHEMA.tables")[1:] if "od" in row[0]]
    columns = _rows(client, "SELECT column_name, table_name FROM TAP_SCHEMA.columns")[1:]
    quoted = [column for column, table in columns if table == name]
    assert (name, sorted(quoted)) == ('web."od""d table"', ['"a b"', '"size"'])
    assert _rows(client, f"SELECT {', '.join(quoted)} FROM {name} ORDER BY 2")[1:] == [["1", "3"], ["", "4"]]


@pytest.mark.stilts
@pytest.mark.parametrize("wanted", ["votable", "votable/td"])
@pytest.mark.parametrize("query", ["SELECT TOP 20 * FROM web.stars", "SELECT foo FROM web.stars", "SELECT * FROM"])
def test_every_votable_is_clean_under_votlint(client: httpx.Client, stilts: str, wanted: str, query: str) -> None:
    """Section 3.1: VOTable."""
    answer = client.get("sync", params={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": wanted})
    assert votlint(stilts, answer.content) == []


def test_the_public_url_is_used_in_every_document(server: Service, client: httpx.Client) -> None:
    """Section 2.4: clients append fixed names to the accessURL, so it must be the one that they can reach."""
    with server.changed(public_url="https://vo.example.org/sky"):
        capabilities = client.get("capabilities").text
        location = client.post("async").headers["Location"]
    assert "https://vo.example.org/sky/tap<" in capabilities
    assert server.url not in capabilities
    assert location.startswith("https://vo.example.org/sky/tap/async/")
