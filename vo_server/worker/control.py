"""What a run and the worker that executes it tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vo_server.model.job import Job, JobResult, Progress

__all__ = ["Control", "Execute"]


def _never() -> bool:
    return False


@dataclass(eq=False)
class Control:
    """Handed to a run with its job; both sides use it from threads of their own."""

    is_cancelled: Callable[[], bool] = _never
    """Tells whether nobody wants the result any more; the run asks often."""
    progress: Callable[[], Progress] = Progress
    """Tells how far the run has come; the run sets it, the worker asks now and then."""


Execute = Callable[[Job, Control], JobResult]
"""Runs a job to its end; raises :class:`~vo_server.errors.VoError`, QueryCancelledError when it was cancelled."""
