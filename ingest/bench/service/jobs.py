"""Trivial jobs: what a job costs beside its query, from the POST to the result in hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ingest.bench.service.bench import percentile
from ingest.bench.service.client import job_request_of
from ingest.bench.service.errands import ERRANDS
from ingest.bench.service.load import load
from ingest.bench.service.queries import TOP_1

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.bench.service.bench import Bench
    from ingest.bench.service.result import Measured

__all__ = ["measure_jobs"]

_N_JOBS: Final = 30
"""Jobs one after the other, each time."""

_N_CLIENTS: Final = 4
_WAYS: Final = {"poll": "polling without delay", "wait": "with WAIT"}
"""How a client follows its job."""


def measure_jobs(bench: Bench) -> Iterator[Measured]:
    """Run jobs one after the other, then as many as a few clients get done."""
    request = job_request_of(bench.server.address, TOP_1)
    for way, name in _WAYS.items():
        yield from _one_by_one(bench, request, way, f"trivial job, {name}")
    name = f"trivial jobs, {_N_CLIENTS} clients {_WAYS['wait']}"
    used_ms, runs = [], []
    for _ in range(bench.repeat):
        used_before_s = bench.server.processor_s()
        run = load(bench.server.address, [request], n_clients=_N_CLIENTS, seconds=bench.load_s, errand="wait")
        used_ms.append((bench.server.processor_s() - used_before_s) * 1e3 / max(1, len(run.latencies_ms)))
        runs.append(run)
    yield bench.measured("jobs", name, "jobs/s", [run.requests_per_s for run in runs])
    yield bench.measured("jobs", f"{name}: p95", "ms", [percentile(run.latencies_ms, 95) for run in runs])
    yield bench.measured("jobs", f"{name}: processor time of the server", "ms", used_ms)
    yield bench.measured("jobs", f"{name}: errors", "answers", [run.n_errors for run in runs])


def _one_by_one(bench: Bench, request: bytes, way: str, name: str) -> Iterator[Measured]:
    run_job, p50s, p95s, used_ms = ERRANDS[way], [], [], []
    with bench.connect() as connection:
        run_job(connection, request)  # Whatever is made once is not part of a job.
        for _ in range(bench.repeat):
            spent_ms = []
            used_before_s = bench.server.processor_s()
            for _ in range(_N_JOBS):
                begin = time.perf_counter()
                run_job(connection, request)
                spent_ms.append((time.perf_counter() - begin) * 1e3)
            used_ms.append((bench.server.processor_s() - used_before_s) * 1e3 / _N_JOBS)
            p50s.append(percentile(spent_ms, 50))
            p95s.append(percentile(spent_ms, 95))
    yield bench.measured("jobs", f"{name}: p50", "ms", p50s)
    yield bench.measured("jobs", f"{name}: p95", "ms", p95s)
    yield bench.measured("jobs", f"{name}: processor time of the server", "ms", used_ms)
