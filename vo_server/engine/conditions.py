"""Rules for conditions, with one meaning of NaN and NULL on every engine.

Databases sort NaN above all numbers, so that ``NaN >= 0.3`` is true in them. Here NaN behaves like NULL in every
comparison: no row is selected because a number is missing. Where only the truth of a condition counts
(``Ask.is_positive``) a bare column gets a second bound, ``x >= 0.3 AND x <= Infinity``, which indexes and the minima
and maxima of row groups serve as well as the first (DuckDB drops it when its statistics know no NaN: measured, it costs
nothing); everything else is compared as ``NULLIF(x, NaN)``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.tree import (
    And,
    BareCondition,
    Between,
    ColumnName,
    Comparison,
    Exists,
    Expression,
    InList,
    InQuery,
    IsNull,
    Like,
    Node,
    Not,
    NumberLiteral,
    Or,
    StringLiteral,
)
from vo_server.engine.fold import constant, unwrapped, whole_literal
from vo_server.engine.lower import Ask, refusal
from vo_server.engine.negation import opposite
from vo_server.engine.spatial import distance_filters, overlap_test
from vo_server.engine.sqltree import all_of, any_of, quantity, wrapped
from vo_server.engine.values import beyond_long
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType, Kind, Primitive

if TYPE_CHECKING:
    from collections.abc import Generator

    from vo_server.engine.lower import Lowering, Rule, Steps

__all__ = ["CONDITION_RULES"]

_COMPARISONS: Final[dict[str, type[exp.Binary]]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_WIDE: Final = 50
"""Conditions in a row that an optimiser is shown; it may compare each with each of the others."""

_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_TRUTHS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


# ------------------------------------------------------------------------------------------------- connectives


def _and(lowering: Lowering, node: And, ask: Ask) -> Steps:
    parts = yield from _parts(node, ask)
    lowering.note_filter(node, [lowering.filters[one] for one in node.operands if one in lowering.filters])
    if len(parts) > _WIDE:
        parts[_WIDE:] = [lowering.dialect.closed(all_of(parts[_WIDE:]))]
    return all_of(parts)


def _or(lowering: Lowering, node: Or, ask: Ask) -> Steps:
    condition = any_of((yield from _parts(node, Ask(node, ask.is_positive))))
    is_list = all(isinstance(one, Comparison) and one.operator == "=" for one in node.operands)
    if not is_list and len(node.operands) > _WIDE:
        condition = lowering.dialect.closed(condition)
    if not all(one in lowering.filters for one in node.operands):
        return condition
    joined = any_of([lowering.filters[one] for one in node.operands])
    lowering.note_filter(node, [joined])
    return all_of([joined, condition])


def _parts(node: And | Or, ask: Ask) -> Generator[Ask, exp.Expr, list[exp.Expr]]:
    parts = []
    for operand in node.operands:
        part = yield replace(ask, node=operand)
        parts.append(part)
    return parts


def _not(lowering: Lowering, node: Not, ask: Ask) -> Steps:
    inner = opposite(node.operand) if ask.is_positive else None
    if inner is not None:
        condition = yield replace(ask, node=inner)
        lowering.note_filter(node, [lowering.filters[inner]] if inner in lowering.filters else [])
        return condition
    return exp.Not(this=exp.Paren(this=(yield Ask(node.operand, is_positive=False))))


def _exists(_: Lowering, node: Exists, __: Ask) -> Steps:
    return exp.Exists(this=(yield Ask(node.query)))


def _bare(lowering: Lowering, node: BareCondition, ask: Ask) -> Steps:
    if ask.is_positive:
        test = yield from overlap_test(lowering, node, ask)
        if test is not None:
            return test
    value = yield Ask(node.value)
    datatype = lowering.type_of(node.value)
    if datatype is not None and datatype.kind is Kind.BOOLEAN:
        return value
    side = _Side(lowering, node.value, value)
    return exp.NEQ(this=wrapped(side.without_nan()), expression=exp.Literal.number(0))


# ------------------------------------------------------------------------------------------------- comparisons


class _Side:
    """One value of a comparison."""

    def __init__(self, lowering: Lowering, node: Expression, value: exp.Expr) -> None:
        self.lowering = lowering
        self.node = node
        self.value = value
        self.datatype = lowering.type_of(node)

    @property
    def kind(self) -> Kind:
        return Kind.NULL if self.datatype is None else self.datatype.kind

    @property
    def may_be_nan(self) -> bool:
        datatype = self.datatype
        is_float = datatype is not None and datatype.primitive in _FLOATS and not datatype.is_array
        return is_float and constant(self.node) is None

    def without_nan(self) -> exp.Expr:
        """Return the value with NULL in place of NaN."""
        if not self.may_be_nan:
            return self.value
        return exp.Nullif(this=self.value, expression=self._special("NaN"))

    def below_infinity(self) -> exp.Expr:
        return exp.LTE(this=self.lowering.duplicate(self.value), expression=self._special("Infinity"))

    def _special(self, name: str) -> exp.Expr:
        return self.lowering.dialect.cast(exp.Literal.string(name), DataType(Primitive.DOUBLE))

    def fitted_to(self, other: _Side) -> None:
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
            # DuckDB would compare a float with a whole number as floats, of 24 bits.
            self.value = self.value if known is None else self.lowering.dialect.real(float(known))
        else:
            self.value = beyond_long(whole_literal(literal), other.datatype) or self.value

    def _number(self, other: _Side) -> exp.Expr:
        literal = unwrapped(self.node)
        if not isinstance(literal, StringLiteral):
            return self.lowering.dialect.cast(self.value, DataType(Primitive.DOUBLE))
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
        if isinstance(literal, StringLiteral):
            try:
                datetime.fromisoformat(literal.value.strip())
            except ValueError:
                message = f"the text {literal.value!r} is compared with a timestamp and is none"
                hint = "write YYYY-MM-DD or YYYY-MM-DDThh:mm:ss"
                raise refusal(ProblemKind.TYPE, message, literal.span, token=literal.value, hint=hint) from None
        return self.lowering.dialect.cast(self.value, datatype)


def _truth(node: Expression) -> bool | None:
    """Return what a literal says when it is compared with a boolean."""
    if isinstance(node, StringLiteral):
        return _TRUTHS.get(node.value.strip().lower())
    if isinstance(node, NumberLiteral):
        return _TRUTHS.get(node.text)
    return None


def _comparison(lowering: Lowering, node: Comparison, ask: Ask) -> Steps:
    if not ask.is_positive:
        return (yield from _plain_comparison(lowering, node, ask))
    test = yield from overlap_test(lowering, node, ask)
    if test is not None:
        return test
    found = yield from distance_filters(lowering, node, ask)
    test = yield from _plain_comparison(lowering, node, ask)
    return test if found is None else all_of([found, test])


def _plain_comparison(lowering: Lowering, node: Comparison, ask: Ask) -> Steps:
    left = _Side(lowering, node.left, (yield Ask(node.left)))
    right = _Side(lowering, node.right, (yield Ask(node.right)))
    left.fitted_to(right)
    right.fitted_to(left)
    return _compared(node.operator, left, right, is_positive=ask.is_positive)


def _compared(operator: str, left: _Side, right: _Side, *, is_positive: bool) -> exp.Expr:
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


def _unsafe_sides(operator: str, left: _Side, right: _Side) -> list[_Side]:
    """Return the sides whose NaN could make the comparison true."""
    if operator in {">", ">="}:
        return [left]
    if operator in {"<", "<="}:
        return [right]
    if operator == "=":
        return [left] if left.may_be_nan and right.may_be_nan else []
    return [left, right]


def _between(lowering: Lowering, node: Between, ask: Ask) -> Steps:
    found = None
    if ask.is_positive and not node.is_negated:
        test = yield from overlap_test(lowering, node, ask)
        if test is not None:
            return test
        found = yield from distance_filters(lowering, node, ask)
    test = yield from _plain_between(lowering, node, ask)
    return test if found is None else all_of([found, test])


def _plain_between(lowering: Lowering, node: Between, ask: Ask) -> Steps:
    middle = _Side(lowering, node.operand, (yield Ask(node.operand)))
    low = _Side(lowering, node.low, (yield Ask(node.low)))
    high = _Side(lowering, node.high, (yield Ask(node.high)))
    for bound in (low, high):
        bound.fitted_to(middle)
    middle.fitted_to(low if low.kind is not Kind.NULL else high)
    is_exact = node.is_negated or not ask.is_positive
    for side in (low, middle, high) if is_exact else (high,):
        side.value = side.without_nan()
    test = exp.Between(this=wrapped(middle.value), low=wrapped(low.value), high=wrapped(high.value))
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _in_list(lowering: Lowering, node: InList, ask: Ask) -> Steps:
    if ask.is_positive and not node.is_negated:
        overlap = yield from overlap_test(lowering, node, ask)
        if overlap is not None:
            return overlap
    operand = _Side(lowering, node.operand, (yield Ask(node.operand)))
    items = []
    for item in node.items:
        side = _Side(lowering, item, (yield Ask(item)))
        side.fitted_to(operand)
        items.append(side)
    if operand.kind is not Kind.BOOLEAN:
        operand.fitted_to(items[0])
    if node.is_negated or not ask.is_positive or any(item.may_be_nan for item in items):
        operand.value = operand.without_nan()
    test = exp.In(this=wrapped(operand.value), expressions=[item.value for item in items])
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _in_query(lowering: Lowering, node: InQuery, _: Ask) -> Steps:
    operand = _Side(lowering, node.operand, (yield Ask(node.operand)))
    query = yield Ask(node.query)
    test = exp.In(this=wrapped(operand.without_nan()), query=exp.Subquery(this=query))
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _like(lowering: Lowering, node: Like, _: Ask) -> Steps:
    operand = lowering.dialect.text_of((yield Ask(node.operand)), lowering.type_of(node.operand))
    pattern = lowering.dialect.text_of((yield Ask(node.pattern)), lowering.type_of(node.pattern))
    test = lowering.dialect.like(wrapped(operand), wrapped(pattern), ignores_case=node.ignores_case)
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _is_null(_: Lowering, node: IsNull, __: Ask) -> Steps:
    test = exp.Is(this=wrapped((yield Ask(node.operand))), expression=exp.Null())
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


CONDITION_RULES: Final[dict[type[Node], Rule]] = {
    And: _and,
    BareCondition: _bare,
    Between: _between,
    Comparison: _comparison,
    Exists: _exists,
    InList: _in_list,
    InQuery: _in_query,
    IsNull: _is_null,
    Like: _like,
    Not: _not,
    Or: _or,
}
