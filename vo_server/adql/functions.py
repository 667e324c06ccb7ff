"""The table of functions: everything that can be called in a query, in one place.

Parsing, type checks, TAPRegExt, the documentation and the SQL of every engine come from these rows. SQL is
a template per engine with the parameter names in braces; an engine parses the template once and puts the
lowered arguments in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from vo_server.model.datatype import DataType, Kind, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.model.table import Column

__all__ = ["Family", "Function", "Parameter"]


class Family(StrEnum):
    """Groups of functions; the values are TAPRegExt feature-type fragments, empty for what is mandatory."""

    MATHS = ""
    GEOMETRY = "features-adqlgeo"
    UDF = "features-udf"
    STRING = "features-adql-string"
    CONDITIONAL = "features-adql-conditional"
    UNIT = "features-adql-unit"


@dataclass(frozen=True)
class Parameter:
    """A formal parameter."""

    name: str
    kind: Kind
    adql_type: str = "DOUBLE PRECISION"
    """Type as the declared signature writes it."""
    is_literal: bool = False
    """True when only a literal is allowed (``ROUND(x, n)``, ``IN_UNIT(x, 'u')``, a coordinate system)."""
    is_optional: bool = False


@dataclass(frozen=True)
class Function:
    """One overload of a function.

    A name may have several rows; the first whose parameters fit the arguments is meant.
    """

    name: str
    """In the case it is declared with; compared without case."""
    parameters: tuple[Parameter, ...]
    returns: DataType
    family: Family
    description: str
    example: str
    """A call that works without a table, for the documentation and the tests."""
    sql: Mapping[str, str] = field(default_factory=dict)
    """Template per engine name; the key ``*`` serves all that have none of their own. Empty: not supported yet."""
    annotate: Callable[[tuple[Column, ...]], Column] | None = None
    """Metadata of the value from those of the arguments; None: type ``returns``, no unit, no UCD."""
    is_aggregate: bool = False
    is_variadic: bool = False
    """True when the last parameter may be repeated."""

    @property
    def signature(self) -> str:
        """The form that TAPRegExt declares: ``name(arg TYPE, ...) -> TYPE``."""
        arguments = ", ".join(f"{one.name} {one.adql_type}" for one in self.parameters)
        return f"{self.name}({arguments}) -> {self.returns.adql}"


DOUBLE = DataType(Primitive.DOUBLE)
