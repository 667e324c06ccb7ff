"""What a query would cost: ``/tap/estimate``, which takes the parameters of ``/tap/sync``, and the same of a job."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.routing import Route

from vo_server.formats.estimate import as_json, as_result, as_text
from vo_server.formats.registry import find_format
from vo_server.services.parameters import to_query
from vo_server.web.deps import Site, identity, limits_of, parameters, parameters_and_files, parts_of, site
from vo_server.web.errors import answer_in_format
from vo_server.web.params import Parameters, first_of
from vo_server.web.uws import job_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from vo_server.model.estimate import Estimate
    from vo_server.model.identity import Identity
    from vo_server.model.query import Query
    from vo_server.services.uploads import Gathered

__all__ = ["ROUTES"]

_TEXTS: Final = frozenset({"text", "txt", "text/plain"})
_ANSWERED_AS: Final = (
    ("application/json", "json"),
    ("text/plain", "text"),
    ("text/html", "html"),
    ("application/x-votable+xml", "votable"),
    ("text/xml", "votable/td"),
)
"""Media types that an Accept header may name, and the format that they lead to."""

_PLANNERS: Final = 4
"""Estimates that are made at once; others wait."""


def _limiter(request: Request) -> CapacityLimiter:
    """Return what keeps estimates from taking all threads, one for each application."""
    state = request.app.state
    if not hasattr(state, "planners"):
        state.planners = CapacityLimiter(_PLANNERS)
    found = state.planners
    assert isinstance(found, CapacityLimiter)
    return found


async def estimate(request: Request) -> Response:
    """Tell what a query would cost, as JSON unless another format is asked for."""
    body = await parameters_and_files(request)
    try:
        name = _format_name(request, body.parameters)
        query, here = to_query(body.parameters), site(request)
        uploads, caller = here.context.uploads, identity(request)
        gathered = await uploads.gather_apart(query.uploads, parts_of(body), caller=caller)
    finally:
        body.close()
    timeout_s = min(here.sync_timeout_s, limits_of(request).sync_s)
    make = partial(_estimate, here, query, gathered, caller, timeout_s=timeout_s)
    with closing(gathered):
        return await _answer(request, make, name)


async def estimate_of_job(request: Request) -> Response:
    """Tell what the query of a job costs, with the time that the job may take; it may be asked before it is run."""
    name = _format_name(request, await parameters(request))
    return await _answer(request, partial(_estimate_job, site(request), job_id_of(request), identity(request)), name)


async def _answer(request: Request, make: Callable[[], Estimate], name: str) -> Response:
    made = await to_thread.run_sync(make, limiter=_limiter(request))
    content, content_type = await to_thread.run_sync(_document, made, name)
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(content, headers=headers)


def _estimate(here: Site, query: Query, gathered: Gathered, caller: Identity, *, timeout_s: float) -> Estimate:
    return here.context.queries.estimate(query, timeout_s=timeout_s, uploads=gathered.read(), caller=caller)


def _estimate_job(here: Site, job_id: str, caller: Identity) -> Estimate:
    here.context.jobs.authorize(job_id, caller)
    return here.context.job_estimates.make(job_id, caller)


def _format_name(request: Request, given: Parameters) -> str:
    """Return the format that is asked for, and have errors told in it."""
    wanted = first_of(given, "RESPONSEFORMAT", "FORMAT")
    name = _accepted(request.headers.get("Accept")) if wanted is None else wanted.strip().lower()
    if name not in _TEXTS and "votable" in find_format(name).mime:
        answer_in_format(request)
    return name


def _document(made: Estimate, name: str) -> tuple[bytes, str]:
    if name in _TEXTS:
        return as_text(made), "text/plain; charset=utf-8"
    chosen = find_format(name)
    if chosen.name == "json":
        return as_json(made), chosen.content_type
    return b"".join(chosen.writer.write(as_result(made))), chosen.content_type


def _accepted(accept: str | None) -> str:
    """Return the format that is named first in an Accept header; JSON where none is."""
    named = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    return next((name for one in named for media_type, name in _ANSWERED_AS if one == media_type), "json")


ROUTES = [
    Route("/estimate", estimate, methods=["GET", "POST"]),
    Route("/async/{job_id}/estimate", estimate_of_job, methods=["GET"]),
]
