"""What conditions say of CONTAINS, INTERSECTS and DISTANCE, however they are spelled."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import degrees, isfinite, radians
from typing import TYPE_CHECKING, Final

from vo_server.adql.tree import (
    Arithmetic,
    BareCondition,
    Between,
    BooleanLiteral,
    Call,
    Comparison,
    Condition,
    Expression,
    InList,
    Signed,
)
from vo_server.engine.fold import constant, unwrapped

if TYPE_CHECKING:
    from vo_server.engine.lower import Lowering

__all__ = ["Nearness", "distance_below", "is_true_when_one"]

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OVERLAPS: Final = ("CONTAINS", "INTERSECTS", "IN_FOOTPRINT")
_BELOW: Final = frozenset({"<", "<=", "="})


def is_true_when_one(node: Condition) -> Call | None:
    """Return the CONTAINS, INTERSECTS or in_footprint of which a condition is true when it is 1, false when it is 0.

    ``CONTAINS(...) = 1``, ``0 <> CONTAINS(...)``, ``CONTAINS(...) > 0``, ``CONTAINS(...) BETWEEN 1 AND 1``,
    ``CONTAINS(...) IN (1)``, and the call by itself.
    """
    if isinstance(node, BareCondition):
        return _named_call(node.value, *_OVERLAPS)
    if isinstance(node, Comparison):
        for side, other, name in _both_ways(node):
            call, limit = _named_call(side, *_OVERLAPS), _number(other)
            if call is not None and limit is not None:
                return call if _OPERATORS[name](1, limit) and not _OPERATORS[name](0, limit) else None
        return None
    if isinstance(node, Between) and not node.is_negated:
        low, high = _number(node.low), _number(node.high)
        is_one = low is not None and high is not None and 0 < low <= 1 <= high
        return _named_call(node.operand, *_OVERLAPS) if is_one else None
    if isinstance(node, InList) and not node.is_negated:
        items = [_number(item) for item in node.items]
        is_one = None not in items and 1 in items and 0 not in items
        return _named_call(node.operand, *_OVERLAPS) if is_one else None
    return None


@dataclass(frozen=True)
class Nearness:
    """What follows from a condition that is true: a distance is at most a limit."""

    call: Call
    """The DISTANCE."""
    limit: Expression
    """The value on the other side."""
    factor: float
    """What the distance was multiplied by before it was compared."""

    @property
    def limit_deg(self) -> float | None:
        """The limit of the distance itself, when it is known [deg]; a little larger than exact arithmetic gives."""
        value = constant(self.limit)
        if value is None or not isfinite(value):
            return None
        return float(value) / self.factor * (1 if self.factor == 1 else 1 + 1e-12)

    @property
    def is_plain(self) -> bool:
        """Whether the distance is compared as it is."""
        return self.factor == 1


def distance_below(lowering: Lowering, node: Condition) -> Nearness | None:
    """Return the upper limit that a condition sets for a DISTANCE; None for other conditions.

    The distance may be multiplied and divided by positive numbers: ``3600 * DISTANCE(...) < 5``,
    ``IN_UNIT(DISTANCE(...), 'arcsec') <= 5``, ``DISTANCE(...) BETWEEN 0 AND 1/3600.``
    """
    if isinstance(node, Between) and not node.is_negated:
        found = _scaled(lowering, node.operand)
        return None if found is None else Nearness(found[0], node.high, found[1])
    if not isinstance(node, Comparison):
        return None
    for side, other, name in _both_ways(node):
        found = _scaled(lowering, side) if name in _BELOW else None
        if found is not None:
            return Nearness(found[0], other, found[1])
    return None


def _both_ways(node: Comparison) -> tuple[tuple[Expression, Expression, str], ...]:
    return (node.left, node.right, node.operator), (node.right, node.left, _MIRRORED[node.operator])


def _number(node: Expression) -> float | int | None:
    bare = unwrapped(node)
    return int(bare.value) if isinstance(bare, BooleanLiteral) else constant(node)


def _named_call(node: Expression, *names: str) -> Call | None:
    """Return the call of a function with one of some names; COALESCE with 0 changes nothing where only 1 counts."""
    bare = unwrapped(node)
    if not isinstance(bare, Call):
        return None
    if bare.name.upper() == "COALESCE" and all(constant(one) == 0 for one in bare.arguments[1:]):
        return _named_call(bare.arguments[0], *names)
    return bare if bare.name.upper() in names else None


def _scaled(lowering: Lowering, node: Expression) -> tuple[Call, float] | None:
    """Return the DISTANCE that a value is a positive multiple of, and the factor."""
    factor = 1.0
    while True:
        bare = unwrapped(node)
        if isinstance(bare, Signed) and bare.sign == "+":
            node = bare.operand
        elif isinstance(bare, Arithmetic):
            found = _factor(bare)
            if found is None:
                return None
            node, more = found
            factor *= more
        elif isinstance(bare, Call):
            name = bare.name.upper()
            if name == "DISTANCE":
                return (bare, factor) if factor > 0 and isfinite(factor) else None
            known = {"IN_UNIT": lowering.query.factors.get(bare), "DEGREES": degrees(1), "RADIANS": radians(1)}.get(
                name
            )
            if known is None:
                return None
            node = bare.arguments[0]
            factor *= known
        else:
            return None


def _factor(node: Arithmetic) -> tuple[Expression, float] | None:
    """Return the only part of a product that is not a number, and what it is multiplied by."""
    if not {"*", "/"}.issuperset(node.operators):
        return None
    variable, factor = None, 1.0
    for sign, operand in zip(("*", *node.operators), node.operands, strict=True):
        value = constant(operand)
        if value is None:
            if variable is not None or sign == "/":
                return None
            variable = operand
        elif value <= 0:
            return None
        else:
            factor = factor * value if sign == "*" else factor / value
    return None if variable is None else (variable, factor)
