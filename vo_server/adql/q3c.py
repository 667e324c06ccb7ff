"""Data Lab's forms of positional conditions: ``'t' = q3c_radial_query(ra, dec, ra0, dec0, radius)`` and the join.

They are read as the DISTANCE of the standard, which the engines answer on their spatial indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql import tree
from vo_server.adql.kinds import unwrapped

if TYPE_CHECKING:
    from vo_server.errors import Span

__all__ = ["Q3C_NAMES", "condition_of_call", "condition_of_comparison"]

Q3C_NAMES: Final = frozenset({"q3c_radial_query", "q3c_join"})
"""Functions of Q3C that are true for two positions within a radius."""

_N_ARGUMENTS: Final = 5
_TRUE: Final = frozenset({"t", "true", "1"})
_FALSE: Final = frozenset({"f", "false", "0"})


def condition_of_call(value: tree.Expression, span: Span) -> tree.Condition | None:
    """Return the condition that a call of Q3C stands for; None for everything else."""
    call = unwrapped(value)
    if not isinstance(call, tree.Call) or call.name.lower() not in Q3C_NAMES or len(call.arguments) != _N_ARGUMENTS:
        return None
    *positions, radius = call.arguments
    distance = tree.Call(span=call.span, name="DISTANCE", arguments=tuple(positions), name_span=call.name_span)
    return tree.Comparison(span=span, operator="<", left=distance, right=radius)


def condition_of_comparison(node: tree.Comparison) -> tree.Condition | None:
    """Return the condition that a call of Q3C compared with a truth value stands for; None for everything else."""
    if node.operator not in {"=", "<>"}:
        return None
    for value, other in ((node.left, node.right), (node.right, node.left)):
        truth = _truth(unwrapped(other))
        condition = condition_of_call(value, node.span)
        if condition is not None and truth is not None:
            is_wanted = truth == (node.operator == "=")
            return condition if is_wanted else tree.Not(span=node.span, operand=condition)
    return None


def _truth(node: tree.Expression) -> bool | None:
    if isinstance(node, tree.BooleanLiteral):
        return node.value
    text = node.value if isinstance(node, tree.StringLiteral) else getattr(node, "text", "")
    return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None
