"""What is published: schemas, tables, columns, keys. Frozen values, made once per catalogue version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from vo_server.model.datalink import RowLink
from vo_server.model.datatype import DataType
from vo_server.model.footprints import NO_FOOTPRINTS, Footprints
from vo_server.model.provenance import Provenance
from vo_server.model.released import NO_RELEASES, Releases

__all__ = [
    "HEALPIX_COLUMN",
    "Catalogue",
    "Column",
    "Key",
    "Position",
    "PositionIndex",
    "Schema",
    "Table",
    "delimited",
    "followed",
    "positions_by_folded_name",
    "quoted",
]

HEALPIX_COLUMN: Final = "_healpix_29"
"""Hidden column with the HEALPix order-29 NESTED cell of a row's position (the HATS convention)."""

_REGULAR: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def quoted(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """Write a name as a query must: with double quotes where it is not a regular identifier.

    Parameters
    ----------
    name
        The bare name.
    reserved
        Reserved words in upper case; ``vo_server.adql.words.RESERVED`` for ADQL.

    References
    ----------
    TAP 1.1, section 4: names that need quotes are published with them.
    """
    if _REGULAR.fullmatch(name) and name.upper() not in reserved:
        return name
    return delimited(name)


def delimited(name: str) -> str:
    """Write a name between double quotes: SQL's delimited identifier, which ADQL and both engines share."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Column:
    """A column of a table or of a result: everything that a FIELD says, and how it is stored."""

    name: str
    """Bare name, as published, without quotes."""
    datatype: DataType
    unit: str | None = None
    """VOUnits string; None when there is none or it is unknown."""
    ucd: str | None = None
    utype: str | None = None
    description: str | None = None
    is_nullable: bool = True
    is_indexed: bool = False
    is_principal: bool = False
    is_std: bool = False
    is_hidden: bool = False
    """Stored and used by the service, not shown: not in ``*``, not in TAP_SCHEMA, not to be named in a query."""
    null_values: tuple[str, ...] = ()
    """Values that stand for NULL in the source files, as text; NaN is always one for floats when listed as ``NaN``."""
    element_names: tuple[str, ...] = ()
    """Names of the elements of an array column, first element first."""
    flag_meanings: tuple[tuple[int, str], ...] = ()
    """Codes and what each means, in a column that holds one of them."""
    flag_bits: tuple[tuple[int, str], ...] = ()
    """Numbers of bits, from 0, and what each means where it is set; ``flag_meanings`` is empty then."""
    aliases: tuple[str, ...] = ()
    """Other names of a published column, such as misprints of a paper, that queries and files may use; none of them
    is the name of another column of the table."""
    stored_as: str | None = None
    """The database's name of the type in an adopted table, where it is not the one that ``datatype`` is stored in:
    ``spoint``, ``numeric``, ... Whoever reads such a column converts it."""

    def renamed(self, name: str) -> Column:
        """Return the same column under another name."""
        return replace(self, name=name)

    @property
    def full_description(self) -> str | None:
        """The description, followed by what clients have no other place for: other names, elements, flags."""
        told = [
            ("Also called", self.aliases),
            ("Elements:", self.element_names),
            ("Values:", [f"{code} {meaning}" for code, meaning in self.flag_meanings]),
            ("Bits:", [f"{bit} {meaning}" for bit, meaning in self.flag_bits]),
        ]
        more = [f"{words} {', '.join(listed)}" for words, listed in told if listed]
        if not more:
            return self.description
        return ". ".join([*([self.description.rstrip(". ")] if self.description else []), *more])


def followed(text: str | None, sentence: str) -> str:
    """Return a description with one more sentence at its end."""
    before = (text or "").strip()
    if before and before[-1] not in ".!?":
        before += "."
    return f"{before} {sentence}".strip()


def positions_by_folded_name(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Return the places of columns by their names in lower case."""
    found: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        found.setdefault(column.name.lower(), []).append(position)
    return found


@dataclass(frozen=True)
class Key:
    """A foreign key: the columns of a table that point to the columns of another one."""

    name: str
    target: str
    """Full name ``schema.table`` of the table pointed to."""
    columns: tuple[tuple[str, str], ...]
    """Pairs (column here, column there)."""
    description: str | None = None
    utype: str | None = None


class PositionIndex(StrEnum):
    """Which index finds rows by their main position."""

    OWN = "own"
    """The one that the engine makes when it loads a table: Q3C on PostgreSQL, sorted cells on DuckDB."""
    SPOINT = "spoint"
    """pgSphere's, on a column of points or on ``spoint(radians(ra), radians(dec))``."""
    NONE = "none"


@dataclass(frozen=True)
class Position:
    """The main position of a table's rows, ICRS in degrees: two columns of numbers, or one of points."""

    ra: str = ""
    """Name of the right-ascension column [deg]."""
    dec: str = ""
    """Name of the declination column [deg]."""
    epoch_jyear: float | None = None
    point: str = ""
    """Name of the column of points; then ``ra`` and ``dec`` are empty."""
    index: PositionIndex = PositionIndex.OWN

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the position is made from."""
        return (self.point,) if self.point else (self.ra, self.dec)


@dataclass(frozen=True)
class Table:
    """A published table: what it is called, what is in it, where its current release lies."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    description: str | None = None
    utype: str | None = None
    title: str | None = None
    kind: str = "table"
    """``table`` or ``view`` (TAP 1.1, section 4.2)."""
    primary_key: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    position: Position | None = None
    """Set when rows have a position; then the hidden column ``_healpix_29`` exists and rows are sorted by it, but in
    adopted tables."""
    provenance: Provenance | None = None
    row_links: tuple[RowLink, ...] = ()
    """What every row leads to, beside other rows."""
    n_rows: int | None = None
    index: int | None = None
    """Order of the table in lists."""
    release: str | None = None
    """Version of the release behind this name; None for tables that the service makes itself."""
    location: str | None = None
    """Where an engine finds the rows of the release; None for tables that are handed to the engine with a query."""
    owner: str | None = None
    """User whose table it is; None for what the service publishes. Not part of the description of a release."""
    expires: datetime | None = None
    """When the table of a user is removed. Not part of the description of a release."""
    release_of: str | None = None
    """Full name of the table that this is one release of, when it goes by a name that always means this release. Not
    part of the description of a release."""

    def pinned(self, name: str) -> Table:
        """Return this release under a name that means no other release of the table."""
        told = f"Release {self.release} of {self.full_name}."
        return replace(self, name=name, description=followed(self.description, told), release_of=self.full_name)

    @property
    def full_name(self) -> str:
        """``schema.table``, bare."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def visible_columns(self) -> tuple[Column, ...]:
        """Columns that users see, in published order."""
        return tuple(column for column in self.columns if not column.is_hidden)

    @cached_property
    def positions_by_folded_name(self) -> dict[str, list[int]]:
        """Places of the visible columns by their names in lower case."""
        return positions_by_folded_name(self.visible_columns)

    @cached_property
    def by_folded_alias(self) -> dict[str, tuple[str, int]]:
        """Other names of the visible columns, by themselves in lower case, each with the place of its column."""
        return {
            alias.lower(): (alias, place) for place, one in enumerate(self.visible_columns) for alias in one.aliases
        }

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """All columns by their exact names."""
        return {column.name: column for column in self.columns}


@dataclass(frozen=True)
class Schema:
    """A named group of tables."""

    name: str
    tables: tuple[Table, ...] = ()
    description: str | None = None
    utype: str | None = None
    title: str | None = None
    index: int | None = None


@dataclass(frozen=True)
class Catalogue:
    """All that is published at one moment; a query is translated against exactly one of these."""

    schemas: tuple[Schema, ...]
    version: int = 0
    """Grows with every publication; what the same caller sees of a store at the same version is equal."""
    releases: Releases = field(default=NO_RELEASES, compare=False, repr=False)
    """All releases of the tables, for names like ``table@version`` and for lists."""
    footprints: Footprints = field(default=NO_FOOTPRINTS, compare=False, repr=False)
    """Where the tables have been observed."""
    tables_by_folded_name: dict[str, tuple[Table, ...]] = field(init=False, compare=False, repr=False)
    """Tables by lower-cased ``schema.table`` and by lower-cased bare table name."""

    def __post_init__(self) -> None:
        index: dict[str, list[Table]] = {}
        for table in self.tables:
            index.setdefault(table.full_name.lower(), []).append(table)
            index.setdefault(table.name.lower(), []).append(table)
        object.__setattr__(self, "tables_by_folded_name", {name: tuple(found) for name, found in index.items()})

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order of their schemas."""
        return tuple(table for schema in self.schemas for table in schema.tables)

    @cached_property
    def keys_by_target(self) -> dict[str, tuple[tuple[Table, Key], ...]]:
        """Foreign keys by the full name of the table that they point to, each with the table that has it."""
        found: dict[str, list[tuple[Table, Key]]] = {}
        for table in self.tables:
            for key in table.keys:
                found.setdefault(key.target, []).append((table, key))
        return {target: tuple(keys) for target, keys in found.items()}

    def find(self, full_name: str) -> Table | None:
        """Return the table with exactly this full name, or None."""
        candidates = self.tables_by_folded_name.get(full_name.lower(), ())
        return next((table for table in candidates if table.full_name == full_name), None)

    def with_schema(self, schema: Schema) -> Catalogue:
        """Return a catalogue with one more schema, e.g. TAP_SCHEMA or the uploads of one request."""
        return Catalogue((*self.schemas, schema), self.version, self.releases, self.footprints)
