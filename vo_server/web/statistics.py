"""What is known of the rows of tables: ``/api/statistics/NAME`` as JSON, and ``/moc/NAME``, the coverage."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vo_server.errors import ParameterError
from vo_server.model.statistics import PERCENTILES, ColumnStatistics
from vo_server.services.addresses import moc_url
from vo_server.sky.moc import MOC_WRITERS
from vo_server.store.tap_schema import published_name
from vo_server.web.deps import identity, parameters, root_url, site
from vo_server.web.params import first_of
from vo_server.web.tagged import digest_of, unchanged

if TYPE_CHECKING:
    from starlette.requests import Request

    from vo_server.model.table import Table

__all__ = ["ROUTES"]

_MAP_CELLS: Final = 12 * 4**4
"""Cells of the map in JSON, for a picture of the sky; the coverage has all."""

_CONTENT_TYPES: Final = {"fits": "application/fits", "json": "application/json", "text": "text/plain; charset=utf-8"}
_EXTENSIONS: Final = {"fits": "fits", "json": "json", "text": "txt"}
_MEDIA_TYPES: Final = {
    "application/fits": "fits",
    "image/fits": "fits",
    "application/json": "json",
    "text/plain": "text",
}


async def moc(request: Request) -> Response:
    """Send the coverage of a table as FITS, JSON or text."""
    given = await parameters(request)
    name = _format(first_of(given, "FORMAT", "RESPONSEFORMAT"), request.headers.get("accept", ""))
    table = await to_thread.run_sync(_table, request)
    counts = await to_thread.run_sync(site(request).context.catalogue.sky, table)
    # Of what is sent, not of where it is kept: a release that was dropped may be loaded again to the same place.
    digest = digest_of(f"{counts.order} {name} ".encode() + counts.cells.tobytes())
    headers = {"ETag": f'"{digest}"', "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}
    known = unchanged(request, headers)
    if known is not None:
        return known
    content = await to_thread.run_sync(MOC_WRITERS[name], counts)
    file = re.sub(r"[^A-Za-z0-9._-]", "_", f"{table.full_name}.moc.{_EXTENSIONS[name]}")
    headers |= {
        "Content-Type": _CONTENT_TYPES[name],
        "Content-Disposition": f'inline; filename="{file}"',
    }
    return Response(content, headers=headers)


async def statistics(request: Request) -> Response:
    """Tell the statistics of a table as JSON."""
    table = await to_thread.run_sync(_table, request)
    told = await to_thread.run_sync(partial(_told, request, table))
    return JSONResponse(told, headers={"Cache-Control": "no-cache", "Vary": "Authorization"})


def _table(request: Request) -> Table:
    return site(request).context.catalogue.table(request.path_params["name"], identity(request))


def _format(wanted: str | None, accept: str) -> str:
    """Return the format that a client asks for, in words or else by its Accept header."""
    if wanted:
        folded = wanted.strip().lower()
        name = _MEDIA_TYPES.get(folded, folded)
        if name not in MOC_WRITERS:
            raise ParameterError("format", wanted, f"one of {', '.join(MOC_WRITERS)}")
        return name
    ranges = [element.partition(";")[0].strip().lower() for element in accept.split(",")]
    return next((_MEDIA_TYPES[one] for one in ranges if one in _MEDIA_TYPES), "fits")


def _told(request: Request, table: Table) -> dict[str, Any]:
    catalogue = site(request).context.catalogue
    found = catalogue.statistics(table)
    told: dict[str, Any] = {
        "table": published_name(table),
        "release": table.release,
        "rows": found.n_rows,
        "sampled": found.n_sampled,
        "coverage": None,
        "columns": [_column(one) for one in found.columns],
    }
    if found.n_cells:
        seen = catalogue.sky(table).at_most(_MAP_CELLS)
        told["coverage"] = {
            "order": found.coverage_order,
            "cells": found.n_cells,
            "area_deg2": found.area_deg2,
            "moc": moc_url(root_url(request), table),
            "map": {"order": seen.order, "cells": seen.cells.tolist(), "counts": seen.counts.tolist()},
        }
    return told


def _column(found: ColumnStatistics) -> dict[str, Any]:
    top, histogram = found.top, found.histogram
    return {
        "name": found.name,
        "nulls": found.n_null,
        "values": found.n_values,
        "not_finite": found.n_not_finite,
        "minimum": found.minimum,
        "maximum": found.maximum,
        "mean": found.mean,
        "deviation": found.deviation,
        "percentiles": dict(zip(map(str, PERCENTILES), found.percentiles, strict=False)),
        "distinct": None if found.n_distinct is None else {"count": found.n_distinct, "exact": found.is_distinct_exact},
        "top": None if top is None else {"values": top.values, "counts": top.counts, "exact": top.is_exact},
        "histogram": None
        if histogram is None
        else {"edges": histogram.edges, "counts": histogram.counts, "exact": histogram.is_exact},
    }


ROUTES = [Route("/api/statistics/{name:path}", statistics), Route("/moc/{name:path}", moc)]
