"""The worker: claims jobs, runs them, and tells what became of them."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from vo_server.errors import (
    CatalogueError,
    CatalogueUnavailableError,
    MissingError,
    PhaseError,
    QueryCancelledError,
    QueryTimeoutError,
    UnavailableError,
    VoError,
)
from vo_server.model.job import Job, JobError, JobResult, Progress
from vo_server.store.job_runs import MAX_ATTEMPTS
from vo_server.worker.control import Control

if TYPE_CHECKING:
    from vo_server.model.limits import Share
    from vo_server.store.jobs import JobStore
    from vo_server.store.results import ResultStore
    from vo_server.worker.control import Execute

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.25
"""Time between two looks whether running jobs were aborted, by this process or another [s]."""

_TELL_S: Final = 1.0
"""Time between two words on how far a run has come [s]."""

_STEP_S: Final = 0.05
"""Time between two looks whether a worker that begins no more jobs is idle [s]."""

_KEPT_SHARE: Final = 4
"""One of so many runners is kept for the short queue."""

_PAUSES_S: Final = (0.5, 1.0, 2.0, *[5.0] * 12)
"""Pauses before the end of a run is told again to a database that did not answer [s]; a minute in all."""


@dataclass(eq=False)
class _Run:
    """A job that this worker executes."""

    job: Job
    deadline: float
    """On the monotonic clock [s]."""
    is_lost: threading.Event = field(default_factory=threading.Event)
    """Set when the job was aborted, destroyed or given to another worker."""
    control: Control = field(default_factory=Control)
    told: Progress | None = None
    """How far it had come when the store was last told."""

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self.deadline


def _shares(share: Share | None, concurrency: int) -> list[Share | None]:
    """Return which jobs each runner may take: long ones never get all places, unless there is only one."""
    if share is None:
        return [None] * concurrency
    n_kept = 0 if concurrency == 1 else max(1, concurrency // _KEPT_SHARE)
    kept = replace(share, is_short_only=True)
    return [*[kept] * n_kept, *[share] * (concurrency - n_kept)]


class Worker:
    """Threads that run jobs, and one that keeps the jobs theirs.

    Parameters
    ----------
    jobs
        Where jobs are claimed.
    results
        Where ``execute`` leaves results; one that comes too late is removed.
    execute
        Runs one job.
    concurrency
        Jobs that run at once.
    lease_s
        Time after which the jobs of this worker go to others when it has died [s].
    poll_s
        Time between two looks for jobs that another process has queued [s].
    share
        Which jobs may be taken; some of the runners are kept for the short queue. None for any job by any runner.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        results: ResultStore,
        execute: Execute,
        concurrency: int = 2,
        lease_s: float = 30.0,
        poll_s: float = 0.5,
        share: Share | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._jobs = jobs
        self._results = results
        self._execute = execute
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._runs: dict[str, _Run] = {}
        self._drain = threading.Event()
        self._stop = threading.Event()
        self._done = threading.Event()
        self._runners = [
            threading.Thread(target=self._run_jobs, args=(one,), name=f"job-runner-{number}", daemon=True)
            for number, one in enumerate(_shares(share, concurrency))
        ]
        self._keeper = threading.Thread(target=self._keep, name="job-keeper", daemon=True)

    def start(self) -> None:
        """Begin to run jobs."""
        self._keeper.start()
        for runner in self._runners:
            runner.start()

    def drain(self, timeout_s: float, *, hurry: threading.Event | None = None) -> None:
        """Begin no more jobs, and wait for those that run to end by themselves.

        Parameters
        ----------
        timeout_s
            Longest time to wait [s].
        hurry
            Ends the wait when it is set.
        """
        self._drain.set()
        self._jobs.signal.wake()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not (hurry is not None and hurry.is_set()):
            if not any(thread.is_alive() for thread in self._runners):
                return
            time.sleep(_STEP_S)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop in good order: running jobs are put back for others; may be called more than once.

        Parameters
        ----------
        timeout_s
            Time to wait for running jobs to stop [s]; one that does not is run again when its lease is over.
        """
        self._drain.set()
        self._stop.set()
        self._jobs.signal.wake()
        deadline = time.monotonic() + timeout_s
        for thread in self._runners:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        self._done.set()
        if self._keeper.is_alive():
            self._keeper.join(max(1.0, deadline - time.monotonic()))

    def _run_jobs(self, share: Share | None) -> None:
        with self._jobs.signal.watch() as changed:
            while not self._drain.is_set():
                job = self._claim(share)
                if job is None:
                    changed.wait(self._poll_s)
                    changed.clear()
                else:
                    self._run(job)

    def _claim(self, share: Share | None) -> Job | None:
        try:
            return self._jobs.claim(self.name, lease_s=self._lease_s, share=share)
        except Exception:  # a runner that dies of anything would never run a job again
            logger.warning("no job could be claimed", exc_info=True)
            self._drain.wait(self._poll_s)
            return None

    def _run(self, job: Job) -> None:
        run = _Run(job, time.monotonic() + job.execution_duration_s)
        run.control.is_cancelled = lambda: run.is_lost.is_set() or self._stop.is_set() or run.is_late
        self._runs[job.id] = run
        start = time.monotonic()
        try:
            result = self._execute(job, run.control)
        except Exception as error:  # noqa: BLE001  (whatever a run dies of, the job must tell it and the thread go on)
            end = self._end_of(run, error)
        else:
            end = self._completion(run, result)
        self._tell(run, end)
        del self._runs[job.id]
        logger.info("job %s was run for %.2f s", job.id, time.monotonic() - start)

    def _completion(self, run: _Run, result: JobResult) -> Callable[[], None]:
        def complete() -> None:
            try:
                self._jobs.mark_completed(run.job.id, result, worker=self.name)
            except (MissingError, PhaseError):
                if not self._is_told(run.job.id, result):
                    self._results.discard(result.path)
                    raise

        return complete

    def _is_told(self, job_id: str, result: JobResult) -> bool:
        """Tell whether an earlier attempt, whose answer was lost, has completed the job with this very result."""
        try:
            return result in self._jobs.get(job_id).results
        except MissingError:
            return False

    def _end_of(self, run: _Run, error: Exception) -> Callable[[], None]:
        """Return what is to be told of a run that failed."""
        job_id = run.job.id
        is_stopped = isinstance(error, QueryCancelledError)
        if isinstance(error, QueryTimeoutError) or (is_stopped and run.is_late):
            duration_s = run.job.execution_duration_s
            # UWS 1.1, section 2.1.4.
            reason = JobError(
                f"the job ran longer than its execution duration of {duration_s} s and was aborted "
                "(set a longer EXECUTIONDURATION, or make the query smaller)",
                code=QueryTimeoutError.code,
            )
            return lambda: self._jobs.mark_aborted(job_id, reason, worker=self.name)
        if is_stopped and self._stop.is_set():
            return lambda: self._jobs.requeue(job_id, worker=self.name)
        is_passing = isinstance(error, UnavailableError | CatalogueUnavailableError)
        if is_passing and run.job.info.n_attempts < MAX_ATTEMPTS:
            # The database was restarted, most likely; whatever the query is, it deserves another run.
            return lambda: self._jobs.requeue(job_id, worker=self.name, is_counted=True)
        if isinstance(error, VoError):
            told = JobError(str(error), error.transient, error.code)
        else:
            logger.error("job %s failed", job_id, exc_info=error)
            told = JobError(f"an internal error, which the operator finds in the log under job {job_id}")
        return lambda: self._jobs.mark_error(job_id, told, worker=self.name)

    def _tell(self, run: _Run, end: Callable[[], None]) -> None:
        """Tell the store what became of a run, patiently; the run is kept ours meanwhile."""
        for pause_s in (*_PAUSES_S, None):
            try:
                end()
            except (MissingError, PhaseError) as error:
                logger.info("the run of job %s ends in vain: %s", run.job.id, error)
                if isinstance(error, MissingError):
                    self._forget(run.job.id)
            except CatalogueError:
                logger.warning("the end of job %s cannot be told", run.job.id, exc_info=True)
                if pause_s is not None:
                    self._done.wait(pause_s)
                    continue
            except VoError:
                logger.warning("the result of job %s cannot be discarded", run.job.id, exc_info=True)
            return

    def _forget(self, job_id: str) -> None:
        """Remove the files of a job that was destroyed while it ran: the run may have made some after that."""
        try:
            self._results.remove(job_id)
        except VoError:
            logger.warning("the files of job %s cannot be removed", job_id, exc_info=True)

    def _keep(self) -> None:
        """Keep running jobs ours, find out which we lost, and give those of dead workers to others."""
        next_beat = next_word = time.monotonic()
        while not self._done.wait(_LOOK_S):
            runs = tuple(self._runs.copy().values())
            try:
                if runs:
                    held = self._jobs.held(self.name)
                    for run in runs:
                        if run.job.id not in held:
                            run.is_lost.set()
                if time.monotonic() >= next_word:
                    next_word = time.monotonic() + _TELL_S
                    self._tell_progress(runs)
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._lease_s / 3
                    if runs:
                        self._jobs.heartbeat(self.name, [run.job.id for run in runs], lease_s=self._lease_s)
                    self._jobs.recover()
            except Exception:  # a keeper that dies of anything would give running jobs away
                logger.warning("the jobs of worker %s cannot be kept now", self.name, exc_info=True)

    def _tell_progress(self, runs: Iterable[_Run]) -> None:
        """Tell the store how far runs have come, where that has changed."""
        told = {}
        for run in runs:
            progress = run.control.progress()
            if progress != run.told and not run.is_lost.is_set():
                run.told = told[run.job.id] = progress
        self._jobs.tell_progress(self.name, told)
