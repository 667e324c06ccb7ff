"""Checks that a schema file declares: what they refuse, what they tolerate, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.ingest.conftest import Site
from tests.ingest.test_load import assert_unchanged, error_of, loaded, written
from vo_server.errors import IngestError, SchemaFileError
from vo_server.model.check import CheckResult, Verdict
from vo_server.model.release import Release

__all__ = ["loaded"]

COLUMNS: list[dict[str, object]] = [
    {"name": "id", "datatype": "long", "nullable": False, "ivoa:ucd": "meta.id;meta.main"},
    {"name": "ra", "datatype": "double", "ivoa:unit": "deg", "ivoa:ucd": "pos.eq.ra;meta.main"},
    {"name": "dec", "datatype": "double", "ivoa:unit": "deg", "ivoa:ucd": "pos.eq.dec;meta.main"},
    {"name": "p", "datatype": "double"},
    {"name": "kind", "datatype": "text"},
]
ROWS = "id,ra,dec,p,kind\n1,10,0,0.5,a\n2,20,0,1.5,b\n3,30,0,,a\n4,40,0,-1,a\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path


def given(folder: Path, rows: str, *checks: Mapping[str, object]) -> list[str | Path]:
    """Write rows and a description with checks; return the words of a load of them as ``s.t``."""
    table = {"name": "t", "description": "Things", "vo": {"checks": [dict(one) for one in checks]}, "columns": COLUMNS}
    schema = written(folder, yaml.safe_dump({"name": "s", "tables": [table]}, sort_keys=False), "s.yaml")
    return [written(folder, rows, "rows.csv"), "--table", "s.t", "--schema-file", schema, "--version", "v2"]


def release_of(site: Site) -> Release:
    store = site.open_store()
    release = next(one for one in store.catalogue.releases("s.t") if one.is_current)
    store.close()
    return release


IN_RANGE: dict[str, object] = {"name": "p_in_range", "holds": "p BETWEEN 0 AND 1"}


def test_a_check_that_fails_refuses_the_release_and_shows_the_first_rows(loaded: Site, files: Path) -> None:
    check = IN_RANGE | {"description": "it is a probability"}
    error = error_of(loaded.run("load", *given(files, ROWS, check)))
    assert isinstance(error, IngestError)
    assert error.message == (
        "check p_in_range of s.t: 2 of 4 rows do not fulfil p BETWEEN 0 AND 1; 0 are tolerated (it is a probability): "
        "id = 2, p = 1.5; id = 4, p = -1"
    )
    assert "--checks warn" in str(error.hint)
    assert_unchanged(loaded)


def test_all_checks_that_fail_are_told(loaded: Site, files: Path) -> None:
    other = {"name": "kind_is_a", "holds": "kind = 'a'"}
    message = error_of(loaded.run("load", *given(files, ROWS, IN_RANGE, other))).message
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "check p_in_range of s.t",
        "check kind_is_a of s.t",
    ]


def test_a_check_that_warns_publishes_and_is_kept_with_the_release(site: Site, files: Path) -> None:
    result = site.load(*given(files, ROWS, IN_RANGE | {"action": "warn"}))
    assert "warning: check p_in_range of s.t: 2 of 4 rows do not fulfil" in result.stderr
    assert "checks: p_in_range warned, positions_in_degrees passed\n" in result.stdout
    first, second = release_of(site).checks
    assert (first.name, first.verdict, first.n_bad) == ("p_in_range", Verdict.WARNED, 2)
    assert second == CheckResult("positions_in_degrees", Verdict.PASSED)


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [({"tolerated_rows": 2}, "tolerated"), ({"tolerated_fraction": 0.5}, "tolerated"), ({"tolerated_rows": 1}, None)],
    ids=["rows", "fraction", "too-few"],
)
def test_as_many_bad_rows_as_are_tolerated_may_be_there(
    site: Site, files: Path, tolerance: dict[str, object], verdict: str | None
) -> None:
    result = site.run("load", *given(files, ROWS, IN_RANGE | tolerance))
    if verdict is None:
        assert "2 of 4 rows do not fulfil p BETWEEN 0 AND 1; 1 are tolerated" in error_of(result).message
    else:
        assert result.exception is None, result.exception
        assert release_of(site).checks[0].verdict == verdict


def test_null_is_good_unless_the_check_calls_it_bad(site: Site, files: Path) -> None:
    good = "id,ra,dec,p,kind\n1,10,0,0.5,a\n3,30,0,,a\n"
    site.load(*given(files, good, IN_RANGE))
    message = error_of(site.run("load", *given(files, good, IN_RANGE | {"null": "bad"}), "--version", "v3")).message
    assert message.endswith("1 of 2 rows do not fulfil p BETWEEN 0 AND 1; 0 are tolerated: id = 3, p = NULL")


def test_columns_that_are_unique_may_not_repeat(loaded: Site, files: Path) -> None:
    rows = "id,ra,dec,p,kind\n1,10,0,0.5,a\n1,10,0,0.5,a\n1,10,0,0.5,b\n2,10,0,0.5,\n2,10,0,0.5,\n"
    check = {"name": "once", "unique": ["id", "kind"]}
    message = error_of(loaded.run("load", *given(files, rows, check))).message
    assert message == (
        "check once of s.t: 2 of 5 rows repeat (id, kind) of another row; 0 are tolerated: "
        "id = 1, kind = a (2 rows); id = 2, kind = NULL (2 rows)"
    )
    assert_unchanged(loaded)


def test_a_number_of_rows_binds_only_a_complete_release(loaded: Site, files: Path) -> None:
    words = given(files, "id,ra,dec,p,kind\n1,10,0,0.5,a\n", {"name": "complete", "n_rows": 4})
    message = error_of(loaded.run("load", *words, "--full")).message
    assert message == "check complete of s.t: there are 1 rows; a complete release has 4"
    assert_unchanged(loaded)
    loaded.load(*words)
    assert [one.name for one in release_of(loaded).checks] == ["positions_in_degrees"]
    loaded.load(*given(files, ROWS, {"name": "complete", "n_rows": 4}), "--full", "--version", "v3")
    assert release_of(loaded).checks[0] == CheckResult("complete", Verdict.PASSED)


def test_a_table_whose_positions_are_hidden_is_loaded(site: Site, files: Path) -> None:
    hidden = [{**column, "vo": {"hidden": column["name"] in {"ra", "dec"}}} for column in COLUMNS]
    table = {"name": "t", "description": "Things", "vo": {"position": {"ra": "ra", "dec": "dec"}}, "columns": hidden}
    schema = written(files, yaml.safe_dump({"name": "s", "tables": [table]}, sort_keys=False), "s.yaml")
    lines = "".join(f"{n},{n},{n % 60},0,a\n" for n in range(150))
    rows = written(files, "id,ra,dec,p,kind\n" + lines, "rows.csv")
    site.load(rows, "--table", "s.t", "--schema-file", schema)
    assert site.ask("SELECT COUNT(*) AS n FROM s.t") == [(150,)]
    assert len(site.rows("s.t")) == 150


def test_a_wide_sky_in_radians_is_refused(loaded: Site, files: Path) -> None:
    lines = "".join(f"{n},{n * 6.28 / 200},{(n % 20 - 10) / 7},0,a\n" for n in range(201))
    message = error_of(loaded.run("load", *given(files, "id,ra,dec,p,kind\n" + lines))).message
    assert message == (
        "check positions_in_degrees of s.t: ra goes from 0 to 6.28 and dec from -1.42857 to 1.28571: "
        "these look like radians; degrees are expected"
    )
    assert_unchanged(loaded)


@pytest.mark.parametrize(
    ("ra_end", "dec_end"), [(6.4, 1.2), (5.5, 1.2), (6.28, 0.2), (6.28, 1.7)], ids=["ra", "part", "strip", "dec"]
)
def test_small_fields_in_degrees_are_not_taken_for_radians(
    duckdb_site: Site, files: Path, ra_end: float, dec_end: float
) -> None:
    lines = "".join(f"{n},{n * ra_end / 200},{n * dec_end / 200},0,a\n" for n in range(201))
    duckdb_site.load(*given(files, "id,ra,dec,p,kind\n" + lines))
    assert [one.verdict for one in release_of(duckdb_site).checks] == ["passed"]


@pytest.mark.parametrize(("mode", "verdicts"), [("warn", ["warned", "passed"]), ("skip", [])])
def test_an_operator_may_overrule_checks(site: Site, files: Path, mode: str, verdicts: list[str]) -> None:
    site.load(*given(files, ROWS, IN_RANGE), "--checks", mode)
    assert [one.verdict for one in release_of(site).checks] == verdicts


def test_names_that_need_quotes_can_be_checked(duckdb_site: Site, files: Path) -> None:
    columns = [{"name": "a-b", "datatype": "int"}, {"name": "order", "datatype": "int"}]
    check = {"name": "small", "holds": '"a-b" < "order"'}
    schema = yaml.safe_dump({"name": "s", "tables": [{"name": "t", "columns": columns, "vo": {"checks": [check]}}]})
    words: list[str | Path] = [written(files, "a-b,order\n1,2\n3,2\n", "q.csv"), "--table", "s.t"]
    error = error_of(duckdb_site.run("load", *words, "--schema-file", written(files, schema, "q.yaml")))
    assert error.message.endswith("a-b = 3, order = 2")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"name": "x", "holds": "q > 0"}, "table t, check x: 'q > 0' is not a condition: no column q in s.t"),
        ({"name": "x", "holds": "p >"}, "table t, check x: 'p >' is not a condition"),
        ({"name": "x", "unique": ["id", "q"]}, "table t: the check x names the column 'q', which is not described"),
        ({"name": "x"}, "the check x must have one of holds, unique and n_rows"),
        ({"name": "x", "holds": "p > 0", "n_rows": 3}, "the check x must have one of holds, unique and n_rows"),
        ({"name": "X y", "holds": "p > 0"}, "String should match pattern"),
        ({"name": "x", "holds": "p > 0", "action": "stop"}, "Input should be 'fail' or 'warn'"),
        ({"name": "positions_in_degrees", "holds": "p > 0"}, "there are two checks positions_in_degrees"),
    ],
    ids=["column", "syntax", "unique", "none", "two", "name", "action", "ours"],
)
def test_a_check_that_makes_no_sense_is_refused_before_anything_is_loaded(
    duckdb_site: Site, files: Path, check: dict[str, object], message: str
) -> None:
    error = error_of(duckdb_site.run("load", *given(files, ROWS, check)))
    assert isinstance(error, SchemaFileError)
    assert message in str(error)
