"""Random terms of GROUP BY, set functions and conditions of HAVING."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.differential.scope import Sort, Value
from tests.differential.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.differential.draw import Draw
    from tests.differential.scope import Scope

__all__ = ["Groups"]

_ORDERED: Final = (Sort.WHOLE, Sort.REAL, Sort.TEXT, Sort.TIME)
_NOISE: Final = 1e-12
"""Rounding of a sum of some thousand numbers, in units of the largest one."""
_MOST_ROWS: Final = 10**6
"""More than any generated query has in a group."""


class Groups:
    """Draws what a query with groups is made of."""

    def __init__(self, draw: Draw, scope: Scope) -> None:
        self.draw = draw
        self._values = Values(draw, scope)

    def terms(self) -> list[Value]:
        """Return terms of GROUP BY: none to three."""
        count = self.draw.pick((1, 1, 2, 0, 3))
        found: dict[str, Value] = {}
        for _ in range(count):
            value = self._values.column(self.draw.pick(_ORDERED)) if self.draw.chance(60) else None
            value = value or self._values.exact(self.draw.pick(_ORDERED), 1)
            if self._names_a_column(value.text) and "RAND" not in value.text.upper():
                found.setdefault(value.text, value)
        return list(found.values())

    def _names_a_column(self, text: str) -> bool:
        """Tell whether a term is more than a constant, which GROUP BY does not take."""
        columns = [one.text for sort in _ORDERED for one in self._values.scope.values(sort)]
        return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for name in columns)

    def aggregates(self, count: int) -> list[Value]:
        """Return set functions."""
        makers: tuple[Callable[[], Value], ...] = (
            self._count_rows, self._count, self._count_distinct, self._sum, self._real_sum, self._average,
            self._extreme, self._median, self._quantile, self._deviation, self._histogram, self._texts,
        )  # fmt: skip
        keys = [one.__name__ for one in makers]
        return [makers[self.draw.pick_rare(keys)]() for _ in range(count)]

    def having(self) -> str:
        """Return a condition of set functions."""
        value = self.draw.pick((self._count_rows, self._count_distinct, self._extreme_whole))()
        return f"{value.text} {self.draw.pick(('>', '<', '>=', '=', '<>'))} {self.draw.between(0, 5)}"

    def _count_rows(self) -> Value:
        return _long("COUNT(*)")

    def _count(self) -> Value:
        word = self.draw.pick(("", "ALL "))
        return _long(f"COUNT({word}{self._values.exact(self.draw.pick(_ORDERED), 1).text})")

    def _count_distinct(self) -> Value:
        return _long(f"COUNT(DISTINCT {self._values.exact(self.draw.pick(_ORDERED), 1).text})")

    def _sum(self) -> Value:
        limit = 2**63 // _MOST_ROWS
        word = self.draw.pick(("", "", "DISTINCT "))
        return _long(f"SUM({word}{self._values.whole_within(-limit, limit, 1).text})")

    def _real_sum(self) -> Value:
        # The order of the rows decides about the last digits.
        return _rounded("SUM({})", self._values.tame_real(1))

    def _average(self) -> Value:
        value = self._values.tame_real(1) if self.draw.chance(50) else self._values.whole_within(-(10**12), 10**12, 1)
        word = self.draw.pick(("", "", "DISTINCT "))
        return _rounded(f"AVG({word}{{}})", value)

    def _extreme(self) -> Value:
        value = self._values.exact(self.draw.pick(_ORDERED), 1)
        text = f"{self.draw.pick(('MIN', 'MAX'))}({value.text})"
        return Value(text, value.sort, value.bits, value.low, value.high, value.size)

    def _extreme_whole(self) -> Value:
        return Value(f"MAX({self._values.exact(Sort.WHOLE, 1).text})", Sort.WHOLE, 64, -(2**63), 2**63 - 1)

    def _median(self) -> Value:
        return self._between_values("median({})")

    def _quantile(self) -> Value:
        return self._between_values(f"quantile({{}}, {self.draw.pick(('0.5', '0', '1', '0.9', '0.25'))})")

    def _between_values(self, form: str) -> Value:
        """Interpolate: between an infinity and a number there is -Infinity on one engine and NaN on the other."""
        columns = [one for one in self._values.scope.values(Sort.REAL) if one.is_exact and _is_finite(one.text)]
        value = self.draw.pick(columns) if columns else self._values.whole_within(-(10**9), 10**9, 1)
        return _rounded(form, value)

    def _deviation(self) -> Value:
        return self._of_reals("stddev({})")

    def _of_reals(self, form: str) -> Value:
        return _rounded(form, self._values.tame_real(1))

    def _histogram(self) -> Value:
        limits = self.draw.pick(("0, 10, 5", "-100, 100, 4", "0, 1, 1", "1, 0, 3"))
        return Value(f"ivo_histogram({self._values.tame_real(1).text}, {limits})", Sort.ARRAY, 0)

    def _texts(self) -> Value:
        delimiter = self.draw.pick(("', '", "''", "'#'"))
        return Value(f"ivo_string_agg({self._values.exact(Sort.TEXT, 1).text}, {delimiter})", Sort.TEXT)


def _is_finite(name: str) -> bool:
    return name.rpartition(".")[2] in {"ra", "dec", "lon", "lat", "length", "angle", "mag", "reach"}


def _rounded(form: str, value: Value) -> Value:
    """Return a set function whose last digits depend on the order of the rows."""
    size = max(float(abs(value.low)), float(abs(value.high)), value.size, 1.0)
    return Value(form.format(value.text), Sort.REAL, size=float("inf"), is_exact=False, noise=_NOISE * size)


def _long(text: str) -> Value:
    return Value(text, Sort.WHOLE, 64, -(2**63), 2**63 - 1)
