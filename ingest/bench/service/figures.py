"""What the service is to reach with 1 000 000 rows on two cores, for each engine."""

from __future__ import annotations

from typing import Final

from ingest.bench.service.result import Figure

__all__ = ["figure_of"]

_FIGURES: Final[dict[str, dict[str, Figure]]] = {
    "duckdb": {
        "votable: rows": Figure(at_least=700_000, at_least_of_limit=0.30),
        "cone 0.1 deg: p50": Figure(below=12),
        "cone 0.1 deg: p95": Figure(below=25),
        "cone 0.1 deg, 8 clients": Figure(at_least=250),
    },
    "postgres": {
        "votable: rows": Figure(at_least_of_limit=0.55),
        "cone 0.1 deg: p50": Figure(below=15),
        "cone 0.1 deg: p95": Figure(below=30),
        "cone 0.1 deg, 8 clients": Figure(at_least=200),
    },
}

_BY_END: Final = {
    ": rows, against what it is made from": Figure(at_least_of_limit=0.8),
    ": first byte": Figure(below=300),
    ": memory growth": Figure(below=150),
    ": overhead": Figure(below=6),
    "trivial job, polling without delay: p50": Figure(below=150),
    "trivial job, with WAIT: p50": Figure(below=150),
    "trivial jobs, 4 clients with WAIT": Figure(at_least=50),
    ": errors": Figure(below=1),
    "10000 positions, votable/td: match": Figure(below=500),
    "10000 positions, votable: match": Figure(below=500),
    "100000 positions, votable/td: match": Figure(below=3_000),
    "100000 positions, votable: match": Figure(below=3_000),
}
"""Figures of everything whose name ends like this."""


def figure_of(engine: str, what: str) -> Figure | None:
    """Return what a measurement is to reach, or None."""
    found = _FIGURES[engine].get(what)
    return found or next((figure for end, figure in _BY_END.items() if what.endswith(end)), None)
