"""Reading a VOSI tableset: the tables of any TAP service as a catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from vo_server.errors import UsageError
from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Primitive
from vo_server.model.table import Catalogue, Column, Position, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_tableset"]

_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TEXT: Final = DataType(Primitive.CHAR, "*")


def read_tableset(document: bytes) -> Catalogue:
    """Read what a TAP service answers at ``/tables``.

    Parameters
    ----------
    document
        A ``vosi:tableset`` (VOSI 1.1, VODataService 1.1 or 1.2).

    Returns
    -------
    Catalogue
        Schemas, tables and columns with their types, units and UCDs. A table whose main right ascension and
        declination are marked by their UCDs has a position.

    Raises
    ------
    UsageError
        If it is no such document.
    """
    try:
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise UsageError(f"the document is not XML: {error}") from error
    if etree.QName(root).localname != "tableset":
        raise UsageError(
            f"expected a tableset, found <{etree.QName(root).localname}>", hint="read the /tables of a TAP"
        )
    return Catalogue(tuple(_schema(one) for one in _named(root, "schema")))


def _named(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in parent if isinstance(child.tag, str) and etree.QName(child).localname == name)


def _text(parent: etree._Element, name: str) -> str | None:
    child = next(_named(parent, name), None)
    return None if child is None or child.text is None else " ".join(child.text.split()) or None


def _bare(name: str) -> str:
    """Take the quotes off a name that is published ready to be pasted into a query."""
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _schema(node: etree._Element) -> Schema:
    written = _text(node, "name") or ""
    tables = tuple(_table(one, written) for one in _named(node, "table"))
    return Schema(_bare(written), tables, description=_text(node, "description"))


def _table(node: etree._Element, schema: str) -> Table:
    name = _text(node, "name") or ""
    columns = tuple(_column(one) for one in _named(node, "column"))
    return Table(
        _bare(schema),
        _bare(name.removeprefix(f"{schema}.")),
        columns,
        description=_text(node, "description"),
        kind=node.get("type") or "table",
        position=_position(columns),
    )


def _column(node: etree._Element) -> Column:
    return Column(
        _bare(_text(node, "name") or ""),
        _datatype(next(_named(node, "dataType"), None)),
        unit=_text(node, "unit"),
        ucd=_text(node, "ucd"),
        utype=_text(node, "utype"),
        description=_text(node, "description"),
    )


def _datatype(node: etree._Element | None) -> DataType:
    """Return a type; text for one that is not known, which can be compared with nothing by mistake."""
    if node is None or node.text is None:
        return _TEXT
    name, arraysize, xtype = node.text.strip(), node.get("arraysize"), node.get("extendedType")
    if (node.get(_TYPE) or "").endswith("TAPType"):
        return ADQL_CAST_TYPES.get(name.upper().replace("DOUBLE", "DOUBLE PRECISION"), _TEXT)
    try:
        primitive = Primitive(name)
        if primitive in {Primitive.CHAR, Primitive.UNICODE_CHAR}:
            arraysize = arraysize or "1"
        return DataType(primitive, None if arraysize == "1" and primitive is not Primitive.CHAR else arraysize, xtype)
    except ValueError:
        return _TEXT


def _position(columns: tuple[Column, ...]) -> Position | None:
    found = {column.ucd.lower(): column.name for column in columns if column.ucd is not None}
    ra, dec = found.get("pos.eq.ra;meta.main"), found.get("pos.eq.dec;meta.main")
    return None if ra is None or dec is None else Position(ra, dec)
