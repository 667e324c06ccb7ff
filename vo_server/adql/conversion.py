"""``IN_UNIT``: the constant factor between two units (ADQL 2.1, section 4.9)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vo_server.adql import tree
from vo_server.adql.marks import kind_of
from vo_server.adql.measure import is_number
from vo_server.errors import ProblemKind
from vo_server.quiet import quiet

if TYPE_CHECKING:
    from vo_server.adql.state import Resolution

__all__ = ["resolve_conversion"]

_EXACT: Final = 1e-14
"""Relative difference to a whole number that is only rounding."""


def resolve_conversion(state: Resolution, node: tree.Call) -> str | None:
    """Find the factor of a call of IN_UNIT and write it down.

    Returns
    -------
    str or None
        The target unit; None when a mistake was reported.
    """
    value, literal = node.arguments
    assert isinstance(literal, tree.StringLiteral)
    target = literal.value.strip()
    column = state.value(value)
    text = state.source_text(value)[:60]
    if not target:
        state.report(ProblemKind.TYPE, "IN_UNIT cannot convert to no unit", literal, hint="write IN_UNIT(x, 'deg')")
        return None
    problem = _invalid(target)
    if problem is not None:
        message = f"'{target}' is no unit of the VOUnits standard"
        state.report(ProblemKind.TYPE, message, literal, hint=problem or None)
        return None
    if is_number(state, value):
        state.report(ProblemKind.TYPE, f"{text} is a number without a unit", value, hint="IN_UNIT converts columns")
        return None
    if kind_of(column) is None:
        return target
    if not column.unit:
        message = f"the unit of {text} is not known, so it cannot be converted to {target}"
        state.report(ProblemKind.TYPE, message, value, hint="convert a column that has a unit, or multiply yourself")
        return None
    factor = _factor(column.unit, target)
    if factor is None:
        message = f"{text} is in {column.unit}, which cannot be converted to {target}"
        state.report(ProblemKind.TYPE, message, node)
        return None
    state.factors[node] = factor
    return target


@lru_cache(maxsize=512)
def _invalid(text: str) -> str | None:
    """Return None for a valid unit; for another one a hint, or an empty text where there is none."""
    from astropy import units  # noqa: PLC0415 - late: it takes half a second, and few queries need it

    try:
        with quiet(Warning):
            units.Unit(text, format="vounit", parse_strict="raise")
    except (ValueError, TypeError) as error:
        _, _, known = str(error).partition("Did you mean ")
        names = [name.strip() for name in known.split("?")[0].replace(" or ", ", ").split(",") if "(" not in name]
        return f"did you mean {names[0]}?" if names and names[0] else ""
    return None


@lru_cache(maxsize=512)
def _factor(source: str, target: str) -> float | None:
    from astropy import units  # noqa: PLC0415 - late, see above

    try:
        with quiet(Warning):
            one = units.Unit(source, format="vounit", parse_strict="raise")
            other = units.Unit(target, format="vounit", parse_strict="raise")
            factor = float(one.to(other))
    except (ValueError, TypeError):
        return None
    return _rounded(factor) if math.isfinite(factor) and factor > 0 else None


def _rounded(factor: float) -> float:
    """Take rounding out of factors such as 3600.0000000000005 and their inverses."""
    if abs(factor - round(factor)) <= _EXACT * factor:
        return float(round(factor))
    inverse = 1 / factor
    return 1 / round(inverse) if abs(inverse - round(inverse)) <= _EXACT * inverse else factor
