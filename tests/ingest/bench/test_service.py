"""The benchmark from the command line to its JSON, with a few rows, on both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from ingest.bench.command import _GROUPS, bench
from ingest.bench.service.run import DATA_SCHEMA, GROUPS, STORE_SCHEMA
from vo_server.errors import UsageError
from vo_server.formats.registry import OUTPUT_FORMATS

N_ROWS = 2_000


def _run(*words: str | int | Path) -> str:
    result = CliRunner().invoke(bench, ["service", *map(str, words)])
    if result.exception is not None:
        raise result.exception
    return result.output


def _measured(file: Path, engine: str) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in json.loads(file.read_text())["measured"][engine]}


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An engine, and the URL of a PostgreSQL for the command line."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else ""
    return request.param, dsn


@pytest.mark.e2e
def test_a_run_measures_everything_and_reports_it(engine: tuple[str, str], tmp_path: Path) -> None:
    name, dsn = engine
    file = tmp_path / "bench.json"
    words = ("--rows", N_ROWS, "--repeat", 1, "--seconds", "0.3", "--json", file)
    output = _run("--engine", name, "--postgres", dsn, *words)
    found = _measured(file, name)
    for one in OUTPUT_FORMATS:
        assert found[f"{one.name}: rows"]["median"] > 0
        assert 0 < found[f"{one.name}: first byte"]["median"] < 1e3 * N_ROWS / found[f"{one.name}: rows"]["median"] + 1
        assert f"{one.name}: rows" in output
    assert found["votable: rows"]["ratio"] == pytest.approx(
        found["votable: rows"]["median"] / found["votable: rows"]["limit"]["value"]
    )
    overhead = found["cone 0.1 deg: p50"]["median"] - found["cone 0.1 deg: p50"]["limit"]["value"]
    assert found["cone 0.1 deg: overhead"]["median"] == pytest.approx(overhead)
    assert 0 < found["cone 0.1 deg: processor time of the server"]["median"] < 1e3
    assert ("cone 0.1 deg: q3c_radial_query alone" in found) == (name == "postgres")
    assert found["cone 0.1 deg, 32 clients: errors"]["median"] == 0
    assert found["trivial job, polling without delay: p50"]["median"] > 0
    assert found["trivial jobs, 4 clients with WAIT"]["median"] > 0
    assert found["trivial jobs, 4 clients with WAIT: errors"]["median"] == 0
    told = json.loads(file.read_text())
    assert told["n_rows"] == N_ROWS
    assert told["machine"]["n_cores"] >= 1
    assert told["versions"][name]


@pytest.mark.postgres
def test_nothing_stays_in_a_postgres_that_was_measured(postgres_dsn: str) -> None:
    _run("--engine", "postgres", "--postgres", postgres_dsn, "--rows", 100, "--repeat", 1, "--only", "overhead")
    with psycopg.connect(postgres_dsn) as connection:
        names = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
    assert not {DATA_SCHEMA, STORE_SCHEMA} & {row[0] for row in names}


@pytest.mark.e2e
def test_memory_is_measured_alone_on_a_table_that_is_kept(tmp_path: Path) -> None:
    file, data = tmp_path / "bench.json", tmp_path / "data"
    words = ("--rows", N_ROWS, "--repeat", 1, "--only", "memory", "--data", data, "--json", file)
    _run(*words)
    (release,) = data.glob("tables/bench/desw/*.duckdb")
    made = release.stat().st_mtime_ns
    _run(*words)
    assert release.stat().st_mtime_ns == made
    assert set(_measured(file, "duckdb")) == {f"{one.name}: memory growth" for one in OUTPUT_FORMATS}


def test_a_postgres_that_is_not_named_is_asked_for() -> None:
    with pytest.raises(UsageError, match="no PostgreSQL is named"):
        _run("--engine", "postgres", "--postgres", "")


def test_the_command_offers_every_group() -> None:
    assert set(_GROUPS) == set(GROUPS)
