"""The database that commands of ``vo-server ingest`` work on: its option, its opening, and what is said of it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.engine.base import Engine
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["adopted_words", "database_option", "opened", "place", "rows_words", "store_if_any"]

_DUCKDB: Final = "duckdb:///"

database_option = click.option(
    "--database",
    metavar="URL",
    help="duckdb:///DIR or postgresql://...; VO_DATABASE or duckdb:///vo-data when not given.",
)


_LOAD_BYTES: Final = 128 * 1024**2
"""What the queries of a load (keys, checks, checksum, changes) may use of memory: they spill beyond, and no blocks that
were read are kept. Texts of 60 000 000 rows are too many for it; then they may have what the settings allow."""


@contextmanager
def opened(database: str | None, *, to_load: bool = False) -> Iterator[tuple[Engine, Store]]:
    """Open engine and store of a database; only who loads something makes them where there are none."""
    from vo_server.engine.open import open_engine  # noqa: PLC0415 - a second that `--help` need not wait
    from vo_server.settings import load_settings  # noqa: PLC0415 - as above
    from vo_server.store.open import open_store  # noqa: PLC0415 - as above

    settings = load_settings(database=database)
    store = open_store(settings.database, store_schema=settings.postgres.store_schema, create=to_load)
    try:
        if to_load:
            store.database.require_writable()
        engine = open_engine(
            settings.database,
            memory_bytes=min(settings.duckdb.memory_bytes, _LOAD_BYTES) if to_load else settings.duckdb.memory_bytes,
            reserve_bytes=settings.duckdb.memory_bytes,
            threads=settings.duckdb.threads,
            max_attached=settings.duckdb.max_attached,
            pool_size=settings.postgres.pool_size,
            data_schema=settings.postgres.data_schema,
        )
        try:
            yield engine, store
        finally:
            engine.close()
    finally:
        store.close()


@contextmanager
def store_if_any(database: str | None) -> Iterator[Store | None]:
    """Open the store of a database, which is looked at only; None when there is none."""
    from vo_server.settings import load_settings  # noqa: PLC0415 - as in opened
    from vo_server.store.open import has_store, open_store  # noqa: PLC0415 - as in opened

    settings = load_settings(database=database)
    if not has_store(settings.database, store_schema=settings.postgres.store_schema):
        yield None
        return
    store = open_store(settings.database, store_schema=settings.postgres.store_schema, create=False)
    try:
        yield store
    finally:
        store.close()


def adopted_words(location: str | None) -> str | None:
    """Say which table of the database is published in place; None for what was loaded."""
    from vo_server.engine.postgres.place import is_adopted, relation_of  # noqa: PLC0415 - as in opened

    return f"adopted from {relation_of(location)}" if location is not None and is_adopted(location) else None


def rows_words(table: Table) -> str:
    """Say how many rows a release has; a table in place is not counted."""
    if adopted_words(table.location) is None:
        return f"{table.n_rows} rows"
    return "rows not counted" if table.n_rows is None else f"about {table.n_rows} rows"


def place(database: str | None) -> str:
    """Say where a database is: the absolute directory, or the address without its password."""
    from vo_server.settings import load_settings  # noqa: PLC0415 - as above

    url = load_settings(database=database).database
    if url.startswith(_DUCKDB):
        return str(Path(url.removeprefix(_DUCKDB)).expanduser().absolute())
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query="").geturl()
