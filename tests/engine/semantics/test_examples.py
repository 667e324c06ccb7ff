"""Every row of the function table on every engine: its example has the value that ``examples.yaml`` gives it.

A row that is not lowered yet must be refused; on the day it is lowered, its example needs a value there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.semantics.cases import answer, comparable
from tests.engine.semantics.conftest import Sky
from vo_server.adql.functions import FUNCTIONS, Function
from vo_server.errors import AdqlError, ProblemKind

EXPECTED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text(encoding="utf-8"))


def _is_lowered(function: Function, engine: str) -> bool:
    return function.is_special or engine in function.sql or "*" in function.sql


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.signature)
def test_the_example_of_a_function_has_its_value(function: Function, semantics: Sky) -> None:
    engine, catalogue = semantics
    adql = f"SELECT {function.example} AS value FROM sky.pairs WHERE k = 10"
    if not _is_lowered(function, engine.name):
        with pytest.raises(AdqlError) as caught:
            answer(engine, catalogue, adql)
        assert caught.value.problems[0].kind is ProblemKind.UNSUPPORTED
        return
    assert function.signature in EXPECTED, f"examples.yaml has no value for {function.example}"
    known = EXPECTED[function.signature]
    query, table = answer(engine, catalogue, adql)
    assert function in query.functions.values()
    (value,) = table.column("value").to_pylist()
    if "between" in known:
        low, high = known["between"]
        assert low <= value <= high
    else:
        assert comparable([[value]], table, known) == comparable([[known["value"]]], table, known)


def test_the_values_are_those_of_rows_that_there_are() -> None:
    assert EXPECTED.keys() <= {function.signature for function in FUNCTIONS}


def test_no_two_rows_have_one_signature() -> None:
    signatures = [function.signature for function in FUNCTIONS]
    assert len(signatures) == len(set(signatures))
