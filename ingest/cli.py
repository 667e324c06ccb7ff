"""``vo-server ingest``: describe files, load them, and look after the releases of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingest.compare import compare
from ingest.database import adopted_words, database_option, opened, place, rows_words, store_if_any
from ingest.hats.command import export
from ingest.release_commands import drop, pin, releases, rollback, unpin
from ingest.statistics_commands import moc, stats
from ingest.verify import verify

if TYPE_CHECKING:
    from ingest.adopt import AdoptionSummary
    from ingest.load import LoadOptions
    from vo_server.load.summary import LoadSummary

__all__ = ["ingest"]


@click.group()
def ingest() -> None:
    """Publish files as tables."""


for _command in (export, releases, compare, pin, unpin, rollback, drop, verify, stats, moc):
    ingest.add_command(_command)


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
@database_option
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
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Files read at once; at most the cores."
)
@click.option("--dry-run", is_flag=True, help="Read, convert and check everything, and write nothing.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what came of each file to FILE.json or FILE.csv.",
)
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
    jobs: int,
    dry_run: bool,
    report: Path | None,
) -> None:
    """Publish FILE as a table: FITS, Parquet, VOTable, CSV or ECSV, plain or compressed.

    The new release replaces the old one at once and completely, or not at all. Several files make one table if they
    have the same columns. An extension or table inside a file is chosen as FILE[2] or FILE[NAME]. A load that was
    killed or failed goes on where it was when it is given again: files that were loaded already are skipped.
    """
    from ingest.job import LoadJob  # noqa: PLC0415 - as in describe

    options: LoadOptions = {
        "table": table,
        "schema_file": schema_file,
        "version": version,
        "on_error": on_error,
        "checks": checks,
        "is_full": full,
        "description": description,
        "n_jobs": jobs,
    }
    job = LoadJob(files, options, report=report)
    if not dry_run:
        with opened(database, to_load=True) as (engine, store):
            summary = job.load(engine, store)
        _tell(summary, database)
        return
    with store_if_any(database) as store:
        summary = job.check(store)
    _tell(summary, None)


@ingest.command()
@click.argument("relation", metavar="PGSCHEMA.PGTABLE")
@click.option("--table", required=True, metavar="SCHEMA.TABLE", help="What the table will be called.")
@click.option(
    "--schema-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Felis YAML that describes the table; wins over what the database says.",
)
@database_option
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
    with opened(database, to_load=True) as (engine, store):
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
@database_option
def sweep(database: str | None) -> None:
    """Remove what loads have left that did not come to their end, their staged rows included.

    Loads that run, published releases and dropped ones that queries still read are spared.
    """
    with opened(database) as (engine, store):
        gone = engine.sweep(store.catalogue.locations, with_staging=True)
    for name in gone:
        click.echo(f"removed {name}")
    click.echo(f"{len(gone)} leftover{'' if len(gone) == 1 else 's'} removed")


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
    is_stored = table.location is not None
    size = f"{summary.size_bytes} bytes, " if is_stored else ""
    click.echo(
        f"{table.full_name} {summary.release.version}: {summary.n_rows} rows, {len(table.visible_columns)} columns, "
        f"{nulls} NULLs, {summary.n_bad_rows} bad rows, {size}"
        f"{summary.seconds:.1f} s ({summary.rows_per_second:.0f} rows/s)"
    )
    if summary.positions is not None:
        click.echo(f"positions: {summary.positions}")
    checks = summary.release.checks
    if len(checks) > 1 or any(one.n_bad for one in checks):
        click.echo(f"checks: {', '.join(f'{one.name} {one.verdict}' for one in checks)}")
    if summary.release.changes is not None:
        click.echo(f"changes {summary.release.changes.words}")
    click.echo(f"stored in {place(database)}" if is_stored else "checked only: nothing was written")


def _tell_adoption(summary: AdoptionSummary, database: str | None) -> None:
    """Report an adoption: the result on standard output, what needs attention on standard error."""
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    table = summary.release.table
    click.echo(
        f"{table.full_name} {summary.release.version}: {adopted_words(table.location)}, {rows_words(table)}, "
        f"{len(table.visible_columns)} columns"
    )
    if summary.positions is not None:
        click.echo(f"positions: {summary.positions}")
    for words in summary.indexes:
        click.echo(f"spatial index: {words}")
    click.echo(f"published in {place(database)}")
