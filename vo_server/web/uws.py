"""Asynchronous jobs: the UWS 1.1 tree below ``/tap/async``.

Jobs of users are listed to them and are theirs alone. Jobs of anonymous callers belong to nobody: whoever knows the
unguessable address of one may use it, and the job list names none of them to anybody.
"""

from __future__ import annotations

import re
from contextlib import closing, suppress
from functools import partial
from math import isnan
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from anyio import to_thread
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from vo_server.errors import MissingError, ParameterError, UsageError, VoError
from vo_server.formats.registry import find_format
from vo_server.model.job import Phase
from vo_server.services.parameters import to_duration_s, to_time
from vo_server.vo import uws as documents
from vo_server.web.deps import client_of, identity, parameters, parameters_and_files, site, tap_url
from vo_server.web.errors import CODE_HEADER, printable
from vo_server.web.params import Parameters, first_of, values_of
from vo_server.web.sources import PIECE_BYTES, FileSource
from vo_server.web.status import stored
from vo_server.web.stream import StreamedResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from vo_server.model.job import Job, JobResult
    from vo_server.services.jobs import JobService

__all__ = ["ROUTES", "job_id_of"]

T = TypeVar("T")

Handler: TypeAlias = "Callable[[Request], Awaitable[Response]]"

_SEE_OTHER: Final = 303
_YES: Final = frozenset({"1", "true", "yes"})
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_CACHE: Final = {"Cache-Control": "no-cache"}


async def job_list(request: Request) -> Response:
    """List the caller's jobs (UWS 1.1, section 2.2.2.1)."""
    filters = _filters(await parameters(request))
    found = await to_thread.run_sync(partial(_jobs(request).list, owner=identity(request).name, **filters))
    return _xml(documents.job_list(found, _jobs_url(request)))


async def create(request: Request) -> Response:
    """Make a job; what its parameters mean is not judged yet (TAP 1.1, section 2.7)."""
    with closing(await parameters_and_files(request)) as body:
        make = partial(
            _jobs(request).create,
            files=body.by_label(),
            owner=identity(request).name,
            client=client_of(request.scope),
        )
        job = await to_thread.run_sync(make, body.parameters)
    if (first_of(body.parameters, "ESTIMATE") or "").lower() in _YES:
        with suppress(VoError):  # The run will tell what is wrong.
            await to_thread.run_sync(site(request).context.job_estimates.make, job.id, identity(request))
    return _to_job(request, job.id)


async def show(request: Request) -> Response:
    """Show a job, after a while if the caller wants to WAIT (UWS 1.1, section 2.2.1.2)."""
    given = await parameters(request)
    phase, wait_s = first_of(given, "PHASE"), _seconds(first_of(given, "WAIT"))
    expected = None if phase is None else _to_phase(phase)
    job = await _jobs(request).wait(job_id_of(request), wait_s, phase=expected, caller=identity(request))
    return _xml(documents.job_document(job, _jobs_url(request)))


async def change(request: Request) -> Response:
    """Destroy a job by POST with ACTION=DELETE, for clients that cannot DELETE."""
    if (first_of(await parameters(request), "ACTION") or "").upper() != "DELETE":
        # DALI 1.1, section 2.1: parameters are set at `parameters`, and not here.
        raise UsageError("the only ACTION on a job is DELETE", hint="POST parameters of the query to .../parameters")
    return await destroy(request)


async def destroy(request: Request) -> Response:
    """Destroy a job with its results."""
    await _use(request, _jobs(request).destroy)
    return RedirectResponse(_jobs_url(request), _SEE_OTHER)


async def destroy_several(request: Request) -> Response:
    """Destroy the jobs that JOB_IDS lists, all or none of them, as TapPlus of astroquery asks for."""
    given = first_of(await parameters(request), "JOB_IDS")
    if given is None:
        raise ParameterError("JOB_IDS", None, "ids of jobs, separated by commas")
    ids = [_checked(one.strip()) for one in given.split(",")]
    jobs, caller = _jobs(request), identity(request)

    def use() -> None:
        for job_id in ids:
            jobs.authorize(job_id, caller)
        for job_id in ids:
            jobs.destroy(job_id)

    await to_thread.run_sync(use)
    return PlainTextResponse("", headers=_NO_CACHE)


