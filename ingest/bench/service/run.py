"""One run: make the table, start the server, measure group after group, take everything away again."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.sql import SQL, Identifier

from ingest.bench.service.bench import Bench
from ingest.bench.service.jobs import measure_jobs
from ingest.bench.service.raw import RawDuckdb, RawPostgres
from ingest.bench.service.requests import measure_clients, measure_cones, measure_overhead, measure_selections
from ingest.bench.service.server import serving
from ingest.bench.service.streams import measure_formats, measure_memory
from ingest.bench.service.table import publish
from ingest.bench.service.uploads import measure_uploads
from vo_server.engine.open import open_engine
from vo_server.store.open import directory_of, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ingest.bench.service.raw import RawDatabase
    from ingest.bench.service.result import Measured
    from vo_server.model.table import Table

__all__ = ["DATA_SCHEMA", "GROUPS", "STORE_SCHEMA", "drop_schemas", "prepared"]

DATA_SCHEMA: Final = "vo_bench_data"
STORE_SCHEMA: Final = "vo_bench_store"
"""Database schemas on PostgreSQL; both go when the run ends."""

GROUPS: Final[Mapping[str, Callable[[Bench], Iterator[Measured]]]] = {
    "overhead": measure_overhead,
    "cones": measure_cones,
    "clients": measure_clients,
    "selections": measure_selections,
    "uploads": measure_uploads,
    "jobs": measure_jobs,
    "formats": measure_formats,
    "memory": measure_memory,
}
"""What can be measured, in this order."""

_NO_TIMEOUT_S: Final = 3600
_MOST_JOBS: Final = 1_000_000


@contextmanager
def prepared(database_url: str, *, n_rows: int, repeat: int, load_s: float) -> Iterator[Bench]:
    """Make everything that a run needs.

    Parameters
    ----------
    database_url
        ``duckdb:///DIR``, where the table stays for the next run, or ``postgresql://...``, where it goes.
    n_rows
        Rows of the table.
    repeat
        How often each quantity is measured.
    load_s
        How long many clients ask, each time [s].

    Raises
    ------
    VoError
        If the database cannot be used or the server does not start.
    """
    with ExitStack() as stack:
        is_embedded = directory_of(database_url) is not None
        if not is_embedded:
            stack.callback(drop_schemas, database_url)
        store = stack.enter_context(closing(open_store(database_url, store_schema=STORE_SCHEMA)))
        engine = stack.enter_context(closing(open_engine(database_url, data_schema=DATA_SCHEMA)))
        table = publish(n_rows, engine=engine, store=store)
        raw = stack.enter_context(closing(_raw(database_url, table)))
        server = stack.enter_context(serving(database_url, _settings(n_rows)))
        yield Bench(server, raw, engine, table, n_rows, repeat, load_s)


def _settings(n_rows: int) -> dict[str, str]:
    """Return what differs from the server's defaults: limits that the whole table would meet."""
    return {
        "VO_TAP__HARD_MAXREC": str(max(n_rows, 1)),
        "VO_TAP__SYNC_TIMEOUT_S": str(_NO_TIMEOUT_S),
        "VO_ANONYMOUS__KEPT_JOBS": str(_MOST_JOBS),
        "VO_POSTGRES__DATA_SCHEMA": DATA_SCHEMA,
        "VO_POSTGRES__STORE_SCHEMA": STORE_SCHEMA,
    }


def _raw(database_url: str, table: Table) -> RawDatabase:
    directory = directory_of(database_url)
    return RawPostgres(database_url, table) if directory is None else RawDuckdb(Path(directory), table)


def drop_schemas(dsn: str) -> None:
    """Remove the schemas of a run on PostgreSQL with all that is in them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in (DATA_SCHEMA, STORE_SCHEMA):
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name)))
