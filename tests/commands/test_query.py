"""``vo-server query`` as a user runs it, mistakes included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.process import run_command
from tests.support.read_only import access, as_nobody_special
from vo_server.store.open import open_store

TABLES = "SELECT table_name FROM TAP_SCHEMA.tables"


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """URL of a store without a published table."""
    url = f"duckdb:///{tmp_path / 'data'}"
    open_store(url).close()
    return url


def refused(*arguments: str, status: int, cwd: Path | None = None) -> str:
    done = run_command(*arguments, check=False, cwd=cwd, before=as_nobody_special(), timeout_s=30)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_query_file_that_is_not_there_is_named(empty: str) -> None:
    told = refused("query", "@nofile", "--database", empty, status=2)
    assert told == "vo-server: the query file nofile cannot be read: No such file or directory\n"


def test_a_query_file_that_is_no_text_is_named(empty: str, tmp_path: Path) -> None:
    (tmp_path / "q").write_bytes(b"\xff\xfe\x00")
    assert "q is not text in UTF-8" in refused("query", f"@{tmp_path / 'q'}", "--database", empty, status=2)


@pytest.mark.parametrize("output", ["missing/x", "."])
def test_an_output_that_cannot_be_written_is_named(empty: str, tmp_path: Path, output: str) -> None:
    assert output in refused("query", TABLES, "-o", output, "--database", empty, status=2, cwd=tmp_path)


def test_a_query_file_is_run_and_its_rows_are_written(empty: str, tmp_path: Path) -> None:
    (tmp_path / "q.adql").write_text(TABLES)
    run_command("query", f"@{tmp_path / 'q.adql'}", "-o", str(tmp_path / "rows.csv"), "--database", empty)
    assert "tap_schema.columns" in (tmp_path / "rows.csv").read_text().lower()


@pytest.mark.parametrize("command", [["query", TABLES], ["ingest", "releases"], ["jobs", "list"]])
def test_who_only_looks_makes_no_data_directory(tmp_path: Path, command: list[str]) -> None:
    told = refused(*command, status=1, cwd=tmp_path)
    assert f"no data directory at {tmp_path / 'vo-data'}\n" in told
    assert "publish something first (vo-server ingest load" in told
    assert list(tmp_path.iterdir()) == []


def test_a_query_of_an_empty_service_says_that_it_is_empty(empty: str, tmp_path: Path) -> None:
    told = refused("query", "SELECT * FROM survey.stars", "--database", empty, status=2)
    assert "survey.stars" in told
    assert f"hint: nothing is published in {tmp_path}" in told


@pytest.mark.parametrize("command", ["query", "doctor", "serve"])
def test_a_directory_that_cannot_be_looked_into_is_named(empty: str, tmp_path: Path, command: str) -> None:
    words = [TABLES] if command == "query" else []
    with access(tmp_path / "data", folder=0, file=0):
        done = run_command(command, *words, "--database", empty, check=False, before=as_nobody_special(), timeout_s=30)
    assert done.returncode == 1
    assert f"{tmp_path / 'data'} cannot be read: Permission denied" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    stars = tmp_path / "stars.csv"
    stars.write_text("id,ra,dec\n1,10.0,20.0\n")
    with access(stars, folder=0, file=0):
        words = [
            "ingest",
            "load",
            str(stars),
            "--table",
            "survey.stars",
            "--database",
            f"duckdb:///{tmp_path / 'data'}",
        ]
        done = run_command(*words, check=False, before=as_nobody_special(), timeout_s=30)
    assert done.returncode in {1, 2}
    assert str(stars) in done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_query_is_explained_and_not_run(empty: str) -> None:
    lines = run_command("query", "--explain", TABLES, "--database", empty).stdout.splitlines()
    assert lines[0].startswith("answer: about ")
    assert "which come with the query" in lines[-1]


def test_an_explanation_can_be_read_by_programs(empty: str) -> None:
    told = run_command("query", "--explain", "--format", "json", TABLES, "--database", empty).stdout
    assert json.loads(told)["steps"][0]["table_name"] == "tap_schema.tables"


def test_a_mistake_in_a_query_to_be_explained_is_told(empty: str) -> None:
    assert "no column x in tap_schema.tables" in refused(
        "query", "--explain", "SELECT x FROM TAP_SCHEMA.tables", "--database", empty, status=2
    )
