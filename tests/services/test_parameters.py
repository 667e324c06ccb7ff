from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vo_server.errors import ParameterError, UploadError, UsageError
from vo_server.model.query import Lang, Query
from vo_server.services.parameters import to_duration_s, to_query, to_time

SELECT = "SELECT a FROM t"


def test_a_query_alone_is_enough() -> None:
    assert to_query([("QUERY", SELECT)]) == Query(SELECT, Lang.ADQL, None, "votable", None)


def test_all_parameters_are_taken_over() -> None:
    given = [("QUERY", SELECT), ("LANG", "ADQL-2.1"), ("MAXREC", "10"), ("RESPONSEFORMAT", "csv"), ("RUNID", "mine")]
    assert to_query(given) == Query(SELECT, Lang.ADQL_21, 10, "csv", "mine")


def test_names_count_without_case_and_languages_too() -> None:
    assert to_query([("query", SELECT), ("Lang", "adql-2.0")]).lang is Lang.ADQL_20


def test_values_keep_their_case_and_their_spaces() -> None:
    assert to_query([("QUERY", " SELECT 'Ab' ")]).adql == " SELECT 'Ab' "


@pytest.mark.parametrize("name", ["QUERY", "LANG", "MAXREC", "RESPONSEFORMAT", "RUNID"])
def test_a_repeated_parameter_is_refused_even_with_the_same_value(name: str) -> None:
    values = {"QUERY": SELECT, "LANG": "ADQL", "MAXREC": "1"}
    given = [("QUERY", SELECT)] if name != "QUERY" else []
    given += [(name, values.get(name, "csv")), (name.lower(), values.get(name, "csv"))]
    with pytest.raises(ParameterError, match=f"parameter {name} .*one value only"):
        to_query(given)


def test_the_old_name_of_the_format_may_be_repeated_with_the_same_value() -> None:
    given = [("QUERY", SELECT), ("FORMAT", "csv"), ("format", "csv")]
    assert to_query(given).response_format == "csv"
    with pytest.raises(ParameterError, match="one value only"):
        to_query([*given, ("format", "tsv")])


def test_parameters_that_are_not_ours_are_ignored_however_often_they_come() -> None:
    spurious = [("REQUEST", "doQuery"), ("REQUEST", "doQuery"), ("VERSION", "1.0"), ("DUMMY", "a"), ("DUMMY", "b")]
    assert to_query([*spurious, ("QUERY", SELECT)]) == to_query([("QUERY", SELECT)])


def test_an_empty_value_is_no_value() -> None:
    given = [("QUERY", SELECT), ("MAXREC", ""), ("RESPONSEFORMAT", " "), ("LANG", ""), ("UPLOAD", ""), ("RUNID", "")]
    assert to_query(given) == Query(SELECT)


@pytest.mark.parametrize("given", [[], [("QUERY", "")], [("QUERY", " \n")]], ids=["none", "empty", "blank"])
def test_a_missing_query_is_told(given: list[tuple[str, str]]) -> None:
    with pytest.raises(ParameterError, match="QUERY is missing"):
        to_query(given)


def test_an_unknown_language_is_told_in_the_words_of_the_standard() -> None:
    with pytest.raises(UsageError) as caught:
        to_query([("QUERY", SELECT), ("LANG", "OOBLECK")])
    assert caught.value.message.startswith("unknown query language")
    assert "ADQL-2.1" in str(caught.value)


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "many", "0x10", "١٢", "1 2"])
def test_a_maxrec_that_is_no_row_count_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="MAXREC"):
        to_query([("QUERY", SELECT), ("MAXREC", value)])


@pytest.mark.parametrize(("value", "expected"), [("0", 0), ("+5", 5), (" 7 ", 7), ("007", 7), ("9" * 5000, 10**18)])
def test_a_maxrec_that_is_a_row_count_is_taken(value: str, expected: int) -> None:
    assert to_query([("QUERY", SELECT), ("MAXREC", value)]).maxrec == expected


def test_responseformat_wins_over_format() -> None:
    assert to_query([("FORMAT", "csv"), ("RESPONSEFORMAT", "tsv"), ("QUERY", SELECT)]).response_format == "tsv"
    assert to_query([("FORMAT", "csv"), ("QUERY", SELECT)]).response_format == "csv"


def test_uploads_are_named_with_the_query() -> None:
    query = to_query([("QUERY", SELECT), ("UPLOAD", "t,param:u;v,http://x.org/a;b?c,d"), ("upload", "w , Param:T")])
    assert [(one.name, one.uri, one.label) for one in query.uploads] == [
        ("t", "param:u", "u"),
        ("v", "http://x.org/a;b?c,d", None),
        ("w", "Param:T", "T"),
    ]


def test_two_uploads_of_one_name_are_refused() -> None:
    with pytest.raises(UploadError, match="two uploads have the name T"):
        to_query([("QUERY", SELECT), ("UPLOAD", "t,param:t"), ("UPLOAD", "T,param:u")])


def test_a_run_id_has_at_most_64_characters() -> None:
    assert to_query([("QUERY", SELECT), ("RUNID", "x" * 64)]).run_id == "x" * 64
    with pytest.raises(ParameterError, match="RUNID"):
        to_query([("QUERY", SELECT), ("RUNID", "x" * 65)])


@pytest.mark.parametrize(("value", "expected"), [("0", 0), (" 60 ", 60), ("9" * 100, 10**9)])
def test_a_duration_is_a_whole_number_of_seconds(value: str, expected: int) -> None:
    assert to_duration_s(value) == expected


@pytest.mark.parametrize("value", ["", "-1", "1.5", "long"])
def test_what_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="EXECUTIONDURATION"):
        to_duration_s(value)


@pytest.mark.parametrize(
    "value",
    ["2030-01-31T12:00:00Z", "2030-01-31T12:00:00", "2030-01-31T12:00:00.000Z", " 2030-01-31T14:00:00+02:00 "],
)
def test_a_time_is_utc_unless_it_says_otherwise(value: str) -> None:
    assert to_time(value) == datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "tomorrow", "2030-13-01", "9999-12-31T23:59:59-10:00"])
def test_what_is_no_time_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="AFTER"):
        to_time(value, "AFTER")
