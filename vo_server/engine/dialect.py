"""What differs between the databases when a query is written: one small class each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp

from vo_server.engine.sqltree import call, cast
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.table import Column, PositionIndex, Table
    from vo_server.sky.polygon import Polygon
    from vo_server.sky.region import Region

__all__ = ["IndexedPosition", "IndexedShape", "MatchSide", "Reach", "SqlDialect"]


@dataclass(frozen=True)
class IndexedPosition:
    """The position of a table's rows, which has a spatial index."""

    alias: str
    """Alias of the table in the query, or of a subquery that passes the position on."""
    table: Table
    """Where the position comes from."""
    lon: exp.Expr
    """Right ascension in SQL [deg]."""
    lat: exp.Expr
    """Declination in SQL [deg]."""
    has_cells: bool
    """Whether the hidden column of cells can be named: not through a subquery, and not in adopted tables."""
    index: PositionIndex
    stored: exp.Expr | None = None
    """The column as it is stored, where it holds points of the database's own."""


@dataclass(frozen=True)
class IndexedShape:
    """A column of circles or polygons which operators and indexes of the database can search."""

    alias: str
    """Alias of the table in the query."""
    table: Table
    stored: exp.Expr
    """The column as it is stored."""
    column: Column


@dataclass(frozen=True)
class MatchSide:
    """One of two places that are asked to be near each other, both different from row to row."""

    lon: exp.Expr
    lat: exp.Expr
    position: IndexedPosition | None
    """Set when the place is the position of a table."""
    source: str | None
    """Alias of the only entry of FROM that the place is made from."""
    is_looked_up: bool
    """Whether an outer join looks these rows up for each row of the other side."""
    is_repeatable: bool
    """Whether the rows of the item may be repeated, each with another key, which the condition of the match picks one
    of."""
    item: exp.Table | exp.Subquery | None
    """That entry of FROM, unless it is a join."""

    @property
    def n_rows(self) -> int:
        """Rows of the table, 0 when that is not known."""
        return 0 if self.position is None else self.position.table.n_rows or 0


@dataclass(frozen=True)
class Reach:
    """How far two places may be from each other [deg]."""

    known_deg: float | None
    value: exp.Expr | None = None
    """In SQL, when it differs from row to row; NULL for no row."""
    source: str | None = None
    """Alias of the only entry of FROM that the value is made from."""


