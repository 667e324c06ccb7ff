"""``vo-server worker``: run asynchronous jobs in processes of their own."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from vo_server.settings import Settings

__all__ = ["worker"]

GRACE_S: Final = 60.0
"""Time that running jobs get to end when the worker is told to stop, unless another is given [s]."""


@click.command()
@click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that run jobs.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Jobs at once in one process.  [default: 2]")
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=GRACE_S,
    show_default=True,
    help="Seconds that running jobs get to end at SIGTERM or Ctrl-C; a second signal ends the wait. What still runs "
    "then is put back for another worker.",
)
@click.option(
    "--nice",
    type=click.IntRange(0, 19),
    default=5,
    show_default=True,
    help="How far other processes of the machine go before: a server beside the worker answers at once.",
)
def worker(database: str | None, processes: int, concurrency: int | None, grace_s: float, nice: int) -> None:
    """Run the asynchronous jobs of a service, until SIGTERM or Ctrl-C.

    Start as many as wanted, on any machines that reach the database and the results. `vo-server serve` runs jobs
    itself as well, unless VO_UWS__CONCURRENT_JOBS is 0.
    """
    from vo_server.factory import ProcessContext  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.settings import load_settings  # noqa: PLC0415
    from vo_server.worker.process import start_log, supervise  # noqa: PLC0415

    given = None if concurrency is None else {"concurrent_jobs": concurrency}
    settings = load_settings(database=database, uws=given)
    if settings.uws.concurrent_jobs == 0:
        settings = load_settings(database=database, uws={"concurrent_jobs": 1})
    with closing(ProcessContext.create(settings, make_store=False)) as context:
        context.engine.check()  # What is wrong is told here in a line, not by each process in a traceback.
        context.store.database.require_writable()
        context.results.check()
        click.echo(f"worker of {context.store.database.place}, results in {context.results}")
    os.nice(nice)  # the processes that are started have it from this one
    if processes == 1:
        _work(settings, grace_s)
    else:
        start_log()
        supervise(partial(_work, settings, grace_s), n_processes=processes)


def _work(settings: Settings, grace_s: float) -> None:
    """Run jobs in this process, which may be one of several."""
    from vo_server.factory import ProcessContext  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.worker.process import start_log, work  # noqa: PLC0415

    start_log()
    connect = partial(ProcessContext.create, settings, make_store=False)
    work(connect, grace_s=grace_s, announce=_print_ready)


def _print_ready(name: str) -> None:
    click.echo(f"worker {name} is ready")
