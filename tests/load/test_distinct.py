"""Values that are told apart, against Arrow's own functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from vo_server.load.distinct import without_null

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 3, None, None, 6, 7, 8, 9, None, 11], pa.int16()),
        ([None, 2**63 - 1, None, -(2**63), 0], pa.int64()),
        ([None, 1.5, None, -0.0, 4.0, None], pa.float32()),
        ([None, None, None], pa.float64()),
        ([1.0, 2.0], pa.float64()),
        ([True, None, False], pa.bool_()),
        (["a", None, "", "ü"], pa.string()),
        ([None, datetime(2026, 11, 28), None], pa.timestamp("us")),  # noqa: DTZ001 - as tables have them
    ],
    ids=str,
)
def test_values_without_null_are_those_that_arrow_finds(values: list[Any], kind: pa.DataType) -> None:
    array = pa.array(values * 5, kind)
    for first in (0, 1, 7):
        some = array[first : len(array) - 1]
        assert without_null(some).equals(some.drop_null())


def test_not_a_number_is_no_null() -> None:
    found = without_null(pa.array([NAN, None, 2.0]))
    assert found.null_count == 0
    assert str(found.to_pylist()) == "[nan, 2.0]"
