"""Tables with pgSphere's types, published in place, served, and asked by the clients of astronomers."""

from __future__ import annotations

import csv
import io
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import pyvo
import requests
from click.testing import CliRunner, Result

from ingest.cli import ingest
from tests.support.foreign import Foreign, foreign_schema
from tests.support.server import make_settings
from tests.support.service import Service, running
from tests.support.sky import oracle_separation_deg
from tests.support.sphere import N_STARS, corners, make_catalogue, plates, radius_deg, stars

pytestmark = [pytest.mark.postgres, pytest.mark.pgsphere]


@pytest.fixture(scope="module")
def survey(pgsphere_dsn: str) -> Iterator[Foreign]:
    with foreign_schema(pgsphere_dsn) as made:
        make_catalogue(made)
        yield made


@pytest.fixture(scope="module")
def service(survey: Foreign, pgsphere_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose only tables are those of the survey."""
    settings = make_settings(pgsphere_dsn, tmp_path_factory.mktemp("results"))
    environment = {
        "VO_DATABASE": pgsphere_dsn,
        "VO_POSTGRES__DATA_SCHEMA": settings.postgres.data_schema,
        "VO_POSTGRES__STORE_SCHEMA": settings.postgres.store_schema,
    }
    for name in ("stars", "plates"):
        words = ["adopt", f"{survey.schema}.{name}", "--table", f"survey.{name}"]
        result = CliRunner().invoke(ingest, words, env=environment)
        assert result.exception is None, result.output
    try:
        with running(settings) as made:
            yield made
    finally:
        with psycopg.connect(pgsphere_dsn, autocommit=True) as connection:
            for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


def test_the_command_tells_what_serves_and_what_is_missing(survey: Foreign, pgsphere_dsn: str) -> None:
    survey.make("CREATE TABLE loose AS SELECT id, pos FROM stars LIMIT 10")
    name = survey.schema.removeprefix("survey_")
    environment = {
        "VO_DATABASE": pgsphere_dsn,
        "VO_POSTGRES__DATA_SCHEMA": f"data_{name}",
        "VO_POSTGRES__STORE_SCHEMA": f"store_{name}",
    }

    def adopt(table: str) -> Result:
        words = ["adopt", f"{survey.schema}.{table}", "--table", f"s.{table}"]
        return CliRunner().invoke(ingest, words, env=environment)

    found = adopt("stars")
    assert "positions: pos (" in found.stdout
    assert "spatial index: pgSphere on pos (spoint)" in found.stdout
    assert "no spatial index on alpha, delta" in found.stderr
    loose = adopt("loose")
    assert f'CREATE INDEX ON "{survey.schema}"."loose" USING gist ("pos"); and adopt the table again' in loose.stderr
    for schema in (f"data_{name}", f"store_{name}"):
        survey.make(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def tap(service: Service) -> Iterator[pyvo.dal.TAPService]:
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield pyvo.dal.TAPService(service.tap, session=session)


def test_columns_are_described_with_the_types_of_dali(tap: pyvo.dal.TAPService) -> None:
    asked = (
        "SELECT column_name, datatype, arraysize, xtype, unit, ucd, indexed FROM TAP_SCHEMA.columns "
        "WHERE column_name IN ('pos', 'field', 'outline') ORDER BY column_name"
    )
    found = [tuple(row.values()) for row in tap.search(asked)]
    assert found == [
        ("field", "double", "3", "circle", "deg", "", 1),
        ("outline", "double", "*", "polygon", "deg", "", 1),
        ("pos", "double", "2", "point", "deg", "pos.eq", 1),
    ]


def test_values_come_back_in_degrees(tap: pyvo.dal.TAPService) -> None:
    rows = tap.search("SELECT id, pos, alpha, delta FROM survey.stars ORDER BY id", maxrec=5000)
    ra, dec = stars()
    found = np.array([row["pos"] for row in rows][:N_STARS])
    assert np.abs(found - np.array([ra, dec]).T).max() < 1e-12
    fields = rows.to_table()
    assert [rows.fielddescs[at].xtype for at in (0, 1)] == [None, "point"]
    assert np.ma.is_masked(fields["alpha"][N_STARS])
    assert np.isnan(np.ma.filled(np.ma.asarray(rows[N_STARS]["pos"]), np.nan)).all()


def test_circles_and_polygons_come_back_with_their_corners_in_order(tap: pyvo.dal.TAPService) -> None:
    rows = tap.search("SELECT id, field, outline FROM survey.plates WHERE id < 200 ORDER BY id", maxrec=5000)
    ra, dec = plates()
    for number, row in enumerate(rows):
        circle = np.array(row["field"])
        assert oracle_separation_deg(circle[0], circle[1], ra[number], dec[number]) < 1e-12
        assert circle[2] == pytest.approx(radius_deg(number), abs=1e-12)
        found = np.array(row["outline"]).reshape(-1, 2)
        assert oracle_separation_deg(*found.T, *corners(number).T).max() < 1e-12


@pytest.mark.stilts
def test_stilts_reads_them(service: Service, stilts: str, tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    adql = "SELECT id, COORD1(pos) AS ra, pos, outline FROM survey.stars JOIN survey.plates USING (id) WHERE id = 7"
    done = subprocess.run(
        [
            stilts, "tapquery", f"tapurl={service.tap}", "sync=true", f"out={target}", "ofmt=csv", f"adql={adql}",
        ],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(target.read_text()))
    assert float(row["ra"]) == pytest.approx(stars()[0][7], abs=1e-12)
    assert len(row["pos"].strip("()").split(",")) == 2
    assert len(row["outline"].strip("()").split(",")) == 8


@pytest.mark.parametrize(("ra", "dec", "radius"), [(10, 20, 5), (0, 0, 0.0), (0, 90, 3), (359.9, 0, 2), (100, -50, 80)])
def test_cones_hold_what_the_oracle_says(ra: float, dec: float, radius: float, tap: pyvo.dal.TAPService) -> None:
    rows = tap.search(
        f"SELECT id FROM survey.stars WHERE 1 = CONTAINS(pos, CIRCLE({ra}, {dec}, {radius}))", maxrec=5000
    )
    distance = oracle_separation_deg(*stars(), ra, dec)
    found = {int(row["id"]) for row in rows}
    assert set(np.flatnonzero(distance <= radius - 1e-12)) <= found <= set(np.flatnonzero(distance <= radius + 1e-12))
