"""Cone searches: ``/scs/<schema>.<table>``, and what each says of itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from vo_server.formats.registry import find_format
from vo_server.services.addresses import cone_url
from vo_server.services.cone_parameters import MAX_RADIUS_DEG, to_cone
from vo_server.vo.conesearch import ConeDescription, capabilities
from vo_server.web.deps import identity, limits_of, parameters, rest_of, root_url, site
from vo_server.web.errors import answer_as_cone
from vo_server.web.sources import ResultSource
from vo_server.web.stream import StreamedResponse
from vo_server.web.vosi import availability

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["ROUTES"]


async def search(request: Request) -> Response:
    """Search a table around a place and stream the rows (SCS 1.03, section 2)."""
    answer_as_cone(request)
    here, allowed = site(request), limits_of(request)
    cone = to_cone(await parameters(request))
    chosen = find_format(cone.response_format)
    source = ResultSource(
        partial(
            here.context.cones.run,
            request.path_params["name"],
            cone,
            timeout_s=min(here.sync_timeout_s, allowed.sync_s),
            rest=rest_of(request),
            request_url=str(request.url) if request.method == "GET" else None,
            root_url=root_url(request),
            caller=identity(request),
        ),
        chosen.writer.write,
        is_failure_told="votable" in chosen.mime,
    )
    headers = {
        "Content-Type": chosen.content_type,
        "Content-Disposition": f'inline; filename="cone.{chosen.writer.extension}"',
        "Cache-Control": "no-cache",
    }
    return StreamedResponse(source, headers=headers, gate=here.gate, most=allowed.sync_queries, budget=here.budget)


async def describe(request: Request) -> Response:
    """Tell what the search of one table can do (VOSI 1.1, section 3.1)."""
    document = await to_thread.run_sync(_capabilities, request)
    return Response(document, headers={"Content-Type": "text/xml", "Cache-Control": "no-cache"})


def _capabilities(request: Request) -> bytes:
    cones, caller = site(request).context.cones, identity(request)
    table = cones.table(request.path_params["name"], caller)
    return capabilities(
        ConeDescription(
            url=cone_url(root_url(request), table),
            description=table.title or table.description,
            max_radius_deg=MAX_RADIUS_DEG,
            max_rows=limits_of(request).rows,
            example=cones.place(table, caller),
        )
    )


_BELOW = Router(
    [
        Route("/{name:path}/capabilities", describe),
        Route("/{name:path}/availability", availability),
        Route("/{name:path}", search, methods=["GET", "POST"]),
    ],
    redirect_slashes=False,
)

ROUTES = [Mount("/scs", _BELOW)]
