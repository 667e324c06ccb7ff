"""The numbers that documents print: their queries, their sums, and the command that counts them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ingest.expected import Expected, ExpectedNumbers, read_expected
from ingest.verify import Outcome
from tests.adql.published import FOLDER, catalogue
from tests.ingest.conftest import Site
from tests.ingest.test_load import error_of, written
from vo_server.adql.front import compile_query
from vo_server.errors import MissingError, SchemaFileError
from vo_server.model.table import Catalogue
from vo_server.resources import expected_files

FILES = sorted(expected_files().glob("*.yaml"))
NUMBERS = {path.stem: read_expected(path) for path in FILES}
ALL = [(stem, one) for stem, numbers in NUMBERS.items() for one in numbers.expected]


def value(stem: str, name: str) -> float:
    (found,) = [one.value for one in NUMBERS[stem].expected if one.name == name]
    return found


@pytest.mark.parametrize(("stem", "one"), ALL, ids=[f"{stem}.{one.name}" for stem, one in ALL])
def test_every_number_has_a_query_of_one_value_of_the_tables_it_names(stem: str, one: Expected) -> None:
    tables = {table.full_name: table for table in catalogue().tables}
    assert set(one.needs) <= set(tables)
    if one.adql is None:
        return
    schemas = [schema for schema in catalogue().schemas if any(table.full_name in one.needs for table in schema.tables)]
    assert len(compile_query(one.adql, Catalogue(tuple(schemas))).columns) == 1


def test_the_parts_of_ls_psc_sum_up() -> None:
    for what in ("", "_point_sources"):
        parts = [value("ls_psc", f"{part}{what}") for part in ("south", "north", "fill_ins")]
        assert sum(parts) == value("ls_psc", f"rows{what}" if what else "rows")


def test_the_gaia_stars_of_ls_psc_are_the_test_set_and_the_artefacts() -> None:
    assert value("ls_psc", "gaia_stars") == 176_482_239 + 1_971_413


def test_the_selections_of_bannjos_sum_up() -> None:
    totals = {"highest_median": 47_463_878, "1_sigma": 43_687_398, "2_sigma": 41_971_059}
    for selection, total in totals.items():
        assert sum(value("jplus", f"{kind}_{selection}") for kind in ("galaxies", "quasars", "stars")) == total
    assert value("jplus", "rows") - value("jplus", "objects") == 330_961


def test_the_labelled_sources_of_vexas_miss_the_table_by_28() -> None:
    parts = sum(value("vexas", f"spec_good_{kind}") for kind in ("stars", "quasars", "galaxies"))
    assert parts == 415_628
    assert value("vexas", "spec_good_sources") - parts == 28


def test_every_count_that_needs_the_whole_catalogue_is_among_the_numbers() -> None:
    file = FOLDER / "expected_numbers.csv"
    if not file.is_file():
        pytest.skip(f"no {file.name} in {FOLDER}")
    values = {one.value for _, one in ALL}
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    # What needs the sample that a model was trained or tested on is not in the catalogue.
    wanted = [row for row in rows if row["group"] in {"row count", "selection", "query result"}]
    wanted = [row for row in wanted if "density" not in row["name"] and "training" not in row["name"]]
    totals = {"total 1 sigma", "total 2 sigma", "Gaia test set after artefact removal", "artefacts removed"}
    missing = [row["name"] for row in wanted if row["name"] not in totals and float(row["value"]) not in values]
    assert missing == ["manually scored sources"]


NUMBERS_FILE = """
source: a paper
expected:
- {name: all, what: rows, tables: [s.t], adql: SELECT COUNT(*) AS n FROM s.t, value: 3}
- name: bright
  what: bright rows
  tables: [s.t]
  adql: SELECT COUNT(*) AS n FROM s.t WHERE mag < 18
  value: 2
  tolerance: 1
