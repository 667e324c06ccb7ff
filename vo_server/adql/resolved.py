"""What resolution finds out about a tree: the meaning of every name, the metadata of every value.

This is where the language ends: an engine gets a :class:`ResolvedQuery` and needs neither the catalogue nor
the text any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.adql.functions import Function
    from vo_server.adql.tree import (
        Call,
        CteDefinition,
        Expression,
        Join,
        QueryNode,
        Select,
        SetOperation,
        TableReference,
    )
    from vo_server.errors import Problem
    from vo_server.model.footprints import CellRanges
    from vo_server.model.table import Column, Table

__all__ = ["BoundColumn", "Derivation", "MergedColumn", "OutputColumn", "ResolvedQuery", "Source"]


@dataclass(frozen=True, eq=False)
class Source:
    """One occurrence of a table, a subquery or a CTE in a FROM clause; compares by identity.

    ``alias`` is unique in the whole query (``t1``, ``t2``, ...), so that generated SQL never captures a name.
    """

    alias: str
    name: str
    """How users call it: the correlation name, or the table's own name."""
    columns: tuple[Column, ...]
    """Columns that can be named through it, in order. For subqueries these are the output columns."""
    table: Table | None = None
    """The published table; its hidden columns are the business of the engine."""
    derivation: Derivation | None = None
    """Where the rows come from when it is not a table: a subquery in place or a CTE."""


Derivation: TypeAlias = "QueryNode | CteDefinition"


@dataclass(frozen=True, eq=False)
class BoundColumn:
    """A name that means a column of a source."""

    source: Source
    column: Column


@dataclass(frozen=True, eq=False)
class MergedColumn:
    """A name that means a column merged by NATURAL or USING: the first of its parts that is not NULL."""

    parts: tuple[BoundColumn, ...]
    column: Column


@dataclass(frozen=True, eq=False)
class OutputColumn:
    """A column of the result of a query block."""

    column: Column
    """Final, unique name and all metadata."""
    value: Expression | BoundColumn | MergedColumn
    """The expression of the select list, or what a star stands for."""


@dataclass(frozen=True, eq=False)
class ResolvedQuery:
    """A query in which every name has one meaning and every value a type."""

    tree: QueryNode
    columns: tuple[Column, ...]
    """Output columns in order."""
    names: Mapping[Expression, BoundColumn | MergedColumn | OutputColumn]
    """Meaning of each ``ColumnName``; an ``OutputColumn`` for a name in ORDER BY or a term of GROUP BY that means one,
    and for an ordinal in ORDER BY."""
    values: Mapping[Expression, Column]
    """Metadata (datatype, unit, UCD, ...) of each expression; the names in these columns have no meaning."""
    functions: Mapping[Call, Function]
    """Declared function behind each call."""
    outputs: Mapping[Select, tuple[OutputColumn, ...]]
    """Output columns of each query block, stars expanded."""
    set_columns: Mapping[SetOperation, tuple[Column, ...]]
    """Output columns of each set operation: names and metadata of the first operand, types widened."""
    sources: Mapping[TableReference, Source]
    """Source of each table name and derived table."""
    merged: Mapping[Join, tuple[MergedColumn, ...]]
    """Columns that each NATURAL or USING join compares and merges. The last part is the right one; the parts before it
    are the left one, which has several after a FULL join."""
    notes: tuple[Problem, ...] = field(default=())
    """What was accepted although the standard does not have it, each with the standard form as its hint; and units that
    do not go together."""
    factors: Mapping[Call, float] = field(default_factory=dict)
    """What each IN_UNIT multiplies its value by."""
    footprints: Mapping[Call, CellRanges] = field(default_factory=dict)
    """The cells that each in_footprint asks for."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Published tables that the query reads, each once."""
        found: dict[str, Table] = {}
        for source in self.sources.values():
            if source.table is not None:
                found.setdefault(source.table.full_name, source.table)
        return tuple(found.values())
