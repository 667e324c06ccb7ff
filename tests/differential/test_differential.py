"""Random queries have one answer: DuckDB's, PostgreSQL's and the oracle's."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.differential.engines import Pair
from tests.differential.found import Found, found
from tests.differential.queries import Query
from tests.differential.run import Failure, Report, check, run, shrunk
from tests.differential.scope import Sort, Value
from vo_server.adql.features import declared_features
from vo_server.adql.functions import FUNCTIONS

pytestmark = pytest.mark.postgres

_FORMS = (
    "WITH", "UNION", "UNION ALL", "EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL", "OFFSET", "ORDER BY", "TOP",
    "DISTINCT", "GROUP BY", "HAVING", "comma join", "INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN",
    "NATURAL or USING INNER JOIN", "NATURAL or USING LEFT JOIN", "NATURAL or USING FULL JOIN", "LIKE", "ILIKE",
    "Between", "InList", "InQuery", "Exists", "IsNull", "Not", "And", "Or", "ScalarQuery", "DerivedTable",
    "Concatenation", "Subscript", "COUNT()", "COUNT(DISTINCT)", "SUM()", "SUM(DISTINCT)", "AVG()", "MIN()", "MAX()",
    "CAST AS SMALLINT",
    "CAST AS INTEGER", "CAST AS BIGINT", "CAST AS REAL", "CAST AS DOUBLE PRECISION", "CAST AS CHAR", "CAST AS VARCHAR",
    "CAST AS TIMESTAMP", "CAST AS POINT", "CAST AS CIRCLE", "CAST AS POLYGON", "REGION circle", "REGION box",
    "REGION polygon", "REGION union", "REGION intersection", "REGION not", "REGION range", "REGION moc",
    "arithmetic +", "arithmetic -", "arithmetic *", "arithmetic /", "comparison =", "comparison <",
    "comparison <=", "comparison >", "comparison >=", "comparison <>",
)  # fmt: skip
"""Forms of the grammar, mandatory and optional, as :mod:`tests.differential.coverage` calls them."""


def _told(failures: list[Failure], pair: Pair) -> str:
    smaller = [shrunk(pair, one).told(pair) for one in failures[:3]]
    head = f"{len(failures)} of the queries differ, seed {pair.seed}; made smaller:"
    all_of_them = [f"{one.query.text}\n  {one.found}" for one in failures]
    return "\n\n".join([head, *smaller, "as they were drawn:", *all_of_them])


def test_the_engines_and_the_oracle_agree(pair: Pair, report: Report) -> None:
    assert report.n_queries == 500
    assert not report.failures, _told(report.failures, pair)


def test_the_queries_have_answers(report: Report) -> None:
    assert report.n_rows > 20_000
    assert report.n_undetermined < report.n_rows / 10


@pytest.mark.parametrize("form", _FORMS)
def test_every_form_of_the_grammar_occurs(form: str, report: Report) -> None:
    assert report.uses[form] > 0


def _declared() -> list[str]:
    """Return the signatures of the functions that both engines can run."""
    return [
        one.signature for one in FUNCTIONS if one.is_special or {"duckdb", "postgres"} <= set(one.sql) or "*" in one.sql
    ]


@pytest.mark.parametrize("signature", _declared())
def test_every_function_occurs(signature: str, report: Report) -> None:
    assert report.uses[signature] > 0


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_every_declared_feature_occurs(engine: str, report: Report) -> None:
    names = {name.split("(")[0] for name in report.uses} | {name.split(" AS ")[0] for name in report.uses}
    for group in declared_features(engine):
        forms = {form.split("(")[0] for form, _ in group.features}
        assert forms <= names, f"{group.fragment}: {sorted(forms - names)}"


@pytest.mark.parametrize("case", found(), ids=lambda case: case.remark[:60])
def test_what_once_differed_does_so_no_more(case: Found, pair: Pair) -> None:
    n_columns = len(pair.duckdb.compile(case.adql).columns)
    columns = (Value("", Sort.REAL, is_exact=not case.is_close),) * n_columns
    told = check(pair, Query(case.adql, columns), Report(pair.seed))
    assert told is None, Failure(Query(case.adql, columns), str(told)).told(pair)


def test_a_nightly_run_finds_no_difference(
    postgres_dsn: str, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    n_queries, seed = pytestconfig.getoption("--differential"), pytestconfig.getoption("--seed")
    if not n_queries:
        pytest.skip("asked for by --differential N")
    pair = Pair(postgres_dsn, tmp_path, seed=Random().randrange(10**6) if seed is None else seed)
    try:
        made = run(pair, n_queries)
        with capsys.disabled():
            print("", *made.lines(), sep="\n")  # noqa: T201 - the report is what the run is for
        assert not made.failures, _told(made.failures, pair)
    finally:
        pair.close()
