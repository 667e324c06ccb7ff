"""``vo-server bench``: measure parts of the house on this machine."""

from __future__ import annotations

from typing import TextIO

import click

__all__ = ["bench"]


@click.group()
def bench() -> None:
    """Measure how fast parts of the house are on this machine."""


@bench.command()
@click.option("--repeat", default=20, show_default=True, type=click.IntRange(min=1), help="Times each query is run.")
@click.option("--file", type=click.File(encoding="utf-8"), help="Other queries of the same tables, one per line.")
def adql(repeat: int, file: TextIO | None) -> None:
    """Measure parsing, resolving and writing SQL against a table of 1 300 columns."""
    from ingest.bench.adql import measure, query_lines  # noqa: PLC0415 - late: the engines take a while to import

    lines = query_lines() if file is None else query_lines("".join(file))
    click.echo(f"{len(lines)} queries, {repeat} times each [ms]")
    click.echo(f"{'stage':<20}{'median':>10}{'p99':>10}{'worst':>10}")
    for row in measure(lines, repeat=repeat):
        click.echo(f"{row.stage:<20}{row.median_ms:>10.3f}{row.p99_ms:>10.3f}{row.worst_ms:>10.3f}")
