from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vo_server.errors import VoError
from vo_server.web import params
from vo_server.web.params import MAX_FIELDS, SMALL_BYTES, first_of, from_body, from_query_string, values_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

LIMIT = 200_000
FORM_LIMIT = 100_000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CUT = b'--x\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\nSELECT 1'


async def _echo(request: Request) -> Response:
    try:
        with closing(await from_body(request, max_body_bytes=LIMIT, max_form_bytes=FORM_LIMIT)) as body:
            return JSONResponse(await from_query_string(request) + body.parameters)
    except VoError as error:
        return PlainTextResponse(str(error), error.status)


APP = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])


def _ask(method: str, url: str = "/", **given: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://test") as client:
            return await client.request(method, url, **given)

    return anyio.run(ask)


def _read(method: str, url: str = "/", **given: Any) -> list[tuple[str, str]]:
    answer = _ask(method, url, **given)
    assert answer.status_code == 200, answer.text
    return [tuple(pair) for pair in answer.json()]


def test_names_are_upper_case_and_values_keep_their_case() -> None:
    assert _read("GET", "/?Query=SELECT+a&lang=ADQL") == [("QUERY", "SELECT a"), ("LANG", "ADQL")]


def test_a_repeated_parameter_is_kept_each_time() -> None:
    assert _read("GET", "/?MAXREC=1&maxrec=2") == [("MAXREC", "1"), ("MAXREC", "2")]


def test_a_blank_value_is_kept() -> None:
    assert _read("GET", "/?QUERY=&RUNID") == [("QUERY", ""), ("RUNID", "")]


def test_a_semicolon_separates_nothing() -> None:
    assert _read("GET", "/?UPLOAD=a,param:b;c,param:d") == [("UPLOAD", "a,param:b;c,param:d")]


def test_a_post_has_the_parameters_of_its_url_first() -> None:
    assert _read("POST", "/?LANG=ADQL", data={"QUERY": "q"}) == [("LANG", "ADQL"), ("QUERY", "q")]


def test_a_urlencoded_body_is_utf8_with_plus_for_space() -> None:
    body = f"query={quote('SELECT Å')}+%2B+1&Runid=x".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert _read("POST", content=body, headers=headers) == [("QUERY", "SELECT Å + 1"), ("RUNID", "x")]


def test_a_multipart_body_is_read() -> None:
    files = {"query": (None, "SELECT 'Å+'"), "LANG": (None, "ADQL")}
    assert _read("POST", files=files) == [("QUERY", "SELECT 'Å+'"), ("LANG", "ADQL")]


def test_a_query_may_come_as_a_file_and_other_files_are_not_parameters() -> None:
    files = {"query": ("q.adql", b"SELECT 1"), "upload_t": ("t.vot", b"<VOTABLE/>")}
    assert _read("POST", files=files) == [("QUERY", "SELECT 1")]


def test_a_post_without_a_body_is_fine() -> None:
    assert _read("POST", "/?PHASE=RUN") == [("PHASE", "RUN")]


@pytest.mark.parametrize(
    ("content", "headers", "told"),
    [
        pytest.param(b"QUERY=%ff%fe", FORM, "UTF-8", id="not-utf8"),
        pytest.param(b"{}", {"Content-Type": "application/json"}, "application/json", id="json"),
        pytest.param(b"broken", {"Content-Type": "multipart/form-data; boundary=x"}, "multipart", id="damaged"),
        pytest.param(CUT, {"Content-Type": "multipart/form-data; boundary=x"}, "cut off", id="cut-off"),
        pytest.param(b"abc", {"Content-Type": "multipart/form-data"}, "boundary", id="no-boundary"),
        pytest.param(
            urlencode([("a", "b")] * (MAX_FIELDS + 1)).encode(),
            FORM,
            "more than 1000 parameters",
            id="too-many",
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(content: bytes, headers: dict[str, str], told: str) -> None:
    answer = _ask("POST", content=content, headers=headers)
    assert answer.status_code == 400
    assert told in answer.text


def test_a_multipart_body_over_the_limit_is_refused_with_the_limit() -> None:
    answer = _ask("POST", files={"QUERY": (None, "x" * (LIMIT + 1))})
    assert answer.status_code == 413
    assert f"{LIMIT} bytes" in answer.text


@pytest.mark.parametrize("kind", [FORM, {}, {"Content-Type": "application/json"}], ids=["form", "untold", "json"])
def test_a_body_that_cannot_carry_tables_has_a_limit_of_its_own(kind: dict[str, str]) -> None:
    answer = _ask("POST", content=b"QUERY=" + b"%41" * (FORM_LIMIT // 3), headers=kind)
    assert answer.status_code == 413
    assert f"{FORM_LIMIT} bytes" in answer.text
    multipart = _read("POST", files={"QUERY": (None, "x" * FORM_LIMIT)})
    assert multipart == [("QUERY", "x" * FORM_LIMIT)]


def test_long_parameters_are_decoded_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = set()

    def watched(text: str, **options: Any) -> list[tuple[str, str]]:
        decoded.add((len(text) > SMALL_BYTES, threading.current_thread() is threading.main_thread()))
        return parse_qsl(text, **options)

    monkeypatch.setattr(params, "parse_qsl", watched)
    n_letters = SMALL_BYTES // 3 + 1
    given = _read("POST", "/?LANG=ADQL", content=b"QUERY=" + b"%41" * n_letters, headers=FORM)
    assert given == [("LANG", "ADQL"), ("QUERY", "A" * n_letters)]
    assert decoded == {(True, False), (False, True)}


def test_a_body_over_the_limit_is_read_on_but_not_for_ever() -> None:
    n_sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal n_sent
        while True:
            n_sent += 1000
            yield b"x" * 1000

    answer = _ask("POST", content=endless(), headers=FORM)
    assert answer.status_code == 413
    assert 8 * LIMIT < n_sent < 10 * LIMIT


def test_the_first_value_that_is_not_empty_wins() -> None:
    given = (("RESPONSEFORMAT", ""), ("FORMAT", "csv"), ("FORMAT", "tsv"))
    assert first_of(given, "RESPONSEFORMAT", "FORMAT") == "csv"
    assert first_of(given, "QUERY") is None
    assert values_of(given, "FORMAT") == ["csv", "tsv"]
