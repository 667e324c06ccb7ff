"""Random calls of the functions in the function table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.differential.scope import Sort, Value
from vo_server.adql.functions import FUNCTIONS, Family
from vo_server.model.datatype import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.differential.draw import Draw
    from tests.differential.scope import Scope
    from vo_server.adql.functions import Function

__all__ = ["APPROXIMATE", "Calls"]

APPROXIMATE: Final = frozenset({
    "EXP", "LOG", "LOG10", "POWER", "ACOS", "ASIN", "ATAN", "ATAN2", "COS", "SIN", "TAN", "COT",
})  # fmt: skip
"""Transcendental functions, whose last digits are the library's own affair."""

_BY_THEMSELVES: Final = frozenset({"COALESCE", "IN_UNIT", "RAND", "ivo_normal_random"})
"""Functions that are written in a way of their own."""

_UNITS: Final = {"km": ("m", "km", "cm", "AU"), "deg": ("arcsec", "rad", "arcmin", "deg", "mas")}
_FACTORS: Final = {"m": 1e3, "cm": 1e5, "arcsec": 3600.0, "arcmin": 60.0, "mas": 3.6e6}
"""What conversions multiply by, where that is more than 1."""


def _of_sort(sort: Sort, *, is_exact: bool = True) -> list[Function]:
    """Return the functions of numbers and texts that give a sort."""
    return [
        one
        for one in FUNCTIONS
        if not one.is_aggregate
        and one.family is not Family.GEOMETRY
        and one.name not in _BY_THEMSELVES
        and _sort_of(one) is sort
        and (one.name in APPROXIMATE) is not is_exact
    ]


def _sort_of(function: Function) -> Sort | None:
    if function.returns.kind is Kind.NUMBER:
        return Sort.WHOLE if function.returns.is_integer else Sort.REAL
    return {Kind.STRING: Sort.TEXT, Kind.TIMESTAMP: Sort.TIME}.get(function.returns.kind)


_WHOLE: Final = _of_sort(Sort.WHOLE)
_EXACT: Final = _of_sort(Sort.REAL)
_APPROXIMATE: Final = _of_sort(Sort.REAL, is_exact=False)
_TEXTS: Final = _of_sort(Sort.TEXT)
_TIMES: Final = _of_sort(Sort.TIME)
_SHAPES: Final = [one for one in FUNCTIONS if one.returns.kind is Kind.GEOMETRY and one.family is not Family.GEOMETRY]
_SIZES: Final = {"DEGREES": 60.0, "ROUND": 10.0, "TRUNCATE": 10.0}
_LARGEST: Final = {
    "PI": 4.0, "ivo_to_jd": 1e7, "ivo_to_mjd": 1e7, "ivo_hms_to_degrees": 1e4, "ivo_dms_to_degrees": 1e3,
}  # fmt: skip
"""Largest values of functions, whatever their arguments are."""
_FLAT: Final = frozenset({
    "ABS", "CEILING", "FLOOR", "ROUND", "TRUNCATE", "MOD", "DEGREES", "RADIANS", "SQRT", "greatest", "least",
})  # fmt: skip
"""Functions that are not larger than their largest argument, times a factor in ``_SIZES``, plus one."""


