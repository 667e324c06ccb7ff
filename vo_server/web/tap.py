"""Synchronous queries: ``/tap/sync``."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from vo_server.errors import UsageError
from vo_server.formats.accept import preferred_format
from vo_server.formats.registry import find_format
from vo_server.services.origin import sync_url
from vo_server.services.parameters import to_query
from vo_server.web.deps import identity, limits_of, parameters_and_files, parts_of, rest_of, root_url, site, tap_url
from vo_server.web.errors import answer_in_format
from vo_server.web.params import first_of
from vo_server.web.sources import ResultSource
from vo_server.web.stream import StreamedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from vo_server.model.query import Query, QueryResult
    from vo_server.model.upload import UploadedTable
    from vo_server.services.query import QueryService

__all__ = ["ROUTES"]


async def sync(request: Request) -> Response:
    """Run a query and stream its rows (TAP 1.1, section 2.1)."""
    answer_in_format(request)
    here, allowed = site(request), limits_of(request)
    body = await parameters_and_files(request)
    try:
        query = to_query(body.parameters)
        if first_of(body.parameters, "RESPONSEFORMAT", "FORMAT") is None:
            chosen = preferred_format(request.headers.get("Accept"))
            query = replace(query, response_format=chosen.name)
        else:
            chosen = find_format(query.response_format)
        if query.save_as is not None and request.method == "GET":
            raise UsageError("SAVE_AS makes a table, which a GET must not", hint="send the same as a POST")
        # Before a place is taken: a slow address elsewhere shall keep none, nor one who waits for memory.
        uploads = here.context.uploads
        gathered = await uploads.gather_apart(query.uploads, parts_of(body), caller=identity(request))
    finally:
        body.close()
    source = ResultSource(
        partial(
            _run,
            here.context.queries,
            query,
            cache(gathered.read),
            timeout_s=min(here.sync_timeout_s, allowed.sync_s),
            rest=rest_of(request),
            request_url=sync_url(tap_url(request), query),
            root_url=root_url(request),
            caller=identity(request),
        ),
        chosen.writer.write,
        is_failure_told="votable" in chosen.mime,
        release=gathered.close,
    )
    headers = {
        "Content-Type": chosen.content_type,
        "Content-Disposition": f'inline; filename="result.{chosen.writer.extension}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    return StreamedResponse(source, headers=headers, gate=here.gate, most=allowed.sync_queries, budget=here.budget)


def _run(
    queries: QueryService, query: Query, read: Callable[[], Sequence[UploadedTable]], **options: Any
) -> QueryResult:
    return queries.run(query, uploads=read(), **options)


ROUTES = [Route("/sync", sync, methods=["GET", "POST"])]
