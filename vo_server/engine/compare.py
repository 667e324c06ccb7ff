"""Two releases of a table side by side: what was added, removed, changed, and given another class.

Rows are told apart by a unique key. All values of a row but the key are compared by one 64-bit hash, so that the join
carries a few bytes of each row, however wide it is; that a changed row has the same hash happens once in 10**19.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.engine.question import SqlForm
    from vo_server.model.table import Table

__all__ = ["ChangeCounts", "ChangedRows", "Kind", "Pair", "Transitions", "class_columns"]

_LONG: Final = DataType(Primitive.LONG)
_TEXT: Final = DataType(Primitive.UNICODE_CHAR, "*")
_CLASSES: Final = ("src.class", "meta.code.class")

_MOST_TRANSITIONS: Final = 10_000
"""Pairs of classes that are told; a column with more is not one of classes."""


class Kind(StrEnum):
    """What can happen to a row."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RECLASSIFIED = "reclassified"


def class_columns(table: Table) -> tuple[str, ...]:
    """Return the columns whose value is a class: the first word of the UCD says so, and it is not a fraction."""
    return tuple(column.name for column in table.visible_columns if _is_class(column))


def _is_class(column: Column) -> bool:
    word = (column.ucd or "").partition(";")[0].lower()
    is_discrete = (
        column.datatype.is_string or column.datatype.is_integer or column.datatype.primitive is Primitive.BOOLEAN
    )
    return is_discrete and any(word == one or word.startswith(f"{one}.") for one in _CLASSES)