async def set_phase(request: Request) -> Response:
    """Run a job or abort it."""
    given = (first_of(await parameters(request), "PHASE") or "").upper()
    if given not in {"RUN", "ABORT"}:
        raise ParameterError("PHASE", given or None, "RUN or ABORT")
    await _use(request, _jobs(request).run if given == "RUN" else _jobs(request).abort)
    return _to_job(request)


async def set_duration(request: Request) -> Response:
    """Set how long a job may run [s]; the service may settle on less."""
    duration_s = to_duration_s(first_of(await parameters(request), "EXECUTIONDURATION") or "")
    await _use(request, _jobs(request).set_duration, duration_s)
    return _to_job(request)


async def set_destruction(request: Request) -> Response:
    """Set when a job is destroyed; the service may settle on an earlier time."""
    destruction = to_time(first_of(await parameters(request), "DESTRUCTION") or "")
    await _use(request, _jobs(request).set_destruction, destruction)
    return _to_job(request)


async def set_parameters(request: Request) -> Response:
    """Set parameters of a job that has not been started."""
    with closing(await parameters_and_files(request)) as body:
        await _use(request, partial(_jobs(request).set_parameters, files=body.by_label()), body.parameters)
    return _to_job(request)


async def show_phase(request: Request) -> Response:
    """Tell the phase of a job: what clients ask for again and again."""
    look = partial(_jobs(request).phase, job_id_of(request), caller=identity(request))
    return PlainTextResponse(await to_thread.run_sync(look), headers=_NO_CACHE)


async def show_parameters(request: Request) -> Response:
    """List the parameters of a job."""
    return _xml(documents.parameters(await _get(request), _jobs_url(request)))


async def show_upload(request: Request) -> Response:
    """Send an inline upload as it came (UWS 1.1, section 2.2.3.1.1)."""
    job = await _get(request)
    open_upload = partial(_jobs(request).open_upload, job.id, request.path_params["label"])
    headers = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment", **_NO_CACHE}
    return StreamedResponse(FileSource(open_upload), headers=headers)


async def show_results(request: Request) -> Response:
    """List the results of a job."""
    return _xml(documents.results(await _get(request), _jobs_url(request)))


async def show_result(request: Request) -> Response:
    """Send a result, as the run has stored it."""
    jobs = _jobs(request)
    look = partial(jobs.result, job_id_of(request), request.path_params["result_id"], caller=identity(request))

    def find() -> tuple[JobResult, bytes | None]:
        """A small result is read at once: a stream costs more than it."""
        found = look()
        if found.size_bytes > PIECE_BYTES:
            return found, None
        with closing(jobs.open_result(found)) as file:
            return found, file.read()

    found, content = await to_thread.run_sync(find)
    headers = {
        "Content-Type": found.mime,
        "Content-Length": str(found.size_bytes),
        "Content-Disposition": f'inline; filename="result{PurePosixPath(found.path).suffix}"',
        **stored(found),  # formats other than VOTable cannot tell inside that rows were left out
        **_NO_CACHE,
    }
    if content is not None:
        return Response(content, headers=headers)
    return StreamedResponse(FileSource(partial(jobs.open_result, found)), headers=headers)


async def show_error(request: Request) -> Response:
    """Tell why a job failed, in a document with status 200 (TAP 1.1, section 3.3)."""
    job = await _get(request)
    if job.error is None:
        raise MissingError(f"the job has no error; its phase is {job.phase}")
    votable = find_format("votable")
    document = votable.writer.write_error(VoError(job.error.message), query=job.parameter("QUERY"))
    headers = {"Content-Type": votable.content_type.partition(";")[0], CODE_HEADER: job.error.code, **_NO_CACHE}
    return Response(document, headers=headers)


