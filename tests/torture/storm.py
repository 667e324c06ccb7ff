"""A storm: clients that start jobs while workers are killed and the database is restarted."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from tests.support.service import stars

__all__ = ["WRONG", "Attempt", "Storm"]

WRONG = "SELECT nothing_of_this_name FROM web.stars"
"""A query that fails in every weather."""

_FINAL = frozenset({"COMPLETED", "ERROR", "ABORTED"})
_PATIENCE_S = 180.0


@dataclass
class Attempt:
    """A job as its client knows it."""

    query: str
    expected: str | None
    """The rows of the result as CSV; None for a query that has to fail."""
    url: str = ""
    phase: str = ""
    result: str | None = None
    error: str | None = None
    code: str | None = None
    statuses_s: list[float] = field(default_factory=list)
    """Times that answers about the phase took [s], those that told of a database that was away left out."""
    refused: list[int] = field(default_factory=list)
    """Statuses of answers that told to come back."""


class Storm:
    """Twenty clients, or as many as wanted, with so many jobs each.

    Parameters
    ----------
    tap
        Base URL of TAP.
    n_jobs, n_clients
        How many.
    seed
        Of all random choices of the clients.
    """

    def __init__(self, tap: str, *, n_jobs: int, n_clients: int, seed: int) -> None:
        self._tap = tap
        self._rows = stars()
        chooser = random.Random(seed)
        self.attempts = [self._draw(chooser) for _ in range(n_jobs)]
        self._shares = [self.attempts[start::n_clients] for start in range(n_clients)]
        self.failures: list[BaseException] = []

    def run(self) -> list[threading.Thread]:
        """Start the clients and return their threads."""
        threads = [threading.Thread(target=self._client, args=(share,)) for share in self._shares]
        for thread in threads:
            thread.start()
        return threads

    def _draw(self, chooser: random.Random) -> Attempt:
        """Choose a query whose answer numpy knows as well."""
        kind = chooser.random()
        if kind < 0.1:
            return Attempt(WRONG, None)
        limit = chooser.randrange(20, 340)
        near = self._rows.filter(pc.less(self._rows["ra"], pa.scalar(float(limit))))
        if kind < 0.4:
            return Attempt(f"SELECT COUNT(*) AS n FROM web.stars WHERE ra < {limit}", f"n\r\n{near.num_rows}\r\n")
        if kind < 0.6:  # a second or so of work, so that it is often met by a kill
            query = (
                "SELECT COUNT(*) AS n FROM web.stars AS a, web.stars AS b "
                f"WHERE a.id < {2**60 + 900} AND SIN(a.ra * b.dec) < 2 AND b.ra < {limit}"
            )
            return Attempt(query, f"n\r\n{900 * near.num_rows}\r\n")
        ids = sorted(near["id"].to_pylist())
        return Attempt(
            f"SELECT id FROM web.stars WHERE ra < {limit} ORDER BY id",
            "id\r\n" + "".join(f"{one}\r\n" for one in ids[:1000]),
        )

    def _client(self, share: Sequence[Attempt]) -> None:
        try:
            with httpx.Client(base_url=f"{self._tap}/", timeout=60) as client:
                for attempt in share:
                    _follow(client, attempt)
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failures.append(error)


def _follow(client: httpx.Client, attempt: Attempt) -> None:
    """Start a job and see it through."""
    given = {"LANG": "ADQL", "QUERY": attempt.query, "RESPONSEFORMAT": "csv", "PHASE": "RUN"}
    attempt.url = _ask(client, attempt, "POST", "async", data=given).headers["Location"]
    deadline = time.monotonic() + _PATIENCE_S
    while attempt.phase not in _FINAL:
        assert time.monotonic() < deadline, f"{attempt.url} stays {attempt.phase}"
        attempt.phase = _ask(client, attempt, "GET", f"{attempt.url}/phase", is_status=True).text
        if attempt.phase not in _FINAL:
            time.sleep(0.2)
    if attempt.phase == "COMPLETED":
        attempt.result = _ask(client, attempt, "GET", f"{attempt.url}/results/result").text
    else:
        told = _ask(client, attempt, "GET", f"{attempt.url}/error")
        attempt.error, attempt.code = told.text, told.headers["X-VO-Error"]


def _ask(
    client: httpx.Client,
    attempt: Attempt,
    method: str,
    url: str,
    *,
    data: dict[str, str] | None = None,
    is_status: bool = False,
) -> httpx.Response:
    """Ask until the service answers; all that it may say meanwhile is that it cannot now."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        start = time.monotonic()
        answer = client.request(method, url, data=data)
        if answer.status_code in {429, 503}:
            assert "Retry-After" in answer.headers
            assert time.monotonic() < deadline, answer.text
            attempt.refused.append(answer.status_code)
            time.sleep(0.5)
            continue
        assert answer.status_code in {200, 303}, f"{method} {url}: {answer.status_code} {answer.text}"
        if is_status:
            attempt.statuses_s.append(time.monotonic() - start)
        return answer
