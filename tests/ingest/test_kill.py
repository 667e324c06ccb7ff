"""A load that is killed at any moment leaves the table as it was, and the next one succeeds."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.conftest import Site

N_ROWS = 400_000


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes some seconds to load."""
    rng = np.random.default_rng(9)
    columns = {"id": np.arange(N_ROWS), "ra": rng.uniform(0, 360, N_ROWS), "dec": rng.uniform(-90, 90, N_ROWS)}
    columns |= {f"x{number}": rng.normal(size=N_ROWS) for number in range(8)}
    path = tmp_path_factory.mktemp("big") / "big.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def start_of(site: Site, big: Path) -> float:
    """Return how long a whole load takes [s]."""
    began = time.monotonic()
    process = site.start("load", big, "--table", "s.probe")
    assert process.wait(timeout=600) == 0
    process.communicate()
    return time.monotonic() - began


def test_a_killed_load_leaves_the_old_table_served(site: Site, big: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("id,ra,dec\n1,1,1\n2,2,2\n")
    site.load(old, "--table", "s.t", "--version", "old")
    whole_s = start_of(site, big)
    n_killed = 0
    for share in (0.3, 0.5, 0.65, 0.8, 0.9, 0.97):
        process, begin_s = site.start("load", big, "--table", "s.t"), time.monotonic()
        try:
            process.wait(timeout=share * whole_s)
            whole_s = time.monotonic() - begin_s  # The one before ran while others had the cores.
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=600)
        killed = process.returncode == -signal.SIGKILL
        process.communicate()
        table = site.table("s.t")
        if not killed or table.release != "old":
            # It was quicker than its forerunner: all of it is there.
            assert table.n_rows == site.rows("s.t").num_rows == N_ROWS
            site.run("rollback", "s.t", "--version", "old")
            continue
        n_killed += 1
        assert sorted(site.rows("s.t")["id"].to_pylist()) == [1, 2]
    assert n_killed >= 2
    site.load(big, "--table", "s.t", "--version", "new")
    assert site.rows("s.t").num_rows == N_ROWS
    assert site.table("s.t").release == "new"
    store, engine = site.open_store(), site.open_engine()
    assert engine.sweep(store.catalogue.locations) == []
    engine.close()
    store.close()
