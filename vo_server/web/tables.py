"""Tables of users over HTTP: what ``PUT``, ``POST`` and ``DELETE`` do below ``/tap``.

The paths are those of CADC's youcat, which pyvo's ``create_table``, ``load_table``, ``remove_table`` and
``create_index`` speak to.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from vo_server.adql.words import RESERVED
from vo_server.errors import ConfigurationError, ParameterError, UsageError, VoError
from vo_server.services.parameters import to_time
from vo_server.vo import vosi as documents
from vo_server.vo.uws import utc_text
from vo_server.web.bodies import spooled_body
from vo_server.web.deps import client_of, identity, parameters, site, tap_url
from vo_server.web.params import drain, first_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from vo_server.load.summary import LoadSummary
    from vo_server.model.user_table import UserTable
    from vo_server.services.user_tables import UserTableService

__all__ = ["ROUTES"]

T = TypeVar("T")

_CREATED: Final = 201
_NO_CONTENT: Final = 204
_SEE_OTHER: Final = 303
_NO_CACHE: Final = {"Cache-Control": "no-cache"}

_BODY: Final = "the request body"

_MAX_JSON_BYTES: Final = 1024 * 1024

_LOADERS: Final = 2
"""Loads at once in one process: each of them sorts, and queries shall not wait for them."""


async def create(request: Request) -> Response:
    """Make a table from the description or the table in the body."""
    caller, name, tables = identity(request), _name(request), _tables(request)
    await _checked(request, partial(tables.require_new, caller, name))
    async with spooled_body(request, max_bytes=tables.limits.max_body_bytes) as file:
        summary = await _loaded(request, partial(tables.create, caller, name, file, shown_as=_BODY))
    full_name = summary.release.table.full_name
    document = await to_thread.run_sync(_document, request, full_name)
    headers = {"Location": f"{tap_url(request)}/tables/{full_name}", **_told(summary), **_NO_CACHE}
    return Response(document, _CREATED, {"Content-Type": "text/xml", **headers})


async def load(request: Request) -> Response:
    """Add the rows in the body to a table."""
    caller, name, tables = identity(request), _name(request), _tables(request)
    await _checked(request, partial(tables.own, caller, name))
    async with spooled_body(request, max_bytes=tables.limits.max_body_bytes) as file:
        summary = await _loaded(request, partial(tables.append, caller, name, file, shown_as=_BODY))
    return Response(status_code=_NO_CONTENT, headers={**_told(summary), **_NO_CACHE})


async def remove(request: Request) -> Response:
    """Remove a table."""
    await _loaded(request, partial(_tables(request).drop, identity(request), _name(request)))
    return Response(status_code=_NO_CONTENT, headers=_NO_CACHE)


async def mine(request: Request) -> Response:
    """List the caller's tables, what they take, and what they may take."""
    caller, tables = identity(request), _tables(request)
    found = await to_thread.run_sync(tables.list, caller)
    use = await to_thread.run_sync(tables.use, caller)
    quota = tables.limits.quota
    told = {
        "tables": [_facts(one) for one in found],
        "use": {"tables": use.n_tables, "rows": use.n_rows, "bytes": use.size_bytes},
        "quota": {"tables": quota.max_tables, "rows": quota.max_rows, "bytes": quota.max_bytes},
    }
    return JSONResponse(told, headers=_NO_CACHE)


async def show(request: Request) -> Response:
    """Tell whose a table is, who sees it, and until when it is kept; only its owner is told."""
    kept = await to_thread.run_sync(_tables(request).own, identity(request), _name(request))
    return JSONResponse(_facts(kept), headers=_NO_CACHE)


async def share(request: Request) -> Response:
    """Set who sees a table."""
    caller, name, tables = identity(request), _name(request), _tables(request)
    await to_thread.run_sync(tables.own, caller, name)
    async with spooled_body(request, max_bytes=_MAX_JSON_BYTES) as file:
        wanted = await to_thread.run_sync(_sharing, file)
    kept = await to_thread.run_sync(partial(tables.share, caller, name, **wanted))
    return JSONResponse(_facts(kept), headers=_NO_CACHE)


