"""``in_footprint`` on every engine, against the cells of the rows' positions."""

from __future__ import annotations

import math

import pytest

from tests.engine.semantics.cases import answer
from tests.engine.semantics.conftest import Sky
from tests.support.testsky import FOOTPRINT
from vo_server.sky.compound import CoverageMap

COVERED = CoverageMap(FOOTPRINT)


def is_covered(ra: float | None, dec: float | None) -> int | None:
    if ra is None or dec is None or math.isnan(ra) or math.isnan(dec) or abs(dec) > 90:
        return None
    return int(COVERED.contains([ra], [dec])[0])


def test_a_place_is_in_or_out_and_none_is_null(semantics: Sky) -> None:
    _, rows = answer(*semantics, "SELECT ra, dec, in_footprint('sky.objects', ra, dec) AS f FROM sky.objects")
    found = rows.to_pylist()
    assert [row["f"] for row in found] == [is_covered(row["ra"], row["dec"]) for row in found]
    assert {row["f"] for row in found} >= {0, 1}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("in_footprint('sky.objects', ra, dec) = 1", 1),
        ("1 = in_footprint('objects', ra, dec)", 1),
        ("in_footprint('sky.objects', ra, dec) > 0", 1),
        ("in_footprint('sky.objects', ra, dec) = 0", 0),
        ("NOT in_footprint('sky.objects', ra, dec) = 1", 0),
    ],
)
def test_a_condition_selects_the_same_rows_as_the_value(semantics: Sky, condition: str, wanted: int) -> None:
    _, every = answer(*semantics, "SELECT id, ra, dec FROM sky.objects")
    _, chosen = answer(*semantics, f"SELECT id FROM sky.objects WHERE {condition}")
    expected = {row["id"] for row in every.to_pylist() if is_covered(row["ra"], row["dec"]) == wanted}
    assert set(chosen.column("id").to_pylist()) == expected
    assert 0 < len(expected) < every.num_rows


def test_a_place_that_is_no_column_can_be_asked_for(semantics: Sky) -> None:
    places = "in_footprint('sky.objects', 123, 20) AS a, in_footprint('objects', 60, 60) AS b"
    _, rows = answer(*semantics, f"SELECT {places} FROM sky.pairs WHERE k = 10")
    assert rows.to_pylist() == [{"a": 1, "b": 0}]
