"""What the clients of the benchmark do, against a service that says what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from ingest.bench.service.client import Address, Connection, job_request_of
from ingest.bench.service.errands import ERRANDS
from vo_server.errors import EngineError

JOB = "/tap/async/abc"
MADE = f"HTTP/1.1 303 See Other\r\nLocation: http://vo.example.org{JOB}\r\nContent-Length: 0\r\n\r\n"
FULL = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nfull"


def _ok(body: str) -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def _document(phase: str) -> str:
    return _ok(f"<uws:job><uws:phase>{phase}</uws:phase></uws:job>")


@contextmanager
def _saying(answers: Sequence[str], asked: list[str]) -> Iterator[Connection]:
    """Answer the requests of one connection one after the other, and note the first line of each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                for one in answers:
                    asked.append(connection.recv(65_536).decode().splitlines()[0])
                    connection.sendall(one.encode())

        thread = threading.Thread(target=answer)
        thread.start()
        with Connection(Address("127.0.0.1", listening.getsockname()[1])) as connection:
            yield connection
        thread.join(10)


def _run(errand: str, *answers: str) -> list[str]:
    asked: list[str] = []
    with _saying(answers, asked) as connection:
        ERRANDS[errand](connection, job_request_of(Address("127.0.0.1", 80), "SELECT 1"))
    return asked


def test_polling_asks_for_the_phase_until_the_job_has_ended_and_fetches_the_result() -> None:
    asked = _run("poll", MADE, _ok("QUEUED"), _ok("EXECUTING"), _ok("COMPLETED"), _ok("rows"))
    phase = f"GET {JOB}/phase HTTP/1.1"
    assert asked == ["POST /tap/async HTTP/1.1", phase, phase, phase, f"GET {JOB}/results/result HTTP/1.1"]


def test_waiting_asks_again_after_each_change_of_phase() -> None:
    asked = _run("wait", MADE, _document("EXECUTING"), _document("COMPLETED"), _ok("rows"))
    waiting = f"GET {JOB}?WAIT=-1 HTTP/1.1"
    assert asked == ["POST /tap/async HTTP/1.1", waiting, waiting, f"GET {JOB}/results/result HTTP/1.1"]


@pytest.mark.parametrize(
    ("errand", "answers", "reason"),
    [
        ("poll", [MADE, _ok("ERROR")], "ended in phase ERROR"),
        ("wait", [MADE, _document("ABORTED")], "ended in phase ABORTED"),
        ("wait", [MADE, _ok("<job/>")], "told no phase"),
        ("poll", [FULL], "made no job, its answer has status 429"),
        ("poll", [MADE, FULL], "answered with status 429"),
        ("wait", [MADE, _document("COMPLETED"), FULL], "answered with status 429"),
        ("poll", ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"], "does not tell its length"),
    ],
    ids=["failed", "aborted", "no phase", "refused", "no phase told", "no result", "chunked"],
)
def test_what_is_not_a_result_is_an_error(errand: str, answers: list[str], reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        _run(errand, *answers)
