"""The opposite of a condition, one level deep, where NaN and NULL count as unknown on both sides.

``NOT (DISTANCE(...) > r)`` is ``DISTANCE(...) <= r``: written so, the spatial index serves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.adql.tree import And, Between, Comparison, InList, InQuery, IsNull, Like, Not, Or

if TYPE_CHECKING:
    from vo_server.adql.tree import Condition

__all__ = ["opposite"]

_OPPOSITES: Final = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def opposite(node: Condition) -> Condition | None:
    """Return the condition that is true where one is false, and unknown where it is; None where NOT has to stay."""
    if isinstance(node, Not):
        return node.operand
    if isinstance(node, Comparison):
        return replace(node, operator=_OPPOSITES[node.operator])
    if isinstance(node, Between | InList | InQuery | IsNull | Like):
        return replace(node, is_negated=not node.is_negated)
    if isinstance(node, And | Or):
        parts = tuple(Not(span=part.span, operand=part) for part in node.operands)
        return (Or if isinstance(node, And) else And)(span=node.span, operands=parts)
    return None