class SqlDialect(ABC):
    """Spelling and spatial index of one database."""

    name: ClassVar[str]
    """Key of SQL templates, and sqlglot's name of the dialect."""

    full_join_needs_equation: ClassVar[bool] = False
    """Whether FULL JOIN works only on conditions with an equation."""

    fence: ClassVar[str] = ""
    """What keeps a subquery from being dissolved into the query around it."""

    few_distances: ClassVar[str | None] = None
    """Template of the distance of two places, NULL for NaN, that is best for few rows; None for the usual one."""

    finds_filters_in_or: ClassVar[bool] = True
    """Whether an index serves conditions inside OR, when all of them have one."""

    exists_of_outer_join: ClassVar[bool] = True
    """Whether EXISTS may be asked about outer joins; DuckDB 1.5 takes one on a constant that no row has for empty."""

    not_in_of_random: ClassVar[bool] = True
    """Whether NOT IN may be asked about a subquery that has random numbers and names of the query around it: DuckDB 2.0
    takes NULLs of rows that its condition leaves out for rows of it."""

    @abstractmethod
    def type_name(self, datatype: DataType) -> str:
        """Return the database's name of a type."""

    @abstractmethod
    def real(self, value: float) -> exp.Expr:
        """Write a finite number as a double."""

    @abstractmethod
    def whole(self, value: exp.Expr, datatype: DataType, result: DataType) -> exp.Expr:
        """Give an operand of integer arithmetic the width of the result, unless the database does it."""

    @abstractmethod
    def quotient(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Divide whole numbers, cutting off the fraction."""

    @abstractmethod
    def remainder(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Return what a division of whole numbers leaves over, with the sign of the dividend; NULL for a divisor 0."""

    @abstractmethod
    def mean(self, value: exp.Expr, again: exp.Expr, *, is_whole: bool) -> exp.Expr:
        """Return the mean: the sum as a double, which is exact before for whole numbers, divided by the count.

        ``again`` is a copy of the value.
        """

    @abstractmethod
    def narrowed(self, value: exp.Expr) -> exp.Expr:
        """Cast a double to a real: too large is an error, too small is 0."""

    @abstractmethod
    def like(self, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Match a pattern in which no character escapes another."""

    def ilike(self, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Match a pattern whatever the case is."""
        return self.like(*(call("vo_functions.caseless", one) for one in (value, pattern)))

    @abstractmethod
    def array(self, *items: exp.Expr) -> exp.Expr:
        """Make an array of doubles."""

    @abstractmethod
    def real_text(self, value: exp.Expr) -> exp.Expr:
        """Write a floating-point number as the shortest text that reads back.

        From 1e-4 to 1e16 it has digits only, beyond an exponent (``1e+16``, ``1e-05``); there are ``NaN``,
        ``Infinity`` and ``-Infinity``.
        """

    @abstractmethod
    def region_filter(self, position: IndexedPosition, region: Region) -> exp.Expr | None:
        """Return a condition that the spatial index serves and that every row in the region meets, or None."""

    def leaves_few(self, position: IndexedPosition, region: Region) -> bool:  # noqa: ARG002 - for dialects that ask
        """Tell whether :meth:`region_filter` leaves so few rows that :attr:`few_distances` is the better one."""
        return False

    @abstractmethod
    def match_filter(self, one: MatchSide, other: MatchSide, reach: Reach) -> exp.Expr | None:
        """Return a condition that finds the rows around each row of a table without looking at all, or None.

        Every pair within the reach meets it. It may change the ``item`` of a side.
        """

    @abstractmethod
    def let(self, values: Mapping[str, str], body: str) -> str:
        """Write an expression in which values have names, which it calls ``v.name``; each value is computed once."""

    @abstractmethod
    def edges(self, polygon: Polygon) -> str:
        """Write the edges of a polygon that is known, as the functions of shapes take them."""

    @abstractmethod
    def in_polygon(self, lon: str, lat: str, polygon: Polygon) -> str:
        """Write the condition that a position is in a polygon that is known; NULL for what is no position."""

    def stored_name(self, table: Table, column: Column) -> str:  # noqa: ARG002 - for databases with names of their own
        """Return the name that a column of a published table has in the database."""
        return column.name

    def read(self, value: exp.Expr, column: Column) -> exp.Expr:  # noqa: ARG002 - for dialects with adopted tables
        """Return the value of a stored column as what it is published as."""
        return value

    def has_shapes(self, column: Column) -> bool:  # noqa: ARG002 - as in read
        """Tell whether a column holds points, circles or polygons of the database's own, which it can search."""
        return False

    def can_search(self, column: Column) -> bool:
        """Tell whether there is a :meth:`shape_filter` for a column of circles or polygons."""
        return self.has_shapes(column)

    def coordinates(self, stored: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
        """Return longitude and latitude of a point of the database's own [deg]."""
        raise NotImplementedError(self.name)

    def shape_filter(self, shape: IndexedShape, lon: exp.Expr, lat: exp.Expr, reach: Reach) -> exp.Expr | None:
        """Return a condition that every shape meets which is not farther from a place than a reach, or None.

        Only asked for columns that it :meth:`can_search`.
        """
        raise NotImplementedError(self.name)

    def closed(self, condition: exp.Expr) -> exp.Expr:
        """Write a condition so that the optimiser takes it as one value, where looking inside would take it long."""
        return condition

    def cast(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Return ``CAST(value AS datatype)``."""
        return cast(value, self.type_name(datatype), self.name)

    def whole_of_text(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Read a text as a whole number; digits with a sign only, anything else is an error."""
        return self.cast(value, datatype)

    @abstractmethod
    def real_of_text(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Read a text as a double or a real: decimal, with or without an exponent, ``NaN``, ``inf`` or ``Infinity``.

        Anything else is an error, and so is a number that is too large for the type, or too small and not 0.
        """

    def summed(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Return what SUM and AVG are given: numbers in which sums do not lose what the result could hold."""
        return self.cast(value, DataType(Primitive.DOUBLE)) if datatype.primitive is Primitive.FLOAT else value

    def text_of(self, value: exp.Expr, datatype: DataType | None) -> exp.Expr:
        """Write a value as text: ISO 8601 with a ``T`` for timestamps, the numbers of shapes as DALI has them."""
        if datatype is None or datatype.is_string or datatype.is_region_text:
            return value
        if datatype.primitive in {Primitive.FLOAT, Primitive.DOUBLE} and not datatype.is_array:
            return self.real_text(value)
        if datatype.is_geometry:
            return call("vo_functions.shape_text", value)
        text = cast(value, "TEXT", self.name)
        if datatype.is_timestamp:
            return call("REPLACE", text, exp.Literal.string(" "), exp.Literal.string("T"))
        return text
