"""Documents of DataLink 1.1: the table of links, and descriptors of services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.model.datalink import DATALINK_ID
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import Note
from vo_server.model.table import Column
from vo_server.vo.votable import MIME, Serialization, Status, field_ids, head, tail
from vo_server.vo.xml import attributes, escape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vo_server.model.datalink import Link, ServiceDescriptor

__all__ = ["LINKS_MIME", "links_document", "service_descriptors"]

LINKS_MIME: Final = f"{MIME};content=datalink"
"""Media type of a links table (DataLink 1.1, section 3.1)."""

_TEXT: Final = DataType(Primitive.CHAR, "*")
_UNICODE: Final = DataType(Primitive.UNICODE_CHAR, "*")

_COLUMNS: Final = (
    Column("ID", _UNICODE, ucd="meta.id;meta.main", description="Identifier that was asked for"),
    Column("access_url", _TEXT, ucd="meta.ref.url", description="Where the thing is"),
    Column("service_def", _TEXT, ucd="meta.ref", description="Descriptor of a service that gives it"),
    Column("error_message", _UNICODE, ucd="meta.code.error", description="Why there is no link"),
    Column("description", _UNICODE, ucd="meta.note", description="What it is"),
    Column("semantics", _TEXT, ucd="meta.code", description="How it is related to the row"),
    Column("content_type", _TEXT, ucd="meta.code.mime", description="Media type of what is there"),
    Column("content_length", DataType(Primitive.LONG), unit="byte", ucd="phys.size;meta.file", description="Its size"),
)
"""DataLink 1.1, section 3.2."""


def links_document(links: Iterable[Link], *, url: str, left_out: str | None = None) -> bytes:
    """Return the table of links.

    Parameters
    ----------
    links
        Those of one identifier behind each other.
    url
        Address of the endpoint, for its description of itself.
    left_out
        What is said about identifiers that were left out; None when there are none.
    """
    status = Status.OK if left_out is None else Status.OVERFLOW
    opened = head(_COLUMNS, Serialization.TABLEDATA, notes=[Note("standardID", DATALINK_ID)])
    rows = "".join(_row(link) for link in links).encode()
    closed = tail(Serialization.TABLEDATA, status=status, message=left_out or "", after=_itself(url))
    return opened + rows + closed


def service_descriptors(services: Iterable[ServiceDescriptor], columns: Sequence[Column]) -> str:
    """Return the RESOURCE elements that describe services to be called with values of the rows of a table.

    Parameters
    ----------
    services
        Each names a column of the table.
    columns
        Columns of the table, whose FIELD elements have the identifiers of
        :func:`vo_server.vo.votable.field_ids`.
    """
    ids = dict(zip([column.name for column in columns], field_ids(columns), strict=True))
    return "".join(_descriptor(service, ids[service.column]) for service in services)


def _row(link: Link) -> str:
    cells = (
        link.id, link.access_url, None, link.error_message, link.description, link.semantics, link.content_type, None,
    )  # fmt: skip
    written = "".join(f"<TD>{escape_text(cell or '')}</TD>" for cell in cells)
    return f"<TR>{written}</TR>\n"


def _parameter(name: str, value: str, *, ref: str | None = None) -> str:
    given = {"name": name, "datatype": "char", "arraysize": "*", "value": value, "ref": ref}
    return f"<PARAM{attributes(given)}/>\n"


def _descriptor(service: ServiceDescriptor, field_id: str) -> str:
    told = f"<DESCRIPTION>{escape_text(service.description)}</DESCRIPTION>\n" if service.description else ""
    return (
        f'<RESOURCE type="meta" utype="adhoc:service">\n{told}'
        f"{_parameter('standardID', service.standard_id)}"
        f"{_parameter('accessURL', service.access_url)}"
        f"{_parameter('contentType', service.content_type)}"
        '<GROUP name="inputParams">\n'
        f"{_parameter(service.parameter, '', ref=field_id)}"
        "</GROUP>\n</RESOURCE>\n"
    )


def _itself(url: str) -> str:
    return (
        '<RESOURCE type="meta" utype="adhoc:this">\n'
        f"{_parameter('standardID', DATALINK_ID)}{_parameter('accessURL', url)}{_parameter('contentType', LINKS_MIME)}"
        f'<GROUP name="inputParams">\n{_parameter("ID", "")}</GROUP>\n</RESOURCE>\n'
    )
