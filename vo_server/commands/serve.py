"""``vo-server serve``: answer queries over HTTP."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vo_server.factory import ProcessContext
    from vo_server.settings import Settings

__all__ = ["run", "serve"]

_ALL_ADDRESSES: Final = frozenset({"0.0.0.0", "::", "0", ""})  # noqa: S104 - compared with, not bound to
"""What ``--host`` has to listen on every address of the machine."""


@click.command()
@click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--workers", type=click.IntRange(min=1), help="Server processes.  [default: 1]")
@click.option("--public-url", help="URL under which clients reach the service; needed behind a proxy.")
def serve(
    database: str | None, host: str | None, port: int | None, workers: int | None, public_url: str | None
) -> None:
    """Serve the published tables as a TAP service, until SIGTERM or Ctrl-C."""
    from vo_server.settings import load_settings  # noqa: PLC0415 - late: not needed to show the help

    given = {"host": host, "port": port, "workers": workers, "public_url": public_url}
    server = {name: value for name, value in given.items() if value is not None}
    run(load_settings(database=database, server=server or None), announce=_print_tap_url)


def run(settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until a signal ends it.

    Parameters
    ----------
    settings
        All settings.
    announce
        Called with the TAP URL, once, as soon as it answers.

    Raises
    ------
    VoError
        If the service cannot be started: a database that does not answer, a port that is taken, ...
    """
    from vo_server.app import create_app  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.factory import ProcessContext  # noqa: PLC0415
    from vo_server.web.listen import serve_forever  # noqa: PLC0415

    with closing(ProcessContext.create(settings)) as context:
        context.engine.check()  # What is wrong is told here in a line, not by each process in a traceback.
        for note in _notes(context):
            click.echo(f"note: {note}", err=True)
    public = None if settings.server.public_url is None else str(settings.server.public_url).rstrip("/")
    serve_forever(
        partial(create_app, settings),
        host=settings.server.host,
        port=settings.server.port,
        n_processes=settings.server.workers,
        announce=lambda url: announce(f"{public or url}/tap"),
    )


def _notes(context: ProcessContext) -> Iterator[str]:
    """Say what the service cannot do as it is."""
    database = context.store.database
    if not context.store.catalogue.locations():
        yield f"nothing is published in {database.place} yet; vo-server ingest load FILE --table schema.name publishes"
    if database.is_read_only:
        yield f"{database.place} cannot be written: synchronous queries work, jobs need a writable store"
    server = context.settings.server
    if server.host in _ALL_ADDRESSES and server.public_url is None:
        yield (
            f"listening on all addresses ({server.host}) without --public-url: links in answers are made from the "
            "address that each request names; give the URL that clients use, e.g. --public-url https://vo.example.org"
        )


def _print_tap_url(url: str) -> None:
    click.echo(f"TAP service at {url}")
