"""Real catalogues as astronomers see them: through pyvo, STILTS and curl, against independent reads of the files."""

from __future__ import annotations

import csv
import io
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import pyvo

from tests.e2e.catalogues import REAL_TABLES, read_gaia, read_hipparcos
from tests.e2e.conftest import OF_PYVO, RealService
from tests.support.sky import oracle_separation_deg

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [*OF_PYVO, pytest.mark.catalogues]


def _search(service: RealService, adql: str, maxrec: int = 1_000_000) -> pyvo.dal.TAPResults:
    return pyvo.dal.TAPService(service.tap_url).search(adql, maxrec=maxrec)


def _stilts_csv(stilts: str, service: RealService, adql: str, *, sync: bool = True) -> list[dict[str, str]]:
    done = subprocess.run(
        [stilts, "tapquery", f"tapurl={service.tap_url}", f"adql={adql}", f"sync={str(sync).lower()}", "ofmt=csv"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.mark.parametrize("table", REAL_TABLES, ids=lambda table: table.name)
def test_every_row_of_a_file_is_served(real_service: RealService, table: object) -> None:
    answer = _search(real_service, f"SELECT COUNT(*) AS n FROM {table.name}")  # type: ignore[attr-defined]  # by REAL_TABLES
    assert int(answer["n"][0]) == table.n_rows  # type: ignore[attr-defined]  # by REAL_TABLES


def test_64_bit_identifiers_arrive_bit_for_bit(real_service: RealService, catalogues_dir: Path, stilts: str) -> None:
    expected = np.sort(read_gaia(catalogues_dir)["source_id"].to_numpy())
    adql = "SELECT source_id FROM gaia.dr2 ORDER BY source_id"
    by_pyvo = _search(real_service, adql)["source_id"]
    assert by_pyvo.dtype == np.int64
    np.testing.assert_array_equal(np.asarray(by_pyvo), expected)
    by_stilts = np.array([int(row["source_id"]) for row in _stilts_csv(stilts, real_service, adql)])
    np.testing.assert_array_equal(by_stilts, expected)


def test_nan_in_a_file_is_null_in_the_table(real_service: RealService, catalogues_dir: Path) -> None:
    frame = read_gaia(catalogues_dir)
    floats = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    counts = ", ".join(f"COUNT({name}) AS {name}" for name in floats)
    answer = _search(real_service, f"SELECT COUNT(*) AS n, {counts} FROM gaia.dr2")
    nulls = {name: int(answer["n"][0]) - int(answer[name][0]) for name in floats}
    assert nulls == {name: int(frame[name].isna().sum()) for name in floats}
    assert sum(nulls.values()) > 9_000


def test_a_sentinel_that_the_description_names_is_null(real_service: RealService, catalogues_dir: Path) -> None:
    frame = pd.read_csv(catalogues_dir / "splus_dr4/some_galaxies_match_dr4dual.csv.gz")
    magnitudes = frame["u_auto_dual"]
    expected = int((magnitudes.notna() & (magnitudes != 99.0)).sum())
    answer = _search(real_service, "SELECT COUNT(u_auto_dual) AS n, MAX(u_auto_dual) AS faintest FROM splus.galaxies")
    assert int(answer["n"][0]) == expected < len(frame)
    assert float(answer["faintest"][0]) < 99.0


def test_text_beyond_ascii_arrives(real_service: RealService, catalogues_dir: Path, stilts: str) -> None:
    frame = pd.read_csv(catalogues_dir / "openngc/NGC.csv.gz", sep=";", dtype=str)
    column = next(name for name in frame.columns if frame[name].dropna().map(lambda text: not text.isascii()).any())
    row = frame[frame[column].fillna("").map(lambda text: not text.isascii())].iloc[0]
    adql = f"""SELECT "{column}" AS note FROM openngc.objects WHERE "Name" = '{row["Name"]}'"""
    assert str(_search(real_service, adql)["note"][0]) == row[column]
    assert _stilts_csv(stilts, real_service, adql)[0]["note"] == row[column]


def test_names_that_are_no_identifiers_can_be_queried(real_service: RealService, catalogues_dir: Path) -> None:
    frame = read_hipparcos(catalogues_dir)
    answer = _search(real_service, 'SELECT AVG("B-V") AS mean_colour FROM hipparcos.main')
    assert float(answer["mean_colour"][0]) == pytest.approx(frame["B-V"].astype(float).mean(), rel=1e-9)


def test_positions_carry_units_and_ucds(real_service: RealService, stilts: str) -> None:
    answer = _search(real_service, "SELECT TOP 1 ra, dec FROM hipparcos.main")
    for name, ucd in (("ra", "pos.eq.ra;meta.main"), ("dec", "pos.eq.dec;meta.main")):
        field = answer.getdesc(name)
        assert (str(field.unit), field.ucd) == ("deg", ucd)
    url = f"{real_service.tap_url}/sync?LANG=ADQL&QUERY=SELECT+TOP+1+ra,dec+FROM+hipparcos.main"
    seen = subprocess.run(
        [stilts, "tpipe", f"in={url}", "cmd=meta name units ucd", "ofmt=csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ra,deg,pos.eq.ra;meta.main" in seen.stdout


CONES = [
    pytest.param(0.0, 10.0, 3.0, id="over-ra-0"),
    pytest.param(359.9, -20.0, 2.0, id="over-ra-360"),
    pytest.param(120.0, 89.5, 2.0, id="north-pole"),
    pytest.param(10.0, -90.0, 3.0, id="south-pole"),
    pytest.param(266.4, -29.0, 0.5, id="small"),
    pytest.param(45.0, 45.0, 90.0, id="half-the-sky"),
    pytest.param(200.0, 5.0, 180.0, id="all-the-sky"),
]


@pytest.mark.parametrize(("ra", "dec", "radius"), CONES)
@pytest.mark.parametrize(
    "condition",
    [
        "1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius}))",
        "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra}, {dec}, {radius})) = 1",
        "DISTANCE(ra, dec, {ra}, {dec}) <= {radius}",
        "DISTANCE(POINT({ra}, {dec}), POINT(ra, dec)) <= {radius}",
    ],
    ids=["contains", "contains-2.0", "distance-4", "distance-points"],
)
def test_a_cone_finds_what_the_slow_oracle_finds(
    real_service: RealService, catalogues_dir: Path, condition: str, ra: float, dec: float, radius: float
) -> None:
    frame = read_hipparcos(catalogues_dir)
    separation = oracle_separation_deg(frame["ra"].to_numpy(), frame["dec"].to_numpy(), ra, dec)
    expected = np.sort(frame["HIP"].to_numpy()[separation <= radius])
    where = condition.format(ra=ra, dec=dec, radius=radius)
    answer = _search(real_service, f"SELECT HIP FROM hipparcos.main WHERE {where}")
    np.testing.assert_array_equal(np.sort(np.asarray(answer["HIP"])), expected)


def test_a_cone_of_radius_0_finds_the_star_at_its_centre(real_service: RealService, catalogues_dir: Path) -> None:
    star = read_hipparcos(catalogues_dir).iloc[12_345]
    where = f"DISTANCE(ra, dec, {float(star.ra)!r}, {float(star.dec)!r}) <= 0"
    answer = _search(real_service, f"SELECT HIP FROM hipparcos.main WHERE {where}")
    assert list(answer["HIP"]) == [int(star.HIP)]


def test_stilts_gets_the_same_answer_by_sync_and_async(real_service: RealService, stilts: str) -> None:
    adql = "SELECT TOP 20 HIP, ra, dec, Plx FROM hipparcos.main ORDER BY HIP"
    rows = _stilts_csv(stilts, real_service, adql)
    assert len(rows) == 20
    assert _stilts_csv(stilts, real_service, adql, sync=False) == rows


def test_pyvo_runs_a_job_and_leaves_nothing_behind(real_service: RealService) -> None:
    service = pyvo.dal.TAPService(real_service.tap_url)
    job = service.submit_job("SELECT class, COUNT(*) AS n FROM sdss.dr17 GROUP BY class ORDER BY class")
    job.run().wait(timeout=60)
    assert job.phase == "COMPLETED"
    assert [str(name) for name in job.fetch_result()["class"]] == ["GALAXY", "QSO", "STAR"]
    job.delete()


def test_curl_gets_csv(real_service: RealService) -> None:
    done = subprocess.run(
        ["curl", "-sS", f"{real_service.tap_url}/sync", "-d", "LANG=ADQL", "-d", "RESPONSEFORMAT=csv",
         "--data-urlencode", "QUERY=SELECT TOP 3 class, plate, MJD, fiber_ID FROM sdss.dr17 ORDER BY plate, fiber_ID"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0] == "class,plate,MJD,fiber_ID"
    assert len(lines) == 4


def test_pyvo_sees_every_table_with_its_columns(real_service: RealService) -> None:
    tables = pyvo.dal.TAPService(real_service.tap_url).tables
    assert {table.name for table in REAL_TABLES} <= set(tables.keys())
    assert {column.name for column in tables["hipparcos.main"].columns} >= {"HIP", "ra", "dec", '"B-V"'}
