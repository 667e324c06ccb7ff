"""ADQL cases as data: each is answered by every engine, and the rows are those worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.support.testengines import SkyEngine

CASES = Path(__file__).parent / "cases"


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}: {case['title']}")
        for file in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    return [_rounded(item, digits) for item in value] if isinstance(value, list) else value


def _comparable(rows: list[list[Any]], case: dict[str, Any]) -> list[Any]:
    digits = case.get("digits", 15)
    rounded = [[_rounded(value, digits) for value in row] for row in rows]
    return rounded if case.get("ordered") else sorted(rounded, key=repr)


def _check(case: dict[str, Any], engine: SkyEngine) -> None:
    rows = engine.answer(case["adql"])
    expected = case["rows"]
    assert _kinds(rows) == _kinds(_like(expected, rows)), "types differ"
    assert _comparable(rows, case) == _comparable(_like(expected, rows), case)


def _like(expected: list[list[Any]], rows: list[list[Any]]) -> list[list[Any]]:
    """Let whole numbers in YAML stand for doubles where the answer has arrays of doubles."""
    del rows
    return [[[float(one) for one in value] if isinstance(value, list) else value for value in row] for row in expected]


def _kinds(rows: list[list[Any]]) -> list[set[str]]:
    """Return the types in each column, whole numbers and reals apart; NULL is of every type."""
    return [{type(value).__name__ for value in column if value is not None} for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("case", _cases())
def test_the_rows_are_those_expected(case: dict[str, Any], sky: SkyEngine) -> None:
    _check(case, sky)
