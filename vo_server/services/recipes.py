"""Recipes as they are used: those whose tables are published, their queries, and how good they are by the truth."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from vo_server.adql.front import compile_query
from vo_server.errors import AdqlError, MissingError, UsageError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.query import Query
from vo_server.model.table import quoted
from vo_server.services.kept import KeptByCatalogue

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.recipe import Expected, Recipe
    from vo_server.model.table import Catalogue
    from vo_server.services.catalogue import CatalogueService
    from vo_server.services.query import QueryService

__all__ = ["Judgement", "ReadyRecipe", "RecipeService"]

_TIMEOUT_S: Final = 3600.0
"""Longest time for one of the counts of a judgement [s]."""


@dataclass(frozen=True)
class ReadyRecipe:
    """A recipe whose tables are published, compiled with its defaults."""

    recipe: Recipe
    query: ResolvedQuery

    @property
    def tables(self) -> tuple[str, ...]:
        """Full names of the tables that it uses."""
        return tuple(table.full_name for table in self.query.tables)


@dataclass(frozen=True)
class Judgement:
    """How good a selection is, by a table of truth. Objects are counted, each once, not rows."""

    n_selected: int
    """Objects that were selected and are in the table of truth."""
    n_right: int
    """Those of them that are of the class."""
    n_class: int
    """Objects of the class in the table that was selected from."""

    @property
    def purity(self) -> float | None:
        """Share of the selected objects that are of the class; None when nothing was selected."""
        return self.n_right / self.n_selected if self.n_selected else None

    @property
    def completeness(self) -> float | None:
        """Share of the objects of the class that are selected; None when there is none."""
        return self.n_right / self.n_class if self.n_class else None


class RecipeService:
    """Knows the recipes.

    Parameters
    ----------
    read
        Reads all recipes; called when they are first wanted.
    catalogue
        What they are compiled against.
    queries
        Runs their queries.
    """

    def __init__(
        self, *, read: Callable[[], tuple[Recipe, ...]], catalogue: CatalogueService, queries: QueryService
    ) -> None:
        self._read = read
        self._catalogue = catalogue
        self._queries = queries
        self._ready = KeptByCatalogue(self._found)

    @cached_property
    def all(self) -> tuple[Recipe, ...]:
        """All recipes, whether or not their tables are published.

        Raises
        ------
        ConfigurationError
            If one of the files does not hold together.
        """
        return self._read()

    def get(self, name: str) -> Recipe:
        """Return a recipe by its name, an alias, or the last part of its name where that is enough.

        Raises
        ------
        MissingError
            If there is none of that name; the hint has the nearest ones.
        UsageError
            If several end so.
        """
        for recipe in self.all:
            if name == recipe.name or name in recipe.aliases:
                return recipe
        ending = [recipe for recipe in self.all if recipe.name.rpartition("/")[2] == name]
        if len(ending) == 1:
            return ending[0]
        if ending:
            raise UsageError(
                f"{name!r} is the end of several names", hint="write " + " or ".join(one.name for one in ending)
            )
        near = difflib.get_close_matches(name, [recipe.name for recipe in self.all], n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`vo-server recipe list` has all"
        raise MissingError(f"no recipe is called {name!r}", hint=hint)

    def ready(self, caller: Identity = ANONYMOUS) -> tuple[ReadyRecipe, ...]:
        """Return the recipes that a caller can run now: those whose tables and columns are there.

        The same object for all who see the same tables, until something is published or removed.
        """
        return self._ready.of(self._catalogue.load(caller))

    def _found(self, catalogue: Catalogue) -> tuple[ReadyRecipe, ...]:
        found = []
        for recipe in self.all:
            try:
                found.append(ReadyRecipe(recipe, compile_query(recipe.query(), catalogue)))
            except AdqlError:
                continue  # Its tables are not published here, or not with these columns.
        return tuple(found)

    def judge(
        self, recipe: Recipe, given: Mapping[str, str] | None = None, *, caller: Identity = ANONYMOUS
    ) -> Judgement:
        """Measure how good a selection is by its table of truth, which has to be published.

        Raises
        ------
        UsageError
            If the recipe is not one of a class.
        AdqlError
            If a table is not published.
        """
        expected = recipe.expected
        if expected is None:
            raise UsageError(f"recipe {recipe.name} does not select a class that could be judged")

        def count(source: str, condition: str = "") -> int:
            joined = " AND ".join(f"s.{quoted(here)} = t.{quoted(there)}" for here, there in expected.key.items())
            return self._count(
                f"SELECT COUNT(*) AS n FROM (SELECT DISTINCT {_truth_key(expected)} FROM {source} AS s "
                f"JOIN {_full(expected.truth)} AS t ON {joined}{condition}) AS objects",
                caller,
            )

        selected = f"({recipe.query(given)})"
        is_right = ' WHERE t."class" = \'' + expected.class_name.replace("'", "''") + "'"
        return Judgement(
            n_selected=count(selected),
            n_right=count(selected, is_right),
            n_class=count(_full(expected.table), is_right),
        )

    def _count(self, adql: str, caller: Identity) -> int:
        with closing(self._queries.run(Query(adql), timeout_s=_TIMEOUT_S, caller=caller)) as result:
            (number,) = [value for batch in result.batches for value in batch.column(0).to_pylist()]
        return int(number)


def _truth_key(expected: Expected) -> str:
    return ", ".join(f"t.{quoted(column)}" for column in expected.key.values())


def _full(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))
