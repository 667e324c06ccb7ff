"""A server with the real catalogues, once per engine, as a stranger would set it up: by the command line."""

from __future__ import annotations

import gc
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ingest.load import load_table
from tests.e2e.catalogues import REAL_TABLES
from tests.support.process import run_command, serving
from vo_server.engine.open import open_engine
from vo_server.store.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vo_server.load.summary import LoadSummary

OF_PYVO = [
    pytest.mark.e2e,
    # pyvo leaves the connections of its sessions to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
"""Marks of tests that ask as pyvo does."""

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
    with new_database(request, tmp_path_factory.mktemp("real")) as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def _collect_garbage() -> Iterator[None]:
    """Have what pyvo left open collected where it is ignored, and not in the tests of another module."""
    yield
    gc.collect()


@contextmanager
def new_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database of the kind that a fixture asks for; on PostgreSQL it is dropped in the end."""
    if request.param == "duckdb":
        yield f"duckdb:///{folder / 'vo'}"
        return
    dsn: str = request.getfixturevalue("postgres_dsn")
    name = f"vo_e2e_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    base, _, _ = dsn.rpartition("/")
    yield f"{base}/{name}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def serving_files(url: str, files: Iterable[tuple[Path, str, Path]]) -> Iterator[tuple[str, dict[str, LoadSummary]]]:
    """Load each file as a table by a schema file, and serve them; give the TAP URL, and what each load told."""
    told = {}
    with closing(open_store(url)) as store, closing(open_engine(url)) as engine:
        for file, name, schema in files:
            told[name] = load_table([file], table=name, engine=engine, store=store, schema_file=schema)
    with serving("serve", "--database", url, "--port", "0") as tap_url:
        yield tap_url, told


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
