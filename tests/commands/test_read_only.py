"""A data directory that can only be read is read; what would write it says so at once."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.support.process import run_command, serving
from tests.support.read_only import access, as_nobody_special

COUNT = "SELECT COUNT(*) AS n FROM survey.stars"
QUICK_S = 20.0
"""Far less than writers wait for each other, and enough to start the interpreter on a busy machine."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """URL of a directory with one table that nobody may write any more."""
    (tmp_path / "stars.csv").write_text("id,ra,dec\n1,10.0,20.0\n2,11.0,21.0\n")
    url = f"duckdb:///{tmp_path / 'data'}"
    run_command("ingest", "load", str(tmp_path / "stars.csv"), "--table", "survey.stars", "--database", url)
    with access(tmp_path / "data", folder=0o555, file=0o444):
        yield url


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, check=check, before=as_nobody_special(), timeout_s=QUICK_S)


def test_what_only_reads_works(database: str) -> None:
    assert run("query", COUNT, "--database", database).stdout.split() == ["n", "2"]
    assert "survey.stars" in run("ingest", "releases", "--database", database).stdout
    assert run("jobs", "list", "--database", database).stdout.startswith("ID")
    assert "1 of 1 published tables can be read" in run("doctor", "--database", database).stdout


def test_what_a_writer_has_not_moved_into_the_file_yet_is_read(database: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with access(data, folder=0o755, file=0o644), closing(sqlite3.connect(data / "catalogue.sqlite")) as writer:
        writer.execute("UPDATE releases SET version = 'renamed'")
        writer.commit()
        with access(data, folder=0o555, file=0o444):
            assert " renamed " in run("ingest", "releases", "--database", database).stdout


@pytest.mark.parametrize("command", ["load", "rollback", "drop"])
def test_what_would_write_is_refused_at_once_in_words(database: str, tmp_path: Path, command: str) -> None:
    words = {
        "load": [str(tmp_path / "stars.csv"), "--table", "survey.stars"],
        "rollback": ["survey.stars", "--version", "x"],
        "drop": ["survey.stars", "--yes"],
    }[command]
    done = run("ingest", command, *words, "--database", database, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr or "read-only" in done.stderr
    assert run("query", COUNT, "--database", database).stdout.split() == ["n", "2"]


def test_a_directory_without_a_catalogue_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with access(tmp_path / "data", folder=0o555, file=0o444):
        done = run("serve", "--port", "0", "--database", f"duckdb:///{tmp_path / 'data'}", check=False)
    assert done.returncode == 1
    assert f"{tmp_path / 'data' / 'catalogue.sqlite'} cannot be written" in done.stderr


def test_the_server_answers_queries_and_refuses_jobs(database: str, capfd: pytest.CaptureFixture[str]) -> None:
    with serving("serve", "--port", "0", "--database", database, before=as_nobody_special()) as url:
        asked = urlencode({"LANG": "ADQL", "QUERY": COUNT, "RESPONSEFORMAT": "csv"}).encode()
        with urlopen(f"{url}/sync", asked, timeout=QUICK_S) as answer:
            assert answer.read().split() == [b"n", b"2"]
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{url}/async", asked, timeout=QUICK_S)
        with closing(refused.value):
            assert "read-only: it takes no jobs" in refused.value.read().decode()
