"""Bits of flag columns. ADQL has no operators for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import INTEGER, LONG, parameters, udf

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["BIT_FUNCTIONS"]

_PAIR: Final = parameters("a:long b:long")
_A: Final = "CAST({a} AS BIGINT)"
_B: Final = "CAST({b} AS BIGINT)"

BIT_FUNCTIONS: Final[tuple[Function, ...]] = (
    udf("bit_and", _PAIR, LONG, "Bits that are set in both numbers.", "bit_and(12, 10)", sql=f"({_A} & {_B})"),
    udf("bit_or", _PAIR, LONG, "Bits that are set in one of two numbers.", "bit_or(12, 10)", sql=f"({_A} | {_B})"),
    udf(
        "bit_xor",
        _PAIR,
        LONG,
        "Bits that are set in exactly one of two numbers.",
        "bit_xor(12, 10)",
        duckdb=f"xor({_A}, {_B})",
        postgres=f"({_A} # {_B})",
    ),
    udf("bit_not", parameters("a:long"), LONG, "All 64 bits turned over.", "bit_not(0)", sql=f"(~ {_A})"),
    udf(
        "has_bits",
        parameters("flags:long mask:long"),
        INTEGER,
        "1 when all bits of the mask are set in the flags, else 0.",
        "has_bits(13, 5)",
        sql="CAST(((CAST({flags} AS BIGINT) & CAST({mask} AS BIGINT)) = CAST({mask} AS BIGINT)) AS INTEGER)",
    ),
)
