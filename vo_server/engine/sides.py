"""The values on both sides of a comparison, with one meaning of NaN and NULL on every engine.

Databases sort NaN above all numbers, so that ``NaN >= 0.3`` is true in them. Here NaN behaves like NULL in every
comparison: no row is selected because a number is missing. Where only the truth of a condition counts
(``Ask.is_positive``) a bare column gets a second bound, ``x >= 0.3 AND x <= Infinity``, which indexes and the minima
and maxima of row groups serve as well as the first (DuckDB drops it when its statistics know no NaN: measured, it costs
nothing); everything else is compared as ``NULLIF(x, NaN)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.tree import ColumnName, Expression, NumberLiteral, StringLiteral
from vo_server.engine.fold import constant, unwrapped, whole_literal
from vo_server.engine.instants import instant_text
from vo_server.engine.lower import refusal
from vo_server.engine.numbers import beyond_long
from vo_server.engine.sqltree import all_of, quantity, wrapped
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType, Kind, Primitive

if TYPE_CHECKING:
    from vo_server.engine.lower import Lowering

__all__ = ["Side", "compared", "is_longer_than_float", "may_be_nan", "without_nan"]

_COMPARISONS: Final[dict[str, type[exp.Binary]]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_TRUTHS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def may_be_nan(datatype: DataType | None) -> bool:
    """Tell whether values of a type can be NaN."""
    return datatype is not None and datatype.primitive in {Primitive.FLOAT, Primitive.DOUBLE} and not datatype.is_array


def is_longer_than_float(one: DataType | None, other: DataType | None) -> bool:
    """Tell whether DuckDB would compare whole numbers of the first type with the other as floats, of 24 bits."""
    return (
        one is not None
        and other is not None
        and one.primitive in {Primitive.INT, Primitive.LONG}
        and other.primitive is Primitive.FLOAT
        and not other.is_array
    )


def without_nan(lowering: Lowering, value: exp.Expr) -> exp.Expr:
    """Return a number with NULL in place of NaN."""
    return exp.Nullif(this=value, expression=_special(lowering, "NaN"))


def _special(lowering: Lowering, text: str) -> exp.Expr:
    return lowering.dialect.cast(exp.Literal.string(text), _DOUBLE)


class Side:
    """One value of a comparison."""

    def __init__(self, lowering: Lowering, node: Expression, value: exp.Expr) -> None:
        self.lowering = lowering
        self.node = node
        self.value = value
        self.datatype = lowering.type_of(node)

    @property
    def kind(self) -> Kind:
        """What the value is to the language."""
        return Kind.NULL if self.datatype is None else self.datatype.kind

    @property
    def may_be_nan(self) -> bool:
        """Whether the value can be NaN."""
        return may_be_nan(self.datatype) and constant(self.node) is None

    def without_nan(self) -> exp.Expr:
        """Return the value with NULL in place of NaN."""
        return without_nan(self.lowering, self.value) if self.may_be_nan else self.value

    def below_infinity(self) -> exp.Expr:
        """Return a condition that all numbers meet and NaN does not."""
        return exp.LTE(this=self.lowering.duplicate(self.value), expression=_special(self.lowering, "Infinity"))

    def fitted_to(self, other: Side) -> None:
        """Change the value so that it can be compared with another one of another kind."""
        literal = unwrapped(self.node)
        if other.kind is Kind.BOOLEAN and _truth(literal) is not None:
            self.value = exp.Boolean(this=_truth(literal))
        elif self.kind is Kind.STRING and other.kind is Kind.NUMBER:
            self.value = self._number(other)
        elif self.kind is Kind.STRING and other.kind is Kind.TIMESTAMP:
            self.value = self._instant(other.datatype)
        elif other.datatype is not None and other.datatype.primitive is Primitive.FLOAT:
            known = constant(literal)
            if known is not None:
                self.value = self.lowering.dialect.real(float(known))
            elif is_longer_than_float(self.datatype, other.datatype):
                self.value = self.lowering.dialect.cast(self.value, _DOUBLE)
        else:
            self.value = beyond_long(whole_literal(literal), other.datatype) or self.value

    def _number(self, other: Side) -> exp.Expr:
        literal = unwrapped(self.node)
        if not isinstance(literal, StringLiteral):
            return self.lowering.dialect.cast(self.value, _DOUBLE)
        text = literal.value.strip()
        try:
            if text.lstrip("+-").isdecimal() and text.isascii():
                return beyond_long(int(text), other.datatype) or quantity(int(text))
            return self.lowering.dialect.real(float(text))
        except (ValueError, OverflowError):
            message = f"the text {literal.value!r} is compared with a number and is none"
            raise refusal(ProblemKind.TYPE, message, literal.span, token=literal.value) from None

    def _instant(self, datatype: DataType | None) -> exp.Expr:
        literal = unwrapped(self.node)
        assert datatype is not None
        if not isinstance(literal, StringLiteral):
            return self.lowering.dialect.cast(self.value, datatype)
        return self.lowering.dialect.cast(exp.Literal.string(instant_text(literal)), datatype)


def _truth(node: Expression) -> bool | None:
    """Return what a literal says when it is compared with a boolean."""
    if isinstance(node, StringLiteral):
        return _TRUTHS.get(node.value.strip().lower())
    if isinstance(node, NumberLiteral):
        return _TRUTHS.get(node.text)
    return None


def compared(operator: str, left: Side, right: Side, *, is_positive: bool) -> exp.Expr:
    """Compare two values, NaN being like NULL."""
    bounds = []
    for side in _unsafe_sides(operator, left, right) if is_positive else [left, right]:
        if not side.may_be_nan:
            continue
        if is_positive and isinstance(unwrapped(side.node), ColumnName):
            bounds.append(side.below_infinity())
        else:
            side.value = side.without_nan()
    test = _COMPARISONS[operator](this=wrapped(left.value), expression=wrapped(right.value))
    return all_of([test, *bounds])


def _unsafe_sides(operator: str, left: Side, right: Side) -> list[Side]:
    """Return the sides whose NaN could make the comparison true."""
    if operator in {">", ">="}:
        return [left]
    if operator in {"<", "<="}:
        return [right]
    if operator == "=":
        return [left] if left.may_be_nan and right.may_be_nan else []
    return [left, right]
