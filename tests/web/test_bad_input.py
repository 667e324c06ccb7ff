"""Bad input over HTTP: the message, the status, and that nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.support.answers import csv_rows, error_text
from tests.support.service import N_STARS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.service import Service


@pytest.fixture(autouse=True)
def nothing_changes(server: Service, client: httpx.Client) -> Iterator[None]:
    """Compare what is published, and the rows, before and after."""
    before = server.context.store.catalogue.load()
    yield
    assert server.context.store.catalogue.load() == before
    asked = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}
    assert csv_rows(client.get("sync", params=asked)) == [["n"], [str(N_STARS)]]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("SELECT id FROM", ["line 1, column 15"], id="syntax-error"),
        pytest.param("SELEKT id FROM web.stars", ["line 1, column 1", "SELEKT"], id="misspelt-keyword"),
        pytest.param("SELECT id FROM web.starz", ["web.starz", "web.stars", "line 1, column 16"], id="unknown-table"),
        pytest.param("SELECT idd FROM web.stars", ["idd", "did you mean", "line 1, column 8"], id="unknown-column"),
        pytest.param("DROP TABLE web.stars", ["line 1, column 1", "DROP"], id="drop-table"),
        pytest.param("SELECT id FROM web.stars; DROP TABLE web.stars", ["line 1, column 27"], id="second-statement"),
        pytest.param(
            "SELECT id FROM web.stars WHERE name = \u2018x\u2019", ["\u2018", "line 1, column 39"], id="curly-quote"
        ),
        pytest.param("SELECT --28.1 FROM web.stars", ["line 1"], id="two-minus-signs"),
    ],
)
def test_a_bad_query_is_told_with_its_place(client: httpx.Client, query: str, told: list[str]) -> None:
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": query})
    assert answer.status_code == 400
    text = error_text(answer)
    for part in told:
        assert part in text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param("id * id", "too large or too small", id="product-out-of-range"),
        pytest.param("id + id + id + id + id + id + id + id", "too large or too small", id="sum-out-of-range"),
        pytest.param("CAST(id AS INTEGER)", "too large or too small", id="integer-out-of-range"),
        pytest.param("CAST(name AS INTEGER)", "could not be read as the wanted type", id="text-is-no-number"),
        pytest.param("CAST(name AS TIMESTAMP)", "could not be read as the wanted type", id="text-is-no-time"),
        pytest.param("(SELECT id FROM web.stars)", "more than one row", id="subquery-of-many-rows"),
    ],
)
def test_a_value_that_does_not_exist_is_the_querys_fault_in_our_words(
    client: httpx.Client, value: str, told: str
) -> None:
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": f"SELECT {value} AS x FROM web.stars"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["X-VO-Error"] == "evaluation"
    assert told in error_text(answer)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"RESPONSEFORMAT": "docx"}, ["RESPONSEFORMAT", "docx", "votable", "csv"], id="unknown-format"),
        pytest.param({"LANG": "OOBLECK"}, ["unknown query language", "OOBLECK", "ADQL"], id="unknown-language"),
        pytest.param({"MAXREC": "-1"}, ["MAXREC", "-1"], id="negative-maxrec"),
        pytest.param({"MAXREC": "many"}, ["MAXREC", "many"], id="maxrec-in-words"),
        pytest.param({"QUERY": ""}, ["QUERY", "missing"], id="no-query"),
        pytest.param({"RUNID": "x" * 65}, ["RUNID", "64"], id="long-runid"),
        pytest.param({"UPLOAD": "t,param:t"}, ["UPLOAD", "the part 't'", "no such part"], id="upload"),
    ],
)
def test_a_bad_parameter_is_told_by_name(client: httpx.Client, given: dict[str, str], told: list[str]) -> None:
    asked = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 id FROM web.stars", **given}
    answer = client.post("sync", data=asked)
    assert answer.status_code == 400
    text = error_text(answer)
    for part in told:
        assert part in text


def test_a_repeated_parameter_is_refused(client: httpx.Client) -> None:
    answer = client.get("sync?LANG=ADQL&MAXREC=1&maxrec=2&QUERY=SELECT+id+FROM+web.stars")
    assert answer.status_code == 400
    assert "MAXREC" in error_text(answer)


def test_a_query_of_100_kb_is_answered_when_it_is_within_the_limit(client: httpx.Client) -> None:
    query = "SELECT COUNT(*) AS n FROM web.stars WHERE id IN (" + ",".join(str(2**60 + n) for n in range(4_500)) + ")"
    assert 90_000 < len(query) < 100_000
    asked = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"}
    assert csv_rows(client.post("sync", data=asked)) == [["n"], ["4500"]]
    with urlopen(f"{client.base_url}sync?{urlencode(asked)}", timeout=30) as answer:  # httpx refuses URLs this long
        assert answer.read().split() == [b"n", b"4500"]


def test_a_query_over_the_limit_is_refused_with_the_limit(client: httpx.Client) -> None:
    query = "SELECT id FROM web.stars WHERE id IN (" + ",".join(["1"] * 60_000) + ")"
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": query})
    assert answer.status_code == 413
    assert "100000" in error_text(answer)


def test_a_body_over_the_limit_is_refused_with_the_limit(client: httpx.Client) -> None:
    given = {"LANG": "ADQL", "QUERY": "x" * 1_200_000}
    answer = client.post("sync", data=given)
    assert answer.status_code == 413
    assert f"{3 * 100_000 + 65_536} bytes" in error_text(answer)
    answer = client.post("sync", files={name: (None, value) for name, value in given.items()})
    assert answer.status_code == 413
    assert "1000000 bytes" in error_text(answer)


def test_a_bad_query_makes_a_job_that_ends_in_error(client: httpx.Client) -> None:
    made = client.post("async", data={"LANG": "ADQL", "QUERY": "SELECT foo FROM web.stars", "PHASE": "RUN"})
    assert made.status_code == 303
    job = made.headers["Location"]
    client.get(job, params={"WAIT": "2", "PHASE": "QUEUED"})
    client.get(job, params={"WAIT": "2", "PHASE": "EXECUTING"})
    assert client.get(f"{job}/phase").text == "ERROR"
    told = client.get(f"{job}/error")
    assert told.status_code == 200
    assert "foo" in error_text(told)
    assert client.get(f"{job}/results/result").status_code == 404
    assert client.delete(job).status_code == 303
