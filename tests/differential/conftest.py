"""Both engines with the tables of a seed, and the option of the nightly run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.engines import Pair
from tests.differential.run import Report, run

CI_SEED = 20231215
CI_QUERIES = 500


@pytest.fixture(scope="session")
def pair(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both engines with the tables of the seed that CI uses."""
    made = Pair(postgres_dsn, Path(tmp_path_factory.mktemp("differential")), seed=CI_SEED)
    yield made
    made.close()


@pytest.fixture(scope="session")
def report(pair: Pair) -> Report:
    """What came of the queries that CI runs."""
    return run(pair, CI_QUERIES)