def _atom(text: Callable[[Job], str | None]) -> Handler:
    """Make the handler of a resource that is one word of text; empty when it is not known."""

    async def show_atom(request: Request) -> Response:
        return PlainTextResponse(text(await _get(request)) or "", headers=_NO_CACHE)

    return show_atom


def _resource(path: str, **handlers: Handler) -> Route:
    """Make the route of a resource with a handler per method, so that 405 can name all of them."""

    async def answer(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answer, methods=list(handlers))


def _jobs(request: Request) -> JobService:
    return site(request).context.jobs


def _jobs_url(request: Request) -> str:
    return f"{tap_url(request)}/async"


def job_id_of(request: Request) -> str:
    """Return the id in the path of a request.

    Raises
    ------
    MissingError
        If no job can have it.
    """
    return _checked(str(request.path_params["job_id"]))


def _checked(job_id: str) -> str:
    if not _JOB_ID.fullmatch(job_id):
        raise MissingError(f"there is no job {printable(job_id)}")
    return job_id


async def _use(request: Request, method: Callable[..., T], *arguments: object) -> T:
    """Call a method with the job of a request, if the caller may use it."""
    jobs, job_id, caller = _jobs(request), job_id_of(request), identity(request)

    def use() -> T:
        jobs.authorize(job_id, caller)
        return method(job_id, *arguments)

    return await to_thread.run_sync(use)


async def _get(request: Request) -> Job:
    look = partial(_jobs(request).get, job_id_of(request), caller=identity(request))
    return await to_thread.run_sync(look)


def _filters(given: Parameters) -> dict[str, Any]:
    after, last = first_of(given, "AFTER"), first_of(given, "LAST")
    if last is not None and not (last.isascii() and last.isdigit()):
        raise ParameterError("LAST", last, "a whole number from 0")
    return {
        "phases": [_to_phase(value) for value in values_of(given, "PHASE") if value],
        "after": None if after is None else to_time(after, "AFTER"),
        "last": None if last is None else int(last),
    }


def _seconds(value: str | None) -> float:
    """Return the time that WAIT asks for [s], negative for as long as possible; what is not a number is ignored."""
    try:
        wanted_s = float(value or 0)
    except ValueError:
        return 0.0
    return 0.0 if isnan(wanted_s) else wanted_s


def _to_phase(value: str) -> Phase:
    try:
        return Phase(value.strip().upper())
    except ValueError:
        raise ParameterError("PHASE", value, f"one of {', '.join(Phase)}") from None


def _to_job(request: Request, job_id: str | None = None) -> Response:
    return RedirectResponse(f"{_jobs_url(request)}/{job_id or job_id_of(request)}", _SEE_OTHER)


def _xml(document: bytes) -> Response:
    return Response(document, headers={"Content-Type": "text/xml", **_NO_CACHE})


_JOB = "/async/{job_id}"

ROUTES = [
    _resource("/async", GET=job_list, POST=create),
    _resource("/deletejobs", POST=destroy_several),
    _resource(_JOB, GET=show, POST=change, DELETE=destroy),
    _resource(f"{_JOB}/phase", GET=show_phase, POST=set_phase),
    _resource(f"{_JOB}/executionduration", GET=_atom(lambda job: str(job.execution_duration_s)), POST=set_duration),
    _resource(f"{_JOB}/destruction", GET=_atom(lambda job: documents.utc_text(job.destruction)), POST=set_destruction),
    _resource(f"{_JOB}/quote", GET=_atom(lambda job: None if job.quote is None else documents.utc_text(job.quote))),
    _resource(f"{_JOB}/owner", GET=_atom(lambda job: job.owner)),
    _resource(f"{_JOB}/parameters", GET=show_parameters, POST=set_parameters),
    _resource(f"{_JOB}/parameters/{{label:path}}", GET=show_upload),
    _resource(f"{_JOB}/results", GET=show_results),
    _resource(f"{_JOB}/results/{{result_id}}", GET=show_result),
    _resource(f"{_JOB}/error", GET=show_error),
]
