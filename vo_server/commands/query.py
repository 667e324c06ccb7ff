"""``vo-server query``: run a query on the local database, without HTTP."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vo_server.commands.answer import told_of_emptiness, write_answer
from vo_server.errors import UsageError

if TYPE_CHECKING:
    from vo_server.model.estimate import Estimate

__all__ = ["query"]


@click.command()
@click.argument("adql")
@click.option("--format", "format_name", default="csv", show_default=True, help="Any value of RESPONSEFORMAT.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; standard output when not given.",
)
@click.option("--maxrec", type=click.IntRange(min=0), help="Most rows to give; the service's default when not given.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=3600.0, help="Seconds.")
@click.option("--explain", is_flag=True, help="Tell what it would cost, and do not run it.")
@click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
def query(
    adql: str,
    format_name: str,
    output: Path | None,
    maxrec: int | None,
    timeout_s: float,
    explain: bool,
    database: str | None,
) -> None:
    """Run ADQL (or the file @PATH, or - for standard input) and write the rows."""
    from vo_server.factory import ProcessContext  # noqa: PLC0415 - late: the engine's libraries take a while
    from vo_server.formats.registry import find_format  # noqa: PLC0415
    from vo_server.model.identity import OPERATOR  # noqa: PLC0415
    from vo_server.model.query import Query  # noqa: PLC0415
    from vo_server.settings import load_settings  # noqa: PLC0415

    find_format(format_name, parameter="--format")  # A wrong name is told before anything runs.
    asked = Query(adql=_read(adql), maxrec=maxrec, response_format=format_name)
    with closing(ProcessContext.create(load_settings(database=database), make_store=False)) as context:
        with told_of_emptiness(context):
            if explain:
                _explain(context.queries.estimate(asked, timeout_s=timeout_s, caller=OPERATOR), format_name)
                return
            result = context.queries.run(asked, timeout_s=timeout_s, caller=OPERATOR)
        write_answer(result, format_name, output)


def _explain(estimate: Estimate, format_name: str) -> None:
    from vo_server.formats.estimate import as_json, as_text  # noqa: PLC0415 - late, as above

    click.echo((as_json if format_name == "json" else as_text)(estimate), nl=False)


def _read(adql: str) -> str:
    if adql == "-":
        return sys.stdin.read()
    if not adql.startswith("@"):
        return adql
    try:
        return Path(adql[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the query file {adql[1:]} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the query file {adql[1:]} is not text in UTF-8") from error
