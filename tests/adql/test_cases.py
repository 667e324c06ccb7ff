"""Queries at the edges of the standard, where nothing is known of their tables: both sides, strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adql.samples import corpus
from vo_server.adql.front import check_open
from vo_server.errors import AdqlError

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[str]:
    """Return the queries of a file."""
    lines = (CASES / f"{name}.adql").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("text", [*cases("valid"), *corpus("standard")])
def test_a_valid_query_is_accepted_strictly_whatever_its_tables_are(text: str) -> None:
    check_open(text, strict=True)


@pytest.mark.parametrize("text", [*cases("invalid"), *corpus("invalid")])
def test_an_invalid_query_is_refused_strictly_with_its_place(text: str) -> None:
    with pytest.raises(AdqlError) as caught:
        check_open(text, strict=True)
    for problem in caught.value.problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        assert (problem.span.line, problem.span.column) == (1, problem.span.start + 1)
