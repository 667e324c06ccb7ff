"""``vo-server recipe`` as a user runs it, mistakes included."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tests.support.process import run_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a store with a small mock sky."""
    from ingest.mock.publish import publish_mock_sky  # noqa: PLC0415 - astropy, which most tests do not need
    from ingest.mock.sky import MockSky  # noqa: PLC0415
    from vo_server.engine.open import open_engine  # noqa: PLC0415
    from vo_server.store.open import open_store  # noqa: PLC0415

    url = f"duckdb:///{tmp_path_factory.mktemp('mock') / 'data'}"
    store, engine = open_store(url), open_engine(url)
    list(publish_mock_sky(MockSky(20_000), engine=engine, store=store))
    engine.close()
    store.close()
    return url


def run(database: str, *arguments: str, status: int = 0) -> tuple[str, str]:
    done = run_command("recipe", *arguments, "--database", database, check=False, timeout_s=300)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_a_list_has_what_can_be_run_here(database: str) -> None:
    assert "bannjos/qso_2sigma " in run(database, "list")[0]


def test_a_recipe_shows_what_it_selects_its_numbers_and_its_query(database: str) -> None:
    shown = run(database, "show", "bannjos/qso_2sigma", "--set", "threshold=0.4")[0]
    for expected in ("404070 rows", "threshold = 0.333", "% are expected to be QSO", "CLASS_QSO_prob_pc02 >= 0.4"):
        assert expected in shown


def test_rows_of_a_recipe_are_those_of_its_query(database: str, tmp_path: Path) -> None:
    counted = run(database, "run", "count_qso_2sigma")[0].split()
    run(database, "run", "qso_2sigma_class", "-o", str(tmp_path / "rows.csv"), "--maxrec", "100000")
    with (tmp_path / "rows.csv").open() as file:
        assert len(list(csv.DictReader(file))) == int(counted[1]) > 0


def test_judging_tells_purity_and_completeness_beside_what_is_expected(database: str) -> None:
    lines = run(database, "judge", "bannjos/qso_2sigma")[0].splitlines()
    assert lines[0].split() == ["recipe", "class", "selected", "purity", "(expected)", "completeness", "(expected)"]
    name, kind, _, purity, *_ = lines[1].split()
    assert (name, kind) == ("bannjos/qso_2sigma", "QSO")
    assert 0.5 < float(purity) <= 1


@pytest.mark.parametrize("format_name", ["csv", "ecsv", "votable", "starlist"])
def test_one_command_makes_a_target_list(database: str, format_name: str) -> None:
    out, told = run(
        database, "run", "bannjos/followup_qso", "--targets", "--site", "javalambre", "--night", "2027-02-10",
        "--format", format_name, "--set", "faintest=21",
    )  # fmt: skip
    assert "targets at javalambre, 2027-02-10, dark from" in told
    assert {"csv": "name,ra,dec,", "ecsv": "%ECSV", "votable": "<VOTABLE", "starlist": " 2000.0 vmag="}[
        format_name
    ] in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "qso_2sigm"], "did you mean"),
        (["run", "bannjos/qso_2sigma", "--set", "threshold"], "expected NAME=VALUE"),
        (["run", "bannjos/qso_2sigma", "--set", "threshold=7"], "a number from 0 to 1"),
        (["run", "bannjos/qso_2sigma", "--targets"], "give --site and --night"),
        (["run", "bannjos/qso_2sigma", "--site", "vlt"], "add --targets"),
        (["run", "bannjos/qso_2sigma", "--format", "starlist"], "add --targets"),
        (["run", "bannjos/followup_qso", "--targets", "--site", "Mars", "--night", "2027-01-01"], "no site is called"),
        (["judge", "bannjos/count_qso_2sigma"], "does not select a class"),
    ],
)
def test_mistakes_are_told_with_a_way_out(database: str, arguments: list[str], reason: str) -> None:
    assert reason in run(database, *arguments, status=2)[1]
