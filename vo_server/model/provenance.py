"""Where the rows of a table come from, and how to cite them (IVOA note *Data Origin in the VO*)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Link", "Provenance"]


@dataclass(frozen=True)
class Link:
    """A LINK element of a table: where more about it is found (VOTable 1.4, section 3.5)."""

    href: str
    title: str | None = None
    content_role: str | None = None
    """``doc`` for something to read; None for data."""
    content_type: str | None = None
    """Media type."""


@dataclass(frozen=True)
class Provenance:
    """What is told of a table with every answer that uses it; the names are those of the note."""

    data_ivoid: str | None = None
    """IVOA identifier of the resource, ``ivo://...``."""
    creator: tuple[str, ...] = ()
    """Who made the data, first author first."""
    citation: str | None = None
    """What to cite: a DOI, a bibcode or a URL."""
    article: str | None = None
    """The paper that describes the data: a DOI or a bibcode."""
    reference_url: str | None = None
    """Page of the data set."""
    rights: str | None = None
    """Licence in words."""
    rights_uri: str | None = None
    """Licence as a URI, e.g. that of SPDX or Creative Commons."""
    resource_version: str | None = None
    """Version of the data set as its makers count; the release of the service when not given."""
    publication_date: str | None = None
    """ISO 8601 date, or a year."""
    last_update_date: str | None = None
    """ISO 8601 date, or a year."""
    links: tuple[Link, ...] = ()
    """More to read or to fetch."""