@dataclass(frozen=True)
class Pair:
    """Two releases and the columns that tell their rows apart.

    Parameters
    ----------
    old, new
        The releases.
    key
        Names of columns that both have; no two rows of a release have the same values in them.
    """

    old: Table
    new: Table
    key: tuple[str, ...]

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Visible columns of both, but those of the key, in the order of the new release."""
        there = {column.name for column in self.old.visible_columns}
        return tuple(
            column.name for column in self.new.visible_columns if column.name in there and column.name not in self.key
        )

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Columns of classes among these; the new release says which they are."""
        return tuple(name for name in class_columns(self.new) if name in self.values)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Both releases."""
        return (self.old, self.new)

    def joined(self, form: SqlForm) -> str:
        """Write the rows of both as ``o`` and ``n``: keys ``k0...``, classes ``c0...``, hash ``h``; FROM and JOIN."""
        on = " AND ".join(f"o.k{i} = n.k{i}" for i in range(len(self.key)))
        return f"FROM ({self._side(self.old, form)}) AS o FULL JOIN ({self._side(self.new, form)}) AS n ON {on}"

    def _side(self, table: Table, form: SqlForm) -> str:
        values = [(self._value(name, table, form), self._compared(name)) for name in self.values]
        parts = [f"{self._value(name, table, form)} AS k{i}" for i, name in enumerate(self.key)]
        parts += [f"{self._value(name, table, form)} AS c{i}" for i, name in enumerate(self.classes)]
        parts.append(f"{form.hash_of(values)} AS h")
        return f"SELECT {', '.join(parts)}, 1 AS is_there FROM {form.relation(table)}"

    def _is_alike(self, name: str) -> bool:
        """Tell whether the databases compare the values of both releases as they are."""
        one, other = self.old.by_name[name].datatype, self.new.by_name[name].datatype
        is_alike = one.primitive is other.primitive and one.is_array == other.is_array
        return one.xtype == other.xtype and (is_alike or (one.is_string and other.is_string))

    def _compared(self, name: str) -> Column:
        """Return a column as it is compared."""
        if self._is_alike(name):
            return self.new.by_name[name]
        one, other = self.old.by_name[name].datatype, self.new.by_name[name].datatype
        if not (one.is_numeric and other.is_numeric):
            return Column(name, _TEXT)
        return Column(name, _LONG if one.is_integer and other.is_integer else DataType(Primitive.DOUBLE))

    def _value(self, name: str, table: Table, form: SqlForm) -> str:
        """Write a column, as a type that holds the values of both releases where theirs differ."""
        written = form.name(name, table)
        if self._is_alike(name):
            return written
        kind = self._compared(name).datatype
        return f"CAST({written} AS {form.text if kind.is_string else form.integer if kind.is_integer else form.real})"


def _condition(pair: Pair, kind: Kind) -> str:
    both = "o.is_there = 1 AND n.is_there = 1"
    if kind is Kind.ADDED:
        return "o.is_there IS NULL"
    if kind is Kind.REMOVED:
        return "n.is_there IS NULL"
    if kind is Kind.CHANGED:
        return f"{both} AND o.h <> n.h"
    differ = " OR ".join(f"o.c{i} IS DISTINCT FROM n.c{i}" for i in range(len(pair.classes)))
    return f"{both} AND ({differ or '1 = 0'})"


@dataclass(frozen=True)
class ChangeCounts:
    """How many rows were added, removed, changed, and given another class: one row, one pass over both releases."""

    pair: Pair

    @property
    def tables(self) -> tuple[Table, ...]:
        """Both releases."""
        return self.pair.tables

    @property
    def columns(self) -> tuple[Column, ...]:
        """One number of each kind."""
        return tuple(Column(kind.value, _LONG) for kind in Kind)

    def sql(self, form: SqlForm) -> str:
        """Write it."""
        counts = [f"COUNT(*) FILTER (WHERE {_condition(self.pair, kind)}) AS {kind.value}" for kind in Kind]
        return f"SELECT {', '.join(counts)} {self.pair.joined(form)}"


@dataclass(frozen=True)
class Transitions:
    """Numbers of rows by their classes in both releases, most first.

    Parameters
    ----------
    pair
        The releases.
    column
        One of its columns of classes.
    """

    pair: Pair
    column: str

    columns = (Column("old", _TEXT), Column("new", _TEXT), Column("n_rows", _LONG))

    @property
    def tables(self) -> tuple[Table, ...]:
        """Both releases."""
        return self.pair.tables

    def sql(self, form: SqlForm) -> str:
        """Write it."""
        number = self.pair.classes.index(self.column)
        old, new = (f"CAST({side}.c{number} AS {form.text})" for side in ("o", "n"))
        return (
            f"SELECT {old} AS old, {new} AS new, COUNT(*) AS n_rows"
            f" {self.pair.joined(form)} WHERE o.is_there = 1 AND n.is_there = 1"
            f" GROUP BY o.c{number}, n.c{number} ORDER BY n_rows DESC, old, new LIMIT {_MOST_TRANSITIONS}"
        )


@dataclass(frozen=True)
class ChangedRows:
    """The keys of the rows of one kind, in their order; with the classes of both releases where these changed."""

    pair: Pair
    kind: Kind

    @property
    def tables(self) -> tuple[Table, ...]:
        """Both releases."""
        return self.pair.tables

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the key, as the release that has the row describes them, and the classes."""
        table = self.pair.old if self.kind is Kind.REMOVED else self.pair.new
        found = [table.by_name[name] for name in self.pair.key]
        if self.kind is Kind.RECLASSIFIED:
            found += [Column(f"{when}_{name}", _TEXT) for name in self.pair.classes for when in ("old", "new")]
        return tuple(found)

    def sql(self, form: SqlForm) -> str:
        """Write it."""
        side = "o" if self.kind is Kind.REMOVED else "n"
        keys = [f"{side}.k{i}" for i in range(len(self.pair.key))]
        wanted = [f"{key} AS r{i}" for i, key in enumerate(keys)]
        if self.kind is Kind.RECLASSIFIED:
            wanted += self._classes(form, first=len(keys))
        return (
            f"SELECT {', '.join(wanted)} {self.pair.joined(form)} WHERE {_condition(self.pair, self.kind)}"
            f" ORDER BY {', '.join(keys)}"
        )

    def _classes(self, form: SqlForm, *, first: int) -> Sequence[str]:
        sides = [f"{side}.c{i}" for i in range(len(self.pair.classes)) for side in ("o", "n")]
        return [f"CAST({one} AS {form.text}) AS r{number}" for number, one in enumerate(sides, first)]
