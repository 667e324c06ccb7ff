"""Random conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.differential.scope import Sort
from tests.differential.values import Values, literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.differential.draw import Draw
    from tests.differential.scope import Scope

__all__ = ["Conditions"]

_ORDERED: Final = (Sort.WHOLE, Sort.REAL, Sort.TEXT, Sort.TIME)
_COMPARISONS: Final = ("=", "<", ">", "<=", ">=", "<>", "!=")
_PATTERNS: Final = (
    "%", "star", "_", "%a%", "S%", "%_b%", "a\\b", "%\\%", "50%", "", "%é%", "ångström", "%ΣΊ%", "ς%",
    "__", "qso_", "%''s",
)  # fmt: skip


class Conditions:
    """Draws conditions over a scope.

    Parameters
    ----------
    draw
        The choices.
    scope
        The columns.
    subquery
        Writes a subquery of one column of a sort, which may name the columns of the scope that it is given.
    """

    def __init__(self, draw: Draw, scope: Scope, subquery: Callable[[Sort, Scope | None], str] | None = None) -> None:
        self.draw = draw
        self.values = Values(draw, scope)
        self._scope = scope
        self._subquery = subquery

    def any(self, depth: int = 2) -> str:
        """Return a condition."""
        if depth > 0 and self.draw.chance(45):
            return self.draw.pick((self._and, self._or, self._not, self._nested))(depth - 1)
        return self.predicate()

    def predicate(self) -> str:
        """Return a condition without connectives."""
        makers: list[Callable[[], str]] = [
            self._comparison, self._comparison, self._comparison, self._between, self._in_list, self._is_null,
            self._like, self._of_flag, self._of_approximate,
        ]  # fmt: skip
        if self._subquery is not None:
            makers += [self._in_query, self._exists, self._scalar]
        return makers[self.draw.pick_rare([one.__name__ for one in makers])]()

    def _and(self, depth: int) -> str:
        return " AND ".join(self._operand(depth) for _ in range(self.draw.between(2, 3)))

    def _or(self, depth: int) -> str:
        return " OR ".join(self._operand(depth) for _ in range(self.draw.between(2, 3)))

    def _operand(self, depth: int) -> str:
        text = self.any(depth)
        return f"({text})" if " AND " in text or " OR " in text else text

    def _not(self, depth: int) -> str:
        return f"NOT ({self.any(depth)})"

    def _nested(self, depth: int) -> str:
        return f"({self.any(depth)})"

    # -------------------------------------------------------------------------------------------------- leaves

    def _sort(self) -> Sort:
        return self.draw.pick(_ORDERED)

    def _comparison(self) -> str:
        sort = self._sort()
        left, right = self.values.exact(sort), self.values.exact(self._partner(sort), 1)
        return f"{left.text} {self.draw.pick(_COMPARISONS)} {right.text}"

    def _partner(self, sort: Sort) -> Sort:
        """Return what a sort is compared with; numbers of both sorts are one kind."""
        if sort in {Sort.WHOLE, Sort.REAL} and self.draw.chance(40):
            return Sort.REAL if sort is Sort.WHOLE else Sort.WHOLE
        return sort

    def _between(self) -> str:
        sort = self._sort()
        word = self.draw.pick(("BETWEEN", "NOT BETWEEN"))
        low, high = self.values.exact(self._partner(sort), 1), self.values.exact(self._partner(sort), 1)
        return f"{self.values.exact(sort).text} {word} {low.text} AND {high.text}"

    def _in_list(self) -> str:
        sort = self._sort()
        value = self.values.exact(sort)
        items = [self.values.exact(self._partner(sort), 1).text for _ in range(self.draw.between(1, 4))]
        return f"{value.text} {self.draw.pick(('IN', 'NOT IN'))} ({', '.join(items)})"

    def _is_null(self) -> str:
        value = self.values.exact(self._sort(), 1)
        return f"{value.operand} IS {self.draw.pick(('NULL', 'NOT NULL'))}"

    def _like(self) -> str:
        word = self.draw.pick(("LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"))
        pattern = f"'{self.draw.pick(_PATTERNS)}'" if self.draw.chance(80) else self.values.exact(Sort.TEXT, 1).text
        return f"{self.values.exact(Sort.TEXT).text} {word} {pattern}"

    def _of_flag(self) -> str:
        flag = self.values.column(Sort.FLAG)
        if flag is None:
            return self._comparison()
        form = self.draw.pick(("{} = 1", "{} = 'true'", "{} <> 0", "{} = TRUE", "{}", "{} IS NULL", "1 = {}", "{} > 0"))
        return form.format(flag.text)

    def _of_approximate(self) -> str:
        # An order only: equality would hang on the last digit.
        value = self.values.approximate(1)
        number = literal(self.draw, Sort.REAL)
        return f"{value.operand} {self.draw.pick('<>')} {number.text}7"

    # ---------------------------------------------------------------------------------------------- subqueries

    def _in_query(self) -> str:
        assert self._subquery is not None
        sort = self._sort()
        word = self.draw.pick(("IN", "NOT IN"))
        value = self.values.exact(sort, 1)
        return f"{value.text} {word} ({self._subquery(sort, self._outer())})"

    def _exists(self) -> str:
        assert self._subquery is not None
        return f"{self.draw.pick(('EXISTS', 'NOT EXISTS'))} ({self._subquery(self._sort(), self._outer())})"

    def _scalar(self) -> str:
        assert self._subquery is not None
        sort = self._sort()
        aggregate = self.draw.pick(("MAX", "MIN"))
        inner = self.draw.name("t")
        subquery = self._subquery(sort, None)
        value = self.values.exact(sort, 1)
        comparison = self.draw.pick(_COMPARISONS)
        return f"{value.text} {comparison} (SELECT {aggregate}({inner}.v) FROM ({subquery}) AS {inner})"

    def _outer(self) -> Scope | None:
        """Return the scope for a subquery that names columns of this query."""
        return self._scope if self.draw.chance(60) else None
