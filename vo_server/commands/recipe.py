"""``vo-server recipe``: list, show, run and judge stored selections, and make target lists of them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vo_server.commands.answer import told_of_emptiness, write_answer
from vo_server.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.factory import ProcessContext
    from vo_server.model.identity import Identity
    from vo_server.model.query import QueryResult
    from vo_server.model.recipe import Recipe

__all__ = ["recipe"]

_STAR_LIST: Final = "starlist"

_database = click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
_values = click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="Value of a parameter; may be given more than once."
)


@click.group()
def recipe() -> None:
    """Stored selections: what they select, how pure they are, and their rows."""


@recipe.command("list")
@click.option("--all", "is_all", is_flag=True, help="Also those whose tables are not published here.")
@_database
def list_recipes(*, is_all: bool, database: str | None) -> None:
    """List the recipes whose tables are published."""
    with _opened(database) as context:
        ready = {one.recipe.name for one in context.recipes.ready(_operator())}
        shown = [one for one in context.recipes.all if is_all or one.name in ready]
        if not shown:
            raise UsageError("no recipe can be run here", hint="`vo-server recipe list --all` lists all there are")
        width = max(len(one.name) for one in shown)
        for one in shown:
            mark = "" if one.name in ready else "  (its tables are not published here)"
            click.echo(f"{one.name:<{width}}  {one.title}{mark}")


@recipe.command()
@click.argument("name")
@_values
@_database
def show(name: str, *, values: tuple[str, ...], database: str | None) -> None:
    """Show what a recipe selects, its parameters, the published numbers, and its query."""
    with _opened(database) as context:
        found = context.recipes.get(name)
        click.echo(f"{found.name}: {found.title}\n\n{found.selects}")
        for words in found.quality_words:
            click.echo(f"\n{words}")
        for one in found.published:
            click.echo(f"\n{one.words}")
        if found.parameters:
            click.echo("\nParameters (--set NAME=VALUE):")
        for parameter in found.parameters:
            click.echo(f"  {parameter.name} = {parameter.default}: {parameter.description}; {parameter.expected}")
        if found.columns:
            click.echo("\nColumns:")
        for column, text in found.columns.items():
            click.echo(f"  {column}: {text}")
        click.echo(f"\nSource: {found.source}\n\n{found.query(_given(values))}")


@recipe.command()
@click.argument("name")
@_values
@click.option("--format", "format_name", default="csv", show_default=True, help="Any RESPONSEFORMAT, or starlist.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option("--maxrec", type=click.IntRange(min=0), help="Most rows to give; the service's default when not given.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=3600.0, help="Seconds.")
@click.option("--targets", "is_targets", is_flag=True, help="Make a target list for a night.")
@click.option("--site", help="Observatory, or longitude,latitude,height [deg, deg, m].")
@click.option("--night", metavar="YYYY-MM-DD", type=click.DateTime(["%Y-%m-%d"]), help="Local date of the evening.")
@click.option("--min-altitude", type=click.FloatRange(-90, 90), default=30.0, show_default=True, help="Degrees.")
@click.option(
    "--sun-altitude", type=click.FloatRange(-90, 90), default=-18.0, show_default=True, help="When it is dark."
)
@click.option("--most", "n_targets", type=click.IntRange(min=1), help="Most targets in the list.")
@_database
def run(
    name: str,
    *,
    values: tuple[str, ...],
    format_name: str,
    output: Path | None,
    maxrec: int | None,
    timeout_s: float,
    is_targets: bool,
    site: str | None,
    night: datetime | None,
    min_altitude: float,
    sun_altitude: float,
    n_targets: int | None,
    database: str | None,
) -> None:
    """Run a recipe and write its rows, or a target list of them for a site and a night."""
    from vo_server.formats.registry import find_format  # noqa: PLC0415 - late: see commands.query
    from vo_server.model.query import Query  # noqa: PLC0415
    from vo_server.services.targets import Observing  # noqa: PLC0415
    from vo_server.sky.sites import find_site  # noqa: PLC0415

    if is_targets and (site is None or night is None):
        raise UsageError("a target list is for a site and a night", hint="give --site and --night")
    if not is_targets and (site is not None or night is not None or format_name == _STAR_LIST):
        raise UsageError("a site, a night and star lists belong to target lists", hint="add --targets")
    if format_name != _STAR_LIST:
        find_format(format_name, parameter="--format")  # A wrong name is told before anything runs.
    with _opened(database) as context:
        found = context.recipes.get(name)
        if not is_targets:
            query = Query(found.query(_given(values)), maxrec=maxrec, response_format=format_name)
            with told_of_emptiness(context):
                result = context.queries.run(query, timeout_s=timeout_s, caller=_operator())
            write_answer(result, format_name, output)
            return
        assert site is not None
        assert night is not None
        observing = Observing(find_site(site), night.date(), sun_altitude, min_altitude, n_targets)
        with told_of_emptiness(context):
            result = context.targets.make(found, _given(values), observing, timeout_s=timeout_s, caller=_operator())
        _write_targets(result, format_name, output)


@recipe.command()
@click.argument("names", nargs=-1)
@_values
@_database
def judge(names: tuple[str, ...], *, values: tuple[str, ...], database: str | None) -> None:
    """Measure purity and completeness by the table of truth: of the named recipes, or of all that select a class."""
    with _opened(database) as context:
        chosen = [context.recipes.get(name) for name in names] or [
            one.recipe for one in context.recipes.ready(_operator()) if one.recipe.expected is not None
        ]
        if not chosen:
            raise UsageError("no recipe that selects a class can be run here")
        given = _given(values)
        click.echo("recipe  class  selected  purity (expected)  completeness (expected)")
        for one in chosen:
            click.echo(_judged(context, one, given))


def _judged(context: ProcessContext, one: Recipe, given: dict[str, str]) -> str:
    found = context.recipes.judge(one, given, caller=_operator())
    assert one.expected is not None
    return (
        f"{one.name}  {one.expected.class_name}  {found.n_selected}  "
        f"{_share(found.purity)} ({one.expected.purity:.3f})  "
        f"{_share(found.completeness)} ({one.expected.completeness:.3f})"
    )


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _write_targets(result: QueryResult, format_name: str, output: Path | None) -> None:
    from vo_server.formats.starlist import write_star_list  # noqa: PLC0415 - late, as above

    told = {note.name: note for note in result.notes}
    n_targets = result.n_rows
    result.n_rows = 0
    write_answer(result, format_name, output, write=write_star_list if format_name == _STAR_LIST else None)
    night = told["NIGHT"]
    click.echo(
        f"{n_targets} targets at {told['SITE'].value}, {night.value}, {night.text}; "
        f"{told['UP'].value} of {told['SELECTED'].value} selected objects are up",
        err=True,
    )


def _given(values: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for one in values:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is not a value of a parameter; expected NAME=VALUE")
        given[name.strip()] = value.strip()
    return given


def _operator() -> Identity:
    from vo_server.model.identity import OPERATOR  # noqa: PLC0415 - late, as above

    return OPERATOR


@contextmanager
def _opened(database: str | None) -> Iterator[ProcessContext]:
    from vo_server.factory import ProcessContext  # noqa: PLC0415 - late: the engine's libraries take a while
    from vo_server.settings import load_settings  # noqa: PLC0415

    with closing(ProcessContext.create(load_settings(database=database), make_store=False)) as context:
        yield context
