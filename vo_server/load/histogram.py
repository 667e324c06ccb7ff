"""A histogram of a column from the sorted values of the sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vo_server.model.statistics import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["histogram"]

N_BINS: Final = 50

_MARGIN: Final = 0.1
"""How far the edges reach beyond the 1st and 99th percentile, in parts of what lies between them."""

_MJD_OF_1970: Final = 40_587
_DAY_US: Final = 86_400e6


def histogram(
    values: NDArray[Any], minimum: Any, maximum: Any, *, n_values: int, is_whole: bool, is_time: bool = False
) -> Histogram | None:
    """Return the histogram of sorted values.

    Whole numbers that do not reach far have a bin for each; others have :data:`N_BINS` bins of the same width.

    Parameters
    ----------
    values
        Finite values of the sample, ascending, shape (n,).
    minimum, maximum
        Extremes of all values.
    n_values
        How many values there are in the whole table.
    is_whole
        Whether the sample is the whole table.
    is_time
        Whether values are microseconds since 1970; edges are in days (MJD) then.

    Returns
    -------
    Histogram or None
        None without values.
    """
    if not len(values):
        return None
    low, high = _range(values, minimum, maximum)
    largest = max(abs(low), abs(high))
    if not math.isfinite(high - low):
        edges = np.array([low, high])
    elif high - low < 2 * N_BINS * np.spacing(largest):  # bins would be narrower than what a double tells apart
        width = 1e-3 * largest or 0.5
        edges = np.array([low - width, high + width])
    elif values.dtype.kind in "iu" and not is_time and high - low < N_BINS:
        edges = np.arange(math.floor(low) - 0.5, math.ceil(high) + 1.0)
    else:
        edges = np.linspace(low, high, N_BINS + 1)
    # Ends of bins in the sorted values; the last bin has its upper edge in it.
    ends = np.searchsorted(values.astype(np.float64), edges, side="left")
    ends[-1] = np.searchsorted(values.astype(np.float64), edges[-1], side="right")
    counts = np.diff(ends)
    if not is_whole:
        counts = np.rint(counts * (n_values / len(values))).astype(np.int64)
    told = edges / _DAY_US + _MJD_OF_1970 if is_time else edges
    return Histogram(tuple(told.tolist()), tuple(counts.tolist()), is_exact=is_whole)


def _range(values: NDArray[Any], minimum: Any, maximum: Any) -> tuple[float, float]:
    """Return the first and the last edge."""
    p01, p99 = (float(values[round(share * (len(values) - 1))]) for share in (0.01, 0.99))
    margin = _MARGIN * (p99 - p01)
    return max(float(minimum), p01 - margin), min(float(maximum), p99 + margin)
