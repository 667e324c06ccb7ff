"""``vo-server bench``: measure parts of the house on this machine."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from vo_server.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.bench.service.report import Report

__all__ = ["bench"]


_GROUPS: Final = ("overhead", "cones", "clients", "selections", "uploads", "jobs", "formats", "memory")
"""Keys of :data:`ingest.bench.service.run.GROUPS`, which takes a while to import; a test compares them."""
_DEFAULT_GROUPS: Final = _GROUPS[:-1]


_engine_option = click.option(
    "--engine",
    type=click.Choice(["duckdb", "postgres", "both"]),
    default="duckdb",
    show_default=True,
    help="Which database to measure.",
)


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


@bench.command()
@_engine_option
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(min=1), help="Rows of the table.")
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(min=1), help="Times each is measured.")
@click.option("--seconds", default=3.0, show_default=True, help="How long many clients ask, each time.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(_GROUPS),
    help="Measure this alone; may be repeated. All but memory when not given, which formats measures too.",
)
@click.option(
    "--postgres",
    envvar="VO_TEST_POSTGRES",
    help="URL of a PostgreSQL with Q3C, for schemas of its own that go at the end; VO_TEST_POSTGRES when not given.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the embedded table, kept for the next run; a temporary one when not given.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="File to write everything to."
)
def service(
    engine: str,
    rows: int,
    repeat: int,
    seconds: float,
    only: tuple[str, ...],
    postgres: str | None,
    data: Path | None,
    json_file: Path | None,
) -> None:
    """Measure the whole service through HTTP, beside what its database can do alone.

    A table of the shape of VEXAS is made and served by a process of its own.
    """
    _require_psutil()
    from rich.console import Console  # noqa: PLC0415 - late: not needed to show the help

    from ingest.bench.service.report import Report  # noqa: PLC0415 - late, as are the next
    from ingest.bench.service.run import GROUPS, prepared  # noqa: PLC0415

    console = Console(width=None if Console().is_terminal else 160)
    report = Report(rows, repeat)
    with ExitStack() as stack:
        for name, url in _databases(engine, postgres, data, stack):
            console.print(f"{name}: making the table and starting the server")
            with prepared(url, n_rows=rows, repeat=repeat, load_s=seconds) as ready:
                report.versions[name] = ready.raw.version
                for group, measure in GROUPS.items():
                    if group not in (only or _DEFAULT_GROUPS):
                        continue
                    for found in measure(ready):
                        report.add(name, found)
                        console.print(f"  {found.what}: {found.median:,.4g} {found.unit}", highlight=False)
    _show(report)
    if json_file is not None:
        report.write(json_file)


@bench.command()
@_engine_option
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(min=1), help="Rows of the table.")
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(min=1), help="Times each is loaded.")
@click.option("--only", type=click.Choice(["rates", "memory"]), help="Tell this alone; both when not given.")
@click.option("--postgres", envvar="VO_TEST_POSTGRES", help="URL of a PostgreSQL with Q3C, as for bench service.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="File to write everything to."
)
def load(engine: str, rows: int, repeat: int, only: str | None, postgres: str | None, json_file: Path | None) -> None:
    """Measure loading files of each format, beside a bare binary COPY with the same sort and indexes.

    A table of the shape of VEXAS is written as Parquet, FITS and CSV, and loaded by a process of its own each time.
    """
    _require_psutil()
    from ingest.bench.load.run import GROUPS, measure_load  # noqa: PLC0415 - late, as are the next
    from ingest.bench.service.report import Report  # noqa: PLC0415

    report = Report(rows, repeat)
    with ExitStack() as stack:
        for name, url in _databases(engine, postgres, None, stack):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench-files.")))
            groups = (only,) if only else GROUPS
            for found in measure_load(name, url, directory, n_rows=rows, repeat=repeat, only=groups):
                report.add(name, found)
                click.echo(f"{name}, {found.what}: {found.median:,.4g} {found.unit}")
    _show(report)
    if json_file is not None:
        report.write(json_file)


@bench.command()
@_engine_option
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(min=1), help="Rows of the sky.")
@click.option("--repeat", default=9, show_default=True, type=click.IntRange(min=1), help="Places that are asked for.")
@click.option("--postgres", envvar="VO_TEST_POSTGRES", help="Database to measure PostgreSQL in.")
@click.option("--data", type=click.Path(path_type=Path), help="Directory for DuckDB; a temporary one if not given.")
def spellings(engine: str, rows: int, repeat: int, postgres: str | None, data: Path | None) -> None:
    """Measure every way to write a cone, an area and a match, beside the plain way."""
    from ingest.bench.spatial import measure, on_sky  # noqa: PLC0415 - late: the engines take a while to import

    with ExitStack() as stack:
        for name, url in _databases(engine, postgres, data, stack):
            opened, catalogue = stack.enter_context(on_sky(url, rows))
            click.echo(f"{name}: {rows} rows, {repeat} places, medians; the ratio is that to the plain spelling")
            for row in measure(opened, catalogue, repeat=repeat):
                click.echo(f"{row.family:<7}{row.spelling:<40}{row.median_ms:>10.2f} ms{row.ratio:>8.2f}")


def _show(report: Report) -> None:
    from rich.console import Console  # noqa: PLC0415 - late: not needed to show the help

    console = Console(width=None if Console().is_terminal else 160)
    for name in report.measured:
        console.print(report.to_table(name))


def _require_psutil() -> None:
    if find_spec("psutil") is None:
        raise UsageError("the memory of the server is measured with psutil", hint="pip install psutil, then try again")


def _databases(engine: str, postgres: str | None, data: Path | None, stack: ExitStack) -> Iterator[tuple[str, str]]:
    """Give the name of each engine and the URL of its database."""
    if engine != "postgres":
        directory = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench.")))
        yield "duckdb", f"duckdb:///{directory.absolute()}"
    if engine != "duckdb":
        if not postgres:
            raise UsageError(
                "no PostgreSQL is named to measure",
                hint="give --postgres postgresql://user@host/database, or run make bench, which starts one",
            )
        yield "postgres", postgres
