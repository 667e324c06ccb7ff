from __future__ import annotations

import pytest

from vo_server import errors
from vo_server.errors import AdqlError, IngestError, ParameterError, Problem, ProblemKind, Span, VoError


def test_every_error_has_a_status_and_a_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VoError)]
    assert all(400 <= kind.status < 600 for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_a_parameter_error_says_what_was_given_and_what_was_expected() -> None:
    assert str(ParameterError("MAXREC", "-1", "a whole number from 0")) == (
        "parameter MAXREC has the value '-1'; expected a whole number from 0"
    )
    assert "is missing" in str(ParameterError("QUERY", None, "a query"))
    assert len(str(ParameterError("QUERY", "x" * 10_000, "less"))) < 200


def test_problems_of_a_query_come_in_the_order_of_the_text() -> None:
    later = Problem(ProblemKind.UNKNOWN, "no column b", Span(9, 10, 1, 10), "b", "did you mean a?")
    first = Problem(ProblemKind.UNKNOWN, "no column c", Span(7, 8, 1, 8), "c")
    error = AdqlError([later, first])
    assert error.problems == (first, later)
    assert error.span.column == 8
    assert str(error) == "line 1, column 8: no column c; line 1, column 10: no column b (did you mean a?)"


def test_an_ingest_error_names_file_row_and_column() -> None:
    error = IngestError("'abc' is no number", file="a.csv", row=7, column="ra", hint="use --on-error keep")
    assert str(error) == "a.csv, row 7, column ra: 'abc' is no number (use --on-error keep)"


@pytest.mark.parametrize(
    ("error", "is_of_request"),
    [
        (errors.UsageError("no number"), True),
        (errors.MissingError("no such table"), True),
        (errors.ForbiddenError("not yours"), True),
        (errors.EvaluationError("division by zero"), True),
        (errors.TooManyError("wait"), False),
        (errors.QueryTimeoutError(1.0), False),
        (errors.UnavailableError("away"), False),
        (errors.ConfigurationError("no such folder"), False),
    ],
    ids=lambda given: given.code if isinstance(given, VoError) else "",
)
def test_what_fails_again_by_a_fault_of_the_request_is_for_the_caller_to_mend(
    error: VoError, *, is_of_request: bool
) -> None:
    assert error.is_of_request is is_of_request
