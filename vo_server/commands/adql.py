"""``vo-server adql``: check queries and show their SQL."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from vo_server.errors import AdqlError, VoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.errors import Problem
    from vo_server.model.table import Catalogue, Table

__all__ = ["adql"]

_DATABASE = click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
_LANG = click.option(
    "--lang", type=click.Choice(["ADQL", "ADQL-2.0", "ADQL-2.1"]), default="ADQL", help="Version of the language."
)


@click.group()
def adql() -> None:
    """Check queries, and show what becomes of them."""


@adql.command()
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@click.option("--strict", is_flag=True, help="Refuse what the standard does not have.")
@click.option("--no-catalogue", is_flag=True, help="Take tables, columns and functions that are unknown as given.")
@click.option("--jsonl", is_flag=True, help='Read one JSON object with a key "adql" per line, write one per line.')
@_LANG
@_DATABASE
def check(
    file: Iterable[str], *, strict: bool, no_catalogue: bool, jsonl: bool, lang: str, database: str | None
) -> int:
    """Parse and resolve the query in FILE (- for standard input) and tell what is wrong with it.

    The exit status is 0 when all queries are valid and 2 when one is not.
    """
    compile_one = _compiler(strict=strict, no_catalogue=no_catalogue, lang=lang, database=database)
    if jsonl:
        return _check_lines(file, compile_one)
    text = "".join(file)
    try:
        resolved = compile_one(text)
    except AdqlError as error:
        for problem in error.problems:
            _print_problem(text, "error", problem)
        return 2
    for note in resolved.notes:
        _print_problem(text, "note", note)
    click.echo("valid")
    return 0


@adql.command()
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@click.option("--engine", type=click.Choice(["duckdb", "postgres"]), help="Whose SQL to write; that of the database.")
@_DATABASE
def translate(file: Iterable[str], *, engine: str | None, database: str | None) -> None:
    """Show the SQL of the query in FILE (- for standard input).

    Tables appear under their published names; a running server reads releases instead.
    """
    from vo_server.adql.front import compile_query  # noqa: PLC0415 - late: it is not needed for --help
    from vo_server.settings import load_settings  # noqa: PLC0415 - late: pydantic takes a while

    if (engine or load_settings(database=database).database.partition(":")[0]) == "duckdb":
        from vo_server.engine.duckdb.sql import generate  # noqa: PLC0415 - late: one engine only
    else:
        from vo_server.engine.postgres.sql import generate  # noqa: PLC0415 - late: one engine only
    resolved = compile_query("".join(file), _load_catalogue(database))
    click.echo(generate(resolved, limit=None, relation=_published_name))


@adql.command("format")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
def format_(file: Iterable[str]) -> None:
    """Write the query in FILE (- for standard input) in its canonical layout.

    Keywords are in upper case, each clause has a line; names, parentheses and comments stay.
    """
    from vo_server.adql.format import format_query  # noqa: PLC0415 - late: it is not needed for --help

    click.echo(format_query("".join(file)))


def _published_name(table: Table) -> str:
    from vo_server.model.table import quoted  # noqa: PLC0415 - late, see above

    return f"{quoted(table.schema)}.{quoted(table.name)}"


def _compiler(*, strict: bool, no_catalogue: bool, lang: str, database: str | None) -> Callable[[str], ResolvedQuery]:
    """Return the function that compiles one query."""
    from vo_server.adql.front import check_open, compile_query  # noqa: PLC0415 - late: it is not needed for --help
    from vo_server.model.query import Lang  # noqa: PLC0415 - late, see above

    version = Lang(lang)
    if no_catalogue:
        return lambda text: check_open(text, lang=version, strict=strict)
    catalogue = _load_catalogue(database)
    return lambda text: compile_query(text, catalogue, lang=version, strict=strict)


def _load_catalogue(database: str | None) -> Catalogue:
    from contextlib import closing  # noqa: PLC0415 - late, as what follows

    from vo_server.settings import load_settings  # noqa: PLC0415 - late: pydantic takes a while
    from vo_server.store.open import open_store  # noqa: PLC0415 - late: so does sqlalchemy

    settings = load_settings(database=database)
    store: AbstractContextManager[Any] = closing(
        open_store(settings.database, store_schema=settings.postgres.store_schema)
    )
    with store as opened:
        catalogue: Catalogue = opened.catalogue.load()
    return catalogue


# ------------------------------------------------------------------------------------------------------ output


def _check_lines(lines: Iterable[str], compile_one: Callable[[str], ResolvedQuery]) -> int:
    """Check one query per line; an answer goes out before the next line is read."""
    all_valid = True
    for verdict in _verdicts(lines, compile_one):
        click.echo(json.dumps(verdict))
        sys.stdout.flush()
        all_valid &= verdict["ok"]
    return 0 if all_valid else 2


def _verdicts(lines: Iterable[str], compile_one: Callable[[str], ResolvedQuery]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not line.strip():
            continue
        start = perf_counter()
        verdict = _verdict(line, compile_one)
        verdict["ms"] = round((perf_counter() - start) * 1000, 3)
        yield verdict


def _verdict(line: str, compile_one: Callable[[str], ResolvedQuery]) -> dict[str, Any]:
    """Return what to say about one line of JSON."""
    try:
        given = json.loads(line)
        text = given["adql"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _failed('not a JSON object with a key "adql"')
    if not isinstance(text, str):
        return _failed('the value of "adql" is not a string')
    try:
        resolved = compile_one(text)
    except AdqlError as error:
        first = error.problems[0]
        return _failed(str(error), first.span.line, first.span.column)
    except VoError as error:
        return _failed(str(error))
    verdict: dict[str, Any] = {"ok": True, "error": None, "line": None, "column": None}
    if resolved.notes:
        verdict["notes"] = [str(note) for note in resolved.notes]
    return verdict


def _failed(message: str, line: int | None = None, column: int | None = None) -> dict[str, Any]:
    return {"ok": False, "error": message, "line": line, "column": column}


def _print_problem(text: str, what: str, problem: Problem) -> None:
    """Print a problem below the line it is in, as compilers do."""
    from vo_server.adql.excerpt import excerpt  # noqa: PLC0415 - late: it is not needed for --help

    click.echo(f"{what}: line {problem.span.line}, column {problem.span.column}: {problem.message}")
    for line in excerpt(text, problem.span).splitlines():
        click.echo(f"  {line}")
    if problem.hint is not None:
        click.echo(f"  hint: {problem.hint}")
