"""Questions to a release that is being loaded."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.errors import QueryMemoryError
from vo_server.load.release import load_files
from vo_server.load.staged import ask, from_clause
from vo_server.model.table import Table
from vo_server.store.open import open_store

LITTLE_BYTES = 8 * 1024**2
ENOUGH_BYTES = 1024**3
N_ROWS = 400_000


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that are all different."""
    file = tmp_path_factory.mktemp("files") / "names.parquet"
    numbers = np.random.default_rng(1).permutation(N_ROWS)
    pq.write_table(pa.table({"name": [f"an object with the long name {number}" for number in numbers]}), file)
    return file


def _loaded(directory: Path, engine: DuckdbEngine, names: Path) -> Table:
    with closing(open_store(f"duckdb:///{directory}", create=True)) as store:
        load_files([names], table="a.names", engine=engine, store=store)
        (table,) = [one for one in store.catalogue.load().tables if one.full_name == "a.names"]
        return table


def _n_different(engine: DuckdbEngine, table: Table) -> object:
    ((n_groups,),) = ask(
        engine, table, f"SELECT COUNT(*) AS n FROM (SELECT name, COUNT(*) AS m {from_clause(table)} GROUP BY name) AS g"
    )
    return n_groups


def test_a_question_for_which_memory_is_not_enough_has_the_reserve(tmp_path: Path, names: Path) -> None:
    with closing(
        DuckdbEngine(tmp_path, memory_bytes=LITTLE_BYTES, reserve_bytes=ENOUGH_BYTES, threads=2, max_attached=4)
    ) as engine:
        assert _n_different(engine, _loaded(tmp_path, engine, names)) == N_ROWS
        assert not engine.use_reserve(), "it is used already"


def test_without_a_reserve_the_question_fails(tmp_path: Path, names: Path) -> None:
    with closing(DuckdbEngine(tmp_path, memory_bytes=LITTLE_BYTES, threads=2, max_attached=4)) as engine:
        table = _loaded(tmp_path, engine, names)
        with pytest.raises(QueryMemoryError):
            _n_different(engine, table)
