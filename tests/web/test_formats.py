"""Formats over HTTP: what is asked for comes, and nonsense never is a failure of the service."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.answers import csv_rows, error_text
from tests.support.service import N_STARS
from vo_server.formats.registry import OUTPUT_FORMATS

ALL = "SELECT id, mag, name FROM web.stars ORDER BY id"
ASKED = {"LANG": "ADQL", "QUERY": ALL}
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ids_of(name: str, content: bytes) -> list[int]:
    """Return the identifiers in a document of some formats."""
    if name == "fits":
        with fits.open(io.BytesIO(content)) as file:
            return list(map(int, file[1].data["id"]))
    if name == "parquet":
        return list(pq.read_table(io.BytesIO(content))["id"].to_pylist())
    if name == "arrow":
        return list(pa.ipc.open_stream(content).read_all()["id"].to_pylist())
    if name == "json":
        return [int(row[0]) for row in json.loads(content)["data"]]
    return [int(json.loads(line)["id"]) for line in content.decode().splitlines()]


@pytest.mark.parametrize("name", ["fits", "parquet", "arrow", "json", "jsonl"])
def test_the_whole_table_comes_in_each_format(client: httpx.Client, name: str) -> None:
    answer = client.get("sync", params={**ASKED, "RESPONSEFORMAT": name, "MAXREC": str(N_STARS)})
    assert answer.status_code == 200
    assert ids_of(name, answer.content) == list(range(2**60, 2**60 + N_STARS))


@pytest.mark.parametrize("one", OUTPUT_FORMATS, ids=[one.name for one in OUTPUT_FORMATS])
def test_each_format_is_found_by_its_media_type_in_the_parameter_and_in_the_header(
    client: httpx.Client, one: Any
) -> None:
    for answer in (
        client.get("sync", params={**ASKED, "RESPONSEFORMAT": one.mime, "MAXREC": "3"}),
        client.get("sync", params={**ASKED, "MAXREC": "3"}, headers={"Accept": f"image/png, {one.mime};q=0.7"}),
    ):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == one.mime
        assert answer.headers["Content-Disposition"] == f'inline; filename="result.{one.writer.extension}"'
        assert "Accept" in [text.strip() for text in answer.headers["Vary"].split(",")]


@pytest.mark.parametrize(
    ("accept", "mime"),
    [
        ("*/*", "application/x-votable+xml;serialization=BINARY2"),
        (FIREFOX, "application/x-votable+xml;serialization=BINARY2"),
        ("text/html", "text/html"),
        ("image/*", "application/x-votable+xml;serialization=BINARY2"),
    ],
)
def test_browsers_get_a_votable_unless_they_want_nothing_but_a_page(
    client: httpx.Client, accept: str, mime: str
) -> None:
    answer = client.get("sync", params={**ASKED, "MAXREC": "3"}, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == mime


def test_the_parameter_counts_more_than_the_header(client: httpx.Client) -> None:
    answer = client.get(
        "sync", params={**ASKED, "FORMAT": "csv", "MAXREC": "1"}, headers={"Accept": "application/json"}
    )
    assert csv_rows(answer)[0] == ["id", "mag", "name"]


def test_a_result_too_wide_for_fits_is_refused_with_a_hint(client: httpx.Client) -> None:
    columns = ", ".join(f"mag AS c{number}" for number in range(1000))
    answer = client.post(
        "sync", data={"LANG": "ADQL", "QUERY": f"SELECT TOP 1 {columns} FROM web.stars", "RESPONSEFORMAT": "fits"}
    )
    assert answer.status_code == 400
    assert "FITS has 999 at most" in answer.text


@given(value=st.text(st.characters(codec="utf-8"), max_size=40))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_responseformat_is_a_failure_of_the_service(client: httpx.Client, value: str) -> None:
    answer = client.get("sync", params={**ASKED, "RESPONSEFORMAT": value, "MAXREC": "1"})
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert "RESPONSEFORMAT" in error_text(answer)


@given(value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_accept_header_is_refused(client: httpx.Client, value: str) -> None:
    answer = client.get("sync", params={**ASKED, "MAXREC": "1"}, headers={"Accept": value.strip()})
    assert answer.status_code == 200
