"""From a database URL to the engine that serves it; nothing of the other engines is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vo_server.errors import ConfigurationError

if TYPE_CHECKING:
    from vo_server.engine.base import Engine
    from vo_server.engine.shares import BatchShares

__all__ = ["open_engine"]

_DUCKDB: Final = "duckdb:///"
_POSTGRES: Final = ("postgresql://", "postgres://")


def open_engine(
    database_url: str,
    *,
    memory_bytes: int = 4 * 1024**3,
    reserve_bytes: int = 0,
    threads: int = 2,
    max_attached: int = 256,
    pool_size: int = 20,
    data_schema: str = "vo_data",
    shares: BatchShares | None = None,
) -> Engine:
    """Open the engine of a database.

    Parameters
    ----------
    database_url
        ``duckdb:///DIR`` (relative) or ``duckdb:////DIR`` (absolute), or ``postgresql://...``.
    memory_bytes, reserve_bytes, threads, max_attached
        For DuckDB; see :class:`vo_server.engine.duckdb.run.DuckdbEngine`.
    pool_size, data_schema
        For PostgreSQL; see :class:`vo_server.engine.postgres.run.PostgresEngine`.
    shares
        How large the batches of results may be; None for the best size.

    Raises
    ------
    ConfigurationError
        If the URL has another form, or the data directory cannot be used. A PostgreSQL that cannot be reached shows
        with the first use, or in ``check``.
    """
    if database_url.startswith(_DUCKDB) and len(database_url) > len(_DUCKDB):
        from vo_server.engine.duckdb.run import DuckdbEngine  # noqa: PLC0415 - the other engine is not to be imported

        return DuckdbEngine(
            Path(database_url.removeprefix(_DUCKDB)),
            memory_bytes=memory_bytes,
            reserve_bytes=reserve_bytes,
            threads=threads,
            max_attached=max_attached,
            shares=shares,
        )
    if database_url.startswith(_POSTGRES):
        from vo_server.engine.postgres.run import PostgresEngine  # noqa: PLC0415 - the other engine is not to be imported

        return PostgresEngine(database_url, pool_size=pool_size, data_schema=data_schema, shares=shares)
    raise ConfigurationError(
        f"the database URL {database_url.partition('@')[-1] or database_url!r} is not understood",
        hint="write duckdb:///DIRECTORY or postgresql://user@host/database",
    )
