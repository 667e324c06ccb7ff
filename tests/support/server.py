"""Fixtures: real servers on both engines, and one client for them."""

from __future__ import annotations

import gc
import secrets
import warnings
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import pyvo
import requests

from tests.support.service import Service, running, with_stars
from vo_server.settings import (
    DuckdbSettings,
    PostgresSettings,
    ServerSettings,
    Settings,
    TapSettings,
    UwsSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SLOW", "client", "make_settings", "server", "tap_service"]

SLOW = "SELECT COUNT(*) AS n FROM web.stars AS a, web.stars AS b, web.stars AS c WHERE SIN(a.ra * b.dec + c.ra) > 2"
"""10**11 sines: an hour on any engine, and no shortcut by an index or by statistics."""


def make_settings(database: str, results_dir: Path, **tap: object) -> Settings:
    """Return settings with limits that tests can reach."""
    schemas = f"web_{secrets.token_hex(4)}"
    return Settings(
        database=database,
        server=ServerSettings(port=0, max_body_bytes=1_000_000, publisher="Test publisher"),
        tap=TapSettings(**{"default_maxrec": 1_000, "hard_maxrec": 100_000, "max_query_bytes": 100_000, **tap}),
        uws=UwsSettings(max_wait_s=2, results_dir=results_dir),
        duckdb=DuckdbSettings(memory_bytes=2**30),
        postgres=PostgresSettings(pool_size=6, data_schema=f"{schemas}_data", store_schema=f"{schemas}_store"),
    )


@pytest.fixture(scope="module", params=[pytest.param("duckdb"), pytest.param("postgres", marks=pytest.mark.postgres)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the stars from one engine after the other."""
    results = tmp_path_factory.mktemp("results")
    if request.param == "duckdb":
        with running(with_stars(make_settings(f"duckdb:///{tmp_path_factory.mktemp('data')}", results))) as service:
            yield service
        return
    dsn = request.getfixturevalue("postgres_dsn")
    settings = make_settings(dsn, results)
    try:
        with running(with_stars(settings)) as service:
            yield service
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


@pytest.fixture
def client(server: Service) -> Iterator[httpx.Client]:
    """Speak to the running server; paths are below ``/tap/``."""
    with httpx.Client(base_url=f"{server.tap}/", timeout=30) as client:
        yield client


@pytest.fixture
def tap_service(server: Service) -> Iterator[pyvo.dal.TAPService]:
    """Speak to the running server with pyvo, which leaves its connections open; close them here."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield pyvo.dal.TAPService(server.tap, session=session)
        gc.collect()
