"""What values mean, case by case: each query is answered by every engine with the rows worked out by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.engine.semantics.cases import adql_of, answer, cases, comparable, expected
from tests.engine.semantics.conftest import Sky
from vo_server.errors import UsageError, VoError

CASES = cases()
ANSWERS = {name: case for name, case in CASES.items() if "error" not in case}
ERRORS = {name: case for name, case in CASES.items() if "error" in case}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=list(ANSWERS))
def test_the_answer_is_the_one_worked_out_by_hand(case: dict[str, Any], semantics: Sky) -> None:
    query, table = answer(*semantics, adql_of(case))
    rows = [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert comparable(rows, table, case) == comparable(expected(case), table, case)
    if "types" in case:
        assert [column.datatype.adql for column in query.columns] == case["types"]
    if "columns" in case:
        assert [column.name for column in query.columns] == case["columns"]
    told = [note.message for note in query.notes]
    for note in case.get("notes", []):
        assert any(note in one for one in told), told


@pytest.mark.parametrize("case", ERRORS.values(), ids=list(ERRORS))
def test_what_has_no_answer_is_refused_in_our_words_and_blamed_on_the_query(
    case: dict[str, Any], semantics: Sky
) -> None:
    with pytest.raises(VoError, match=re.escape(case["error"])) as caught:
        answer(*semantics, case["adql"])
    assert isinstance(caught.value, UsageError) or caught.value.code == "evaluation"
    assert caught.value.status == 400
