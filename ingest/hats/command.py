"""``vo-server ingest export``: write a table in a form that others read."""

from __future__ import annotations

from pathlib import Path

import click

from ingest.database import database_option, opened

__all__ = ["export"]


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE[@RELEASE]")
@click.option("--hats", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to make.")
@database_option
@click.option(
    "--rows-per-pixel",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Most rows of a partition; denser parts of the sky are cut into smaller pixels.",
)
@click.option(
    "--without-position",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="Rows without a position, for which HATS has no place: refuse the export, or leave them out.",
)
def export(table: str, *, hats: Path, database: str | None, rows_per_pixel: int, without_position: str) -> None:
    """Write a table as a HATS catalogue, which LSDB, astropy and Spark read: Parquet files by HEALPix pixel."""
    from ingest.hats.export import export_hats  # noqa: PLC0415 - a second that `--help` need not wait
    from ingest.hats.release import find_release  # noqa: PLC0415 - as above
    from ingest.progress import terminal_progress  # noqa: PLC0415 - as above

    with opened(database) as (engine, store), terminal_progress() as progress:
        summary = export_hats(
            find_release(store, table),
            hats,
            engine=engine,
            rows_per_pixel=rows_per_pixel,
            skip_unplaced=without_position == "skip",
            progress=progress,
        )
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    if summary.n_skipped:
        click.echo(f"{summary.n_skipped} rows without a position were left out", err=True)
    orders = sorted({pixel.order for pixel in summary.pixels})
    n_parts = len(summary.pixels)
    click.echo(
        f"{summary.folder}: {summary.n_rows} row{'' if summary.n_rows == 1 else 's'} in {n_parts} "
        f"partition{'' if n_parts == 1 else 's'} of "
        f"order{'s' if len(orders) > 1 else ''} {', '.join(map(str, orders))}, {summary.size_bytes} bytes"
    )
