"""IVOA functions of numbers: histograms, random numbers, intervals (UDF catalogue 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import DOUBLE, INTEGER, INTEGERS, parameters, udf

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["NUMBER_UDFS"]

_MAX_BINS: Final = 10_000
"""Most bins of a histogram: each group of an answer holds all of them."""

_BIN: Final = "vo_functions.bin_of({val}, {lower}, {upper}, {nbins})"

NUMBER_UDFS: Final[tuple[Function, ...]] = (
    udf(
        "ivo_histogram",
        parameters("val:double lower:double upper:double nbins:int!", {"nbins": (1.0, float(_MAX_BINS))}),
        INTEGERS,
        "Set function: numbers of values in nbins bins of one width between two limits. The first element counts what "
        "is below (and NULLs and NaNs), the last one what is at the upper limit or beyond.",
        "ivo_histogram(0.3, 0, 1, 10)",
        duckdb=f"vo_functions.tally({_BIN}, {{nbins}})",
        postgres=f"COALESCE(vo_functions.tally({_BIN}, {{nbins}}), array_fill(0, ARRAY[{{nbins}} + 2]))",
        ucd="meta.number",
        is_aggregate=True,
    ),
    udf(
        "ivo_normal_random",
        parameters("mu:double sigma:double"),
        DOUBLE,
        "Random number from the normal distribution with a mean and a standard deviation.",
        "ivo_normal_random(0, 1)",
        # The Box-Muller method; 1 - random() is never 0.
        sql="({mu} + {sigma} * sqrt(-2.0 * ln(1.0 - random())) * cos(6.283185307179586 * random()))",
    ),
    udf(
        "ivo_interval_overlaps",
        parameters("a1:double b1:double a2:double b2:double"),
        INTEGER,
        "1 when the intervals from a1 to b1 and from a2 to b2 have a point in common, else 0; an interval whose lower "
        "limit is the larger one has no points. NULL when a limit is NULL.",
        "ivo_interval_overlaps(1, 2, 2, 3)",
        sql="CASE WHEN NOT ({a1} IS NULL OR {b1} IS NULL OR {a2} IS NULL OR {b2} IS NULL) THEN "
        "CAST(({a1} <= {b1} AND {a2} <= {b2} AND {a1} <= {b2} AND {a2} <= {b1}) AS INTEGER) END",
    ),
)
