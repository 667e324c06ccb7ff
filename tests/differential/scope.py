"""What a random query knows of its values: enough to stay valid, and to know what is determined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tests.differential.tables import tables
from vo_server.adql.words import RESERVED
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["BITS", "KNOWN", "Scope", "Sort", "Source", "Value", "columns_of"]


class Sort(StrEnum):
    """Kinds of values that are generated in different ways."""

    WHOLE = "whole number"
    REAL = "real number"
    TEXT = "text"
    TIME = "timestamp"
    FLAG = "boolean"
    POINT = "point"
    CIRCLE = "circle"
    POLYGON = "polygon"
    ARRAY = "array"


BITS: Final = {Primitive.UNSIGNED_BYTE: 8, Primitive.SHORT: 16, Primitive.INT: 32, Primitive.LONG: 64}


@dataclass(frozen=True)
class Value:
    """An expression."""

    text: str
    sort: Sort
    bits: int = 64
    """Width of the number."""
    low: int = 0
    high: int = 0
    """Limits of a whole number."""
    size: float = 0.0
    """Largest finite magnitude of a real number; infinite where arithmetic could leave the range of doubles."""
    is_exact: bool = True
    """Whether engines must agree bit for bit; then it may be an argument of anything."""
    noise: float = 0.0
    """What numbers that are not exact may differ by besides a relative tolerance: sums lose digits near zero."""
    unit: str | None = None
    is_simple: bool = True
    """Whether it needs no parentheses as an operand."""

    @property
    def operand(self) -> str:
        return self.text if self.is_simple else f"({self.text})"

    @property
    def is_tame(self) -> bool:
        return self.size < 1e30


KNOWN: Final[dict[str, dict[str, tuple[int, int] | float]]] = {
    "odd.numbers": {
        "id": (0, 100), "b": (0, 255), "s": (-32768, 32767), "i": (-12, 12), "wide": (-(2**31), 2**31 - 1),
        "small": (-(10**6), 10**6), "big": (-(2**63), 2**63 - 1), "r": 1e3, "x": 1e3, "length": 1e2, "angle": 180.0,
        "p": 1.0,
    },
    "odd.texts": {"id": (0, 100), "i": (-12, 12)},
    "odd.places": {"id": (0, 1000), "ra": 360.0, "dec": 90.0, "reach": 20.0, "mag": 24.0},
    "odd.fields": {"id": (0, 1000), "lon": 360.0, "lat": 90.0, "reach": 30.0},
    "sky.objects": {"id": (0, 2000), "ra": 360.0, "dec": 90.0, "mag": 24.0},
    "sky.matches": {"match_id": (0, 300), "id": (0, 2000), "RAJ2000": 360.0, "DEJ2000": 90.0},
    "sky.tiny": {"id": (1, 6), "n": (-7, 7), "x": 10.0, "r": 10.0, "u": (0, 255)},
    "sky.pairs": {"id": (1, 9), "k": (0, 90)},
}  # fmt: skip
"""What the rows keep to: limits of whole numbers, magnitudes of real ones; others reach to the ends of their type."""


def _sort(datatype: DataType) -> Sort:
    if datatype.kind is Kind.NUMBER:
        return Sort.WHOLE if datatype.is_integer else Sort.REAL
    if datatype.kind is Kind.GEOMETRY:
        return Sort(str(datatype.xtype))
    return {Kind.STRING: Sort.TEXT, Kind.TIMESTAMP: Sort.TIME, Kind.BOOLEAN: Sort.FLAG}.get(datatype.kind, Sort.ARRAY)


def columns_of(table: Table) -> tuple[tuple[str, Value], ...]:
    """Return the columns of a table: their names as a query writes them, and what is known of them."""
    found = []
    for column in table.visible_columns:
        known = KNOWN[table.full_name].get(column.name)
        primitive = column.datatype.primitive
        bits = BITS.get(primitive, 32 if primitive is Primitive.FLOAT else 64)
        low, high = known if isinstance(known, tuple) else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        size = known if isinstance(known, float) else float("inf")
        value = Value("", _sort(column.datatype), bits, low, high, size, unit=column.unit)
        found.append((quoted(column.name, RESERVED), value))
    return tuple(found)


TABLES: Final = {table.full_name: table for table in tables()}


@dataclass(frozen=True)
class Source:
    """An entry of FROM."""

    alias: str
    columns: tuple[tuple[str, Value], ...]
    table: str = ""
    """Full name when it is a table."""


@dataclass
class Scope:
    """What can be named."""

    sources: list[Source] = field(default_factory=list)
    merged: tuple[str, ...] = ()
    """Columns of NATURAL and USING, which have no qualifier."""
    is_bare: bool = False
    """Whether names are written without a qualifier."""
    outer: Scope | None = None

    def values(self, sort: Sort) -> list[Value]:
        """Return the columns of a sort, those of an outer query last."""
        found: list[Value] = []
        seen: set[str] = set()
        for source in self.sources:
            for name, value in source.columns:
                if value.sort is not sort:
                    continue
                if name in self.merged:
                    if name not in seen:
                        found.append(replace(value, text=name))
                    seen.add(name)
                else:
                    found.append(replace(value, text=name if self.is_bare else f"{source.alias}.{name}"))
        if self.outer is not None and not self.outer.is_bare:
            found += [value for value in self.outer.values(sort) if "." in value.text]
        return found
