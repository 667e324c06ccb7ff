"""The ADQL of a cone search, and what its columns are.

A cone is a query like any other: it is compiled against the catalogue of its caller and runs under their limits, on
any engine. All that gets into the text are names from the catalogue, quoted, and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vo_server.adql.words import RESERVED
from vo_server.model.cone import Verbosity
from vo_server.model.datatype import Primitive
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.cone import ConeRequest
    from vo_server.model.table import Column, Position, Table

__all__ = ["NEW_UCDS", "SCS_UCDS", "ConeQuery", "cone_query", "identifier_columns", "is_searchable", "place_query"]

SCS_UCDS: Final = ("ID_MAIN", "POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN")
"""UCDs of identifier, right ascension and declination, each of which exactly one column has (SCS 1.03, section 2.2).

They are UCD1, which is what pyvo and the validators look for; all other columns have UCD1+."""

NEW_UCDS: Final = ("meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main")
"""The same in UCD1+, as the draft of SCS 1.1 wants them."""

_IDENTIFIER_UCD: Final = NEW_UCDS[0]
_BETWEEN_PARTS: Final = " "


@dataclass(frozen=True)
class ConeQuery:
    """A query for the rows in a cone, and what becomes of its columns."""

    adql: str
    identifier: str
    """Name of the column that identifies a row."""
    ucds: dict[str, str]
    """UCDs of the three columns of the standard, by their names in the answer."""
    origins: dict[str, Column]
    """The published columns of which the answer has another form (a text, a double), by their names in the answer."""

    def described(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the columns of the answer as SCS wants them to be described; types and order stay."""
        return tuple(self._described(column) for column in columns)

    def _described(self, column: Column) -> Column:
        origin = self.origins.get(column.name)
        if origin is not None:
            column = replace(column, unit=origin.unit, description=origin.description, utype=origin.utype)
        if column.name in self.ucds:
            return replace(column, ucd=self.ucds[column.name])
        if (column.ucd or "").lower() in {ucd.lower() for ucd in self.ucds.values()}:
            return replace(column, ucd=None)  # there may be one of each only
        return column


def is_searchable(table: Table) -> bool:
    """Tell whether rows have positions that queries may name."""
    return table.position is not None and not any(table.by_name[name].is_hidden for name in table.position.columns)


def identifier_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that identify a row: the primary key, else the one that is marked by its UCD, else none."""
    if table.primary_key:
        return table.primary_key
    marked = [column.name for column in table.visible_columns if (column.ucd or "").lower() == _IDENTIFIER_UCD]
    return tuple(marked[:1])


def cone_query(table: Table, cone: ConeRequest, *, ucds: tuple[str, str, str] = SCS_UCDS) -> ConeQuery:
    """Write the query for the rows of a table inside a cone.

    Columns stay in published order; what the answer has beside them comes first. The identifier is a text (SCS 1.03,
    section 2.2): that of the key, of all its columns with blanks between them, or, where a table has no key, of the
    position, which rows at the same place share.

    Parameters
    ----------
    table
        A table with a position.
    cone
        Where to look, and for which columns.
    ucds
        UCDs of identifier, right ascension and declination.
    """
    assert table.position is not None
    wanted = _wanted(table, cone.verbosity)
    taken = {column.name.lower() for column in table.visible_columns}
    ra, dec = _coordinates(table.position)
    keys = identifier_columns(table)
    items: list[str] = []
    marked: dict[str, str] = {}
    origins: dict[str, Column] = {}

    def add(name: str, value: str, ucd: str, origin: Column | None = None) -> str:
        marked[name] = ucd
        if origin is not None:
            origins[name] = origin
        return value if value == _name(name) else f"{value} AS {_name(name)}"

    id_ucd, ra_ucd, dec_ucd = ucds
    if len(keys) != 1:
        # All positions are numbers; of a key any column may be a text already.
        parts = [_as_text(_name(key), table.by_name[key]) for key in keys] or [_cast(ra), _cast(dec)]
        items.append(add(_free("id", taken), f" || '{_BETWEEN_PARTS}' || ".join(parts), id_ucd))
    if table.position.point:
        items.append(add(_free("ra", taken), ra, ra_ucd))
        items.append(add(_free("dec", taken), dec, dec_ucd))
    for column in wanted:
        name = _name(column.name)
        if keys == (column.name,):
            items.append(add(column.name, _as_text(name, column), id_ucd, column))
        elif column.name == table.position.ra:
            items.append(add(column.name, _as_double(name, column), ra_ucd, column))
        elif column.name == table.position.dec:
            items.append(add(column.name, _as_double(name, column), dec_ucd, column))
        else:
            items.append(name)
    point = _name(table.position.point) if table.position.point else f"POINT({ra}, {dec})"
    circle = f"CIRCLE({_number(cone.ra_deg)}, {_number(cone.dec_deg)}, {_number(cone.radius_deg)})"
    adql = f"SELECT {', '.join(items)} FROM {_source(table)} WHERE 1 = CONTAINS({point}, {circle})"
    identifier = next(name for name, ucd in marked.items() if ucd == id_ucd)
    return ConeQuery(adql, identifier, marked, origins)


def place_query(table: Table) -> str:
    """Write the query for the position of some row, NULLs left out."""
    assert table.position is not None
    ra, dec = _coordinates(table.position)
    found = " AND ".join(f"{_name(name)} IS NOT NULL" for name in table.position.columns)
    return f"SELECT TOP 1 {ra} AS ra_deg, {dec} AS dec_deg FROM {_source(table)} WHERE {found}"


def _source(table: Table) -> str:
    return f"{quoted(table.schema, RESERVED)}.{quoted(table.name, RESERVED)}"


def _wanted(table: Table, verbosity: Verbosity) -> list[Column]:
    """Return the published columns that an answer has."""
    assert table.position is not None
    keys = identifier_columns(table)
    needed = set(table.position.columns) - {table.position.point}
    if len(keys) == 1 or verbosity is Verbosity.USUAL:  # Else they are in the identifier.
        needed.update(keys)
    if verbosity is Verbosity.ALL or (
        verbosity is Verbosity.USUAL and not any(column.is_principal for column in table.visible_columns)
    ):
        return list(table.visible_columns)
    if verbosity is Verbosity.USUAL:
        needed |= {column.name for column in table.visible_columns if column.is_principal}
    return [column for column in table.visible_columns if column.name in needed]


def _coordinates(position: Position) -> tuple[str, str]:
    if position.point:
        return f"COORD1({_name(position.point)})", f"COORD2({_name(position.point)})"
    return _name(position.ra), _name(position.dec)


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no column of the table has."""
    while name in taken:
        name = f"{name}_"
    return name


def _as_text(name: str, column: Column) -> str:
    return name if column.datatype.is_string else _cast(name)


def _as_double(name: str, column: Column) -> str:
    return name if column.datatype.primitive is Primitive.DOUBLE else f"CAST({name} AS DOUBLE PRECISION)"


def _cast(value: str) -> str:
    return f"CAST({value} AS VARCHAR)"


def _name(name: str) -> str:
    return quoted(name, RESERVED)


def _number(value: float) -> str:
    """Write a number so that it is read as the same double; a sign is an operator in ADQL, which CIRCLE takes."""
    return repr(float(value))
