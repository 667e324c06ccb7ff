"""VOSI 1.1 documents: the set of tables, one table, availability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.model.table import quoted
from vo_server.vo.uws import utc_text
from vo_server.vo.xml import XSI, XmlWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vo_server.model.table import Catalogue, Column, Key, Schema, Table

__all__ = ["availability", "table", "tableset", "write_schema"]

_TABLES_ROOT: Final = {
    "xmlns:vosi": "http://www.ivoa.net/xml/VOSITables/v1.0",
    "xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xmlns:xsi": XSI,
}
"""Without ``version``: the schema has no such attribute on these roots."""

_TAP_PLUS: Final = {"xmlns:esatapplus": "http://esa.int/xml/EsaTapPlus"}
_FLAGS: Final = "esatapplus:flags"


def tableset(
    catalogue: Catalogue, detail: str | None = None, *, reserved: frozenset[str], is_tap_plus: bool = False
) -> bytes:
    """Return the ``vosi:tableset`` document: what is published and visible.

    Parameters
    ----------
    catalogue
        What is published, TAP_SCHEMA included; at least one schema (VODataService demands it).
    detail
        ``min`` leaves out columns and keys; anything else gives all (VOSI 1.1, section 3.3: a hint).
    reserved
        Reserved words of ADQL in upper case: names among them are written in double quotes, as in TAP_SCHEMA.
    is_tap_plus
        Whether columns have the attribute that clients of TAP+ cannot do without, and that the schema does not allow.
    """
    writer = XmlWriter()
    with writer.element("vosi:tableset", _TABLES_ROOT | (_TAP_PLUS if is_tap_plus else {})):
        for schema in catalogue.schemas:
            write_schema(writer, schema, reserved, is_full=detail != "min", is_tap_plus=is_tap_plus)
    return writer.to_bytes()


def write_schema(
    writer: XmlWriter, schema: Schema, reserved: frozenset[str], *, is_full: bool = True, is_tap_plus: bool = False
) -> None:
    """Write a schema with its tables, here and in the records of a registry."""
    with writer.element("schema"):
        writer.leaf("name", quoted(schema.name, reserved))
        writer.optional("title", schema.title)
        writer.optional("description", schema.description)
        writer.optional("utype", schema.utype)
        for one in schema.tables:
            with writer.element("table", {"type": one.kind}):
                _write_table(writer, one, reserved, is_full=is_full, is_tap_plus=is_tap_plus)


def table(one: Table, *, reserved: frozenset[str]) -> bytes:
    """Return the ``vosi:table`` document of one table, with all its columns and keys.

    Parameters
    ----------
    one
        The table.
    reserved
        Reserved words of ADQL in upper case.
    """
    writer = XmlWriter()
    with writer.element("vosi:table", {**_TABLES_ROOT, "type": one.kind}):
        _write_table(writer, one, reserved, is_full=True)
    return writer.to_bytes()


def availability(
    *,
    is_available: bool,
    up_since: datetime | None = None,
    down_at: datetime | None = None,
    back_at: datetime | None = None,
    notes: Iterable[str] = (),
) -> bytes:
    """Return the ``vosi:availability`` document.

    The children have the prefix ``vosi``: the schema wants them qualified, and a client in use looks for the prefix.

    Parameters
    ----------
    is_available
        Whether queries are answered now.
    up_since, down_at, back_at
        Timezone-aware times; None when not known.
    notes
        Anything to tell.
    """
    writer = XmlWriter()
    with writer.element("vosi:availability", {"xmlns:vosi": "http://www.ivoa.net/xml/VOSIAvailability/v1.0"}):
        writer.leaf("vosi:available", "true" if is_available else "false")
        for name, time in (("upSince", up_since), ("downAt", down_at), ("backAt", back_at)):
            if time is not None:
                writer.leaf(f"vosi:{name}", utc_text(time))
        for note in notes:
            writer.leaf("vosi:note", note)
    return writer.to_bytes()


def _write_table(
    writer: XmlWriter, one: Table, reserved: frozenset[str], *, is_full: bool, is_tap_plus: bool = False
) -> None:
    writer.leaf("name", _full_name(one.schema, one.name, reserved))
    writer.optional("title", one.title)
    writer.optional("description", one.description)
    writer.optional("utype", one.utype)
    if one.n_rows is not None:
        writer.leaf("nrows", str(one.n_rows))
    if not is_full:
        return
    for column in one.visible_columns:
        attributes = {"std": "true" if column.is_std else "false"} | ({_FLAGS: "0"} if is_tap_plus else {})
        with writer.element("column", attributes):
            _write_column(writer, column, reserved, is_primary=column.name in one.primary_key)
    for key in one.keys:
        _write_key(writer, key, reserved)


def _write_column(writer: XmlWriter, column: Column, reserved: frozenset[str], *, is_primary: bool) -> None:
    writer.leaf("name", quoted(column.name, reserved))
    writer.optional("description", column.full_description)
    writer.optional("unit", column.unit)
    writer.optional("ucd", column.ucd)
    writer.optional("utype", column.utype)
    given = {
        "xsi:type": "vs:VOTableType",
        "arraysize": column.datatype.arraysize,
        "extendedType": column.datatype.xtype,
    }
    writer.leaf("dataType", str(column.datatype.primitive), given)
    flags = {
        "indexed": column.is_indexed,
        "primary": is_primary,
        "nullable": column.is_nullable,
        "principal": column.is_principal,
    }
    for flag, is_set in flags.items():
        if is_set:
            writer.leaf("flag", flag)


def _write_key(writer: XmlWriter, key: Key, reserved: frozenset[str]) -> None:
    schema, _, name = key.target.partition(".")
    with writer.element("foreignKey"):
        writer.leaf("targetTable", _full_name(schema, name, reserved))
        for here, there in key.columns:
            with writer.element("fkColumn"):
                writer.leaf("fromColumn", quoted(here, reserved))
                writer.leaf("targetColumn", quoted(there, reserved))
        writer.optional("description", key.description)
        writer.optional("utype", key.utype)


def _full_name(schema: str, name: str, reserved: frozenset[str]) -> str:
    return f"{quoted(schema, reserved)}.{quoted(name, reserved)}"
