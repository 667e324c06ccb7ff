"""UWS behaviour without HTTP: what may be done with a job, and what becomes of it (UWS 1.1, section 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Final

import anyio
from anyio import to_thread

from vo_server.access.admission import admit_job, check_room
from vo_server.access.ownership import require_owner
from vo_server.errors import MissingError, ParameterError, PhaseError
from vo_server.model.identity import Identity
from vo_server.model.job import ACTIVE_PHASES, Job, JobError, JobResult, Phase
from vo_server.services.job_parameters import cleaned, without_controls
from vo_server.services.parameters import to_duration_s, to_time
from vo_server.services.uploads import part_name
from vo_server.services.watch import JobWatch, Waiter
from vo_server.store.tables import utc_now

if TYPE_CHECKING:
    from vo_server.model.limits import LimitTable, Queues, Usage
    from vo_server.services.job_limits import JobLimits
    from vo_server.store.jobs import JobStore
    from vo_server.store.results import ResultStore

__all__ = ["JobService"]

_WAITED_FOR: Final = frozenset({Phase.PENDING, Phase.QUEUED, Phase.EXECUTING})
"""Phases in which WAIT blocks (UWS 1.1, section 2.2.1.2)."""

_LOOKERS: Final = 4
"""Threads that look after jobs for all waiting requests together; each look is one quick SELECT."""

_CHUNK_BYTES: Final = 1024 * 1024

NO_FILES: Final[Mapping[str, BinaryIO]] = MappingProxyType({})

_ABORTED: Final = JobError("the job was aborted at its owner's request", code="aborted")


class JobService:
    """What users may do with jobs.

    Every method that names a job raises :class:`~vo_server.errors.MissingError` when there is none (any more).

    Parameters
    ----------
    jobs
        The jobs.
    results
        Their results.
    limits
        What the service allows.
    callers
        What each class of callers may use of that; None for all of it.
    clock
        Gives the time in UTC.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        results: ResultStore,
        limits: JobLimits,
        callers: LimitTable | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._jobs = jobs
        self._results = results
        self.limits = limits
        self._callers = callers
        self._clock = clock
        self._lookers = anyio.CapacityLimiter(_LOOKERS)
        self.watch = JobWatch(jobs)
        """What wakes those who wait; :meth:`~vo_server.services.watch.JobWatch.run` has to go on beside the waits."""

    def create(
        self,
        parameters: Sequence[tuple[str, str]],
        *,
        files: Mapping[str, BinaryIO] = NO_FILES,
        owner: str | None = None,
        client: str = "",
        run: bool = False,
    ) -> Job:
        """Make a job, whatever its parameters say: they are judged when it runs (TAP 1.1, section 2.7).

        Parameters
        ----------
        parameters
            (name, value) as given. Controls (PHASE, EXECUTIONDURATION, ...) do what they say and are not kept; where
            their values make no sense the defaults hold.
        files
            Inline uploads by their labels; they are kept with the job and removed with it.
        owner
            Who asks; None for anybody.
        client
            Who the job counts for, see :func:`vo_server.access.clients.client_key`.
        run
            Whether to hand it to the workers at once; PHASE=RUN among the parameters does the same.

        Raises
        ------
        ParameterError
            If a value cannot be stored as text.
        ConfigurationError
            If the uploads cannot be kept; then there is no job.
        TooManyError
            If the client has too many jobs already.
        """
        given = cleaned(parameters)
        allowed = self._allowed(owner)
        duration_s, destruction = allowed.default_duration_s, None
        for name, value in given:
            with suppress(ParameterError):
                if name == "EXECUTIONDURATION":
                    duration_s = to_duration_s(value)
                elif name == "DESTRUCTION":
                    destruction = to_time(value)
        now = self._clock()
        is_run = run or ("PHASE", "RUN") in given
        job = self._jobs.create(
            without_controls(given),
            destruction=self.limits.destruction(now, destruction),
            execution_duration_s=allowed.duration_s(duration_s),
            owner=owner,
            client=client,
            admit=None if self._callers is None else partial(admit_job, self._callers.of(Identity(owner))),
            run_id=next((value for name, value in reversed(given) if name == "RUNID"), None),
            run=is_run and not files,
        )
        if not files:
            return job
        try:
            self._keep(job, files)
        except BaseException:
            self.destroy(job.id)
            raise
        return self.run(job.id) if is_run else job

    def authorize(self, job_id: str, caller: Identity) -> None:
        """Let a caller use a job; see :func:`~vo_server.access.ownership.require_owner`.

        Raises
        ------
        AuthenticationError, ForbiddenError
            If it is somebody else's.
        """
        require_owner(self._jobs.owner(job_id), caller, f"job {job_id}")

    def room_for(self, job: Job) -> Callable[[int], None]:
        """Return what raises an error when a file of a job grows to a size [bytes] for which its owner has no room.

        What the owner keeps is looked up now, and not again while the file grows.
        """
        if self._callers is None:
            return lambda _: None
        return partial(check_room, self._callers.of(Identity(job.owner)), self._jobs.usage_beside(job.id))

    def usage(self, client: str) -> Usage:
        """Return what a client uses now."""
        return self._jobs.usage(client)

    def queue_lengths(self, queues: Queues) -> dict[str, dict[Phase, int]]:
        """Return how many jobs of everybody wait and run in each queue."""
        return self._jobs.queue_lengths(queues)

    def get(self, job_id: str, *, caller: Identity | None = None) -> Job:
        """Return a job; with ``caller``, only to who may use it, see :meth:`authorize`."""
        job = self._jobs.get(job_id)
        if caller is not None:
            require_owner(job.owner, caller, f"job {job_id}")
        return job

    def phase(self, job_id: str, *, caller: Identity | None = None) -> Phase:
        """Return the phase of a job; one quick SELECT. With ``caller``, only to who may use it."""
        owner, phase = self._jobs.status(job_id)
        if caller is not None:
            require_owner(owner, caller, f"job {job_id}")
        return phase

    def list(
        self,
        *,
        owner: str | None = None,
        phases: Collection[Phase] = (),
        after: datetime | None = None,
        last: int | None = None,
    ) -> tuple[Job, ...]:
        """Return the jobs of a user without their parameters and results, newest first.

        Nobody's jobs are told to nobody: whoever knows the unguessable id of one may use it.

        Parameters
        ----------
        owner
            Whose jobs; None gives an empty list.
        phases
            Only jobs in one of these; all but ARCHIVED when empty.
        after
            Only jobs created later than this.
        last
            Only so many of the newest.
        """
        if owner is None:
            return ()
        return self._jobs.list(owner=owner, phases=phases, after=after, last=last)

    async def wait(
        self, job_id: str, seconds: float, *, phase: Phase | None = None, caller: Identity | None = None
    ) -> Job:
        """Wait until a job leaves its phase, then return it; holds no thread and no connection meanwhile.

        Parameters
        ----------
        job_id
            The job.
        seconds
            Longest time to wait [s]; negative for as long as the service allows, which is the limit in any case.
        phase
            Wait only while the job is in this phase; None for the phase that it is in now.
        caller
            Who asks; None for somebody who may use any job.

        Raises
        ------
        AuthenticationError, ForbiddenError
            If it is somebody else's.
        """

        async def look() -> Job:
            return await to_thread.run_sync(partial(self.get, job_id, caller=caller), limiter=self._lookers)

        if seconds == 0:
            return await look()
        # Listening begins before the look, so that no change between it and the wait is missed.
        with self.watch.expect(job_id) as changes:
            job = await look()
            if job.phase in _WAITED_FOR and phase in {None, job.phase}:
                job = await self._awaited(job, changes, look, seconds)
            return job

    async def _awaited(self, job: Job, changes: Waiter, look: Callable[[], Awaitable[Job]], seconds: float) -> Job:
        limit_s = self.limits.max_wait_s if seconds < 0 else min(seconds, self.limits.max_wait_s)
        before = job.phase
        with anyio.move_on_after(limit_s) as scope:
            while job.phase is before:
                await changes.wait(before)
                job = await look()
        return await look() if scope.cancelled_caught else job

    def run(self, job_id: str) -> Job:
        """Hand a pending job to the workers; one that has been handed over already stays as it is.

        Raises
        ------
        PhaseError
            If the job has ended.
        """
        try:
            self._jobs.queue(job_id)
        except PhaseError:
            if self._jobs.phase(job_id) not in ACTIVE_PHASES:
                raise
        return self._jobs.get(job_id)

    def abort(self, job_id: str) -> Job:
        """Stop a job, wherever it runs; one that has ended stays as it is."""
        with suppress(PhaseError):
            self._jobs.mark_aborted(job_id, _ABORTED)
        return self._jobs.get(job_id)

    def set_parameters(
        self, job_id: str, parameters: Sequence[tuple[str, str]], *, files: Mapping[str, BinaryIO] = NO_FILES
    ) -> Job:
        """Set parameters of a pending job: a new value takes the place of the old one, uploads accumulate.

        Files are inline uploads by their labels; one of the same label takes the place of the old one.

        Raises
        ------
        PhaseError
            If the job is no longer pending.
        ParameterError
            If a value cannot be stored as text.
        ConfigurationError
            If the uploads cannot be kept.
        TooLargeError
            If the owner has no room for them.
        """
        # First the parameters, which only a pending job takes.
        self._jobs.update_parameters(job_id, without_controls(cleaned(parameters)))
        job = self._jobs.get(job_id)
        self._keep(job, files)
        return job

    def set_destruction(self, job_id: str, destruction: datetime) -> Job:
        """Set the time at which a job is destroyed, or the latest that the service allows if that is earlier."""
        created = self._jobs.get(job_id).created
        self._jobs.set_destruction(job_id, self.limits.destruction(created, destruction))
        return self._jobs.get(job_id)

    def set_duration(self, job_id: str, duration_s: int) -> Job:
        """Set how long a job may run [s]; 0, and more than the service allows, mean the longest that it allows.

        Raises
        ------
        PhaseError
            If the job has started.
        ParameterError
            If the duration is negative.
        """
        if duration_s < 0:
            raise ParameterError("EXECUTIONDURATION", str(duration_s), "a whole number of seconds from 0")
        allowed = self._allowed(self._jobs.owner(job_id))
        self._jobs.set_execution_duration(job_id, allowed.duration_s(duration_s))
        return self._jobs.get(job_id)

    def destroy(self, job_id: str) -> None:
        """Stop a job and remove it with its results."""
        self._jobs.destroy(job_id)
        self._results.remove(job_id)

    def result(self, job_id: str, result_id: str = "result", *, caller: Identity | None = None) -> JobResult:
        """Return the record of a result.

        Raises
        ------
        MissingError
            If the job has no such result, or none yet.
        """
        job = self.get(job_id, caller=caller)
        found = next((result for result in job.results if result.id == result_id), None)
        if found is None:
            # Clients that fetch the result at once tell their users no more than this.
            reason = None if job.error is None else f"it has failed: {job.error.message}"
            if job.phase is Phase.ARCHIVED:
                reason = "its results were removed at its time of destruction"
            raise MissingError(
                f"job {job_id} has no result {result_id!r}",
                hint=reason or f"its phase is {job.phase}; wait for {Phase.COMPLETED}",
            )
        return found

    def open_result(self, result: JobResult) -> BinaryIO:
        """Open a result for reading; MissingError when it has gone meanwhile."""
        return self._results.open(result.path)

    def open_upload(self, job_id: str, label: str) -> BinaryIO:
        """Open an inline upload of a job, as it was sent.

        Raises
        ------
        MissingError
            If there is no such upload.
        """
        job = self._jobs.get(job_id)
        try:
            return self._results.open(f"{job.id}/{part_name(label)}")
        except MissingError as error:
            raise MissingError(f"job {job_id} has no upload {label[:40]!r}") from error

    def _keep(self, job: Job, files: Mapping[str, BinaryIO]) -> None:
        if not files:
            return
        check_room = self.room_for(job)
        n_bytes = 0
        for label, file in files.items():
            with self._results.create(job.id, part_name(label)) as kept:
                while piece := file.read(_CHUNK_BYTES):
                    check_room(n_bytes + len(piece))
                    kept.write(piece)
                    n_bytes += len(piece)
        self._jobs.count_files(job.id, n_bytes)

    def _allowed(self, owner: str | None) -> JobLimits:
        if self._callers is None:
            return self.limits
        return self.limits.narrowed(self._callers.of(Identity(owner)))
