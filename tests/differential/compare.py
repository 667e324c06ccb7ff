"""Answers of two engines side by side."""

from __future__ import annotations

import math
import struct
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.differential.engines import Answer
    from tests.differential.scope import Value

__all__ = ["difference"]

RELATIVE: Final = 1e-12
"""Tolerance of transcendental functions and of sums and means, which depend on the order of rows."""
_LEAST: Final = 1e-300
"""Below, doubles lose digits."""


def difference(
    one: Answer, other: Answer, columns: Sequence[Value], *, is_ordered: bool, has_merged_rows: bool
) -> str | None:
    """Return how two answers differ, None when they are the same.

    Parameters
    ----------
    one, other
        The answers.
    columns
        What is known of the columns: which of them must agree bit for bit.
    is_ordered
        Whether the order of the rows is determined.
    has_merged_rows
        Whether rows that are equal became one (DISTINCT, GROUP BY, set operations): then -0.0 and 0.0, which are equal
        but not the same, may each stand for both.
    """
    if isinstance(one, str) or isinstance(other, str):
        if isinstance(one, str) and isinstance(other, str):
            return None if one == other else f"errors: {one} | {other}"
        return f"an error on one side: {_told(one)} | {_told(other)}"
    if one.schema != other.schema:
        return f"types: {one.schema} | {other.schema}"
    if one.num_rows != other.num_rows:
        return f"{one.num_rows} rows | {other.num_rows} rows"
    rows, others = (_rows(table, has_merged_rows=has_merged_rows) for table in (one, other))
    is_exact = [value.is_exact for value in columns]
    if is_ordered:
        rows, others = _with_ties_in_order(rows, is_exact), _with_ties_in_order(others, is_exact)
    else:
        rows.sort(key=lambda row: _sort_key(row, is_exact))
        others.sort(key=lambda row: _sort_key(row, is_exact))
    for at, (row, wanted) in enumerate(zip(rows, others, strict=True)):
        for left, right, value in zip(row, wanted, columns, strict=True):
            if not (same_bits(left, right) if value.is_exact else _is_close(left, right, value.noise)):
                return f"row {at}: {_shown(row)} | {_shown(wanted)}"
    return None


def _told(answer: Answer) -> str:
    return answer if isinstance(answer, str) else f"{answer.num_rows} rows"


def _rows(table: pa.Table, *, has_merged_rows: bool) -> list[tuple[Any, ...]]:
    lists = [column.to_pylist() for column in table.columns]
    if has_merged_rows:
        lists = [[_without_sign_of_zero(one) for one in column] for column in lists]
    return list(zip(*lists, strict=True)) if lists else []


def _with_ties_in_order(rows: list[tuple[Any, ...]], is_exact: Sequence[bool]) -> list[tuple[Any, ...]]:
    """Sort rows that differ in the signs of zeros only: they are equal, so ORDER BY says nothing of them."""
    ties = groupby(rows, key=lambda row: tuple(_key(_without_sign_of_zero(value)) for value in row))
    return [row for _, tied in ties for row in sorted(tied, key=lambda row: _sort_key(row, is_exact))]


def _without_sign_of_zero(value: Any) -> Any:
    return value + 0.0 if isinstance(value, float) else value


def _shown(row: tuple[Any, ...]) -> str:
    return repr(tuple(one.isoformat() if isinstance(one, datetime) else one for one in row))[:400]


def _key(value: Any) -> Any:
    """Return something with an order that is equal exactly when values are the same bit for bit."""
    if value is None:
        return (0,)
    if isinstance(value, float):
        # All NaNs are one; zeros keep their signs.
        return (1, "nan") if math.isnan(value) else (1, struct.pack(">d", value).hex())
    if isinstance(value, list):
        return (2, tuple(_key(one) for one in value))
    return (3, str(value))


def same_bits(one: Any, other: Any) -> bool:
    return bool(_key(one) == _key(other))


def _sort_key(row: tuple[Any, ...], is_exact: Sequence[bool]) -> tuple[Any, ...]:
    exact = tuple(_key(value) for value, flag in zip(row, is_exact, strict=True) if flag)
    rest = tuple(_rough(value) for value, flag in zip(row, is_exact, strict=True) if not flag)
    return (exact, rest)


def _rough(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if isinstance(value, float):
        return (1, 0.0) if math.isnan(value) else (2, float(f"{value:.9e}"), value)
    return (3, str(value))


def _is_close(one: Any, other: Any, noise: float) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _is_close(left, right, noise) for left, right in zip(one, other, strict=True)
        )
    if not isinstance(one, float) or not isinstance(other, float):
        return same_bits(one, other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=noise + _LEAST)
