"""An answer beside what the oracle says of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.differential.measures import Measure
    from tests.differential.spatial import Expected

__all__ = ["verdict"]


def verdict(table: pa.Table, expected: Expected) -> str | None:
    """Return how an answer differs from what the oracle expects, None when it does not."""
    lists = [column.to_pylist() for column in table.columns]
    ids = list(zip(*lists[: expected.n_ids], strict=True))
    found = set(ids)
    if len(found) < len(ids):
        return "oracle: a row comes twice"
    missing, surplus = expected.sure - found, found - expected.sure - expected.unsure
    if missing or surplus:
        return (
            f"oracle: missing {sorted(missing)[:5]} ({len(missing)}), too many {sorted(surplus)[:5]} ({len(surplus)})"
        )
    for measure, values in zip(expected.measures, lists[expected.n_ids :], strict=True):
        told = _measured(measure, [one[0] for one in ids], values, expected)
        if told is not None:
            return told
    return None


def _measured(measure: Measure, ids: list[int], values: list[float | None], expected: Expected) -> str | None:
    wanted = dict(zip(expected.order, measure.values.tolist(), strict=True))
    for key, value in zip(ids, values, strict=True):
        want = wanted[key]
        if math.isinf(want):
            continue
        if value is None or math.isnan(value):
            is_same = math.isnan(want)
        elif math.isnan(want):
            is_same = False
        else:
            gap = abs(value - want)
            gap = min(gap, abs(360 - gap)) if measure.is_angle else gap
            is_same = gap <= measure.tolerance * max(1.0, abs(want))
        if not is_same:
            return f"oracle: {measure.text} of {key} is {value!r}, expected {want!r}"
    return None
