"""``vo-server ingest compare``: what differs between two releases of a table."""

from __future__ import annotations

import math
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ingest.database import adopted_words, database_option, opened
from vo_server.errors import MissingError, UsageError

if TYPE_CHECKING:
    from vo_server.engine.base import Engine
    from vo_server.engine.compare import Kind, Pair
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["compare"]


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE")
@click.argument("old")
@click.argument("new")
@click.option("--key", metavar="COLUMN[,...]", help="Columns that tell rows apart; the key of the table if not given.")
@click.option(
    "--rows",
    "kind",
    type=click.Choice(["added", "removed", "changed", "reclassified"]),
    help="List the keys of these rows instead of counting.",
)
@click.option("--format", "format_name", default="csv", show_default=True, help="Of that list: any RESPONSEFORMAT.")
@database_option
def compare(
    table: str, old: str, new: str, *, key: str | None, kind: str | None, format_name: str, database: str | None
) -> None:
    """Tell what release NEW of a table has that release OLD had not.

    Rows are told apart by the primary key of the table, or its main identifier. Counted are rows that were added,
    removed and changed in a column that both releases have, and how many went from which class to which.
    """
    from vo_server.engine.compare import Kind  # noqa: PLC0415 - late, as the engine
    from vo_server.load.changes import pair_of  # noqa: PLC0415 - as above

    with opened(database) as (engine, store):
        tables = [_release(store, table, version) for version in (old, new)]
        pair = pair_of(engine, *tables, key=tuple(key.split(",")) if key else ())
        if kind is None:
            _count(engine, pair)
        else:
            _list(engine, pair, Kind(kind), format_name)


def _release(store: Store, full_name: str, version: str) -> Table:
    """Return the description of a release that has rows of its own."""
    known = {one.version: one.table for one in store.catalogue.releases(full_name)}
    if version not in known:
        hint = f"its releases are {', '.join(known)}" if known else "`vo-server ingest releases` lists all"
        raise MissingError(
            f"table {full_name} has no release {version}" if known else f"no table {full_name} is published", hint=hint
        )
    table = known[version]
    adopted = adopted_words(table.location)
    if adopted is not None:
        raise UsageError(
            f"release {version} of {full_name} cannot be compared: it is {adopted}",
            hint="what was published in place has no releases of its rows, only of its description",
        )
    return table


def _count(engine: Engine, pair: Pair) -> None:
    from vo_server.engine.compare import Transitions  # noqa: PLC0415 - as in compare
    from vo_server.load.changes import changes_of  # noqa: PLC0415 - as above

    changes = changes_of(engine, pair)
    sides = [f"{one.release} ({one.n_rows} rows)" for one in pair.tables]
    click.echo(f"{pair.new.full_name}: {sides[0]} -> {sides[1]}")
    click.echo(f"rows told apart by {', '.join(pair.key)}")
    for name, count in (("added", changes.n_added), ("removed", changes.n_removed), ("changed", changes.n_changed)):
        click.echo(f"{name:<10}{count:>14}")
    if changes.n_reclassified is not None:
        click.echo(f"{'other class':<11}{changes.n_reclassified:>13}")
    for words, columns in (("new columns", changes.new_columns), ("columns gone", changes.lost_columns)):
        if columns:
            click.echo(f"{words}: {', '.join(columns)}")
    for column in pair.classes:
        with closing(engine.ask(Transitions(pair, column), timeout_s=math.inf)) as answer:
            rows = [row for batch in answer for row in batch.to_pylist()]
        click.echo("\n" + _matrix(column, [(_shown(row["old"]), _shown(row["new"]), row["n_rows"]) for row in rows]))


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value


def _matrix(column: str, transitions: list[tuple[str, str, int]]) -> str:
    """Write numbers of rows by old class (a line each) and new class (a column each)."""
    counts = {(before, after): number for before, after, number in transitions}
    classes = sorted({name for pair in counts for name in pair})
    head = [f"{column}: old \\ new", *classes]
    lines = [[before, *(str(counts.get((before, after), 0)) for after in classes)] for before in classes]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    written = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in [head, *lines]
    ]
    return "\n".join("  ".join(cells) for cells in written)


def _list(engine: Engine, pair: Pair, kind: Kind, format_name: str) -> None:
    """Write the keys of rows of one kind to standard output."""
    from vo_server.engine.compare import ChangedRows  # noqa: PLC0415 - as in compare
    from vo_server.formats.registry import find_format  # noqa: PLC0415 - as above
    from vo_server.model.query import QueryResult  # noqa: PLC0415 - as above

    chosen = find_format(format_name)
    wanted = ChangedRows(pair, kind)
    answer = engine.ask(wanted, timeout_s=math.inf)
    result = QueryResult(wanted.columns, answer, maxrec=sys.maxsize, on_close=answer.close)
    with closing(result):
        result.prefetch()
        sys.stdout.buffer.writelines(chosen.writer.write(result))
