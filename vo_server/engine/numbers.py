"""Numbers in SQL: whole ones stay whole, all others are doubles, and a boolean counts as 1 or 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.lower import refusal
from vo_server.engine.sqltree import quantity
from vo_server.errors import ProblemKind
from vo_server.model.datatype import Kind

if TYPE_CHECKING:
    from vo_server.adql.tree import NumberLiteral
    from vo_server.engine.lower import Lowering
    from vo_server.model.datatype import DataType

__all__ = ["INT_MIN", "LONG_MAX", "LONG_MIN", "beyond_long", "number", "read_as"]

INT_MIN: Final = -(2**31)
LONG_MAX: Final = 2**63 - 1
LONG_MIN: Final = -(2**63)


def number(lowering: Lowering, node: NumberLiteral) -> exp.Expr:
    """Write a number: whole ones as they are, all others as doubles."""
    if node.is_integer and int(node.text) <= LONG_MAX:
        return exp.Literal.number(int(node.text))
    value = float(node.text)
    if not math.isfinite(value):
        raise refusal(ProblemKind.TYPE, f"the number {node.text} is too large", node.span, token=node.text)
    return lowering.dialect.real(value)


def beyond_long(value: int | None, other: DataType | None) -> exp.Expr | None:
    """Write a whole number that no integer can hold for the comparison with an integer; None for all others.

    By itself it is a double, and so would the integer be that it is compared with. Both databases compare an integer
    with a longer literal exactly, if it has not too many digits: the nearest number beyond the limit does as well.
    """
    if value is None or other is None or not other.is_integer or LONG_MIN <= value <= LONG_MAX:
        return None
    return quantity(LONG_MAX + 1 if value > 0 else LONG_MIN - 1)


def read_as(value: exp.Expr, datatype: DataType | None) -> exp.Expr:
    """Make a number of a boolean, which the language has no type for."""
    if datatype is not None and datatype.kind is Kind.BOOLEAN:
        if isinstance(value, exp.Boolean):
            return exp.Literal.number(int(value.this))
        return exp.Cast(this=value, to=exp.DataType(this=exp.DType.INT))
    return value
