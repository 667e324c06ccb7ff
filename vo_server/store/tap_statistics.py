"""Statistics in TAP_SCHEMA: more columns of its tables, and a table of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.statistics import PERCENTILES, ColumnStatistics, TableStatistics
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.model.statistics import Value
    from vo_server.model.table import Table

__all__ = ["MORE_OF_COLUMNS", "MORE_OF_TABLES", "STATISTICS", "more_of_column", "more_of_table", "statistics_row"]

_NAME: Final = DataType(Primitive.CHAR, "*")
_WORDS: Final = DataType(Primitive.UNICODE_CHAR, "*")
_INTEGER: Final = DataType(Primitive.INT)
_LONG: Final = DataType(Primitive.LONG)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_LONGS: Final = DataType(Primitive.LONG, "*")
_DOUBLES: Final = DataType(Primitive.DOUBLE, "*")

_PERCENTILE_NAMES: Final = {percent: "median" if percent == 50 else f"p{percent:02d}" for percent in PERCENTILES}  # noqa: PLR2004 - the median
_IN_SHORT: Final = (1, 5, 50, 95, 99)

_OF_NUMBERS: Final = "in the unit of the column; only of numbers"


def _percentile(percent: int) -> Column:
    words = "Half of the values are" if percent == 50 else f"{percent} percent of the values are"  # noqa: PLR2004 - the median
    return Column(_PERCENTILE_NAMES[percent], _DOUBLE, description=f"{words} not larger; {_OF_NUMBERS}")


_NULLS: Final = Column("null_count", _LONG, description="Rows without a value")
_DISTINCT: Final = Column(
    "n_distinct", _LONG, description="Different values; exact up to 4096, then good to a few percent"
)
_MIN: Final = Column("min_value", _DOUBLE, description=f"Smallest value, {_OF_NUMBERS}")
_MAX: Final = Column("max_value", _DOUBLE, description=f"Largest value, {_OF_NUMBERS}")
_MIN_TEXT: Final = Column("min_text", _WORDS, description="Smallest value as text: exact, of any type")
_MAX_TEXT: Final = Column("max_text", _WORDS, description="Largest value as text: exact, of any type")

MORE_OF_TABLES: Final = (
    Column("nrows", _LONG, description="Rows of the table"),
    Column("release", _NAME, description="Version of the release that the table shows"),
    Column("coverage_area", _DOUBLE, unit="deg2", description="Area of the cells of the sky that have rows"),
    Column("coverage_order", _INTEGER, description="HEALPix order of these cells; /moc/NAME has them as a MOC"),
)
"""Columns of ``tap_schema.tables`` that the standard does not have."""

MORE_OF_COLUMNS: Final = (
    _NULLS,
    _DISTINCT,
    _MIN,
    *(_percentile(percent) for percent in _IN_SHORT),
    _MAX,
    _MIN_TEXT,
    _MAX_TEXT,
)
"""Columns of ``tap_schema.columns`` that the standard does not have; NULL where no statistics are known."""

STATISTICS: Final = (
    Column("table_name", _NAME, description="Full name of the table", is_nullable=False, is_principal=True),
    Column("column_name", _NAME, description="Name of the column", is_nullable=False, is_principal=True),
    Column("n_rows", _LONG, description="Rows of the table", is_nullable=False, is_principal=True),
    _NULLS,
    Column("n_values", _LONG, description="Values that the statistics are about; of arrays, all elements"),
    Column("n_not_finite", _LONG, description="Values that are infinite or NaN, which the statistics leave out"),
    _DISTINCT,
    Column("distinct_exact", _INTEGER, description="1 when n_distinct is exact, 0 when it is estimated"),
    _MIN,
    *(_percentile(percent) for percent in PERCENTILES),
    _MAX,
    _MIN_TEXT,
    _MAX_TEXT,
    Column("mean", _DOUBLE, description=f"Mean, {_OF_NUMBERS}"),
    Column("stddev", _DOUBLE, description=f"Standard deviation, {_OF_NUMBERS}"),
    Column("top_values", _WORDS, description="Most frequent values, as a JSON list"),
    Column("top_counts", _LONGS, description="How often each of top_values occurs"),
    Column("top_exact", _INTEGER, description="1 when top_counts are exact, 0 when they are scaled from a sample"),
    Column(
        "histogram_edges",
        _DOUBLES,
        description="Edges of the bins, in the unit of the column (timestamps: MJD); none are counted beyond",
    ),
    Column("histogram_counts", _LONGS, description="Values in each bin, one less than edges"),
    Column("histogram_exact", _INTEGER, description="1 when these are exact, 0 when they are scaled from a sample"),
    Column(
        "n_sampled", _LONG, description="Rows that percentiles and what is not exact were made from, chosen at random"
    ),
)
"""Columns of ``tap_schema.statistics``."""


def more_of_table(table: Table, found: TableStatistics | None) -> dict[str, Any]:
    """Return the values of :data:`MORE_OF_TABLES`."""
    return {
        "nrows": table.n_rows,
        "release": table.release,
        "coverage_area": None if found is None else found.area_deg2,
        "coverage_order": None if found is None else found.coverage_order,
    }


def more_of_column(found: ColumnStatistics | None) -> dict[str, Any]:
    """Return the values of :data:`MORE_OF_COLUMNS`."""
    if found is None:
        return {}
    percentiles = _percentiles(found)
    return {
        "null_count": found.n_null,
        "n_distinct": found.n_distinct,
        "min_value": _number(found.minimum),
        "max_value": _number(found.maximum),
        "min_text": _text(found.minimum),
        "max_text": _text(found.maximum),
        **{_PERCENTILE_NAMES[percent]: percentiles.get(percent) for percent in _IN_SHORT},
    }


def statistics_row(found: ColumnStatistics, table: TableStatistics) -> dict[str, Any]:
    """Return a row of ``tap_schema.statistics`` without the names of its column and table."""
    top, histogram = found.top, found.histogram
    percentiles = _percentiles(found)
    return more_of_column(found) | {
        "n_rows": table.n_rows,
        "n_values": found.n_values,
        "n_not_finite": found.n_not_finite,
        "distinct_exact": None if found.n_distinct is None else int(found.is_distinct_exact),
        **{_PERCENTILE_NAMES[percent]: percentiles.get(percent) for percent in PERCENTILES},
        "mean": found.mean,
        "stddev": found.deviation,
        "top_values": None if top is None else json.dumps(top.values, ensure_ascii=False),
        "top_counts": None if top is None else top.counts,
        "top_exact": None if top is None else int(top.is_exact),
        "histogram_edges": None if histogram is None else histogram.edges,
        "histogram_counts": None if histogram is None else histogram.counts,
        "histogram_exact": None if histogram is None else int(histogram.is_exact),
        "n_sampled": table.n_sampled,
    }


def _percentiles(found: ColumnStatistics) -> dict[int, float | None]:
    if not found.percentiles:
        return {}
    return {percent: _number(value) for percent, value in zip(PERCENTILES, found.percentiles, strict=True)}


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value)
