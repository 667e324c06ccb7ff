"""What the queries of jobs would cost, told with the jobs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from vo_server.formats.estimate import facts_in_words
from vo_server.services.parameters import to_query
from vo_server.services.uploads import parts_of_job

if TYPE_CHECKING:
    from vo_server.model.estimate import Estimate
    from vo_server.model.identity import Identity
    from vo_server.services.query import QueryService
    from vo_server.services.uploads import UploadService
    from vo_server.store.jobs import JobStore
    from vo_server.store.results import ResultStore

__all__ = ["JobEstimates"]


class JobEstimates:
    """Estimates queries of jobs, and keeps the estimates with them.

    Parameters
    ----------
    queries
        Estimates queries.
    uploads
        Gets the tables that came with a job.
    jobs
        The jobs.
    results
        Where the files of jobs are.
    """

    def __init__(self, *, queries: QueryService, uploads: UploadService, jobs: JobStore, results: ResultStore) -> None:
        self._queries = queries
        self._uploads = uploads
        self._jobs = jobs
        self._results = results

    def make(self, job_id: str, caller: Identity) -> Estimate:
        """Estimate the query of a job, with the time that the job may take, and keep that in its ``jobInfo``.

        Raises
        ------
        MissingError
            If there is no such job.
        VoError
            What the job would end with if it were run: its parameters are judged now.
        """
        job = self._jobs.get(job_id)
        query = to_query(job.parameters)
        with closing(self._uploads.gather(query.uploads, parts_of_job(job, self._results), caller=caller)) as gathered:
            made = self._queries.estimate(
                query, timeout_s=job.execution_duration_s, uploads=gathered.read(), caller=caller
            )
        self._jobs.set_estimate(job_id, facts_in_words(made))
        return made
