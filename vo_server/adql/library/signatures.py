"""Short notation for user-defined functions: parameters as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.function import Family, Function, Parameter
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "CIRCLE",
    "DOUBLE",
    "INTEGER",
    "INTEGERS",
    "LONG",
    "POINT",
    "POLYGON",
    "TIME",
    "VARCHAR",
    "parameters",
    "udf",
]

DOUBLE: Final = DataType(Primitive.DOUBLE)
INTEGER: Final = DataType(Primitive.INT)
INTEGERS: Final = DataType(Primitive.INT, "*")
LONG: Final = DataType(Primitive.LONG)
VARCHAR: Final = DataType(Primitive.CHAR, "*")
TIME: Final = DataType(Primitive.CHAR, "*", "timestamp")
POINT: Final = DataType(Primitive.DOUBLE, "2", "point")
CIRCLE: Final = DataType(Primitive.DOUBLE, "3", "circle")
POLYGON: Final = DataType(Primitive.DOUBLE, "*", "polygon")

_TYPES: Final = {
    "double": (Kind.NUMBER, "DOUBLE PRECISION"),
    "int": (Kind.NUMBER, "INTEGER"),
    "long": (Kind.NUMBER, "BIGINT"),
    "text": (Kind.STRING, "VARCHAR"),
    "time": (Kind.TIMESTAMP, "TIMESTAMP"),
    "point": (Kind.GEOMETRY, "POINT"),
    "circle": (Kind.GEOMETRY, "CIRCLE"),
    "polygon": (Kind.GEOMETRY, "POLYGON"),
}


def parameters(
    text: str, domains: Mapping[str, tuple[float, float] | tuple[str, ...]] | None = None
) -> tuple[Parameter, ...]:
    """Read parameters written ``name:type``, with ``!`` behind what must be a literal.

    Parameters
    ----------
    text
        The parameters, with blanks between.
    domains
        By name: the lowest and the highest number, or the texts that are allowed; checked where literals are given.
    """
    found = []
    for part in text.split():
        name, type_name = part.rstrip("!").split(":")
        kind, adql_type = _TYPES[type_name]
        domain = (domains or {}).get(name, ())
        found.append(Parameter(name, kind, adql_type, is_literal=part.endswith("!"), domain=domain))
    return tuple(found)


def udf(
    name: str,
    takes: tuple[Parameter, ...],
    returns: DataType,
    description: str,
    example: str,
    *,
    sql: str = "",
    duckdb: str = "",
    postgres: str = "",
    unit: str | None = None,
    ucd: str | None = None,
    annotate: Callable[[tuple[Column, ...]], Column] | None = None,
    is_aggregate: bool = False,
    is_variadic: bool = False,
) -> Function:
    """Return a row of the table; without SQL the engines lower the call themselves."""

    def plain(arguments: tuple[Column, ...]) -> Column:
        del arguments
        return Column("", returns, unit=unit, ucd=ucd)

    templates = {"*": sql} if sql else {"duckdb": duckdb, "postgres": postgres} if duckdb else {}
    return Function(
        name=name,
        parameters=takes,
        returns=returns,
        family=Family.UDF,
        description=description,
        example=example,
        sql=templates,
        annotate=annotate or plain,
        is_aggregate=is_aggregate,
        is_variadic=is_variadic,
        is_special=not templates,
    )
