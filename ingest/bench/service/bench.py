"""What every measurement has at hand: the server, the bare database, the table, and how often to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ingest.bench.service.client import Connection, Download, request_of
from ingest.bench.service.figures import figure_of
from ingest.bench.service.result import Limit, Measured
from vo_server.adql.front import compile_query
from vo_server.model.table import Catalogue, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.bench.service.raw import RawDatabase
    from ingest.bench.service.server import Server
    from vo_server.engine.base import Engine
    from vo_server.model.table import Table

__all__ = ["Bench", "percentile"]


@dataclass(frozen=True)
class Bench:
    """One engine, made ready to be measured."""

    server: Server
    raw: RawDatabase
    engine: Engine
    """The engine of the service in this process, for its SQL and its batches; the server has another one."""
    table: Table
    n_rows: int
    repeat: int
    load_s: float
    """How long many clients ask, each time [s]."""

    def connect(self) -> Connection:
        """Open a connection to the server."""
        return Connection(self.server.address)

    def request(self, adql: str, *, response_format: str = "votable") -> bytes:
        """Return a request that no row limit cuts."""
        return request_of(self.server.address, adql, response_format=response_format, maxrec=self.n_rows)

    def translate(self, adql: str) -> str:
        """Return a query in the engine's SQL, over the published rows."""
        catalogue = Catalogue((Schema(self.table.schema, (self.table,)),))
        return self.engine.translate(compile_query(adql, catalogue), limit=self.n_rows + 1)

    def download(self, connection: Connection, response_format: str, adql: str) -> Download:
        """Fetch a result."""
        return connection.fetch(self.request(adql, response_format=response_format))

    def measured(
        self, group: str, what: str, unit: str, values: Sequence[float], limit: Limit | None = None
    ) -> Measured:
        """Return a measurement together with what it is to reach."""
        return Measured(group, what, unit, tuple(values), limit, figure_of(self.engine.name, what))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of the values are at or below; 50 gives the median."""
    if percent == 50:  # noqa: PLR2004 - the median has its own rule for an even number
        return median(values)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
