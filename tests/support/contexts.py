"""The services of a process over an empty store of its own, on either engine."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg

from tests.support.server import make_settings
from vo_server.factory import ProcessContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

__all__ = ["a_context"]


@contextmanager
def a_context(request: pytest.FixtureRequest, folder: Path) -> Iterator[ProcessContext]:
    """Make the services for a fixture with the parameter ``duckdb`` or ``postgres``; afterwards all is gone."""
    if request.param == "duckdb":
        with closing(ProcessContext.create(make_settings(f"duckdb:///{folder / 'data'}", folder))) as made:
            yield made
        return
    dsn = request.getfixturevalue("postgres_dsn")
    settings = make_settings(dsn, folder)
    try:
        with closing(ProcessContext.create(settings)) as made:
            yield made
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
