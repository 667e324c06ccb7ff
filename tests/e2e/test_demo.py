"""The demo, as a newcomer meets it: one command, a URL, three queries that work when they are pasted."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvo

from ingest.mock.command import QUERIES
from ingest.mock.sky import MockSky
from ingest.mock.tables import MOCK_TABLES
from tests.support.demo import Demo, running
from tests.support.process import run_command
from tests.support.taplint import ACCEPTED, taplint
from vo_server.resources import recipe_files
from vo_server.services.recipe_files import read_recipes

pytestmark = pytest.mark.e2e

ROWS = 30_000


def command(data: Path, *options: str, rows: int = ROWS) -> list[str]:
    return [sys.executable, "-m", "vo_server", "demo", "--rows", str(rows), "--data", str(data), *options]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(directory: Path) -> Iterator[Demo]:
    """A demo that runs during all tests of this module."""
    with running(command(directory / "data"), directory / "log") as started:
        yield started


def pasted(demo: Demo, client: str) -> str:
    """Run the command that the demo offers for a client, in a shell, and return what it writes."""
    found = re.search(rf"(?m)^{client}: .*\n  (.+)$", demo.printed)
    assert found is not None, demo.printed
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", found.group(1)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pyvo_query_gives_the_nearest_stars(demo: Demo) -> None:
    lines = pasted(demo, "pyvo").splitlines()
    assert lines[0].split() == ["ls_id", "white_mag", "score", "sep_arcsec"]
    separations = [float(line.split()[-1]) for line in lines if re.match(r"\s*\d{14,}", line)]
    assert len(separations) == 5
    assert separations == sorted(separations)
    assert separations[-1] < 1080.0


@pytest.mark.stilts
def test_the_stilts_query_gives_sure_quasars(demo: Demo, stilts: str) -> None:
    del stilts
    head, *rows = pasted(demo, "STILTS").splitlines()
    assert head.split() == ["#", "ALPHA_J2000", "DELTA_J2000", "CLASS_QSO_prob_pc02"]
    assert len(rows) == 5
    assert all(float(row.split()[-1]) >= 0.333 for row in rows)


def test_the_curl_query_tells_the_true_classes(demo: Demo) -> None:
    rows = list(csv.DictReader(io.StringIO(pasted(demo, "curl"))))
    counts = {row["class"]: int(row["n"]) for row in rows}
    assert set(counts) == {"GALAXY", "QSO", "STAR"}
    assert counts["STAR"] > 10 * counts["QSO"]
    assert counts["STAR"] > counts["GALAXY"]


def test_every_offered_query_has_rows(demo: Demo) -> None:
    service = pyvo.dal.TAPService(demo.url)
    for about, query in QUERIES.items():
        assert len(service.search(query)) > 0, about


def test_all_tables_are_served_and_say_that_they_are_made_up(demo: Demo) -> None:
    service = pyvo.dal.TAPService(demo.url)
    told = service.search("SELECT table_name, description FROM TAP_SCHEMA.tables").to_table()
    descriptions = {str(row["table_name"]): str(row["description"]) for row in told}
    for name in MOCK_TABLES:
        assert descriptions[name].startswith("Mock data, made up"), name
    schemas = service.search("SELECT schema_name, description FROM TAP_SCHEMA.schemas").to_table()
    for row in schemas:
        assert str(row["schema_name"]).upper() == "TAP_SCHEMA" or "Mock data" in row["description"]


def test_the_examples_are_all_the_recipes(demo: Demo) -> None:
    shown = pyvo.dal.TAPService(demo.url).examples
    assert {one["QUERY"] for one in shown} == {recipe.query() for recipe in read_recipes(recipe_files())}


@pytest.mark.stilts
def test_taplint_finds_no_error_in_the_tables_of_all_systems(demo: Demo, stilts: str) -> None:
    report = taplint(stilts, demo.url)
    wrong = [one for one in report.findings if one.level in "EF" and one.key not in ACCEPTED]
    assert not wrong, "\n".join(f"{one.key} {one.text}" for one in wrong)
    (ran,) = [one.text for one in report.findings if one.key == "S-EXA-XVAL"]
    n_recipes = len(read_recipes(recipe_files()))
    assert f"Execution success/attempt: {n_recipes}/{n_recipes}" in ran


def test_the_truth_has_a_row_for_every_object(demo: Demo) -> None:
    counts = pyvo.dal.TAPService(demo.url).search("SELECT COUNT(*) AS n, MAX(object_id) AS m FROM mock.truth")
    assert (int(counts["n"][0]), int(counts["m"][0])) == (ROWS, ROWS - 1)


def test_identifiers_arrive_bit_for_bit(demo: Demo) -> None:
    block = MockSky(ROWS).block(0)
    made = MOCK_TABLES["mock.truth"](block)
    expected = made.columns["ls_id"][~made.nulls["ls_id"]]
    rows = pyvo.dal.TAPService(demo.url).search(
        f"SELECT ls_id FROM mock.truth WHERE object_id < {len(block.index)} AND ls_id IS NOT NULL ORDER BY object_id"
    )
    assert rows["ls_id"].tolist() == expected.tolist()


def test_a_second_start_uses_the_data_again_and_control_c_ends_it_quietly(directory: Path, demo: Demo) -> None:
    del demo  # The data are made by it; a second server may read them at the same time.
    files = {path: path.stat().st_mtime_ns for path in (directory / "data").rglob("*.duckdb")}
    assert len(files) == len(MOCK_TABLES)
    with running(command(directory / "data"), directory / "second") as second:
        assert second.printed.count("there already") == len(MOCK_TABLES)
        os.killpg(second.process.pid, signal.SIGINT)
        assert second.process.wait(20) in {0, 130}
        assert "Traceback" not in second.printed
    assert {path: path.stat().st_mtime_ns for path in (directory / "data").rglob("*.duckdb")} == files


def test_another_size_replaces_the_sky_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for rows in (500, 900):
        with running(command(tmp_path / "data", rows=rows), tmp_path / f"log{rows}") as demo:
            counts = pyvo.dal.TAPService(demo.url).search("SELECT COUNT(*) AS n FROM mock.truth")
            assert int(counts["n"][0]) == rows
    assert len(list((tmp_path / "data").rglob("*.duckdb"))) == len(MOCK_TABLES)


def test_a_table_that_is_not_of_the_mock_sky_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("ls_id,ra,dec\n1,10.0,20.0\n")
    database = f"duckdb:///{tmp_path / 'data'}"
    run_command("ingest", "load", str(tmp_path / "mine.csv"), "--table", "ls_psc.main", "--database", database)
    told = run_command("demo", "--data", str(tmp_path / "data"), check=False)
    assert told.returncode == 2
    assert "there is a table ls_psc.main that is not of the mock sky" in told.stderr
    counted = run_command("query", "SELECT COUNT(*) AS n FROM ls_psc.main", "--database", database)
    assert counted.stdout == "n\n1\n"


def test_a_size_beyond_the_identifiers_is_refused(tmp_path: Path) -> None:
    told = run_command("demo", "--rows", "1000000000", "--data", str(tmp_path / "data"), check=False)
    assert told.returncode == 2
    assert "the mock sky holds from 0 to" in told.stderr
    assert not (tmp_path / "data").exists()
