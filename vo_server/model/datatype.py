"""The one type table: VOTable, ADQL, Arrow, numpy, DuckDB and PostgreSQL names of each type.

A :class:`DataType` is the triple that VOTable and TAP_SCHEMA use (datatype, arraysize, xtype), and
everything else is derived from it here. Nothing else in the project spells a type name of a database
or of the wire.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # Imported late where values of them are made: a query can be checked without either.
    import numpy as np
    import pyarrow as pa

__all__ = ["ADQL_CAST_TYPES", "DataType", "Kind", "Primitive", "PrimitiveFacts"]


class Primitive(StrEnum):
    """VOTable primitive types that columns are stored in (VOTable 1.4, section 2.1)."""

    BOOLEAN = "boolean"
    UNSIGNED_BYTE = "unsignedByte"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    CHAR = "char"
    UNICODE_CHAR = "unicodeChar"


@dataclass(frozen=True, slots=True)
class PrimitiveFacts:
    """One row of the type table."""

    adql: str
    """ADQL 2.1 name (section 3); a project extension for BOOLEAN."""
    arrow_name: str
    """Name of the function of pyarrow that makes the Arrow type of a scalar; strings for the two character types."""
    numpy: str
    """numpy type string of one element on the wire, big-endian (VOTable BINARY, FITS)."""
    size_bytes: int
    """Bytes of one element on the wire."""
    duckdb: str
    postgres: str
    rank: int
    """Position in numeric widening; -1 for what is not a number."""

    @property
    def arrow(self) -> pa.DataType:
        """Arrow type of a scalar."""
        import pyarrow as pa  # noqa: PLC0415 - late, see the top

        return getattr(pa, self.arrow_name)()


_FACTS: Final[dict[Primitive, PrimitiveFacts]] = {
    Primitive.BOOLEAN: PrimitiveFacts("BOOLEAN", "bool_", "S1", 1, "BOOLEAN", "boolean", -1),
    Primitive.UNSIGNED_BYTE: PrimitiveFacts("SMALLINT", "uint8", "u1", 1, "UTINYINT", "smallint", 0),
    Primitive.SHORT: PrimitiveFacts("SMALLINT", "int16", ">i2", 2, "SMALLINT", "smallint", 1),
    Primitive.INT: PrimitiveFacts("INTEGER", "int32", ">i4", 4, "INTEGER", "integer", 2),
    Primitive.LONG: PrimitiveFacts("BIGINT", "int64", ">i8", 8, "BIGINT", "bigint", 3),
    Primitive.FLOAT: PrimitiveFacts("REAL", "float32", ">f4", 4, "REAL", "real", 4),
    Primitive.DOUBLE: PrimitiveFacts("DOUBLE PRECISION", "float64", ">f8", 8, "DOUBLE", "double precision", 5),
    Primitive.CHAR: PrimitiveFacts("VARCHAR", "string", "S", 1, "VARCHAR", "text", -1),
    Primitive.UNICODE_CHAR: PrimitiveFacts("VARCHAR", "string", ">U", 2, "VARCHAR", "text", -1),
}

_INTEGERS: Final = frozenset({Primitive.UNSIGNED_BYTE, Primitive.SHORT, Primitive.INT, Primitive.LONG})
_STRINGS: Final = frozenset({Primitive.CHAR, Primitive.UNICODE_CHAR})
_GEOMETRY_XTYPES: Final = frozenset({"point", "circle", "polygon"})
_REGION_XTYPES: Final = frozenset({"adql:region", "moc"})
"""Extended types of texts that are regions: what no array of numbers can be."""

_ARRAYSIZE: Final = re.compile(r"(?:[0-9]+x)*(?:[0-9]+\*?|\*)")


class Kind(StrEnum):
    """What a value is to the language: which operators and arguments accept it."""

    NUMBER = "number"
    STRING = "string"
    TIMESTAMP = "timestamp"
    GEOMETRY = "geometry"
    BOOLEAN = "boolean"
    ARRAY = "array"
    NULL = "null"


@dataclass(frozen=True)
class DataType:
    """Type of a column or of an expression: the VOTable triple.

    Parameters
    ----------
    primitive
        VOTable ``datatype``.
    arraysize
        VOTable ``arraysize``; None for a scalar. Strings always have one, except a single character.
    xtype
        DALI extended type: ``timestamp``, ``point``, ``circle``, ``polygon``, ``interval``, ...

    Raises
    ------
    ValueError
        If ``arraysize`` does not follow VOTable 1.4, section 2.2.
    """

    primitive: Primitive
    arraysize: str | None = None
    xtype: str | None = None

    def __post_init__(self) -> None:
        if self.arraysize is not None and not _ARRAYSIZE.fullmatch(self.arraysize):
            raise ValueError(f"arraysize {self.arraysize!r} does not have the form n, n*, * or nxm*")

    @property
    def facts(self) -> PrimitiveFacts:
        """The row of the type table for this type's primitive."""
        return _FACTS[self.primitive]

    @property
    def is_string(self) -> bool:
        """True for text (not for timestamps, which VOTable also writes as text)."""
        return self.primitive in _STRINGS and self.xtype != "timestamp"

    @property
    def is_timestamp(self) -> bool:
        """True for an instant in time."""
        return self.xtype == "timestamp"

    @property
    def is_geometry(self) -> bool:
        """True for a DALI point, circle or polygon."""
        return self.xtype in _GEOMETRY_XTYPES and self.primitive not in _STRINGS

    @property
    def is_region_text(self) -> bool:
        """True for a text that is a region: STC-S or a coverage map."""
        return self.xtype in _REGION_XTYPES and self.primitive in _STRINGS

    @property
    def is_array(self) -> bool:
        """True when a cell holds several numbers, geometries included."""
        return self.arraysize is not None and self.primitive not in _STRINGS

    @property
    def is_integer(self) -> bool:
        """True for a scalar whole number."""
        return self.primitive in _INTEGERS and self.arraysize is None

    @property
    def is_numeric(self) -> bool:
        """True for a scalar number."""
        return self.facts.rank >= 0 and self.arraysize is None

    @cached_property
    def kind(self) -> Kind:
        """What this type is to the language."""
        if self.is_timestamp:
            return Kind.TIMESTAMP
        if self.is_geometry or self.is_region_text:
            return Kind.GEOMETRY
        if self.primitive in _STRINGS:
            return Kind.STRING
        if self.is_array:
            return Kind.ARRAY
        return Kind.BOOLEAN if self.primitive is Primitive.BOOLEAN else Kind.NUMBER

    @property
    def fixed_length(self) -> int | None:
        """Number of elements of a one-dimensional array or string of fixed length, else None."""
        if self.arraysize is None or not self.arraysize.isdigit():
            return None
        return int(self.arraysize)

    @cached_property
    def n_elements(self) -> int | None:
        """Number of primitive elements in every cell: 1 for scalars, None where cells differ in length."""
        if self.arraysize is None:
            return 1
        if self.arraysize.endswith("*"):
            return None
        return math.prod(int(axis) for axis in self.arraysize.split("x"))

    @cached_property
    def arrow(self) -> pa.DataType:
        """Arrow type of a cell: what every reader gives, every engine returns and every writer takes.

        Arrays are ``list``; shapes of more than one dimension travel flat, first axis fastest.
        Timestamps are ``timestamp[us]`` without a zone.
        """
        import pyarrow as pa  # noqa: PLC0415 - late, see the top

        if self.is_timestamp:
            return pa.timestamp("us")
        return pa.list_(self.facts.arrow) if self.is_array else self.facts.arrow

    @property
    def duckdb(self) -> str:
        """Type name in DuckDB."""
        if self.is_timestamp:
            return "TIMESTAMP"
        return f"{self.facts.duckdb}[]" if self.is_array else self.facts.duckdb

    @property
    def postgres(self) -> str:
        """Type name in PostgreSQL."""
        if self.is_timestamp:
            return "timestamp without time zone"
        return f"{self.facts.postgres}[]" if self.is_array else self.facts.postgres

    @property
    def adql(self) -> str:
        """ADQL name as signatures write it, e.g. ``DOUBLE PRECISION``, ``POINT`` or ``INTEGER ARRAY``.

        ADQL has no arrays. With brackets instead of the word of SQL:1999 clients cannot read the signature at all.
        """
        if self.is_timestamp or self.is_geometry:
            assert self.xtype is not None
            return self.xtype.upper()
        if self.primitive in _STRINGS:
            length = self.fixed_length
            return self.facts.adql if length is None else f"CHAR({length})"
        return f"{self.facts.adql} ARRAY" if self.is_array else self.facts.adql

    def with_primitive(self, primitive: Primitive) -> DataType:
        """Return this type with another primitive."""
        return replace(self, primitive=primitive)

    @classmethod
    def widest(cls, *types: DataType) -> DataType:
        """Return the scalar number type that holds the values of all the given number types.

        A ``long`` together with a ``float`` gives ``double``: a float keeps 24 bits only.

        Raises
        ------
        ValueError
            If one of the types is not a scalar number.
        """
        if not types or not all(one.is_numeric for one in types):
            raise ValueError(f"not all numbers: {', '.join(str(one) for one in types)}")
        primitives = {one.primitive for one in types}
        if Primitive.FLOAT in primitives and primitives & {Primitive.INT, Primitive.LONG}:
            primitives.add(Primitive.DOUBLE)
        return cls(max(primitives, key=lambda primitive: _FACTS[primitive].rank))

    @classmethod
    def of_arrow(cls, arrow: pa.DataType) -> DataType:
        """Return the type that stores an Arrow type without loss.

        ``uint16`` and ``uint32`` go to the next wider signed type; ``uint64`` has no home and becomes text
        in the readers. Dictionaries count as their values.

        Raises
        ------
        ValueError
            If the project has no type for it.
        """
        import pyarrow as pa  # noqa: PLC0415 - late, see the top

        if pa.types.is_dictionary(arrow):
            return cls.of_arrow(arrow.value_type)
        if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow):
            return cls(Primitive.CHAR, "*", "timestamp")
        if pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
            return cls(Primitive.CHAR, "*")
        if pa.types.is_fixed_size_list(arrow):
            return replace(cls.of_arrow(arrow.value_type), arraysize=str(arrow.list_size))
        if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
            return replace(cls.of_arrow(arrow.value_type), arraysize="*")
        try:
            return cls(_OF_ARROW[str(arrow)])
        except KeyError:
            raise ValueError(f"no VOTable type for Arrow type {arrow}") from None

    @classmethod
    def of_numpy(cls, dtype: np.dtype[np.generic]) -> DataType:
        """Return the scalar type of a numpy dtype of any byte order.

        Raises
        ------
        ValueError
            If the project has no type for it.
        """
        import pyarrow as pa  # noqa: PLC0415 - late, see the top

        if dtype.kind in "SU":
            return cls(Primitive.CHAR if dtype.kind == "S" else Primitive.UNICODE_CHAR, "*")
        return cls.of_arrow(pa.from_numpy_dtype(dtype.newbyteorder("=")))


