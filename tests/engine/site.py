"""A place that engines work in: opened more than once it is what several processes share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.run import PostgresEngine

__all__ = ["AnyEngine", "DuckdbSite", "PostgresSite", "Site"]

AnyEngine: TypeAlias = DuckdbEngine | PostgresEngine


class DuckdbSite:
    """A data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"duckdb:///{directory}"
        self._opened: list[DuckdbEngine] = []

    def open(self, **options: Any) -> DuckdbEngine:
        given: dict[str, Any] = {"memory_bytes": 512 * 1024**2, "threads": 2, "max_attached": 4} | options
        self._opened.append(DuckdbEngine(self.directory, **given))
        return self._opened[-1]

    def close(self) -> None:
        for engine in self._opened:
            engine.close()


class PostgresSite:
    """A schema of a database, which appears with the first load."""

    def __init__(self, dsn: str, data_schema: str) -> None:
        self.dsn = dsn
        self.url = dsn
        self.data_schema = data_schema
        self._opened: list[PostgresEngine] = []

    def open(self, **options: Any) -> PostgresEngine:
        given: dict[str, Any] = {"pool_size": 4, "data_schema": self.data_schema} | options
        self._opened.append(PostgresEngine(self.dsn, **given))
        return self._opened[-1]

    def close(self) -> None:
        for engine in self._opened:
            engine.close()


Site: TypeAlias = DuckdbSite | PostgresSite
