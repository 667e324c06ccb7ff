"""What a function is: its parameters, its value, its SQL on each engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from vo_server.model.datatype import DataType, Kind, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.model.table import Column

__all__ = ["DOUBLE", "Family", "Function", "Parameter"]


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
    """ASCII letters and digits, see :attr:`Function.signature`."""
    kind: Kind | None
    """None: any kind."""
    adql_type: str = "DOUBLE PRECISION"
    """Type as the declared signature writes it; a parameter of kind GEOMETRY takes only this one (``POINT``, ...), or
    all of them when it is ``GEOMETRY``."""
    is_literal: bool = False
    """True when only a literal is allowed (``ROUND(x, n)``, ``IN_UNIT(x, 'u')``, a coordinate system)."""
    is_optional: bool = False
    domain: tuple[float, float] | tuple[str, ...] = ()
    """What a literal may be: from the lowest to the highest number, or one of some texts; empty: anything."""


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
    """True when the last parameters may be repeated."""
    n_repeated: int = 1
    """How many parameters are repeated together: 2 for the positions of ``POLYGON(lon, lat, ...)``."""
    is_special: bool = False
    """True when the engines lower the call themselves (geometry on the index, functions of the grammar)."""

    @property
    def is_random(self) -> bool:
        """Whether each call may give another value."""
        return any("random()" in template for template in self.sql.values())

    @property
    def n_required(self) -> int:
        """Fewest arguments."""
        return sum(not one.is_optional for one in self.parameters)

    def parameter(self, position: int) -> Parameter:
        """Return the parameter that an argument belongs to, the first argument being 0."""
        beyond = position - len(self.parameters)
        return self.parameters[position if beyond < 0 else beyond % self.n_repeated - self.n_repeated]

    def takes(self, n_arguments: int) -> bool:
        """Tell whether a call with this many arguments can be meant."""
        beyond = n_arguments - len(self.parameters)
        if beyond > 0:
            return self.is_variadic and beyond % self.n_repeated == 0
        return n_arguments >= self.n_required

    @property
    def signature(self) -> str:
        """The form that TAPRegExt declares: ``name(arg TYPE, ...) -> TYPE``.

        Letters and digits only in the names of parameters: the library that TOPCAT checks queries with knows no more.
        """
        arguments = ", ".join(f"{one.name} {one.adql_type}" for one in self.parameters)
        return f"{self.name}({arguments}) -> {self.returns.adql}"


DOUBLE = DataType(Primitive.DOUBLE)
