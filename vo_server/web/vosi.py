"""What the service says of itself: ``/tap/tables``, ``/tap/capabilities``, ``/tap/availability`` and ``/health``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vo_server import __version__
from vo_server.adql.words import RESERVED
from vo_server.vo import tapregext
from vo_server.vo import vosi as documents
from vo_server.web.challenges import add_challenges
from vo_server.web.deps import identity, limits_of, parameters, site, tap_url
from vo_server.web.limits import described_for
from vo_server.web.params import first_of
from vo_server.web.tagged import tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["ROOT_ROUTES", "ROUTES", "availability"]

UNAVAILABLE = 503


async def tables(request: Request) -> Response:
    """Describe all tables (VOSI 1.1, section 3.3), or what TapPlus of astroquery asks for in the way of TAP+."""
    given = await parameters(request)
    wants_names = (first_of(given, "ONLY_TABLES") or "").lower() == "true"
    detail = "min" if wants_names else (first_of(given, "DETAIL") or "max").lower()
    name = first_of(given, "TABLES")
    # Without arguments TapPlus asks as everybody does but that it does not say who it is, and fails on columns without
    # the attribute of TAP+. Whoever gives a name, as browsers, validators and pyvo do, gets what the schema allows.
    is_nameless = "User-Agent" not in request.headers
    is_tap_plus = name is not None or first_of(given, "SHARE_ACCESSIBLE") is not None or is_nameless
    answer = await _document(request, partial(_tableset, request, detail, name, is_tap_plus=is_tap_plus))
    answer.headers.add_vary_header("User-Agent")
    return answer


async def table(request: Request) -> Response:
    """Describe one table, by its name as it is listed."""
    return await _document(request, partial(_table, request, request.path_params["name"]))


async def capabilities(request: Request) -> Response:
    """Tell what the service can do (VOSI 1.1, section 3.1)."""
    described = replace(described_for(site(request).description, limits_of(request)), base_url=tap_url(request))
    answer = await _document(request, partial(tapregext.capabilities, described))
    if identity(request).is_anonymous:
        add_challenges(answer, request)  # here clients look for the ways to log in (SSO 2.0 draft)
    return answer


async def availability(request: Request) -> Response:
    """Tell whether queries are answered (VOSI 1.1, section 3.2); from memory, however busy the service is."""
    health = site(request).health.latest
    document = documents.availability(is_available=health.is_available, up_since=health.up_since, notes=health.problems)
    return Response(document, headers={"Content-Type": "text/xml", "Cache-Control": "no-cache"})


async def health(request: Request) -> Response:
    """Tell a load balancer or an operator how this process is."""
    here = site(request)
    found = here.health.latest
    told = {
        "status": "ok" if found.is_available else "unavailable",
        "problems": found.problems,
        "version": __version__,
        "engine": here.context.engine.name,
        "uptime_s": round((datetime.now(UTC) - found.up_since).total_seconds()),
        "running_queries": here.gate.n_running,
    }
    return JSONResponse(told, 200 if found.is_available else UNAVAILABLE, {"Cache-Control": "no-cache"})


def _tableset(request: Request, detail: str, name: str | None, *, is_tap_plus: bool) -> bytes:
    found, caller = site(request).context.catalogue, identity(request)
    catalogue = found.load(caller)
    if name is not None:
        table = found.table(name, caller)
        schemas = [replace(one, tables=(table,)) for one in catalogue.schemas if one.name == table.schema]
        catalogue = replace(catalogue, schemas=tuple(schemas))
    return documents.tableset(catalogue, detail, reserved=RESERVED, is_tap_plus=is_tap_plus)


def _table(request: Request, name: str) -> bytes:
    return documents.table(site(request).context.catalogue.table(name, identity(request)), reserved=RESERVED)


async def _document(request: Request, make: Callable[[], bytes]) -> Response:
    """Send a document that takes a while to make."""
    return tagged(request, await to_thread.run_sync(make), "text/xml")


ROUTES = [
    Route("/tables", tables),
    Route("/tables/{name:path}", table),
    Route("/capabilities", capabilities),
    Route("/availability", availability),
]

ROOT_ROUTES = [Route("/health", health)]
