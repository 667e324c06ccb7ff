"""The publishing registry: ``/oai`` (OAI-PMH 2.0; Registry Interfaces 1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.responses import Response
from starlette.routing import Route

from vo_server.errors import MissingError
from vo_server.web.deps import parameters, site

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["ROUTES"]


async def harvest(request: Request) -> Response:
    """Answer a request of a harvester; what is wrong with one is told with status 200, as the protocol has it."""
    found = site(request).registry
    if isinstance(found, MissingError):
        raise found
    given = await parameters(request)
    document = await to_thread.run_sync(found.answer, given)
    return Response(document, headers={"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "no-cache"})


ROUTES = [Route("/oai", harvest, methods=["GET", "POST"])]
