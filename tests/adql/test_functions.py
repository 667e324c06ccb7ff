"""The table of functions and what is declared of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.adql.samples import CATALOGUE
from vo_server.adql.features import declared_features
from vo_server.adql.front import compile_query
from vo_server.adql.functions import FUNCTIONS, Family, Function, find
from vo_server.adql.words import FUNCTION_WORDS
from vo_server.model.footprints import Footprints
from vo_server.model.table import Schema, Table

SURVEYED = replace(
    CATALOGUE,
    schemas=(*CATALOGUE.schemas, Schema("ls_psc", (Table("ls_psc", "main", ()),))),
    footprints=Footprints(lambda _: ((0, 1),)),
)
"""With the table whose footprint an example asks for."""

MANDATORY = """
ABS CEILING DEGREES EXP FLOOR LOG LOG10 MOD PI POWER RADIANS RAND ROUND SQRT TRUNCATE
ACOS ASIN ATAN ATAN2 COS COT SIN TAN
""".split()  # noqa: SIM905 - easier to compare with the standard


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", MANDATORY)
def test_every_mandatory_function_works_on_every_engine(name: str, engine: str) -> None:
    assert find(name)
    for function in find(name):
        assert function.family is Family.MATHS
        assert function.returns.adql == "DOUBLE PRECISION"
        assert function.is_special or function.sql.get(engine) or function.sql.get("*")


def test_every_function_word_of_the_language_has_a_row() -> None:
    assert {function.name for function in FUNCTIONS if function.family is not Family.UDF} >= FUNCTION_WORDS


def test_names_are_found_in_any_case() -> None:
    assert find("mod") == find("MOD") == find("Mod")
    assert find("nothing") == ()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.signature)
def test_every_example_means_its_function(function: Function) -> None:
    query = compile_query(f"SELECT {function.example} AS x FROM sky.stars", SURVEYED)
    assert function in query.functions.values()
    if function.name != "COALESCE":
        assert query.columns[0].datatype == function.returns


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.signature)
def test_templates_use_parameters_only(function: Function) -> None:
    names = {parameter.name for parameter in function.parameters}
    for template in function.sql.values():
        assert set(re.findall(r"\{(\w+)\}", template)) <= names


def test_declared_features_are_those_that_work() -> None:
    declared = {group.fragment: [form for form, _ in group.features] for group in declared_features("duckdb")}
    assert declared["features-adqlgeo"] == [
        "AREA", "BOX", "CENTROID", "CIRCLE", "CONTAINS", "COORD1", "COORD2", "COORDSYS", "DISTANCE", "INTERSECTS",
        "POINT", "POLYGON", "REGION",
    ]  # fmt: skip
    assert declared["features-adql-string"] == ["ILIKE", "LOWER", "UPPER"]
    assert declared["features-adql-sets"] == ["EXCEPT", "INTERSECT", "UNION"]
    assert declared["features-adql-common-table"] == ["WITH"]
    assert declared["features-adql-type"] == ["CAST"]
    assert declared["features-adql-conditional"] == ["COALESCE"]
    assert declared["features-adql-offset"] == ["OFFSET"]
    assert declared["features-adql-unit"] == ["IN_UNIT"]
