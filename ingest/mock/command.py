"""``vo-server demo`` and ``vo-server mock``: make the mock sky, publish it, serve it, draw it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

import click

from ingest.database import database_option, opened

__all__ = ["QUERIES", "demo", "mock"]

DEFAULT_ROWS: Final = 100_000
"""Objects of the mock sky; each table has a part of them."""
_SEED: Final = 1

_rows = click.option(
    "--rows", type=click.IntRange(min=1), default=DEFAULT_ROWS, show_default=True, help="Objects in the sky."
)
_seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=_SEED,
    show_default=True,
    help="The same seed gives the same sky.",
)

QUERIES: Final = {
    "stars nearest to a point (LS-PSC)": (
        "SELECT TOP 5 ls_id, white_mag, score, 3600*DISTANCE(POINT(ra, dec), POINT(152.0, 32.2)) AS sep_arcsec "
        "FROM ls_psc.main WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(152.0, 32.2, 0.3)) AND score > 0.5 "
        "ORDER BY sep_arcsec"
    ),
    "sure quasars and where they are (BANNJOS)": (
        "SELECT TOP 5 m.ALPHA_J2000, m.DELTA_J2000, b.CLASS_QSO_prob_pc02 "
        "FROM jplus.ClassBANNJOS AS b JOIN jplus.MagABDualObj AS m ON b.TILE_ID = m.TILE_ID AND b.NUMBER = m.NUMBER "
        "WHERE b.CLASS_QSO_prob_pc02 >= 0.333 ORDER BY b.CLASS_QSO_prob_pc02 DESC"
    ),
    "what the point sources really are (the truth is known)": (
        "SELECT t.class, COUNT(*) AS n FROM ls_psc.main AS p JOIN mock.truth AS t ON t.ls_id = p.ls_id "
        "WHERE p.score > 0.5 GROUP BY t.class"
    ),
}
"""Questions and the queries that answer them, in the order in which they are offered."""


@click.command()
@_rows
@_seed
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; a free one when not given.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
    help="Directory of the data; used again when it is there.",
)
def demo(rows: int, seed: int, port: int, data: Path) -> None:
    """Make a mock sky, publish it and serve it, until Ctrl-C.

    The tables have the columns of VEXAS, LS-PSC, J-PLUS with BANNJOS, Rubin DP1, ViaLactea and CAESAR and are made up;
    mock.truth says what each object really is (docs/mock.md).
    """
    from vo_server.commands.serve import run  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.settings import load_settings  # noqa: PLC0415

    server = {"host": "127.0.0.1", "port": port, "workers": 1, "title": "vo-server demo"}
    settings = load_settings(database=f"duckdb:///{data.resolve()}", server=server)
    _prepare(rows, seed, settings.database)
    run(settings, announce=_announce)


@click.group()
def mock() -> None:
    """Publish the mock sky of the demo elsewhere, or draw what it is made of."""


@mock.command()
@_rows
@_seed
@database_option
def publish(rows: int, seed: int, database: str | None) -> None:
    """Make a mock sky and publish it beside what is there, in any database.

    Tables that are there already with the same size and seed stay; those of another mock sky are replaced, and real
    ones never are.
    """
    _prepare(rows, seed, database)


@mock.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the files."
)
@click.option(
    "--rows",
    type=click.IntRange(min=1000),
    default=1 << 16,
    show_default=True,
    help="Objects of the sky that is drawn.",
)
@_seed
def plots(output: Path, rows: int, seed: int) -> None:
    """Draw counts, colours and classes of the mock sky beside what is stated of them (docs/mock.md)."""
    from ingest.mock.plots import draw  # noqa: PLC0415 - late: not needed to show the help
    from ingest.mock.sky import MockSky  # noqa: PLC0415

    try:
        paths = draw(MockSky(rows, seed), output)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; plots need matplotlib: pip install 'vo-server[plots]'") from error
    for path in paths:
        click.echo(str(path))


def _prepare(rows: int, seed: int, database: str | None) -> None:
    """Publish what is missing of the mock sky, and say what is there."""
    from ingest.mock.publish import publish_mock_sky  # noqa: PLC0415 - late: not needed to show the help
    from ingest.mock.sky import MockSky  # noqa: PLC0415

    try:
        sky = MockSky(rows, seed)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--rows") from error
    click.echo(f"mock sky of {rows} objects (made up, no real catalogue)")
    with opened(database, to_load=True) as (engine, store):
        for table in publish_mock_sky(sky, engine=engine, store=store):
            click.echo(f"  {table.name:<30} {table.n_rows:>10} rows{'' if table.is_new else ', there already'}")


def _announce(url: str) -> None:
    """Tell the URL and a query to try in each of three clients."""
    (about_1, pyvo), (about_2, stilts), (about_3, curl) = QUERIES.items()
    click.echo(
        f"\nTAP service at {url} (Ctrl-C stops it)\n\n"
        f"pyvo: {about_1}\n"
        f'  {_python()} -c \'import pyvo; print(pyvo.dal.TAPService("{url}").search("{pyvo}").to_table())\'\n\n'
        f"STILTS: {about_2}\n"
        f"  stilts tapquery tapurl={url} ofmt=ascii adql='{stilts}'\n\n"
        f"curl: {about_3}\n"
        f"  curl -s {url}/sync -d LANG=ADQL -d RESPONSEFORMAT=csv --data-urlencode 'QUERY={curl}'\n"
    )


def _python() -> str:
    """Return the interpreter that has pyvo, as one types it here."""
    executable = Path(sys.executable)
    here = Path.cwd()
    return shlex.quote(str(executable.relative_to(here) if executable.is_relative_to(here) else executable))
