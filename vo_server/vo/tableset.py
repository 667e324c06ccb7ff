"""Reading VOSI documents: the tables of any TAP service as a catalogue, and one table that somebody wants to have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lxml import etree

from vo_server.errors import UsageError
from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Primitive
from vo_server.model.table import Catalogue, Column, Position, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_table_document", "read_table", "read_tableset"]

_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TEXT: Final = DataType(Primitive.CHAR, "*")
_ROOT: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:[\w.-]+:)?(\w+)[\s>/]", re.DOTALL)
_SIZED: Final = re.compile(r"(VARCHAR|CHAR)\s*\(\s*(\d+|\*)\s*\)")
_TAP_TYPES: Final = {
    **ADQL_CAST_TYPES,
    "DOUBLE": ADQL_CAST_TYPES["DOUBLE PRECISION"],
    "CLOB": _TEXT,
}
"""Types by their names in TAPType (VODataService 1.2, section 3.5.3)."""


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
    root = _parsed(document)
    if etree.QName(root).localname != "tableset":
        raise UsageError(
            f"expected a tableset, found <{etree.QName(root).localname}>", hint="read the /tables of a TAP"
        )
    return Catalogue(tuple(_schema(one) for one in _named(root, "schema")))


def is_table_document(head: bytes) -> bool:
    """Tell whether a document is one that :func:`read_table` reads, from its first bytes."""
    found = _ROOT.match(head)
    return found is not None and found[1] == b"table"


def read_table(document: bytes, *, schema: str, name: str) -> Table:
    """Read the description of one table: what a client sends that wants to have it.

    Parameters
    ----------
    document
        A ``vosi:table`` (VOSI 1.1). The name in it does not count: the one in the address of the table does.
    schema, name
        What the table will be called.

    Returns
    -------
    Table
        Columns with types, units, UCDs and descriptions; neither is checked yet, but for the types.

    Raises
    ------
    UsageError
        If it is no such document, or a column has no name, or a type that is not known.
    """
    root = _parsed(document)
    if etree.QName(root).localname != "table":
        raise UsageError(
            f"expected the VOSI description of a table, found <{etree.QName(root).localname}>",
            hint="send a <vosi:table> with <column> elements, or a table in any format that is read",
        )
    columns = tuple(_strict_column(one, number) for number, one in enumerate(_named(root, "column"), 1))
    if not columns:
        raise UsageError("the description of the table has no column", hint="give at least one <column>")
    return Table(schema, name, columns, description=_text(root, "description"), title=_text(root, "title"))


def _parsed(document: bytes) -> etree._Element:
    """Parse without entities, without the network, and without the depths that a bomb needs."""
    try:
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise UsageError(f"the document is not XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UsageError("the document has a DOCTYPE, which no VO document needs", hint="leave it out")
    return root


def _strict_column(node: etree._Element, number: int) -> Column:
    name = _bare(_text(node, "name") or "")
    if not name:
        raise UsageError(f"column {number} of the description has no name")
    kind = next(_named(node, "dataType"), None)
    datatype = None if kind is None or kind.text is None else _known_datatype(kind)
    if datatype is None:
        given = "none" if kind is None else f"{(kind.text or '').strip()[:40]!r}"
        raise UsageError(
            f"column {name[:60]!r} has the type {given}, which is not known",
            hint='for example <dataType xsi:type="vs:VOTableType" arraysize="*">char</dataType>',
        )
    return replace(_column(node), datatype=datatype)


def _known_datatype(node: etree._Element) -> DataType | None:
    """Return a type, None for one that is not known."""
    name = (node.text or "").strip()
    sized = _SIZED.fullmatch(name.upper())
    if (node.get(_TYPE) or "").endswith("TAPType") or sized is not None:
        return _TAP_TYPES.get(sized[1] if sized is not None else name.upper())
    try:
        primitive = Primitive(name)
        arraysize = node.get("arraysize")
        return DataType(primitive, None if arraysize in {"", "1"} else arraysize, node.get("extendedType"))
    except ValueError:
        return None


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
