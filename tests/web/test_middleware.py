from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vo_server.errors import QueryCancelledError, TooManyError
from vo_server.web.errors import HANDLERS
from vo_server.web.middleware import FailsafeMiddleware, PreflightMiddleware, RequestMiddleware
from vo_server.web.stream import BrokenStreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


async def _fail(request: Request) -> Response:
    raise ZeroDivisionError("password=secret")


async def _busy(request: Request) -> Response:
    raise TooManyError("busy", hint="wait")


async def _cut_off(request: Request) -> Response:
    raise QueryCancelledError("stopped")


async def _break(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin"
        raise ZeroDivisionError

    return StreamingResponse(pieces())


async def _small(request: Request) -> Response:
    request.state.parameters = (("RUNID", "my\nrun"),)
    return PlainTextResponse("small")


APP = Starlette(
    routes=[
        Route("/fail", _fail),
        Route("/busy", _busy),
        Route("/cut", _cut_off),
        Route("/break", _break),
        Route("/small", _small),
    ],
    middleware=[
        Middleware(RequestMiddleware, product="vo-server/9.9"),
        Middleware(PreflightMiddleware),
        Middleware(FailsafeMiddleware),
    ],
    exception_handlers=HANDLERS,
)


def _ask(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://test") as client:
            return await client.request(method, url, headers={"Accept-Encoding": "identity", **headers})

    return anyio.run(ask)


def test_every_answer_names_the_product_and_the_request() -> None:
    answer = _ask("/small")
    assert answer.headers["Server"] == "vo-server/9.9"
    assert len(answer.headers["X-Request-ID"]) == 16
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_request_keeps_the_identifier_it_came_with_if_it_is_a_plain_one() -> None:
    assert _ask("/small", **{"X-Request-ID": "abc-1.2"}).headers["X-Request-ID"] == "abc-1.2"
    assert _ask("/small", **{"X-Request-ID": "abc def"}).headers["X-Request-ID"] != "abc def"


def test_the_access_log_has_one_line_with_the_runid_and_no_lines_of_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "vo_server.access"):
        _ask("/small")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "vo_server.access"]
    assert '"GET /small" 200 5 bytes' in line
    assert line.endswith("RUNID='my?run'")


def test_a_browser_that_asks_first_may_do_what_a_client_does() -> None:
    asked = {
        "Origin": "https://aladin.cds.unistra.fr",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-requested-with",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = _ask("/anything", "OPTIONS", **asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "POST", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-requested-with"
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


def test_the_headers_that_a_browser_asks_for_are_not_copied_when_they_are_no_names() -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "a: b"}
    assert "Access-Control-Allow-Headers" not in _ask("/small", "OPTIONS", **asked).headers


def test_options_without_cors_tell_the_methods() -> None:
    answer = _ask("/small", "OPTIONS")
    assert answer.status_code == 204
    assert "GET" in answer.headers["Allow"]
    assert "Access-Control-Allow-Methods" not in answer.headers


def test_a_mistake_of_ours_tells_the_request_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    answer = _ask("/fail", **{"X-Request-ID": "abc"})
    assert answer.status_code == 500
    assert "request abc" in answer.text
    assert "secret" not in answer.text
    assert "Zero" not in answer.text
    assert answer.headers["Server"] == "vo-server/9.9"
    (record,) = [record for record in caplog.records if record.name == "vo_server.web.middleware"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_a_mistake_in_the_middle_of_an_answer_breaks_the_connection() -> None:
    with pytest.raises(BrokenStreamError):
        _ask("/break")


@pytest.mark.parametrize(("path", "status"), [("/busy", 429), ("/cut", 503)])
def test_a_passing_failure_says_when_to_come_back(path: str, status: int) -> None:
    answer = _ask(path)
    assert answer.status_code == status
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unknown_path_and_a_wrong_method_are_told_in_plain_text() -> None:
    assert _ask("/nowhere").status_code == 404
    assert "/nowhere" in _ask("/nowhere").text
    answer = _ask("/small", "DELETE")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].replace(",", " ").split()) == {"GET", "HEAD"}
