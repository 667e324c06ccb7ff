"""The largest and the smallest of several values in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.kinds import unify
from vo_server.adql.library.signatures import DOUBLE, TIME, parameters, udf
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["EXTREME_FUNCTIONS"]

_RULES: Final = "NULLs are left out, and NaN is larger than every number, as in ORDER BY"


def _one_of(arguments: tuple[Column, ...]) -> Column:
    """Give the type that holds all arguments, and what they have in common."""
    unified = unify(arguments)
    assert unified is not None, "overloads take one kind each"
    units, ucds = {one.unit for one in arguments}, {one.ucd for one in arguments}
    unit = units.pop() if len(units) == 1 else None
    ucd = ucds.pop() if len(ucds) == 1 else None
    return Column("", unified.datatype, unit=unit, ucd=ucd)


def _extreme(name: str, word: str) -> tuple[Function, Function]:
    """Return the overloads for numbers and for timestamps."""
    return (
        udf(
            name, parameters("a:double b:double"), DOUBLE, f"The {word} of two or more numbers; {_RULES}.",
            f"{name}(1.5, 2)", annotate=_one_of, is_variadic=True,
        ),
        udf(
            name, parameters("a:time b:time"), TIME, f"The {word} of two or more timestamps; NULLs are left out.",
            f"{name}(CAST('2000-01-01' AS TIMESTAMP), CAST('2015-06-01' AS TIMESTAMP))", annotate=_one_of,
            is_variadic=True,
        ),
    )  # fmt: skip


EXTREME_FUNCTIONS: Final[tuple[Function, ...]] = (*_extreme("greatest", "largest"), *_extreme("least", "smallest"))
