"""Changes of one job: each is one UPDATE that names the phases it may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from vo_server.errors import MissingError, PhaseError
from vo_server.model.job import MOVES, Phase
from vo_server.store.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["change", "missing", "move"]


def move(
    connection: Connection,
    job_id: str,
    target: Phase,
    values: Mapping[str, Any],
    *,
    origins: Collection[Phase] = tuple(Phase),
    holder: str | None = None,
) -> None:
    """Change the phase of a job along :data:`MOVES`; with ``holder``, only if that worker has it."""
    allowed = [phase for phase in origins if target in MOVES[phase]]
    change(connection, job_id, allowed, {**values, "phase": target}, f"go to {target}", holder=holder)


def change(
    connection: Connection,
    job_id: str,
    origins: Collection[Phase],
    values: Mapping[str, Any],
    what: str,
    *,
    holder: str | None = None,
) -> None:
    """Change a job that is in one of some phases; with ``holder``, only if that worker has it.

    Raises
    ------
    PhaseError
        If it is in another phase, so that it cannot do ``what``, or another worker has it.
    MissingError
        If there is no such job (any more).
    """
    condition = (jobs.c.id == job_id) & jobs.c.phase.in_(origins)
    if holder is not None:
        condition &= jobs.c.worker == holder
    if connection.execute(update(jobs).where(condition).values(values)).rowcount == 1:
        return
    phase = connection.scalar(select(jobs.c.phase).where(jobs.c.id == job_id))
    if phase is None:
        raise missing(job_id)
    if phase in origins:
        raise PhaseError(f"job {job_id} was given to another worker")
    raise PhaseError(f"job {job_id} is {phase} and cannot {what}")


def missing(job_id: str) -> MissingError:
    """Return the error of a job that is not there."""
    return MissingError(f"there is no job {job_id}", hint="it may have reached its time of destruction")
