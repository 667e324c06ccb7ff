from __future__ import annotations

import pytest

from vo_server.errors import ParameterError, UsageError
from vo_server.model.recipe import Parameter, ParameterKind, Recipe, placeholders

THRESHOLD = Parameter("threshold", ParameterKind.DOUBLE, 0.333, "What has to be reached", least=0, most=1)
TILE = Parameter("tile", ParameterKind.INTEGER, 103930, "Tile", least=0)
CLASS = Parameter("kind", ParameterKind.TEXT, "QSO", "Class", choices=("QSO", "STAR"))


def recipe(adql: str, *parameters: Parameter) -> Recipe:
    return Recipe("a/b", "Title", "What it selects", adql, "A paper", parameters)


def test_without_values_a_query_has_the_defaults() -> None:
    made = recipe("SELECT x FROM s.t WHERE p >= :threshold AND k = :kind AND n = :tile", THRESHOLD, TILE, CLASS)
    assert made.query() == "SELECT x FROM s.t WHERE p >= 0.333 AND k = 'QSO' AND n = 103930"


def test_a_value_takes_every_place_of_its_parameter() -> None:
    made = recipe("SELECT x FROM s.t WHERE p >= :threshold OR q >= :threshold", THRESHOLD)
    assert made.query({"threshold": "0.5"}) == "SELECT x FROM s.t WHERE p >= 0.5 OR q >= 0.5"


def test_a_text_cannot_leave_its_quotes() -> None:
    free = Parameter("name", ParameterKind.TEXT, "x", "Name")
    made = recipe("SELECT x FROM s.t WHERE n = :name", free)
    assert made.query({"name": "a' OR 1=1 --"}) == "SELECT x FROM s.t WHERE n = 'a'' OR 1=1 --'"


@pytest.mark.parametrize(
    "adql",
    [
        "SELECT m[jplus::rSDSS] FROM s.t",
        "SELECT ':no' FROM s.t",
        'SELECT ":no" FROM s.t',
        "SELECT 'it''s :no' FROM s.t",
        "SELECT 1 FROM s.t -- :no\n",
    ],
)
def test_colons_elsewhere_are_no_parameters(adql: str) -> None:
    assert placeholders(adql) == set()
    assert recipe(adql).query() == adql


@pytest.mark.parametrize("given", ["2", "-0.1", "nan", "inf", "a lot", ""])
def test_a_number_out_of_its_bounds_is_refused_with_what_is_expected(given: str) -> None:
    with pytest.raises(ParameterError, match=r"threshold .* expected a number from 0 to 1"):
        recipe("SELECT :threshold FROM s.t", THRESHOLD).query({"threshold": given})


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(ParameterError, match="expected a whole number not below 0"):
        recipe("SELECT :tile FROM s.t", TILE).query({"tile": "1.5"})


def test_only_the_choices_are_allowed() -> None:
    with pytest.raises(ParameterError, match="expected one of QSO, STAR"):
        recipe("SELECT :kind FROM s.t", CLASS).query({"kind": "GALAXY"})


def test_an_unknown_parameter_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no parameter 'treshold'.*its parameters are threshold"):
        recipe("SELECT :threshold FROM s.t", THRESHOLD).query({"treshold": "1"})
