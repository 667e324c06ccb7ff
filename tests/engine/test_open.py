"""From a URL to an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vo_server.engine.base import Engine
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.open import open_engine
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.errors import ConfigurationError


def test_a_duckdb_url_opens_the_embedded_engine(tmp_path: Path) -> None:
    engine = open_engine(f"duckdb:///{tmp_path / 'data'}", memory_bytes=10**8, threads=1)
    assert isinstance(engine, DuckdbEngine)
    assert isinstance(engine, Engine)
    assert (tmp_path / "data" / "tables").is_dir()
    engine.check()
    engine.close()


def test_a_relative_directory_stays_the_same_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = open_engine("duckdb:///data")
    monkeypatch.chdir("/")
    engine.check()
    engine.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_postgres_url_opens_that_engine_without_connecting(scheme: str) -> None:
    engine = open_engine(f"{scheme}://nobody@127.0.0.1:1/nothing")
    assert isinstance(engine, PostgresEngine)
    assert isinstance(engine, Engine)
    engine.close()


@pytest.mark.parametrize("url", ["duckdb:///", "duckdb://x", "mysql://u:secret@h/d", "vo-data", ""])
def test_other_urls_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not understood") as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def test_the_embedded_engine_imports_nothing_of_postgres() -> None:
    program = (
        "import sys, vo_server.engine.duckdb.run, vo_server.engine.open;"
        "print(sorted({'psycopg', 'adbc_driver_manager', 'astropy', 'pandas', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
