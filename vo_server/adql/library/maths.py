"""Mathematical and trigonometric functions (ADQL 2.1, section 2.3), all mandatory, all giving DOUBLE PRECISION.

Where a function has no value (``LOG(-1)``, ``SQRT(-1)``, ``MOD(x, 0)``) or no finite one (``EXP(1000)``) the
result is NULL on every engine: one bad row does not fail a query of a million. NaN gives NaN, and NULL where
the domain is tested (ASIN, ACOS, EXP, POWER). What is a whole number or has digits cut off is never -0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.function import DOUBLE, Family, Function, Parameter
from vo_server.model.datatype import Kind
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MATHS_FUNCTIONS"]

_LN_MAX: Final = "709.782712893384"
"""Natural logarithm of the largest double."""
_LN_MIN: Final = "-745.13321910194"
"""Natural logarithm of the smallest double."""

_D: Final = "CAST({x} AS DOUBLE PRECISION)"
_FINITE: Final = "nullif(nullif(CAST({x} AS DOUBLE PRECISION), CAST('Infinity' AS DOUBLE PRECISION)), CAST('-Infinity' AS DOUBLE PRECISION))"  # noqa: E501 - one template
_DX: Final = "CAST({x} AS DOUBLE PRECISION)"
_DY: Final = "CAST({y} AS DOUBLE PRECISION)"
_LN_POWER: Final = f"{_DY} * ln(abs({_DX}))"
_MAX: Final = "1.7976931348623157e308"
"""The largest double."""
_LN_POWER_MAX, _LN_POWER_MIN = "709.7827128933", "-745.1332"
"""Limits of the logarithm of a power, with room for the rounding of the product that it is."""

_MOST_DIGITS: Final = 290.0
"""Places that ROUND and TRUNCATE reach to either side of the point; there no power of ten overflows."""


def _has_unit(unit: str) -> Callable[[tuple[Column, ...]], Column]:
    def annotate(arguments: tuple[Column, ...]) -> Column:
        del arguments
        return Column("", DOUBLE, unit=unit)

    return annotate


def _keeps_unit(arguments: tuple[Column, ...]) -> Column:
    return Column("", DOUBLE, unit=arguments[0].unit, ucd=arguments[0].ucd)


def _maths(
    name: str,
    parameters: str,
    description: str,
    example: str,
    *,
    sql: str = "",
    duckdb: str = "",
    postgres: str = "",
    annotate: Callable[[tuple[Column, ...]], Column] | None = None,
) -> Function:
    templates = {"*": sql} if sql else {"duckdb": duckdb, "postgres": postgres} if duckdb else {}
    return Function(
        name=name,
        parameters=tuple(
            Parameter(
                one.rstrip("!+"),
                Kind.NUMBER,
                "INTEGER" if one[0] == "n" else "DOUBLE PRECISION",
                is_literal="!" in one,
                domain=_domain(one),
            )
            for one in parameters.split()
        ),
        returns=DOUBLE,
        family=Family.MATHS,
        description=description,
        example=example,
        sql=templates,
        annotate=annotate,
        is_special=not templates,
    )


def _domain(parameter: str) -> tuple[float, float] | tuple[()]:
    if parameter.endswith("+"):
        return (0.0, 2.0**63)
    return (-_MOST_DIGITS, _MOST_DIGITS) if parameter == "n!" else ()


MATHS_FUNCTIONS: Final = (
    _maths("ABS", "x", "Absolute value.", "ABS(-2.5)", sql=f"abs({_D})", annotate=_keeps_unit),
    _maths(
        "CEILING",
        "x",
        "Smallest integer that is not less.",
        "CEILING(1.2)",
        sql=f"(ceil({_D}) + 0.0)",
        annotate=_keeps_unit,
    ),
    _maths(
        "DEGREES",
        "x",
        "Radians to degrees; NULL where they are more than any double.",
        "DEGREES(PI())",
        sql=f"CASE WHEN abs({_D}) BETWEEN 3.13756641438e306 AND {_MAX} THEN NULL ELSE {_D} * 57.29577951308232 END",
        annotate=_has_unit("deg"),
    ),
    _maths(
        "EXP",
        "x",
        "Exponential; NULL where it is larger than any double.",
        "EXP(1)",
        sql=f"CASE WHEN {_D} > {_LN_MAX} THEN NULL WHEN {_D} < {_LN_MIN} THEN 0.0 ELSE exp({_D}) END",
    ),
    _maths(
        "FLOOR",
        "x",
        "Largest integer that is not greater.",
        "FLOOR(1.8)",
        sql=f"(floor({_D}) + 0.0)",
        annotate=_keeps_unit,
    ),
    _maths("LOG", "x", "Natural logarithm; NULL unless x > 0.", "LOG(10)", sql=f"CASE WHEN {_D} > 0 THEN ln({_D}) END"),
    _maths(
        "LOG10",
        "x",
        "Logarithm to the base 10; NULL unless x > 0.",
        "LOG10(100)",
        duckdb=f"CASE WHEN {_D} > 0 THEN log10({_D}) END",
        postgres=f"CASE WHEN {_D} > 0 THEN log({_D}) END",
    ),
    _maths(
        "MOD",
        "x y",
        "Exact remainder of x / y with the sign of x; NULL for y = 0 and for x without end.",
        "MOD(-5, 3)",
        duckdb=f"({_FINITE} % nullif({_DY}, 0) + 0.0)",
        postgres=f"vo_functions.remainder({_DX}, {_DY})",
    ),
    _maths("PI", "", "The number pi.", "PI()", sql="CAST(3.141592653589793 AS DOUBLE PRECISION)"),
    _maths(
        "POWER",
        "x y",
        "x to the power y; NULL where it is not a finite real number.",
        "POWER(2, 10)",
        sql=f"CASE WHEN {_DX} = 0 THEN CASE WHEN {_DY} > 0 AND {_DY} <= {_MAX} THEN 0.0 WHEN {_DY} = 0 THEN 1.0 END "
        f"WHEN {_DX} < 0 AND {_DY} <> floor({_DY}) THEN NULL "
        # PostgreSQL fails where a product of doubles leaves their range, as the one below would.
        f"WHEN {_DY} <> 0 AND abs({_DY}) < 1e-290 THEN 1.0 WHEN abs({_DY}) BETWEEN 1e290 AND {_MAX} THEN "
        f"CASE WHEN abs({_DX}) = 1 THEN 1.0 WHEN abs({_DX}) < 1 AND {_DY} > 0 OR "
        f"abs({_DX}) BETWEEN 1 AND {_MAX} AND {_DY} < 0 THEN 0.0 END "
        f"WHEN {_LN_POWER} > {_LN_POWER_MAX} THEN NULL WHEN {_LN_POWER} < {_LN_POWER_MIN} THEN 0.0 "
        f"ELSE power({_DX}, {_DY}) END",
    ),
    _maths(
        "RADIANS",
        "x",
        "Degrees to radians.",
        "RADIANS(180)",
        # What is 0 only because it is too small is an error on PostgreSQL.
        sql=f"CASE WHEN abs({_D}) < 1.5e-322 THEN 0.0 ELSE {_D} * 0.017453292519943295 END",
        annotate=_has_unit("rad"),
    ),
    _maths("RAND", "", "Random number between 0 and 1.", "RAND()", sql="random()"),
    _maths("RAND", "n!+", "Random number from 0 to 1; the argument has no meaning here.", "RAND(42)", sql="random()"),
    # The engines lower ROUND and TRUNCATE themselves, with powers of ten that are computed beforehand.
    _maths("ROUND", "x", "Nearest integer; halves go away from zero.", "ROUND(2.5)", annotate=_keeps_unit),
    _maths(
        "ROUND",
        "x n!",
        "x with n decimals, halves away from zero; with n < 0 digits left of the point become 0.",
        "ROUND(1234.5, -2)",
        annotate=_keeps_unit,
    ),
    _maths("SQRT", "x", "Square root; NULL for x < 0.", "SQRT(2)", sql=f"CASE WHEN {_D} >= 0 THEN sqrt({_D}) END"),
    _maths("TRUNCATE", "x", "Integer part.", "TRUNCATE(-1.8)", annotate=_keeps_unit),
    _maths(
        "TRUNCATE",
        "x n!",
        "x cut to n decimals, towards zero; n may be negative.",
        "TRUNCATE(-1.29, 1)",
        annotate=_keeps_unit,
    ),
    _maths(
        "ACOS",
        "x",
        "Arc cosine [rad], in [0, pi]; NULL unless |x| <= 1.",
        "ACOS(0)",
        sql=f"CASE WHEN abs({_D}) <= 1 THEN acos({_D}) END",
        annotate=_has_unit("rad"),
    ),
    _maths(
        "ASIN",
        "x",
        "Arc sine [rad], in [-pi/2, pi/2]; NULL unless |x| <= 1.",
        "ASIN(1)",
        sql=f"CASE WHEN abs({_D}) <= 1 THEN asin({_D}) END",
        annotate=_has_unit("rad"),
    ),
    _maths(
        "ATAN", "x", "Arc tangent [rad], in [-pi/2, pi/2].", "ATAN(1)", sql=f"atan({_D})", annotate=_has_unit("rad")
    ),
    _maths(
        "ATAN2",
        "y x",
        "Angle [rad] of the point (x, y), in [-pi, pi]; y stands first.",
        "ATAN2(1, 0)",
        sql=f"atan2({_DY}, {_DX})",
        annotate=_has_unit("rad"),
    ),
    _maths("COS", "x", "Cosine of an angle in radians.", "COS(0)", sql=f"cos({_FINITE})"),
    _maths(
        "COT",
        "x",
        "Cotangent of an angle in radians; NULL where the tangent is 0 or so small that there is no such double.",
        "COT(1)",
        sql=f"CASE WHEN abs(tan({_FINITE})) > 5.6e-309 THEN 1.0 / tan({_FINITE}) END",
    ),
    _maths("SIN", "x", "Sine of an angle in radians.", "SIN(1)", sql=f"sin({_FINITE})"),
    _maths("TAN", "x", "Tangent of an angle in radians.", "TAN(1)", sql=f"tan({_FINITE})"),
)
