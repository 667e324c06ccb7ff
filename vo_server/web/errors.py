"""How a failure is told over HTTP: one document per kind of route, with the status that the failure knows.

``/sync`` answers in the format that was asked for (DALI 1.2, section 5.2): an error VOTable unless text was wanted.
Cone searches have an error VOTable of their own.
Everything else answers in plain text, which browsers, curl and pyvo show as it is.
"""

from __future__ import annotations

import logging
from math import ceil
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from vo_server.adql.excerpt import excerpt
from vo_server.errors import (
    MAX_STATUS_OF_CALLER,
    AdqlError,
    AuthenticationError,
    LimitError,
    MissingError,
    ParameterError,
    Problem,
    QueryTimeoutError,
    UsageError,
    VoError,
)
from vo_server.formats.registry import find_format
from vo_server.vo.votable import error_document
from vo_server.web.challenges import add_challenges
from vo_server.web.params import Parameters, first_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from vo_server.formats.registry import OutputFormat

__all__ = [
    "ASYNC_HEADER",
    "CODE_HEADER",
    "HANDLERS",
    "answer_as_cone",
    "answer_as_links",
    "answer_in_format",
    "explain",
    "printable",
    "respond",
]

RETRY_AFTER_S: Final = 5
"""What ``Retry-After`` says to a client that came at a bad moment [s]."""

CODE_HEADER: Final = "X-VO-Error"
"""Response header with the stable name of the kind of failure, see :attr:`vo_server.errors.VoError.code`."""

ASYNC_HEADER: Final = "X-VO-Async"
"""Response header with a URL that starts a late query as a job when it is POSTed to."""

LIMIT_HEADER: Final = "X-VO-Limit"
"""Response header with the name of the limit that stands in the way; of a good answer, of the one for its rows."""

OK: Final = 200
UNAVAILABLE: Final = 503
CLIENT_CLOSED: Final = 499
WRONG_METHOD: Final = 405

_log = logging.getLogger(__name__)


def answer_in_format(request: Request) -> None:
    """Mark a request whose errors are told in the format that it asks for."""
    request.state.is_dali = True


def answer_as_cone(request: Request) -> None:
    """Mark a request whose errors are told in the document of cone searches."""
    request.state.is_cone = True


def answer_as_links(request: Request) -> None:
    """Mark a request whose errors are told in a VOTable, each with the name of its fault."""
    request.state.is_links = True


def respond(error: VoError, request: Request) -> Response:
    """Make the answer to a request that failed.

    Parameters
    ----------
    error
        What went wrong.
    request
        The request; its parameters are used when they could be read.
    """
    parameters: Parameters = getattr(request.state, "parameters", ())
    # 499 means that nobody listens any more; whoever still does was cut off by the service.
    status = UNAVAILABLE if error.status == CLIENT_CLOSED else error.status
    headers = {"Cache-Control": "no-cache"}
    headers[CODE_HEADER] = error.code
    if isinstance(error, QueryTimeoutError) and error.link is not None:
        headers[ASYNC_HEADER] = error.link
    if error.transient and status in {429, UNAVAILABLE}:
        headers["Retry-After"] = str(_retry_after_s(error))
    if isinstance(error, LimitError) and error.limit is not None:
        headers[LIMIT_HEADER] = error.limit
    response: Response
    if status > MAX_STATUS_OF_CALLER:
        _log.warning("%s", error, exc_info=error.__cause__)
    query = first_of(parameters, "QUERY")
    chosen = _votable_format(parameters) if getattr(request.state, "is_dali", False) else None
    if getattr(request.state, "is_cone", False):
        # SCS 1.03, section 2.3 has a document for errors and says nothing of the status: clients read an answer with
        # status 200 only, so what the caller did wrong has that one.
        headers["Content-Type"] = "text/xml"
        document = error_document(str(error), is_cone=True)
        response = Response(document, OK if isinstance(error, UsageError) else status, headers)
    elif getattr(request.state, "is_links", False):
        headers["Content-Type"] = "application/x-votable+xml"
        response = Response(error_document(f"{_fault(error)}: {error}"), status, headers)
    elif chosen is None:
        response = PlainTextResponse(explain(error, query) + "\n", status, headers)
    else:
        headers["Content-Type"] = chosen.content_type.partition(";")[0]  # Without a serialization: there is no table.
        response = Response(chosen.writer.write_error(error, query=query), status, headers)
    if status == AuthenticationError.status:
        add_challenges(response, request)
    return response


def _fault(error: VoError) -> str:
    """Return the kind of an error by its name in DataLink 1.1, section 3.4."""
    if isinstance(error, MissingError):
        return "NotFoundFault"
    if isinstance(error, UsageError):
        return "UsageFault"
    return "TransientFault" if error.transient else "FatalFault"


def _retry_after_s(error: VoError) -> int:
    wanted_s = error.retry_after_s if isinstance(error, LimitError) else None
    return RETRY_AFTER_S if wanted_s is None else max(1, ceil(wanted_s))


def _votable_format(parameters: Parameters) -> OutputFormat | None:
    """Return the VOTable format that a request asks for, the default where it asks for nonsense, None for text."""
    try:
        chosen = find_format(first_of(parameters, "RESPONSEFORMAT", "FORMAT") or "votable")
    except ParameterError:
        return find_format("votable")
    return chosen if "votable" in chosen.mime else None


def printable(text: str) -> str:
    """Keep a caller's text from writing control characters, or lines of its own, into an answer or a log."""
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def explain(error: VoError, query: str | None = None) -> str:
    """Write an error for people: every mistake of a query with the place it is at."""
    if not isinstance(error, AdqlError):
        return error.message if error.hint is None else f"{error.message}\nhint: {error.hint}"
    return "\n".join(_explain(problem, query or "") for problem in error.problems)


def _explain(problem: Problem, query: str) -> str:
    lines = [f"line {problem.span.line}, column {problem.span.column}: {problem.message}"]
    lines += [f"  {line}" for line in excerpt(query, problem.span).splitlines()]
    if problem.hint is not None:
        lines.append(f"hint: {problem.hint}")
    return "\n".join(lines)


async def _handle_vo_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VoError)
    return respond(error, request)


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    """Answer for the router: no such path, or no such method."""
    assert isinstance(error, HTTPException)
    path = printable(request.url.path)
    if error.status_code == MissingError.status:
        return respond(MissingError(f"there is nothing at {path}"), request)
    text = f"{request.method} is not possible at {path}" if error.status_code == WRONG_METHOD else error.detail
    return PlainTextResponse(text + "\n", error.status_code, error.headers)


HANDLERS: Final = {VoError: _handle_vo_error, HTTPException: _handle_http_exception}
"""Exception handlers of the application."""
