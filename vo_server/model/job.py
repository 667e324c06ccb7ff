"""An asynchronous job and the moves it may make (UWS 1.1, section 2.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.truncation import Limit

__all__ = ["ACTIVE_PHASES", "FINAL_PHASES", "MOVES", "Job", "JobError", "JobInfo", "JobResult", "Phase", "Progress"]


class Phase(StrEnum):
    """Execution phases of UWS 1.1."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    SUSPENDED = "SUSPENDED"
    HELD = "HELD"
    ARCHIVED = "ARCHIVED"
    UNKNOWN = "UNKNOWN"


ACTIVE_PHASES: Final = frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED})
FINAL_PHASES: Final = frozenset({Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED})

MOVES: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.PENDING: frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.ABORTED, Phase.ERROR}),
    Phase.QUEUED: frozenset({Phase.EXECUTING, Phase.ABORTED, Phase.ERROR}),
    Phase.EXECUTING: frozenset(
        {Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.SUSPENDED, Phase.HELD, Phase.QUEUED}
    ),
    Phase.SUSPENDED: frozenset({Phase.EXECUTING, Phase.ABORTED, Phase.ERROR}),
    Phase.HELD: frozenset({Phase.EXECUTING, Phase.ABORTED, Phase.ERROR}),
    Phase.COMPLETED: frozenset({Phase.ARCHIVED}),
    Phase.ERROR: frozenset({Phase.ARCHIVED}),
    Phase.ABORTED: frozenset({Phase.ARCHIVED}),
    Phase.ARCHIVED: frozenset(),
    Phase.UNKNOWN: frozenset(),
}
"""Phases that a job may go to from each phase. EXECUTING to QUEUED is a run whose worker died, tried again."""


@dataclass(frozen=True)
class JobError:
    """Why a job failed."""

    message: str
    is_transient: bool = False
    code: str = "internal"


@dataclass(frozen=True)
class JobResult:
    """One result of a finished job; TAP jobs have one with the id ``result``."""

    id: str
    path: str
    """Place in the results store."""
    mime: str
    size_bytes: int
    n_rows: int
    overflow: bool
    limit: Limit | None = None
    """The limit that cut it, or that would have; None when it is not known."""
    total_rows: int | None = None
    """Rows of the whole answer; None when they were not known without counting."""
    overflow_message: str | None = None
    """Which limit cut it and how to get the rest, in words; None when it is whole."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    n_rows: int = 0
    """Rows produced so far."""
    share: float | None = None
    """Share of the work that is done, in [0, 1], as the engine estimates it; None where it does not."""


@dataclass(frozen=True)
class JobInfo:
    """What is told of a job beside what UWS has words for."""

    progress: Progress | None = None
    """Of the run that goes on or was the last; None when nothing has been told yet."""
    queue_position: int | None = None
    """Place among the jobs that wait, by age, from 1; None for a job that does not wait."""
    n_attempts: int = 0
    """Runs that were begun, other than those that a worker gave up in good order."""
    estimate: Mapping[str, str] | None = None
    """What the query was expected to cost, by name; None when nobody has asked."""


@dataclass(frozen=True)
class Job:
    """A job as the store holds it. Times are UTC and timezone-aware."""

    id: str
    phase: Phase
    created: datetime
    destruction: datetime
    execution_duration_s: int
    parameters: tuple[tuple[str, str], ...] = ()
    """(name in upper case, value), in the order they were given."""
    owner: str | None = None
    run_id: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    quote: datetime | None = None
    error: JobError | None = None
    results: tuple[JobResult, ...] = ()
    info: JobInfo = JobInfo()

    def parameter(self, name: str) -> str | None:
        """Return the last value of a parameter, or None."""
        wanted = name.upper()
        return next((value for key, value in reversed(self.parameters) if key == wanted), None)
