"""The measurement of spellings runs on both engines, and measures all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.bench.spatial import measure, on_sky
from ingest.bench.spellings import AREAS, CONES, MATCHES


@pytest.mark.parametrize("name", ["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_every_spelling_is_measured_beside_the_plain_one(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"duckdb:///{tmp_path}" if name == "duckdb" else request.getfixturevalue("postgres_dsn")
    with on_sky(url, 2_000) as (engine, catalogue):
        rows = measure(engine, catalogue, repeat=1)
    assert {(row.family, row.spelling) for row in rows} == {
        *(("cone", one) for one in CONES),
        *(("area", one) for one in AREAS),
        *(("match", one) for one in MATCHES),
    }
    assert all(row.median_ms > 0 and row.ratio > 0 for row in rows)
