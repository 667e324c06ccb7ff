"""What the doctor tells of those who use a service, and of what it keeps for them."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vo_server.commands.finding import Finding, Verdict
from vo_server.errors import VoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from vo_server.settings import Settings
    from vo_server.store.job_state import JobState
    from vo_server.store.open import Store

__all__ = ["examine_upkeep"]

_PATIENCE: Final = timedelta(minutes=5)
"""How long things that take seconds may be left undone before they are told."""

_LITTLE_BYTES: Final = 1024**3
"""Space below which the place of results is about to be full."""

_LISTED: Final = 3
"""How many jobs are told by their ids."""


def examine_upkeep(settings: Settings, store: Store, now: datetime) -> Iterator[Finding]:
    """Look at users and tokens, the place of results, jobs, and tables of users.

    Parameters
    ----------
    settings
        Of the service.
    store
        What is kept; it is only read.
    now
        The time in UTC.
    """
    yield _users(store, now)
    if store.database.is_read_only:
        return  # It takes no jobs and no tables, and what is left of them is not its business.
    yield _results(settings)
    yield from _jobs(store, now)
    yield _tables(store, now)


def _users(store: Store, now: datetime) -> Finding:
    users = store.users.list()
    if not users:
        hint = "vo-server user add NAME gives somebody an account, for jobs and tables of their own"
        return Finding(Verdict.NOTE, "there are no users: all callers are anonymous", hint)
    tokens = [token for user in users for token in store.users.tokens(user.name)]
    expired = [token for token in tokens if not token.is_valid(now)]
    said = f"{_n(len(users), 'user')} with {_n(len(tokens), 'token')}"
    if expired:
        return Finding(Verdict.NOTE, f"{said}, {len(expired)} of them expired", "vo-server user revoke ID removes one")
    return Finding(Verdict.OK, said)


def _results(settings: Settings) -> Finding:
    """Look whether results can be kept; a directory is not made, and a file that is tried out goes at once."""
    from vo_server.factory import results_place  # noqa: PLC0415 - late: the engines' libraries take a while
    from vo_server.store.results import ResultStore  # noqa: PLC0415

    place = results_place(settings)
    try:
        if isinstance(place, Path):
            place = place.absolute()
            if not place.exists():
                return _results_to_come(place)
        ResultStore(place).check()
    except VoError as error:
        return Finding(Verdict.FAULT, f"{error.message}: {place}", _RESULTS_HINT)
    if not isinstance(place, Path):
        return Finding(Verdict.OK, f"results can be written to {place}")
    free_bytes = shutil.disk_usage(place).free
    said = f"results can be written to {place}, where {_size(free_bytes)} are free"
    if free_bytes < _LITTLE_BYTES:
        return Finding(Verdict.NOTE, said, "make room, or set VO_UWS__RESULTS_DIR: jobs fail on a full disk")
    return Finding(Verdict.OK, said)


_RESULTS_HINT: Final = "check its owner, permissions and space, or set VO_UWS__RESULTS_DIR or VO_UWS__RESULTS_URL"


def _results_to_come(place: Path) -> Finding:
    parent = next(one for one in place.parents if one.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        return Finding(Verdict.FAULT, f"the directory of results {place} cannot be made in {parent}", _RESULTS_HINT)
    return Finding(Verdict.NOTE, f"the directory of results {place} does not exist yet; the first job makes it")


def _jobs(store: Store, now: datetime) -> Iterator[Finding]:
    from vo_server.model.job import FINAL_PHASES, Phase  # noqa: PLC0415 - late: not needed to show the help

    state = store.jobs.state(now)
    n_waiting, n_running = state.n_jobs.get(Phase.QUEUED, 0), state.n_jobs.get(Phase.EXECUTING, 0)
    n_ended = sum(n for phase, n in state.n_jobs.items() if phase in FINAL_PHASES)
    workers = f" in {_n(state.n_workers, 'worker')}" if n_running else ""
    files = f"{_size(state.kept_bytes)} in their files"
    yield Finding(Verdict.OK, f"jobs: {n_waiting} waiting, {n_running} running{workers}, {n_ended} ended, {files}")
    yield from _job_faults(state, now, n_waiting=n_waiting, n_running=n_running)


def _job_faults(state: JobState, now: datetime, *, n_waiting: int, n_running: int) -> Iterator[Finding]:
    since = state.waiting_since
    if since is not None and now - since > _PATIENCE and n_running == 0:
        yield Finding(
            Verdict.FAULT,
            f"{_n(n_waiting, 'job')} waiting since {_time(since)}, and none runs",
            "start vo-server serve or vo-server worker; servers with VO_UWS__CONCURRENT_JOBS=0 run none",
        )
    if state.lost:
        listed = ", ".join(state.lost[:_LISTED]) + (", ..." if len(state.lost) > _LISTED else "")
        yield Finding(
            Verdict.FAULT,
            f"{_n(len(state.lost), 'job')} without a sign of life from the worker: {listed}",
            "any server or worker that runs gives them to others within seconds; start one",
        )
    over = state.overdue_since
    if over is not None and now - over > _PATIENCE:
        yield Finding(
            Verdict.FAULT,
            f"jobs were to be destroyed since {_time(over)} and are still there",
            "a server or worker that runs sweeps twice a minute; look into its log for what it cannot remove",
        )


def _tables(store: Store, now: datetime) -> Finding:
    tables = store.user_tables.list()
    owners = {table.owner for table in tables}
    n_bytes = sum(table.size_bytes for table in tables)
    overdue = [table.full_name for table in tables if now - table.expires > _PATIENCE]
    if overdue:
        return Finding(
            Verdict.FAULT,
            f"{_n(len(overdue), 'table')} of users over their time and still there, {overdue[0]} among them",
            "a server that runs sweeps twice a minute; look into its log for what it cannot remove",
        )
    return Finding(Verdict.OK, f"{_n(len(tables), 'table')} of {_n(len(owners), 'user')}, {_size(n_bytes)} in memory")


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _size(n_bytes: int) -> str:
    value = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004 - a step of units
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
