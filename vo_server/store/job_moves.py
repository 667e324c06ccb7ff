"""Changes of one job: each is one UPDATE that names the phases it may come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Update, bindparam, select, update

from vo_server.errors import MissingError, PhaseError
from vo_server.model.job import MOVES, JobError, Phase
from vo_server.store.tables import jobs

__all__ = ["change", "ended", "missing", "move"]

_NEW: Final = "new_"
"""What the names of parameters with new values begin with; those of columns mean something else."""


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


def move(
    connection: Connection,
    job_id: str,
    target: Phase,
    values: Mapping[str, Any],
    *,
    origins: Collection[Phase] = tuple(Phase),
    added: Mapping[str, int] = _NOTHING,
    holder: str | None = None,
) -> None:
    """Change the phase of a job along :data:`MOVES`; with ``holder``, only if that worker has it."""
    allowed = [phase for phase in origins if target in MOVES[phase]]
    moved = {**values, "phase": target}
    change(connection, job_id, allowed, moved, f"go to {target}", added=added, holder=holder)


def change(
    connection: Connection,
    job_id: str,
    origins: Collection[Phase],
    values: Mapping[str, Any],
    what: str,
    *,
    added: Mapping[str, int] = _NOTHING,
    holder: str | None = None,
) -> None:
    """Change a job that is in one of some phases; with ``holder``, only if that worker has it.

    Parameters
    ----------
    connection
        With a transaction.
    job_id
        The job.
    origins
        The phases.
    values
        What to write, by column.
    what
        What the job cannot do in other phases, for the error.
    added
        What to add to numbers, by column.
    holder
        Name of the worker.

    Raises
    ------
    PhaseError
        If it is in another phase, or another worker has it.
    MissingError
        If there is no such job (any more).
    """
    statement = _update(frozenset(origins), tuple(values), tuple(added), is_held=holder is not None)
    new = {_NEW + name: value for name, value in (*values.items(), *added.items())}
    if connection.execute(statement, {"job": job_id, "holder": holder, **new}).rowcount == 1:
        return
    phase = connection.scalar(select(jobs.c.phase).where(jobs.c.id == job_id))
    if phase is None:
        raise missing(job_id)
    if phase in origins:
        raise PhaseError(f"job {job_id} was given to another worker")
    raise PhaseError(f"job {job_id} is {phase} and cannot {what}")


@lru_cache(maxsize=256)
def _update(origins: frozenset[Phase], written: tuple[str, ...], added: tuple[str, ...], *, is_held: bool) -> Update:
    """Make a statement, which costs more than running it."""
    condition = (jobs.c.id == bindparam("job")) & jobs.c.phase.in_(sorted(origins))
    if is_held:
        condition &= jobs.c.worker == bindparam("holder")
    new: dict[str, Any] = {name: bindparam(_NEW + name) for name in written}
    new |= {name: jobs.c[name] + bindparam(_NEW + name) for name in added}
    return update(jobs).where(condition).values(new)


def ended(now: datetime, error: JobError | None = None) -> dict[str, Any]:
    """Return what is written of a job that ends now, by column; the phase is another matter."""
    told = {}
    if error is not None:
        told = {
            "error_message": error.message,
            "error_code": error.code,
            "error_is_transient": error.is_transient,
        }
    return {"ended": now, "worker": None, "lease_until": None, **told}


def missing(job_id: str) -> MissingError:
    """Return the error of a job that is not there."""
    return MissingError(f"there is no job {job_id}", hint="it may have reached its time of destruction")
