"""The compiled description of a table, and the sources and the checks of a release, as JSON text and back.

Only what differs from the default is written, by the names of the model's fields. A field that this version does not
know is an error and not dropped: it may say that a column is hidden.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from vo_server.errors import CatalogueError
from vo_server.model.changes import Changes
from vo_server.model.check import CheckResult, Verdict
from vo_server.model.datalink import RowLink
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Link, Provenance
from vo_server.model.release import FileState, SourceFile
from vo_server.model.table import Column, Key, Position, PositionIndex, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import DataclassInstance

__all__ = [
    "decode_changes",
    "decode_checks",
    "decode_sources",
    "decode_table",
    "encode_changes",
    "encode_sources",
    "encode_table",
]

T = TypeVar("T", bound="DataclassInstance")


def encode_table(table: Table) -> str:
    """Return the description of a table as JSON text."""
    plain = _plain(table)
    plain["columns"] = [_plain_column(column) for column in table.columns]
    if table.keys:
        plain["keys"] = [_plain(key) for key in table.keys]
    if table.row_links:
        plain["row_links"] = [_plain(link) for link in table.row_links]
    if table.position is not None:
        plain["position"] = _plain(table.position)
    if table.provenance is not None:
        links = [_plain(link) for link in table.provenance.links]
        plain["provenance"] = _plain(replace(table.provenance, links=())) | ({"links": links} if links else {})
    return _text(plain)


def decode_table(text: str) -> Table:
    """Return the table whose description :func:`encode_table` has written.

    Raises
    ------
    CatalogueError
        If the text is damaged or was written by a newer version.
    """
    plain = _mapping(text)
    try:
        columns = tuple(_column(column) for column in plain.pop("columns"))
        keys = tuple(_made(Key, key) for key in plain.pop("keys", ()))
        links = tuple(_made(RowLink, link) for link in plain.pop("row_links", ()))
        place = plain.pop("position", None)
        position = None if place is None else _position(place)
        origin = plain.pop("provenance", None)
        provenance = None if origin is None else _provenance(origin)
        return _made(
            Table, plain, columns=columns, keys=keys, row_links=links, position=position, provenance=provenance
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"a table description in the catalogue is damaged: {error}") from error


def encode_sources(sources: Sequence[SourceFile], checks: Sequence[CheckResult] = ()) -> str:
    """Return the source files of a release, and what its checks found, as JSON text."""
    plain = {"files": [_plain(source) for source in sources]}
    return _text(plain | ({"checks": [_plain(check) for check in checks]} if checks else {}))


def decode_sources(text: str) -> tuple[SourceFile, ...]:
    """Return the source files that :func:`encode_sources` has written.

    Raises
    ------
    CatalogueError
        If the text is damaged or was written by a newer version.
    """
    try:
        return tuple(_source(plain) for plain in _mapping(text)["files"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"the sources of a release in the catalogue are damaged: {error}") from error


def decode_checks(text: str) -> tuple[CheckResult, ...]:
    """Return what the checks of a release found, as :func:`encode_sources` has written it.

    Raises
    ------
    CatalogueError
        If the text is damaged or was written by a newer version.
    """
    try:
        return tuple(
            _made(CheckResult, plain, verdict=Verdict(plain.pop("verdict")))
            for plain in _mapping(text).get("checks", ())
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"the checks of a release in the catalogue are damaged: {error}") from error


def encode_changes(changes: Changes | None) -> str | None:
    """Return the changes of a release as JSON text; None for None."""
    return None if changes is None else _text(_plain(changes))


def decode_changes(text: str | None) -> Changes | None:
    """Return the changes that :func:`encode_changes` has written.

    Raises
    ------
    CatalogueError
        If the text is damaged or was written by a newer version.
    """
    if text is None:
        return None
    try:
        return _made(Changes, _mapping(text))
    except (AttributeError, TypeError) as error:
        raise CatalogueError(f"the changes of a release in the catalogue are damaged: {error}") from error


def _text(plain: dict[str, Any]) -> str:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _mapping(text: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise CatalogueError(f"an entry of the catalogue is not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise CatalogueError("an entry of the catalogue is not a JSON object")
    return plain


def _plain(value: DataclassInstance) -> dict[str, Any]:
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if field.default is MISSING or getattr(value, field.name) != field.default
    }


def _plain_column(column: Column) -> dict[str, Any]:
    datatype = column.datatype
    return _plain(column) | {"datatype": [datatype.primitive, datatype.arraysize, datatype.xtype]}


def _column(plain: dict[str, Any]) -> Column:
    primitive, arraysize, xtype = plain.pop("datatype")
    return _made(Column, plain, datatype=DataType(Primitive(primitive), arraysize, xtype))


def _position(plain: dict[str, Any]) -> Position:
    return _made(Position, plain, index=PositionIndex(plain.pop("index", PositionIndex.OWN)))


def _source(plain: dict[str, Any]) -> SourceFile:
    return _made(SourceFile, plain, state=FileState(plain.pop("state", FileState.LOADED)))


def _provenance(plain: dict[str, Any]) -> Provenance:
    links = tuple(_made(Link, link) for link in plain.pop("links", ()))
    return _made(Provenance, plain, links=links)


def _made(kind: type[T], plain: dict[str, Any], **ready: Any) -> T:
    unknown = plain.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise CatalogueError(
            f"the catalogue has {', '.join(sorted(unknown))} in a {kind.__name__.lower()}, unknown to this version",
            hint="it was written by a newer vo-server: upgrade this one",
        )
    return kind(**{name: _frozen(value) for name, value in plain.items()}, **ready)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
