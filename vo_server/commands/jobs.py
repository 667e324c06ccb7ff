"""``vo-server jobs``: look after asynchronous jobs from the command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from vo_server.errors import PhaseError
from vo_server.model.job import JobError, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.job import Job
    from vo_server.store.open import Store

__all__ = ["jobs"]

_database = click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")

_COLUMNS = "{:<32}  {:<9}  {:<20}  {:>8}  {:<12}  {}"


@click.group()
def jobs() -> None:
    """Look after asynchronous jobs."""


@jobs.command("list")
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=click.Choice([phase.value for phase in Phase], case_sensitive=False),
    help="Only jobs in this phase; may be given more than once.",
)
@click.option("--last", type=click.IntRange(min=0), default=50, show_default=True, help="Only so many of the newest.")
@_database
def list_jobs(phases: tuple[str, ...], last: int, database: str | None) -> None:
    """List the jobs of all users, newest first."""
    with _opened(database) as store:
        found = store.jobs.list(everyone=True, phases=[Phase(phase.upper()) for phase in phases], last=last)
    click.echo(_COLUMNS.format("ID", "PHASE", "CREATED", "SECONDS", "OWNER", "RUNID"))
    for job in found:
        click.echo(_line(job))


@jobs.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@_database
def kill(job_ids: tuple[str, ...], database: str | None) -> None:
    """Abort jobs, wherever they run; a server stops a running one within a second."""
    with _opened(database) as store:
        for job_id in job_ids:
            try:
                store.jobs.mark_aborted(job_id, JobError("the job was aborted by the operator", code="aborted"))
            except PhaseError:
                click.echo(f"{job_id} has ended already: {store.jobs.phase(job_id)}")
            else:
                click.echo(f"{job_id} is aborted")


@contextmanager
def _opened(database: str | None) -> Iterator[Store]:
    from vo_server.settings import load_settings  # noqa: PLC0415 - late: `--help` need not wait for the libraries
    from vo_server.store.open import open_store  # noqa: PLC0415

    settings = load_settings(database=database)
    store = open_store(settings.database, store_schema=settings.postgres.store_schema, create=False)
    try:
        yield store
    finally:
        store.close()


def _line(job: Job) -> str:
    seconds = "" if job.started is None or job.ended is None else f"{(job.ended - job.started).total_seconds():.1f}"
    created = job.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _COLUMNS.format(job.id, job.phase, created, seconds, _shown(job.owner), _shown(job.run_id))


def _shown(text: str | None) -> str:
    """Return what a user wrote without what would steer the operator's terminal."""
    return "".join(character if character.isprintable() else "?" for character in text or "-")
