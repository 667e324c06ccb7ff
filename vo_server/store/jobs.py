"""Jobs as rows: made by the service, claimed by workers, never lost.

Every change of phase is one UPDATE that names the phases it may come from, so that of two processes which move a job
at once one wins and the other is told.
"""

from __future__ import annotations

from vo_server.store.job_changes import JobChanges
from vo_server.store.job_runs import JobRuns

__all__ = ["JobStore"]


class JobStore(JobChanges, JobRuns):
    """The jobs of a service: what is known of them, what their owners do with them, and what workers do.

    Parameters
    ----------
    database
        Where the rows are.
    clock
        Gives the time in UTC. Processes that share a store must agree on it within seconds (the lease of a worker).
    """
