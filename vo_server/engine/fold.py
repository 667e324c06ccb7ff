"""Numbers that are known before the query runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vo_server.adql.tree import Arithmetic, Expression, NumberLiteral, Parenthesised, Signed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["constant", "unwrapped", "whole_literal"]


def unwrapped(node: Expression) -> Expression:
    """Take the parentheses off a value."""
    while isinstance(node, Parenthesised):
        node = node.inner
    return node


def whole_literal(node: Expression) -> int | None:
    """Return the value of a whole number as it is written, perhaps with signs and parentheses; None for others."""
    sign = 1
    while isinstance(node, Parenthesised | Signed):
        if isinstance(node, Signed) and node.sign == "-":
            sign = -sign
        node = node.inner if isinstance(node, Parenthesised) else node.operand
    return sign * int(node.text) if isinstance(node, NumberLiteral) and node.is_integer else None


def constant(node: Expression) -> float | int | None:
    """Compute a value made of number literals, signs, parentheses and arithmetic; None for everything else.

    Whole numbers stay whole and divide as the engines divide them (``1/3600`` is 0); a division by zero is left to
    the engine.
    """
    results: dict[Expression, float | int] = {}
    stack: list[tuple[Expression, bool]] = [(node, False)]
    while stack:
        current, is_ready = stack.pop()
        parts = tuple(_operands(current))
        if is_ready or not parts:
            value = _computed(current, [results[part] for part in parts])
            if value is None:
                return None
            results[current] = value
        else:
            stack.append((current, True))
            stack.extend((part, False) for part in parts)
    return results[node]


def _operands(node: Expression) -> Iterator[Expression]:
    if isinstance(node, Parenthesised):
        yield node.inner
    elif isinstance(node, Signed):
        yield node.operand
    elif isinstance(node, Arithmetic):
        yield from node.operands


def _computed(node: Expression, parts: list[float | int]) -> float | int | None:
    value: float | int | None = None
    if isinstance(node, NumberLiteral):
        value = int(node.text) if node.is_integer else float(node.text)
    elif isinstance(node, Parenthesised):
        value = parts[0]
    elif isinstance(node, Signed):
        value = -parts[0] if node.sign == "-" else parts[0]
    elif isinstance(node, Arithmetic):
        value = parts[0]
        for operator, part in zip(node.operators, parts[1:], strict=True):
            value = _applied(operator, value, part)
            if value is None:
                return None
    return value if value is not None and math.isfinite(value) else None


def _applied(operator: str, left: float, right: float) -> float | int | None:
    if operator in "/%" and right == 0:
        return None
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if isinstance(left, int) and isinstance(right, int):
        # Truncated, as SQL divides; Python's // rounds down.
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    return left / right if operator == "/" else math.fmod(left, right)
