"""The note-book of a resolution: what has been found out so far, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

from vo_server.adql.marks import UNKNOWN
from vo_server.adql.suggest import did_you_mean, nearest
from vo_server.adql.tree import QueryNode, SetOperation
from vo_server.errors import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vo_server.adql.function import Function
    from vo_server.adql.resolved import BoundColumn, MergedColumn, OutputColumn, Source
    from vo_server.adql.tree import (
        Call,
        CteDefinition,
        Expression,
        Join,
        Node,
        Select,
        TableReference,
    )
    from vo_server.model.footprints import CellRanges
    from vo_server.model.table import Catalogue, Column

__all__ = ["CommonTable", "CommonTables", "Resolution"]


@dataclass(frozen=True, eq=False)
class CommonTable:
    """A common table that may be named, with its output columns."""

    definition: CteDefinition
    columns: tuple[Column, ...]


CommonTables = tuple[CommonTable, ...]

MAX_PROBLEMS: Final = 100
"""Mistakes of one query that are told."""

MAX_GUESSES: Final = 20
"""Mistakes of one query for which near names are looked for, which takes a while among thousands of names."""


@dataclass(eq=False)
class Resolution:
    """Mutable while a query is resolved; the parts of :class:`~vo_server.adql.resolved.ResolvedQuery`."""

    catalogue: Catalogue
    text: str
    is_open: bool = False
    """True when unknown tables, columns and functions are taken as given."""
    names: dict[Expression, BoundColumn | MergedColumn | OutputColumn] = field(default_factory=dict)
    values: dict[Expression, Column] = field(default_factory=dict)
    functions: dict[Call, Function] = field(default_factory=dict)
    outputs: dict[Select, tuple[OutputColumn, ...]] = field(default_factory=dict)
    set_columns: dict[SetOperation, tuple[Column, ...]] = field(default_factory=dict)
    sources: dict[TableReference, Source] = field(default_factory=dict)
    merged: dict[Join, tuple[MergedColumn, ...]] = field(default_factory=dict)
    factors: dict[Call, float] = field(default_factory=dict)
    footprints: dict[Call, CellRanges] = field(default_factory=dict)
    n_footprint_cells: int = 0
    """Cells of all of these."""
    plain: dict[Expression, object] = field(default_factory=dict)
    """Values without a unit; see :mod:`vo_server.adql.measure`."""
    open_selects: set[Select] = field(default_factory=set)
    """Query blocks with a star for columns that are not known: every name is taken as one of their columns."""
    n_columns: int = 0
    """Output columns of all query blocks so far."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    _aliases: Iterator[int] = field(default_factory=lambda: count(1))
    _n_guesses: int = 0

    def new_alias(self) -> str:
        """Return an alias that no other source has."""
        return f"t{next(self._aliases)}"

    @property
    def is_full(self) -> bool:
        """True when no more mistakes are written down."""
        return len(self.problems) >= MAX_PROBLEMS

    def value(self, node: Expression) -> Column:
        """Return the metadata of an expression that was visited."""
        return self.values.get(node, UNKNOWN)

    def is_open_query(self, query: QueryNode | Select | SetOperation) -> bool:
        """Tell whether the output columns of a query are not all known."""
        bodies: list[QueryNode | Select | SetOperation] = [query]
        while bodies:
            body = bodies.pop()
            if isinstance(body, QueryNode):
                bodies.append(body.body)
            elif isinstance(body, SetOperation):
                bodies.extend(body.operands)
            elif body in self.open_selects:
                return True
        return False

    def source_text(self, node: Node) -> str:
        """Return how the user wrote something."""
        return self.text[node.span.start : node.span.end]

    def report(self, kind: ProblemKind, message: str, node: Node, *, hint: str | None = None) -> None:
        """Add a mistake, unless there are very many already."""
        if not self.is_full:
            self.problems.append(Problem(kind, message, node.span, _short(self.source_text(node)), hint))

    def guess(self, name: str, known: Iterable[str], *, are_names: bool = True) -> str | None:
        """Return ``did you mean x?`` for the first mistakes of a query; None later, or when nothing comes near."""
        if self._n_guesses >= MAX_GUESSES:
            return None
        self._n_guesses += 1
        return did_you_mean(name, known, are_names=are_names)

    def near(self, name: str, known: Iterable[str]) -> str | None:
        """Return the one name that is almost the same as another one, for the first mistakes of a query."""
        if self._n_guesses >= MAX_GUESSES:
            return None
        self._n_guesses += 1
        return nearest(name, known)

    def note(self, message: str, node: Node, *, hint: str | None, kind: ProblemKind = ProblemKind.NONSTANDARD) -> None:
        """Add something to tell with the answer, such as what the standard does not have."""
        self.notes.append(Problem(kind, message, node.span, _short(self.source_text(node)), hint))


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line of a terminal
