"""An asynchronous job and the moves it may make (UWS 1.1, section 2.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

__all__ = ["ACTIVE_PHASES", "FINAL_PHASES", "MOVES", "Job", "JobError", "JobResult", "Phase"]


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

    def parameter(self, name: str) -> str | None:
        """Return the last value of a parameter, or None."""
        wanted = name.upper()
        return next((value for key, value in reversed(self.parameters) if key == wanted), None)
