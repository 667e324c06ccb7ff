"""What is known of the rows of a release: statistics of each column, made once when it was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["PERCENTILES", "ColumnStatistics", "Histogram", "TableStatistics", "TopValues", "Value"]

Value: TypeAlias = "bool | int | float | str"
"""A value of a column: 64-bit integers exactly, timestamps as text (ISO 8601, microseconds)."""

PERCENTILES: Final = (1, 5, 25, 50, 75, 95, 99)
"""Which percentiles are kept."""


@dataclass(frozen=True)
class TopValues:
    """The most frequent values of a column, most frequent first."""

    values: tuple[Value, ...]
    counts: tuple[int, ...]
    is_exact: bool
    """False when the counts are those of the sample, scaled to all rows."""


@dataclass(frozen=True)
class Histogram:
    """Counts between edges.

    The edges reach a little beyond the 1st and the 99th percentile and never beyond the extremes: what lies outside of
    them is not counted. Those of timestamps are in days (MJD).
    """

    edges: tuple[float, ...]
    """One more than counts, ascending."""
    counts: tuple[int, ...]
    is_exact: bool
    """False when the counts are those of the sample, scaled to all rows."""


@dataclass(frozen=True)
class ColumnStatistics:
    """Statistics of one column; those of an array are of its elements together, but for ``n_null``."""

    name: str
    n_null: int
    """Rows without a value."""
    n_values: int = 0
    """Values that everything else is about: neither NULL, nor NaN, nor infinite."""
    n_not_finite: int = 0
    """Values that are NaN or infinite."""
    minimum: Value | None = None
    """Exact; None without values. Texts are compared by code points, and cut after 200 characters with an ellipsis."""
    maximum: Value | None = None
    mean: float | None = None
    """Of numbers, with the rounding of double precision."""
    deviation: float | None = None
    """Standard deviation of the values as they are (divided by n)."""
    percentiles: tuple[Value, ...] = ()
    """Values at :data:`PERCENTILES`, each one that occurs; empty for texts and booleans."""
    n_distinct: int | None = None
    """Different values; None for arrays."""
    is_distinct_exact: bool = True
    top: TopValues | None = None
    histogram: Histogram | None = None


@dataclass(frozen=True)
class TableStatistics:
    """Statistics of a release."""

    n_rows: int
    n_sampled: int
    """Rows that percentiles, histograms and inexact top values were made from; all of a small table.

    The share of rows below a percentile p is right within ``sqrt(p (1 - p) / n_sampled)`` (one standard deviation).
    """
    columns: tuple[ColumnStatistics, ...]
    """Of the visible columns, in their order."""
    coverage_order: int | None = None
    """HEALPix order of the cells in which positions were counted; None for a table without positions."""
    n_cells: int = 0
    """Cells with at least one row."""
    area_deg2: float | None = None
    """Area of these cells."""

    def column(self, name: str) -> ColumnStatistics | None:
        """Return the statistics of a column, None when there are none."""
        return next((one for one in self.columns if one.name == name), None)

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        return [one.name for one in self.columns]