- {name: columns, what: columns, columns_of: s.t, value: 4}
- {name: mean, what: mean, tables: [s.t], adql: SELECT AVG(mag) AS m FROM s.t WHERE id > 5, value: 1}
- {name: far, what: rows elsewhere, tables: [s.t, s.other], adql: SELECT COUNT(*) AS n FROM s.other, value: 1}
"""


@pytest.fixture
def published(site: Site, tmp_path: Path) -> Site:
    site.load(written(tmp_path, "id,ra,dec,mag\n1,1,1,17\n2,2,2,19\n3,3,3,20\n", "rows.csv"), "--table", "s.t")
    return site


def test_numbers_are_counted_and_compared(published: Site, tmp_path: Path) -> None:
    result = published.run("verify", "--file", written(tmp_path, NUMBERS_FILE, "paper.yaml"))
    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["number", "expected", "found", "verdict", "what"]
    assert [line[:4] for line in lines[1:5]] == [
        ["paper.all", "3", "3", Outcome.MET],
        ["paper.bright", "2", "1", Outcome.MET],
        ["paper.columns", "4", "4", Outcome.MET],
        ["paper.mean", "1", "-", Outcome.MISSED],
    ]
    assert lines[5][:5] == ["paper.far", "1", "-", "not", "published"]
    assert result.stdout.splitlines()[-1] == "3 ok, 1 wrong, 1 of tables that are not published"


def test_numbers_that_are_all_met_end_well(published: Site, tmp_path: Path) -> None:
    good = NUMBERS_FILE[: NUMBERS_FILE.index("- {name: mean")]
    result = published.run("verify", "s.t", "--file", written(tmp_path, good, "paper.yaml"))
    assert (result.exit_code, result.exception) == (0, None)


def test_a_table_without_numbers_is_told(duckdb_site: Site, tmp_path: Path) -> None:
    duckdb_site.load(written(tmp_path, "id,ra,dec\n1,1,1\n", "rows.csv"), "--table", "s.t")
    error = error_of(duckdb_site.run("verify", "s.t"))
    assert isinstance(error, MissingError)
    assert "no numbers are known of s.t" in error.message
    assert "vexas" in str(error.hint)


def test_without_the_catalogues_nothing_is_wrong(duckdb_site: Site, tmp_path: Path) -> None:
    duckdb_site.load(written(tmp_path, "id,ra,dec\n1,1,1\n", "rows.csv"), "--table", "s.t")
    result = duckdb_site.run("verify")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"0 ok, 0 wrong, {len(ALL)} of tables that are not published"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source: x\nexpected: [{name: a, what: b, value: 1}]", "a number has adql and tables, or columns_of"),
        ("source: x\nexpected: [{name: a, what: b, value: 1, adql: q}]", "a number has adql and tables, or columns_of"),
        ("source: x\nexpected: [{name: a, what: b, columns_of: s.t, value: many}]", "expected, 0, value"),
        ("source: x\nexpected: {", "is not YAML"),
        (
            "source: x\nexpected:\n- &a {name: a, what: b, columns_of: s.t, value: 1}\n- *a",
            "there are two numbers a",
        ),
    ],
)
def test_a_file_of_numbers_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SchemaFileError, match=message):
        read_expected(written(tmp_path, text, "paper.yaml"))


@pytest.mark.parametrize(
    ("tolerance", "fraction", "found", "is_met"),
    [
        (0, 0, 100, True),
        (0, 0, 101, False),
        (5, 0, 95, True),
        (5, 0.01, 94, False),
        (0, 0.1, 110, True),
        (5, 1, None, False),
    ],
)
def test_the_larger_tolerance_counts(tolerance: float, fraction: float, found: float | None, is_met: bool) -> None:
    one = Expected(name="a", what="b", columns_of="s.t", value=100, tolerance=tolerance, tolerated_fraction=fraction)
    assert one.is_met_by(found) is is_met
    assert ExpectedNumbers(source="s", expected=(one,)).expected == (one,)
