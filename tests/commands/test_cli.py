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
