"""A server with the real catalogues, once per engine, as a stranger would set it up: by the command line."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.e2e.catalogues import REAL_TABLES
from tests.support.process import run_command, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


@dataclass(frozen=True)
class RealService:
    """A running server."""

    tap_url: str
    engine: str
    database: str


@pytest.fixture(scope="session", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def fresh_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty database of each kind."""
    if request.param == "duckdb":
        yield f"duckdb:///{tmp_path_factory.mktemp('real')}"
        return
    with new_database(request.getfixturevalue("postgres_dsn")) as url:
        yield url


@contextmanager
def new_database(dsn: str) -> Iterator[str]:
    """Make a database on PostgreSQL, and drop it in the end."""
    name = f"vo_e2e_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    base, _, _ = dsn.rpartition("/")
    yield f"{base}/{name}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def real_database(fresh_database: str, catalogues_dir: Path) -> str:
    """URL of a database with all the real catalogues, loaded by the command line."""
    for table in REAL_TABLES:
        files = [str(catalogues_dir / file) for file in table.files]
        described = [] if table.schema_file is None else ["--schema-file", str(HERE / table.schema_file)]
        run_command("ingest", "load", *files, "--table", table.name, "--database", fresh_database, *described)
    return fresh_database


@pytest.fixture(scope="session")
def real_service(real_database: str) -> Iterator[RealService]:
    """A server over the real catalogues."""
    with serving("serve", "--database", real_database, "--port", "0") as url:
        yield RealService(url, real_database.split(":", 1)[0], real_database)
