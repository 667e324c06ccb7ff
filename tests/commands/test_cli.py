"""What the command line says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.process import run_command
from vo_server.store.open import open_store


def test_the_help_tells_the_exit_status() -> None:
    told = " ".join(run_command("--help").stdout.split())
    assert "Exit status: 0 when all went well; 2 for what you can mend" in told
    assert "130 when interrupted." in told


@pytest.mark.parametrize("engine", [None, "duckdb"])
def test_translate_writes_the_sql_of_the_database_unless_told(tmp_path: Path, engine: str | None) -> None:
    url = f"duckdb:///{tmp_path / 'data'}"
    open_store(url).close()
    chosen = [] if engine is None else ["--engine", engine]
    done = run_command(
        "adql", "translate", *chosen, "--database", url, "-", text="SELECT table_name FROM TAP_SCHEMA.tables"
    )
    assert "SELECT" in done.stdout


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["query", "SELECT * FROM no.table"], 2),
        (["recipe", "show", "nothing/of_that_name"], 2),
        (["jobs", "kill", "nowhere"], 2),
        (["ingest", "load", "absent.csv", "--table", "s.t"], 2),
        (["ingest", "rollback", "no.table"], 2),
        (["ingest", "stats", "no.table"], 2),
        (["doctor", "--nonsense"], 2),
        (["ingest", "load", "stars.csv", "--table", "s.t"], 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_the_caller_can_mend_has_status_2(tmp_path: Path, words: list[str], status: int) -> None:
    url = f"duckdb:///{tmp_path / 'data'}"
    open_store(url).close()
    (tmp_path / "stars.csv").write_text("id,ra,dec\n1,10.0,20.0\n")
    done = run_command(*words, "--database", url, check=False, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_has_status_1(tmp_path: Path) -> None:
    done = run_command("query", "SELECT 1", "--database", f"duckdb:///{tmp_path / 'none'}", check=False)
    assert done.returncode == 1
