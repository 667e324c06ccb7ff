"""Statistics of one column, as its values come: exact ones here, those of the sample when all are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.load.distinct import DistinctValues, numbers_of, without_null
from vo_server.load.histogram import histogram
from vo_server.model.statistics import PERCENTILES, ColumnStatistics, TopValues, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ColumnTally"]

TOP: Final = 20
"""Most frequent values told."""

LONGEST_TEXT: Final = 200
"""Longer texts are cut, with an ellipsis."""

_FEW_IN_SAMPLE: Final = 10
"""A value that is rarer in the sample is none of the frequent ones: its count would be a guess."""


class ColumnTally:
    """Counts and extremes of a column.

    Parameters
    ----------
    name
        Of the column.
    kind
        Arrow type of a cell.
    """

    def __init__(self, name: str, kind: pa.DataType) -> None:
        self.name = name
        self.is_array = pa.types.is_list(kind)
        self.kind = kind.value_type if self.is_array else kind
        self.n_null = self.n_values = self.n_not_finite = 0
        self.minimum: Any = None
        """Smallest value; instants as microseconds since 1970."""
        self.maximum: Any = None
        self.mean = self.squares = 0.0
        self.distinct = None if self.is_array else DistinctValues()

    @property
    def has_moments(self) -> bool:
        """Whether values are numbers, of which there is a mean."""
        return bool(pa.types.is_integer(self.kind) or pa.types.is_floating(self.kind))

    @property
    def has_order(self) -> bool:
        """Whether there are percentiles."""
        return self.has_moments or bool(pa.types.is_timestamp(self.kind))

    def see(self, values: pa.Array) -> None:
        """Take the cells of some rows."""
        self.n_null += values.null_count
        if pa.types.is_null(values.type):
            return
        values = self._plain(values)
        n_given = len(values)
        is_text = pa.types.is_string(self.kind)
        if not is_text:
            values = self._see_numbers(values)
        if self.distinct is not None and len(values):
            values = self.distinct.see(values)
        if is_text and len(values):
            ends = pc.min_max(values).as_py()
            self._add(n_given, ends["min"], ends["max"], 0.0, 0.0)

    def merge(self, other: ColumnTally) -> None:
        """Add what was seen elsewhere of the same column."""
        self.n_null += other.n_null
        self.n_not_finite += other.n_not_finite
        if other.n_values:
            self._add(other.n_values, other.minimum, other.maximum, other.mean, other.squares)
        if self.distinct is not None:
            assert other.distinct is not None
            self.distinct.merge(other.distinct, self.kind)

    def result(self, sample: pa.Array, n_rows: int, *, is_whole: bool) -> ColumnStatistics:
        """Return the statistics.

        Parameters
        ----------
        sample
            Cells of the sampled rows.
        n_rows
            Rows of the table.
        is_whole
            Whether the sample is the whole table.
        """
        scale = n_rows / max(len(sample), 1)
        seen = _finite(self._plain(sample))
        if self.distinct is None:
            n_distinct, is_exact, top = None, True, None
        else:
            estimated, is_exact = self.distinct.number()
            n_distinct = min(estimated, self.n_values)
            top = self._top(seen, scale, is_whole=is_whole)
        values = np.sort(numbers_of(seen)) if self.has_order else np.empty(0)
        has_deviation = self.has_moments and self.n_values > 0
        return ColumnStatistics(
            self.name,
            self.n_null,
            n_values=self.n_values,
            n_not_finite=self.n_not_finite,
            minimum=self._told(self.minimum),
            maximum=self._told(self.maximum),
            mean=_finite_or_none(self.mean) if has_deviation else None,
            deviation=_finite_or_none(math.sqrt(self.squares / self.n_values)) if has_deviation else None,
            percentiles=tuple(self._told(value) for value in _percentiles(values)),  # type: ignore[misc]
            n_distinct=n_distinct,
            is_distinct_exact=is_exact,
            top=top,
            histogram=histogram(
                values,
                self.minimum,
                self.maximum,
                n_values=self.n_values,
                is_whole=is_whole,
                is_time=bool(pa.types.is_timestamp(self.kind)),
            ),
        )

    def _plain(self, values: pa.Array) -> pa.Array:
        """Return the values that there are: no NULLs, the elements of arrays."""
        if self.is_array:
            values = values.flatten()
        return without_null(values)

    def _see_numbers(self, values: pa.Array) -> pa.Array:
        """Take numbers, and return those that are finite."""
        numbers = numbers_of(values)
        if not len(numbers):
            return values
        smallest, largest = numbers.min(), numbers.max()
        if numbers.dtype.kind == "f" and not math.isfinite(float(largest) - float(smallest)):
            is_finite = np.isfinite(numbers)
            self.n_not_finite += len(numbers) - int(np.count_nonzero(is_finite))
            numbers, values = numbers[is_finite], values.filter(pa.array(is_finite))
            if not len(numbers):
                return values
            smallest, largest = numbers.min(), numbers.max()
        mean = squares = 0.0
        if self.has_moments:
            with np.errstate(over="ignore", invalid="ignore"):  # moments that are not finite are not told
                wide = numbers.astype(np.float64, copy=False)
                mean = float(np.mean(wide))
                apart = wide - mean
                apart *= apart  # not the product of two vectors, for which numpy starts threads
                squares = float(np.sum(apart))
        self._add(len(numbers), smallest.item(), largest.item(), mean, squares)
        return values

    def _add(self, n_more: int, minimum: Any, maximum: Any, mean: float, squares: float) -> None:
        """Add the extremes and moments of more values (Chan, Golub and LeVeque 1979)."""
        n_all = self.n_values + n_more
        self.minimum = minimum if self.minimum is None else min(minimum, self.minimum)
        self.maximum = maximum if self.maximum is None else max(maximum, self.maximum)
        apart = mean - self.mean
        self.squares += squares + apart * apart * (self.n_values * n_more / n_all)
        self.mean += apart * (n_more / n_all)
        self.n_values = n_all

    def _top(self, seen: pa.Array, scale: float, *, is_whole: bool) -> TopValues | None:
        """Return the most frequent values: all that were counted, else what is frequent in the sample."""
        assert self.distinct is not None
        if self.distinct.counts is not None:
            found = sorted(self.distinct.counts.items(), key=lambda one: (-one[1], one[0]))[:TOP]
            return _top_values([(self._told(value), count) for value, count in found], is_exact=True)
        counted = pc.value_counts(seen)
        fewest = 2 if is_whole else _FEW_IN_SAMPLE
        counted = counted.filter(pc.greater_equal(counted.field("counts"), fewest))
        plain = counted.field("values")
        plain = plain.cast(pa.int64()) if pa.types.is_timestamp(self.kind) else plain
        pairs = zip(plain.to_pylist(), counted.field("counts").to_pylist(), strict=True)
        found = sorted(pairs, key=lambda one: (-one[1], one[0]))[:TOP]
        return _top_values([(self._told(value), round(n * scale)) for value, n in found], is_exact=is_whole)

    def _told(self, value: Any) -> Value | None:
        """Return a value as it is published."""
        if value is None:
            return None
        if pa.types.is_timestamp(self.kind):
            return str(np.datetime64(int(value), "us"))
        if isinstance(value, str):
            return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
        plain: Value = value.item() if isinstance(value, np.generic) else value
        return plain


def _top_values(found: list[tuple[Value | None, int]], *, is_exact: bool) -> TopValues | None:
    told = [(value, count) for value, count in found if value is not None]
    if not told:
        return None
    return TopValues(tuple(value for value, _ in told), tuple(count for _, count in told), is_exact)


def _finite(values: pa.Array) -> pa.Array:
    return values.filter(pc.is_finite(values)) if pa.types.is_floating(values.type) else values


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percentiles(values: NDArray[Any]) -> list[np.generic]:
    """Return the values at the percentiles: the smallest that is not below the share (the inverse of the CDF)."""
    if not len(values):
        return []
    return [values[max(0, math.ceil(len(values) * percent / 100) - 1)] for percent in PERCENTILES]
