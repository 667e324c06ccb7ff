"""What a long answer leaves in DuckDB's memory."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.engine.samples import LONG, SKY, answer, publish, sky_rows, start

if TYPE_CHECKING:
    from tests.engine.site import DuckdbSite
    from vo_server.engine.duckdb.run import DuckdbEngine
    from vo_server.model.table import Table

MB = 1024 * 1024
N_ROWS = 2_000_000
EVERYTHING = "SELECT id, ra, dec, name FROM {}"


@pytest.fixture
def engine(duckdb_site: DuckdbSite) -> DuckdbEngine:
    return duckdb_site.open(memory_bytes=1024 * MB)


@pytest.fixture
def table(engine: DuckdbEngine) -> Table:
    return publish(engine, SKY, [sky_rows(200_000, first=first) for first in range(0, N_ROWS, 200_000)])


def _download(engine: DuckdbEngine, table: Table) -> tuple[int, int]:
    """Read the whole table; return its rows and the bytes of all batches."""
    n_rows = n_bytes = 0
    with closing(start(engine, EVERYTHING, SKY.columns[:4], of=[table])) as rows:
        for batch in rows:
            n_rows += batch.num_rows
            n_bytes += batch.nbytes
    return n_rows, n_bytes


def test_blocks_are_dropped_down_to_a_level_and_the_limit_stays_what_it_was(engine: DuckdbEngine, table: Table) -> None:
    # An aggregate reads all blocks and gives out nothing, so that nothing is dropped for it.
    answer(engine, "SELECT count(*) FROM {} WHERE id + ra + dec > length(name)", LONG, of=[table])
    full = engine._cache.level_bytes()
    assert full > 40 * MB, "there is something to drop"
    engine._cache.drop_above(full)
    assert engine._cache.level_bytes() == full
    engine._cache.drop_above(0)
    assert engine._cache.level_bytes() < full - 10 * MB
    (limit,) = engine._connection.execute("SELECT current_setting('memory_limit')").fetchone() or ("",)
    assert limit == "1.0 GiB"
    assert _download(engine, table)[0] == N_ROWS


def test_queries_beside_downloads_do_not_fail(engine: DuckdbEngine, table: Table) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def aggregate() -> None:
        try:
            while not done.is_set():
                found = answer(
                    engine, "SELECT count(*) FROM (SELECT name, count(*) FROM {} GROUP BY name)", LONG, of=[table]
                )
                assert found[0]["c0"] > 0
        except BaseException as error:  # noqa: BLE001 - shown by the thread that waits
            failures.append(error)

    thread = threading.Thread(target=aggregate)
    thread.start()
    try:
        for _ in range(3):
            assert _download(engine, table)[0] == N_ROWS
    finally:
        done.set()
        thread.join()
    assert failures == []
