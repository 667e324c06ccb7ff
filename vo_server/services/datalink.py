"""The links of a row (DataLink 1.1): the row itself, what is around it, what keys lead to, what its table says."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from vo_server.adql.words import RESERVED
from vo_server.errors import MissingError, TooLargeError
from vo_server.model.datalink import Link, placeholders
from vo_server.model.datatype import Primitive
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.query import Query
from vo_server.model.table import quoted
from vo_server.services.addresses import cone_url
from vo_server.services.cone_query import is_searchable
from vo_server.services.origin import links_of_table, sync_url
from vo_server.services.related import is_integer, is_linkable, keys_to
from vo_server.store.tap_schema import published_name
from vo_server.vo.votable import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vo_server.model.table import Catalogue, Column, Table
    from vo_server.services.catalogue import CatalogueService
    from vo_server.services.query import QueryService

__all__ = ["MAX_IDS", "DatalinkService", "Links"]

MAX_IDS: Final = 100
"""Most identifiers of one request; pyvo asks for so many at once."""

_MOST_ROWS: Final = 10 * MAX_IDS
"""Most rows that are read: more than one of a key only where a table repeats keys that it should not."""

_AROUND_DEG: Final = 5.0 / 3600.0
"""Radius of the search around a row [deg]."""

_LARGEST: Final = 9_223_372_036_854_775_807
_INTEGER: Final = re.compile(r"-?[0-9]{1,40}")


@dataclass(frozen=True)
class Links:
    """The answer to a request for links."""

    links: tuple[Link, ...]
    """Those of one identifier behind each other, in the order in which they were asked for."""
    left_out: str | None = None
    """What is said of identifiers that were too many; None when there are none."""


class DatalinkService:
    """Tells what belongs to the rows of a table.

    Parameters
    ----------
    catalogue
        Finds tables by the names that they have in addresses.
    queries
        Reads the rows.
    """

    def __init__(self, *, catalogue: CatalogueService, queries: QueryService) -> None:
        self._catalogue = catalogue
        self._queries = queries

    def links(
        self, name: str, ids: Sequence[str], *, root_url: str, timeout_s: float, caller: Identity = ANONYMOUS
    ) -> Links:
        """Return the links of rows.

        Parameters
        ----------
        name
            Name of the table, as in its address.
        ids
            Primary keys of rows; of several columns with blanks between them. One that is given twice counts once.
        root_url
            URL of the service.
        timeout_s
            Time for reading the rows [s].
        caller
            Who asks: tables that they may not see do not exist for them, and nothing links to such.

        Raises
        ------
        MissingError
            If there is no such table that the caller may see, or its rows cannot be named.
        EngineError, LimitError
            If the rows cannot be read, or are more than their caller may have.
        """
        table = self._catalogue.table(name, caller)
        if not is_linkable(table):
            raise MissingError(
                f"rows of {published_name(table)} have no links: it has no primary key of whole numbers and texts",
                hint="ask for its rows through TAP",
            )
        wanted = list(dict.fromkeys(ids))
        asked = wanted[:MAX_IDS]
        keys = {one: _key(table, one) for one in asked}
        values = [key for key in keys.values() if key is not None]
        rows = self._rows(table, values, timeout_s, caller) if values else {}
        maker = _LinkMaker(table, self._catalogue.load(caller), root_url)
        found = [link for one in asked for link in maker.links(one, keys[one], rows)]
        left_out = None
        if len(wanted) > len(asked):
            left_out = f"{len(wanted)} identifiers were given; links are told of the first {MAX_IDS}, ask for the rest"
        return Links(tuple(found), left_out)

    def _rows(
        self, table: Table, keys: Sequence[tuple[Any, ...]], timeout_s: float, caller: Identity
    ) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Read rows, by their keys, with the columns that links need."""
        conditions = " OR ".join(f"({_condition(table, table.primary_key, key)})" for key in keys)
        if len(table.primary_key) == 1:
            only = table.by_name[table.primary_key[0]]
            conditions = f"{_name(only.name)} IN ({', '.join(_literal(only, key[0]) for key in keys)})"
        columns = list(dict.fromkeys([*table.primary_key, *_needed(table, self._catalogue.load(caller))]))
        items = [_name(one) for one in columns]
        if table.position is not None and table.position.point and is_searchable(table):
            point = _name(table.position.point)
            items += [f"COORD1({point})", f"COORD2({point})"]
            columns += [_POINT_RA, _POINT_DEC]
        adql = f"SELECT {', '.join(items)} FROM {published_name(table)} WHERE {conditions}"
        query = Query(adql, maxrec=_MOST_ROWS)
        found = {}
        with closing(self._queries.run(query, timeout_s=timeout_s, caller=caller)) as result:
            for batch in result.batches:
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    row = dict(zip(columns, cells, strict=True))
                    found[tuple(row[one] for one in table.primary_key)] = row
        if result.overflow:
            raise TooLargeError(
                f"{len(set(keys))} keys of {published_name(table)} have more rows than an answer may have here",
                hint="ask for the links of fewer rows at once",
            )
        return found


_POINT_RA: Final = "\0ra"
_POINT_DEC: Final = "\0dec"
"""Names of the coordinates of a point in a row; no column is called like that."""


