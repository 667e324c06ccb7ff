"""What a handler needs to know: the services, the settings of the web, and the URL under which it is reached."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from vo_server.access.clients import client_key
from vo_server.errors import MissingError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.truncation import Rest
from vo_server.web.params import Body, Parameters, first_of, from_body, from_query_string

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

    from vo_server.factory import ProcessContext
    from vo_server.model.limits import CallerLimits
    from vo_server.services.harvest import HarvestService
    from vo_server.services.uploads import Parts
    from vo_server.vo.tapregext import TapDescription
    from vo_server.web.budget import ByteBudget
    from vo_server.web.gate import Gate
    from vo_server.web.health import HealthWatch

__all__ = [
    "Site",
    "client_of",
    "identity",
    "limits_of",
    "parameters",
    "parameters_and_files",
    "parts_of",
    "rest_of",
    "root_url",
    "site",
    "tap_url",
]


@dataclass(frozen=True)
class Site:
    """All that is behind the routes of one process."""

    context: ProcessContext
    gate: Gate
    """What synchronous queries pass."""
    budget: ByteBudget
    """What the answers to them may hold together."""
    health: HealthWatch
    description: TapDescription
    """What the service says of itself, still without its URL."""
    public_url: str | None
    """URL of the service without a trailing slash; None to make it from each request."""
    max_body_bytes: int
    max_form_bytes: int
    """Largest body that is not multipart."""
    sync_timeout_s: float
    title: str
    contact: str | None = None
    registry: HarvestService | MissingError = field(
        default_factory=lambda: MissingError("this service has no records for the VO registry")
    )
    """What answers harvesters, or why nothing does."""


def site(request: Request) -> Site:
    """Return the site that a request came to."""
    found = request.app.state.site
    assert isinstance(found, Site)
    return found


def identity(request: Request) -> Identity:
    """Return who asks; what checked the credentials has put it into the state of the request."""
    found = getattr(request.state, "identity", ANONYMOUS)
    assert isinstance(found, Identity)
    return found


def limits_of(request: Request) -> CallerLimits:
    """Return what the caller may use."""
    return site(request).context.limits.of(identity(request))


def client_of(scope: Scope) -> str:
    """Return for whom a request counts."""
    address = scope.get("client")
    return client_key(scope.get("state", {}).get("identity", ANONYMOUS), str(address[0]) if address else None)


def root_url(request: Request) -> str:
    """Return the URL of the service as clients know it, without a trailing slash.

    The configured one, or else the one of the request; behind a proxy uvicorn has put that right from the
    X-Forwarded headers if it trusts the proxy.
    """
    return site(request).public_url or str(request.base_url).rstrip("/")


def tap_url(request: Request) -> str:
    """Return the base URL of TAP."""
    return f"{root_url(request)}/tap"


def rest_of(request: Request) -> Rest:
    """Return where a caller gets what an answer leaves out: jobs, unless the store is read-only and has none."""
    has_jobs = not site(request).context.store.database.is_read_only
    return Rest(async_url=f"{tap_url(request)}/async" if has_jobs else None)


async def parameters(request: Request) -> Parameters:
    """Read the parameters of a request, without files; the access log and error documents see them too."""
    given = await parameters_and_files(request)
    given.close()
    return given.parameters


async def parameters_and_files(request: Request) -> Body:
    """Read the parameters of a request and the files in its body; the caller closes it."""
    here = site(request)
    request.state.parameters = in_url = await from_query_string(request)
    most_bytes = min(here.max_body_bytes, limits_of(request).upload_bytes + here.max_form_bytes)
    body = await from_body(request, max_body_bytes=most_bytes, max_form_bytes=here.max_form_bytes)
    request.state.parameters = given = in_url + body.parameters
    return replace(body, parameters=given)


def parts_of(body: Body) -> Parts:
    """Return where inline uploads are: the files of a body, or its parameters for those that are no files."""

    def part(label: str) -> AbstractContextManager[BinaryIO] | None:
        file, text = body.file(label), first_of(body.parameters, label.upper())
        if file is not None:
            return nullcontext(file)  # two tables may be made of it
        return None if text is None else BytesIO(text.encode())

    return part
