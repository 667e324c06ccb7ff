"""What names mean in a place of a query: the tables of FROM, inside those of the queries around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from vo_server.adql.names import matches
from vo_server.adql.resolved import BoundColumn, MergedColumn
from vo_server.model.table import positions_by_folded_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vo_server.adql.resolved import OutputColumn, Source
    from vo_server.adql.tree import Identifier

__all__ = ["ChainedEntries", "Entries", "Entry", "ListedEntries", "Relation", "Scope", "Shape", "SourceEntries"]


@dataclass(frozen=True, eq=False)
class Entry:
    """A column that can be named."""

    name: str
    meaning: BoundColumn | MergedColumn

    @property
    def origins(self) -> tuple[Source, ...]:
        """Sources the column comes from."""
        if isinstance(self.meaning, MergedColumn):
            return tuple(part.source for part in self.meaning.parts)
        return (self.meaning.source,)


class Entries(ABC):
    """Columns that can be named, in order."""

    @abstractmethod
    def __iter__(self) -> Iterator[Entry]:
        """Give them in order."""

    @abstractmethod
    def __len__(self) -> int:
        """Count them."""

    @abstractmethod
    def folded(self, name: str) -> Sequence[Entry]:
        """Return those of a name in lower case."""

    @abstractmethod
    def aliased(self, name: str) -> Sequence[tuple[str, Entry]]:
        """Return those that are also called by a name in lower case, each after that name as published."""

    @property
    def sources(self) -> frozenset[Source]:
        """Sources that they come from."""
        return frozenset(source for entry in self for source in entry.origins)

    def find(self, identifier: Identifier) -> list[Entry]:
        """Return what an identifier can mean.

        An exact match of a delimited one goes before a folded one, the name of a column before another name of one.
        """
        folded = identifier.name.lower()
        found = [entry for entry in self.folded(folded) if matches(identifier, entry.name)]
        exact = [entry for entry in found if entry.name == identifier.name] if identifier.is_delimited else []
        return exact or found or [entry for alias, entry in self.aliased(folded) if matches(identifier, alias)]


class SourceEntries(Entries):
    """The columns of one source. An entry is made when it is asked for: tables have a thousand columns, queries few."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[int, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return map(self._entry, range(len(self)))

    def __len__(self) -> int:
        return len(self._source.columns)

    def folded(self, name: str) -> Sequence[Entry]:
        """Return those of a name in lower case."""
        return [self._entry(position) for position in self._positions.get(name, ())]

    def aliased(self, name: str) -> Sequence[tuple[str, Entry]]:
        """Return those that are also called by a name in lower case; only columns of published tables are."""
        table = self._source.table
        found = None if table is None else table.by_folded_alias.get(name)
        return [] if found is None else [(found[0], self._entry(found[1]))]

    @property
    def sources(self) -> frozenset[Source]:
        """The source."""
        return frozenset({self._source})

    @cached_property
    def _positions(self) -> Mapping[str, Sequence[int]]:
        table = self._source.table
        return positions_by_folded_name(self._source.columns) if table is None else table.positions_by_folded_name

    def _entry(self, position: int) -> Entry:
        entry = self._made.get(position)
        if entry is None:
            column = self._source.columns[position]
            entry = self._made[position] = Entry(column.name, BoundColumn(self._source, column))
        return entry


class ListedEntries(Entries):
    """Columns of several sources."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def folded(self, name: str) -> Sequence[Entry]:
        """Return those of a name in lower case."""
        return self._by_folded_name.get(name, ())

    def aliased(self, name: str) -> Sequence[tuple[str, Entry]]:
        """Return those that are also called by a name in lower case."""
        return self._by_folded_alias.get(name, ())

    @cached_property
    def _by_folded_name(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self._entries:
            found.setdefault(entry.name.lower(), []).append(entry)
        return found

    @cached_property
    def _by_folded_alias(self) -> dict[str, list[tuple[str, Entry]]]:
        found: dict[str, list[tuple[str, Entry]]] = {}
        for entry in self._entries:
            if any(source.table is not None for source in entry.origins):
                for alias in entry.meaning.column.aliases:
                    found.setdefault(alias.lower(), []).append((alias, entry))
        return found


class ChainedEntries(Entries):
    """Columns of two parts of FROM, side by side."""

    def __init__(self, *parts: Entries) -> None:
        self.parts: tuple[Entries, ...] = tuple(
            part for one in parts for part in (one.parts if isinstance(one, ChainedEntries) else (one,))
        )

    def __iter__(self) -> Iterator[Entry]:
        return chain.from_iterable(self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def folded(self, name: str) -> Sequence[Entry]:
        """Return those of a name in lower case."""
        return [entry for part in self.parts for entry in part.folded(name)]

    def aliased(self, name: str) -> Sequence[tuple[str, Entry]]:
        """Return those that are also called by a name in lower case."""
        return [pair for part in self.parts for pair in part.aliased(name)]


@dataclass(frozen=True, eq=False)
class Relation:
    """Something in FROM with a name: a table, a subquery, a common table, or a join in named parentheses."""

    name: str
    entries: Entries
    full_name: tuple[str, ...] = ()
    """Schema and table (and catalogue, where nothing is known), when it can also be called by them."""
    is_open: bool = False
    """True for a table whose columns are not known: every name is taken as one of its columns."""

    @property
    def index(self) -> Entries:
        """The entries by name."""
        return self.entries

    @property
    def shown(self) -> str:
        """How messages call it: the full name of a published table, else its name in the query."""
        tables = {source.table.full_name for source in self.entries.sources if source.table}
        return tables.pop() if len(tables) == 1 else self.name

    def is_called(self, qualifier: tuple[Identifier, ...]) -> bool:
        """Tell whether a qualifier means this relation."""
        if len(qualifier) == 1:
            return matches(qualifier[0], self.name)
        if len(qualifier) > len(self.full_name):
            if not self.is_open or not self.full_name:
                return False
            qualifier = qualifier[-len(self.full_name) :]  # the rest may be its schema and catalogue
        written = zip(qualifier, self.full_name[-len(qualifier) :], strict=True)
        return all(matches(identifier, name) for identifier, name in written)


@dataclass(frozen=True, eq=False)
class Shape:
    """The columns and relations of a part of FROM."""

    entries: Entries = field(default_factory=ChainedEntries)
    """What ``*`` stands for, in order: merged columns once."""
    relations: tuple[Relation, ...] = ()

    @property
    def index(self) -> Entries:
        """The entries by name."""
        return self.entries

    @property
    def is_open(self) -> bool:
        """True when a table's columns are not known."""
        return any(relation.is_open for relation in self.relations)

    def beside(self, other: Shape) -> Shape:
        """Return the shape of two parts side by side."""
        return Shape(ChainedEntries(self.entries, other.entries), (*self.relations, *other.relations))


@dataclass(frozen=True, eq=False)
class Scope:
    """The names of one query block and those of the blocks around it."""

    shape: Shape = field(default_factory=Shape)
    parent: Scope | None = None
    outputs: tuple[tuple[str, OutputColumn], ...] = ()
    """Output columns that may be named where no column of FROM is meant (in ORDER BY)."""
    aliases: tuple[tuple[Identifier, str], ...] = ()
    """Names that the select list gives, which mean nothing here, and what they stand for; for hints."""

    def outward(self) -> Iterator[Scope]:
        """Yield this scope and those around it, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
