"""Fixtures that every part of the suite may ask for."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        action="append",
        default=[],
        choices=["postgres", "pgsphere", "stilts", "catalogues"],
        help="Fail, instead of skipping, tests that need this and do not find it.",
    )
    parser.addoption(
        "--differential",
        type=int,
        default=0,
        metavar="N",
        help="Compare the engines on N random queries more (tests/differential); 20000 take a quarter of an hour.",
    )
    parser.addoption(
        "--torture",
        type=int,
        default=0,
        metavar="N",
        help="Start N jobs while workers are killed and the database is restarted (tests/torture); 500 take minutes.",
    )
    parser.addoption(
        "--seed",
        type=int,
        default=None,
        help="Seed of --differential and --torture; the one of a run that failed repeats it.",
    )


def _missing(config: pytest.Config, what: str, reason: str) -> None:
    if what in config.getoption("--require"):
        pytest.fail(f"--require {what}: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_dsn(pytestconfig: pytest.Config) -> str:
    """DSN of a PostgreSQL database in which tests may create and drop anything; Q3C is installable there."""
    dsn = os.environ.get("VO_TEST_POSTGRES", "")
    if not dsn:
        _missing(pytestconfig, "postgres", "VO_TEST_POSTGRES is not set (postgresql://user@host:port/database)")
    return dsn


@pytest.fixture(scope="session")
def pgsphere_dsn(postgres_dsn: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """DSN of a database with pgSphere that is gone after the tests; where it is beyond the role, tests are skipped."""
    name = f"pgsphere_{uuid.uuid4().hex[:12]}"
    dsn = urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        is_there = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'pgsphere'").fetchone() is not None
        try:
            connection.execute(f"CREATE DATABASE {name}{' TEMPLATE pgsphere' if is_there else ''}".encode())
            if not is_there:
                with psycopg.connect(dsn, autocommit=True) as own:
                    own.execute("CREATE EXTENSION pg_sphere")
        except psycopg.Error as error:
            connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
            _missing(pytestconfig, "pgsphere", f"no database with pgSphere can be made: {error}")
        yield dsn
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def stilts(pytestconfig: pytest.Config) -> str:
    """Path of the stilts command."""
    found = shutil.which("stilts")
    if found is None:
        _missing(pytestconfig, "stilts", "stilts is not installed")
    return str(found)


@pytest.fixture(scope="session")
def catalogues_dir(pytestconfig: pytest.Config) -> Path:
    """Folder of real catalogues, one folder each; not part of the project, their licences differ."""
    folder = Path(os.environ.get("VO_TEST_CATALOGUES", ROOT.parent / "shared" / "data"))
    if not (folder / "hipparcos2").is_dir():
        _missing(pytestconfig, "catalogues", f"no real catalogues in {folder}")
    return folder