async def keep(request: Request) -> Response:
    """Set when a table is removed; the service may settle on an earlier time."""
    expires = to_time(first_of(await parameters(request), "EXPIRES") or "", "EXPIRES")
    kept = await to_thread.run_sync(_tables(request).keep_until, identity(request), _name(request), expires)
    return JSONResponse(_facts(kept), headers=_NO_CACHE)


async def update(request: Request) -> Response:
    """Make the job that gives a table an index; like any other, it waits for PHASE=RUN."""
    given = await parameters(request)
    caller, tables = identity(request), _tables(request)
    name, column = first_of(given, "TABLE"), first_of(given, "INDEX")
    if name is None:
        raise ParameterError("TABLE", None, "the name of one of your tables")
    if column is None:
        raise ParameterError("INDEX", None, "the name of a column")
    await to_thread.run_sync(tables.own, caller, name)
    make = partial(site(request).context.jobs.create, owner=caller.name, client=client_of(request.scope))
    job = await to_thread.run_sync(make, (("REQUEST", "table-update"), *given))
    return RedirectResponse(f"{tap_url(request)}/async/{job.id}", _SEE_OTHER)


async def _checked(request: Request, check: Callable[[], object]) -> None:
    """Refuse a request for what its head says, but read its body on, so that the client listens to the answer."""
    try:
        await to_thread.run_sync(check)
    except VoError:
        await drain(request, max_bytes=site(request).max_body_bytes)
        raise


async def _loaded(request: Request, work: Callable[[], T]) -> T:
    """Do what takes a while, a few at a time."""
    state = request.app.state
    if not hasattr(state, "table_loaders"):
        state.table_loaders = CapacityLimiter(_LOADERS)
    return await to_thread.run_sync(work, limiter=state.table_loaders)


def _document(request: Request, full_name: str) -> bytes:
    table = site(request).context.catalogue.table(full_name, identity(request))
    return documents.table(table, reserved=RESERVED)


def _tables(request: Request) -> UserTableService:
    found = site(request).context.user_tables
    if site(request).context.store.database.is_read_only:
        raise ConfigurationError("the database of this service is read-only: it keeps no tables of users")
    return found


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _sharing(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_bytes())
        is_public, users = given.get("public", False), given.get("users", [])
    except (ValueError, AttributeError, RecursionError):
        is_public, users = None, None
    are_users = isinstance(users, list) and all(isinstance(one, str) for one in users)
    if not isinstance(is_public, bool) or not are_users or given.keys() - {"public", "users"}:
        raise UsageError(
            "the body does not say who is to see the table",
            hint='send JSON such as {"public": false, "users": ["rita"]}',
        )
    return {"is_public": is_public, "readers": users}


def _facts(kept: UserTable) -> dict[str, Any]:
    return {
        "name": kept.full_name,
        "owner": kept.owner,
        "rows": kept.n_rows,
        "bytes": kept.size_bytes,
        "created": utc_text(kept.created),
        "expires": utc_text(kept.expires),
        "public": kept.is_public,
        "users": sorted(kept.readers),
        "unique": list(kept.unique),
    }


def _told(summary: LoadSummary) -> dict[str, str]:
    return {"X-VO-Rows": str(summary.n_rows)}


ROUTES = [
    Route("/tables/{name}/share", show, methods=["GET"]),
    Route("/tables/{name}/share", share, methods=["PUT"]),
    Route("/tables/{name}/expiry", keep, methods=["POST"]),
    Route("/tables/{name:path}", create, methods=["PUT"]),
    Route("/tables/{name:path}", remove, methods=["DELETE"]),
    Route("/load/{name:path}", load, methods=["POST"]),
    Route("/table-update", update, methods=["POST"]),
    Route("/user-tables", mine, methods=["GET"]),
]
