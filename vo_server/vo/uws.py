"""UWS 1.1 documents: a job, the list of jobs, the parameters and the results of a job.

Written by :class:`~vo_server.vo.xml.XmlWriter` and not by ``vo-models``: its job model gives valid documents only with
one setting, its capabilities only with the opposite one, and its ``jobInfo`` cannot hold text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from vo_server.model.upload import inline_labels
from vo_server.vo.xml import XLINK, XSI, XmlWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vo_server.model.job import Job, JobInfo

__all__ = ["job_document", "job_list", "parameters", "results", "utc_text"]

NAMESPACE: Final = "http://www.ivoa.net/xml/UWS/v1.0"
VERSION: Final = "1.1"
"""On ``job`` and ``jobs``; without it clients take the service for UWS 1.0 and do not use WAIT."""

_ROOT: Final = {"xmlns:uws": NAMESPACE, "xmlns:xlink": XLINK, "xmlns:xsi": XSI}
_NIL: Final = {"xsi:nil": "true"}


def utc_text(time: datetime) -> str:
    """Write a time as UWS wants it: ISO 8601 in UTC with ``T`` and ``Z``, fractions only where there are any."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def job_document(job: Job, jobs_url: str) -> bytes:
    """Return the ``uws:job`` document.

    Parameters
    ----------
    job
        The job as stored.
    jobs_url
        Absolute URL of the job list (``https://host/tap/async``), without a trailing slash.

    References
    ----------
    UWS 1.1, appendix B: the order of the elements is fixed; what is not known is nil, not empty.
    """
    writer = XmlWriter()
    with writer.element("uws:job", {"version": VERSION, **_ROOT}):
        writer.leaf("uws:jobId", job.id)
        writer.optional("uws:runId", job.run_id)
        _nillable(writer, "uws:ownerId", job.owner)
        writer.leaf("uws:phase", str(job.phase))
        _nillable_time(writer, "uws:quote", job.quote)
        writer.leaf("uws:creationTime", utc_text(job.created))
        _nillable_time(writer, "uws:startTime", job.started)
        _nillable_time(writer, "uws:endTime", job.ended)
        writer.leaf("uws:executionDuration", str(job.execution_duration_s))
        writer.leaf("uws:destruction", utc_text(job.destruction))
        _write_parameters(writer, job, jobs_url, {})
        _write_results(writer, job, jobs_url, {})
        if job.error is not None:
            kind = "transient" if job.error.is_transient else "fatal"
            with writer.element("uws:errorSummary", {"type": kind, "hasDetail": "true"}):
                writer.leaf("uws:message", job.error.message)
        _write_info(writer, job.info)
    return writer.to_bytes()


def job_list(jobs: Iterable[Job], jobs_url: str) -> bytes:
    """Return the ``uws:jobs`` document with one reference per job, in the given order.

    Parameters
    ----------
    jobs
        The jobs that the caller may see.
    jobs_url
        Absolute URL of the job list, without a trailing slash.
    """
    writer = XmlWriter()
    with writer.element("uws:jobs", {"version": VERSION, **_ROOT}):
        for job in jobs:
            with writer.element("uws:jobref", {"id": job.id, "xlink:href": f"{jobs_url}/{job.id}"}):
                writer.leaf("uws:phase", str(job.phase))
                writer.optional("uws:runId", job.run_id)
                writer.optional("uws:ownerId", job.owner)
                writer.leaf("uws:creationTime", utc_text(job.created))
    return writer.to_bytes()


def parameters(job: Job, jobs_url: str) -> bytes:
    """Return the ``uws:parameters`` document of a job."""
    writer = XmlWriter()
    _write_parameters(writer, job, jobs_url, _ROOT)
    return writer.to_bytes()


def results(job: Job, jobs_url: str) -> bytes:
    """Return the ``uws:results`` document of a job; empty until it is completed."""
    writer = XmlWriter()
    _write_results(writer, job, jobs_url, _ROOT)
    return writer.to_bytes()


def _write_parameters(writer: XmlWriter, job: Job, jobs_url: str, root: dict[str, str]) -> None:
    """Write the parameters, inline uploads as references to their files (UWS 1.1, section 2.2.3.1.1)."""
    with writer.element("uws:parameters", root):
        for name, value in job.parameters:
            writer.leaf("uws:parameter", value, {"id": name})
        names = {name for name, _ in job.parameters}
        for label in inline_labels(value for name, value in job.parameters if name == "UPLOAD"):
            if label.upper() not in names:
                url = f"{jobs_url}/{job.id}/parameters/{quote(label, safe='')}"
                writer.leaf("uws:parameter", url, {"id": label, "byReference": "true"})


def _write_results(writer: XmlWriter, job: Job, jobs_url: str, root: dict[str, str]) -> None:
    with writer.element("uws:results", root):
        for result in job.results:
            link = {
                "id": result.id,
                "xlink:type": "simple",
                "xlink:href": f"{jobs_url}/{job.id}/results/{result.id}",
                "size": str(result.size_bytes),
                "mime-type": result.mime,
            }
            writer.leaf("uws:result", None, link)


def _write_info(writer: XmlWriter, info: JobInfo) -> None:
    """Write what UWS has no words for, in no namespace; what is not known is left out.

    Validators that know all namespaces of the IVOA (taplint) complain of any other.
    """
    progress = info.progress
    with writer.element("uws:jobInfo"):
        writer.leaf("attempts", str(info.n_attempts))
        if info.queue_position is not None:
            writer.leaf("queuePosition", str(info.queue_position))
        if progress is not None:
            writer.leaf("rows", str(progress.n_rows))
        if progress is not None and progress.share is not None:
            writer.leaf("progress", f"{progress.share:.3f}")
        if info.estimate is not None:
            with writer.element("estimate"):
                for name, value in info.estimate.items():
                    writer.leaf("value", value, {"name": name})


def _nillable(writer: XmlWriter, name: str, text: str | None) -> None:
    writer.leaf(name, text, _NIL if text is None else None)


def _nillable_time(writer: XmlWriter, name: str, time: datetime | None) -> None:
    _nillable(writer, name, None if time is None else utc_text(time))
