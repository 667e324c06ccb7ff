"""What names mean in a place of a query: the tables of FROM, inside those of the queries around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from vo_server.adql.names import matches
from vo_server.adql.resolved import BoundColumn, MergedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vo_server.adql.resolved import OutputColumn, Source
    from vo_server.adql.tree import Identifier

__all__ = ["Entry", "Relation", "Scope", "Shape"]


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


class _Index:
    """Entries by name."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._by_folded_name: dict[str, list[Entry]] = {}
        for entry in entries:
            self._by_folded_name.setdefault(entry.name.lower(), []).append(entry)

    def find(self, identifier: Identifier) -> list[Entry]:
        """Return what an identifier can mean; an exact match of a delimited one goes before a folded one."""
        found = [
            entry for entry in self._by_folded_name.get(identifier.name.lower(), ()) if matches(identifier, entry.name)
        ]
        exact = [entry for entry in found if entry.name == identifier.name] if identifier.is_delimited else []
        return exact or found


@dataclass(frozen=True, eq=False)
class Relation:
    """Something in FROM with a name: a table, a subquery, a common table, or a join in named parentheses."""

    name: str
    entries: tuple[Entry, ...]
    full_name: tuple[str, ...] = ()
    """Schema and table (and catalogue, where nothing is known), when it can also be called by them."""
    is_open: bool = False
    """True for a table whose columns are not known: every name is taken as one of its columns."""

    @cached_property
    def index(self) -> _Index:
        """The entries by name."""
        return _Index(self.entries)

    @property
    def shown(self) -> str:
        """How messages call it: the full name of a published table, else its name in the query."""
        tables = {source.table.full_name for entry in self.entries for source in entry.origins if source.table}
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

    entries: tuple[Entry, ...] = ()
    """What ``*`` stands for, in order: merged columns once."""
    relations: tuple[Relation, ...] = ()

    @cached_property
    def index(self) -> _Index:
        """The entries by name."""
        return _Index(self.entries)

    @property
    def is_open(self) -> bool:
        """True when a table's columns are not known."""
        return any(relation.is_open for relation in self.relations)

    def beside(self, other: Shape) -> Shape:
        """Return the shape of two parts side by side."""
        return Shape((*self.entries, *other.entries), (*self.relations, *other.relations))


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
