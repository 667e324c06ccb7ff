"""Types of columns that other software made: what they are published as, and how they are read as that."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from vo_server.engine.postgres.pgsphere import READS, SPHERE_TYPES
from vo_server.engine.sqltree import cast, name
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

__all__ = ["natural_type", "read", "read_sql", "stored_as"]

_TEXT: Final = DataType(Primitive.CHAR, "*")
_TIMESTAMP: Final = DataType(Primitive.CHAR, "*", "timestamp")

_PLAIN: Final[dict[str, DataType]] = {
    "bool": DataType(Primitive.BOOLEAN),
    "int2": DataType(Primitive.SHORT),
    "int4": DataType(Primitive.INT),
    "int8": DataType(Primitive.LONG),
    "float4": DataType(Primitive.FLOAT),
    "float8": DataType(Primitive.DOUBLE),
    "text": _TEXT,
    "varchar": _TEXT,
    "timestamp": _TIMESTAMP,
}
"""What queries can use as it is. The lengths of texts are left out: the database counts characters, VOTable bytes."""

_CONVERTED: Final[dict[str, DataType]] = {
    "numeric": DataType(Primitive.DOUBLE),
    "bpchar": _TEXT,
    "name": _TEXT,
    "citext": _TEXT,
    "uuid": _TEXT,
    "date": _TIMESTAMP,
    "timestamptz": _TIMESTAMP,
    **SPHERE_TYPES,
}
"""What becomes something else when it is read. A cast of ``bpchar`` to text takes the padding away."""

_ELEMENTS: Final = frozenset({"bool", "int2", "int4", "int8", "float4", "float8", "numeric"})
"""Types that arrays are published of; VOTable has no arrays of texts of any length."""


def natural_type(type_name: str, *, is_array: bool = False, is_enum: bool = False) -> DataType | None:
    """Return what a column is published as when nobody says more; None for types that VOTable has no place for.

    Parameters
    ----------
    type_name
        ``typname`` of the type, or of an array's elements; domains go by what they are made from.
    is_array
        Whether cells are arrays of it.
    is_enum
        Whether it is an enumeration, which is published as its labels.
    """
    if is_enum:
        return None if is_array else _TEXT
    found = _PLAIN.get(type_name) or _CONVERTED.get(type_name)
    if not is_array or found is None:
        return found
    return DataType(found.primitive, "*") if type_name in _ELEMENTS else None


def stored_as(type_name: str, datatype: DataType) -> str | None:
    """Return what :attr:`~vo_server.model.table.Column.stored_as` says of a column that is published as a type."""
    plain = _PLAIN.get(type_name)
    if plain is None:
        return type_name
    elements = DataType(plain.primitive, "*") if datatype.is_array else plain
    return None if elements.postgres == datatype.postgres else type_name


def read(value: exp.Expr, column: Column) -> exp.Expr:
    """Return the value of a column as what it is published as."""
    if column.stored_as is None:
        return value
    if column.stored_as in READS:
        return READS[column.stored_as](value)
    if column.stored_as == "timestamptz":
        return exp.Paren(this=exp.AtTimeZone(this=value, zone=exp.Literal.string("UTC")))
    return cast(value, column.datatype.postgres, "postgres")


def read_sql(column: Column, called: str | None = None) -> str:
    """Write :func:`read` of a column of the only table in FROM, which may be called otherwise there."""
    return read(exp.Column(this=name(called or column.name)), column).sql("postgres")
