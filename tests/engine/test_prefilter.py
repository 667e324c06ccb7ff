from __future__ import annotations

import pytest
import sqlglot

from vo_server.engine.prefilter import united

_ONE = "c BETWEEN 10 AND 20"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([_ONE, "c BETWEEN 12 AND 14"], "c BETWEEN 10 AND 20"),
        ([_ONE, "c BETWEEN 21 AND 30"], "c BETWEEN 10 AND 30"),
        ([_ONE, "c BETWEEN 5 AND 12"], "c BETWEEN 5 AND 20"),
        ([_ONE, "c BETWEEN 22 AND 30"], "c BETWEEN 10 AND 20 OR c BETWEEN 22 AND 30"),
        (["c BETWEEN 22 AND 30 OR c BETWEEN 1 AND 20", _ONE], "c BETWEEN 1 AND 20 OR c BETWEEN 22 AND 30"),
        ([_ONE, "d BETWEEN 12 AND 14"], "c BETWEEN 10 AND 20 OR d BETWEEN 12 AND 14"),
        (["x BETWEEN 1.5 AND 2.5", "x BETWEEN 1.5 AND 2.0"], "x BETWEEN 1.5 AND 2.5 OR x BETWEEN 1.5 AND 2.0"),
        ([_ONE, "c < 0"], "c BETWEEN 10 AND 20 OR c < 0"),
    ],
)  # fmt: skip
def test_ranges_of_one_column_that_touch_become_one(filters: list[str], expected: str) -> None:
    assert united([sqlglot.parse_one(one) for one in filters]).sql() == expected
