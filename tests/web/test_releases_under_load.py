"""Releases come, are pinned, compared, taken back and dropped while clients query the table: no query fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO

import httpx
import numpy as np
import pyarrow as pa
import pytest
from astropy.io.votable import parse

from tests.support.server import server
from tests.support.service import Service
from vo_server.engine.base import Engine
from vo_server.engine.open import open_engine
from vo_server.errors import AdqlError
from vo_server.formats.read.base import TableFacts
from vo_server.formats.registry import find_format
from vo_server.load.batches import BatchReader
from vo_server.load.changes import changes_between
from vo_server.load.release import load_files
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.query import Query
from vo_server.model.table import Catalogue, Column
from vo_server.services.query import QueryLimits, QueryService
from vo_server.store.catalogue import CatalogueStore
from vo_server.store.database import Database
from vo_server.store.open import Store, open_store
from vo_server.store.statistics import StatisticsStore
from vo_server.web.sources import ResultSource

__all__ = ["server"]

N_ROWS = 5_000
ROUNDS = 12
LONG, TEXT = DataType(Primitive.LONG), DataType(Primitive.CHAR, "*")
COLUMNS = (Column("id", LONG, ucd="meta.id;meta.main"), Column("made", TEXT, ucd="src.class"))
BUSY = {"QUEUED", "EXECUTING"}


@pytest.fixture
def operator(server: Service) -> Iterator[tuple[Engine, Store]]:
    """The database as another process than the server has it; what is in ``flow`` is gone afterwards."""
    settings = server.context.settings
    engine = open_engine(settings.database, data_schema=settings.postgres.data_schema)
    store = open_store(settings.database, store_schema=settings.postgres.store_schema)
    yield engine, store
    for location in store.catalogue.remove("flow.t", even_pinned=True):
        engine.drop(location)
    store.close()
    engine.close()


def publish(engine: Engine, store: Store, version: str) -> None:
    """Publish a release whose rows all say which one they are of."""
    number = int(version[1:])
    rows = pa.record_batch(
        [pa.array(np.arange(number, number + N_ROWS)), pa.array([version] * N_ROWS)], names=["id", "made"]
    )
    reader = BatchReader("memory", TableFacts(COLUMNS, n_rows=N_ROWS), partial(iter, [rows]))
    load_files([reader], table="flow.t", engine=engine, store=store, version=version)


def whole(client: httpx.Client, table: str) -> str:
    """Read all rows, and return the one release that they are of, which the answer names as well."""
    answer = client.get("sync", params={"QUERY": f"SELECT id, made FROM {table}", "MAXREC": 2 * N_ROWS})
    assert answer.status_code == 200, answer.text
    (resource,) = parse(BytesIO(answer.content)).resources
    rows = resource.tables[0].array
    (version,) = {str(value) for value in rows["made"]}
    assert sorted(rows["id"]) == list(range(int(version[1:]), int(version[1:]) + N_ROWS))
    assert [info.value for info in resource.infos if info.name == "TABLE_RELEASE"] == [version]
    return version


def counted(client: httpx.Client, table: str) -> str:
    """Count, in the database, the rows of each release; return the only one."""
    query = f"SELECT made, COUNT(*) AS n FROM {table} GROUP BY made"
    answer = client.get("sync", params={"QUERY": query, "FORMAT": "csv"})
    assert answer.status_code == 200, answer.text
    _, line = answer.text.split()
    version, n_rows = line.split(",")
    assert int(n_rows) == N_ROWS
    return version


def in_a_job(client: httpx.Client, table: str) -> str:
    """Do as :func:`counted` in a job."""
    given = {"QUERY": f"SELECT made, COUNT(*) AS n FROM {table} GROUP BY made", "FORMAT": "csv", "PHASE": "RUN"}
    job = str(client.post("async", data=given, follow_redirects=True).url)
    while client.get(f"{job}/phase").text in BUSY:
        time.sleep(0.05)
    assert client.get(f"{job}/phase").text == "COMPLETED", client.get(f"{job}/error").text
    _, line = client.get(f"{job}/results/result", follow_redirects=True).text.split()
    version, n_rows = line.split(",")
    assert int(n_rows) == N_ROWS
    return version


def operate(engine: Engine, store: Store) -> None:
    """Publish, compare, pin, roll back, unpin and drop, again and again."""
    catalogue = store.catalogue
    for number in range(2, 2 + ROUNDS):
        old, new = f"r{number - 1}", f"r{number}"
        publish(engine, store, new)
        catalogue.pin("flow.t", new, "newest")
        tables = {one.version: one.table for one in catalogue.releases("flow.t")}
        changes = changes_between(engine, tables[old], tables[new])
        assert (changes.n_added, changes.n_removed, changes.n_reclassified) == (1, 1, N_ROWS - 1)
        catalogue.make_current("flow.t", old)
        catalogue.make_current("flow.t", new)
        catalogue.unpin("flow.newest")
        for location in catalogue.remove_old("flow.t", n_kept=1).locations:
            engine.drop(location)


def test_eight_clients_see_one_release_each_time_whatever_the_operator_does(
    server: Service, operator: tuple[Engine, Store]
) -> None:
    engine, store = operator
    publish(engine, store, "r1")
    store.catalogue.pin("flow.t", "r1", "first")
    done = threading.Event()

    def client(ask: Callable[[httpx.Client, str], str], table: str) -> list[str]:
        seen: list[str] = []
        with httpx.Client(base_url=f"{server.tap}/", timeout=60) as http:
            while not done.is_set() or not seen:
                seen.append(ask(http, table))
        return seen

    pinned = [(whole, "flow.first"), (counted, 'flow."t@r1"'), (in_a_job, "flow.first")]
    current = [(whole, "flow.t"), (whole, "flow.t"), (counted, "flow.t"), (counted, "flow.t"), (in_a_job, "flow.t")]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client, *one) for one in (*pinned, *current)]
        try:
            operate(engine, store)
        finally:
            done.set()
        seen = [answer.result() for answer in answers]
    assert {version for one in seen[: len(pinned)] for version in one} == {"r1"}
    assert len({version for one in seen[len(pinned) :] for version in one}) > 2
    assert [one.version for one in store.catalogue.releases("flow.t")] == [f"r{1 + ROUNDS}", "r1"]


class LateCatalogue(CatalogueStore):
    """A catalogue with a fault: between the first look at it and what is done then, something happens."""

    def __init__(self, database: Database, happens: Callable[[], None]) -> None:
        super().__init__(database, statistics=StatisticsStore(database))
        self._happenings = [happens]

    def load(self, caller: Identity = ANONYMOUS) -> Catalogue:
        found = super().load(caller)
        if self._happenings:
            self._happenings.pop()()
        return found


def test_a_query_that_was_compiled_before_its_release_was_dropped_reads_the_current_one(
    operator: tuple[Engine, Store],
) -> None:
    engine, store = operator
    publish(engine, store, "r1")

    def replace_it() -> None:
        publish(engine, store, "r2")
        for location in store.catalogue.remove("flow.t", "r1"):
            engine.drop(location)

    queries = QueryService(
        engine=engine,
        catalogue=LateCatalogue(store.database, replace_it),
        limits=QueryLimits(default_maxrec=10, hard_maxrec=10, max_query_bytes=1000),
    )
    asked = Query("SELECT TOP 1 made FROM flow.t")
    source = ResultSource(
        partial(queries.run, asked, timeout_s=30), find_format("csv").writer.write, is_failure_told=False
    )
    source.start()
    assert source.read().split() == [b"made", b"r2"]
    source.stop()


def test_a_pinned_release_that_was_dropped_is_unknown_and_not_another_one(operator: tuple[Engine, Store]) -> None:
    engine, store = operator
    publish(engine, store, "r1")
    publish(engine, store, "r2")

    def drop_it() -> None:
        for location in store.catalogue.remove("flow.t", "r1"):
            engine.drop(location)

    queries = QueryService(
        engine=engine,
        catalogue=LateCatalogue(store.database, drop_it),
        limits=QueryLimits(default_maxrec=10, hard_maxrec=10, max_query_bytes=1000),
    )
    run = partial(queries.run, Query('SELECT made FROM flow."t@r1"'), timeout_s=30)
    source = ResultSource(run, find_format("csv").writer.write, is_failure_told=False)
    with pytest.raises(AdqlError, match=r"flow.t has no release r1"):
        source.start()
    source.stop()
