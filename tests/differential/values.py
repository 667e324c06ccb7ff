"""Random values of a wanted sort, whose meaning the standard or the project's own rules determine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.differential.calls import Calls
from tests.differential.scope import Sort, Value
from tests.differential.tables import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.differential.draw import Draw
    from tests.differential.scope import Scope

__all__ = ["Values", "literal"]

_WHOLES: Final = (1, 0, 2, 3, 7, 10, 12, 255, 1000, 32768, 65536, 2147483647)
_REALS: Final = ("0.5", "1.5", "2.5", "0.1", "0.3", "1e0", "10.", ".25", "100.0", "1E-3", "3.14159", "123.456")
_TIMES: Final = (
    "2015-01-01",
    "2015-06-01T12:30:00.5",
    "1969-12-31T23:59:59",
    "2020-02-29T00:00:00Z",
    "2000-01-01T12:00:00.123",
)
_INT_MAX: Final = 2**31 - 1


def quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(draw: Draw, sort: Sort) -> Value:
    """Return a literal."""
    if sort is Sort.WHOLE:
        number = draw.pick(_WHOLES)
        return Value(str(number), sort, 32, number, number)
    if sort is Sort.REAL:
        text = draw.pick(_REALS)
        return Value(text, sort, size=float(text))
    if sort is Sort.TEXT:
        return Value(quoted_text(draw.pick(WORDS)), sort)
    if sort is Sort.TIME:
        return Value(f"CAST('{draw.pick(_TIMES)}' AS TIMESTAMP)", sort)
    assert sort is Sort.FLAG, sort
    return Value(draw.pick(("TRUE", "FALSE")), sort)


class Values(Calls):
    """Draws expressions.

    Parameters
    ----------
    draw
        The choices.
    scope
        The columns.
    """

    def __init__(self, draw: Draw, scope: Scope) -> None:
        self.draw = draw
        self.scope = scope

    def exact(self, sort: Sort, depth: int = 2) -> Value:
        """Return a value on which engines must agree bit for bit."""
        if depth <= 0 or not self.draw.chance(70):
            return self.leaf(sort)
        kinds = self._composed[sort]
        return kinds[self.draw.below(len(kinds))](depth - 1)

    def any(self, sort: Sort, depth: int = 2) -> Value:
        """Return a value, perhaps one that is only good to rounding."""
        if sort is Sort.REAL and self.draw.chance(35):
            return self.approximate(depth)
        return self.exact(sort, depth)

    def leaf(self, sort: Sort) -> Value:
        """Return a column or a literal."""
        columns = [one for one in self.scope.values(sort) if one.is_exact]
        if columns and not self.draw.chance(25):
            return columns[self.draw.below(len(columns))]
        return literal(self.draw, sort)

    def column(self, sort: Sort) -> Value | None:
        columns = [one for one in self.scope.values(sort) if one.is_exact]
        return columns[self.draw.below(len(columns))] if columns else None

    def whole_within(self, low: int, high: int, depth: int = 1) -> Value:
        """Return a whole number that keeps to limits."""
        value = self.exact(Sort.WHOLE, depth)
        if low <= value.low and value.high <= high:
            return value
        number = min(max(self.draw.pick(_WHOLES), low), high)
        return Value(str(number), Sort.WHOLE, 32, number, number)

    def tame_real(self, depth: int = 1) -> Value:
        """Return a real number whose products and sums stay far from the limits of its type."""
        value = self.exact(Sort.REAL, depth)
        return value if value.is_tame else literal(self.draw, Sort.REAL)

    @property
    def _composed(self) -> dict[Sort, tuple[Callable[[int], Value], ...]]:
        return {
            Sort.WHOLE: (
                self._whole_arithmetic, self._whole_arithmetic, self._signed_whole, self.whole_call, self.whole_call,
                self._whole_cast, self._choice_of(Sort.WHOLE), self._element,
                self._parenthesised(Sort.WHOLE),
            ),
            Sort.REAL: (
                self._real_arithmetic, self._real_arithmetic, self._signed_real, self.exact_call, self.exact_call,
                self.exact_call, self._real_cast, self._choice_of(Sort.REAL), self._real_element,
                self._parenthesised(Sort.REAL),
            ),
            Sort.TEXT: (
                self._concatenated, self._concatenated, self.text_call, self._text_cast, self._text_cast,
                self._choice_of(Sort.TEXT), self._parenthesised(Sort.TEXT),
            ),
            Sort.TIME: (self.time_call, self._time_cast, self._choice_of(Sort.TIME)),
            Sort.FLAG: (self._flag,),
        }  # fmt: skip

    def _parenthesised(self, sort: Sort) -> Callable[[int], Value]:
        def make(depth: int) -> Value:
            value = self.exact(sort, depth)
            return replace(value, text=f"({value.text})", is_simple=True)

        return make

    # ---------------------------------------------------------------------------------------------- arithmetic

    def _whole_arithmetic(self, depth: int) -> Value:
        left, right = self.exact(Sort.WHOLE, depth), self.exact(Sort.WHOLE, depth)
        operator = self.draw.pick(("+", "-", "*", "/"))
        low, high = _limits(operator, left, right)
        bits = max(32, left.bits, right.bits)
        if not (-(2 ** (bits - 1)) < low and high < 2 ** (bits - 1)):
            return left
        return Value(f"{left.operand} {operator} {right.operand}", Sort.WHOLE, bits, low, high, is_simple=False)

    def _signed_whole(self, depth: int) -> Value:
        value = self.exact(Sort.WHOLE, depth)
        bits = max(32, value.bits)
        if value.low <= -(2 ** (bits - 1)) or value.text[0] in "+-":
            return value
        sign = self.draw.pick("-+")
        low, high = (-value.high, -value.low) if sign == "-" else (value.low, value.high)
        return Value(f"{sign}{value.operand}", Sort.WHOLE, bits, low, high, unit=value.unit, is_simple=False)

    def _real_arithmetic(self, depth: int) -> Value:
        left = self.tame_real(depth)
        right = self.tame_real(depth) if self.draw.chance(60) else self.whole_within(-(10**9), 10**9, depth)
        if self.draw.chance(50):
            left, right = right, left
        size = max(_size(left), 1e-3) * max(_size(right), 1e-3) * 1e3
        if size > 1e25:
            return left if left.sort is Sort.REAL else right
        operator = self.draw.pick(("+", "-", "*", "/"))
        bits = 64 if 64 in {left.bits, right.bits} else 32
        return Value(f"{left.operand} {operator} {right.operand}", Sort.REAL, bits, size=size * 1e3, is_simple=False)

    def _signed_real(self, depth: int) -> Value:
        value = self.exact(Sort.REAL, depth)
        if value.text[0] in "+-":
            return value
        return replace(value, text=f"{self.draw.pick('-+')}{value.operand}", is_simple=False)

    # -------------------------------------------------------------------------------------------- conversions

    def _whole_cast(self, depth: int) -> Value:
        source = self.exact(self.draw.pick((Sort.WHOLE, Sort.REAL)), depth)
        target, bits = self.draw.pick((("BIGINT", 64), ("INTEGER", 32), ("SMALLINT", 16)))
        if source.sort is Sort.REAL:
            # NaN and infinities are errors, which depend on the rows that are left when it is computed.
            source = literal(self.draw, Sort.REAL)
            low, high = -int(source.size) - 1, int(source.size) + 1
        else:
            low, high = source.low, source.high
        if not (-(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1)):
            return self.leaf(Sort.WHOLE)
        return Value(f"CAST({source.text} AS {target})", Sort.WHOLE, bits, low, high, unit=source.unit)

    def _real_cast(self, depth: int) -> Value:
        source = self.exact(self.draw.pick((Sort.REAL, Sort.WHOLE)), depth)
        size = _size(source)
        if self.draw.chance(30) and size < 1e30:
            return Value(f"CAST({source.text} AS REAL)", Sort.REAL, 32, size=size, unit=source.unit)
        return Value(f"CAST({source.text} AS DOUBLE PRECISION)", Sort.REAL, 64, size=size, unit=source.unit)

    def _text_cast(self, depth: int) -> Value:
        sort = self.draw.pick((Sort.WHOLE, Sort.TEXT, Sort.TIME, Sort.REAL, Sort.FLAG))
        if sort is Sort.FLAG and not self.scope.values(sort):
            sort = Sort.WHOLE
        target = self.draw.pick(("VARCHAR", "CHAR", "VARCHAR(3)", "CHAR(4)", "VARCHAR(40)"))
        return Value(f"CAST({self.exact(sort, depth).text} AS {target})", Sort.TEXT)

    def _time_cast(self, depth: int) -> Value:
        return Value(f"CAST({self.exact(Sort.TIME, depth).text} AS TIMESTAMP)", Sort.TIME)

    # --------------------------------------------------------------------------------------------- other forms

    def _concatenated(self, depth: int) -> Value:
        parts = [self.exact(Sort.TEXT, depth).operand for _ in range(self.draw.between(2, 3))]
        return Value(" || ".join(parts), Sort.TEXT, is_simple=False)

    def _element(self, depth: int) -> Value:
        arrays = [one for one in self.scope.values(Sort.ARRAY) if one.bits == 64]
        if not arrays:
            return self.exact(Sort.WHOLE, depth)
        array = self.draw.pick(arrays)
        return Value(f"{array.text}[{self.draw.between(1, 4)}]", Sort.WHOLE, 64, -(2**63), 2**63 - 1)

    def _real_element(self, depth: int) -> Value:
        arrays = [one for one in self.scope.values(Sort.ARRAY) if one.bits == 32]
        if not arrays:
            return self.exact(Sort.REAL, depth)
        array = self.draw.pick(arrays)
        return Value(f"{array.text}[{self.draw.between(1, 3)}]", Sort.REAL, 32, size=1.0)

    def _choice_of(self, sort: Sort) -> Callable[[int], Value]:
        def make(depth: int) -> Value:
            values = [self.exact(sort, depth) for _ in range(self.draw.between(1, 3))]
            texts = [one.text for one in values]
            if self.draw.chance(25):
                texts.insert(self.draw.below(len(texts) + 1), "NULL")
            return Value(
                f"COALESCE({', '.join(texts)})", sort, max(one.bits for one in values),
                min(one.low for one in values), max(one.high for one in values), max(one.size for one in values),
            )  # fmt: skip

        return make

    def _flag(self, _: int) -> Value:
        return self.column(Sort.FLAG) or Value("TRUE", Sort.FLAG)


def _size(value: Value) -> float:
    return float(max(abs(value.low), abs(value.high))) if value.sort is Sort.WHOLE else value.size


def _limits(operator: str, left: Value, right: Value) -> tuple[int, int]:
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    if operator == "*":
        products = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
        return min(products), max(products)
    size = max(abs(left.low), abs(left.high))
    return -size, size
