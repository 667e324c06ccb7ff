"""Small queries through HTTP: latency beside the bare driver, and many clients at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.bench.service.bench import percentile
from ingest.bench.service.load import load
from ingest.bench.service.queries import RADII_DEG, SELECTIONS, TOP_1, cone
from ingest.bench.service.result import Limit
from ingest.bench.service.table import centres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.bench.service.bench import Bench
    from ingest.bench.service.result import Measured

__all__ = ["measure_clients", "measure_cones", "measure_overhead", "measure_selections"]

_N_CONES: Final = 100
_N_CLIENTS: Final = (1, 8, 32)
_LOAD_RADIUS: Final = "0.1 deg"


def measure_cones(bench: Bench) -> Iterator[Measured]:
    """Search cones around rows of the table, one after the other."""
    places = centres(_N_CONES, n_rows=bench.n_rows)
    for name, radius_deg in RADII_DEG.items():
        yield from _beside(bench, "cones", f"cone {name}", [cone(*place, radius_deg) for place in places])
        bare_ms = [seconds * 1e3 for place in places if (seconds := bench.raw.cone_s(*place, radius_deg)) is not None]
        if bare_ms:
            yield bench.measured("cones", f"cone {name}: q3c_radial_query alone", "ms", [percentile(bare_ms, 50)])


def measure_overhead(bench: Bench) -> Iterator[Measured]:
    """Ask the smallest query."""
    yield from _beside(bench, "overhead", "one row", [TOP_1] * _N_CONES)


def measure_selections(bench: Bench) -> Iterator[Measured]:
    """Count, and select at a purity."""
    for name, adql in SELECTIONS.items():
        yield from _beside(bench, "selections", name, [adql] * bench.repeat)


def measure_clients(bench: Bench) -> Iterator[Measured]:
    """Search cones with more and more clients."""
    requests = [
        bench.request(cone(*place, RADII_DEG[_LOAD_RADIUS])) for place in centres(_N_CONES, n_rows=bench.n_rows)
    ]
    for n_clients in _N_CLIENTS:
        name = f"cone {_LOAD_RADIUS}, {n_clients} client{'s' if n_clients > 1 else ''}"
        runs = [
            load(bench.server.address, requests, n_clients=n_clients, seconds=bench.load_s) for _ in range(bench.repeat)
        ]
        yield bench.measured("clients", name, "requests/s", [run.requests_per_s for run in runs])
        yield bench.measured("clients", f"{name}: p95", "ms", [percentile(run.latencies_ms, 95) for run in runs])
        yield bench.measured("clients", f"{name}: errors", "answers", [run.n_errors for run in runs])


def _beside(bench: Bench, group: str, name: str, queries: Sequence[str]) -> Iterator[Measured]:
    """Ask the server and the bare database the same in turns, so that both have the same noise."""
    asked = [(bench.request(adql), bench.translate(adql)) for adql in queries]
    p50s, p95s, bare_p50s, used_ms = [], [], [], []
    with bench.connect() as connection:
        connection.fetch(asked[0][0])  # Whatever is made once is not part of a query.
        bench.raw.ask_s(asked[0][1])
        for _ in range(bench.repeat):
            http_ms, bare_ms = [], []
            used_before_s = bench.server.processor_s()
            for request, sql in asked:
                http_ms.append(connection.fetch(request).total_s * 1e3)
                bare_ms.append(bench.raw.ask_s(sql) * 1e3)
            used_ms.append((bench.server.processor_s() - used_before_s) * 1e3 / len(asked))
            p50s.append(percentile(http_ms, 50))
            p95s.append(percentile(http_ms, 95))
            bare_p50s.append(percentile(bare_ms, 50))
    bare = Limit("bare driver, same SQL", percentile(bare_p50s, 50))
    yield bench.measured(group, f"{name}: p50", "ms", p50s, bare)
    yield bench.measured(group, f"{name}: p95", "ms", p95s)
    overheads = [http - bare_ms for http, bare_ms in zip(p50s, bare_p50s, strict=True)]
    yield bench.measured(group, f"{name}: overhead", "ms", overheads)
    if len(asked) > 1:  # The clock of the operating system ticks a hundred times a second.
        yield bench.measured(group, f"{name}: processor time of the server", "ms", used_ms)
