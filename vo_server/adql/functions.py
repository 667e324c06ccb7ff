"""The table of functions: everything that can be called in a query, in one place.

Parsing, type checks, TAPRegExt, the documentation and the SQL of every engine come from these rows. SQL is
a template per engine with the parameter names in braces; an engine parses the template once and puts the
lowered arguments in. The rows are written in one module for each family.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from vo_server.adql.function import DOUBLE, Family, Function, Parameter
from vo_server.adql.library.aggregates import AGGREGATE_FUNCTIONS
from vo_server.adql.library.bits import BIT_FUNCTIONS
from vo_server.adql.library.extremes import EXTREME_FUNCTIONS
from vo_server.adql.library.footprint import FOOTPRINT_FUNCTIONS
from vo_server.adql.library.geometry import GEOMETRY_FUNCTIONS
from vo_server.adql.library.ivo import IVO_FUNCTIONS
from vo_server.adql.library.maths import MATHS_FUNCTIONS
from vo_server.adql.library.text import TEXT_FUNCTIONS

__all__ = ["DOUBLE", "FUNCTIONS", "Family", "Function", "Parameter", "find", "names"]

FUNCTIONS: Final[tuple[Function, ...]] = (
    *MATHS_FUNCTIONS, *GEOMETRY_FUNCTIONS, *TEXT_FUNCTIONS,
    *IVO_FUNCTIONS, *BIT_FUNCTIONS, *AGGREGATE_FUNCTIONS, *EXTREME_FUNCTIONS, *FOOTPRINT_FUNCTIONS,
)  # fmt: skip
"""All functions; overloads of one name stand together, the first that fits is meant."""


@cache
def _by_name() -> dict[str, tuple[Function, ...]]:
    found: dict[str, list[Function]] = {}
    for function in FUNCTIONS:
        found.setdefault(function.name.upper(), []).append(function)
    return {name: tuple(overloads) for name, overloads in found.items()}


def find(name: str) -> tuple[Function, ...]:
    """Return the overloads of a function by its name in any case; none when there is no such function."""
    return _by_name().get(name.upper(), ())


def names() -> tuple[str, ...]:
    """Return the names of all functions."""
    return tuple(overloads[0].name for overloads in _by_name().values())
