"""The first page, at ``/`` and at ``/tap``: what the service is, how to use it, which tables it has."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from vo_server import __version__
from vo_server.services.addresses import cone_url
from vo_server.services.cone_query import is_searchable
from vo_server.store.tap_schema import published_name
from vo_server.web.deps import root_url, site, tap_url

if TYPE_CHECKING:
    from starlette.requests import Request

    from vo_server.model.table import Catalogue, Table

__all__ = ["ROUTES"]

TEMPLATE: Final = "landing.html"

_FALLBACK: Final = "TAP_SCHEMA.tables"
"""Table of the example queries when nothing is published."""


async def landing(request: Request) -> Response:
    """Show the first page."""
    return HTMLResponse(await to_thread.run_sync(_page, request))


def _page(request: Request) -> str:
    here = site(request)
    catalogue = here.context.catalogue.load()
    published = _published(catalogue)
    template = Template(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(here.title),
        tap_url=escape(tap_url(request)),
        example=escape(published_name(published[0]) if published else _FALLBACK),
        cone=_cone(request, published),
        tables="\n".join(_row(table) for table in published)
        or '<tr><td colspan="3">Nothing is published yet.</td></tr>',
        contact="" if here.contact is None else f"Contact: {escape(here.contact)}.",
        version=escape(__version__),
    )


def _published(catalogue: Catalogue) -> list[Table]:
    """Return the tables with rows of their own, without those that the service makes of itself."""
    return [table for table in catalogue.tables if table.location is not None]


def _cone(request: Request, published: list[Table]) -> str:
    """Return an example of a cone search; nothing where no table has positions."""
    table = next((one for one in published if is_searchable(one)), None)
    if table is None:
        return ""
    url = f"{cone_url(root_url(request), table)}?RA=10.684&DEC=41.269&SR=0.1"
    return f"<p>Rows around a place, by cone search:</p>\n<pre>curl '{escape(url)}'</pre>"


def _row(table: Table) -> str:
    n_rows = "" if table.n_rows is None else f"{table.n_rows:,}".replace(",", "&#8239;")
    told = table.description or table.title or ""
    return (
        f'<tr><td><code>{escape(published_name(table))}</code></td><td class="number">{n_rows}</td>'
        f"<td>{escape(told)}</td></tr>"
    )


ROUTES = [Route("/", landing), Route("/tap", landing), Route("/tap/", landing)]
