"""Cone searches as STILTS and pyvo make them."""

from __future__ import annotations

import csv
import gc
import io
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord

from tests.support.cones import expected_ids, places
from tests.support.service import Service
from tests.support.xsd import votlint

PLACES = [(0.0, 90.0, 0.5), (30.0, -90.0, 0.6), (0.0, 10.0, 0.3), (359.99, 10.0, 0.3), (45.0, 45.0, 0.001)]
N_MANY = 200


def run(stilts: str, task: str, *arguments: str) -> list[dict[str, str]]:
    """Run a task of STILTS and return the rows that it writes."""
    done = subprocess.run(
        [stilts, task, *arguments, "ofmt=csv"], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture
def searches(cone_server: Service) -> Iterator[pyvo.dal.SCSService]:
    """Search with pyvo, which leaves its connections open; close them here."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield pyvo.dal.SCSService(f"{cone_server.url}/scs/cone.sky", session=session)
        gc.collect()


@pytest.mark.stilts
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "{}/{}/{}".format(*place))
def test_stilts_cone_gets_the_rows_of_the_oracle(
    place: tuple[float, float, float], cone_server: Service, stilts: str
) -> None:
    ra, dec, radius = place
    where = (f"lon={ra}", f"lat={dec}", f"radius={radius}")
    rows = run(stilts, "cone", f"serviceurl={cone_server.url}/scs/cone.sky", *where, "verb=3")
    assert {row["source_id"] for row in rows} == expected_ids(ra, dec, radius)


@pytest.mark.stilts
@pytest.mark.parametrize("parallel", ["1", "5"])
def test_stilts_coneskymatch_matches_many_rows(
    parallel: str, cone_server: Service, stilts: str, tmp_path: Path
) -> None:
    ra, dec = places()
    chosen = range(0, ra.size, ra.size // N_MANY)
    file = tmp_path / "places.csv"
    file.write_text(
        "\n".join(
            ["number,lon,lat", *(f"{one},{float(ra[one])!r},{float(dec[one])!r}" for one in chosen), "-1,12.5,34.5", ""]
        )
    )
    rows = run(
        stilts,
        "coneskymatch",
        f"serviceurl={cone_server.url}/scs/cone.sky?",
        f"in={file}",
        "ifmt=csv",
        "ra=lon",
        "dec=lat",
        "sr=0.02",
        "find=all",
        f"parallel={parallel}",
        "copycols=number",
    )
    expected = {(str(one), found) for one in chosen for found in expected_ids(ra[one], dec[one], 0.02)}
    assert len(expected) >= N_MANY
    assert {(row["number"], row["source_id"]) for row in rows} == expected


@pytest.mark.stilts
def test_votlint_finds_nothing(cone_server: Service, stilts: str) -> None:
    for table in ("cone.sky", "cone.keyless", "cone.points"):
        answer = httpx.get(f"{cone_server.url}/scs/{table}", params={"RA": "0", "DEC": "10", "SR": "0.1"}, timeout=60)
        assert [line for line in votlint(stilts, answer.content) if "UCD1" not in line] == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "{}/{}/{}".format(*place))
def test_pyvo_finds_identifier_and_position_of_each_record(
    place: tuple[float, float, float], searches: pyvo.dal.SCSService
) -> None:
    ra, dec, radius = place
    centre = SkyCoord(ra, dec, unit="deg")
    records = list(searches.search(pos=centre, radius=radius))
    assert {str(record.id) for record in records} == expected_ids(ra, dec, radius)
    assert all(record.pos.separation(centre).deg <= radius + 1e-9 for record in records)


def test_pyvo_knows_the_columns(searches: pyvo.dal.SCSService) -> None:
    # It takes the parameters of the service of links, which follow, for columns as well.
    assert [column.name for column in searches.columns][:4] == ["ra", "dec", "source_id", "mag"]


def test_pyvo_tells_a_mistake(searches: pyvo.dal.SCSService) -> None:
    with pytest.raises(pyvo.DALQueryError, match="181"):
        searches.search(pos=(1, 2), radius=181)


def test_pyvo_tells_what_was_cut(searches: pyvo.dal.SCSService) -> None:
    found = searches.search(pos=(1, 2), radius=180, maxrec=5)
    assert len(found) == 5