_OF_ARROW: Final[dict[str, Primitive]] = {
    "bool": Primitive.BOOLEAN,
    "uint8": Primitive.UNSIGNED_BYTE,
    "int8": Primitive.SHORT,
    "int16": Primitive.SHORT,
    "uint16": Primitive.INT,
    "int32": Primitive.INT,
    "uint32": Primitive.LONG,
    "int64": Primitive.LONG,
    "halffloat": Primitive.FLOAT,
    "float": Primitive.FLOAT,
    "double": Primitive.DOUBLE,
}

ADQL_CAST_TYPES: Final[dict[str, DataType]] = {
    "SMALLINT": DataType(Primitive.SHORT),
    "INTEGER": DataType(Primitive.INT),
    "BIGINT": DataType(Primitive.LONG),
    "REAL": DataType(Primitive.FLOAT),
    "DOUBLE PRECISION": DataType(Primitive.DOUBLE),
    "CHAR": DataType(Primitive.CHAR, "*"),
    "VARCHAR": DataType(Primitive.CHAR, "*"),
    "TIMESTAMP": DataType(Primitive.CHAR, "*", "timestamp"),
    "POINT": DataType(Primitive.DOUBLE, "2", "point"),
    "CIRCLE": DataType(Primitive.DOUBLE, "3", "circle"),
    "POLYGON": DataType(Primitive.DOUBLE, "*", "polygon"),
}
"""Types by their ADQL names (ADQL 2.1, section 3 and the targets of CAST, section 4.7.1)."""
