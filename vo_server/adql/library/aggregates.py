"""Set functions beside the five of the standard; NaN is left out like NULL, as it is a missing number in VOTable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import DOUBLE, parameters, udf
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.function import Function

__all__ = ["AGGREGATE_FUNCTIONS"]

_X: Final = "nullif(CAST({x} AS DOUBLE PRECISION), CAST('NaN' AS DOUBLE PRECISION))"
_FINITE: Final = f"nullif(nullif({_X}, CAST('Infinity' AS DOUBLE PRECISION)), CAST('-Infinity' AS DOUBLE PRECISION))"


def _with_word(word: str) -> Callable[[tuple[Column, ...]], Column]:
    """Keep the unit and add a word to the UCD."""

    def annotate(arguments: tuple[Column, ...]) -> Column:
        unit, ucd = arguments[0].unit, arguments[0].ucd
        words = [one for one in (ucd or "").split(";") if one and one != "meta.main"]
        return Column("", DOUBLE, unit=unit, ucd=";".join([*words, word]) if words else None)

    return annotate


AGGREGATE_FUNCTIONS: Final[tuple[Function, ...]] = (
    udf(
        "median",
        parameters("x:double"),
        DOUBLE,
        "Set function: the value in the middle, or the mean of the two there; NULL and NaN are left out.",
        "median(2.5)",
        duckdb=f"quantile_cont({_X}, 0.5)",
        postgres=f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {_X})",
        annotate=_with_word("stat.median"),
        is_aggregate=True,
    ),
    udf(
        "quantile",
        parameters("x:double q:double!", {"q": (0.0, 1.0)}),
        DOUBLE,
        "Set function: the value below which a fraction q of the values lies, a number from 0 to 1; linear between the "
        "two nearest values. NULL and NaN are left out.",
        "quantile(2.5, 0.9)",
        duckdb=f"quantile_cont({_X}, {{q}})",
        postgres=f"percentile_cont({{q}}) WITHIN GROUP (ORDER BY {_X})",
        annotate=_with_word("stat.value"),
        is_aggregate=True,
    ),
    udf(
        "stddev",
        parameters("x:double"),
        DOUBLE,
        "Set function: standard deviation of a sample (n - 1); NULL for fewer than two values. NULL, NaN and "
        "infinities are left out. The last digits depend on the order of the rows.",
        "stddev(2.5)",
        sql=f"stddev_samp({_FINITE})",
        annotate=_with_word("stat.stdev"),
        is_aggregate=True,
    ),
)
