"""A running service with small tables, for tests that speak HTTP to it."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import uvicorn

from vo_server.app import create_app
from vo_server.factory import ProcessContext
from vo_server.load.statistics import Statistics
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Schema, Table
from vo_server.sky.healpix import cells
from vo_server.store.statistics import ReleaseStatistics
from vo_server.web.listen import MAX_HEAD_BYTES
from vo_server.web.trailers import TrailerProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.applications import Starlette

    from vo_server.settings import Settings
    from vo_server.web.deps import Site

__all__ = ["N_STARS", "STARS", "Service", "publish", "running", "serving", "stars", "with_stars"]

N_STARS = 5_000

STARS = Table(
    schema="web",
    name="stars",
    description="Stars of the tests, Å included",
    columns=(
        Column("id", DataType(Primitive.LONG), ucd="meta.id;meta.main", description="Identifier", is_principal=True),
        Column("ra", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension"),
        Column("dec", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.dec;meta.main", description="Declination"),
        Column("mag", DataType(Primitive.FLOAT), unit="mag", ucd="phot.mag", description="Magnitude"),
        Column("name", DataType(Primitive.UNICODE_CHAR, "*"), description="Name"),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True, is_indexed=True),
    ),
    primary_key=("id",),
    position=Position("ra", "dec", 2016.0),
)
"""A table with a position, a 64-bit identifier, NULLs and text beyond ASCII."""


def stars(n_rows: int = N_STARS) -> pa.Table:
    """Return rows for :data:`STARS`: identifiers above 2**53, every seventh magnitude NULL."""
    random = np.random.default_rng(7)
    ra, dec = random.uniform(0, 360, n_rows), np.degrees(np.arcsin(random.uniform(-1, 1, n_rows)))
    number = np.arange(n_rows)
    columns = [
        pa.array(2**60 + number),
        pa.array(ra),
        pa.array(dec),
        pa.array(random.normal(18, 2, n_rows).astype("f4"), mask=number % 7 == 0),
        pa.array([f"Å-{one}" for one in number]),
        pa.array(cells(ra, dec)),
    ]
    return pa.Table.from_arrays(columns, schema=arrow_schema(STARS.columns))


def publish(context: ProcessContext, table: Table, rows: pa.Table, *, version: str = "1") -> None:
    """Load and publish rows as the current release of a table."""
    counted = Statistics(table)
    with context.engine.loader(table, version=version) as loader:
        for batch in rows.to_batches():
            counted.see(batch)
            loader.write(batch)
        report = loader.finish()
    released = replace(table, release=version, location=report.location, n_rows=report.n_rows)
    release = Release(released, version, datetime.now(UTC))
    schema = Schema(table.schema, description="Tables of the tests")
    found = ReleaseStatistics(counted.result(), counted.sky())
    context.store.catalogue.publish(release, schema=schema, statistics=found)


def with_stars(settings: Settings) -> Settings:
    """Publish :data:`STARS` and a table with an awkward name, and return the settings."""
    with closing(ProcessContext.create(settings)) as context:
        publish(context, STARS, stars())
        odd = Table(
            "web", 'od"d table', (Column("a b", DataType(Primitive.INT)), Column("size", DataType(Primitive.INT)))
        )
        publish(
            context, odd, pa.Table.from_pydict({"a b": [1, None], "size": [3, 4]}, schema=arrow_schema(odd.columns))
        )
    return settings


@dataclass
class Service:
    """A service that listens."""

    url: str
    """Without a trailing slash and without ``/tap``."""
    site: Site
    server: uvicorn.Server

    @property
    def tap(self) -> str:
        """Base URL of TAP."""
        return f"{self.url}/tap"

    @contextmanager
    def changed(self, **values: object) -> Iterator[None]:
        """Change attributes of the site for a while."""
        before = {name: getattr(self.site, name) for name in values}
        self._set(values)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            object.__setattr__(self.site, name, value)  # it is frozen for everybody else

    @property
    def context(self) -> ProcessContext:
        """What is behind the routes."""
        return self.site.context


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Serve in a thread, on a free port, with the real HTTP server."""
    app = create_app(settings)
    with serving(app) as (url, server):
        yield Service(url, app.state.site, server)


@contextmanager
def serving(app: Starlette) -> Iterator[tuple[str, uvicorn.Server]]:
    """Serve any application; give its URL and its server."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="on",
        http=TrailerProtocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 90
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server takes too long to start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server does not stop"
