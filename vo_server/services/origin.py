"""What an answer says of where its rows come from: the INFO and LINK elements of the note *Data Origin in the VO*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from vo_server.model.provenance import Link
from vo_server.model.query import Note
from vo_server.services.addresses import moc_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vo_server.model.query import Query
    from vo_server.model.table import Catalogue, Table

__all__ = ["TAP_STANDARD_ID", "links_of_answer", "links_of_table", "origin_of_answer", "origin_of_table", "sync_url"]

TAP_STANDARD_ID: Final = "ivo://ivoa.net/std/TAP"

_LONGEST_URL: Final = 4000
"""Characters of a URL that can be used again; longer ones are cut to the address."""

_BIBLIOGRAPHIC: Final = frozenset({"citation", "article"})


def sync_url(tap_url: str, query: Query) -> str:
    """Return the URL that asks for the same answer again, or that of the service where it would be too long.

    Tables that came in the body of the request cannot be named in a URL.
    """
    if any(upload.label is not None for upload in query.uploads):
        return f"{tap_url}/sync"
    given = {
        "LANG": str(query.lang),
        "RESPONSEFORMAT": query.response_format,
        "MAXREC": query.maxrec,
        "UPLOAD": ";".join(f"{upload.name},{upload.uri}" for upload in query.uploads) or None,
        "QUERY": query.adql,
    }
    url = f"{tap_url}/sync?{urlencode({name: value for name, value in given.items() if value is not None})}"
    return url if len(url) <= _LONGEST_URL else f"{tap_url}/sync"


def origin_of_answer(query: Query, request_url: str | None) -> list[Note]:
    """Return what identifies the request."""
    told = [Note("query", query.adql)]
    return told if request_url is None else [Note("request", request_url), *told]


def origin_of_table(table: Table) -> list[Note]:
    """Return what is known of the origin of a table; the text of each element names the table.

    The note has no name for the release of a service, whose data may have a version of their own: it is told beside.
    """
    origin = table.provenance
    if origin is None:
        known: list[tuple[str, str | None]] = [("resource_version", table.release)]
    else:
        known = [
            ("data_ivoid", origin.data_ivoid),
            *(("creator", name) for name in origin.creator),
            ("citation", origin.citation),
            ("article", origin.article),
            ("reference_url", origin.reference_url),
            ("rights", origin.rights),
            ("rights_uri", origin.rights_uri),
            ("resource_version", origin.resource_version or table.release),
            ("publication_date", origin.publication_date),
            ("last_update_date", origin.last_update_date),
        ]
    known.append(("TABLE_RELEASE", table.release))
    return [Note(name, value, table.full_name, _ucd(name, value)) for name, value in known if value is not None]


def links_of_table(table: Table) -> list[Link]:
    """Return where more is found about a table: its page first, then what its description lists."""
    origin = table.provenance
    if origin is None:
        return []
    if origin.reference_url is None:
        return list(origin.links)
    return [Link(origin.reference_url, table.title or table.full_name, content_role="doc"), *origin.links]


def links_of_answer(tables: Iterable[Table], catalogue: Catalogue, root_url: str | None) -> Iterator[Link]:
    """Yield where more is found about the tables of an answer, their coverage among it.

    Parameters
    ----------
    tables
        The tables that the query reads.
    catalogue
        What is published.
    root_url
        URL of the service; None when it is not known: then there are no links into it.
    """
    for table in tables:
        yield from links_of_table(table)
        if root_url is not None and catalogue.footprints.has_coverage(table):
            told = f"Coverage of {table.full_name} (MOC)"
            yield Link(moc_url(root_url, table), told, content_type="application/fits")


def _ucd(name: str, value: str) -> str | None:
    """Return the UCD of a bibliographic value."""
    if name not in _BIBLIOGRAPHIC:
        return None
    return "meta.bib" if value.startswith(("10.", "doi:", "https://", "http://")) else "meta.bib.bibcode"
