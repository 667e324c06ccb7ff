"""Links of rows: ``/datalink/<schema>.<table>`` (DataLink 1.1)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from vo_server.errors import ParameterError
from vo_server.services.addresses import datalink_url
from vo_server.vo.datalink import LINKS_MIME, links_document
from vo_server.web.deps import identity, limits_of, parameters, root_url, site
from vo_server.web.errors import answer_as_links
from vo_server.web.params import first_of, values_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["ROUTES"]

_READERS: Final = 4
"""Requests that read rows at once; others wait."""

_LONGEST_S: Final = 20.0
"""Time for reading the rows [s]."""

_FORMATS: Final = frozenset({"votable", "application/x-votable+xml", "text/xml"})


def _limiter(request: Request) -> CapacityLimiter:
    """Return what keeps links from taking all threads, one for each application."""
    state = request.app.state
    if not hasattr(state, "link_readers"):
        state.link_readers = CapacityLimiter(_READERS)
    found = state.link_readers
    assert isinstance(found, CapacityLimiter)
    return found


async def links(request: Request) -> Response:
    """Tell what belongs to the rows whose keys are given as ID; without any, what the service is."""
    answer_as_links(request)
    given = await parameters(request)
    wanted = first_of(given, "RESPONSEFORMAT")
    if wanted is not None and wanted.partition(";")[0].strip().replace(" ", "+").lower() not in _FORMATS:
        raise ParameterError("RESPONSEFORMAT", wanted, "votable, which is all that links are told in")
    ids = [value for value in values_of(given, "ID") if value]
    document = await to_thread.run_sync(partial(_document, request, ids), limiter=_limiter(request))
    return Response(document, headers={"Content-Type": LINKS_MIME, "Cache-Control": "no-cache"})


def _document(request: Request, ids: list[str]) -> bytes:
    here, caller, root = site(request), identity(request), root_url(request)
    name = request.path_params["name"]
    timeout_s = min(_LONGEST_S, here.sync_timeout_s, limits_of(request).sync_s)
    found = here.context.datalinks.links(name, ids, root_url=root, timeout_s=timeout_s, caller=caller)
    url = datalink_url(root, here.context.catalogue.table(name, caller))
    return links_document(found.links, url=url, left_out=found.left_out)


_BELOW = Router([Route("/{name:path}", links, methods=["GET", "POST"])], redirect_slashes=False)

ROUTES = [Mount("/datalink", _BELOW)]
