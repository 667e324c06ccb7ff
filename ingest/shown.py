"""Statistics of a table as people read them in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table as Grid

from vo_server.model.statistics import PERCENTILES

if TYPE_CHECKING:
    from vo_server.model.statistics import ColumnStatistics, TableStatistics, Value
    from vo_server.model.table import Table

__all__ = ["heading", "statistics_grid"]

_SHOWN: Final = (5, 50, 95)
_BARS: Final = "▁▂▃▄▅▆▇█"
_N_BARS: Final = 25
_N_TOP: Final = 3
_LONGEST: Final = 24


def heading(table: Table, found: TableStatistics) -> list[str]:
    """Return what is said of the table as a whole, in lines."""
    lines = [f"{table.full_name} {table.release}: {found.n_rows} rows"]
    if found.n_sampled < found.n_rows:
        lines.append(f"percentiles, histograms and counts with ~ are from {found.n_sampled} rows chosen at random")
    if found.area_deg2 is not None:
        lines.append(
            f"coverage: {found.n_cells} HEALPix cells of order {found.coverage_order}, {found.area_deg2:.6g} deg2"
        )
    return lines


def statistics_grid(found: TableStatistics) -> Grid:
    """Return a table with a line for each column."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("column", overflow="fold")
    for name in ("NULL", "distinct", "min", *(f"{percent} %" for percent in _SHOWN), "max"):
        grid.add_column(name, justify="right", overflow="fold")
    grid.add_column("most frequent, or histogram", overflow="fold")
    for one in found.columns:
        grid.add_row(*_cells(one))
    return grid


def _cells(found: ColumnStatistics) -> list[str]:
    percentiles = dict(zip(PERCENTILES, found.percentiles, strict=False))
    distinct = "" if found.n_distinct is None else f"{'' if found.is_distinct_exact else '~'}{found.n_distinct}"
    return [
        found.name,
        str(found.n_null),
        distinct,
        _short(found.minimum),
        *(_short(percentiles.get(percent)) for percent in _SHOWN),
        _short(found.maximum),
        _frequent(found) or _bars(found),
    ]


def _short(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _frequent(found: ColumnStatistics) -> str:
    """Return the most frequent values where they stand for the column: few values, or none with an order."""
    if found.top is None or (found.percentiles and len(found.top.values) != found.n_distinct):
        return ""
    mark = "" if found.top.is_exact else "~"
    pairs = list(zip(found.top.values, found.top.counts, strict=True))[:_N_TOP]
    return ", ".join(f"{_short(value)} ({mark}{count})" for value, count in pairs)


def _bars(found: ColumnStatistics) -> str:
    if found.histogram is None:
        return ""
    counts = found.histogram.counts
    width = -(-len(counts) // _N_BARS)
    summed = [sum(counts[first : first + width]) for first in range(0, len(counts), width)]
    most = max(summed) or 1
    return "".join(_BARS[-(-count * len(_BARS) // most) - 1] if count else " " for count in summed)
