from __future__ import annotations

import pytest

from vo_server.errors import AdqlError, MissingError, Problem, ProblemKind, Span, TooLargeError
from vo_server.web.errors import explain

QUERY = "SELECT foo,\n\tbar FROM t"


def _problem(start: int, end: int, line: int, column: int, hint: str | None = None) -> Problem:
    return Problem(ProblemKind.UNKNOWN, "unknown column", Span(start, end, line, column), QUERY[start:end], hint)


def test_every_mistake_is_shown_below_its_line() -> None:
    error = AdqlError([_problem(13, 16, 2, 2, "did you mean 'baz'?"), _problem(7, 10, 1, 8)])
    assert explain(error, QUERY).splitlines() == [
        "line 1, column 8: unknown column",
        "  SELECT foo,",
        "         ^^^",
        "line 2, column 2: unknown column",
        "   bar FROM t",
        "   ^^^",
        "hint: did you mean 'baz'?",
    ]


def test_a_long_line_is_shown_around_the_mistake_only() -> None:
    query = "SELECT " + "x, " * 10_000 + "foo FROM t"
    start = query.index("foo")
    error = AdqlError([Problem(ProblemKind.UNKNOWN, "unknown", Span(start, start + 3, 1, start + 1))])
    _, shown, carets = explain(error, query).splitlines()
    assert len(shown) < 130
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "foo"


def test_a_mistake_at_the_end_of_the_text_has_a_caret_too() -> None:
    error = AdqlError([Problem(ProblemKind.SYNTAX, "incomplete", Span(8, 8, 1, 9))])
    assert explain(error, "SELECT a").splitlines()[1:] == ["  SELECT a", "          ^"]


def test_without_the_text_only_the_message_is_told() -> None:
    error = AdqlError([_problem(7, 10, 1, 8)])
    assert explain(error) == "line 1, column 8: unknown column"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MissingError("no such job"), "no such job"),
        (TooLargeError("too large", hint="send less"), "too large\nhint: send less"),
    ],
)
def test_other_errors_are_message_and_hint(error: Exception, text: str) -> None:
    assert explain(error) == text  # type: ignore[arg-type] # both are VoErrors
