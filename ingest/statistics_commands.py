"""``vo-server ingest stats`` and ``moc``: what was counted of the rows of a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingest.database import database_option, opened
from vo_server.errors import MissingError, UsageError
from vo_server.model.released import AT

if TYPE_CHECKING:
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["moc", "stats"]

_WIDE: Final = 200
"""Characters of a line that no terminal bounds."""

_KINDS: Final = {".fits": "fits", ".json": "json", ".txt": "text"}
"""Formats of coverages by the ends of names of files."""


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE[@RELEASE]")
@database_option
def stats(table: str, database: str | None) -> None:
    """Show what was counted of the rows of a table when it was loaded."""
    from rich.console import Console  # noqa: PLC0415 - only this command pays for it

    from ingest.shown import heading, statistics_grid  # noqa: PLC0415 - as above

    with opened(database) as (_, store):
        published = _published(store, table)
        found = store.statistics.of_table(published)
    for line in heading(published, found):
        click.echo(line)
    Console(width=None if sys.stdout.isatty() else _WIDE).print(statistics_grid(found))


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE[@RELEASE]")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="File to write; standard output when not given.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["fits", "json", "text"]),
    help=f"Told by the end of the file's name ({', '.join(_KINDS)}) when not given; fits for standard output.",
)
@database_option
def moc(table: str, output: str | None, kind: str | None, database: str | None) -> None:
    """Write the coverage of a table as a MOC."""
    from vo_server.sky.moc import MOC_WRITERS  # noqa: PLC0415 - as above

    wanted = kind or _kind_of(output)
    with opened(database) as (_, store):
        counts = store.statistics.sky(_published(store, table))
    content = MOC_WRITERS[wanted](counts)
    with click.open_file(output or "-", "wb") as file:
        file.write(content)


def _kind_of(output: str | None) -> str:
    """Return the format that the name of a file says."""
    if output in {None, "-"}:
        return "fits"
    found = _KINDS.get(Path(str(output)).suffix.lower())
    if found is None:
        raise UsageError(
            f"the name {output} does not say which format is wanted; expected one that ends with {', '.join(_KINDS)}",
            hint=f"or choose --format {'|'.join(_KINDS.values())}",
        )
    return found


def _published(store: Store, name: str) -> Table:
    """Return a table as a release of it was loaded: the named one, or the current one."""
    full_name, _, version = name.partition(AT)
    found = store.catalogue.releases(full_name)
    if not found:
        raise MissingError(f"no table {full_name} is published", hint="`vo-server ingest releases` lists all")
    chosen = next((one for one in found if one.version == version or (not version and one.is_current)), None)
    if chosen is None:
        known = ", ".join(one.version for one in found)
        raise MissingError(f"table {full_name} has no release {version}", hint=f"its releases are {known}")
    return chosen.table