class Calls:
    """Draws calls; what the arguments are made of is the business of the class below it."""

    draw: Draw
    scope: Scope

    def exact(self, sort: Sort, depth: int = 2) -> Value:
        raise NotImplementedError

    def leaf(self, sort: Sort) -> Value:
        raise NotImplementedError

    def whole_call(self, depth: int) -> Value:
        text, function, _ = self._call(_WHOLE, depth)
        is_small = function.returns.adql == "INTEGER"
        bits = 32 if is_small else 64
        return Value(text, Sort.WHOLE, bits, 0 if is_small else -(2**63), 1 if is_small else 2**63 - 1)

    def exact_call(self, depth: int) -> Value:
        if self.draw.chance(12):
            return self._by_itself()
        text, function, arguments = self._call(_EXACT, depth)
        size = _LARGEST.get(function.name, 1e10)
        if function.name in _FLAT:
            size = max((max(abs(one.low), abs(one.high), one.size) for one in arguments), default=0.0)
            size = size * _SIZES.get(function.name, 1.0) + 1
        return Value(text, Sort.REAL, size=size)

    def approximate(self, depth: int) -> Value:
        text, _, _ = self._call(_APPROXIMATE, depth)
        return Value(text, Sort.REAL, size=float("inf"), is_exact=False)

    def text_call(self, depth: int) -> Value:
        return Value(self._call(_TEXTS, depth)[0], Sort.TEXT)

    def time_call(self, depth: int) -> Value:
        return Value(self._call(_TIMES, depth)[0], Sort.TIME)

    def shape_call(self) -> Value:
        """Return a call that gives a point or a circle, which are good to rounding."""
        text, function, _ = self._call(_SHAPES, 1)
        return Value(text, Sort(str(function.returns.xtype)), is_exact=False)

    def _call(self, functions: Sequence[Function], depth: int) -> tuple[str, Function, list[Value]]:
        function = functions[self.draw.pick_rare([(one.name, at) for at, one in enumerate(functions)])]
        n_arguments = len(function.parameters)
        if function.is_variadic and function.n_repeated == 1:
            n_arguments += self.draw.below(3)
        arguments = [self._argument(function, at, depth) for at in range(n_arguments)]
        return f"{function.name}({', '.join(one.text for one in arguments)})", function, arguments

    def _argument(self, function: Function, at: int, depth: int) -> Value:
        parameter = function.parameter(at)
        own = self._own_argument(function.name, parameter.name)
        if own is not None:
            return own
        if parameter.domain and isinstance(parameter.domain[0], str):
            return Value(f"'{self.draw.pick(parameter.domain)}'", Sort.TEXT)
        if parameter.domain:
            low, high = (int(one) for one in parameter.domain)
            return Value(str(self.draw.between(low, min(high, 60))), Sort.WHOLE)
        if parameter.is_literal and parameter.kind is Kind.NUMBER:
            return Value(str(self.draw.pick((0, 1, 2, 3, 5, -1, -2))), Sort.WHOLE)
        if parameter.is_literal:
            return Value("', '", Sort.TEXT)
        if parameter.kind is Kind.NUMBER and parameter.adql_type in {"BIGINT", "INTEGER"}:
            return self.exact(Sort.WHOLE, depth)
        if parameter.kind is Kind.NUMBER and function.is_special and at == 0:
            return self.exact(Sort.REAL, depth)  # the value of GREATEST and LEAST has the type of their arguments
        if parameter.kind is Kind.NUMBER:
            return self.exact(self.draw.pick((Sort.REAL, Sort.REAL, Sort.WHOLE)), depth)
        if parameter.kind is Kind.GEOMETRY:
            return self._shape(parameter.adql_type)
        return self.exact(Sort.TIME if parameter.kind is Kind.TIMESTAMP else Sort.TEXT, depth)

    def _own_argument(self, function: str, name: str) -> Value | None:
        """Return an argument that makes the call more than a roundabout NULL."""
        if name in {"hms", "dms"}:
            columns = [one for one in self.scope.values(Sort.TEXT) if one.text.endswith("hms")]
            texts = ("3:34:45.4", "-00:15:00", "123456", "1h2m3s", "12d30m", "x")
            return columns[0] if columns and self.draw.chance(60) else Value(f"'{self.draw.pick(texts)}'", Sort.TEXT)
        if name == "d" and function.startswith("ivo_to_") and self.draw.chance(50):
            return None
        if name == "hashlist":
            return Value(f"'{self.draw.pick(('optical#radio', 'A#b#c', '', '#', 'Ä#ö'))}'", Sort.TEXT)
        if name in {"ra", "dec", "refEpoch", "outEpoch"}:
            # NULL is an error there, which depends on the rows that are left when it is computed.
            ranges = {"ra": ("10.5", "0", "359.99"), "dec": ("-45", "89.99", "0")}
            return Value(self.draw.pick(ranges.get(name, ("2016.0", "2000", "1991.25"))), Sort.REAL)
        if name in {"parallax", "pmra", "pmdec", "radialVelocity"}:
            # What no object has would overflow, which is an error on one engine only.
            columns = [one for one in self.scope.values(Sort.REAL) if one.text.endswith((".length", ".angle", ".mag"))]
            return self.draw.pick([Value("12.5", Sort.REAL), Value("NULL", Sort.REAL), *columns])
        if name == "table":
            return Value(f"'{self.draw.pick(('sky.objects', 'objects'))}'", Sort.TEXT)
        if function == "in_footprint" and self.draw.chance(70):
            return None
        if name in {"lat", "lon", "long"}:
            return Value(
                f"{'-' if self.draw.chance(30) else ''}{self.draw.pick(('45.5', '1', '0', '89.9', '90', '30'))}",
                Sort.REAL,
            )
        return None

    def _shape(self, adql_type: str) -> Value:
        sort = Sort(adql_type.lower()) if adql_type != "GEOMETRY" else Sort.POINT
        columns = self.scope.values(sort)
        if columns and self.draw.chance(60):
            return self.draw.pick(columns)
        if sort is Sort.POLYGON:
            return Value("POLYGON(10, 10, 20, 10, 15, 25.5)", sort)
        place = f"{self.draw.pick(('120.5', '0', '359.9'))}, {self.draw.pick(('-23', '0', '89.5'))}"
        return Value(f"POINT({place})" if sort is Sort.POINT else f"CIRCLE({place}, 2)", sort)

    def _by_itself(self) -> Value:
        """Write what is random so that its value is known, and conversions of what has a unit."""
        measured = [one for one in self.scope.values(Sort.REAL) if one.unit in _UNITS and one.is_exact]
        way = self.draw.pick_rare(["IN_UNIT", "RAND", "RAND n", "ivo_normal_random"])
        if way == 0 and measured:
            column = self.draw.pick(measured)
            unit = self.draw.pick(_UNITS[str(column.unit)])
            return Value(f"IN_UNIT({column.text}, '{unit}')", Sort.REAL, size=column.size * _FACTORS.get(unit, 1.0))
        if way == 3:
            return Value(f"ivo_normal_random({self.leaf(Sort.WHOLE).text}, 0)", Sort.REAL, size=1e20)
        # From 0 on, and below 1: the integer part is known.
        return Value("FLOOR(RAND())" if way == 1 else "FLOOR(RAND(42))", Sort.REAL)
