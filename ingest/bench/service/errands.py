"""What a client does again and again: fetch an answer, or take a job from its POST to its result."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ingest.bench.service.client import get
from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.bench.service.client import Answer, Connection

__all__ = ["ERRANDS", "poll", "wait"]

_DONE: Final = "COMPLETED"
_ACTIVE: Final = frozenset({"PENDING", "QUEUED", "EXECUTING"})
_PHASE: Final = re.compile(rb"<uws:phase>([A-Z]+)</uws:phase>")


def poll(connection: Connection, path: str) -> str:
    """Ask for the phase of a job without a pause until it has ended, and return the last one."""
    while (phase := _good(connection.ask(get(f"{path}/phase"))).body.decode()) in _ACTIVE:
        pass
    return phase


def wait(connection: Connection, path: str) -> str:
    """Have the service wait with its answer (UWS 1.1, section 2.2.1.2) until a job has ended; return its last phase."""
    while True:
        found = _PHASE.search(_good(connection.ask(get(f"{path}?WAIT=-1"))).body)
        if found is None:
            raise EngineError("the service told no phase of a job")
        if (phase := found[1].decode()) not in _ACTIVE:
            return phase


def _run_job(follow: Callable[[Connection, str], str], connection: Connection, request: bytes) -> None:
    """Make a job that runs at once, follow it to its end, and fetch its result."""
    made = connection.ask(request)
    path = urlsplit(made.headers.get("location", "")).path
    if made.status != 303 or not path:  # noqa: PLR2004 - See Other (UWS 1.1, section 2.2.3.1)
        raise EngineError(f"the service made no job, its answer has status {made.status}")
    phase = follow(connection, path)
    if phase != _DONE:
        raise EngineError(f"a job of the benchmark ended in phase {phase}")
    _good(connection.ask(get(f"{path}/results/result")))


def _good(answer: Answer) -> Answer:
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise EngineError(f"the service answered with status {answer.status}")
    return answer


def _fetch(connection: Connection, request: bytes) -> None:
    connection.fetch(request)


ERRANDS: Final[Mapping[str, Callable[[Connection, bytes], None]]] = {
    "fetch": _fetch,
    "poll": partial(_run_job, poll),
    "wait": partial(_run_job, wait),
}
"""By name: what a client does with each of its requests. Each raises EngineError where the service fails."""
