"""Records of the registry (VOResource 1.1, VODataService 1.2, VORegistry 1.0): services, tables, who publishes them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.vo import conesearch, tapregext
from vo_server.vo.uws import utc_text
from vo_server.vo.vosi import write_schema
from vo_server.vo.xml import XSI, XmlWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.model.provenance import Provenance
    from vo_server.model.record import Publisher, RecordState
    from vo_server.model.table import Catalogue, Schema, Table
    from vo_server.vo.conesearch import ConeDescription
    from vo_server.vo.tapregext import TapDescription

__all__ = [
    "Coverage",
    "Head",
    "write_authority",
    "write_organisation",
    "write_registry",
    "write_service",
    "write_table",
]

_SCHEMAS: Final = {
    "ri": ("http://www.ivoa.net/xml/RegistryInterface/v1.0", "http://www.ivoa.net/xml/RegistryInterface/v1.0"),
    "vr": ("http://www.ivoa.net/xml/VOResource/v1.0", "http://www.ivoa.net/xml/VOResource/v1.0"),
    "vs": ("http://www.ivoa.net/xml/VODataService/v1.1", "http://www.ivoa.net/xml/VODataService/v1.1"),
    "vg": ("http://www.ivoa.net/xml/VORegistry/v1.0", "http://www.ivoa.net/xml/VORegistry/v1.0"),
    "tr": ("http://www.ivoa.net/xml/TAPRegExt/v1.0", "http://www.ivoa.net/xml/TAPRegExt/v1.0"),
    "cs": (conesearch.CONE_NAMESPACE, conesearch.CONE_NAMESPACE),
}
"""Prefix, namespace and place of the schema, which the IVOA has at the address of the namespace."""

_BIBCODE: Final = re.compile(r"[12][0-9]{3}[A-Za-z0-9&.]{14}[A-Za-z.:]")
_SHORT: Final = 16
_TAP_AUXILIARY: Final = "ivo://ivoa.net/std/TAP#aux"


@dataclass(frozen=True)
class Head:
    """What every record begins with."""

    identifier: str
    title: str
    description: str
    state: RecordState
    publisher: Publisher
    short_name: str | None = None
    """Cut to the 16 characters that it may have."""
    origin: Provenance | None = None
    version: str | None = None
    types: Sequence[str] = ()
    relations: Sequence[tuple[str, str]] = ()
    """Pairs (kind of relationship, identifier of the other resource)."""


@dataclass(frozen=True)
class Coverage:
    """Where in the sky the rows of a table are."""

    moc: str
    """The coverage in the text form of MOC 2.0, coarse: whole records are read by everybody."""
    url: str
    """Where all of it is."""


def write_authority(writer: XmlWriter, head: Head) -> None:
    """Write the record of the authority, which claims the identifiers below it."""
    with _resource(writer, "vg:Authority", head, ("vg",)):
        writer.leaf("managingOrg", head.publisher.name, {"ivo-id": head.publisher.organisation_ivoid})


def write_organisation(writer: XmlWriter, head: Head) -> None:
    """Write the record of the publisher."""
    with _resource(writer, "vr:Organisation", head):
        pass


def write_registry(writer: XmlWriter, head: Head, *, url: str, max_records: int) -> None:
    """Write the record of the publishing registry itself.

    Parameters
    ----------
    writer, head
        Where to, and what it begins with.
    url
        Address of OAI-PMH.
    max_records
        Most records in one answer.
    """
    with _resource(writer, "vg:Registry", head, ("vg",)):
        with writer.element("capability", {"xsi:type": "vg:Harvest", "standardID": "ivo://ivoa.net/std/Registry"}):
            with writer.element("interface", {"xsi:type": "vg:OAIHTTP", "role": "std", "version": "1.0"}):
                writer.leaf("accessURL", url, {"use": "base"})
            writer.leaf("maxRecords", str(max_records))
        writer.leaf("full", "false")
        writer.leaf("managedAuthority", head.publisher.authority.removeprefix("ivo://"))


def write_service(
    writer: XmlWriter, head: Head, *, tap: TapDescription, catalogue: Catalogue, reserved: frozenset[str]
) -> None:
    """Write the record of the TAP service; capabilities and tables are those that it tells itself.

    Parameters
    ----------
    writer, head
        Where to, and what it begins with.
    tap
        What the service can do.
    catalogue
        What it publishes.
    reserved
        Reserved words of ADQL in upper case.
    """
    with _resource(writer, "vs:CatalogService", head, ("vs", "tr")):
        tapregext.write_capabilities(writer, tap)
        with writer.element("tableset"):
            for schema in catalogue.schemas:
                write_schema(writer, schema, reserved)


def write_table(
    writer: XmlWriter,
    head: Head,
    *,
    tap_url: str,
    cone: ConeDescription | None,
    coverage: Coverage | None,
    schema: Schema,
    table: Table,
    reserved: frozenset[str],
) -> None:
    """Write the record of a table: that TAP serves it, and its cone search where it has one.

    Parameters
    ----------
    writer, head
        Where to, and what it begins with.
    tap_url
        Address of TAP.
    cone
        Its cone search; None for a table without positions.
    coverage
        Where its rows are; None where that is not known.
    schema
        Its schema, with this table alone.
    table
        The table.
    reserved
        Reserved words of ADQL in upper case.
    """
    kind = "vs:CatalogResource" if cone is None else "vs:CatalogService"
    with _resource(writer, kind, head, ("vs",) if cone is None else ("vs", "cs")):
        origin = table.provenance
        if origin is not None and (origin.rights or origin.rights_uri):
            writer.leaf("rights", origin.rights or origin.rights_uri, {"rightsURI": origin.rights_uri})
        with (
            writer.element("capability", {"standardID": _TAP_AUXILIARY}),
            writer.element("interface", {"xsi:type": "vs:ParamHTTP", "role": "std", "version": "1.1"}),
        ):
            writer.leaf("accessURL", tap_url, {"use": "base"})
        if cone is not None:
            conesearch.write_capability(writer, cone)
        if coverage is not None:
            with writer.element("coverage"):
                writer.leaf("spatial", coverage.moc)
                writer.leaf("footprint", coverage.url, {"ivo-id": "ivo://ivoa.net/std/moc"})
        with writer.element("tableset"):
            write_schema(writer, schema, reserved)


@contextmanager
def _resource(writer: XmlWriter, kind: str, head: Head, more: Sequence[str] = ()) -> Iterator[None]:
    """Write a resource around what is written in the block, which are the elements of its own kind."""
    used = ("ri", "vr", *more)
    given: dict[str, str | None] = {f"xmlns:{prefix}": _SCHEMAS[prefix][0] for prefix in used}
    given["xmlns"] = ""  # Its children have no namespace, also inside an answer of OAI-PMH, whose own is the default.
    given["xmlns:xsi"] = XSI
    given["xsi:schemaLocation"] = " ".join(" ".join(_SCHEMAS[prefix]) for prefix in used)
    given["xsi:type"] = kind
    given["created"] = utc_text(head.state.created)
    given["updated"] = utc_text(head.state.updated)
    given["status"] = "active"
    given["version"] = "1.1"
    with writer.element("ri:Resource", given):
        writer.leaf("title", head.title)
        if head.short_name is not None:
            writer.leaf("shortName", head.short_name[:_SHORT])
        writer.leaf("identifier", head.identifier)
        doi = None if head.origin is None else _doi(head.origin.citation)
        if doi is not None:
            writer.leaf("altIdentifier", f"doi:{doi}")
        _write_curation(writer, head)
        _write_content(writer, head)
        yield


def _write_curation(writer: XmlWriter, head: Head) -> None:
    publisher, origin = head.publisher, head.origin
    with writer.element("curation"):
        writer.leaf("publisher", publisher.name, {"ivo-id": publisher.organisation_ivoid})
        for name in origin.creator if origin is not None and origin.creator else (publisher.name,):
            with writer.element("creator"):
                writer.leaf("name", name)
        for role, day in (
            ("Created", None if origin is None else origin.publication_date),
            ("Updated", None if origin is None else origin.last_update_date),
        ):
            if day is not None:
                writer.leaf("date", day if len(day) > _YEAR else f"{day}-01-01", {"role": role})
        writer.optional("version", head.version)
        with writer.element("contact"):
            writer.leaf("name", publisher.contact_name)
            writer.leaf("email", publisher.contact_email)


_YEAR: Final = 4
"""Characters of a date that is a year; the schema wants a day."""


def _write_content(writer: XmlWriter, head: Head) -> None:
    publisher, origin = head.publisher, head.origin
    with writer.element("content"):
        for subject in publisher.subjects:
            writer.leaf("subject", subject)
        writer.leaf("description", head.description)
        article = None if origin is None else origin.article
        if article is not None:
            form = "bibcode" if _BIBCODE.fullmatch(article) else "doi" if _doi(article) else None
            writer.leaf("source", article, {"format": form})
        page = None if origin is None else origin.reference_url
        writer.leaf("referenceURL", page or f"{publisher.url}/")
        for kind in head.types:
            writer.leaf("type", kind)
        writer.leaf("contentLevel", "Research")
        for kind, other in head.relations:
            with writer.element("relationship"):
                writer.leaf("relationshipType", kind)
                writer.leaf("relatedResource", other, {"ivo-id": other})


def _doi(reference: str | None) -> str | None:
    bare = (reference or "").removeprefix("https://doi.org/").removeprefix("doi:")
    return bare if bare.startswith("10.") else None
