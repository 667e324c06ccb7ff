"""Random queries whose answers are determined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.differential.conditions import Conditions
from tests.differential.groups import Groups
from tests.differential.scope import TABLES, Scope, Sort, Source, Value, columns_of
from tests.differential.values import Values, literal

if TYPE_CHECKING:
    from tests.differential.draw import Draw

__all__ = ["Queries", "Query"]

_SMALL: Final = ("odd.numbers", "odd.texts", "sky.tiny", "sky.pairs", "odd.places", "odd.fields")
_OUTPUTS: Final = (Sort.WHOLE, Sort.REAL, Sort.TEXT, Sort.TIME)
_SET_WORDS: Final = ("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
_MOST_NESTED: Final = 2


@dataclass(frozen=True)
class Query:
    """A query and what its answer must be compared by."""

    text: str
    columns: tuple[Value, ...]
    is_ordered: bool = False
    """Whether rows have one order only."""


class Queries:
    """Draws queries."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self._ctes: list[Source] = []

    def any(self) -> Query:
        """Return a query."""
        kinds = (self._plain, self._grouped, self._set_operation, self._with)
        query = kinds[self.draw.pick((0, 0, 0, 1, 1, 2, 3))]()
        return self._finished(query)

    # ------------------------------------------------------------------------------------------------ top level

    def _finished(self, query: Query) -> Query:
        """Perhaps give a query an order, by all columns, and cut it."""
        if not all(one.is_exact and one.sort in _OUTPUTS for one in query.columns) or not self.draw.chance(40):
            return query
        return self._ordered(query)

    def _ordered(self, query: Query) -> Query:
        places = list(range(1, len(query.columns) + 1))
        if self.draw.chance(50):
            places.reverse()
        by_name = self.draw.chance(50)
        terms = [(f"c{place}" if by_name else str(place)) + self.draw.pick(("", " ASC", " DESC")) for place in places]
        text = f"{query.text} ORDER BY {', '.join(terms)}"
        if self.draw.chance(40):
            text += f" OFFSET {self.draw.between(0, 12)}"
        if self.draw.chance(50) and text.startswith("SELECT ") and "TOP" not in text[:30] and not self._is_set(text):
            words = next(one for one in ("SELECT DISTINCT ", "SELECT ALL ", "SELECT ") if text.startswith(one))
            text = f"{words}TOP {self.draw.between(0, 20)} {text.removeprefix(words)}"
        return replace(query, text=text, is_ordered=True)

    @staticmethod
    def _is_set(text: str) -> bool:
        return any(f" {word} " in text for word in ("UNION", "EXCEPT", "INTERSECT"))

    def _with(self) -> Query:
        """Put one or two queries into WITH."""
        parts = []
        for _ in range(self.draw.between(1, 2)):
            name = self.draw.name("w")
            inner = self._sub(self.draw.between(1, 3), 1)
            parts.append(f"{name} AS ({inner.text})")
            self._ctes.append(_source(name, inner))
        query = self._plain() if self.draw.chance(60) else self._grouped()
        return replace(query, text=f"WITH {', '.join(parts)} {query.text}")

    # ------------------------------------------------------------------------------------------------- blocks

    def _plain(self, nested: int = 0) -> Query:
        scope, tables = self._from(nested)
        values = Values(self.draw, scope)
        is_distinct = self.draw.chance(15)
        columns = []
        for _ in range(self.draw.between(1, 5)):
            sort = self.draw.pick(_OUTPUTS)
            columns.append(values.exact(sort, 3) if is_distinct else values.any(sort, 3))
        if not is_distinct and self.draw.chance(25):
            columns += self._odd_columns(scope)
        word = "SELECT DISTINCT" if is_distinct else self.draw.pick(("SELECT", "SELECT", "SELECT ALL"))
        return self._block(word, columns, tables, self._where(scope, nested))

    def _odd_columns(self, scope: Scope) -> list[Value]:
        """Return columns of the sorts that nothing is computed with."""
        sorts = (Sort.FLAG, Sort.ARRAY, Sort.POINT, Sort.CIRCLE, Sort.POLYGON)
        columns = [one for sort in sorts for one in scope.values(sort)[:1]]
        shapes = [one.text for one in columns if one.sort in {Sort.POINT, Sort.CIRCLE, Sort.POLYGON}]
        last = shapes[-1] if shapes else "CIRCLE(1, 2, 3)"
        made = [Value(f"COORDSYS({last})", Sort.TEXT), Value(f"CAST({last} AS VARCHAR)", Sort.TEXT)]
        return [*columns, *made, Values(self.draw, scope).shape_call()]

    def _grouped(self, nested: int = 0) -> Query:
        scope, tables = self._from(nested)
        groups = Groups(self.draw, scope)
        terms = groups.terms()
        columns = [*terms, *groups.aggregates(self.draw.between(1, 3))]
        tail = self._where(scope, nested)
        if terms:
            tail += f" GROUP BY {', '.join(one.text for one in terms)}"
        if terms and self.draw.chance(40):
            tail += f" HAVING {groups.having()}"
        return self._block("SELECT", columns, tables, tail)

    def _set_operation(self) -> Query:
        sorts = [self.draw.pick(_OUTPUTS) for _ in range(self.draw.between(1, 3))]
        columns, text = None, ""
        for at in range(self.draw.between(2, 3)):
            operand = self._operand(sorts)
            columns = operand.columns if columns is None else columns
            written = f"({operand.text})" if self.draw.chance(25) else operand.text
            text += f" {self.draw.pick(_SET_WORDS)} {written}" if at else written
        assert columns is not None
        return Query(text, tuple(columns))

    def _operand(self, sorts: list[Sort]) -> Query:
        scope, tables = self._from(_MOST_NESTED)
        values = Values(self.draw, scope)
        # Small values, so that operands have rows in common.
        columns = [values.exact(sort, self.draw.below(2)) for sort in sorts]
        return self._block("SELECT", columns, tables, self._where(scope, _MOST_NESTED))

    def _block(self, word: str, columns: list[Value], tables: str, tail: str) -> Query:
        items = [f"{one.text} AS c{at}" for at, one in enumerate(columns, start=1)]
        return Query(f"{word} {', '.join(items)} FROM {tables}{tail}", tuple(columns))

    def _where(self, scope: Scope, nested: int) -> str:
        if not self.draw.chance(65):
            return ""
        subquery = self._subquery if nested < _MOST_NESTED else None
        return f" WHERE {Conditions(self.draw, scope, subquery).any()}"

    # -------------------------------------------------------------------------------------------- subqueries

    def _sub(self, n_columns: int, nested: int) -> Query:
        """Return a query whose columns can be named in another one."""
        if self.draw.chance(25):
            query = self._grouped(nested)
        else:
            scope, tables = self._from(nested)
            values = Values(self.draw, scope)
            columns = [values.exact(self.draw.pick(_OUTPUTS), 1) for _ in range(n_columns)]
            query = self._block("SELECT", columns, tables, self._where(scope, nested))
            if self.draw.chance(20):
                query = self._ordered(query)
        return query

    def _subquery(self, sort: Sort, outer: Scope | None) -> str:
        """Return a query of one column, ``v``."""
        scope, tables = self._from(_MOST_NESTED)
        # Names of the outer query must not be hidden, nor be taken for names of the inner one.
        scope.is_bare = False
        scope.outer = outer
        inner = Scope(scope.sources, scope.merged)
        value = Values(self.draw, inner).exact(sort, 1)
        where = ""
        if outer is not None or self.draw.chance(50):
            where = f" WHERE {Conditions(self.draw, scope).any(1)}"
        return f"SELECT {value.text} AS v FROM {tables}{where}"

    # ------------------------------------------------------------------------------------------------- tables

    def _from(self, nested: int) -> tuple[Scope, str]:
        ways = [self._one, self._one, self._comma, self._inner, self._outer_join, self._natural, self._using]
        if nested < _MOST_NESTED:
            ways += [self._derived, self._derived]
        return ways[self.draw.pick_rare([(at, one.__name__) for at, one in enumerate(ways)])](nested)

    def _table(self) -> tuple[Source, str]:
        if self._ctes and self.draw.chance(60):
            cte = self.draw.pick(self._ctes)
            alias = self.draw.name("a")
            return replace(cte, alias=alias), f"{cte.alias} AS {alias}"
        name = self.draw.pick(_SMALL)
        alias = self.draw.name("a")
        word = self.draw.pick((" AS", ""))
        return Source(alias, columns_of(TABLES[name]), name), f"{name}{word} {alias}"

    def _one(self, _: int) -> tuple[Scope, str]:
        source, text = self._table()
        return Scope([source], is_bare=self.draw.chance(30)), text

    def _comma(self, _: int) -> tuple[Scope, str]:
        (one, left), (other, right) = self._table(), self._table()
        return Scope([one, other]), f"{left}, {right}"

    def _inner(self, nested: int) -> tuple[Scope, str]:
        return self._joined(self.draw.pick(("JOIN", "INNER JOIN")), nested)

    def _outer_join(self, nested: int) -> tuple[Scope, str]:
        words = ("LEFT JOIN", "RIGHT JOIN", "LEFT OUTER JOIN", "RIGHT OUTER JOIN", "FULL JOIN", "FULL OUTER JOIN")
        return self._joined(self.draw.pick(words), nested)

    def _joined(self, words: str, _: int) -> tuple[Scope, str]:
        (one, left), (other, right) = self._table(), self._table()
        scope = Scope([one, other])
        first, second = (self._key(source) for source in (one, other))
        condition = f"{first} = {second}"
        # FULL JOIN needs an equation, and PostgreSQL one that it can hash or merge by.
        if self.draw.chance(40) and not words.startswith("FULL"):
            condition += f" AND {Conditions(self.draw, scope).predicate()}"
        text = f"{left} {words} {right} ON {condition}"
        if self.draw.chance(20) and not words.startswith("FULL"):
            third, name = self._table()
            scope = Scope([one, other, third])
            keys = self._key(other), self._key(third)
            join = self.draw.pick(("JOIN", "LEFT JOIN"))
            text += f" {join} {name} ON {keys[0]} = {keys[1]}"
        return scope, text

    def _key(self, source: Source) -> str:
        return self._keys(source)[0]

    def _keys(self, source: Source) -> list[str]:
        wholes = [one.text for one in Scope([source]).values(Sort.WHOLE) if one.is_exact]
        return wholes or [literal(self.draw, Sort.WHOLE).text]

    def _tables_with_id(self) -> list[tuple[Source, str]]:
        found = []
        for name in (
            self.draw.pick(("odd.numbers", "sky.tiny", "odd.texts")),
            self.draw.pick(("sky.pairs", "odd.texts", "odd.places")),
        ):
            alias = self.draw.name("a")
            found.append((Source(alias, columns_of(TABLES[name]), name), f"{name} AS {alias}"))
        return found

    def _natural(self, _: int) -> tuple[Scope, str]:
        (one, left), (other, right) = self._tables_with_id()
        right_names = {name for name, _ in other.columns}
        common = tuple(name for name, _ in one.columns if name in right_names)
        sorts = [dict(source.columns)[name].sort for source in (one, other) for name in common]
        half = len(sorts) // 2
        if sorts[:half] != sorts[half:]:
            return self._using(0)
        words = self.draw.pick(("NATURAL JOIN", "NATURAL LEFT JOIN", "NATURAL FULL JOIN", "NATURAL INNER JOIN"))
        return Scope([one, other], merged=common), f"{left} {words} {right}"

    def _using(self, _: int) -> tuple[Scope, str]:
        (one, left), (other, right) = self._tables_with_id()
        words = self.draw.pick(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN"))
        return Scope([one, other], merged=("id",)), f"{left} {words} {right} USING (id)"

    def _derived(self, nested: int) -> tuple[Scope, str]:
        inner = self._sub(self.draw.between(1, 3), nested + 1)
        alias = self.draw.name("d")
        return Scope([_source(alias, inner)]), f"({inner.text}) AS {alias}"


def _source(alias: str, query: Query) -> Source:
    columns = tuple((f"c{at}", replace(value, is_simple=True)) for at, value in enumerate(query.columns, start=1))
    return Source(alias, columns)
