"""What finds differences finds them: the generator, the comparison, the oracle's verdict, the shrinking."""

from __future__ import annotations

from random import Random

import pyarrow as pa
import pytest

from tests.differential.compare import difference
from tests.differential.coverage import constructs
from tests.differential.draw import Draw
from tests.differential.engines import Pair
from tests.differential.queries import Queries, Query
from tests.differential.run import Failure, Report, check, drawn, shrunk
from tests.differential.scope import Sort, Value
from tests.differential.spatial import Expected, SkyQueries
from tests.differential.tables import rows_of, tables
from tests.differential.verdict import verdict


def test_the_same_choices_make_the_same_query() -> None:
    draw = Draw(Random(7))
    first = Queries(draw).any()
    assert Queries(Draw(draw.choices)).any() == first


def test_no_choices_make_a_simple_query() -> None:
    assert len(Queries(Draw([])).any().text) < 80
    assert len(SkyQueries(Draw([]), 1).any().text) < 160


@pytest.mark.parametrize("seed", range(20))
def test_every_query_compiles(seed: int, pair: Pair) -> None:
    query = drawn(Draw(Random(seed)), pair.seed)
    assert pair.duckdb.compile(query.text).columns
    assert constructs(pair.duckdb.compile(query.text))


def test_every_type_of_column_has_rows_with_hard_values() -> None:
    for table in tables():
        rows = rows_of(table.full_name, 3)
        assert rows.num_rows > 4
    numbers = rows_of("odd.numbers", 3)
    assert {-(2**63), 2**63 - 1} <= set(numbers.column("big").to_pylist())
    assert "nan" in {str(one) for one in numbers.column("w").to_pylist()}
    assert "" in rows_of("odd.texts", 3).column("t").to_pylist()


def _difference(one: list[float | None], other: list[float | None], *, is_exact: bool = True, **options: bool) -> bool:
    tables_ = [pa.table({"c1": pa.array(values, pa.float64())}) for values in (one, other)]
    columns = [Value("", Sort.REAL, is_exact=is_exact)]
    given = {"is_ordered": False, "has_merged_rows": False} | options
    return difference(tables_[0], tables_[1], columns, **given) is not None


def test_a_difference_of_one_bit_is_seen() -> None:
    assert not _difference([0.1, None, 2.0], [None, 2.0, 0.1])
    assert _difference([0.1], [0.10000000000000002])
    assert _difference([0.0], [-0.0])
    assert not _difference([0.0], [-0.0], has_merged_rows=True)
    assert _difference([float("nan")], [None])
    assert _difference([1.0, 2.0], [2.0, 1.0], is_ordered=True)
    assert not _difference([0.0, -0.0, 1.0], [-0.0, 0.0, 1.0], is_ordered=True)  # A tie.
    assert _difference([0.0, 1.0], [-0.0, 1.0], is_ordered=True)
    assert _difference([1.0, 1.0], [1.0, 2.0])
    assert _difference([1.0], [1.0, 1.0])


def test_what_is_good_to_rounding_may_differ_by_as_much() -> None:
    assert not _difference([1.0, None], [None, 1.0 + 1e-13], is_exact=False)
    assert _difference([1.0], [1.0 + 1e-7], is_exact=False)
    assert _difference([1.0], [None], is_exact=False)


def test_an_error_on_one_side_is_a_difference() -> None:
    rows = pa.table({"c1": pa.array([1.0])})
    given = {"is_ordered": False, "has_merged_rows": False}
    assert difference("overflow", rows, [], **given) is not None
    assert difference("overflow", "division by zero", [], **given) is not None
    assert difference("overflow", "overflow", [], **given) is None


def test_the_oracle_sees_rows_that_are_missing_or_too_many() -> None:
    expected = Expected(frozenset({(1,), (2,)}), frozenset({(3,)}))
    told = [verdict(pa.table({"c1": ids}), expected) for ids in ([1, 2], [1, 2, 3], [1], [1, 2, 4], [1, 2, 2])]
    assert [one is None for one in told] == [True, True, False, False, False]


def test_an_answer_that_no_memory_holds_is_given_up_on_both_engines(pair: Pair) -> None:
    many = "SELECT 1 AS k FROM odd.places AS a CROSS JOIN odd.places AS b"
    adql = f"SELECT x.k FROM ({many}) AS x JOIN ({many}) AS y ON x.k = y.k"
    assert [one.answer(one.compile(adql)) for one in pair.both] == ["more than 1000000 rows"] * 2


def test_a_failing_query_is_made_smaller(pair: Pair) -> None:
    """A query with ROUND counts as failing here; what is left of it is little more than that."""

    def make(draw: Draw) -> Query:
        query = Queries(draw).any()
        text = query.text if "ROUND(" in query.text else "SELECT nothing FROM nowhere"
        return Query(text if text != query.text else text.replace("ROUND(", "ROUND_(", 1), query.columns)

    rng = Random(11)
    draws = (Draw(Random(rng.randrange(2**62))) for _ in range(2000))
    draw, query = next(
        (draw, query) for draw in draws if "ROUND_(" in (query := make(draw)).text and len(query.text) > 300
    )
    told = check(pair, query, Report(pair.seed))
    assert told is not None
    smaller = shrunk(pair, Failure(query, told, tuple(draw.choices)), make)
    assert len(smaller.query.text) < len(query.text) / 2
