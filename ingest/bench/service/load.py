"""Many clients at once, in a process of their own: ``python -m ingest.bench.service.load`` with the order on stdin."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ingest.bench.service.client import Address, Connection
from ingest.bench.service.errands import ERRANDS
from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Load", "load"]


@dataclass(frozen=True)
class Load:
    """What many clients saw together."""

    requests_per_s: float
    n_errors: int
    """Answers with another status than they should have, and those that broke off."""
    latencies_ms: tuple[float, ...]
    """Time of each request, in no order [ms]."""


def load(address: Address, requests: Sequence[bytes], *, n_clients: int, seconds: float, errand: str = "fetch") -> Load:
    """Have clients send requests for a while, each the next as soon as it has its answer.

    Parameters
    ----------
    address
        Where the server listens.
    requests
        As they go over the wire; each client begins at another one and goes through all of them again and again.
    n_clients
        Clients, each with one connection.
    seconds
        How long new requests are sent [s].
    errand
        What is done with each request, a key of :data:`~ingest.bench.service.errands.ERRANDS`.
    """
    order = {
        "address": asdict(address),
        "requests": [request.decode() for request in requests],
        "n_clients": n_clients,
        "seconds": seconds,
        "errand": errand,
    }
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", __name__], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"the clients of the benchmark failed: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    return Load(found["requests_per_s"], found["n_errors"], tuple(found["latencies_ms"]))


class _Clients:
    """The clients, a thread each: they wait nearly all the time."""

    def __init__(self, address: Address, requests: Sequence[bytes], errand: str) -> None:
        self._address = address
        self._run = ERRANDS[errand]
        self._requests = requests
        self._latencies_ms: list[float] = []
        self._n_errors = 0

    def run(self, n_clients: int, seconds: float) -> Load:
        begin = time.perf_counter()
        threads = [
            threading.Thread(target=self._ask, args=(number * len(self._requests) // n_clients, begin + seconds))
            for number in range(n_clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        n_answers = len(self._latencies_ms)
        return Load(n_answers / (time.perf_counter() - begin), self._n_errors, tuple(self._latencies_ms))

    def _ask(self, first: int, deadline: float) -> None:
        requests = self._endless(first)
        while time.perf_counter() < deadline:
            try:
                with Connection(self._address) as connection:
                    while time.perf_counter() < deadline:
                        begin = time.perf_counter()
                        self._run(connection, next(requests))
                        self._latencies_ms.append((time.perf_counter() - begin) * 1e3)
            except (EngineError, OSError):
                self._n_errors += 1

    def _endless(self, first: int) -> Iterator[bytes]:
        yield from islice(self._requests, first, None)
        while True:
            yield from self._requests


def _main() -> None:
    order = json.load(sys.stdin)
    clients = _Clients(
        Address(**order["address"]), [request.encode() for request in order["requests"]], order["errand"]
    )
    json.dump(asdict(clients.run(order["n_clients"], order["seconds"])), sys.stdout)


if __name__ == "__main__":
    _main()
