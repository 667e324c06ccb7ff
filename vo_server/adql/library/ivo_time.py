"""IVOA functions of time (UDF catalogue 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import DOUBLE, parameters, udf

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["TIME_UDFS"]

_DAYS: Final = "(CAST(date_part('epoch', {time}) AS DOUBLE PRECISION) / 86400.0 + {zero})"
"""With a cast, as the SQL is written with EXTRACT, which gives exact decimals on PostgreSQL and other last digits."""


def _days(name: str, words: str, zero: str) -> tuple[Function, Function]:
    """Return the overloads for a timestamp and for a text."""
    of_time = _DAYS.replace("{zero}", zero)
    return (
        udf(
            name,
            parameters("d:time"),
            DOUBLE,
            f"{words} of a timestamp [d]; leap seconds and time scales do not count.",
            f"{name}(CAST('2000-01-02T12:00:00' AS TIMESTAMP))",
            sql=of_time.replace("{time}", "CAST({d} AS TIMESTAMP)"),
            unit="d",
            ucd="time.epoch",
        ),
        udf(
            name,
            parameters("d:text"),
            DOUBLE,
            f"{words} of a date written YYYY-MM-DD or YYYY-MM-DDThh:mm:ss [d]; NULL for other texts.",
            f"{name}('1910-12-31T06:00:00')",
            sql=of_time.replace("{time}", "vo_functions.time_in({d})"),
            unit="d",
            ucd="time.epoch",
        ),
    )


TIME_UDFS: Final[tuple[Function, ...]] = (
    *_days("ivo_to_jd", "Julian date", "2440587.5"),
    *_days("ivo_to_mjd", "Modified Julian date", "40587"),
)
