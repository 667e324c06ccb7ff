"""Plans in words."""

from __future__ import annotations

import pytest

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.estimate import Estimate, Outlook
from vo_server.model.plan import Access, Action, Basis, Method, Plan, Step, approximately
from vo_server.model.query import Query
from vo_server.model.table import Column, Table
from vo_server.model.truncation import Limit, LimitKind

STARS = Table("sky", "stars", (Column("id", DataType(Primitive.LONG)),), n_rows=2_000_000, release="4")
READ = Step(Action.READ, 120_000.0, table=STARS, access=Access.SCAN, rows_read=2_000_000.0)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (None, "an unknown number of rows"),
        (0.2, "about 0 rows"),
        (1.0, "about 1 row"),
        (37.4, "about 37 rows"),
        (12_345.0, "about 12 000 rows"),
        (3.4e9, "about 3 400 000 000 rows"),
    ],
)
def test_numbers_of_rows_have_two_digits(rows: float | None, text: str) -> None:
    assert approximately(rows) == text


def test_steps_come_in_the_order_in_which_they_are_done_and_name_each_other() -> None:
    found = Step(Action.READ, 40.0, table=STARS, access=Access.INDEX, rows_read=40.0, repeats=40.0, columns=("id",))
    join = Step(Action.JOIN, 40.0, (READ, found), method=Method.LOOKUP)
    plan = Plan(Step(Action.SORT, 40.0, (join,), keeps=10), 10.0, Basis.GUESS, 8.0)
    assert plan.words == (
        "read all 2 000 000 rows of sky.stars (release 4): about 120 000 rows",
        "find rows of sky.stars (release 4) by an index of id, 40 times, looking at about 40 rows: about 40 rows",
        "join steps 1 and 2 by looking up each row of the one in the index of the other: about 40 rows",
        "keep the first 10 of step 3 in the order asked for",
    )


def test_the_rows_read_are_those_of_all_tables() -> None:
    plan = Plan(Step(Action.JOIN, 5.0, (READ, READ), method=Method.HASH), 5.0, Basis.GUESS, 8.0)
    assert plan.rows_read == 4_000_000
    assert not plan.uses_index


def test_rows_read_that_are_not_known_for_one_table_are_not_known() -> None:
    unknown = Step(Action.READ, 5.0, table=STARS, access=Access.INDEX)
    assert Plan(Step(Action.JOIN, 5.0, (READ, unknown)), 5.0, Basis.GUESS, 8.0).rows_read is None


def test_a_query_that_reads_nothing_has_an_estimate() -> None:
    estimate = Estimate(Query("SELECT 1"), Plan(None, 1.0, Basis.EXACT, 8.0), ())
    assert estimate.words == (
        "answer: 1 row, about 8 B before a format is chosen (that is certain)",
        "index: not used; rows to look at: about 0",
        "cut: by no limit on rows or size",
        "step 1: nothing has to be read",
    )


def test_the_first_limit_that_would_cut_is_told() -> None:
    rows = Outlook(Limit(LimitKind.DEFAULT_ROWS, 1_000), would_cut=True)
    time = Outlook(Limit(LimitKind.TIMEOUT, 60), would_cut=None)
    estimate = Estimate(Query("SELECT id FROM sky.stars"), Plan(READ, 120_000.0, Basis.SAMPLE, 8.0), (rows, time))
    assert estimate.cut_by == Limit(LimitKind.DEFAULT_ROWS, 1_000)
    assert "cut: by the service's default limit, which holds without MAXREC, 1000 rows" in estimate.words
    assert estimate.size_bytes == 960_000


def test_an_answer_of_unknown_size_is_told_as_such() -> None:
    estimate = Estimate(Query("SELECT 1"), Plan(READ, None, Basis.GUESS, 8.0), ())
    assert (estimate.rows, estimate.size_bytes) == (None, None)
    assert estimate.words[0] == "answer: an unknown number of rows"
