"""The doctor says what is missing, changes nothing, and its exit status can be relied on."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from tests.support.process import run_command


def publish(tmp_path: Path) -> str:
    """Publish a small table and return the database URL."""
    (tmp_path / "stars.csv").write_text("id,ra,dec\n1,10.0,20.0\n2,11.0,21.0\n")
    database = f"duckdb:///{tmp_path / 'data'}"
    run_command("ingest", "load", str(tmp_path / "stars.csv"), "--table", "survey.stars", "--database", database)
    return database


def test_a_sound_installation_without_data_is_well_and_stays_without_data(tmp_path: Path) -> None:
    told = run_command("doctor", "--database", f"duckdb:///{tmp_path / 'none'}").stdout
    assert "all required packages are installed" in told
    (schemas,) = [line for line in told.splitlines() if "schema files: " in line]
    assert {"jplus", "ls_psc", "mock"} <= set(schemas.partition(": ")[2].split(", "))
    assert f"note  the data directory {tmp_path / 'none'} does not exist yet" in told
    assert "nothing is published yet" in told
    assert told.endswith("all is well\n")
    assert not (tmp_path / "none").exists()


def test_published_tables_are_read(tmp_path: Path) -> None:
    told = run_command("doctor", "--database", publish(tmp_path)).stdout
    assert f"ok  the data directory is {tmp_path / 'data'}\n" in told
    assert "the engine duckdb answers" in told
    assert "1 of 1 published tables can be read" in told
    assert "jobs: 0 waiting, 0 running, 0 ended" in told
    assert "all callers are anonymous" in told


def test_a_damaged_table_is_named_with_a_next_step(tmp_path: Path) -> None:
    database = publish(tmp_path)
    (file,) = (tmp_path / "data").rglob("*.duckdb")
    file.write_bytes(b"not a database")
    told = run_command("doctor", "--database", database, check=False)
    assert told.returncode == 1
    assert "FAULT  table survey.stars cannot be read" in told.stdout
    assert "hint:" in told.stdout
    assert "0 of 1 published tables can be read" in told.stdout
    assert told.stdout.endswith("1 fault\n")


def test_a_database_that_does_not_answer_is_a_fault_without_a_traceback() -> None:
    told = run_command("doctor", "--database", "postgresql://nobody@127.0.0.1:1/nothing", check=False)
    assert told.returncode == 1
    assert "FAULT" in told.stdout
    assert "is PostgreSQL running there?" in told.stdout
    assert told.stderr == ""


def test_a_setting_that_is_not_valid_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VO_TAP__DEFAULT_MAXREC", "-5")
    told = run_command("doctor", check=False)
    assert told.returncode == 1
    assert "VO_TAP__DEFAULT_MAXREC" in told.stdout


@pytest.mark.postgres
def test_postgresql_without_a_store_is_well_and_gets_none(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = f"doctor_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("VO_POSTGRES__STORE_SCHEMA", schema)
    told = run_command("doctor", "--database", postgres_dsn).stdout
    assert "the engine postgres answers" in told
    assert "nothing is published yet" in told
    with psycopg.connect(postgres_dsn) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
    assert found == (0,)


@pytest.mark.postgres
def test_q3c_is_looked_for_and_not_made(postgres_dsn: str) -> None:
    name = f"doctor_{uuid.uuid4().hex[:12]}"
    dsn = f"{postgres_dsn.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    try:
        without = run_command("doctor", "--database", dsn).stdout
        assert f"/{name} answers" in without
        assert "note  Q3C is not installed in the database" in without
        assert "CREATE EXTENSION q3c" in without
    finally:
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.postgres
def test_the_version_of_q3c_is_told(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS q3c")  # only a superuser may, where it is not there yet
        found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'q3c'").fetchone()
    assert found is not None
    assert f"ok  Q3C {found[0]}\n" in run_command("doctor", "--database", postgres_dsn).stdout
