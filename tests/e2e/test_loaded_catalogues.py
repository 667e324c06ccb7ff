"""The catalogues that are described, loaded from files of their own formats, as clients see them.

``VO_TEST_ROWS`` is how many rows each file has; `make nightly` takes a million.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import pyvo

from tests.adql.published import queries
from tests.e2e.conftest import OF_PYVO, new_database, serving_files
from tests.support.described import FORMATS, Columns, described, generated, write_native
from vo_server.resources import rows_file, schema_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = OF_PYVO

N_ROWS = int(os.environ.get("VO_TEST_ROWS", "20000"))
CAVEATS = "jplus.bannjos_caveats"
MANY = 10_000_000


@dataclass(frozen=True)
class Found:
    """What pyvo has found."""

    n_columns: int
    n_rows: int
    count: int | None
    """Where the answer is one number."""


@dataclass(frozen=True)
class Served:
    """A service with all tables, loaded."""

    tap_url: str
    reports: dict[str, dict[str, str]]
    """Verdicts of the checks by name, by table."""
    known: dict[str, Found] = field(default_factory=dict)
    """Of answers that were asked for: pyvo takes a minute for a million wide rows."""

    def ask(self, adql: str) -> pyvo.dal.TAPResults:
        return pyvo.dal.TAPService(self.tap_url).search(adql, maxrec=MANY)

    def found(self, adql: str) -> Found:
        if adql not in self.known:
            answer = self.ask(adql)
            count = int(answer["n"][0]) if answer.fieldnames == ("n",) else None
            self.known[adql] = Found(len(answer.fieldnames), len(answer), count)
        return self.known[adql]


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service on each engine in turn."""
    folder = tmp_path_factory.mktemp("native")
    with new_database(request, folder) as url, serving_files(url, _files(folder)) as (tap_url, told):
        reports = {
            name: {one.name: str(one.verdict) for one in summary.release.checks} for name, summary in told.items()
        }
        yield Served(tap_url, reports)


def _files(folder: Path) -> Iterator[tuple[Path, str, Path]]:
    """Yield a file in the format of each catalogue, with table and schema file; one after the other is on the disk."""
    for name in FORMATS:
        file = write_native(name, folder, generated(name, N_ROWS))
        yield file, name, schema_file(name.partition(".")[0])
        file.unlink()
    yield rows_file(CAVEATS), CAVEATS, schema_file("jplus")


def _n_nulls(columns: Columns, name: str) -> dict[str, int]:
    """Count, from what was written, the NULLs of the columns of floating-point numbers that the file has."""
    by_name = described(name).table.by_name
    folded = {key.lower(): values for key, values in columns.items()}
    counts = {}
    for column, source in described(name).sources.items():
        values = folded.get(source.lower())
        if values is None or values.dtype.kind != "f" or values.ndim > 1:
            continue
        marks = [float(text) for text in by_name[column].null_values if text != "NaN"]
        counts[column] = int((np.isnan(values) | np.isin(values, np.array(marks, values.dtype))).sum())
    return counts


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_of_a_native_file_is_served_with_its_nulls(served: Served, name: str) -> None:
    nulls = _n_nulls(generated(name, N_ROWS), name)
    counts = "".join(f', COUNT("{column}") AS c{place}' for place, column in enumerate(nulls))
    (row,) = served.ask(f"SELECT COUNT(*) AS n{counts} FROM {name}")
    assert row["n"] == N_ROWS
    assert {column: N_ROWS - int(row[f"c{place}"]) for place, column in enumerate(nulls)} == nulls
    assert set(served.reports[name].values()) <= {"passed"}, served.reports[name]


def test_the_caveats_of_bannjos_come_with_the_project(served: Served) -> None:
    rows = served.ask(f"SELECT TILE_ID, reason FROM {CAVEATS} ORDER BY TILE_ID")
    assert len(rows) == 16
    assert [int(row["TILE_ID"]) for row in rows if row["reason"].startswith("M3")] == [102263, 103605]
    adql = (
        "SELECT COUNT(*) AS n FROM jplus.ClassBANNJOS WHERE TILE_ID {} IN (SELECT TILE_ID FROM jplus.bannjos_caveats)"
    )
    inside, outside = (int(served.ask(adql.format(word))["n"][0]) for word in ("", "NOT"))
    assert (inside, outside) == (N_ROWS // 5, N_ROWS - N_ROWS // 5)


@cache
def _n_expected() -> dict[str, int]:
    """Count, with numpy on what was written, the rows that some published queries must find."""
    bannjos = generated("jplus.ClassBANNJOS", N_ROWS)
    psc = generated("ls_psc.main", N_ROWS)
    desw, smw = generated("vexas.desw", N_ROWS), generated("vexas.smw", N_ROWS)
    is_star = bannjos["CLASS_STAR_prob_pc16"] >= 0.333
    is_quasar = (
        (bannjos["CLASS_QSO_prob_pc02"] >= 0.333)
        & (bannjos["CLASS_STAR_prob_pc98"] < 0.333)
        & (bannjos["CLASS_GALAXY_prob_pc98"] < 0.333)
    )
    correlation = bannjos["CLASS_QSO_CLASS_STAR_prob_corr"]
    tile = generated("jplus.FLambdaDualObj", N_ROWS)["TILE_ID"] == 103930
    return {
        "bannjos.stars_1sigma_lenient": int(is_star.sum()),
        "bannjos.qso_2sigma": int((is_quasar & (correlation <= 0) & (correlation != -99)).sum()),
        "bannjos.training_tile": int(tile.sum()),
        "ls_psc.nearest3": 3,
        "vexas.secure_qso": int(
            ((desw["p_QSO"] >= np.float32(0.9)) & (desw["CLASS"] == "QSO") & (desw["Warning_flag"] == 0)).sum()
        ),
        "vexas.smw_class_change": int((smw["CLASS"] != smw["CLASS_25"]).sum()),
        "ls_psc.point_sources": int((psc["score"] > 0.5).sum()),
        "ls_psc.gaia_bonus": int((psc["score"] > 1).sum()),
        "bannjos.count_qso_2sigma": int(is_quasar.sum()),
        "vlkb.slide": min(1000, N_ROWS),
    }


@pytest.mark.parametrize("name", queries())
def test_a_published_query_finds_rows_from_pyvo(served: Served, name: str) -> None:
    found = served.found(queries()[name][1])
    assert found.n_rows > 0
    expected = _n_expected().get(name)
    if expected is not None:
        assert (found.n_rows if found.count is None else found.count) == expected


@pytest.mark.stilts
@pytest.mark.parametrize("name", queries())
def test_a_published_query_finds_as_many_rows_from_stilts(served: Served, stilts: str, name: str) -> None:
    adql = queries()[name][1]
    words = [stilts, "tapquery", f"tapurl={served.tap_url}", f"adql={adql}", "sync=true", f"maxrec={MANY}"]
    done = subprocess.run([*words, "omode=count"], capture_output=True, text=True, timeout=600, check=False)
    counted = re.search(r"columns: (\d+)\s+rows: (\d+)", done.stdout)
    assert counted is not None, done.stdout + done.stderr
    found = served.found(adql)
    assert (int(counted[1]), int(counted[2])) == (found.n_columns, found.n_rows)