class _LinkMaker:
    """Makes the links of rows of one table."""

    def __init__(self, table: Table, catalogue: Catalogue, root_url: str) -> None:
        self._table = table
        self._root_url = root_url
        self._catalogue = catalogue
        self._incoming = tuple(keys_to(table, catalogue))

    def links(
        self, one: str, key: tuple[Any, ...] | None, rows: Mapping[tuple[Any, ...], Mapping[str, Any]]
    ) -> Iterator[Link]:
        """Yield the links of an identifier, or what is wrong with it."""
        row = rows.get(key) if key is not None else None
        if row is None:
            text = f"NotFoundFault: {self._table.full_name} has no row {one[:100]!r}"
            yield Link(one, "#this", error_message=text)
            return
        for link in self._all(row):
            yield replace(link, id=one)

    def _all(self, row: Mapping[str, Any]) -> Iterator[Link]:
        table = self._table
        key = [row[name] for name in table.primary_key]
        what = table.title or table.full_name
        yield self._query(table, table.primary_key, key, "#this", f"The row of {what}")
        yield from self._own(row)
        yield from self._around(row)
        for mine in table.keys:
            target = self._catalogue.find(mine.target)
            values = [row[near] for near, _ in mine.columns]
            if target is not None and _are_askable(values):
                told = mine.description or f"The row of {target.title or target.full_name} that it belongs to"
                yield self._query(target, [far for _, far in mine.columns], values, "#counterpart", told)
        for other, theirs in self._incoming:
            values = [row[far] for _, far in theirs.columns]
            if _are_askable(values):
                told = f"Its rows in {other.title or other.full_name}"
                yield self._query(other, [near for near, _ in theirs.columns], values, "#counterpart", told)
        for link in links_of_table(table):
            if link.content_role == "doc":
                yield Link("", "#documentation", link.href, description=link.title, content_type=link.content_type)

    def _own(self, row: Mapping[str, Any]) -> Iterator[Link]:
        """Yield the links that the table says; one of a NULL leads nowhere."""
        for link in self._table.row_links:
            values = {name: row[name] for name in placeholders(link.template)}
            if None in values.values():
                continue
            url = link.template
            for name, value in values.items():
                url = url.replace(f"{{{name}}}", quote(_text(self._table.by_name[name], value), safe=""))
            yield Link("", link.semantics, url, description=link.description, content_type=link.content_type)

    def _around(self, row: Mapping[str, Any]) -> Iterator[Link]:
        position = self._table.position
        if position is None or not is_searchable(self._table):
            return
        ra, dec = (_POINT_RA, _POINT_DEC) if position.point else (position.ra, position.dec)
        if row[ra] is None or row[dec] is None:
            return
        asked = urlencode({"RA": repr(float(row[ra])), "DEC": repr(float(row[dec])), "SR": f"{_AROUND_DEG:.6f}"})
        url = f"{cone_url(self._root_url, self._table)}?{asked}"
        told = f"All rows of {self._table.title or self._table.full_name} within 5 arcsec"
        yield Link("", "#auxiliary", url, description=told, content_type="text/xml")

    def _query(
        self, table: Table, names: Sequence[str], values: Sequence[Any], semantics: str, description: str
    ) -> Link:
        adql = f"SELECT * FROM {published_name(table)} WHERE {_condition(table, names, values)}"
        url = sync_url(f"{self._root_url}/tap", Query(adql))
        return Link("", semantics, url, description=description, content_type=MIME)


def _needed(table: Table, catalogue: Catalogue) -> Iterator[str]:
    """Yield the columns whose values are in links."""
    for link in table.row_links:
        yield from placeholders(link.template)
    if table.position is not None and not table.position.point and is_searchable(table):
        yield from table.position.columns
    for key in table.keys:
        yield from (near for near, _ in key.columns)
    for _, key in keys_to(table, catalogue):
        yield from (far for _, far in key.columns)


def _key(table: Table, value: str) -> tuple[Any, ...] | None:
    """Return the primary key that an identifier means; None for what none can be.

    Blanks in a text are told from those between parts only where the text is the first part.
    """
    names = table.primary_key
    parts = value.rsplit(" ", len(names) - 1) if len(names) > 1 else [value]
    if len(parts) != len(names):
        return None
    key: list[Any] = []
    for name, part in zip(names, parts, strict=True):
        if not is_integer(table.by_name[name]):
            key.append(part)
            continue
        if _INTEGER.fullmatch(part.strip()) is None or abs(number := int(part)) > _LARGEST:
            return None
        key.append(number)
    return tuple(key)


def _condition(table: Table, names: Sequence[str], values: Sequence[Any]) -> str:
    return " AND ".join(
        f"{_name(name)} = {_literal(table.by_name[name], value)}" for name, value in zip(names, values, strict=True)
    )


def _are_askable(values: Sequence[Any]) -> bool:
    """Tell whether rows can be asked for by these values: texts and numbers, none of them NULL."""
    return all(isinstance(value, str | int | float) for value in values)


def _literal(column: Column, value: Any) -> str:
    """Write a value as ADQL: a number, or a text in quotes, its own quotes doubled."""
    if column.datatype.is_string:
        return "'" + str(value).replace("'", "''") + "'"
    return repr(value)


def _text(column: Column, value: Any) -> str:
    """Write a value into a URL; in single precision with the digits that it has."""
    if isinstance(value, float) and column.datatype.primitive is Primitive.FLOAT:
        import numpy as np  # noqa: PLC0415 - late: few tables need it

        return str(np.float32(value))
    return str(value)


def _name(name: str) -> str:
    return quoted(name, RESERVED)
