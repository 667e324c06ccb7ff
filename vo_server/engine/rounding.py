"""ROUND and TRUNCATE: formulas of single operations of doubles, which give the same digits on every database.

The functions of the databases do not agree: one rounds the shortest decimal text of a double, one a product. Here

* ``ROUND(x, n)`` is the multiple of 10**-n that is nearest to x. A half goes away from zero, and x is a half when it is
  the double that is nearest to one: ``ROUND(1.005, 2)`` is 1.01, although the double lies below 1.005.
* ``TRUNCATE(x, n)`` is the largest multiple of 10**-n that is not beyond x, as seen from zero; a multiple is the double
  that is nearest to it: ``TRUNCATE(0.29, 2)`` is 0.29, although 0.29 * 100 is less than 29.

Both leave alone what has no digits that far, NaN and infinities, and give 0 and never -0. A power of ten beyond 10**22
is no double itself, so that multiples may be off by their last bit there, on all databases in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.engine.fold import constant
from vo_server.engine.lower import Ask
from vo_server.engine.numbers import read_as
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.tree import Call
    from vo_server.engine.lower import Lowering, Steps

__all__ = ["ROUNDING_RULES"]

_DOUBLE: Final = DataType(Primitive.DOUBLE)

_WHOLE: Final = 2.0**52
"""Doubles from here on have no digits behind the point."""

_STEPS: Final = "TRUNC(ABS({x}) * {p})", "({k} + {d}) / {p}"
_LARGE_STEPS: Final = "TRUNC(ABS({x}) / {p})", "({k} + {d}) * {p}"
"""Number of whole steps in x, and the multiple that lies d steps from there; the power of ten is never a fraction."""


def _formula(name: str, n_digits: int) -> str:
    """Return the SQL of a call, with ``{x}`` for the value, ``{p}`` for the power of ten, ``{one}`` etc. for numbers.

    Each multiple is one operation from whole numbers, hence the double that is nearest to it.
    """
    steps, multiple = _STEPS if n_digits >= 0 else _LARGE_STEPS

    def at(distance: str) -> str:
        return multiple.replace("{k}", steps).replace("{d}", distance)

    if name == "ROUND":
        count = f"{steps} + CASE WHEN ABS({{x}}) >= {at('{half}')} THEN {{one}} ELSE {{zero}} END"
    else:
        # What is multiplied here is rounded, and so can be one step off.
        count = (
            f"{steps} + CASE WHEN ABS({{x}}) >= {at('{one}')} THEN {{one}} "
            f"WHEN ABS({{x}}) < {at('{zero}')} THEN -{{one}} ELSE {{zero}} END"
        )
    rounded = multiple.replace("{k} + {d}", count)
    return (
        "CASE WHEN ABS({x}) < {least} THEN {zero} WHEN ABS({x}) >= {whole} THEN {x} "
        f"ELSE SIGN({{x}}) * ({rounded}) END"
    )


def _rounding(lowering: Lowering, node: Call, _: Ask) -> Steps:
    value = read_as((yield Ask(node.arguments[0])), lowering.type_of(node.arguments[0]))
    n_digits = 0
    if len(node.arguments) > 1:
        known = constant(node.arguments[1])
        assert isinstance(known, int)
        n_digits = known
    name = node.name.upper()
    real = lowering.dialect.real
    power = float(f"1e{abs(n_digits)}")
    step = 1 / power if n_digits >= 0 else power
    numbers = {
        "p": power,
        "least": step if name == "TRUNCATE" else (0.5 / power if n_digits >= 0 else 0.5 * power),
        "whole": _WHOLE * step,
        "zero": 0.0,
        "half": 0.5,
        "one": 1.0,
    }
    arguments = {key: real(number) for key, number in numbers.items()}
    arguments["x"] = lowering.dialect.cast(value, _DOUBLE)
    return lowering.filled(_formula(name, n_digits), arguments)


ROUNDING_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {"ROUND": _rounding, "TRUNCATE": _rounding}
"""Rules of calls, by their names in upper case."""
