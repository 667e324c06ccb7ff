"""``vo-server ingest``: describe files, load them, and look after the releases of tables."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.adopt import AdoptionSummary
    from vo_server.engine.base import Engine
    from vo_server.load.release import LoadSummary
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["ingest", "place"]

_DUCKDB: Final = "duckdb:///"

_database = click.option(
    "--database",
    metavar="URL",
    help="duckdb:///DIR or postgresql://...; VO_DATABASE or duckdb:///vo-data when not given.",
)


@click.group()
def ingest() -> None:
    """Publish files as tables."""


@ingest.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--table", default="my_schema.my_table", metavar="SCHEMA.TABLE", help="What the table will be called.")
@click.option("--description", help="Description of the table.")
def describe(files: tuple[str, ...], table: str, description: str | None) -> None:
    """Print a draft description of FILE as Felis YAML.

    Names, types, units, UCDs, descriptions and null marks are those of the file as far as it has them; what is
    missing is told in comments on top. Several files are described as one table.
    """
    from ingest.describe import describe_files  # noqa: PLC0415 - as above
    from ingest.draft import to_yaml  # noqa: PLC0415 - Felis costs a second that other commands need not wait

    click.echo(to_yaml(describe_files(files, table=table, description=description)), nl=False)


@ingest.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--table", required=True, metavar="SCHEMA.TABLE", help="What the table will be called.")
@click.option(
    "--schema-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Felis YAML that describes the table; wins over what the files say.",
)
@_database
@click.option(
    "--on-error",
    type=click.Choice(["refuse", "keep", "skip"]),
    default="refuse",
    show_default=True,
    help="Rows with a wrong value: refuse the load, keep them with NULL instead of the value, or skip them.",
)
@click.option(
    "--checks",
    type=click.Choice(["described", "warn", "skip"]),
    default="described",
    show_default=True,
    help="Checks of the whole table: as the schema file says, warn only, or none.",
)
@click.option("--full", is_flag=True, help="The files are a complete release: its number of rows is checked as well.")
@click.option("--version", metavar="NAME", help="Name of the release; made from the time when not given.")
@click.option("--description", help="Description of the table.")
def load(
    files: tuple[str, ...],
    *,
    table: str,
    schema_file: str | None,
    database: str | None,
    on_error: str,
    checks: str,
    full: bool,
    version: str | None,
    description: str | None,
) -> None:
    """Publish FILE as a table: FITS, Parquet, VOTable, CSV or ECSV, plain or compressed.

    The new release replaces the old one at once and completely, or not at all. Several files make one table if they
    have the same columns. An extension or table inside a file is chosen as FILE[2] or FILE[NAME].
    """
    from ingest.load import load_table  # noqa: PLC0415 - as in describe
    from ingest.progress import terminal_progress  # noqa: PLC0415 - as in describe

    with _opened(database, to_load=True) as (engine, store), terminal_progress() as progress:
        summary = load_table(
            files,
            table=table,
            engine=engine,
            store=store,
            schema_file=schema_file,
            description=description,
            version=version,
            on_error=on_error,
            checks=checks,
            is_full=full,
            progress=progress,
        )
    _tell(summary, database)


@ingest.command()
@click.argument("relation", metavar="PGSCHEMA.PGTABLE")
@click.option("--table", required=True, metavar="SCHEMA.TABLE", help="What the table will be called.")
@click.option(
    "--schema-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Felis YAML that describes the table; wins over what the database says.",
)
@_database
@click.option("--version", metavar="NAME", help="Name of the release; made from the time when not given.")
@click.option("--description", help="Description of the table.")
@click.option("--without", multiple=True, metavar="COLUMN", help="Column to leave out; may be given more than once.")
def adopt(
    relation: str,
    *,
    table: str,
    schema_file: str | None,
    database: str | None,
    version: str | None,
    description: str | None,
    without: tuple[str, ...],
) -> None:
    """Publish a table or view of PostgreSQL in place: PGSCHEMA.PGTABLE is neither copied nor changed.

    Its columns, comments, key and indexes (Q3C, pgSphere) are taken as they are now; adopt it again when they change.
    """
    from ingest.adopt import adopt_table, check_database  # noqa: PLC0415 - as in describe
    from vo_server.settings import load_settings  # noqa: PLC0415 - as in describe

    settings = load_settings(database=database)
    check_database(settings.database)
    with _opened(database, to_load=True) as (engine, store):
        engine.check()
        summary = adopt_table(
            relation,
            table=table,
            database=settings.database,
            store=store,
            own_schemas=frozenset({settings.postgres.data_schema, settings.postgres.store_schema}),
            schema_file=schema_file,
            description=description,
            version=version,
            without=without,
        )
    _tell_adoption(summary, database)


@ingest.command()
@click.argument("table", required=False, metavar="[SCHEMA.TABLE]")
@_database
def releases(table: str | None, database: str | None) -> None:
    """List the releases of a table, or of all tables; a star marks the current one."""
    from vo_server.errors import MissingError  # noqa: PLC0415 - for symmetry with the commands above

    with _opened(database) as (_, store):
        names = [table] if table else _published(store)
        for name in names:
            found = store.catalogue.releases(name)
            if not found:
                raise MissingError(f"no table {name} is published", hint="`vo-server ingest releases` lists all")
            for release in found:
                mark = "*" if release.is_current else " "
                sources = _adopted_words(release.table.location) or ", ".join(source.name for source in release.sources)
                created = f"{release.created:%Y-%m-%d %H:%M:%S}"
                click.echo(f"{mark} {name}  {release.version}  {created}  {_n_rows(release.table)}  {sources}")


@ingest.command()
@click.argument("table", metavar="SCHEMA.TABLE")
@click.option("--version", metavar="NAME", help="Release to go back to; the one before the current one when not given.")
@_database
def rollback(table: str, version: str | None, database: str | None) -> None:
    """Make an earlier release of a table the current one again."""
    with _opened(database) as (_, store):
        chosen = version or _previous(store, table)
        store.catalogue.make_current(table, chosen)
    click.echo(f"{table}: release {chosen} is current")


@ingest.command()
@click.argument("table", metavar="SCHEMA.TABLE")
@click.option("--version", metavar="NAME", help="Drop only this release; the whole table when not given.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_database
def drop(table: str, version: str | None, yes: bool, database: str | None) -> None:
    """Remove a table, or one release of it, for good."""
    what = f"table {table} with all its releases" if version is None else f"release {version} of {table}"
    if not yes:
        click.confirm(f"Remove {what}?", abort=True)
    with _opened(database) as (engine, store):
        locations = store.catalogue.remove(table, version)
        for location in locations:
            engine.drop(location)
    click.echo(f"{what} was removed")
    for words in sorted({words for one in locations if (words := _adopted_words(one))}):
        click.echo(f"it was {words}, which stays as it is")


@contextmanager
def _opened(database: str | None, *, to_load: bool = False) -> Iterator[tuple[Engine, Store]]:
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
            memory_bytes=settings.duckdb.memory_bytes,
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


def _adopted_words(location: str | None) -> str | None:
    """Say which table of the database is published in place; None for what was loaded."""
    from vo_server.engine.postgres.place import is_adopted, relation_of  # noqa: PLC0415 - as in _opened

    return f"adopted from {relation_of(location)}" if location is not None and is_adopted(location) else None


def _n_rows(table: Table) -> str:
    """Say how many rows a release has; a table in place is not counted."""
    if _adopted_words(table.location) is None:
        return f"{table.n_rows} rows"
    return "rows not counted" if table.n_rows is None else f"about {table.n_rows} rows"


def _published(store: Store) -> list[str]:
    return [table.full_name for table in store.catalogue.load_all().tables if table.location is not None]


def _previous(store: Store, table: str) -> str:
    from vo_server.errors import MissingError  # noqa: PLC0415 - as in releases

    found = store.catalogue.releases(table)
    current = next((index for index, release in enumerate(found) if release.is_current), None)
    if current is None:
        raise MissingError(f"no table {table} is published")
    if current + 1 >= len(found):
        raise MissingError(f"table {table} has no release before {found[current].version}")
    return found[current + 1].version


def _tell(summary: LoadSummary, database: str | None) -> None:
    """Report a load: the result on standard output, what needs attention on standard error."""
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    if summary.n_bad_rows:
        shown = f"; the first {len(summary.bad_rows)}" if summary.n_bad_rows > len(summary.bad_rows) else ""
        click.echo(f"{summary.n_bad_rows} bad row{'s' if summary.n_bad_rows > 1 else ''}{shown}:", err=True)
        for row in summary.bad_rows:
            click.echo(f"  {row}", err=True)
    table = summary.release.table
    nulls = sum(count for name, count in summary.null_counts.items() if not table.by_name[name].is_hidden)
    click.echo(
        f"{table.full_name} {summary.release.version}: {summary.n_rows} rows, {len(table.visible_columns)} columns, "
        f"{nulls} NULLs, {summary.n_bad_rows} bad rows, {summary.size_bytes} bytes, "
        f"{summary.seconds:.1f} s ({summary.rows_per_second:.0f} rows/s)"
    )
    if summary.positions is not None:
        click.echo(f"positions: {summary.positions}")
    checks = summary.release.checks
    if len(checks) > 1 or any(one.n_bad for one in checks):
        click.echo(f"checks: {', '.join(f'{one.name} {one.verdict}' for one in checks)}")
    click.echo(f"stored in {place(database)}")


def _tell_adoption(summary: AdoptionSummary, database: str | None) -> None:
    """Report an adoption: the result on standard output, what needs attention on standard error."""
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    table = summary.release.table
    click.echo(
        f"{table.full_name} {summary.release.version}: {_adopted_words(table.location)}, {_n_rows(table)}, "
        f"{len(table.visible_columns)} columns"
    )
    if summary.positions is not None:
        click.echo(f"positions: {summary.positions}")
    for words in summary.indexes:
        click.echo(f"spatial index: {words}")
    click.echo(f"published in {place(database)}")


def place(database: str | None) -> str:
    """Say where a database is: the absolute directory, or the address without its password."""
    from vo_server.settings import load_settings  # noqa: PLC0415 - as above

    url = load_settings(database=database).database
    if url.startswith(_DUCKDB):
        return str(Path(url.removeprefix(_DUCKDB)).expanduser().absolute())
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query="").geturl()
