"""DALI 1.1 (and the parts of 1.2 that clients rely on), clause by clause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.answers import VOTABLE, csv_rows, error_text, parse, status_of

if TYPE_CHECKING:
    import httpx

TOP = "SELECT TOP 3 id FROM web.stars ORDER BY id"


def _ask(client: httpx.Client, **given: str) -> httpx.Response:
    return client.get("sync", params={"LANG": "ADQL", "QUERY": TOP, **given})


def test_names_of_parameters_have_no_case(client: httpx.Client) -> None:
    """Section 3.1."""
    upper = _ask(client, RESPONSEFORMAT="csv")
    lower = client.get("sync", params={"lang": "ADQL", "query": TOP, "responseFormat": "csv"})
    assert csv_rows(lower) == csv_rows(upper)


def test_a_single_valued_parameter_given_twice_is_an_error(client: httpx.Client) -> None:
    """Section 3.2."""
    answer = client.get("sync", params=[("LANG", "ADQL"), ("QUERY", TOP), ("QUERY", TOP)])
    assert answer.status_code == 400
    assert "QUERY" in error_text(answer)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("votable", "application/x-votable+xml;serialization=BINARY2"),
        ("votable/td", "application/x-votable+xml;serialization=TABLEDATA"),
        ("text/xml", "text/xml"),
        ("application/x-votable+xml", "application/x-votable+xml"),
        ("application/x-votable+xml ; serialization=tabledata", "application/x-votable+xml;serialization=tabledata"),
        ("csv", "text/csv;header=present"),
        ("text/csv", "text/csv;header=present"),
        ("tsv", "text/tab-separated-values"),
        ("text/tab-separated-values", "text/tab-separated-values"),
    ],
)
def test_a_requested_media_type_is_the_one_that_is_sent(client: httpx.Client, wanted: str, sent: str) -> None:
    """Section 3.4.3 (1.2: 4.3.3); TAP 1.1, section 3.2 for the header of CSV."""
    answer = _ask(client, RESPONSEFORMAT=wanted)
    assert answer.status_code == 200, answer.text
    told = answer.headers["Content-Type"].replace(" ", "").lower()
    assert told.startswith(sent.replace(" ", "").lower().partition(";")[0])
    assert told == sent.replace(" ", "").lower() or told.startswith(sent.lower() + ";")


def test_format_is_another_name_of_responseformat(client: httpx.Client) -> None:
    """Section 3.4.3, from TAP 1.0."""
    assert _ask(client, FORMAT="csv").headers["Content-Type"].startswith("text/csv")


def test_an_unknown_format_is_an_error(client: httpx.Client) -> None:
    """Section 3.4.3."""
    answer = _ask(client, RESPONSEFORMAT="application/msword")
    assert answer.status_code == 400
    assert "application/msword" in error_text(answer)


def test_maxrec_zero_gives_the_columns_only(client: httpx.Client) -> None:
    """Section 3.4.4."""
    answer = _ask(client, MAXREC="0", RESPONSEFORMAT="votable/td")
    assert status_of(answer) == "OVERFLOW"
    assert len(parse(answer).findall(f".//{VOTABLE}FIELD")) == 1
    assert parse(answer).findall(f".//{VOTABLE}TR") == []


@pytest.mark.parametrize(("maxrec", "status", "n_rows"), [("2", "OVERFLOW", 2), ("3", "OK", 3), ("4", "OK", 3)])
def test_overflow_is_told_only_when_rows_were_left_out(
    client: httpx.Client, maxrec: str, status: str, n_rows: int
) -> None:
    """Section 4.4.1."""
    answer = _ask(client, MAXREC=maxrec, RESPONSEFORMAT="votable/td")
    assert answer.status_code == 200
    assert status_of(answer) == status
    assert len(parse(answer).findall(f".//{VOTABLE}TR")) == n_rows


def test_a_runid_of_64_characters_is_taken_and_one_more_is_not(client: httpx.Client) -> None:
    """Section 3.4.6."""
    assert _ask(client, RUNID="x" * 64).status_code == 200
    assert _ask(client, RUNID="x" * 65).status_code == 400


def test_the_status_comes_before_the_table_in_the_only_results_resource(client: httpx.Client) -> None:
    """Section 4.4."""
    (resource,) = parse(_ask(client)).findall(f"{VOTABLE}RESOURCE[@type='results']")
    children = [(child.tag, child.get("name")) for child in resource]
    assert children[0] == (f"{VOTABLE}INFO", "QUERY_STATUS")
    assert [tag for tag, _ in children].count(f"{VOTABLE}TABLE") == 1


def test_an_error_is_a_document_with_one_status_and_a_reason(client: httpx.Client) -> None:
    """Section 4.4.2."""
    answer = _ask(client, QUERY="SELECT")
    assert answer.status_code == 400
    assert error_text(answer)


def test_an_unknown_resource_is_404(client: httpx.Client) -> None:
    """Section 4.2."""
    assert client.get("nothing").status_code == 404
    assert client.get("async/nothing").status_code == 404
