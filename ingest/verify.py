"""``vo-server ingest verify``: hold whole catalogues against the numbers that their documents print."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingest.database import database_option, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.expected import Expected
    from vo_server.engine.base import Engine
    from vo_server.model.table import Catalogue

__all__ = ["Finding", "Outcome", "verify", "verify_catalogue"]

_TIMEOUT_S: Final = 24 * 3600.0
"""A count over billions of rows may take its time."""


class Outcome(StrEnum):
    """How a number came out."""

    MET = "ok"
    MISSED = "WRONG"
    SKIPPED = "not published"
    """Not all of its tables are there."""


@dataclass(frozen=True)
class Finding:
    """What was found for one number."""

    name: str
    """With the catalogue before it."""
    what: str
    expected: float
    found: float | None
    outcome: Outcome


@click.command()
@click.argument("tables", nargs=-1, metavar="[SCHEMA.TABLE]...")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Numbers in place of those that come with the server; may be given more than once.",
)
@database_option
def verify(tables: tuple[str, ...], files: tuple[Path, ...], database: str | None) -> None:
    """Count in whole catalogues what their documents print, and compare.

    Without a table, all numbers are looked at whose tables are published. The numbers are those of complete releases:
    a part of a catalogue misses them. The status is 1 when one is missed.
    """
    from vo_server.errors import MissingError  # noqa: PLC0415 - as in opened
    from vo_server.resources import expected_files  # noqa: PLC0415 - as above

    chosen = files or tuple(sorted(expected_files().glob("*.yaml")))
    with opened(database) as (engine, store):
        catalogue = store.catalogue.load_all()
        findings = list(verify_catalogue(chosen, tables, engine=engine, catalogue=catalogue))
    if tables and not findings:
        raise MissingError(
            f"no numbers are known of {', '.join(tables)}",
            hint=f"there are those of {', '.join(path.stem for path in chosen)}; --file gives others",
        )
    _print(findings)
    n_missed = sum(one.outcome is Outcome.MISSED for one in findings)
    n_met = sum(one.outcome is Outcome.MET for one in findings)
    click.echo(f"{n_met} ok, {n_missed} wrong, {len(findings) - n_met - n_missed} of tables that are not published")
    if n_missed:
        raise SystemExit(1)


def verify_catalogue(
    files: Sequence[Path], tables: Sequence[str], *, engine: Engine, catalogue: Catalogue
) -> Iterator[Finding]:
    """Look at the numbers of some files.

    Parameters
    ----------
    files
        As :func:`ingest.expected.read_expected` reads them.
    tables
        Full names; only numbers that need one of them are looked at. All when empty.
    engine, catalogue
        What is published.

    Raises
    ------
    SchemaFileError
        If a file breaks the rules.
    AdqlError
        If a query is not right.
    """
    from ingest.expected import read_expected  # noqa: PLC0415 - pydantic, which `--help` need not wait for

    known = {table.full_name for table in catalogue.tables if table.location is not None}
    for path in files:
        for one in read_expected(path).expected:
            if tables and not set(tables) & set(one.needs):
                continue
            is_there = known.issuperset(one.needs)
            found = _found(one, engine, catalogue) if is_there else None
            outcome = Outcome.SKIPPED
            if is_there:
                outcome = Outcome.MET if one.is_met_by(found) else Outcome.MISSED
            yield Finding(f"{path.stem}.{one.name}", one.what, one.value, found, outcome)


def _found(one: Expected, engine: Engine, catalogue: Catalogue) -> float | None:
    from vo_server.adql.front import compile_query  # noqa: PLC0415 - as above

    if one.columns_of is not None:
        (table,) = (table for table in catalogue.tables if table.full_name == one.columns_of)
        return float(len(table.visible_columns))
    assert one.adql is not None
    with closing(engine.run(compile_query(one.adql, catalogue), limit=2, timeout_s=_TIMEOUT_S)) as running:
        rows = [tuple(row.values()) for batch in running for row in batch.to_pylist()]
    ((value,),) = rows
    return None if value is None else float(value)


def _print(findings: Sequence[Finding]) -> None:
    rows = [("number", "expected", "found", "verdict", "what")]
    rows.extend((one.name, _told(one.expected), _told(one.found), str(one.outcome), one.what) for one in findings)
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for name, expected, found, outcome, what in rows:
        numbers = f"{expected:>{widths[1]}}  {found:>{widths[2]}}"
        click.echo(f"{name:<{widths[0]}}  {numbers}  {outcome:<{widths[3]}}  {what}")


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.15g}"
