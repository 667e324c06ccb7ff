"""What callers may use: one set of limits per class of callers, and how jobs share the workers."""

from __future__ import annotations

from dataclasses import dataclass

from vo_server.model.identity import Identity

__all__ = ["CallerLimits", "LimitTable", "Queues", "Share", "Usage"]


@dataclass(frozen=True)
class CallerLimits:
    """What one caller of a class may use."""

    name: str
    """The class: ``anonymous``, ``user`` or ``operator``."""
    default_rows: int
    """Rows of an answer when the caller sets no limit."""
    rows: int
    """Most rows of an answer."""
    result_bytes: int
    """Largest volume of the rows of an answer, before they are written in a format [bytes]."""
    sync_s: float
    """Longest run of a synchronous query [s]."""
    default_job_s: int
    """Longest run of a job unless it asks for another [s]."""
    job_s: int
    """Longest run of any job [s]."""
    upload_bytes: int
    """Largest volume of all uploads of one query together [bytes]."""
    sync_queries: int | None = None
    """Synchronous queries that run at once in one server process; None for as many as there are places."""
    running_jobs: int | None = None
    """Jobs that run at once, in all processes; None for any number, here and below."""
    waiting_jobs: int | None = None
    """Jobs that have not begun to run, those that were not handed over yet included."""
    kept_jobs: int | None = None
    """Jobs that were not destroyed yet, in any phase."""
    kept_bytes: int | None = None
    """Volume of the files of all these jobs [bytes]."""


@dataclass(frozen=True)
class LimitTable:
    """The limits of every class; roles will add their own."""

    anonymous: CallerLimits
    user: CallerLimits
    operator: CallerLimits
    """Whoever works at the command line, within what the service allows at all."""

    def of(self, caller: Identity) -> CallerLimits:
        """Return what holds for a caller."""
        if caller.is_operator:
            return self.operator
        return self.anonymous if caller.is_anonymous else self.user


@dataclass(frozen=True)
class Usage:
    """What a caller uses now."""

    running_jobs: int = 0
    waiting_jobs: int = 0
    kept_jobs: int = 0
    kept_bytes: int = 0


@dataclass(frozen=True)
class Queues:
    """The short and the long queue of jobs; which one a job waits in follows from its execution duration."""

    short_s: int
    """Longest execution duration of a job in the short queue [s]."""
    max_long_jobs: int | None = None
    """Jobs of the long queue that run at once, in all processes; None for any number."""

    def name_of(self, duration_s: int) -> str:
        """Return the name of the queue for a job that may run so long [s]."""
        return "short" if duration_s <= self.short_s else "long"


@dataclass(frozen=True)
class Share:
    """Which of the waiting jobs a runner may take."""

    queues: Queues
    is_short_only: bool = False
    """Whether the runner is kept for the short queue."""
    anonymous_jobs: int | None = None
    """Jobs of one anonymous client that run at once; None for any number."""
    user_jobs: int | None = None
    """Jobs of one user that run at once; None for any number."""
