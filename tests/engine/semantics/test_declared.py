"""No feature is declared that no case exercises: what the capabilities say is held against what the cases use."""

from __future__ import annotations

from functools import cache

import pytest

from tests.engine.semantics.cases import adql_of, cases
from tests.engine.semantics.test_examples import EXPECTED
from tests.support.testsky import catalogue
from vo_server.adql import tree
from vo_server.adql.features import declared_features
from vo_server.adql.front import compile_query
from vo_server.adql.functions import FUNCTIONS, Family
from vo_server.adql.walk import preorder

DECLARED = sorted(
    {
        (engine, form)
        for engine in ("duckdb", "postgres")
        for group in declared_features(engine)
        for form, _ in group.features
    }
)


@cache
def _exercised() -> frozenset[str]:
    """Return the forms that cases with an answer use; each case and each example is run on every engine."""
    found = {
        function.signature if function.family is Family.UDF else function.name
        for function in FUNCTIONS
        if function.signature in EXPECTED
    }
    for case in cases().values():
        if "error" not in case:
            found |= _forms(adql_of(case))
    return frozenset(found)


def _forms(adql: str) -> set[str]:
    query = compile_query(adql, catalogue())
    found = set()
    for node in preorder(query.tree):
        if isinstance(node, tree.SetOperation):
            found |= {operator.value for operator, _ in node.operators}
        elif isinstance(node, tree.Cast):
            found.add("CAST")
        elif isinstance(node, tree.Like) and node.ignores_case:
            found.add("ILIKE")
        elif isinstance(node, tree.QueryNode):
            found |= {"WITH"} if node.ctes else set()
            found |= {"OFFSET"} if node.offset else set()
    return found


@pytest.mark.parametrize(("engine", "form"), DECLARED, ids=[f"{engine} {form}" for engine, form in DECLARED])
def test_a_declared_form_is_exercised_on_both_engines(engine: str, form: str) -> None:
    assert form in _exercised(), f"{form} is declared for {engine}, and no case uses it"


def test_both_engines_declare_the_same() -> None:
    assert declared_features("duckdb") == declared_features("postgres")


@pytest.mark.parametrize("form", ["NOTHING", "ivo_nothing() -> INTEGER"])
def test_a_form_that_no_case_uses_would_be_found(form: str) -> None:
    assert form not in _exercised()
