"""How long jobs may run, be kept and be waited for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from vo_server.model.limits import CallerLimits

__all__ = ["JobLimits"]


@dataclass(frozen=True)
class JobLimits:
    """What the service allows, or what of it a class of callers may use."""

    default_duration_s: int
    """Longest run of a job unless it asks for another [s]."""
    hard_duration_s: int
    """Longest run of any job [s]."""
    default_retention_s: int
    """Time from the creation of a job until it is destroyed, unless it asks for another [s]."""
    hard_retention_s: int
    """Longest time that a job is kept [s]."""
    max_wait_s: float
    """Longest time that WAIT blocks [s]."""

    def narrowed(self, own: CallerLimits) -> Self:
        """Return what a class of callers may use."""
        return replace(self, default_duration_s=own.default_job_s, hard_duration_s=own.job_s)

    def duration_s(self, wanted_s: int) -> int:
        """Return how long a job runs at most that asks for a duration; 0 asks for the longest that is allowed [s]."""
        return min(wanted_s or self.hard_duration_s, self.hard_duration_s)

    def destruction(self, created: datetime, wanted: datetime | None) -> datetime:
        """Return when a job is destroyed; None wants what is usual."""
        if wanted is None:
            return created + timedelta(seconds=self.default_retention_s)
        return min(wanted, created + timedelta(seconds=self.hard_retention_s))
